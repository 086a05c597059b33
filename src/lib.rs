//! A mobile push authenticator core and its server, which speak the ForgeRock/Ping push protocol.
//!
//! The crate does three things: it turns a QR code into a credential in the [`phone`]'s vault, a push message into a
//! signed answer, and a browser's sign-on into a session on the `server`. The phone and the server both depend on
//! [`protocol`] and not on each other.
//!
//! | module | may import |
//! |---|---|
//! | [`secret`], [`ports`] | std and small crates |
//! | [`protocol`] | [`secret`] |
//! | [`phone`] | [`protocol`], [`secret`], [`ports`] |
//! | `ffi` | [`phone`], [`protocol`], [`secret`], [`ports`]; nothing imports it |
//! | `server` | [`protocol`], [`secret`], [`ports`] |
//! | `cli` | everything; nothing imports it |

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

// The generated code refers to this macro's output through the crate root.
#[cfg(feature = "ffi")]
uniffi::setup_scaffolding!();
