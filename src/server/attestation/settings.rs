//! The `[push.attestation]` section of the configuration.

use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER_PERMISSIVE;
use serde::Deserialize;

/// Length of a SHA-256 digest, in bytes.
const DIGEST_LENGTH: usize = 32;

/// What attestations are checked against.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestationSettings {
    /// File of the trusted roots for Android attestations, relative to the configuration's folder. Without it, Android
    /// attestations are not checked.
    #[serde(default)]
    pub android_roots: Option<PathBuf>,
    /// File of revoked certificates in Google's format. Without it, revocation is not checked.
    #[serde(default)]
    pub android_revoked: Option<PathBuf>,
    /// Names of the packages whose keys are accepted; empty for any. Without the digests, a name proves nothing.
    #[serde(default)]
    pub android_packages: Vec<String>,
    /// SHA-256 digests of the certificates that sign those apps, in hexadecimal, with or without colons; empty for any.
    #[serde(default)]
    pub android_signing_digests: Vec<String>,
    /// Whether the phone's boot loader must be locked and its system verified as the vendor's.
    #[serde(default = "yes")]
    pub android_verified_boot: bool,
    /// File of the trusted roots for App Attest, relative to the configuration's folder. Without it, App Attest is not
    /// checked.
    #[serde(default)]
    pub apple_roots: Option<PathBuf>,
    /// App IDs (team, dot, bundle) of the apps whose keys are accepted.
    #[serde(default)]
    pub apple_app_ids: Vec<String>,
    /// Whether development builds of these apps are accepted, too.
    #[serde(default)]
    pub apple_development: bool,
}

fn yes() -> bool {
    true
}

impl AttestationSettings {
    /// Makes the paths of the files relative to this folder.
    pub fn resolve(&mut self, folder: &Path) {
        for file in [&mut self.android_roots, &mut self.android_revoked, &mut self.apple_roots].into_iter().flatten() {
            *file = folder.join(&*file);
        }
    }

    /// Checks what deserialization cannot. The error names the key.
    pub fn check(&self) -> Result<(), String> {
        if self.android_roots.is_none() && self.apple_roots.is_none() {
            return Err("push.attestation needs android_roots or apple_roots, or both".to_owned());
        }
        if self.apple_roots.is_some() && self.apple_app_ids.is_empty() {
            return Err(
                "push.attestation.apple_app_ids must say which apps are taken: App Attest vouches for any".to_owned()
            );
        }
        let is_app_id =
            |id: &String| id.split_once('.').is_some_and(|(team, bundle)| !team.is_empty() && !bundle.is_empty());
        if let Some(id) = self.apple_app_ids.iter().find(|id| !is_app_id(id)) {
            return Err(format!("push.attestation.apple_app_ids holds {id:?}, which is no team, dot and bundle"));
        }
        if self.android_packages.iter().any(String::is_empty) {
            return Err("push.attestation.android_packages holds an empty name".to_owned());
        }
        if !self.android_packages.is_empty() && self.android_signing_digests.is_empty() {
            return Err(
                "push.attestation.android_packages needs android_signing_digests beside it: anybody may build an \
                        app of that name"
                    .to_owned(),
            );
        }
        self.signing_digests().map(|_| ())
    }

    /// Returns warnings about settings that are allowed but may not be intended.
    pub fn warnings(&self) -> Vec<&'static str> {
        let revoked = "push.attestation has no android_revoked: keys of phones' makers that are known to have leaked vouch for others";
        let apps = "push.attestation has no android_signing_digests: keys of any app are taken, also of one that shows something else than it signs";
        let missing = [(self.android_revoked.is_none(), revoked), (self.android_signing_digests.is_empty(), apps)];
        let missing = missing.into_iter().filter(|(is_missing, _)| self.android_roots.is_some() && *is_missing);
        missing.map(|(_, warning)| warning).collect()
    }

    /// Returns the digests as bytes.
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
