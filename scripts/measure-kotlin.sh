#!/usr/bin/env bash
# Measures the overhead of Kotlin: receiving and approving a message through the bindings, next to the same in Rust
# (benches/phone.rs), and the library's startup. Prints the figures with their targets and fails on none.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")

cargo build --locked --bin push-authenticator
cargo rustc --locked --release --lib --no-default-features --features ffi --crate-type cdylib
cargo bench --locked --no-default-features --bench phone -- '^(memory|disk)/phone$' >/dev/null
(cd bindings/kotlin && mvn -q -B test -Dtest=Figures -Dexcluded.groups= -Dcargo.output="$target/debug" \
    -Dnative.library.path="${NATIVE_LIBRARY_PATH:-$target/release}" -Dsurefire.useFile=false) | grep -o 'figure .*' >"$target/kotlin-figures"

python3 - "$target" <<'PYTHON'
import json, sys

target = sys.argv[1]
figures = {name: float(value) for _, name, value, _ in (line.split() for line in open(target + "/kotlin-figures"))}
for place in ("memory", "disk"):
    kotlin = figures.get("receive-and-approve-" + place)
    if kotlin is None:
        continue
    rust = json.load(open(f"{target}/criterion/{place}/phone/new/estimates.json"))["median"]["point_estimate"] / 1000
    print(f"receive and approve, vault on {place}: Kotlin {kotlin:.0f} us, Rust {rust:.0f} us, ratio {kotlin / rust:.2f} (goal 1.3)")
print(f"library start, JNA loaded: {figures['library-start']:.1f} ms")
print(f"first opening of a new vault after that: {figures['first-open-of-a-new-vault']:.1f} ms")
PYTHON
