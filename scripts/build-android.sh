#!/usr/bin/env bash
# Builds the core for Android phones and puts it where the app looks for it: android/src/main/jniLibs/ABI/libpush_authenticator.so.
#
#   scripts/build-android.sh              with the NDK arm64-v8a, armeabi-v7a and x86_64; without it the two of 64 bits
#   scripts/build-android.sh arm64-v8a    only this one
#
# With an NDK (ANDROID_NDK_HOME, r27 or newer) cargo-ndk does the work; without one, a toolchain from package registries does
# (scripts/android/toolchain.sh). toolchain.txt beside each library says which, and goes into the app with it. Each library is checked
# by scripts/android/check.py before it is put in its place.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
api=28
if [ -n "${ANDROID_NDK_HOME:-}" ]; then
    [ -d "$ANDROID_NDK_HOME" ] || { echo "ANDROID_NDK_HOME does not name a folder: $ANDROID_NDK_HOME" >&2; exit 1; }
    cargo ndk --version >/dev/null 2>&1 || { echo "cargo-ndk is missing. Run: cargo install cargo-ndk" >&2; exit 1; }
    with_ndk=true
    toolchain="ndk $(sed -n 's/^Pkg.Revision *= *//p' "$ANDROID_NDK_HOME/source.properties")"
    [ $# -gt 0 ] || set -- arm64-v8a armeabi-v7a x86_64
else
    with_ndk=false toolchain="registries"
    [ $# -gt 0 ] || set -- arm64-v8a x86_64
fi
. scripts/mobile-flags.sh
. scripts/path-flags.sh

for abi in "$@"; do
    case $abi in
        arm64-v8a) triple=aarch64-linux-android ;;
        armeabi-v7a) triple=armv7-linux-androideabi ;;
        x86_64) triple=x86_64-linux-android ;;
        *) echo "unknown ABI: $abi" >&2 && exit 2 ;;
    esac
    scripts/add-target.sh "$triple"
    # Pages of 16 KiB, as newer phones have them.
    pages="-C link-arg=-z -C link-arg=max-page-size=16384"
    arguments=(rustc --locked --lib --profile mobile --no-default-features --features ffi --crate-type cdylib)
    if $with_ndk; then
        CFLAGS="$CFLAGS $c_paths" \
            RUSTFLAGS="${RUSTFLAGS:-} $rust_paths -C link-arg=-Wl,-z,max-page-size=16384" \
            cargo ndk --target "$abi" --platform "$api" "${arguments[@]}" -- "${link[@]}"
    else
        tools=$target/android-toolchain/$abi
        scripts/android/toolchain.sh "$abi" "$tools"
        variable=${triple//-/_}
        env -u CFLAGS "CC_$variable=$tools/cc" "AR_$variable=$tools/ar" \
            "CFLAGS_$variable=$CFLAGS $c_paths" \
            "CARGO_TARGET_$(echo "$variable" | tr a-z A-Z)_LINKER=rust-lld" \
            RUSTFLAGS="${RUSTFLAGS:-} $rust_paths $pages -C linker-flavor=ld.lld -C link-arg=-L$tools/lib -C link-arg=$tools/lib/dso.o" \
            cargo "${arguments[@]}" --target "$triple" --target-dir "$target" -- -C link-arg=-z -C link-arg=pack-relative-relocs
    fi
    library=$target/$triple/mobile/libpush_authenticator.so
    if $with_ndk; then
        names=$(echo "$ANDROID_NDK_HOME"/toolchains/llvm/prebuilt/*/sysroot/usr/lib/"${triple/armv7-linux/arm-linux}/$api")
    else
        names=$tools/lib
    fi
    python3 scripts/android/check.py "$library" --abi "$abi" --names "$names"
    mkdir -p "android/src/main/jniLibs/$abi"
    cp "$library" "android/src/main/jniLibs/$abi/"
    echo "$toolchain" >"android/src/main/jniLibs/$abi/toolchain.txt"
done
ls -l android/src/main/jniLibs/*/libpush_authenticator.so
