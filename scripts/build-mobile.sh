#!/usr/bin/env bash
# Builds the library that an app carries, for this machine: phone features only, small, stripped, panics unwinding.
# The result is target/mobile/libpush_authenticator.so; docs/size.md says what is in it.
#
#   scripts/build-mobile.sh           with the standard library built for size, too: takes its sources (rust-src) and
#                                     flags of cargo and rustc that are not stable yet, on the same compiler
#   scripts/build-mobile.sh --plain   with nothing but what is stable; 200 KB more
# Fails when the result grows beyond the goal of 1.5 MB (--plain: beyond what it is today).
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
case ${1:-} in
    "") plain=false limit=1500000 ;;
    --plain) plain=true limit=1750000 ;;
    *) echo "usage: scripts/build-mobile.sh [--plain]" >&2 && exit 2 ;;
esac

. scripts/mobile-flags.sh
# What GCC's -Oz still spends on speed; clang has no such passes.
if "${CC:-cc}" --version | grep -q "Free Software Foundation"; then
    CFLAGS+=" -fno-expensive-optimizations -fno-tree-dominator-opts -fno-caller-saves"
    CFLAGS+=" -fno-inline-functions-called-once -fno-optimize-sibling-calls -fno-tree-loop-im"
fi
# Saves more in the tables for unwinding than it costs in code.
export RUSTFLAGS="${RUSTFLAGS:-} -C force-frame-pointers=yes"

arguments=(--locked --lib --profile mobile --no-default-features --features ffi --crate-type cdylib --target-dir "$target")
library=$target/mobile/libpush_authenticator.so
if $plain; then
    cargo rustc "${arguments[@]}" -- "${link[@]}"
else
    host=$(rustc -vV | sed -n 's/^host: //p')
    if [ ! -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ]; then
        rustup component add rust-src || { echo "The sources of the standard library are missing: use --plain." >&2; exit 1; }
    fi
    # Lets a stable compiler take the flags; the compiler and the sources are of one version.
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="$RUSTFLAGS -Z location-detail=none -Z fmt-debug=shallow" cargo rustc "${arguments[@]}" \
        --target "$host" -Z build-std=std,panic_unwind \
        -Z build-std-features=panic-unwind,optimize_for_size,backtrace-trace-only -- "${link[@]}" \
        -C llvm-args=-inline-threshold=10 -C llvm-args=-sink-common-insts
    mkdir -p "$target/mobile"
    cp "$target/$host/mobile/libpush_authenticator.so" "$library"
fi

size=$(wc -c <"$library")
echo "$library: $size bytes"
if [ "$size" -gt "$limit" ]; then
    echo "The library is larger than $limit bytes." >&2
    exit 1
fi
