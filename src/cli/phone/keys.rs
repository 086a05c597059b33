//! Platform keys for a machine without a keystore: files with mode 600 beside the vault.
//!
//! Good enough for trying and testing; anyone who can read the files can read the vault. The biometric key file stands
//! in for a fingerprint.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::cli::output::Failure;
use crate::phone::{KeyEncryption, KeyError, SlotWrapper};
use crate::ports::{Entropy as _, SystemEntropy, make_bytes};
use crate::secret::{Reason, SecretBytes};
use crate::server::keys::is_open_to_others;

const KEY_LENGTH: usize = 32;

/// A key in a file.
pub(in crate::cli) struct FileKey(PathBuf);

impl FileKey {
    pub(in crate::cli) fn new(file: PathBuf) -> Self {
        Self(file)
    }

    /// Returns whether the file exists.
    pub(in crate::cli) fn exists(&self) -> bool {
        self.0.exists()
    }

    /// Rejects a file that other users may read, because anyone who has it can open the vault.
    pub(in crate::cli) fn refuse_open(&self) -> Result<(), Failure> {
        if self.exists() && is_open_to_others(&self.0).unwrap_or_default() {
            let file = self.0.display();
            let message = format!("The phone's key {file} is readable by other users. Run: chmod 600 {file}");
            return Err(Failure::new("open-key", &message));
        }
        Ok(())
    }

    /// Creates the file with a new key.
    pub(in crate::cli) fn make(&self) -> Result<(), KeyError> {
        let mut key = [0u8; KEY_LENGTH];
        SystemEntropy::new().fill(&mut key).map_err(|_| KeyError::Unavailable)?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.0).map_err(|_| KeyError::Unavailable)?;
        file.write_all(&key).and_then(|()| file.sync_all()).map_err(|_| KeyError::Unavailable)
    }

    fn load(&self) -> Result<LessSafeKey, KeyError> {
        let bytes = match std::fs::read(&self.0) {
            Ok(bytes) => SecretBytes::new(bytes),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(KeyError::Invalid),
            Err(_) => return Err(KeyError::Unavailable),
        };
        let key = UnboundKey::new(&AES_256_GCM, bytes.expose(Reason::Seal)).map_err(|_| KeyError::Invalid)?;
        Ok(LessSafeKey::new(key))
    }

    fn seal(&self, plain: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        let nonce = make_bytes::<NONCE_LEN>(&SystemEntropy::new()).map_err(|_| KeyError::Unavailable)?;
        let mut sealed = plain.expose(Reason::Seal).to_vec();
        self.load()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .map_err(|_| KeyError::Invalid)?;
        sealed.splice(0..0, nonce);
        Ok(sealed)
    }

    /// Decrypts what was encrypted with this key.
    pub(in crate::cli) fn open(&self, sealed: &[u8]) -> Result<SecretBytes, KeyError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Invalid)?;
        let mut bytes = sealed.to_vec();
        let length = self
            .load()?
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut bytes)
            .map_err(|_| KeyError::Invalid)?
            .len();
        bytes.truncate(length);
        Ok(SecretBytes::new(bytes))
    }
}

impl KeyEncryption for FileKey {
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        if !self.exists() {
            self.make()?;
        }
        self.seal(data_key)
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        self.open(wrapped)
    }
}

impl SlotWrapper for FileKey {
    fn wrap(&self, slot: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        self.seal(slot)
    }
}

/// Paths of the vault and its keys in a folder.
pub(in crate::cli) struct Files {
    pub(in crate::cli) vault: PathBuf,
    pub(in crate::cli) key: FileKey,
    pub(in crate::cli) biometric: FileKey,
}

impl Files {
    pub(in crate::cli) fn of(folder: &Path) -> Self {
        Self {
            vault: folder.join("vault.db"),
            key: FileKey::new(folder.join("vault.key")),
            biometric: FileKey::new(folder.join("biometric.key")),
        }
    }
}
