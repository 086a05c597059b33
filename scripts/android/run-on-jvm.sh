#!/usr/bin/env bash
# Prepares the x86_64 library for Android for a JVM on Linux: glibc-shim.c stands in for bionic's libc, and a copy of
# the library has two symbol names changed, so that the dynamic linker does not find glibc's functions with different
# behavior first. The machine code is unchanged.
#
#   scripts/android/run-on-jvm.sh FOLDER     creates FOLDER/libpush_authenticator.so
#
# Load it with LD_LIBRARY_PATH=FOLDER/shim.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(realpath -m "${1:?usage: scripts/android/run-on-jvm.sh FOLDER}")
library=android/src/main/jniLibs/x86_64/libpush_authenticator.so
[ -f "$library" ] || { echo "First run scripts/build-android.sh x86_64." >&2; exit 1; }

mkdir -p "$folder/shim"
for name in libc.so libdl.so; do
    cc -shared -fPIC -O2 -Wl,-soname,$name -o "$folder/shim/$name" scripts/android/glibc-shim.c
done
python3 - "$library" "$folder/libpush_authenticator.so" <<'PYTHON'
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
for name, other in ((b"sysconf", b"sysconB"), (b"strerror_r", b"strerror_B")):
    if data.count(b"\0" + name + b"\0") != 1:
        sys.exit(f"{name.decode()} is not once in the library's names")
    data = data.replace(b"\0" + name + b"\0", b"\0" + other + b"\0")
with open(sys.argv[2], "wb") as file:
    file.write(data)
PYTHON
