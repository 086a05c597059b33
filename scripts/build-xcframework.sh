#!/usr/bin/env bash
# Makes bindings/swift/PushAuthenticatorFFI.xcframework, the library for Apple's systems with the generated header, where
# bindings/swift/Package.swift looks for it.
#
#   scripts/build-xcframework.sh                       with Xcode: iOS, its simulators and macOS; without: iOS, and its ARM simulator
#                                                      where rustup has its standard library
#   scripts/build-xcframework.sh aarch64-apple-ios     only this one
#
# With Xcode its compilers do the work; without, a toolchain from package registries does (scripts/apple/toolchain.sh). toolchain.txt in
# the framework says which. Each library is checked by scripts/apple/check.py. The way with Xcode was never run.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
framework=bindings/swift/PushAuthenticatorFFI.xcframework
# As in bindings/swift/Package.swift.
export IPHONEOS_DEPLOYMENT_TARGET=17.0 MACOSX_DEPLOYMENT_TARGET=14.0
named=$([ $# -gt 0 ] && echo true || echo false)
if [ "$(uname)" = Darwin ] && xcodebuild -version >/dev/null 2>&1; then
    with_xcode=true
    toolchain="xcode $(xcodebuild -version | sed -n 's/^Xcode //p')"
    [ $# -gt 0 ] || set -- aarch64-apple-ios aarch64-apple-ios-sim x86_64-apple-ios aarch64-apple-darwin x86_64-apple-darwin
else
    with_xcode=false toolchain=registries
    [ $# -gt 0 ] || set -- aarch64-apple-ios aarch64-apple-ios-sim
fi
# The same SQLite and the same options of the C compiler as for Android.
. scripts/mobile-flags.sh
. scripts/path-flags.sh

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
for triple in "$@"; do
    if ! scripts/add-target.sh "$triple"; then
        # Without Xcode a framework for phones alone is of use; what was asked for by name is not left out.
        if $with_xcode || $named || [ "$triple" = aarch64-apple-ios ]; then exit 1; fi
        echo "Left out: $triple, as rustup has no standard library of it here." >&2
        continue
    fi
    arguments=(rustc --locked --lib --profile mobile --no-default-features --features ffi --crate-type staticlib
        --target "$triple" --target-dir "$target")
    if $with_xcode; then
        CFLAGS="$CFLAGS $c_paths" RUSTFLAGS="${RUSTFLAGS:-} $rust_paths" cargo "${arguments[@]}"
        names=()
    else
        tools=$target/apple-toolchain/$triple
        scripts/apple/toolchain.sh "$triple" "$IPHONEOS_DEPLOYMENT_TARGET" "$tools"
        variable=${triple//-/_}
        env -u CFLAGS "CC_$variable=$tools/cc" "AR_$variable=$tools/ar" "CFLAGS_$variable=$CFLAGS $c_paths" \
            SDKROOT="$tools/sdk" RUSTFLAGS="${RUSTFLAGS:-} $rust_paths" cargo "${arguments[@]}"
        names=(--names "$tools/libSystem.tbd")
    fi
    python3 scripts/apple/check.py "$target/$triple/mobile/libpush_authenticator.a" --triple "$triple" \
        --header bindings/swift/generated/PushAuthenticatorFFI.h "${names[@]}"
    cp "$target/$triple/mobile/libpush_authenticator.a" "$made/$triple.a"
done

# What Xcode's `xcodebuild -create-xcframework` makes: a folder for each system, and an Info.plist that lists them.
python3 scripts/apple/xcframework.py "$made" "$framework" --headers bindings/swift/generated --toolchain "$toolchain" \
    --licences LICENSE-MIT LICENSE-APACHE
echo "$framework, built with: $toolchain"
