#!/usr/bin/env bash
# Creates a toolchain for 64-bit Android without the NDK, from package registries alone: a C compiler over musl's
# headers corrected by bionic.h, libunwind, and stubs of the system libraries to link against. The stubs contain the
# symbols that Android 6 (API 23) exports, so everything that links here exists on every phone that the app supports.
#
#   scripts/android/toolchain.sh arm64-v8a FOLDER     creates FOLDER/cc, FOLDER/ar, and FOLDER/lib, unless they exist
#
# Requires python3 with venv, Java with Maven, and nm. Downloads ziglang (clang 22) from PyPI and the symbol names from
# Maven Central.
set -euo pipefail
here=$(realpath "$(dirname "$0")")
abi=${1:?usage: scripts/android/toolchain.sh ABI FOLDER} folder=$(realpath -m "${2:?a folder}")
api=28
case $abi in
    arm64-v8a) processor=aarch64 headers=aarch64 ;;
    x86_64) processor=x86_64 headers=x86 ;;
    *) echo "Without the NDK only arm64-v8a and x86_64 can be built, not $abi." >&2 && exit 2 ;;
esac
unidbg_version=0.9.8
# Changes with every input.
stamp="$unidbg_version $api $(cat "$here/toolchain.sh" "$here/../install-ziglang.sh" "$here/bionic.h" | sha256sum | cut -c1-16)"
[ "$(cat "$folder/stamp" 2>/dev/null)" = "$stamp" ] && exit 0
rm -rf "$folder"
mkdir -p "$folder/lib"

zig=$("$here/../install-ziglang.sh" "$(dirname "$folder")")

cp "$here/bionic.h" "$folder/bionic.h"
cat >"$folder/cc" <<CC
#!/usr/bin/env bash
# A clang for Android $api on $abi, over musl's headers corrected where bionic differs.
arguments=()
for argument in "\$@"; do
    case \$argument in --target=*) ;; *) arguments+=("\$argument") ;; esac
done
exec "$zig/zig" clang --target=$processor-linux-android$api -nostdlibinc -include "$folder/bionic.h" \\
    -isystem "$zig/lib/libc/include/$processor-linux-musl" -isystem "$zig/lib/libc/include/generic-musl" \\
    -isystem "$zig/lib/libc/include/$headers-linux-any" -isystem "$zig/lib/libc/include/any-linux-any" \\
    -isystem "$zig/lib/include" -Wno-unused-command-line-argument "\${arguments[@]}"
CC
printf '#!/usr/bin/env bash\nexec "%s/zig" ar "$@"\n' "$zig" >"$folder/ar"
chmod +x "$folder/cc" "$folder/ar"

objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

# Unwinds panics; the NDK ships it as libunwind.a.
unwind=$zig/lib/libunwind
flags=(-O2 -fPIC -fno-exceptions -funwind-tables -fvisibility=hidden -D_LIBUNWIND_IS_NATIVE_ONLY -DNDEBUG -I "$unwind/include" -c)
for source in UnwindLevel1.c UnwindLevel1-gcc-ext.c gcc_personality_v0.c UnwindRegistersRestore.S UnwindRegistersSave.S; do
    "$folder/cc" "${flags[@]}" -o "$objects/$source.o" "$unwind/src/$source"
done
"$folder/cc" "${flags[@]}" -x c++ -std=c++17 -fno-rtti -nostdinc++ -isystem "$zig/lib/libcxx/include" \
    -isystem "$zig/lib/libcxxabi/include" -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_NONE -D_LIBCPP_ABI_VERSION=1 \
    -D_LIBCPP_ABI_NAMESPACE=__1 -D_LIBCPP_HAS_THREADS=1 -D_LIBCPP_HAS_MONOTONIC_CLOCK=1 -o "$objects/libunwind.cpp.o" \
    "$unwind/src/libunwind.cpp"
"$folder/ar" rcs "$folder/lib/libunwind.a" "$objects"/*.o

# Stubs: empty functions with the names that the system libraries export.
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -DoutputDirectory="$objects" \
    -Dartifact="com.github.zhkl0228:unidbg-android:$unidbg_version"
for library in libc libm libdl liblog; do
    unzip -q -o -j "$objects/unidbg-android-$unidbg_version.jar" "android/sdk23/lib64/$library.so" -d "$objects"
    nm -D --defined-only --format=posix "$objects/$library.so" | cut -d ' ' -f 1 | sed 's/@.*//' | sort -u |
        grep -E '^[A-Za-z_][A-Za-z0-9_]*$' >"$objects/$library.names"
    while read -r name; do
        printf '.globl %s\n.type %s, %%function\n%s:\n' "$name" "$name" "$name"
    done <"$objects/$library.names" >"$objects/$library.s"
    "$folder/cc" -c -o "$objects/$library.stub" "$objects/$library.s"
    "$zig/zig" ld.lld -shared -soname "$library.so" -o "$folder/lib/$library.so" "$objects/$library.stub"
done

# The NDK's startup files define these two: a handle of the library, and a note with its API level.
cat >"$objects/dso.s" <<DSO
.section .data.rel.ro, "aw"
.hidden __dso_handle
.globl __dso_handle
__dso_handle: .quad __dso_handle
.section .note.android.ident, "a", %note
.balign 4
.long 8, 4, 1
.asciz "Android"
.long $api
DSO
"$folder/cc" -c -o "$folder/lib/dso.o" "$objects/dso.s"
echo "$stamp" >"$folder/stamp"
