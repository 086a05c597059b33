# Sourced by the scripts that build what is handed out: options that keep paths of the builder's machine out of texts of panics and
# of what C's assertions name, so that a build gives the same bytes from every folder. Wants `target`; sets `rust_paths` for the Rust
# compiler and `c_paths` for the C compiler.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
rust_paths="--remap-path-prefix=$PWD=/source --remap-path-prefix=$cargo_home=/cargo"
rust_paths+=" --remap-path-prefix=$target=/target --remap-path-prefix=$(rustc --print sysroot)=/rust"
c_paths="-ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$target=/target"
