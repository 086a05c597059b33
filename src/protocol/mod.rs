//! What both halves must agree on: bytes and strings to types and back.
//!
//! Pure functions over their arguments. This room knows no clock, no randomness, no file, no network and neither half;
//! its test vectors come from outside (RFCs and messages recorded from a real phone SDK), because a mistake made here
//! would pass on both sides.

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
