#!/usr/bin/env bash
# Tests on arm64 machine code: builds the library for Android on arm64-v8a, as an app carries it, and runs it with
# Android 6's own libc in a processor emulator (unidbg and Unicorn, from Maven Central). The Kotlin bindings are the
# generated ones, except that they call the emulator where they would load the library with JNA.
#
#   tests/android_arm64.sh             the Kotlin suite, then a scenario on one phone; the last line sums up its steps
#   tests/android_arm64.sh scenario    the scenario only
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
build=$target/android-arm64
reports=$build/surefire-reports

# Do not rebuild what is already built.
scripts/build-android.sh arm64-v8a
library=$PWD/android/src/main/jniLibs/arm64-v8a/libpush_authenticator.so

# The phone's disk is the JVM's folder for temporary files.
rm -rf "$build/files" "$reports"
mkdir -p "$build/files" "$build/bindings"
trap 'rm -rf "$build/files"' EXIT
bindings=bindings/kotlin/src/main/generated/org/pushauthenticator/push_authenticator.kt
python3 tests/android_arm64/rewrite_bindings.py "$bindings" "$build/bindings/push_authenticator.kt"

phase=test
[ "${1:-}" != scenario ] || phase=test-compile
[ $phase != test ] || cargo build --locked --bin push-authenticator
mvn -q -B -f tests/android_arm64/pom.xml $phase -Dbuild.folder="$build" -Dfiles.folder="$build/files" \
    -Darm64.library="$library" -Dcargo.output="$target/debug"

# Counted from the reports themselves: a suite that silently ran nothing must fail.
[ $phase != test ] || python3 - "$reports" <<'PYTHON'
import glob, sys, xml.etree.ElementTree as xml

suites = [xml.parse(file).getroot() for file in glob.glob(sys.argv[1] + "/TEST-*.xml")]
total, failed, skipped = (sum(int(suite.get(name)) for suite in suites) for name in ("tests", "failures", "skipped"))
failed += sum(int(suite.get("errors")) for suite in suites)
print(f"arm64 on bionic: {total} tests of Kotlin, {failed} failed, {skipped} skipped")
sys.exit(0 if total >= 460 and failed + skipped == 0 else 1)
PYTHON

java -Xmx1g -Djava.io.tmpdir="$build/files" -Darm64.library="$library" -Drepository.root="$PWD" \
    -cp "$build/test-classes:$build/classes:$(cat "$build/class-path.txt")" org.pushauthenticator.ScenarioKt
