# Sourced by build-mobile.sh and build-android.sh: how the library for apps is made small. Sets `link`, the arguments of the
# last step, `small_p256`, those of them without which ring cannot be linked, and what the C compiler is told. Needs the linker
# of LLVM, which Rust and the Android NDK bring along.
# docs/size.md says what each of these gains, and why it may be done.

# Parts of SQLite that the vault has no use for. A flag that comes later wins over the one that the crate sets.
# SQLITE_OMIT_MEMORYDB is not among them: intermediate results would reach files.
sqlite=(
    -USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_FTS5 -USQLITE_ENABLE_RTREE
    -USQLITE_ENABLE_STAT4 -USQLITE_ENABLE_DBSTAT_VTAB -USQLITE_ENABLE_COLUMN_METADATA -USQLITE_ENABLE_API_ARMOR
    -USQLITE_ENABLE_LOAD_EXTENSION -USQLITE_ENABLE_MEMORY_MANAGEMENT -USQLITE_SOUNDEX
    -DSQLITE_OMIT_AUTHORIZATION -DSQLITE_OMIT_AUTOMATIC_INDEX -DSQLITE_OMIT_AUTOVACUUM
    -DSQLITE_OMIT_BETWEEN_OPTIMIZATION -DSQLITE_OMIT_BTREECOUNT -DSQLITE_OMIT_CASE_SENSITIVE_LIKE_PRAGMA
    -DSQLITE_OMIT_COMPILEOPTION_DIAGS -DSQLITE_OMIT_COMPLETE -DSQLITE_OMIT_DATETIME_FUNCS -DSQLITE_OMIT_DECLTYPE
    -DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_DESERIALIZE -DSQLITE_OMIT_EXPLAIN -DSQLITE_OMIT_GENERATED_COLUMNS
    -DSQLITE_OMIT_GET_TABLE -DSQLITE_OMIT_INCRBLOB -DSQLITE_OMIT_INTEGRITY_CHECK
    -DSQLITE_OMIT_JSON -DSQLITE_OMIT_LIKE_OPTIMIZATION
    -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_LOCALTIME -DSQLITE_OMIT_OR_OPTIMIZATION
    -DSQLITE_OMIT_PROGRESS_CALLBACK -DSQLITE_OMIT_QUICKBALANCE -DSQLITE_OMIT_SCHEMA_PRAGMAS
    -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_OMIT_TCL_VARIABLE -DSQLITE_OMIT_TRACE -DSQLITE_OMIT_TRUNCATE_OPTIMIZATION
    -DSQLITE_OMIT_UTF16 -DSQLITE_OMIT_XFER_OPT -DSQLITE_UNTESTABLE
    -DSQLITE_OMIT_ALTERTABLE -DSQLITE_OMIT_ANALYZE -DSQLITE_OMIT_REINDEX -DSQLITE_OMIT_VIRTUALTABLE
    -DSQLITE_DEFAULT_MEMSTATUS=0 -DSQLITE_DISABLE_PAGECACHE_OVERFLOW_STATS -DSQLITE_DQS=0
    -DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_MAX_EXPR_DEPTH=0 -DSQLITE_MAX_MMAP_SIZE=0 -DSQLITE_MAX_WORKER_THREADS=0
)
export LIBSQLITE3_FLAGS="${sqlite[*]}"

# C that is called from Rust throws nothing and is thrown through by nothing, so it needs no tables for unwinding. The switch of
# BoringSSL's code in ring takes P-256 with a small table, as on all processors but two.
export CFLAGS="${CFLAGS:-} -Oz -fvisibility=hidden -fmerge-all-constants -fno-asynchronous-unwind-tables -fno-unwind-tables -DOPENSSL_SMALL"

# What the description of the border is for the generator of bindings only: it need not be in the library.
link=(
    -C link-arg=-Wl,--icf=all -C link-arg=-Wl,-O2 -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,-z,defs
    -C "link-arg=-Wl,--version-script=$PWD/scripts/hidden-symbols.map"
)
# SQLite's parser comes ready-made and calls what was left out above when it meets such a statement. Then it gets a function that
# does nothing, and so does the statement.
for left_out in AlterAddConstraint AlterBeginAddColumn AlterDropColumn AlterDropConstraint AlterFinishAddColumn \
    AlterRenameColumn AlterRenameTable AlterSetNotNull Analyze Reindex VtabArgExtend VtabArgInit VtabBeginParse VtabFinishParse; do
    link+=(-C "link-arg=-Wl,--defsym=sqlite3$left_out=sqlite3_libversion_number")
done
# The multiplication that need not take the same time always is left out with the large table; the one that does takes its place.
ring=ring_core_$(sed -n '/^name = "ring"$/{n;s/^version = "\(.*\)"$/\1/;s/\./_/gp}' Cargo.lock)_
small_p256=(-C "link-arg=-Wl,--defsym=${ring}_p256_point_mul_base_vartime=${ring}_p256_point_mul_base")
link+=("${small_p256[@]}")
