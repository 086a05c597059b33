//! Sealed columns: AES-256-GCM under the vault's data key, with each value bound to its place.
//!
//! A sealed value is a random 12-byte nonce, the ciphertext and the 16-byte tag. The associated data is the format's
//! name, table, column, row id, key generation (eight bytes, big-endian) and, if the value is bound to other columns,
//! SHA-256 over these. Every part, including those inside that hash, is preceded by its length in four bytes,
//! big-endian. A value therefore cannot be moved to another row, column or key generation, and the columns it is bound
//! to cannot be edited. The only module that uses the cipher; independent of tables and files.

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest;

use super::VaultError;
use crate::phone::credential::Id;
use crate::ports::{Entropy, make_bytes};
use crate::secret::{Reason, SecretBytes};

/// Length of the data key, in bytes.
pub(super) const KEY_LENGTH: usize = 32;
/// Name of the format, the first part of the associated data.
const FORMAT: &str = "push-authenticator vault 1";

/// The place of a sealed value.
pub(super) struct Place<'a> {
    pub(super) table: &'static str,
    pub(super) column: &'static str,
    pub(super) row: Id,
    /// Values that cannot be edited without breaking the sealed one.
    pub(super) bound: &'a [&'a [u8]],
}

/// Seals and opens values under one generation of the data key.
pub(super) struct Sealer {
    key: LessSafeKey,
    data_key: SecretBytes,
    generation: i64,
}

impl Sealer {
    /// Creates a sealer with the data key. Returns `None` if the key has the wrong length.
    pub(super) fn new(data_key: &SecretBytes, generation: i64) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM, data_key.expose(Reason::Seal)).ok().map(|key| Self {
            key: LessSafeKey::new(key),
            data_key: data_key.duplicate(),
            generation,
        })
    }

    /// Returns the data key itself, to be wrapped under another key of the platform.
    pub(super) fn data_key(&self) -> &SecretBytes {
        &self.data_key
    }

    /// Returns the generation of the data key.
    pub(super) fn generation(&self) -> i64 {
        self.generation
    }

    /// Seals a value for its place.
    pub(super) fn seal(&self, entropy: &dyn Entropy, place: &Place<'_>, value: &[u8]) -> Result<Vec<u8>, VaultError> {
        let nonce = make_bytes::<NONCE_LEN>(entropy)?;
        let mut sealed = value.to_vec();
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), self.associated_data(place), &mut sealed)
            .map_err(|_| VaultError::Storage("a value could not be sealed".to_owned()))?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens a value of this place. Returns [`VaultError::Tampered`] if the value belongs to another place, or if it or
    /// anything it is bound to was changed.
    pub(super) fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<SecretBytes, VaultError> {
        let tampered = || VaultError::Tampered { table: place.table };
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(tampered)?;
        let mut buffer = ciphertext.to_vec();
        let length = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(*nonce), self.associated_data(place), &mut buffer)
            .map_err(|_| tampered())?
            .len();
        buffer.truncate(length);
        Ok(SecretBytes::new(buffer))
    }

    fn associated_data(&self, place: &Place<'_>) -> Aad<Vec<u8>> {
        let generation = self.generation.to_be_bytes();
        let mut parts: Vec<&[u8]> =
            vec![FORMAT.as_bytes(), place.table.as_bytes(), place.column.as_bytes(), &place.row.0, &generation];
        let bound = digest::digest(&digest::SHA256, &length_prefixed(place.bound));
        if !place.bound.is_empty() {
            parts.push(bound.as_ref());
        }
        Aad::from(length_prefixed(&parts))
    }
}

/// Concatenates the parts, each preceded by its length in four bytes, big-endian.
pub(in crate::phone) fn length_prefixed(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(parts.iter().map(|part| 4 + part.len()).sum());
    for part in parts {
        joined.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SystemEntropy;

    fn place<'a>(table: &'static str, column: &'static str, row: u8, bound: &'a [&'a [u8]]) -> Place<'a> {
        Place { table, column, row: Id([row; 16]), bound }
    }

    #[test]
    fn a_value_opens_at_its_own_place_only() {
        let key = SecretBytes::new(vec![7; KEY_LENGTH]);
        let sealer = Sealer::new(&key, 1).unwrap();
        let sealed = sealer.seal(&SystemEntropy::new(), &place("t", "c", 1, &[b"ab", b"c"]), b"value").unwrap();
        let opens = |sealer: &Sealer, place: &Place<'_>| sealer.open(place, &sealed).is_ok();
        assert!(opens(&sealer, &place("t", "c", 1, &[b"ab", b"c"])));
        assert!(!opens(&sealer, &place("u", "c", 1, &[b"ab", b"c"])));
        assert!(!opens(&sealer, &place("t", "d", 1, &[b"ab", b"c"])));
        assert!(!opens(&sealer, &place("t", "c", 2, &[b"ab", b"c"])));
        assert!(!opens(&sealer, &place("t", "c", 1, &[b"a", b"bc"])));
        assert!(!opens(&sealer, &place("t", "c", 1, &[])));
        assert!(!opens(&Sealer::new(&key, 2).unwrap(), &place("t", "c", 1, &[b"ab", b"c"])));
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(sealer.open(&place("t", "c", 1, &[b"ab", b"c"]), &changed).is_err(), "changed at {index}");
        }
        assert!(sealer.open(&place("t", "c", 1, &[]), &[]).is_err());
        assert!(Sealer::new(&SecretBytes::new(vec![7; 31]), 1).is_none());
    }
}
