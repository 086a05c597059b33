#!/usr/bin/env bash
# Installs Rust's standard library for a target with rustup, unless it is already installed. Takes one target per call,
# because rustup has failed with several at once.
#
#   scripts/add-target.sh TRIPLE
set -euo pipefail
triple=${1:?usage: scripts/add-target.sh TRIPLE}
[ -d "$(rustc --print sysroot)/lib/rustlib/$triple/lib" ] && exit 0
command -v rustup >/dev/null || { echo "rustup is missing, which installs Rust for $triple." >&2; exit 1; }
rustup target add "$triple" || { echo "rustup did not answer, so Rust for $triple could not be installed. Try again later." >&2; exit 1; }
