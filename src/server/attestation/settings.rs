//! The section `[push.attestation]` of the configuration.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;

/// Length of a SHA-256 digest, in bytes.
const DIGEST_LENGTH: usize = 32;

/// What attestations are checked against.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestationSettings {
    /// File of the root certificates that attestations of Android's keys must come from; relative to the configuration's
    /// folder.
    pub android_roots: PathBuf,
    /// File of revoked certificates in the form that Google publishes; absent: none is checked.
    #[serde(default)]
    pub android_revoked: Option<PathBuf>,
    /// Names of the packages whose keys are taken; empty: any.
    #[serde(default)]
    pub android_packages: Vec<String>,
    /// SHA-256 of the certificates that those apps are signed with, in hexadecimal digits, with or without colons; empty:
    /// any.
    #[serde(default)]
    pub android_signing_digests: Vec<String>,
    /// Whether the phone's boot loader must be locked and its system verified as its maker's.
    #[serde(default = "yes")]
    pub android_verified_boot: bool,
}

fn yes() -> bool {
    true
}

impl AttestationSettings {
    /// Makes the files' paths relative to this folder.
    pub fn resolve(&mut self, folder: &Path) {
        self.android_roots = folder.join(&self.android_roots);
        if let Some(file) = &mut self.android_revoked {
            *file = folder.join(&*file);
        }
    }

    /// Checks what the form of the file does not; the message names the key.
    pub fn check(&self) -> Result<(), String> {
        if self.android_packages.iter().any(String::is_empty) {
            return Err("push.attestation.android_packages holds an empty name".to_owned());
        }
        self.signing_digests().map(|_| ())
    }

    /// The digests as bytes.
    pub(super) fn signing_digests(&self) -> Result<Vec<Vec<u8>>, String> {
        let read = |text: &String| {
            let digits = text.replace(':', "");
            let digest = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok();
            digest.filter(|digest| digest.len() == DIGEST_LENGTH).ok_or_else(|| {
                format!("push.attestation.android_signing_digests holds {text:?}, which is no SHA-256 of 64 digits")
            })
        };
        self.android_signing_digests.iter().map(read).collect()
    }
}
