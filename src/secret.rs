//! Secrets as types of their own.
//!
//! A value of these types cannot be printed, logged, compared in variable time or copied by accident; its memory is
//! overwritten when it is dropped. This room knows nothing of what the secrets are for.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Why a secret is looked at. Every call of `expose` names one, so that the places where a secret leaves its type can
/// be listed and reviewed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// To compute or check a message authentication code with it.
    Authenticate,
    /// To encrypt it, or to encrypt something else under it.
    Seal,
    /// To put it where the protocol or the person needs it: a registration URI, a page shown once, a cookie.
    HandOver,
    /// To hash it one way.
    Hash,
}

/// Secret bytes: a shared secret, a data key, a challenge that must not be guessed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes the bytes over; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, for the reason given.
    pub fn expose(&self, _reason: Reason) -> &[u8] {
        &self.0
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A second copy, where two owners are really needed.
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Compared in constant time (for equal lengths).
impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}
impl Eq for SecretBytes {}

/// Secret text: a password, a recovery code, a session token, a registration URI.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretText(String);

impl SecretText {
    /// Takes the text over; the caller keeps no copy.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for the reason given.
    pub fn expose(&self, _reason: Reason) -> &str {
        &self.0
    }
}

/// Compared in constant time (for equal lengths).
impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}
impl Eq for SecretText {}

/// Whether two byte strings are equal, in constant time for equal lengths.
pub fn constant_time_equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_by_content() {
        assert!(SecretBytes::new(vec![1, 2]) == SecretBytes::new(vec![1, 2]));
        assert!(SecretBytes::new(vec![1, 2]) != SecretBytes::new(vec![1, 3]));
        assert!(SecretBytes::new(vec![1, 2]) != SecretBytes::new(vec![1]));
        assert!(SecretText::new("a".into()) != SecretText::new("b".into()));
    }
}
