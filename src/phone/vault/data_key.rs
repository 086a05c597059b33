//! The vault's data key: generating it, wrapping it under the platform's key, and testing the wrapped key. Only deals
//! with the row that holds it.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::seal::{KEY_LENGTH, Place, Sealer};
use super::{KeyEncryption, KeyError, VaultError};
use crate::phone::credential::Id;
use crate::ports::Entropy;
use crate::secret::SecretBytes;

fn make_data_key(entropy: &dyn Entropy) -> Result<SecretBytes, VaultError> {
    // Filled in place, so that no copy is left on the stack.
    let mut bytes = vec![0; KEY_LENGTH];
    entropy.fill(&mut bytes)?;
    Ok(SecretBytes::new(bytes))
}

fn key_check_place() -> Place<'static> {
    Place { table: "meta", column: "key_check_sealed", row: Id([0; 16]), bound: &[] }
}

/// Wraps the data key, and checks that it can be unwrapped again.
pub(super) fn wrap_and_try(key: &dyn KeyEncryption, data_key: &SecretBytes) -> Result<Vec<u8>, VaultError> {
    let wrapped = key.wrap(data_key)?;
    if key.unwrap(&wrapped)? == *data_key { Ok(wrapped) } else { Err(VaultError::KeyRefused) }
}

/// Generates a data key of this generation. Returns the sealer, the wrapped key and its check value.
pub(super) fn make_key(
    key: &dyn KeyEncryption,
    entropy: &dyn Entropy,
    generation: i64,
) -> Result<(Sealer, Vec<u8>, Vec<u8>), VaultError> {
    let data_key = make_data_key(entropy)?;
    let wrapped = wrap_and_try(key, &data_key)?;
    let sealer = Sealer::new(&data_key, generation).ok_or(VaultError::KeyLost)?;
    let check = sealer.seal(entropy, &key_check_place(), b"")?;
    Ok((sealer, wrapped, check))
}

/// Unwraps the data key. Returns `None` if it is lost.
pub(super) fn unlock(connection: &Connection, key: &dyn KeyEncryption) -> Result<Option<Sealer>, VaultError> {
    let (generation, wrapped, check): (i64, Vec<u8>, Vec<u8>) = connection
        .query_row("SELECT key_generation, wrapped_data_key, key_check_sealed FROM meta", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?
        .ok_or(VaultError::Damaged)?;
    match key.unwrap(&wrapped) {
        Err(KeyError::Unavailable) => Err(VaultError::KeyUnavailable),
        Err(KeyError::Invalid) => Ok(None),
        Ok(data_key) => {
            Ok(Sealer::new(&data_key, generation).filter(|sealer| sealer.open(&key_check_place(), &check).is_ok()))
        }
    }
}

pub(super) fn has_no_account(connection: &Connection) -> Result<bool, VaultError> {
    Ok(connection.query_row("SELECT NOT EXISTS (SELECT 1 FROM account)", [], |row| row.get(0))?)
}

/// Gives a vault whose key is lost a new one, but only if it has no accounts, so that nothing can be lost.
pub(super) fn renew_key(
    connection: &mut Connection,
    key: &dyn KeyEncryption,
    entropy: &dyn Entropy,
) -> Result<Sealer, VaultError> {
    let generation = |sql: &Connection| -> Result<i64, VaultError> {
        Ok(sql.query_row("SELECT key_generation FROM meta", [], |row| row.get(0))?)
    };
    let lost = generation(connection)?;
    let (sealer, wrapped, check) = make_key(key, entropy, lost.saturating_add(1))?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if generation(&transaction)? != lost || !has_no_account(&transaction)? {
        return Err(VaultError::KeyChanged);
    }
    transaction.execute(
        "UPDATE meta SET key_generation = ?1, wrapped_data_key = ?2, key_check_sealed = ?3",
        params![sealer.generation(), wrapped, check],
    )?;
    transaction.commit()?;
    Ok(sealer)
}
