#!/usr/bin/env bash
# Tests on Android machine code: builds the x86_64 library for Android and runs the complete Kotlin suite against it on
# this machine's JVM, with a stand-in for bionic's libc (scripts/android/run-on-jvm.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
prepared=$target/android-on-jvm

scripts/build-android.sh x86_64
scripts/android/run-on-jvm.sh "$prepared"
cargo build --locked --bin push-authenticator

# It must not load without the stand-in; otherwise it would be a library for this machine.
if python3 -c "import ctypes, sys; ctypes.CDLL(sys.argv[1])" "$prepared/libpush_authenticator.so" 2>/dev/null; then
    echo "The library loads without bionic: it is not one for Android." >&2
    exit 1
fi

cd bindings/kotlin
reports=target/surefire-reports-android-code
rm -rf "$reports"
LD_LIBRARY_PATH="$prepared/shim" mvn -q -B test -Dcargo.output="$target/debug" -Dnative.library.path="$prepared" -Dreports.folder="$reports"

# Counted from the reports themselves: a suite that silently ran nothing must fail.
python3 - "$reports" <<'PYTHON'
import glob, sys, xml.etree.ElementTree as xml

suites = [xml.parse(file).getroot() for file in glob.glob(sys.argv[1] + "/TEST-*.xml")]
total, failed, skipped = (sum(int(suite.get(name)) for suite in suites) for name in ("tests", "failures", "skipped"))
failed += sum(int(suite.get("errors")) for suite in suites)
print(f"Android machine code: {total} tests of Kotlin, {failed} failed, {skipped} skipped")
sys.exit(0 if total >= 520 and failed + skipped == 0 else 1)
PYTHON
