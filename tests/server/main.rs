//! The server over real HTTP on loopback, against a second implementation of browser and phone.
//!
//! Nothing here uses the library's phone half: the tests parse URIs, sign messages and check them by hand. Time stands
//! still unless a test moves it.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod account;
mod at_rest;
mod attestation;
mod audit;
mod device_keys;
mod devices;
mod factors;
mod foreign;
mod foreign_journeys;
mod fraud_report;
mod harness;
mod journey;
mod journey_files;
mod known_browsers;
mod limits;
mod names;
mod no_room;
mod operation;
mod pages;
mod phones;
mod rate_limits;
mod receiver;
mod refreshes;
mod requests;
mod rest;
mod retries;
mod risk;
mod rotation;
mod signed_pulls;
#[allow(dead_code, reason = "shared with the tests of the command line, which use all of it")]
mod tls;
mod unconfirmed;
mod unsealed;
mod user_agents;
mod webhook;
#[allow(dead_code, reason = "shared with the load tool, which uses more of it")]
mod wire;
mod withheld;
