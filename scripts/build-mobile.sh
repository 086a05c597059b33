#!/usr/bin/env bash
# Builds the library that an app carries, for this machine: phone features only, optimized for size, stripped, with
# unwinding panics. The result is target/mobile/libpush_authenticator.so; docs/size.md lists its contents.
#
#   scripts/build-mobile.sh
#
# Warns if the result is larger than expected.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
[ $# -eq 0 ] || { echo "usage: scripts/build-mobile.sh" >&2 && exit 2; }

. scripts/mobile-flags.sh
cargo rustc --locked --lib --profile mobile --no-default-features --features ffi --crate-type cdylib --target-dir "$target" -- \
    "${link[@]}"

library=$target/mobile/libpush_authenticator.so
size=$(wc -c <"$library")
echo "$library: $size bytes"
expected=2400000
[ "$size" -le "$expected" ] || echo "Warning: the library is larger than $expected bytes. docs/size.md says what it should weigh." >&2
