//! The data folder: the server's key and the database, which fit each other or are not opened.

use std::path::Path;

use super::StartError;
use super::configuration::Configuration;
use super::key_file::KeyFile;
use super::keys::{KEY_VARIABLE, KeyError, Keys};
use super::store::{Store, StoreError, Transaction, key_check};
use crate::ports::Entropy;

/// Name of the database in the data folder.
pub(super) const DATABASE: &str = "server.db";

/// Opens the server's key and database, for the server and for commands beside it. Where a rotation of the key was cut
/// off after its commit, brings it to its end.
pub fn open_data(configuration: &Configuration, entropy: &dyn Entropy) -> Result<(Keys, Store), StartError> {
    let folder = &configuration.data;
    make_private_folder(folder).map_err(|error| StartError::Folder(folder.display().to_string(), error))?;
    let database = folder.join(DATABASE);
    make_private_database(&database).map_err(|error| StartError::Folder(folder.display().to_string(), error))?;
    let file = KeyFile::in_folder(folder);
    let (store, (keys, is_next)) = Store::open_with(&database, |transaction| {
        let (keys, is_next) = match key_of_environment()? {
            Some(keys) => (keys, false),
            None => key_of_file(transaction, &file, entropy)?,
        };
        let keys = key_check::check(transaction, keys, entropy)?;
        if is_next {
            // A write, so that the rotation's own commit is on the disk, too, before the old key goes.
            key_check::touch(transaction)?;
        }
        Ok((keys, is_next))
    })?;
    if is_next {
        // In a transaction, which a rotation holds while it makes its key: that one must not be taken for this one.
        Store::once(&database, |transaction| match key_of_file(transaction, &file, entropy)? {
            (_, true) => Ok(file.adopt_next()?),
            (_, false) => Ok(()),
        })?;
        tracing::warn!("a rotation of the server's key had been cut off; it is brought to its end");
    }
    Ok((keys, store))
}

/// The server's key where the environment holds it.
pub fn key_of_environment() -> Result<Option<Keys>, KeyError> {
    Keys::of_environment(KEY_VARIABLE)
}

/// The key in the data folder, made where there is neither a key nor a database, and whether it is the next one of a
/// rotation. A next key that the database is not sealed under yet stays where it is: its rotation may be going on.
fn key_of_file(transaction: &Transaction, file: &KeyFile, entropy: &dyn Entropy) -> Result<(Keys, bool), StoreError> {
    let present = file.read()?;
    let fits = |keys: &Keys| key_check::fits(transaction, keys);
    if key_check::is_there(transaction)? && !present.as_ref().map(fits).transpose()?.unwrap_or_default() {
        if let Some(next) = file.read_next()?
            && fits(&next)?
        {
            return Ok((next, true));
        }
        if present.is_none() {
            return Err(KeyError::Gone(file.path().display().to_string()).into());
        }
    }
    Ok((present.map_or_else(|| file.make(entropy), Ok)?, false))
}

/// Makes the folder where it is not there, closed to other users: the database holds password hashes. One that is there
/// is closed to them.
pub fn make_private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    close_to_others(folder, 0o700);
    Ok(())
}

/// Makes the database's file where it is not there, and closes it and its logs to other users.
fn make_private_database(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?;
    for end in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(end);
        close_to_others(Path::new(&name), 0o600);
    }
    Ok(())
}

/// Takes from others what they may do with this, and says so. Where that cannot be done, the server says so and goes on:
/// on some volumes the owner is another user.
#[cfg(unix)]
fn close_to_others(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    let Ok(metadata) = std::fs::metadata(path) else { return };
    if metadata.permissions().mode() & 0o077 == 0 {
        return;
    }
    match std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)) {
        Ok(()) => tracing::warn!("{} was open to other users; its mode is {mode:o} now", path.display()),
        Err(error) => tracing::warn!("{} is open to other users and could not be closed: {error}", path.display()),
    }
}

/// Where there are no such modes there is nothing to do.
#[cfg(not(unix))]
fn close_to_others(_path: &Path, _mode: u32) {}
