//! The server's own key and what is derived from it.
//!
//! 32 random bytes in a file (`key_file`) or in a variable of the environment, from which a key for
//! each purpose is derived (HKDF-SHA-256, RFC 5869). Device secrets, journey states and registrations at rest are sealed
//! under it, recovery codes are stored as codes under it, and so is where users signed on from. What cannot be sealed
//! again, because nobody keeps it in plain, stays under keys that outlive a rotation: the kept keys. This file is the
//! only one of the server that imports the AEAD.

use std::path::Path;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};

use crate::ports::{Entropy, EntropyUnavailable, make_bytes};
use crate::protocol::encoding::decode_any;
use crate::secret::{Reason, SecretBytes, SecretText};

/// The variable that may hold the key instead of the file.
pub const KEY_VARIABLE: &str = "PUSH_AUTHENTICATOR_SERVER_KEY";
/// The variable that holds the next key when the one in the environment is rotated.
pub const NEW_KEY_VARIABLE: &str = "PUSH_AUTHENTICATOR_NEW_SERVER_KEY";
/// Length of the server's key, in bytes.
pub(super) const KEY_LENGTH: usize = 32;

/// The server's keys.
pub struct Keys {
    seal: LessSafeKey,
    form: hmac::Key,
    audit: SecretBytes,
    kept: KeptKeys,
}

/// The keys that a rotation hands on to the next server key: of recovery codes and of familiar networks and browsers,
/// which the store knows by their tags only, and of the cookies that known browsers hold. None of them opens a stored
/// value, and none of them signs anybody in by itself.
struct KeptKeys {
    bytes: SecretBytes,
    recovery: hmac::Key,
    familiar: hmac::Key,
    browser: LessSafeKey,
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
    /// The folder of the key file cannot be written to the disk.
    #[error("The folder {0} of the server's key cannot be written to the disk: {1}. Check the disk.")]
    Folder(String, #[source] std::io::Error),
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
    /// The key file is a link, which a rotation would replace.
    #[error("The server's key file {0} is a link. Put the key itself in its place, or rotate where the link leads.")]
    Link(String),
    /// The database is sealed under the next key already, whose file cannot be renamed.
    #[error(
        "The database is sealed under the new key in {0}, which cannot be renamed to {1}: {2}. Rename it yourself."
    )]
    NotRenamed(String, String, #[source] std::io::Error),
    /// The environment does not hold a key.
    #[error("The environment's {0} is not base64 of 32 bytes.")]
    NotAKeyInEnvironment(&'static str),
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
        Self::from_text_of(KEY_VARIABLE, text)
    }

    /// The key in a variable of the environment, where it is set.
    pub fn of_environment(variable: &'static str) -> Result<Option<Self>, KeyError> {
        match std::env::var(variable) {
            Ok(text) => Self::from_text_of(variable, &SecretText::new(text)).map(Some),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(KeyError::NotAKeyInEnvironment(variable)),
        }
    }

    fn from_text_of(variable: &'static str, text: &SecretText) -> Result<Self, KeyError> {
        match decode_any(text.expose(Reason::Seal).trim()).map(SecretBytes::new) {
            Ok(bytes) if bytes.len() == KEY_LENGTH => Self::derive(&bytes),
            _ => Err(KeyError::NotAKeyInEnvironment(variable)),
        }
    }

    /// Derives the keys from the server's key.
    pub(super) fn derive(bytes: &SecretBytes) -> Result<Self, KeyError> {
        let root =
            hkdf::Salt::new(hkdf::HKDF_SHA256, b"push-authenticator server key 1").extract(bytes.expose(Reason::Seal));
        let expand = |purpose: &'static [u8]| -> Result<[u8; KEY_LENGTH], KeyError> {
            let mut key = [0u8; KEY_LENGTH];
            root.expand(&[purpose], hkdf::HKDF_SHA256)
                .and_then(|okm| okm.fill(&mut key))
                .map_err(|_| KeyError::Sealed)?;
            Ok(key)
        };
        let kept = [expand(b"recovery code")?, expand(b"familiar")?, expand(b"known browser")?].concat();
        Ok(Self {
            seal: sealing_key(&expand(b"seal")?)?,
            form: hmac::Key::new(hmac::HMAC_SHA256, &expand(b"form token")?),
            audit: SecretBytes::new(expand(b"audit log")?.to_vec()),
            kept: KeptKeys::new(SecretBytes::new(kept))?,
        })
    }

    /// Returns whether both are derived from the same server key.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.audit == other.audit
    }

    /// The kept keys, as a rotation hands them on.
    pub(super) fn kept(&self) -> &SecretBytes {
        &self.kept.bytes
    }

    /// The same keys with kept keys of an earlier server key in the place of those derived from this one.
    pub(super) fn keeping(self, kept: SecretBytes) -> Result<Self, KeyError> {
        Ok(Self { kept: KeptKeys::new(kept)?, ..self })
    }

    /// Seals bytes for a place: AES-256-GCM, a random nonce before the ciphertext.
    pub fn seal(&self, place: Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, KeyError> {
        seal(&self.seal, place, plain, entropy)
    }

    /// Opens what was sealed for this place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<SecretBytes, KeyError> {
        open(&self.seal, place, sealed)
    }

    /// Seals what a known browser holds: it is to be known after a rotation, too.
    pub fn seal_for_browser(&self, place: Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, KeyError> {
        seal(&self.kept.browser, place, plain, entropy)
    }

    /// Opens what a known browser holds.
    pub fn open_from_browser(&self, place: Place<'_>, sealed: &[u8]) -> Result<SecretBytes, KeyError> {
        open(&self.kept.browser, place, sealed)
    }

    /// What is stored of a recovery code.
    pub fn recovery_code_tag(&self, user: &str, code: &str) -> Vec<u8> {
        tag(&self.kept.recovery, &[user.as_bytes(), code.as_bytes()])
    }

    /// What is stored of where a user signed on from, or with what: `kind` says which.
    pub fn familiar_tag(&self, user: &str, kind: &str, value: &str) -> Vec<u8> {
        tag(&self.kept.familiar, &[user.as_bytes(), kind.as_bytes(), value.as_bytes()])
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

impl KeptKeys {
    fn new(bytes: SecretBytes) -> Result<Self, KeyError> {
        let (keys, rest) = bytes.expose(Reason::Seal).as_chunks::<KEY_LENGTH>();
        let ([recovery, familiar, browser], []) = (keys, rest) else { return Err(KeyError::Sealed) };
        let (recovery, familiar) = [recovery, familiar].map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)).into();
        let browser = sealing_key(browser)?;
        Ok(Self { recovery, familiar, browser, bytes })
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

fn sealing_key(bytes: &[u8; KEY_LENGTH]) -> Result<LessSafeKey, KeyError> {
    Ok(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| KeyError::Sealed)?))
}

fn seal(key: &LessSafeKey, place: Place<'_>, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, KeyError> {
    let nonce = make_bytes::<NONCE_LEN>(entropy)?;
    let mut sealed = plain.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place.bytes()), &mut sealed)
        .map_err(|_| KeyError::Sealed)?;
    sealed.splice(0..0, nonce);
    Ok(sealed)
}

fn open(key: &LessSafeKey, place: Place<'_>, sealed: &[u8]) -> Result<SecretBytes, KeyError> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Sealed)?;
    let mut bytes = sealed.to_vec();
    let length = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(place.bytes()), &mut bytes)
        .map_err(|_| KeyError::Sealed)?
        .len();
    bytes.truncate(length);
    Ok(SecretBytes::new(bytes))
}

fn tag(key: &hmac::Key, parts: &[&[u8]]) -> Vec<u8> {
    let mut context = hmac::Context::with_key(key);
    for part in parts {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    }
    context.sign().as_ref().to_vec()
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
