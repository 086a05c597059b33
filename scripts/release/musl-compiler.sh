#!/usr/bin/env bash
# Prints the C compiler for static Linux binaries: musl-gcc if installed, otherwise ziglang's clang, set up in FOLDER.
#
#   scripts/release/musl-compiler.sh FOLDER
set -euo pipefail
folder=$(realpath -m "${1:?usage: scripts/release/musl-compiler.sh FOLDER}")
command -v musl-gcc && exit 0
zig=$("$(dirname "$0")/../install-ziglang.sh" "$folder")
cat >"$folder/cc" <<CC
#!/usr/bin/env bash
# A compiler for x86-64 with musl. The target is named as zig names it.
arguments=()
for argument in "\$@"; do
    case \$argument in --target=*) ;; *) arguments+=("\$argument") ;; esac
done
exec "$zig/zig" cc -target x86_64-linux-musl "\${arguments[@]}"
CC
chmod +x "$folder/cc"
echo "$folder/cc"
