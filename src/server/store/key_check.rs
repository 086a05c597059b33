//! Whether the server's key is the one that this database was made with.

use rusqlite::OptionalExtension as _;

use super::devices::secret_place;
use super::{StoreError, Transaction};
use crate::ports::Entropy;
use crate::server::keys::{KeyError, Keys, Place};

const PLACE: Place<'static> = Place { kind: "key_check.sealed", row: b"" };

/// Whether a key was used with this database.
pub fn is_there(transaction: &Transaction) -> Result<bool, StoreError> {
    Ok(find(transaction)?.is_some())
}

/// Refuses another key than the one that the database was made with; the first one is remembered.
pub fn check(transaction: &Transaction, keys: &Keys, entropy: &dyn Entropy) -> Result<(), StoreError> {
    let another = |_| StoreError::from(KeyError::AnotherKey);
    if let Some(sealed) = find(transaction)? {
        return keys.open(PLACE, &sealed).map(drop).map_err(another);
    }
    // A database from before there was a check: the secret of a phone tells as well.
    let device: Option<(String, Vec<u8>)> = transaction
        .query_row("SELECT id, secret FROM device LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    if let Some((device, sealed)) = device {
        keys.open(secret_place(&device), &sealed).map_err(another)?;
    }
    transaction.execute("INSERT INTO key_check VALUES (1, ?1)", [keys.seal(PLACE, b"", entropy)?])?;
    Ok(())
}

/// Writes what is there once more: whether the database takes writes shows when it is committed.
pub fn touch(transaction: &Transaction) -> Result<(), StoreError> {
    transaction.execute("UPDATE key_check SET sealed = sealed", [])?;
    Ok(())
}

fn find(transaction: &Transaction) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(transaction.query_row("SELECT sealed FROM key_check", [], |row| row.get(0)).optional()?)
}
