#!/usr/bin/env bash
# Generates the Kotlin and Swift code of the FFI boundary (src/ffi, uniffi.toml) from the library itself. UniFFI's
# output is used unchanged.
#
#   scripts/generate-bindings.sh           writes bindings/kotlin/src/main/generated and bindings/swift/generated
#   scripts/generate-bindings.sh --check   changes nothing; fails if the existing files are stale
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
case ${1:-} in
    "") check=false ;;
    --check) check=true ;;
    *) echo "usage: scripts/generate-bindings.sh [--check]" >&2 && exit 2 ;;
esac

cargo rustc --locked --lib --no-default-features --features ffi --crate-type cdylib
cargo build --locked --no-default-features --features bindgen --bin uniffi-bindgen
library=$target/debug/libpush_authenticator.so
[ -f "$library" ] || library=$target/debug/libpush_authenticator.dylib

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
for language in kotlin swift; do
    "$target/debug/uniffi-bindgen" generate "$library" --language "$language" --no-format --out-dir "$made/$language"
    # The generator leaves trailing spaces.
    find "$made/$language" -type f -exec sed -i 's/[[:space:]]*$//' {} +
done

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
if $stale; then
    echo "The generated bindings are stale: run scripts/generate-bindings.sh and commit what changes." >&2
    exit 1
fi
