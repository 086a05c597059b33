#!/usr/bin/env bash
# The library as an app carries it: builds it and runs all Kotlin tests against it, because it omits parts of SQLite and
# differs from debug builds in unwinding and overflow behavior.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

scripts/build-mobile.sh
cargo build --locked --bin push-authenticator

(
    cd bindings/kotlin
    reports=target/surefire-reports-mobile
    rm -rf "$reports"
    mvn -q -B test -Dcargo.output="$target/debug" -Dnative.library.path="$target/mobile" -Dreports.folder="$reports"

    # Counted from the reports themselves: a suite that silently ran nothing must fail.
    python3 - "$reports" <<'PYTHON'
import glob, sys, xml.etree.ElementTree as xml

def counts(folder):
    suites = [xml.parse(file).getroot() for file in glob.glob(folder + "/TEST-*.xml")]
    return [sum(int(suite.get(name)) for suite in suites) for name in ("tests", "failures", "errors", "skipped")]

total, failures, errors, skipped = counts(sys.argv[1])
print(f"Library for apps: {total} tests of Kotlin, {failures + errors} failed, {skipped} skipped")
sys.exit(0 if total >= 520 and failures + errors + skipped == 0 else 1)
PYTHON
)
