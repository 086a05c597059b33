#!/usr/bin/env bash
# The Swift suites: builds the library and the server, checks that the generated bindings match this source, compiles
# the Swift layer, the iOS app (parts that use Apple's frameworks against stubs), and the example, and runs their tests.
# Prints how many ran; none may be skipped. Passes arguments on to `swift test`.
set -euo pipefail
cd "$(dirname "$0")/.."
repository=$PWD
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
log=$(mktemp)
trap 'rm -f "$log"' EXIT

scripts/generate-bindings.sh --check
cargo build --locked --bin push-authenticator

SWIFT_ROOT=$(scripts/install-swift.sh)
if [ -z "$SWIFT_ROOT" ]; then
    in_swift() { "$@"; }
else
    export SWIFT_ROOT SWIFT_BIND=$repository:$target
    in_swift() { "$repository/scripts/swift-env.sh" "$@"; }
fi

# suite NAME FOLDER LEAST: requires at least LEAST tests in total and some of each kind. LEAST is the number of existing
# tests, so that none is lost unnoticed; a test with cases counts once.
suite() {
    local name=$1 folder=$2 least=$3 xctest testing
    shift 3
    (cd "$folder" && in_swift env PUSH_AUTHENTICATOR_REPOSITORY="$repository" \
        PUSH_AUTHENTICATOR_SERVER="$target/debug/push-authenticator" \
        swift test --scratch-path "$target/swift/$folder" -Xlinker "-L$target/debug" -Xlinker -rpath \
        -Xlinker "$target/debug" "$@") >"$log" 2>&1 || {
        grep -E 'error:|✘|warning:|Fatal|crash' "$log" | head -n 60
        tail -n 5 "$log"
        echo "$name: FAILED"
        return 1
    }
    # XCTest's last count covers all its tests; Swift Testing reports its own below.
    xctest=$(sed -nE 's/.*Executed ([0-9]+) tests?, with 0 failures.*/\1/p' "$log" | tail -n 1)
    testing=$(sed -nE 's/.*Test run with ([0-9]+) tests? passed.*/\1/p' "$log" | tail -n 1)
    echo "$name: ${xctest:-0} XCTest and ${testing:-0} Swift Testing tests, 0 failed, $(grep -c ' skipped' "$log" || true) skipped"
    if grep -q ' skipped' "$log" || [ "${xctest:-0}" = 0 ] || [ "${testing:-0}" = 0 ] || [ $((xctest + testing)) -lt "$least" ]; then
        echo "$name: fewer tests were run than there are" >&2
        return 1
    fi
    if grep -q 'warning:' "$log"; then
        grep 'warning:' "$log" | sort -u | head -n 20
        echo "$name: there are warnings" >&2
        return 1
    fi
}

suite "Swift" bindings/swift 108 "$@"
suite "iOS" ios 106 "$@"
suite "Swift example" examples/swift/phone 2 "$@"
echo "iOS: $(cat ios/App/*.swift ios/Shared/*.swift ios/NotificationService/*.swift | wc -l) lines of the app and its extension compiled against stubs, never against Apple's frameworks"
