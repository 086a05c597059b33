#!/usr/bin/env bash
# Creates bindings/swift/PushAuthenticatorFFI.xcframework, the library for Apple's systems with the generated header,
# where bindings/swift/Package.swift expects it.
#
#   scripts/build-xcframework.sh                       with Xcode: iOS, its simulators, and macOS; without: iOS, and its
#                                                      ARM simulator if rustup has its standard library
#   scripts/build-xcframework.sh aarch64-apple-ios     this target only
#
# With Xcode, its compilers do the work; without it, a toolchain from package registries (scripts/apple/toolchain.sh).
# toolchain.txt in the framework records which. scripts/apple/check.py checks each library. The Xcode path has never
# been run.
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
# Same SQLite and C compiler options as for Android.
. scripts/mobile-flags.sh
. scripts/path-flags.sh

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
for triple in "$@"; do
    if ! scripts/add-target.sh "$triple"; then
        # Without Xcode, a framework for phones alone is still useful, but a target requested by name must not be
        # skipped.
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

# Matches the output of Xcode's `xcodebuild -create-xcframework`: a folder per system, and an Info.plist that lists
# them.
python3 scripts/apple/xcframework.py "$made" "$framework" --headers bindings/swift/generated --toolchain "$toolchain" \
    --licences LICENSE-MIT LICENSE-APACHE
echo "$framework, built with: $toolchain"
