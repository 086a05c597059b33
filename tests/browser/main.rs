//! The demo clicked through in a real headless browser: sign-on page left, simulated phone right.
//!
//! Screenshots are kept under `target/screenshots`. Needs `chromedriver` and Chromium; `tests/run.sh` installs them.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod harness;
mod looks;
mod pages;
mod story;
mod timeouts;
