# Sourced by the scripts that build release artifacts: options that keep the builder's paths out of panic messages and C
# assertions, so that a build gives the same bytes in every folder. Expects `target`; sets `rust_paths` for the Rust
# compiler and `c_paths` for the C compiler.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
rust_paths="--remap-path-prefix=$PWD=/source --remap-path-prefix=$cargo_home=/cargo"
rust_paths+=" --remap-path-prefix=$target=/target --remap-path-prefix=$(rustc --print sysroot)=/rust"
c_paths="-ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$target=/target"
