//! Attestation of keys in the Android keystore.

use x509_parser::certificate::X509Certificate;
use x509_parser::oid_registry::asn1_rs::{Oid, oid};
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};

use super::Subject;
use super::chain::{self, Dates, Roots};
use super::der::Malformed;
use super::error::{AttestationError, AttestationFileError};
use super::key_description::{Application, AuthorizationList, KeyDescription, SecurityLevel};
use super::revocation::Revocations;
use super::settings::AttestationSettings;
use crate::protocol::device_key::{KeyLevel, Protection, PublicKey, UserPresence};

/// The extension that describes the key.
const KEY_DESCRIPTION: Oid<'static> = oid!(1.3.6.1.4.1.11129.2.1.17);
/// The `purpose` of a signing key.
const SIGN: u64 = 2;
/// The `origin` of a key that was generated where it is stored.
const GENERATED: u64 = 0;
/// Bit of `userAuthType` for something that the user knows.
const PASSWORD: u64 = 1;
/// Bit of `userAuthType` for a biometric.
const BIOMETRIC: u64 = 2;

/// Checks Android key attestations.
#[derive(Debug)]
pub struct Android {
    roots: Roots,
    revocations: Option<Revocations>,
    packages: Vec<String>,
    signing_digests: Vec<Vec<u8>>,
    verified_boot: bool,
}

impl Android {
    /// Reads the files named in the settings, if any.
    pub fn load(settings: &AttestationSettings) -> Result<Option<Self>, AttestationFileError> {
        let Some(roots) = &settings.android_roots else { return Ok(None) };
        Ok(Some(Self {
            roots: Roots::load(roots)?,
            revocations: settings.android_revoked.as_deref().map(Revocations::load).transpose()?,
            packages: settings.android_packages.clone(),
            signing_digests: settings.signing_digests().unwrap_or_default(),
            verified_boot: settings.android_verified_boot,
        }))
    }

    /// Verifies a chain (DER, the key's own certificate first) and returns the protection that it attests.
    pub fn verify(&self, chain: &[Vec<u8>], subject: Subject<'_>) -> Result<Protection, AttestationError> {
        let chain = chain::parse(chain)?;
        // The phone sets the validity period of the first certificate by its own clock, so that period is not checked.
        chain::verify(&chain, &self.roots, Dates::OfAuthorities, subject.now.div_euclid(1000))?;
        if self.revocations.as_ref().is_some_and(|revocations| revocations.hold_any(&chain)) {
            return Err(AttestationError::Revoked);
        }
        let description = description(&chain)?;
        if !chain.first().is_some_and(|certificate| holds(certificate, subject.key)) {
            return Err(AttestationError::Key);
        }
        if description.challenge != subject.challenge {
            return Err(AttestationError::Challenge);
        }
        self.judge(&description)
    }

    fn judge(&self, description: &KeyDescription<'_>) -> Result<Protection, AttestationError> {
        let level = description.attestation_level.min(description.key_level);
        // For a key in hardware, only what the hardware enforces counts.
        let (level, enforced) = match level {
            SecurityLevel::Software => (KeyLevel::Software, &description.software),
            SecurityLevel::TrustedEnvironment => (KeyLevel::Tee, &description.hardware),
            SecurityLevel::StrongBox => (KeyLevel::Strongbox, &description.hardware),
        };
        if enforced.purposes.as_ref().is_none_or(|purposes| !purposes.contains(&SIGN)) {
            return Err(AttestationError::Purpose);
        }
        if enforced.origin != Some(GENERATED) {
            return Err(AttestationError::Origin);
        }
        let is_verified = enforced.root_of_trust.as_ref().is_some_and(|boot| boot.device_locked && boot.is_verified);
        if self.verified_boot && !is_verified {
            return Err(AttestationError::Boot);
        }
        // The app is reported by Android, never by the hardware.
        if !self.is_our_app(description.software.application.as_ref()) {
            return Err(AttestationError::App);
        }
        Ok(Protection { level, presence: presence(enforced) })
    }

    /// Returns whether the app is accepted. Packages that share a user ID share their keys, so all of them must be
    /// accepted.
    fn is_our_app(&self, application: Option<&Application<'_>>) -> bool {
        if self.packages.is_empty() && self.signing_digests.is_empty() {
            return true;
        }
        let Some(Application { packages, signing_digests }) = application else { return false };
        let is_package = |name: &&[u8]| self.packages.iter().any(|known| known.as_bytes() == *name);
        let is_signer = |digest: &&[u8]| self.signing_digests.iter().any(|known| known == digest);
        let are_packages = !packages.is_empty() && packages.iter().all(is_package);
        let are_signers = !signing_digests.is_empty() && signing_digests.iter().all(is_signer);
        (self.packages.is_empty() || are_packages) && (self.signing_digests.is_empty() || are_signers)
    }
}

/// Returns the description of the key, which must be on the first certificate and on no other. Otherwise an attested
/// key could vouch for keys that its owner made up.
fn description<'a>(chain: &'a [X509Certificate<'_>]) -> Result<KeyDescription<'a>, AttestationError> {
    let described = |certificate: &&X509Certificate<'_>| {
        certificate.iter_extensions().any(|extension| extension.oid == KEY_DESCRIPTION)
    };
    let (Some(first), false) = (chain.first().filter(described), chain.iter().skip(1).any(|one| described(&one)))
    else {
        return Err(AttestationError::Extension);
    };
    let extension = first.get_extension_unique(&KEY_DESCRIPTION).ok().flatten();
    let value = extension.ok_or(AttestationError::Malformed)?.value;
    KeyDescription::parse(value).map_err(|Malformed| AttestationError::Malformed)
}

fn holds(certificate: &X509Certificate<'_>, key: &PublicKey) -> bool {
    let info = certificate.public_key();
    let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    info.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY
        && curve == Some(OID_EC_P256)
        && info.subject_public_key.data == key.point()
}

/// Returns what the user must do for each signature. If one authentication stays valid for a while, the next signature
/// needs nothing.
fn presence(enforced: &AuthorizationList<'_>) -> UserPresence {
    let is_for_each = enforced.no_auth_required.is_none() && enforced.auth_timeout.unwrap_or_default() == 0;
    match enforced.user_auth_type.filter(|_| is_for_each).map(|kinds| kinds & (PASSWORD | BIOMETRIC)) {
        Some(BIOMETRIC) => UserPresence::Biometric,
        None | Some(0) => UserPresence::None,
        Some(_) => UserPresence::Device,
    }
}
