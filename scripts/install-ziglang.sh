#!/usr/bin/env bash
# Installs ziglang (clang 22, with headers of several systems) from PyPI into a virtual environment in FOLDER, unless it
# is there already. Prints the package folder, which contains `zig` and `lib`. Requires python3 with venv.
#
#   scripts/install-ziglang.sh FOLDER
set -euo pipefail
version=0.17.1
folder=$(realpath -m "${1:?usage: scripts/install-ziglang.sh FOLDER}")/ziglang-$version
if [ ! -x "$folder/bin/python3" ] || ! "$folder/bin/python3" -c "import ziglang" 2>/dev/null; then
    python3 -m venv --clear "$folder" >&2
    "$folder/bin/python3" -m pip install --quiet "ziglang==$version" >&2 || {
        echo "ziglang $version could not be installed: pip got no answer. Try again later." >&2
        exit 1
    }
fi
"$folder/bin/python3" -c "import ziglang, os; print(os.path.dirname(ziglang.__file__))"
