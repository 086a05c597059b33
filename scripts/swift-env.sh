#!/usr/bin/env bash
# Runs a command in the environment of the Swift toolchain from scripts/install-swift.sh, in the current folder:
#
#   scripts/swift-env.sh swift build
#   scripts/swift-env.sh env NAME=value swift test
#
#   SWIFT_BIND   folders that are also visible there, at the same path, separated by colons (default: this repository)
#
# The command gets private mounts, which disappear when it ends, the machine's network, and a fresh environment.
set -euo pipefail
root=${SWIFT_ROOT:-${XDG_CACHE_HOME:-$HOME/.cache}/push-authenticator/swift}
[ -x "$root/usr/bin/swift" ] || { echo "swift-env: no Swift in $root: run scripts/install-swift.sh" >&2; exit 127; }
bind=${SWIFT_BIND:-$(cd "$(dirname "$0")/.." && pwd)}
exec unshare --mount --propagation private -- bash -c '
set -euo pipefail
root=$1 bind=$2 folder=$PWD
shift 2
# The tools find their libraries through /proc.
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
IFS=:
for seen in $bind; do
    mkdir -p "$root$seen"
    mount --rbind "$seen" "$root$seen"
done
unset IFS
exec /usr/sbin/chroot "$root" /usr/bin/env -i PATH=/usr/bin:/usr/sbin HOME=/root LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    bash -c '\''cd "$1" && shift && exec "$@"'\'' swift-env "$folder" "$@"
' swift-env "$root" "$bind" "$@"
