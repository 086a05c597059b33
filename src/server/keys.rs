//! The server's own key and what is derived from it.
//!
//! One file of 32 random bytes, mode 600, or a variable of the environment, from which a key for each purpose is derived (HKDF-SHA-256, RFC 5869).
//! Device secrets, journey states and registrations at rest are sealed under it, recovery codes are stored as codes
//! under it, and so is where users signed on from. This file is the only one of the server that imports the AEAD.

use std::io::Write as _;
use std::path::Path;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};

use crate::ports::{Entropy, EntropyUnavailable, make_bytes};
use crate::protocol::encoding::decode_any;
use crate::secret::{Reason, SecretBytes, SecretText};

/// The variable that may hold the key instead of the file.
pub const KEY_VARIABLE: &str = "PUSH_AUTHENTICATOR_SERVER_KEY";
const KEY_LENGTH: usize = 32;

/// The server's keys.
pub struct Keys {
    seal: LessSafeKey,
    recovery: hmac::Key,
    form: hmac::Key,
    familiar: hmac::Key,
    audit: SecretBytes,
}

/// What a sealed value is bound to, so that it cannot be moved elsewhere.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Table and column, or another name of the kind of value.
    pub kind: &'static str,
    /// The row's own id.
    pub row: &'a [u8],
}

/// Why the keys could not be had, or a value not be opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The key file cannot be read or written.
    #[error("The server's key file {0} cannot be used: {1}. Check its owner and that its mode is 600.")]
    File(String, #[source] std::io::Error),
    /// The key file is readable by others.
    #[error("The server's key file {0} is readable by other users. Run: chmod 600 {0}, or set {KEY_VARIABLE}.")]
    TooOpen(String),
    /// The key file does not hold a key.
    #[error("The server's key file {0} does not hold a key of 32 bytes. Restore it from a backup.")]
    NotAKey(String),
    /// There is a database, and the key that it was made with is not there.
    #[error(
        "The server's key {0} is gone, and the database beside it was made with it. Restore it, or set {KEY_VARIABLE}."
    )]
    Gone(String),
    /// The key is another one than the database was made with.
    #[error("The server's key is not the one that the database was made with. Use that one.")]
    AnotherKey,
    /// The environment does not hold a key.
    #[error("The environment's {KEY_VARIABLE} is not base64 of 32 bytes.")]
    NotAKeyInEnvironment,
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
    /// The value was not sealed under this key at this place.
    #[error("A stored value cannot be opened with this server key. Was the key file replaced?")]
    Sealed,
}

impl Keys {
    /// The key as an environment holds it: base64 of 32 bytes.
    pub fn from_text(text: &SecretText) -> Result<Self, KeyError> {
        match decode_any(text.expose(Reason::Seal).trim()).map(SecretBytes::new) {
            Ok(bytes) if bytes.len() == KEY_LENGTH => Self::derive(&bytes),
            _ => Err(KeyError::NotAKeyInEnvironment),
        }
    }

    /// Reads the key file, or makes it when it is not there.
    pub fn load_or_make(file: &Path, entropy: &dyn Entropy) -> Result<Self, KeyError> {
        let name = || file.display().to_string();
        match std::fs::read(file) {
            Ok(bytes) => {
                let bytes = SecretBytes::new(bytes);
                refuse_open_file(file)?;
                if bytes.len() != KEY_LENGTH {
                    return Err(KeyError::NotAKey(name()));
                }
                Self::derive(&bytes)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let bytes = SecretBytes::new(make_bytes::<KEY_LENGTH>(entropy)?.to_vec());
                match write_new_private_file(file, bytes.expose(Reason::HandOver)) {
                    // Another process made it in between: its key counts.
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                        Self::load_or_make(file, entropy)
                    }
                    Err(error) => Err(KeyError::File(name(), error)),
                    Ok(()) => Self::derive(&bytes),
                }
            }
            Err(error) => Err(KeyError::File(name(), error)),
        }
    }

    fn derive(bytes: &SecretBytes) -> Result<Self, KeyError> {
        let root =
            hkdf::Salt::new(hkdf::HKDF_SHA256, b"push-authenticator server key 1").extract(bytes.expose(Reason::Seal));
        let expand = |purpose: &'static [u8]| -> Result<[u8; KEY_LENGTH], KeyError> {
            let mut key = [0u8; KEY_LENGTH];
            root.expand(&[purpose], hkdf::HKDF_SHA256)
                .and_then(|okm| okm.fill(&mut key))
                .map_err(|_| KeyError::Sealed)?;
            Ok(key)
        };
        Ok(Self {
            seal: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &expand(b"seal")?).map_err(|_| KeyError::Sealed)?),
            recovery: hmac::Key::new(hmac::HMAC_SHA256, &expand(b"recovery code")?),
            form: hmac::Key::new(hmac::HMAC_SHA256, &expand(b"form token")?),
            familiar: hmac::Key::new(hmac::HMAC_SHA256, &expand(b"familiar")?),
            audit: SecretBytes::new(expand(b"audit log")?.to_vec()),
        })
    }

    /// Seals bytes for a place: AES-256-GCM, a random nonce before the ciphertext.
    pub fn seal(&self, place: Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, KeyError> {
        let nonce = make_bytes::<NONCE_LEN>(entropy)?;
        let mut sealed = plain.to_vec();
        self.seal
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.bytes()), &mut sealed)
            .map_err(|_| KeyError::Sealed)?;
        sealed.splice(0..0, nonce);
        Ok(sealed)
    }

    /// Opens what was sealed for this place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<SecretBytes, KeyError> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Sealed)?;
        let mut bytes = sealed.to_vec();
        let length = self
            .seal
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place.bytes()), &mut bytes)
            .map_err(|_| KeyError::Sealed)?
            .len();
        bytes.truncate(length);
        Ok(SecretBytes::new(bytes))
    }

    /// What is stored of a recovery code.
    pub fn recovery_code_tag(&self, user: &str, code: &str) -> Vec<u8> {
        tag(&self.recovery, &[user.as_bytes(), code.as_bytes()])
    }

    /// What is stored of where a user signed on from, or with what: `kind` says which.
    pub fn familiar_tag(&self, user: &str, kind: &str, value: &str) -> Vec<u8> {
        tag(&self.familiar, &[user.as_bytes(), kind.as_bytes(), value.as_bytes()])
    }

    /// The key that the audit log is chained under.
    pub fn audit_key(&self) -> &SecretBytes {
        &self.audit
    }

    /// The token that a form of a signed-in page must carry.
    pub fn form_tag(&self, session: &[u8]) -> Vec<u8> {
        tag(&self.form, &[session])
    }
}

impl Place<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"push-authenticator server 1".to_vec();
        for part in [self.kind.as_bytes(), self.row] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }
}

fn tag(key: &hmac::Key, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign().as_ref().to_vec()
}

/// Writes a file that is not there yet, readable by its owner only.
pub fn write_new_private_file(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.open(file)?;
    opened.write_all(bytes)?;
    opened.sync_all()
}

fn refuse_open_file(file: &Path) -> Result<(), KeyError> {
    let name = || file.display().to_string();
    let is_open = is_open_to_others(file).map_err(|error| KeyError::File(name(), error))?;
    if is_open { Err(KeyError::TooOpen(name())) } else { Ok(()) }
}

/// Returns whether others than its owner may do anything with the file.
#[cfg(unix)]
pub fn is_open_to_others(file: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(std::fs::metadata(file)?.permissions().mode() & 0o077 != 0)
}

/// Whether a secret that somebody else put there, an administrator or an orchestrator, is open to others than this
/// server. The server's own key is its own file and has no group: [`is_open_to_others`].
#[cfg(unix)]
pub(super) fn is_open_secret(file: &Path) -> std::io::Result<bool> {
    Ok(is_open_to_others(file)? && !is_given_to_this_group(file)?)
}

/// Whether the file is one that the system gave this process through a group, and nobody else: readable at most for one
/// of its own groups, and of root or of its own user. Kubernetes mounts secrets so for a pod with an `fsGroup`.
#[cfg(target_os = "linux")]
fn is_given_to_this_group(file: &Path) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(file)?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    Ok(is_of_process(&status, metadata.uid(), metadata.gid(), metadata.mode()))
}

/// Elsewhere a process cannot learn its groups without unsafe code.
#[cfg(all(unix, not(target_os = "linux")))]
fn is_given_to_this_group(_file: &Path) -> std::io::Result<bool> {
    Ok(false)
}

/// Whether the file's user is root or the process's own, its group one of the process's own, and nobody can do more
/// than read it. Only root may be able to write, where the process is another user. `status` is `/proc/self/status`
/// (proc_pid_status(5)): real, effective, saved and file system ids.
#[cfg(target_os = "linux")]
fn is_of_process(status: &str, user: u32, group: u32, mode: u32) -> bool {
    let ids = |name: &str| -> Vec<u32> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().filter_map(|id| id.parse().ok()).collect()
    };
    let own_user = ids("Uid:").get(1).copied();
    let own_group = ids("Gid:").get(1).copied();
    let is_own = own_user == Some(user);
    let allowed = if is_own { 0o440 } else { 0o640 };
    (is_own || user == 0)
        && own_user.is_some()
        && (own_group == Some(group) || ids("Groups:").contains(&group))
        && mode & 0o777 & !allowed == 0
}

/// Where there are no such modes, nobody can tell.
#[cfg(not(unix))]
pub(super) fn is_open_secret(_file: &Path) -> std::io::Result<bool> {
    Ok(false)
}

/// Where there are no such modes, nobody can tell.
#[cfg(not(unix))]
pub(super) fn is_open_to_others(_file: &Path) -> std::io::Result<bool> {
    Ok(false)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// A test does not run as another user, so who a process is comes from a text.
    #[test]
    fn a_file_of_root_for_the_servers_group_is_closed_enough() {
        let status = "Name:\tserver\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1001\t1000\t1000\nGroups:\t5 2000 \n";
        assert!(is_of_process(status, 0, 2000, 0o100440) && is_of_process(status, 0, 2000, 0o640));
        assert!(is_of_process(status, 1000, 1001, 0o440));
        assert!(!is_of_process(status, 1000, 1001, 0o640), "its own user can close it");
        for mode in [0o444, 0o460, 0o442, 0o450] {
            assert!(!is_of_process(status, 0, 2000, mode), "{mode:o}");
        }
        assert!(!is_of_process(status, 0, 2001, 0o440) && !is_of_process(status, 1001, 2000, 0o440));
        assert!(!is_of_process("", 0, 0, 0o440));
    }
}
