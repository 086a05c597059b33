//! What can go wrong with the vault, in words for a person. Knows nothing of what was being stored.

use rusqlite::ErrorCode;

use super::KeyError;
use crate::ports::EntropyUnavailable;

/// `SQLITE_IOERR_SHMSIZE` of SQLite's extended result codes.
const IOERR_SHMSIZE: i32 = 4874;

/// The vault could not do what was asked of it. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The file is no vault, or parts of it cannot be read. It is left as it is.
    #[error("The vault is damaged. It was left as it is; restore it from a backup, or set it aside and start anew.")]
    Damaged,
    /// The file is a database of another kind. It is left as it is.
    #[error("This file is not a vault of this app. It was left as it is; choose another file.")]
    NotAVault,
    /// Written by a newer version.
    #[error("The vault was written by a newer version of this app (format {found}, known is {known}). Update the app.")]
    NewerVersion {
        /// Format of the file.
        found: i64,
        /// Newest format that this version knows.
        known: i64,
    },
    /// The key encryption key is not the one that this vault was made with, or is lost.
    #[error("The key to this vault's secrets is lost. The accounts have to be removed and added again.")]
    KeyLost,
    /// A key encryption key that was to be taken does not unwrap what it wrapped, or says that it is none.
    #[error(
        "The device's key store gave a key that does not work. Nothing was changed; restart the device and try again."
    )]
    KeyRefused,
    /// The platform's key store cannot be reached now.
    #[error("The device's key store is not available right now. Unlock the device and try again.")]
    KeyUnavailable,
    /// Another process gave the vault a new key since it was opened here.
    #[error("The vault's key was changed by another part of the app. Open the vault again.")]
    KeyChanged,
    /// A sealed value does not belong where it stands, or what it is bound to was edited.
    #[error("An entry of the vault ({table}) was changed from outside this app and is not used.")]
    Tampered {
        /// The table the entry stands in.
        table: &'static str,
    },
    /// Somebody else holds the vault for too long.
    #[error("The vault is in use by another part of the app. Try again.")]
    Busy,
    /// No room left.
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
    /// A stable name for programs.
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

/// An error of a use-case, which may be the vault's.
pub(in crate::phone) trait MayBeDamage: From<VaultError> {
    /// Whether it says that the vault is damaged.
    fn is_damage(&self) -> bool;
}

impl MayBeDamage for VaultError {
    fn is_damage(&self) -> bool {
        *self == Self::Damaged
    }
}

impl From<rusqlite::Error> for VaultError {
    fn from(error: rusqlite::Error) -> Self {
        // What SQLite says when there is no room for the index of the write-ahead log.
        if matches!(&error, rusqlite::Error::SqliteFailure(failure, _) if failure.extended_code == IOERR_SHMSIZE) {
            return Self::Full;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::NotWritable,
            // The code's own text: SQLite's message could quote a value.
            Some(code) => Self::Storage(format!("{code:?}")),
            // A value of another type than the schema says, or a row that has to be there and is not.
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
