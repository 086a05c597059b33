# Sourced by build-mobile.sh and build-android.sh: the options of SQLite, the C compiler and the linker for the library that apps
# carry. SQLite's are documented and supported by the amalgamation as published; a statement that needs something left out is an
# error. Sets `link`, the arguments of the last step.
# docs/size.md says what the library weighs.

# Extensions that the vault does not use. An option that comes later wins over the one that the crate sets.
sqlite=(
    -USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_FTS5 -USQLITE_ENABLE_RTREE
    -USQLITE_ENABLE_STAT4 -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_ENABLE_COLUMN_METADATA
    -USQLITE_ENABLE_LOAD_EXTENSION -USQLITE_ENABLE_MEMORY_MANAGEMENT -USQLITE_SOUNDEX
    # SQLite's recommended compile-time options (sqlite.org/compile.html) that fit here.
    -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_OMIT_SHARED_CACHE
    -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DQS=0 -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_MAX_EXPR_DEPTH=0
)
export LIBSQLITE3_FLAGS="${sqlite[*]}"

# C that Rust calls neither throws nor is thrown through, so it needs no tables for unwinding.
export CFLAGS="${CFLAGS:-} -fno-asynchronous-unwind-tables -fno-unwind-tables"

# Relative relocations packed, as glibc 2.36 and Android 9 read them.
link=(-C link-arg=-Wl,-z,pack-relative-relocs)
