#!/usr/bin/env bash
# The Android suite: builds the library and the server and compiles the app; runs its screens, receivers, jobs, and keys
# under Robolectric against both; renders the screens to android/target/screenshots; and builds and verifies the APK.
# Prints how many tests ran; none may be skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

cargo rustc --locked --lib --no-default-features --features ffi --crate-type cdylib
cargo build --locked --bin push-authenticator

cd android
rm -rf target/surefire-reports target/screenshots
mvn -q -B test -Dcargo.output="$target/debug" "$@" || { status=$?; echo "Android: mvn failed" >&2; exit "$status"; }

# Counted from the reports and pictures themselves: a suite that silently ran nothing, or lost a class, must fail.
python3 - <<'PYTHON'
import glob, sys, xml.etree.ElementTree as xml

total = failed = skipped = 0
for file in sorted(glob.glob("target/surefire-reports/TEST-*.xml")):
    suite = xml.parse(file).getroot()
    count = int(suite.get("tests"))
    bad = int(suite.get("failures")) + int(suite.get("errors"))
    print(f"{suite.get('name').rsplit('.', 1)[-1]}: {count} tests, {bad} failed, {suite.get('skipped')} skipped")
    total, failed, skipped = total + count, failed + bad, skipped + int(suite.get("skipped"))
pictures = {look: len(glob.glob(f"target/screenshots/{look}/*.png")) for look in ("light", "dark", "large")}
print(f"Android: {total} tests, {failed} failed, {skipped} skipped; screens drawn: {pictures}")
sys.exit(0 if total >= 125 and failed == 0 and skipped == 0 and min(pictures.values()) >= 30 else 1)
PYTHON

../scripts/build-android.sh arm64-v8a x86_64
./build-apk.sh
