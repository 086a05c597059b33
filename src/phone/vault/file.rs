//! The vault's file as SQLite opens it: its mode, its waiting for other processes, its pragmas. Knows no table.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::VaultError;

/// How long to wait for another process that writes.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait between two tries where the database itself does not wait.
const BUSY_RETRY: Duration = Duration::from_millis(10);

/// How many pages the write-ahead log may have before they are written back.
const CHECKPOINT_PAGES: i64 = 4000;

/// Makes the file where there is none, readable by its owner only.
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

/// Switches a new file to the write-ahead log; on others it changes nothing. For this one lock SQLite does not keep to
/// the busy timeout: of two processes that open a new file at once, one would be refused without the retries here.
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
    // Readers and one writer at the same time: app and notification extension share the file.
    use_write_ahead_log(connection)?;
    // A commit is on the disk when it returns, after power loss too; fullfsync is what that takes on Apple's systems.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "checkpoint_fullfsync", true)?;
    // Writing pages back takes waiting for the disk twice; a log of some megabytes is read as fast.
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    // Removed rows are overwritten.
    connection.pragma_update(None, "secure_delete", true)?;
    // Removing an account takes everything of it along.
    connection.pragma_update(None, "foreign_keys", true)?;
    // Intermediate results never reach a file; code inside an edited schema is not run.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}
