//! The file of the server's key, mode 600, and the one beside it that holds the next key while the store is sealed again.
//!
//! A rotation writes `server.key.new`, commits the database, and only then renames it to `server.key`. Where it is
//! killed in between, the database fits one of the two, and the next program that opens it goes on from there.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::keys::{KEY_LENGTH, KeyError, Keys, is_open_to_others};
use crate::ports::{Entropy, make_bytes};
use crate::secret::{Reason, SecretBytes};

/// The file of the server's key in a data folder.
pub struct KeyFile {
    present: PathBuf,
    next: PathBuf,
}

impl KeyFile {
    /// The file in this data folder, whether it is there or not.
    pub fn in_folder(folder: &Path) -> Self {
        Self { present: folder.join("server.key"), next: folder.join("server.key.new") }
    }

    /// Where the key is.
    pub fn path(&self) -> &Path {
        &self.present
    }

    /// The key, where the file is there.
    pub fn read(&self) -> Result<Option<Keys>, KeyError> {
        match read(&self.present)? {
            None => Ok(None),
            Some(bytes) if bytes.len() == KEY_LENGTH => Keys::derive(&bytes).map(Some),
            Some(_) => Err(KeyError::NotAKey(shown(&self.present))),
        }
    }

    /// Makes the key where there is none.
    pub fn make(&self, entropy: &dyn Entropy) -> Result<Keys, KeyError> {
        self.write_new(&self.present, entropy)
    }

    /// The key of a rotation that was cut off; none where its file was not written to the end.
    pub fn read_next(&self) -> Result<Option<Keys>, KeyError> {
        let bytes = read(&self.next)?.filter(|bytes| bytes.len() == KEY_LENGTH);
        bytes.map(|bytes| Keys::derive(&bytes)).transpose()
    }

    /// Makes the next key, in the place of one that a rotation left which did not happen.
    pub fn make_next(&self, entropy: &dyn Entropy) -> Result<Keys, KeyError> {
        let is_link = std::fs::symlink_metadata(&self.present).is_ok_and(|metadata| metadata.is_symlink());
        if is_link {
            return Err(KeyError::Link(shown(&self.present)));
        }
        self.discard_next()?;
        self.write_new(&self.next, entropy)
    }

    /// Removes the next key, which nothing is sealed under.
    pub fn discard_next(&self) -> Result<(), KeyError> {
        match std::fs::remove_file(&self.next) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(KeyError::File(shown(&self.next), error)),
            _ => Ok(()),
        }
    }

    /// Puts the next key into the place of the present one, unless another process did so before.
    pub fn adopt_next(&self) -> Result<(), KeyError> {
        match std::fs::rename(&self.next, &self.present) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(KeyError::NotRenamed(shown(&self.next), shown(&self.present), error))
            }
            _ => self.sync_folder(),
        }
    }

    fn write_new(&self, file: &Path, entropy: &dyn Entropy) -> Result<Keys, KeyError> {
        let bytes = SecretBytes::new(make_bytes::<KEY_LENGTH>(entropy)?.to_vec());
        write_new_private_file(file, bytes.expose(Reason::HandOver))
            .map_err(|error| KeyError::File(shown(file), error))?;
        self.sync_folder()?;
        Keys::derive(&bytes)
    }

    /// Makes names in the folder last: a database on the disk is worth nothing without its key.
    fn sync_folder(&self) -> Result<(), KeyError> {
        #[cfg(unix)]
        if let Some(folder) = self.present.parent() {
            let synced = std::fs::File::open(folder).and_then(|opened| opened.sync_all());
            synced.map_err(|error| KeyError::Folder(shown(folder), error))?;
        }
        Ok(())
    }
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}

/// What is in the file, where it is there; it must be closed to others.
fn read(file: &Path) -> Result<Option<SecretBytes>, KeyError> {
    let failed = |error| KeyError::File(shown(file), error);
    let bytes = match std::fs::read(file) {
        Ok(bytes) => SecretBytes::new(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let is_open = is_open_to_others(file).map_err(failed)?;
    if is_open { Err(KeyError::TooOpen(shown(file))) } else { Ok(Some(bytes)) }
}

/// Writes a file that is not there yet, readable by its owner only.
pub fn write_new_private_file(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(file)?;
    opened.write_all(bytes).and_then(|()| opened.sync_all()).inspect_err(|_| {
        // Half of it is worse than nothing: it would stand in the way of the next attempt.
        let _ = std::fs::remove_file(file);
    })
}
