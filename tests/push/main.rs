//! Pushes over Amazon SNS: against moto, an independent implementation of SNS, and against a small server that fails in
//! every way. Signatures are checked against botocore and AWS's own test suite.
//!
//! Needs Python with `moto[server]`; `tests/run.sh` creates an environment with it. `PUSH_TEST_PYTHON` names the
//! interpreter; the default is `python3`.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]

mod command;
mod credentials;
mod failures;
mod fake;
#[allow(dead_code, reason = "shared with the tests of the server, which use all of it")]
#[path = "../server/harness.rs"]
mod harness;
mod hints;
mod moto;
mod signature;
mod support;
#[allow(dead_code, reason = "shared with the tests of the command line, which use all of it")]
#[path = "../server/tls.rs"]
mod tls;
mod trust;
#[allow(dead_code, reason = "shared with the tests of the server, which use more of it")]
#[path = "../server/wire.rs"]
mod wire;
