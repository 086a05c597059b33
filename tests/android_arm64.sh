#!/usr/bin/env bash
# Tests on arm64 machine code: builds the library for Android on arm64-v8a, as an app carries it, and runs it over Android 6's own libc
# in an emulator of the processor (unidbg and Unicorn, from Maven Central). The Kotlin bindings are the generated ones; only where they
# would load the library with JNA they call the emulator (tests/android_arm64/rewrite_bindings.py). Prints each step, and
# `N passed, N failed` at the end; fewer than 30 passed is a failure, too.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
build=$target/android-arm64
library=$PWD/android/src/main/jniLibs/arm64-v8a/libpush_authenticator.so

# What is built already is not built once more.
scripts/build-android.sh arm64-v8a

rm -rf "$build/files"
mkdir -p "$build/files" "$build/bindings"
trap 'rm -rf "$build/files"' EXIT
python3 tests/android_arm64/rewrite_bindings.py \
    bindings/kotlin/src/main/generated/org/pushauthenticator/push_authenticator.kt "$build/bindings/push_authenticator.kt"
mvn -q -B -f tests/android_arm64/pom.xml compile -Dbuild.folder="$build"
# The phone's disk is the JVM's folder for temporary files.
java -Xmx1g -Djava.io.tmpdir="$build/files" -Darm64.library="$library" -Drepository.root="$PWD" \
    -cp "$build/classes:$(cat "$build/class-path.txt")" org.pushauthenticator.ScenarioKt
