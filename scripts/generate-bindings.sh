#!/usr/bin/env bash
# Makes the Kotlin and Swift code of the border (src/ffi, uniffi.toml) anew, from the library itself, and the list of what
# the library for apps need not show (scripts/mobile-flags.sh).
#
#   scripts/generate-bindings.sh           writes bindings/kotlin/src/main/generated, bindings/swift/generated and
#                                          scripts/hidden-symbols.map
#   scripts/generate-bindings.sh --check   changes nothing; fails when what is there is stale
#   scripts/generate-bindings.sh --untrimmed FOLDER
#                                          writes the Kotlin code as UniFFI makes it into FOLDER, and nothing else
#
# scripts/trim_kotlin.py takes out of the Kotlin code what slows the start of an app; it fails when UniFFI's code is not as
# it expects.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
check=false
untrimmed=
case ${1:-} in
    "") ;;
    --check) check=true ;;
    --untrimmed) untrimmed=${2:?usage: scripts/generate-bindings.sh --untrimmed FOLDER} ;;
    *) echo "usage: scripts/generate-bindings.sh [--check | --untrimmed FOLDER]" >&2 && exit 2 ;;
esac

cargo rustc --locked --lib --no-default-features --features ffi --crate-type cdylib
cargo build --locked --no-default-features --features bindgen --bin uniffi-bindgen
library=$target/debug/libpush_authenticator.so
[ -f "$library" ] || library=$target/debug/libpush_authenticator.dylib

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
for language in kotlin swift; do
    "$target/debug/uniffi-bindgen" generate "$library" --language "$language" --no-format --out-dir "$made/$language"
    # The generator leaves spaces at the ends of lines.
    find "$made/$language" -type f -exec sed -i 's/[[:space:]]*$//' {} +
done
if [ -n "$untrimmed" ]; then
    cp "$made/kotlin/org/pushauthenticator/push_authenticator.kt" "$untrimmed"
    exit
fi
python3 scripts/trim_kotlin.py "$made/kotlin/org/pushauthenticator/push_authenticator.kt"

# The description of the border, which the generator read just now, and functions for a kind of call that the border has none of.
{
    echo "# Made by scripts/generate-bindings.sh: symbols that the library for apps keeps to itself."
    echo "{"
    echo "local:"
    nm -g "$library" | sed -n 's/^.* [A-Z] _\{0,1\}\(UNIFFI_META_[A-Z0-9_]*\|ffi_push_authenticator_rust_future_[a-z0-9_]*\)$/    \1;/p' |
        LC_ALL=C sort -u
    echo "};"
} >"$made/hidden-symbols.map"

folder() { if [ "$1" = kotlin ]; then echo bindings/kotlin/src/main/generated; else echo bindings/swift/generated; fi; }
stale=false
for language in kotlin swift; do
    if $check; then
        diff -ru "$(folder "$language")" "$made/$language" >"$made/difference" && continue
        stale=true
        head -n 40 "$made/difference"
    else
        rm -rf "$(folder "$language")"
        cp -r "$made/$language" "$(folder "$language")"
    fi
done
if ! cmp -s scripts/hidden-symbols.map "$made/hidden-symbols.map"; then
    if $check; then
        stale=true
        diff -u scripts/hidden-symbols.map "$made/hidden-symbols.map" | head -n 40 || true
    else
        cp "$made/hidden-symbols.map" scripts/hidden-symbols.map
    fi
fi
if $stale; then
    echo "The generated bindings are stale: run scripts/generate-bindings.sh and commit what changes." >&2
    exit 1
fi
