//! The vault: one SQLite file with everything that the phone stores, its secrets sealed.
//!
//! The only module that uses the database. It stores and finds rows, independent of the use cases: its callers decide
//! when a row may change, inside the transaction that [`Vault::write`] gives them. Foreign code (the platform's key) is
//! called only while opening and rewrapping, outside of any transaction.

mod accounts;
mod data_key;
mod device_keys;
mod error;
mod events;
mod file;
mod migration;
mod notifications;
mod oath;
mod outbox;
mod schema;
mod seal;
mod tokens;
mod transaction;

use std::cell::RefCell;
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use data_key::{has_no_account, make_key, renew_key, unlock, wrap_and_try};
pub(super) use error::MayBeDamage;
pub use error::VaultError;
pub(super) use events::{EventRecord, Listener};
use file::{BUSY_TIMEOUT, create_private, set_pragmas};
use migration::{make_tables, migrate};
pub(super) use notifications::{NotificationRecord, ReplayRecord};
pub(super) use outbox::{NewRequest, OutboxRecord};
pub(super) use seal::length_prefixed;
use seal::{Place, Sealer};
pub(super) use tokens::{PushToken, TokenRecord};
use transaction::Transaction;

use super::credential::Id;
use crate::ports::Entropy;
use crate::secret::SecretBytes;

/// Page size of new files, in bytes.
const PAGE_SIZE: i64 = 2048;
/// Number of prepared statements to keep: every one that receiving and answering a message runs.
const PREPARED_STATEMENTS: usize = 48;

/// The platform's key encryption key: it wraps the vault's data key and never leaves the platform's key store.
///
/// Called while the vault is opened or its key is rewrapped, but never while a lock or transaction of the vault is
/// held.
pub trait KeyEncryption: Send + Sync {
    /// Encrypts the data key.
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError>;
    /// Decrypts the output of [`wrap`](Self::wrap).
    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError>;
}

/// The platform's key could not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key is not available now, because the device has not been unlocked yet or the key store is busy. Trying
    /// again helps.
    #[error("The device's key store is not available right now. Unlock the device and try again.")]
    Unavailable,
    /// The key is gone for good, or is a different one.
    #[error("The key is lost or is another one.")]
    Invalid,
}

/// Whether other processes may have the file open at the same time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// Other processes may have the file open.
    Shared,
    /// Only this process may have the file open.
    Alone,
}

/// An open vault.
pub(super) struct Vault {
    connection: Mutex<Connection>,
    /// `None` if the key is lost; anything that is not sealed can still be read and removed.
    sealer: Option<Sealer>,
    entropy: Arc<dyn Entropy>,
    /// Whether the write-ahead log still has to be emptied, because an earlier attempt failed.
    log_is_to_empty: AtomicBool,
    /// The listener for durable events.
    listener: OnceLock<Listener>,
}

/// The rows within one transaction.
pub(super) struct Reader<'a> {
    sql: &'a Connection,
    sealer: Option<&'a Sealer>,
}

/// The rows within one transaction that may change them, all or nothing.
pub(super) struct Writer<'a> {
    reader: Reader<'a>,
    entropy: &'a dyn Entropy,
    /// Events stored by this transaction.
    noted: RefCell<Vec<EventRecord>>,
}

impl<'a> Deref for Writer<'a> {
    type Target = Reader<'a>;
    fn deref(&self) -> &Reader<'a> {
        &self.reader
    }
}

impl Vault {
    /// Opens the file, or creates a vault if there is none. If there is no space for the index of the write-ahead log,
    /// the vault is opened for this process alone, which keeps that index in memory, so that reading needs no disk
    /// space.
    pub(super) fn open(file: &Path, key: &dyn KeyEncryption, entropy: Arc<dyn Entropy>) -> Result<Self, VaultError> {
        match Self::open_as(file, key, Arc::clone(&entropy), Sharing::Shared) {
            Err(VaultError::Full) => Self::open_as(file, key, entropy, Sharing::Alone),
            opened => opened,
        }
    }

    fn open_as(
        file: &Path,
        key: &dyn KeyEncryption,
        entropy: Arc<dyn Entropy>,
        sharing: Sharing,
    ) -> Result<Self, VaultError> {
        create_private(file)?;
        let mut connection =
            Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        if sharing == Sharing::Alone {
            // Set before anything is read, because the first read decides where the index is.
            connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        }
        connection.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
        // Otherwise SQLite would prepare a cached statement again for different values bound to it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        // Checked before anything is set: a rejected file must stay as it is, and so must a log next to it.
        leave_log(&connection, true)?;
        let version = version(&*connection.transaction()?)?;
        if version == 0 {
            // Takes effect only while the file is still empty. Pages are small, because a message changes few bytes in
            // many pages.
            connection.pragma_update(None, "page_size", PAGE_SIZE)?;
        }
        set_pragmas(&connection)?;
        match version {
            0 => make(&mut connection, key, &*entropy)?,
            schema::VERSION => {}
            _ => migrate(&mut connection)?,
        }
        let sealer = match unlock(&connection, key)? {
            None if has_no_account(&connection)? => Some(renew_key(&mut connection, key, &*entropy)?),
            sealer => sealer,
        };
        // On a full disk, nothing could be written back.
        leave_log(&connection, sharing == Sharing::Alone)?;
        Ok(Self {
            connection: Mutex::new(connection),
            sealer,
            entropy,
            log_is_to_empty: AtomicBool::new(false),
            listener: OnceLock::new(),
        })
    }

    /// Returns the data key wrapped under this key, after checking that the key unwraps it again. Stores nothing.
    pub(super) fn wrap_data_key(&self, key: &dyn KeyEncryption) -> Result<Vec<u8>, VaultError> {
        wrap_and_try(key, self.sealer.as_ref().ok_or(VaultError::KeyLost)?.data_key())
    }

    /// Returns whether the secrets can be read.
    pub(super) fn is_readable(&self) -> bool {
        self.sealer.is_some()
    }

    /// Runs `work` with read access to the rows.
    pub(super) fn read<T, E: MayBeDamage>(&self, work: impl FnOnce(&Reader<'_>) -> Result<T, E>) -> Result<T, E> {
        let connection = self.lock();
        let look = || {
            let _transaction = Transaction::begin(&connection, "BEGIN")?;
            let reader = Reader { sql: &connection, sealer: self.sealer.as_ref() };
            reader.check_generation()?;
            work(&reader)
        };
        look().inspect_err(|error| leave_if_damaged(&connection, error))
    }

    /// Runs `work` with write access to the rows. All changes are durable when this returns; after an error, there are
    /// none.
    pub(super) fn write<T, E: MayBeDamage>(&self, work: impl FnOnce(&Writer<'_>) -> Result<T, E>) -> Result<T, E> {
        let connection = self.lock();
        let change = || {
            // Takes the write lock immediately, so that no other process can change what `work` reads before it writes.
            let transaction = Transaction::begin(&connection, "BEGIN IMMEDIATE")?;
            let writer = Writer {
                reader: Reader { sql: &connection, sealer: self.sealer.as_ref() },
                entropy: &*self.entropy,
                noted: RefCell::default(),
            };
            writer.check_generation()?;
            let result = work(&writer)?;
            let noted = writer.noted.into_inner();
            transaction.commit()?;
            Ok::<_, E>((result, noted))
        };
        let (result, noted) = change().inspect_err(|error| leave_if_damaged(&connection, error))?;
        if self.log_is_to_empty.load(Ordering::Relaxed) {
            self.empty_log(&connection);
        }
        // The listener is foreign code: it may take a long time, or call back.
        drop(connection);
        self.tell(&noted);
        Ok(result)
    }

    /// Empties the write-ahead log, in which removed rows would otherwise stay readable. If that is not possible now,
    /// because another process is reading or the disk is full, it happens after the next change. This is not an error,
    /// because the rows themselves are removed in either case.
    pub(super) fn truncate_log(&self) {
        self.empty_log(&self.lock());
    }

    fn empty_log(&self, connection: &Connection) {
        let blocked = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        self.log_is_to_empty.store(blocked.unwrap_or(true), Ordering::Relaxed);
    }

    /// Ignores poisoning: a panic while the lock was held rolled its transaction back, so the connection is still
    /// usable.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader<'_> {
    /// Returns the data key as the platform's key encryption key wrapped it.
    pub(super) fn wrapped_key(&self) -> Result<Vec<u8>, VaultError> {
        Ok(self.sql.query_row("SELECT wrapped_data_key FROM meta", [], |row| row.get(0))?)
    }

    fn sealer(&self) -> Result<&Sealer, VaultError> {
        self.sealer.ok_or(VaultError::KeyLost)
    }

    fn open_sealed(&self, place: &Place<'_>, sealed: &[u8]) -> Result<SecretBytes, VaultError> {
        self.sealer()?.open(place, sealed)
    }

    fn check_generation(&self) -> Result<(), VaultError> {
        let Some(sealer) = self.sealer else { return Ok(()) };
        let mut statement = self.sql.prepare_cached("SELECT key_generation FROM meta")?;
        let found: i64 = statement.query_row([], |row| row.get(0))?;
        if found == sealer.generation() { Ok(()) } else { Err(VaultError::KeyChanged) }
    }
}

impl Writer<'_> {
    /// Stores the data key as another key encryption key wrapped it. Returns [`VaultError::KeyChanged`] if the stored
    /// one is no longer `seen`.
    pub(super) fn replace_wrapped_key(&self, seen: &[u8], wrapped: &[u8]) -> Result<(), VaultError> {
        let changed =
            self.sql.execute("UPDATE meta SET wrapped_data_key = ?2 WHERE wrapped_data_key = ?1", [seen, wrapped])?;
        if changed == 1 { Ok(()) } else { Err(VaultError::KeyChanged) }
    }

    /// Runs a frequent statement, which is kept prepared.
    fn execute(&self, statement: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize, VaultError> {
        Ok(self.sql.prepare_cached(statement)?.execute(values)?)
    }

    fn seal(&self, place: &Place<'_>, value: &[u8]) -> Result<Vec<u8>, VaultError> {
        self.sealer()?.seal(self.entropy, place, value)
    }
}

/// Sets whether the last connection to close leaves the file and its log as they are, instead of writing the log back.
fn leave_log(connection: &Connection, leave: bool) -> Result<(), VaultError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, leave)?;
    Ok(())
}

/// Leaves a damaged file as it is, because restoring it may require the log.
fn leave_if_damaged(connection: &Connection, error: &impl MayBeDamage) {
    if error.is_damage() {
        // If even that fails, there is nothing left to do.
        let _ = leave_log(connection, true);
    }
}

/// Returns the version of the vault in the file, or 0 if the file is still empty. Fails if it is anything other than a
/// vault of a known version. Must be called inside a transaction, so that all three values are consistent.
fn version(sql: &Connection) -> Result<i64, VaultError> {
    let application: i64 = sql.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: i64 = sql.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = sql.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, version, tables) {
        (0, 0, 0) => Ok(0),
        (schema::APPLICATION_ID, 1..=schema::VERSION, 1..) => Ok(version),
        (schema::APPLICATION_ID, found, _) if found > schema::VERSION => {
            Err(VaultError::NewerVersion { found, known: schema::VERSION })
        }
        (schema::APPLICATION_ID, _, _) => Err(VaultError::Damaged),
        _ => Err(VaultError::NotAVault),
    }
}

fn make(connection: &mut Connection, key: &dyn KeyEncryption, entropy: &dyn Entropy) -> Result<(), VaultError> {
    let (_, wrapped, check) = make_key(key, entropy, 1)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have created the vault in the meantime; then its key stands.
    if version(&transaction)? == 0 {
        make_tables(&transaction)?;
        transaction.execute("INSERT INTO meta VALUES (1, 1, ?1, ?2)", params![wrapped, check])?;
    }
    transaction.commit()?;
    Ok(())
}

/// Skips a damaged row, so that the others can still be read. An unreadable file is reported when stepping from row to
/// row, which this function does not cover.
pub(super) fn skip_damaged<T>(read: Result<Option<T>, VaultError>) -> Result<Option<T>, VaultError> {
    match read {
        Err(VaultError::Damaged) => Ok(None),
        read => read,
    }
}

/// Parses a value that is stored by name.
fn parse_name<T: Copy>(all: &[T], name: fn(T) -> &'static str, stored: &str) -> Result<T, VaultError> {
    all.iter().copied().find(|value| name(*value) == stored).ok_or(VaultError::Damaged)
}

impl rusqlite::ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        Ok(rusqlite::types::ToSqlOutput::from(self.0.as_slice()))
    }
}

impl rusqlite::types::FromSql for Id {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let bytes = value.as_blob()?;
        bytes.try_into().map(Self).map_err(|_| rusqlite::types::FromSqlError::InvalidType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::SystemEntropy;

    struct Plain;
    impl KeyEncryption for Plain {
        fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
            Ok(data_key.expose(crate::secret::Reason::Seal).to_vec())
        }
        fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
            Ok(SecretBytes::new(wrapped.to_vec()))
        }
    }

    /// Most of these apply to one connection only, so they cannot be checked from outside.
    #[test]
    fn pragmas_are_as_the_format_needs_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vault");
        for _ in 0..2 {
            let vault = Vault::open(&file, &Plain, Arc::new(SystemEntropy::new())).unwrap();
            let connection = vault.lock();
            let number =
                |name: &str| -> i64 { connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap() };
            let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
            assert_eq!(mode, "wal");
            assert_eq!(number("synchronous"), 2);
            assert_eq!(number("fullfsync"), 1);
            assert_eq!(number("checkpoint_fullfsync"), 1);
            assert_eq!(number("wal_autocheckpoint"), 4000);
            assert_eq!(number("page_size"), 2048);
            assert_eq!(number("secure_delete"), 1);
            assert_eq!(number("foreign_keys"), 1);
            assert_eq!(number("busy_timeout"), 5000);
            assert_eq!(number("temp_store"), 2);
            assert_eq!(number("trusted_schema"), 0);
            assert_eq!(number("application_id"), schema::APPLICATION_ID);
            assert_eq!(number("user_version"), schema::VERSION);
        }
    }
}
