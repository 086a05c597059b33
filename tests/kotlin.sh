#!/usr/bin/env bash
# The Kotlin suite: builds the library and the server, checks that the generated bindings match this source, compiles
# the Kotlin layer, and runs its tests on a JVM against both. Prints how many ran; none may be skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

scripts/generate-bindings.sh --check
cargo build --locked --bin push-authenticator

cd bindings/kotlin
reports=target/surefire-reports
# Otherwise, classes whose source is gone would be tested, too.
rm -rf "$reports" target/classes target/test-classes
mvn -q -B verify -Dcargo.output="$target/debug" "$@" || { status=$?; echo "Kotlin: mvn failed" >&2; exit "$status"; }

# Counted from the reports themselves: a suite that silently ran nothing, or lost a class, must fail.
python3 - "$reports" <<'PYTHON'
import glob, sys, xml.etree.ElementTree as xml

total = failed = skipped = 0
for file in sorted(glob.glob(sys.argv[1] + "/TEST-*.xml")):
    suite = xml.parse(file).getroot()
    count = int(suite.get("tests"))
    bad = int(suite.get("failures")) + int(suite.get("errors"))
    print(f"{suite.get('name').rsplit('.', 1)[-1]}: {count} tests, {bad} failed, {suite.get('skipped')} skipped")
    total, failed, skipped = total + count, failed + bad, skipped + int(suite.get("skipped"))
print(f"Kotlin: {total} tests, {failed} failed, {skipped} skipped")
sys.exit(0 if total >= 520 and failed == 0 and skipped == 0 else 1)
PYTHON
