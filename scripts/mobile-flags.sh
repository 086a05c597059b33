# Sourced by build-mobile.sh and build-android.sh: options for SQLite, the C compiler, and the linker for the library
# that apps carry. SQLite's options are documented and supported in the published amalgamation; a statement that needs
# an omitted feature is an error. Sets `link`, the arguments of the last step. docs/size.md records the library's size.

# Extensions that the vault does not use. Later options override those that the crate sets.
sqlite=(
    -USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_FTS5 -USQLITE_ENABLE_RTREE
    -USQLITE_ENABLE_STAT4 -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_ENABLE_COLUMN_METADATA
    -USQLITE_ENABLE_LOAD_EXTENSION -USQLITE_ENABLE_MEMORY_MANAGEMENT -USQLITE_SOUNDEX
    # The applicable options from SQLite's recommended compile-time options (sqlite.org/compile.html).
    -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_OMIT_SHARED_CACHE
    -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DQS=0 -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_MAX_EXPR_DEPTH=0
)
export LIBSQLITE3_FLAGS="${sqlite[*]}"

# C code called from Rust neither throws nor is unwound through, so it needs no unwind tables.
export CFLAGS="${CFLAGS:-} -fno-asynchronous-unwind-tables -fno-unwind-tables"

# Packed relative relocations, which glibc 2.36 and Android 9 support.
link=(-C link-arg=-Wl,-z,pack-relative-relocs)
