#!/usr/bin/env bash
# Creates a toolchain that compiles C for iOS without Xcode: ziglang's clang with the headers of Apple's C library that
# ziglang ships. It produces static libraries only; linking an app requires Xcode.
#
#   scripts/apple/toolchain.sh TRIPLE MINIMUM FOLDER     creates FOLDER/cc, FOLDER/ar, and FOLDER/sdk
#
# FOLDER/sdk is an empty folder for SDKROOT.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
triple=${1:?usage: scripts/apple/toolchain.sh TRIPLE MINIMUM FOLDER} minimum=${2:?a version of iOS} folder=$(realpath -m "${3:?a folder}")
case $triple in
    aarch64-apple-ios) clang=arm64-apple-ios$minimum ;;
    aarch64-apple-ios-sim) clang=arm64-apple-ios$minimum-simulator ;;
    *) echo "Without Xcode only aarch64-apple-ios and aarch64-apple-ios-sim can be built, not $triple." >&2 && exit 2 ;;
esac
zig=$("$here/../install-ziglang.sh" "$(dirname "$folder")")
mkdir -p "$folder/sdk"
cat >"$folder/cc" <<CC
#!/usr/bin/env bash
# A clang for $clang. Drops the target and SDK options from cargo's build scripts.
arguments=()
while [ \$# -gt 0 ]; do
    case \$1 in
        -isysroot | -arch | -target) shift ;;
        --target=* | -miphoneos* | -mios* | -mtargetos=*) ;;
        *) arguments+=("\$1") ;;
    esac
    shift
done
exec "$zig/zig" clang --target=$clang -nostdlibinc -isystem "$zig/lib/include" \\
    -isystem "$zig/lib/libc/include/any-darwin-any" -Wno-unused-command-line-argument "\${arguments[@]}"
CC
printf '#!/usr/bin/env bash\nexec "%s/zig" ar "$@"\n' "$zig" >"$folder/ar"
chmod +x "$folder/cc" "$folder/ar"
# The symbols that an app eventually links against, as a list of names.
cp "$zig/lib/libc/darwin/libSystem.tbd" "$folder/libSystem.tbd"
