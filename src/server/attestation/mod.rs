//! Attestation: what a phone's maker says about where a device key lives (docs/wire.md, "Attestation").
//!
//! A chain of certificates in, what it attests out, or a refusal with a name. Knows certificates, their roots and the
//! list of those that were revoked; no store, no HTTP, no journey, and of a registration only key and challenge.

mod android;
mod chain;
mod error;
mod key_description;
mod revocation;
mod settings;

pub use android::Android;
pub use error::{AttestationError, AttestationFileError};
pub use settings::AttestationSettings;

use crate::ports::EpochMilliseconds;
use crate::protocol::device_key::{Protection, PublicKey};

/// What an attestation has to be about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The key that registers.
    pub key: &'a PublicKey,
    /// What the platform had to put in
    /// ([`Binding::attestation_challenge`](crate::protocol::proof::Binding::attestation_challenge)).
    pub challenge: &'a [u8],
    /// The hour of the registration, epoch milliseconds.
    pub now: EpochMilliseconds,
}

/// Checks attestations as the settings say.
#[derive(Debug)]
pub struct AttestationCheck {
    android: Android,
}

impl AttestationCheck {
    /// Reads the files that the settings name.
    pub fn load(settings: &AttestationSettings) -> Result<Self, AttestationFileError> {
        Ok(Self { android: Android::load(settings)? })
    }

    /// Checks a chain (DER, the key's own certificate first) and gives what it attests.
    pub fn verify(&self, chain: &[Vec<u8>], subject: Subject<'_>) -> Result<Protection, AttestationError> {
        self.android.verify(chain, subject)
    }
}
