#!/usr/bin/env bash
# Runs a self-test, which must find a seeded bug, and then every fuzz target over the committed corpus for at least RUNS
# executions (default: 1000000). Prints the number of executions. New inputs go to a folder that is deleted afterwards;
# crashing inputs are kept in fuzz/artifacts and listed.
#
#   fuzz/run.sh            everything
#   RUNS=5000 fuzz/run.sh  a short run
#
# The targets follow cargo-fuzz's layout and work with it. Here libFuzzer is driven directly, so that only a nightly
# compiler has to be installed; without AddressSanitizer, because the crate itself contains no unsafe code.
set -euo pipefail
cd "$(dirname "$0")"

runs=${RUNS:-1000000}
toolchain=${FUZZ_TOOLCHAIN:-nightly}
if ! host=$(rustc "+$toolchain" -vV 2>/dev/null | sed -n 's/^host: //p') || [ -z "$host" ]; then
    echo "The fuzz targets need a $toolchain compiler: rustup toolchain install $toolchain" >&2
    exit 1
fi
target_dir=${CARGO_TARGET_DIR:-$PWD/../target}/fuzz
# The vault that a target opens and new inputs; in memory if the system supports it.
scratch=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$scratch"' EXIT
export TMPDIR=$scratch

# With --target, these flags reach the fuzzed crates but not the build scripts.
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags+=" -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"

build() {
    RUSTFLAGS="$flags" cargo "+$toolchain" build --quiet --release --target "$host" --target-dir "$target_dir" "$@"
}
binary() { echo "$target_dir/$host/release/$1"; }

# fuzz TARGET RUNS LOG: exits with libFuzzer's status.
fuzz() {
    mkdir -p "$scratch/new-$1" artifacts
    "$(binary "$1")" -runs="$2" -seed=20260101 -max_len=4096 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="artifacts/$1-" "$scratch/new-$1" "corpus/$1" >"$3" 2>&1
}

echo "== fuzz self-test: a seeded bug has to be found"
build --features seeded-bug --bin jws
if fuzz jws "$runs" "$scratch/self-test"; then
    echo "The seeded bug was not found in $runs executions." >&2
    exit 1
fi
if ! grep -q "a message passed whose signature is wrong" "$scratch/self-test"; then
    tail -n 20 "$scratch/self-test" >&2
    echo "The self-test ended for another reason than the seeded bug." >&2
    exit 1
fi
echo "found after $(grep -oE '^#[0-9]+' "$scratch/self-test" | tail -n 1 | tr -d '#') executions or a few more"
rm -rf artifacts

build --bins
failed=0
for target in registration_uri jws push_payload proof attestation; do
    began=$SECONDS
    if fuzz "$target" "$runs" "$scratch/log"; then
        count=$(sed -n 's/^stat::number_of_executed_units: *//p' "$scratch/log")
        coverage=$(grep -oE 'cov: [0-9]+' "$scratch/log" | tail -n 1)
        echo "== fuzz $target: $count executions, $coverage, nothing found, in $((SECONDS - began)) s"
        if [ "$count" -lt "$runs" ]; then
            echo "$target: fewer executions than the $runs that were asked for." >&2
            failed=1
        fi
    else
        tail -n 40 "$scratch/log" >&2
        echo "== fuzz $target: FAILED; the input is in fuzz/artifacts" >&2
        failed=1
    fi
done
rmdir artifacts 2>/dev/null || true
exit "$failed"
