//! The protocol room through its public interface: registration codes and signed messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "protocol/message.rs"]
mod message;
#[path = "protocol/uri.rs"]
mod uri;
