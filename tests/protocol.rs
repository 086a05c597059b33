//! The protocol room through its public interface: registration codes, one-time codes and signed messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "protocol/examples.rs"]
mod examples;
#[path = "protocol/message.rs"]
mod message;
#[path = "protocol/oath.rs"]
mod oath;
#[path = "protocol/proofs.rs"]
mod proofs;
#[path = "protocol/uri.rs"]
mod uri;
#[path = "protocol/user_agent.rs"]
mod user_agent;
#[path = "protocol/variants.rs"]
mod variants;
#[path = "protocol/vectors.rs"]
mod vectors;
