#!/usr/bin/env bash
# Builds the core for Android phones and places it where the app expects it:
# android/src/main/jniLibs/ABI/libpush_authenticator.so.
#
#   scripts/build-android.sh              arm64-v8a, armeabi-v7a, and x86_64 with the NDK; without it, the 64-bit ABIs
#   scripts/build-android.sh arm64-v8a    this ABI only
#
# With an NDK (ANDROID_NDK_HOME, r27 or newer), cargo-ndk does the work; without one, a toolchain from package
# registries (scripts/android/toolchain.sh). toolchain.txt next to each library records which, and the app includes it.
# scripts/android/check.py checks each library before it is put in place.
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
    # 16 KiB pages, as on newer phones.
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
