//! How large foreign input may be, one limit a kind. Knows nothing of what the input means; the core's own, finer limits
//! come after these.

use super::AuthenticatorError;
use crate::protocol::{jws, message, uri};

/// A file's path, in bytes.
pub(super) const PATH: usize = 4096;
/// A registration code, in bytes: twice of what the core reads, so that what is a little too long gets the core's own
/// error.
pub(super) const REGISTRATION_CODE: usize = 2 * uri::LENGTH_LIMIT;
/// An id that the core gave out, in bytes.
pub(super) const ID: usize = 64;
/// A message id that the server gave out, in bytes.
pub(super) const MESSAGE_ID: usize = message::MESSAGE_ID_LIMIT;
/// A signed message, in bytes.
pub(super) const SIGNED_MESSAGE: usize = jws::LENGTH_LIMIT;
/// A push as a platform delivers it, in bytes: twice of what the core looks at, so that what is a little too long gets the
/// core's own error.
pub(super) const PAYLOAD: usize = 32 * 1024;
/// The name of a device, in bytes.
pub(super) const DEVICE_NAME: usize = 400;
/// The name of an account or of who it is with, in bytes.
pub(super) const NAME: usize = 400;
/// A secret for codes in base32, in bytes.
pub(super) const CODE_SECRET: usize = 512;
/// A push token, in bytes.
pub(super) const PUSH_TOKEN: usize = 4096;
/// A number to tap, in bytes.
pub(super) const NUMBER: usize = 16;
/// What a platform key wrapped or unwrapped, in bytes: room for the largest asymmetric keys in use.
pub(super) const KEY_MATERIAL: usize = 8 * 1024;
/// A public key as a JWK, in bytes; the core's own have 126.
pub(super) const PUBLIC_KEY: usize = 1024;
/// Certificates of an attestation, and how many bytes they may be together: twice of what the core takes, so that what is
/// a little too much gets the core's own error.
pub(super) const CERTIFICATES: usize = 20;
pub(super) const ATTESTATION: usize = 16 * 1024;
/// A signature, in bytes; those of the one curve have at most 72.
pub(super) const SIGNATURE: usize = 256;
/// A response's body, in bytes, of which the core looks at 64 KiB. One byte more stays, so that the core sees that it
/// was too much.
pub(super) const RESPONSE_BODY: usize = 64 * 1024 + 1;
/// A `Date` header, in bytes; real ones have 29.
pub(super) const DATE: usize = 64;
/// An address of a request that comes back, in bytes.
pub(super) const ADDRESS: usize = 8 * 1024;
/// A body of a request that comes back, in bytes.
pub(super) const REQUEST_BODY: usize = 64 * 1024;
/// Names and values of headers of a request that comes back, in bytes all together.
pub(super) const HEADERS: usize = 8 * 1024;
/// Text of a foreign exception that is passed on, in characters.
pub(super) const REASON: usize = 200;

/// Refuses text that is longer than any of its kind.
pub(super) fn check_text(kind: &'static str, text: &str, limit: usize) -> Result<(), AuthenticatorError> {
    check_bytes(kind, text.as_bytes(), limit)
}

/// Refuses bytes that are more than any of their kind.
pub(super) fn check_bytes(kind: &'static str, bytes: &[u8], limit: usize) -> Result<(), AuthenticatorError> {
    if bytes.len() <= limit { Ok(()) } else { Err(AuthenticatorError::too_large(kind)) }
}
