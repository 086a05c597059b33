//! The demo clicked through in a real headless browser: sign-on page left, simulated phone right. And a page of another
//! origin with Ping's login widget.
//!
//! Screenshots are kept under `target/screenshots`. Needs `chromedriver` and Chromium; `tests/run.sh` installs them.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod harness;
mod looks;
mod pages;
mod phone;
mod story;
mod timeouts;
mod widget;
