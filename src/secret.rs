//! Types for secret values.
//!
//! A value of these types cannot be printed, logged, compared in variable time or copied by accident, and its memory is
//! overwritten when it is dropped.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The reason for reading a secret. Every call of `expose` names one, so that the places where a secret leaves its type
/// can be listed and reviewed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Computing or checking a message authentication code.
    Authenticate,
    /// Encrypting the secret, or encrypting something else under it.
    Seal,
    /// Passing the secret to where the protocol or the user needs it: a registration URI, a page shown once, a cookie.
    HandOver,
    /// One-way hashing.
    Hash,
}

/// Secret bytes: a shared secret, a data key, a challenge that must not be guessed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes ownership of the bytes; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, for the given reason.
    pub fn expose(&self, _reason: Reason) -> &[u8] {
        &self.0
    }

    /// Returns the number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns a second copy, for the rare case that needs two owners.
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Compares in constant time (for equal lengths).
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
    /// Takes ownership of the text; the caller keeps no copy.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the text, for the given reason.
    pub fn expose(&self, _reason: Reason) -> &str {
        &self.0
    }
}

/// Compares in constant time (for equal lengths).
impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}
impl Eq for SecretText {}

/// Returns whether two byte strings are equal, in constant time for equal lengths.
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
