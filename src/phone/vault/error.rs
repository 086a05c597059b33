//! Errors of the vault, with messages for the user. Independent of what was being stored.

use rusqlite::ErrorCode;

use super::KeyError;
use crate::ports::EntropyUnavailable;

/// SQLite's extended result code `SQLITE_IOERR_SHMSIZE`.
const IOERR_SHMSIZE: i32 = 4874;

/// The vault could not do what it was asked to do. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The file is not a vault, or parts of it cannot be read. It is left as it is.
    #[error("The vault is damaged. It was left as it is; restore it from a backup, or set it aside and start anew.")]
    Damaged,
    /// The file is a database of another kind. It is left as it is.
    #[error("This file is not a vault of this app. It was left as it is; choose another file.")]
    NotAVault,
    /// A newer version wrote the file.
    #[error("The vault was written by a newer version of this app (format {found}, known is {known}). Update the app.")]
    NewerVersion {
        /// Format version of the file.
        found: i64,
        /// Newest format version that this version knows.
        known: i64,
    },
    /// The key encryption key is lost, or is not the one that this vault was created with.
    #[error("The key to this vault's secrets is lost. The accounts have to be removed and added again.")]
    KeyLost,
    /// A new key encryption key does not unwrap what it wrapped, or reports that it is invalid.
    #[error(
        "The device's key store gave a key that does not work. Nothing was changed; restart the device and try again."
    )]
    KeyRefused,
    /// The platform's key store is not reachable right now.
    #[error("The device's key store is not available right now. Unlock the device and try again.")]
    KeyUnavailable,
    /// Another process has given the vault a new key since it was opened here.
    #[error("The vault's key was changed by another part of the app. Open the vault again.")]
    KeyChanged,
    /// A sealed value was moved from its place, or a value bound to it was edited.
    #[error("An entry of the vault ({table}) was changed from outside this app and is not used.")]
    Tampered {
        /// The entry's table.
        table: &'static str,
    },
    /// Another process is holding the vault for too long.
    #[error("The vault is in use by another part of the app. Try again.")]
    Busy,
    /// The disk is full.
    #[error("There is no room left on this device. Nothing was changed; free some space and try again.")]
    Full,
    /// The file or its folder cannot be opened or written.
    #[error("The vault's file cannot be opened or written. Check where it is and who may write there.")]
    NotWritable,
    /// The system's random number generator failed.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// Anything else that the storage reported.
    #[error("The vault could not be read or written: {0}.")]
    Storage(String),
}

impl VaultError {
    /// Returns a stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Damaged => "vault-damaged",
            Self::NotAVault => "not-a-vault",
            Self::NewerVersion { .. } => "vault-newer-version",
            Self::KeyLost => "re-enrolment-needed",
            Self::KeyRefused => "key-refused",
            Self::KeyUnavailable => "key-unavailable",
            Self::KeyChanged => "key-changed",
            Self::Tampered { .. } => "vault-tampered",
            Self::Busy => "vault-busy",
            Self::Full => "storage-full",
            Self::NotWritable => "vault-not-writable",
            Self::Entropy(_) => "entropy-unavailable",
            Self::Storage(_) => "storage",
        }
    }
}

/// An error that may be a damaged vault.
pub(in crate::phone) trait MayBeDamage: From<VaultError> {
    /// Returns whether the error says that the vault is damaged.
    fn is_damage(&self) -> bool;
}

impl MayBeDamage for VaultError {
    fn is_damage(&self) -> bool {
        *self == Self::Damaged
    }
}

impl From<rusqlite::Error> for VaultError {
    fn from(error: rusqlite::Error) -> Self {
        // SQLite returns this if there is no space for the index of the write-ahead log.
        if matches!(&error, rusqlite::Error::SqliteFailure(failure, _) if failure.extended_code == IOERR_SHMSIZE) {
            return Self::Full;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::NotWritable,
            // Only the name of SQLite's result code, because SQLite's message could quote a value.
            Some(code) => Self::Storage(format!("{code:?}")),
            // A value has another type than the schema says, or a required row is missing.
            None => Self::Damaged,
        }
    }
}

impl From<KeyError> for VaultError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Unavailable => Self::KeyUnavailable,
            KeyError::Invalid => Self::KeyRefused,
        }
    }
}
