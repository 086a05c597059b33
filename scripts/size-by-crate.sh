#!/usr/bin/env bash
# Prints each crate's share of the library for apps, in bytes of code and named constants: builds it like
# scripts/build-mobile.sh, but with symbols, and adds them up. Unnamed data (strings, unwind tables) is not included.
set -euo pipefail
cd "$(dirname "$0")/.."
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
. scripts/mobile-flags.sh
CARGO_PROFILE_MOBILE_STRIP=none cargo rustc --locked --lib --profile mobile --no-default-features --features ffi --crate-type cdylib \
    --target-dir "$target/symbols" -- "${link[@]}"
nm --print-size --demangle "$target/symbols/mobile/libpush_authenticator.so" | python3 -c '
import collections, re, sys

sizes = collections.Counter()
for line in sys.stdin:
    found = re.match(r"[0-9a-f]+ ([0-9a-f]+) [tTrRdDvVwW] (.*)", line)
    if not found:
        continue
    name = found.group(2)
    crate = re.match(r"_?<?&?(?:mut |dyn |\(|\[)*([a-z_0-9]+)::", name)
    if crate:
        sizes[crate.group(1)] += int(found.group(1), 16)
    elif name.startswith(("ring_core", "p256", "x25519", "bn_", "aes_", "gcm_", "sha", "fiat")):
        sizes["ring (C and assembly)"] += int(found.group(1), 16)
    elif name.startswith(("uniffi_", "ffi_")):
        sizes["push_authenticator"] += int(found.group(1), 16)
    else:
        sizes["SQLite and other C"] += int(found.group(1), 16)
for crate, size in sizes.most_common(16):
    print(f"{crate:28} {size:>9}")
print("%-28s %9d" % ("all", sum(sizes.values())))
'
