#!/usr/bin/env bash
# Builds the library that an app carries, for this machine: phone features only, small, stripped, panics unwinding.
# The result is target/mobile/libpush_authenticator.so; docs/size.md says what is in it.
#
#   scripts/build-mobile.sh           with the standard library built for size, too: takes its sources (rust-src) and a
#                                     flag of cargo that is not stable yet, on the same compiler
#   scripts/build-mobile.sh --plain   with nothing but what is stable; 240 KB more
# Fails when the result grows beyond what it is today.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
case ${1:-} in
    "") plain=false limit=2000000 ;;
    --plain) plain=true limit=2250000 ;;
    *) echo "usage: scripts/build-mobile.sh [--plain]" >&2 && exit 2 ;;
esac

# Parts of SQLite that the vault has no use for, and that can go without changing its grammar. A flag that comes later
# wins over the one that the crate sets. SQLITE_OMIT_MEMORYDB is not among them: intermediate results would reach files.
sqlite=(
    -USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_FTS5 -USQLITE_ENABLE_RTREE
    -USQLITE_ENABLE_STAT4 -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_ENABLE_COLUMN_METADATA -USQLITE_ENABLE_API_ARMOR
    -USQLITE_ENABLE_LOAD_EXTENSION -USQLITE_SOUNDEX
    -DSQLITE_OMIT_AUTHORIZATION -DSQLITE_OMIT_AUTOMATIC_INDEX -DSQLITE_OMIT_AUTOVACUUM
    -DSQLITE_OMIT_BETWEEN_OPTIMIZATION -DSQLITE_OMIT_BTREECOUNT -DSQLITE_OMIT_CASE_SENSITIVE_LIKE_PRAGMA
    -DSQLITE_OMIT_COMPILEOPTION_DIAGS -DSQLITE_OMIT_COMPLETE -DSQLITE_OMIT_DATETIME_FUNCS -DSQLITE_OMIT_DECLTYPE
    -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_DESERIALIZE -DSQLITE_OMIT_EXPLAIN -DSQLITE_OMIT_GENERATED_COLUMNS
    -DSQLITE_OMIT_GET_TABLE -DSQLITE_OMIT_INCRBLOB
    -DSQLITE_OMIT_JSON -DSQLITE_OMIT_LIKE_OPTIMIZATION
    -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_LOCALTIME -DSQLITE_OMIT_OR_OPTIMIZATION
    -DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_OMIT_QUICKBALANCE -DSQLITE_OMIT_SCHEMA_PRAGMAS
    -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_TCL_VARIABLE -DSQLITE_OMIT_TRACE -DSQLITE_OMIT_TRUNCATE_OPTIMIZATION
    -DSQLITE_OMIT_UTF16 -DSQLITE_OMIT_XFER_OPT -DSQLITE_UNTESTABLE
    -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DISABLE_PAGECACHE_OVERFLOW_STATS -DSQLITE_DQS=0
    -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_MAX_EXPR_DEPTH=0 -DSQLITE_MAX_MMAP_SIZE=0
)
export LIBSQLITE3_FLAGS="${sqlite[*]}"
# C that is called from Rust throws nothing and is thrown through by nothing, so it needs no tables for unwinding.
export CFLAGS="${CFLAGS:-} -Oz -fvisibility=hidden -fmerge-all-constants -fno-asynchronous-unwind-tables -fno-unwind-tables"

arguments=(--locked --lib --profile mobile --no-default-features --features ffi --crate-type cdylib --target-dir "$target")
link=(-C link-arg=-Wl,--icf=all -C link-arg=-Wl,-z,pack-relative-relocs)
library=$target/mobile/libpush_authenticator.so
if $plain; then
    cargo rustc "${arguments[@]}" -- "${link[@]}"
else
    host=$(rustc -vV | sed -n 's/^host: //p')
    if [ ! -d "$(rustc --print sysroot)/lib/rustlib/src/rust/library" ]; then
        rustup component add rust-src || { echo "The sources of the standard library are missing: use --plain." >&2; exit 1; }
    fi
    # Lets a stable compiler take the two flags; the compiler and the sources are of one version.
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="${RUSTFLAGS:-} -Zlocation-detail=none" cargo rustc "${arguments[@]}" --target "$host" \
        -Z build-std=std,panic_unwind -Z build-std-features=panic-unwind,optimize_for_size -- "${link[@]}"
    mkdir -p "$target/mobile"
    cp "$target/$host/mobile/libpush_authenticator.so" "$library"
fi

size=$(wc -c <"$library")
echo "$library: $size bytes"
if [ "$size" -gt "$limit" ]; then
    echo "The library is larger than $limit bytes." >&2
    exit 1
fi
