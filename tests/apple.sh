#!/usr/bin/env bash
# The library for Apple's systems: builds it, has scripts/apple/check.py examine every object and link it to a dylib,
# shows that the check finds defects, and inspects the XCFramework.
#
#   tests/apple.sh 1     the library for iOS
#   tests/apple.sh 2     also the one for its ARM simulator, if rustup has its standard library
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
case ${1:-1} in
    1) triples=(aarch64-apple-ios) ;;
    2) triples=() ;;
    *) echo "usage: tests/apple.sh [1|2]" >&2 && exit 2 ;;
esac
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT

scripts/build-xcframework.sh "${triples[@]}"

# rejects TEXT ARGUMENT...: expects the check to fail with TEXT.
library=$target/aarch64-apple-ios/mobile/libpush_authenticator.a
header=bindings/swift/generated/PushAuthenticatorFFI.h
names=$target/apple-toolchain/aarch64-apple-ios/libSystem.tbd
export IPHONEOS_DEPLOYMENT_TARGET=17.0
rejects() {
    local text=$1 said
    shift
    if said=$(python3 scripts/apple/check.py "$@" 2>&1); then
        echo "Apple library: the check passes what it should reject: $text" >&2
        exit 1
    fi
    grep -qF "$text" <<<"$said" || { echo "Apple library: the check does not say: $text" >&2; echo "$said" >&2; exit 1; }
}
rejects "for the system 2, not 7" "$library" --triple aarch64-apple-ios-sim --header "$header"
rejects "not an object for x86_64-apple-ios" "$library" --triple x86_64-apple-ios --header "$header"
IPHONEOS_DEPLOYMENT_TARGET=16.0 rejects "newer than (16, 0)" "$library" --triple aarch64-apple-ios --header "$header"
IPHONEOS_DEPLOYMENT_TARGET=18.0 rejects "the deployment target was not passed on" "$library" --triple aarch64-apple-ios --header "$header"
{ cat "$header"; echo 'void uniffi_push_authenticator_fn_nowhere(void);'; } >"$made/more.h"
rejects "does not define uniffi_push_authenticator_fn_nowhere" "$library" --triple aarch64-apple-ios --header "$made/more.h"
if [ -f "$names" ]; then
    sed 's/\b_pthread_mutex_lock\b/_pthread_mutex_lacking/' "$names" >"$made/fewer.tbd"
    rejects "uses _pthread_mutex_lock, which libSystem does not export" "$library" --triple aarch64-apple-ios --header "$header" \
        --names "$made/fewer.tbd"
fi
printf 'no archive' >"$made/none.a"
if python3 scripts/apple/check.py "$made/none.a" --triple aarch64-apple-ios --header "$header" 2>/dev/null; then
    echo "Apple library: the check passes what is no archive" >&2
    exit 1
fi

python3 - <<'PYTHON'
import os, plistlib

framework = "bindings/swift/PushAuthenticatorFFI.xcframework"
with open(framework + "/Info.plist", "rb") as file:
    libraries = plistlib.load(file)["AvailableLibraries"]
found = {(one["SupportedPlatform"], one.get("SupportedPlatformVariant")) for one in libraries}
for one in libraries:
    folder = os.path.join(framework, one["LibraryIdentifier"])
    assert os.path.getsize(os.path.join(folder, one["LibraryPath"])) > 1_000_000, one
    with open(os.path.join(folder, one["HeadersPath"], "module.modulemap")) as file:
        assert 'header "PushAuthenticatorFFI.h"' in file.read(), one
    assert os.path.exists(os.path.join(folder, one["HeadersPath"], "PushAuthenticatorFFI.h")), one
assert ("ios", None) in found, found
with open(framework + "/toolchain.txt") as file:
    built = file.read().strip()
assert built.startswith(("registries", "xcode ")), built
print(f"Apple library: {len(found)} systems in the XCFramework, built with: {built}; 7 wrong libraries and headers rejected")
PYTHON
