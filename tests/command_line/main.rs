//! The command line with separate processes for server and phone, as a user or a script would run them.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod app_attest;
mod audit;
mod codes;
mod decrypt;
mod device_key;
mod documents;
mod example;
mod foreign;
mod full_disk;
mod killed;
mod one_server;
mod real_files;
#[path = "../server/receiver.rs"]
mod receiver;
mod relay;
mod rotation;
mod setup;
mod shells;
mod story;
#[path = "../server/tls.rs"]
mod tls;
mod trust;
#[path = "../server/unsealed.rs"]
mod unsealed;
mod verbs;
mod webhook;
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
#[path = "../server/wire.rs"]
mod wire;
