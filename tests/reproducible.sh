#!/usr/bin/env bash
# Builds the libraries for Android from one commit in two folders, with differently named target folders, and compares
# them byte by byte, so that anyone can verify a release.
set -euo pipefail
cd "$(dirname "$0")/.."

folders=$(mktemp -d)
trap 'rm -rf "$folders"' EXIT
for name in one a-folder-with-a-longer-name; do
    mkdir "$folders/$name"
    git ls-files -z | xargs -0 tar -c | tar -x -C "$folders/$name"
    (cd "$folders/$name" && CARGO_TARGET_DIR="$folders/$name-target" scripts/build-android.sh)
    # Each takes a gigabyte.
    rm -rf "$folders/$name-target"
done

passed=0 failed=0
for library in "$folders"/one/android/src/main/jniLibs/*/libpush_authenticator.so; do
    abi=$(basename "$(dirname "$library")")
    if cmp "$library" "$folders/a-folder-with-a-longer-name/android/src/main/jniLibs/$abi/libpush_authenticator.so"; then
        echo "$abi: $(sha256sum <"$library" | cut -d ' ' -f 1)"
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -ge 2 ]
