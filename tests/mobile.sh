#!/usr/bin/env bash
# The library as an app carries it: builds it small with stable flags, checks that it does not grow, and runs the Kotlin
# tests of the border and whole sign-ons against it. Debug builds unwind and overflow differently, and keep more symbols.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

scripts/build-mobile.sh --plain
cargo build --locked --bin push-authenticator

cd bindings/kotlin
reports=target/surefire-reports-mobile
rm -rf "$reports"
mvn -q -B test -Dcargo.output="$target/debug" -Dnative.library.path="$target/mobile" -Dtest='BorderTest,StoryTest' \
    -Dreports.folder="$reports"

# Counted from the reports themselves: a suite that silently ran nothing is no success.
python3 - "$reports" <<'PYTHON'
import glob, sys, xml.etree.ElementTree as xml

suites = [xml.parse(file).getroot() for file in glob.glob(sys.argv[1] + "/TEST-*.xml")]
count = lambda name: sum(int(suite.get(name)) for suite in suites)
total, bad, skipped = count("tests"), count("failures") + count("errors"), count("skipped")
print(f"Library for apps: {total} tests of Kotlin, {bad} failed, {skipped} skipped")
sys.exit(0 if len(suites) == 2 and total >= 15 and bad == 0 and skipped == 0 else 1)
PYTHON
