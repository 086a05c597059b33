//! Size limits for foreign input, one per kind. The core applies its own, finer limits afterwards.

use super::AuthenticatorError;
use crate::protocol::{jws, message, uri};

/// Longest file path, in bytes.
pub(super) const PATH: usize = 4096;
/// Longest registration URI, in bytes: twice what the core reads, so that slightly too long input gets the core's own
/// error.
pub(super) const REGISTRATION_CODE: usize = 2 * uri::LENGTH_LIMIT;
/// Longest ID issued by the core, in bytes.
pub(super) const ID: usize = 64;
/// Longest message ID issued by the server, in bytes.
pub(super) const MESSAGE_ID: usize = message::MESSAGE_ID_LIMIT;
/// Longest signed message, in bytes.
pub(super) const SIGNED_MESSAGE: usize = jws::LENGTH_LIMIT;
/// Largest push as a platform delivers it, in bytes: twice what the core reads, so that slightly too long input gets
/// the core's own error.
pub(super) const PAYLOAD: usize = 32 * 1024;
/// Longest device name, in bytes.
pub(super) const DEVICE_NAME: usize = 400;
/// Longest account or issuer name, in bytes.
pub(super) const NAME: usize = 400;
/// Longest base32 secret for one-time passwords, in bytes.
pub(super) const CODE_SECRET: usize = 512;
/// Longest push token, in bytes.
pub(super) const PUSH_TOKEN: usize = 4096;
/// Longest number to tap, in bytes.
pub(super) const NUMBER: usize = 16;
/// Largest output of a platform key, wrapped or unwrapped, in bytes: enough for the largest asymmetric keys in use.
pub(super) const KEY_MATERIAL: usize = 8 * 1024;
/// Longest public key as a JWK, in bytes; the core's own keys have 126.
pub(super) const PUBLIC_KEY: usize = 1024;
/// Most certificates in an attestation and most bytes for all of them: twice what the core accepts, so that slightly
/// too much input gets the core's own error.
pub(super) const CERTIFICATES: usize = 20;
pub(super) const ATTESTATION: usize = 16 * 1024;
/// Longest signature, in bytes; signatures on the one supported curve have at most 72.
pub(super) const SIGNATURE: usize = 256;
/// Largest response body, in bytes. The core reads 64 KiB; the extra byte lets it detect that the body was longer.
pub(super) const RESPONSE_BODY: usize = 64 * 1024 + 1;
/// Longest `Date` header, in bytes; real ones have 29.
pub(super) const DATE: usize = 64;
/// Longest URL of a returned HTTP request, in bytes.
pub(super) const ADDRESS: usize = 8 * 1024;
/// Largest body of a returned HTTP request, in bytes.
pub(super) const REQUEST_BODY: usize = 64 * 1024;
/// Total size of the header names and values of a returned HTTP request, in bytes.
pub(super) const HEADERS: usize = 8 * 1024;
/// Longest excerpt of a foreign exception's message, in characters.
pub(super) const REASON: usize = 200;

/// Rejects text that exceeds the limit.
pub(super) fn check_text(kind: &'static str, text: &str, limit: usize) -> Result<(), AuthenticatorError> {
    check_bytes(kind, text.as_bytes(), limit)
}

/// Rejects bytes that exceed the limit.
pub(super) fn check_bytes(kind: &'static str, bytes: &[u8], limit: usize) -> Result<(), AuthenticatorError> {
    if bytes.len() <= limit { Ok(()) } else { Err(AuthenticatorError::too_large(kind)) }
}
