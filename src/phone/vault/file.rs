//! The vault's file as SQLite opens it: its mode, waiting for other processes, and pragmas. Independent of the tables.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::VaultError;

/// How long to wait for another process that is writing.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait between two attempts when SQLite itself does not wait.
const BUSY_RETRY: Duration = Duration::from_millis(10);

/// How many pages the write-ahead log may have before they are written back to the database.
const CHECKPOINT_PAGES: i64 = 4000;

/// Creates the file if there is none, readable by its owner only.
pub(super) fn create_private(file: &Path) -> Result<(), VaultError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Err(VaultError::Full),
        Err(_) => Err(VaultError::NotWritable),
    }
}

/// Switches a new file to the write-ahead log; for other files this changes nothing. SQLite ignores the busy timeout
/// for this one lock, so that of two processes that open a new file at the same time, one would fail without these
/// retries.
fn use_write_ahead_log(connection: &Connection) -> Result<(), VaultError> {
    let mut retries = BUSY_TIMEOUT.as_millis() / BUSY_RETRY.as_millis();
    connection.busy_timeout(Duration::ZERO)?;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(VaultError::from) {
            Err(VaultError::Busy) if retries > 0 => {
                retries -= 1;
                std::thread::sleep(BUSY_RETRY);
            }
            result => {
                connection.busy_timeout(BUSY_TIMEOUT)?;
                return result;
            }
        }
    }
}

pub(super) fn set_pragmas(connection: &Connection) -> Result<(), VaultError> {
    // Allows readers and one writer at the same time, because app and notification extension share the file.
    use_write_ahead_log(connection)?;
    // A commit is on the disk when it returns and survives a power failure. On Apple's systems this takes fullfsync.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // Writing pages back waits for the disk twice, and a log of a few megabytes is just as fast to read.
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // Overwrites removed rows.
    connection.pragma_update(None, "secure_delete", true)?;
    // Removing an account removes everything that belongs to it.
    connection.pragma_update(None, "foreign_keys", true)?;
    // Intermediate results never reach a file, and code inside an edited schema does not run.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}
