//! The demo clicked through in a real headless browser: sign-in page on the left, simulated phone on the right. Also a
//! page of another origin with Ping's login widget.
//!
//! Screenshots are saved under `target/screenshots`. Needs `chromedriver` and Chromium; `tests/run.sh` installs them.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod harness;
mod looks;
mod pages;
mod phone;
mod story;
mod timeouts;
mod widget;
