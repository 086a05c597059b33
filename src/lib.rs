//! A mobile push authenticator core with its server half, speaking the ForgeRock/Ping push protocol.
//!
//! Three stories: a QR code becomes a credential in the [`phone`]'s vault; a push message becomes a signed answer; a
//! browser's sign-on becomes a session on the `server`. Both halves know [`protocol`] and not each other.
//!
//! | room | may import |
//! |---|---|
//! | [`secret`], [`ports`] | std and small crates |
//! | [`protocol`] | [`secret`] |
//! | [`phone`] | [`protocol`], [`secret`], [`ports`] |
//! | `ffi` | [`phone`], [`protocol`], [`secret`], [`ports`]; nobody imports it |
//! | `server` | [`protocol`], [`secret`], [`ports`] |
//! | `cli` | everything; nobody imports it |

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "ffi")]
pub mod ffi;
pub mod phone;
pub mod ports;
pub mod protocol;
pub mod secret;
#[cfg(feature = "server")]
pub mod server;

// The generated code refers to what this makes by the crate's root.
#[cfg(feature = "ffi")]
uniffi::setup_scaffolding!();
