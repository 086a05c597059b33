//! Another key for the server: makes it, and seals the whole store again under it.
//!
//! One transaction of the database does it, while no server runs. Commands that have the database open store nothing more
//! under the old key ([`StoreError::KeyRotated`]).

use std::path::{Path, PathBuf};

use super::StartError;
use super::configuration::Configuration;
use super::data::{DATABASE, open_data};
use super::key_file::KeyFile;
use super::keys::{KEY_VARIABLE, KeyError, Keys, NEW_KEY_VARIABLE};
use super::lock::{DataLock, LockError};
use super::store::sealed;
use super::store::{Store, StoreError, Transaction, key_check};
use crate::ports::Entropy;

/// What a rotation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// How many values were sealed again; none where an earlier run with the same new key did it.
    pub values: Option<u64>,
    /// The file that holds the new key, unless the environment does.
    pub file: Option<PathBuf>,
}

/// Why the key was not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// A server runs.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Nothing to rotate.
    #[error("There is no database {0}, so there is no key to rotate. Check data in the configuration.")]
    NoDatabase(String),
    /// The old key is in the environment, the new one is not.
    #[error(
        "The server's key is in the environment ({KEY_VARIABLE}), so the new one must be, too: make one with openssl rand \
         -base64 32, keep it where the old one is kept, set {NEW_KEY_VARIABLE} to it beside the old one, and run this \
         again. Nothing was changed."
    )]
    NoNewKey,
    /// The new key is in the environment, the old one is not.
    #[error(
        "{NEW_KEY_VARIABLE} is only for a key in the environment, and {KEY_VARIABLE} is not set. Unset it to have a new \
         key file made. Nothing was changed."
    )]
    NoOldKey,
    /// Both are the same.
    #[error("{NEW_KEY_VARIABLE} holds the same key as {KEY_VARIABLE}. Make another one: openssl rand -base64 32.")]
    SameKey,
    /// Key or database.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl From<StoreError> for RotationError {
    fn from(error: StoreError) -> Self {
        Self::Start(error.into())
    }
}

impl From<KeyError> for RotationError {
    fn from(error: KeyError) -> Self {
        Self::Start(error.into())
    }
}

/// Replaces the server's key. `note` writes the audit event, in the transaction that seals the store again.
pub fn rotate_key(
    configuration: &Configuration,
    entropy: &dyn Entropy,
    note: impl FnOnce(&Transaction) -> Result<(), StoreError>,
) -> Result<Rotated, RotationError> {
    let folder = &configuration.data;
    let database = folder.join(DATABASE);
    if !database.exists() {
        return Err(RotationError::NoDatabase(database.display().to_string()));
    }
    let _lock = DataLock::take(folder)?;
    match (Keys::of_environment(KEY_VARIABLE)?, Keys::of_environment(NEW_KEY_VARIABLE)?) {
        (Some(old), Some(new)) => in_environment(&database, old, &new, entropy, note),
        (Some(_), None) => Err(RotationError::NoNewKey),
        (None, Some(_)) => Err(RotationError::NoOldKey),
        (None, None) => {
            // Brings an earlier rotation to its end, and the database to this version.
            drop(open_data(configuration, entropy)?);
            in_file(&database, &KeyFile::in_folder(folder), entropy, note)
        }
    }
}

fn in_file(
    database: &Path,
    file: &KeyFile,
    entropy: &dyn Entropy,
    note: impl FnOnce(&Transaction) -> Result<(), StoreError>,
) -> Result<Rotated, RotationError> {
    let values = Store::once(database, |transaction| {
        let old = file.read()?.ok_or_else(|| KeyError::Gone(file.path().display().to_string()))?;
        let old = key_check::check(transaction, old, entropy)?;
        // The lock is held and the present key fits: no rotation waits for the key that may lie there.
        let new = file.make_next(entropy)?;
        hand_over(transaction, &old, &new, entropy, note).inspect_err(|_| {
            // Nothing is sealed under it, and the next rotation replaces it if it stays.
            let _ = file.discard_next();
        })
    })?;
    // Where the commit failed, the next key stays: whether the database is sealed under it shows when it is opened next.
    file.adopt_next()?;
    Ok(Rotated { values: Some(values), file: Some(file.path().to_owned()) })
}

fn in_environment(
    database: &Path,
    old: Keys,
    new: &Keys,
    entropy: &dyn Entropy,
    note: impl FnOnce(&Transaction) -> Result<(), StoreError>,
) -> Result<Rotated, RotationError> {
    if old.is(new) {
        return Err(RotationError::SameKey);
    }
    let values = Store::once(database, |transaction| match key_check::check(transaction, old, entropy) {
        Ok(old) => hand_over(transaction, &old, new, entropy, note).map(Some),
        // Run once more after it was cut off, or by mistake: the old key has done its duty.
        Err(StoreError::Key(KeyError::AnotherKey)) if key_check::fits(transaction, new)? => Ok(None),
        Err(error) => Err(error),
    })?;
    Ok(Rotated { values, file: None })
}

fn hand_over(
    transaction: &Transaction,
    old: &Keys,
    new: &Keys,
    entropy: &dyn Entropy,
    note: impl FnOnce(&Transaction) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    // Before the hand-over, which seals all events under the old key and signs the last of them under the new one.
    note(transaction)?;
    sealed::hand_over(transaction, old, new, entropy)
}
