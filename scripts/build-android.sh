#!/usr/bin/env bash
# Builds the core for Android phones, where the app looks for it: android/src/main/jniLibs/ABI/libpush_authenticator.so.
#
#   scripts/build-android.sh              arm64-v8a, armeabi-v7a, x86_64
#   scripts/build-android.sh arm64-v8a    only this one
#
# Small like that of build-mobile.sh --plain. Takes the Android NDK (ANDROID_NDK_HOME), `cargo install cargo-ndk`, and the targets of
# rustup. None of this was there where the project's tests run, so this script was never run to its end.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- arm64-v8a armeabi-v7a x86_64

[ -d "${ANDROID_NDK_HOME:-}" ] || { echo "ANDROID_NDK_HOME does not name an Android NDK (r27 or newer)." >&2; exit 1; }
cargo ndk --version >/dev/null 2>&1 || { echo "cargo-ndk is missing: cargo install cargo-ndk" >&2; exit 1; }

. scripts/mobile-flags.sh
for abi in "$@"; do
    case $abi in
        arm64-v8a) triple=aarch64-linux-android ;;
        armeabi-v7a) triple=armv7-linux-androideabi ;;
        x86_64) triple=x86_64-linux-android ;;
        *) echo "unknown ABI: $abi" >&2 && exit 2 ;;
    esac
    rustup target add "$triple"
    # Pages of 16 KiB, as newer phones have them.
    RUSTFLAGS="${RUSTFLAGS:-} -C link-arg=-Wl,-z,max-page-size=16384" cargo ndk --target "$abi" --platform 28 \
        rustc --locked --lib --profile mobile --no-default-features --features ffi --crate-type cdylib -- "${link[@]}"
    mkdir -p "android/src/main/jniLibs/$abi"
    cp "${CARGO_TARGET_DIR:-target}/$triple/mobile/libpush_authenticator.so" "android/src/main/jniLibs/$abi/"
done
ls -l android/src/main/jniLibs/*/libpush_authenticator.so
