//! What phone and server must agree on: conversion between wire formats and types.
//!
//! Everything here is a pure function of its arguments, independent of clock, randomness, files and network, and of
//! both phone and server. The test vectors come from outside (RFCs and messages recorded from a real phone SDK),
//! because a mistake made here would pass on both sides.

pub mod attestation;
pub mod canonical;
pub mod device_key;
pub mod display_digest;
pub mod encoding;
pub mod jws;
pub mod message;
pub mod oath;
pub mod policy;
pub mod proof;
pub mod pull;
pub mod text;
pub mod uri;
pub mod user_agent;
