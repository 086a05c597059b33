//! Whether the server's key is the one that this database was made with.

use rusqlite::OptionalExtension as _;

use super::devices::secret_place;
use super::{StoreError, Transaction};
use crate::ports::Entropy;
use crate::secret::{Reason, SecretBytes};
use crate::server::keys::{KeyError, Keys, Place};

const PLACE: Place<'static> = Place { kind: "key_check.sealed", row: b"" };
/// The same once the key was rotated. Another place, so that a version that knows of no kept keys opens nothing and
/// stores no recovery codes that nobody recognizes.
const PLACE_OF_KEPT: Place<'static> = Place { kind: "key_check.kept", row: b"" };

/// Whether a key was used with this database.
pub fn is_there(transaction: &Transaction) -> Result<bool, StoreError> {
    Ok(find(transaction)?.is_some())
}

/// Whether this key is the one that the database was made with; no where it knows of none.
pub fn fits(transaction: &Transaction, keys: &Keys) -> Result<bool, StoreError> {
    Ok(find(transaction)?.is_some_and(|sealed| open(keys, &sealed).is_ok()))
}

/// Rejects another key than the one that the database was made with; the first one is remembered. Gives the keys with the
/// kept keys of the database.
pub fn check(transaction: &Transaction, keys: Keys, entropy: &dyn Entropy) -> Result<Keys, StoreError> {
    let another = |_| StoreError::from(KeyError::AnotherKey);
    if let Some(sealed) = find(transaction)? {
        return Ok(match open(&keys, &sealed).map_err(another)? {
            None => keys,
            Some(kept) => keys.keeping(kept)?,
        });
    }
    // A database from before there was a check: the secret of a phone tells as well.
    let device: Option<(String, Vec<u8>)> = transaction
        .query_row("SELECT id, secret FROM device LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((device, sealed)) = device {
        keys.open(secret_place(&device), &sealed).map_err(another)?;
    }
    transaction.execute("INSERT INTO key_check VALUES (1, ?1)", [keys.seal(PLACE, b"", entropy)?])?;
    Ok(keys)
}

/// Makes the new key the database's, and hands the kept keys of the old one on to it.
pub(super) fn hand_over(
    transaction: &Transaction,
    old: &Keys,
    new: &Keys,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let sealed = new.seal(PLACE_OF_KEPT, old.kept().expose(Reason::Seal), entropy)?;
    transaction.execute("UPDATE key_check SET sealed = ?1", [sealed])?;
    Ok(())
}

/// Opens the check, and gives the kept keys where the key was rotated.
fn open(keys: &Keys, sealed: &[u8]) -> Result<Option<SecretBytes>, KeyError> {
    match keys.open(PLACE, sealed) {
        Ok(_) => Ok(None),
        Err(_) => keys.open(PLACE_OF_KEPT, sealed).map(Some),
    }
}

/// Writes what is there once more: whether the database takes writes shows when it is committed.
pub fn touch(transaction: &Transaction) -> Result<(), StoreError> {
    transaction.execute("UPDATE key_check SET sealed = sealed", [])?;
    Ok(())
}

/// The check as it is stored. It changes when the key is rotated, and never else.
pub(super) fn find(transaction: &Transaction) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(transaction.prepare_cached("SELECT sealed FROM key_check")?.query_row([], |row| row.get(0)).optional()?)
}
