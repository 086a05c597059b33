#!/usr/bin/env bash
# Installs a Swift toolchain on Debian in a separate folder in the user's cache and prints its path; does nothing if it
# is already there. The packages come from a newer Debian release on the mirror that this machine's apt uses, and are
# only unpacked in that folder: no package, source, or library of the machine changes. Requires root and about 1.4 GB.
#
#   scripts/install-swift.sh             prints the toolchain's folder, or nothing if the machine already has Swift 6
#   scripts/install-swift.sh --is-here   installs nothing; succeeds if Swift 6 is available
#
#   SWIFT_ROOT   a folder other than the one in the cache
set -euo pipefail
export LC_ALL=C DEBIAN_FRONTEND=noninteractive
root=${SWIFT_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/push-authenticator/swift}
release=trixie
# Contents of the folder. Change it to force a new installation.
layout="swiftlang of Debian $release, 1"
# The compiler, its link dependencies, and the programs that SwiftPM and the tests call.
packages=(base-files swiftlang libc-bin libc6-dev libstdc++-14-dev bash coreutils findutils grep sed git tzdata)

is_installed() { [ -f "$root/.layout" ] && [ "$(cat "$root/.layout")" = "$layout" ]; }
refuse() { echo "install-swift: $*" >&2; exit 1; }

command -v swift >/dev/null && swift --version 2>/dev/null | grep -Eq 'Swift version ([6-9]|[1-9][0-9])\.' && exit 0
if is_installed; then
    [ "${1:-}" = --is-here ] || echo "$root"
    exit 0
fi
[ "${1:-}" != --is-here ] || exit 1
[ "$(id -u)" = 0 ] || refuse "only root may enter the toolchain's folder"
for program in apt-get dpkg-deb unshare flock; do
    command -v "$program" >/dev/null || refuse "needs $program"
done
mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock 9
is_installed && { echo "$root"; exit 0; }

new=$root.new apt=$root.apt
rm -rf "$new" "$apt"
trap 'rm -rf "$new" "$apt"' EXIT
mkdir -p "$new" "$apt"/{sources,preferences,state/lists/partial,cache/archives/partial}

# An apt with separate package lists. Its status is empty, so it fetches everything for the folder, whatever the machine
# has.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' | awk '$2 !~ /security/ { print $1; exit }')
[ -n "$mirror" ] || refuse "apt knows no mirror: run apt-get update first"
: >"$apt/status"
cat >"$apt/sources/swift.sources" <<SOURCE
Types: deb
URIs: $mirror
Suites: $release
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCE
own_apt() {
    apt-get -q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$apt/sources" \
        -o Dir::Etc::preferences=/dev/null -o "Dir::Etc::preferencesparts=$apt/preferences" \
        -o "Dir::State=$apt/state" -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache" \
        -o APT::Install-Recommends=false -o Acquire::Retries=3 \
        -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false "$@"
}
own_apt update >"$apt/log" 2>&1 || { tail -n 20 "$apt/log" >&2; refuse "no list of packages"; }
own_apt -y --download-only install "${packages[@]}" >"$apt/log" 2>&1 || { tail -n 20 "$apt/log" >&2; refuse "no packages"; }

# Unpacked without running any package script, and without large parts that no build uses.
swift=./usr/libexec/swift
left_out=(./usr/share/doc ./usr/share/man ./usr/share/locale "$swift/bin/lldb*" "$swift/lib/liblldb*" "$swift/bin/clangd*"
    "$swift/bin/sourcekit-lsp" "$swift/bin/docc" "$swift/lib/libsourcekitdInProc.so" "$swift/lib/libLTO*"
    "$swift/lib/swift/embedded" "$swift/lib/swift_static" "$swift/lib/swift/FrameworkABIBaseline")
unpack() {
    dpkg-deb --fsys-tarfile "$1" | tar -x -C "$new" -f - --keep-directory-symlink "${left_out[@]/#/--exclude=}"
}
# Unpack this one first: it creates the links /bin and /lib that the others unpack into.
unpack "$apt"/cache/archives/base-files_*.deb
for package in "$apt"/cache/archives/*.deb; do
    case $package in */base-files_*) ;; *) unpack "$package" ;; esac
done

# What the package scripts would have done, as far as a compiler needs it.
ln -sfn ../libexec/swift/bin/swift "$new/usr/bin/swift"
ln -sfn bash "$new/usr/bin/sh"
printf 'root:x:0:0:root:/root:/bin/bash\n' >"$new/etc/passwd"
printf 'root:x:0:\n' >"$new/etc/group"
mkdir -p "$new"/{proc,dev,sys,tmp,root}
chmod 1777 "$new/tmp"
/usr/sbin/chroot "$new" /usr/sbin/ldconfig
echo "$layout" >"$new/.layout"
rm -rf "$root"
mv "$new" "$root"
SWIFT_ROOT=$root "$(dirname "$0")/swift-env.sh" swift --version >"$apt/log" 2>&1 || {
    cat "$apt/log" >&2
    rm -f "$root/.layout"
    refuse "the toolchain does not run"
}
echo "$root"
