#!/usr/bin/env bash
# Makes bindings/swift/PushAuthenticatorFFI.xcframework: the library for iOS, its simulators and macOS, with the generated
# header. Needs a Mac with Xcode and the Rust targets below; it was never run. bindings/swift/Package.swift takes the
# framework from there.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
framework=bindings/swift/PushAuthenticatorFFI.xcframework
[ "$(uname)" = Darwin ] || { echo "build-xcframework: needs a Mac with Xcode" >&2; exit 1; }

# As in bindings/swift/Package.swift.
export IPHONEOS_DEPLOYMENT_TARGET=17.0 MACOSX_DEPLOYMENT_TARGET=14.0
for architecture in aarch64-apple-ios aarch64-apple-ios-sim x86_64-apple-ios aarch64-apple-darwin x86_64-apple-darwin; do
    cargo rustc --locked --profile mobile --lib --no-default-features --features ffi --crate-type staticlib \
        --target "$architecture"
done

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
mkdir -p "$made/headers" "$made/simulator" "$made/mac"
cp bindings/swift/generated/PushAuthenticatorFFI.h "$made/headers/"
cp bindings/swift/generated/PushAuthenticatorFFI.modulemap "$made/headers/module.modulemap"
library() { echo "$target/$1/mobile/libpush_authenticator.a"; }
lipo -create "$(library aarch64-apple-ios-sim)" "$(library x86_64-apple-ios)" -output "$made/simulator/libpush_authenticator.a"
lipo -create "$(library aarch64-apple-darwin)" "$(library x86_64-apple-darwin)" -output "$made/mac/libpush_authenticator.a"

rm -rf "$framework"
xcodebuild -create-xcframework \
    -library "$(library aarch64-apple-ios)" -headers "$made/headers" \
    -library "$made/simulator/libpush_authenticator.a" -headers "$made/headers" \
    -library "$made/mac/libpush_authenticator.a" -headers "$made/headers" \
    -output "$framework"
echo "$framework"
