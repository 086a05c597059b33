//! One server for one data folder: a lock on a file beside the database, held as long as the server runs.
//!
//! The operating system lets go of it when the process ends, however it ends. Commands beside a running server do not
//! take it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

const NAME: &str = "server.lock";

/// The lock on a data folder; let go when dropped.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// Why the data folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another server has it.
    #[error("Another server ({0}) uses the data folder {1} already. Stop it first, or give this one another folder.")]
    Taken(String, String),
    /// The lock's file cannot be used.
    #[error("The lock file {0} cannot be used: {1}. Check the owner of the data folder.")]
    File(String, #[source] std::io::Error),
}

impl DataLock {
    /// Takes the folder for this process.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(NAME);
        let failed = |error| LockError::File(path.display().to_string(), error);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.take(32).read_to_string(&mut text);
                let holder = match text.trim().parse::<u32>() {
                    Ok(id) => format!("process {id}"),
                    Err(_) => "its process is not known".to_owned(),
                };
                return Err(LockError::Taken(holder, folder.display().to_string()));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Shorter than what stood there before only where a process id is, so the rest is cut off first.
        file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0))).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}
