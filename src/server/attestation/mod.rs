//! Attestation: what a phone's maker says about where a device key lives (docs/wire.md, "Attestation").
//!
//! A chain of certificates in, what it attests out, or a refusal with a name. Knows certificates, their roots and the
//! list of those that were revoked; no store, no HTTP, no journey, and of a registration only key and challenge.

mod android;
mod apple;
mod chain;
mod der;
mod error;
mod key_description;
mod revocation;
mod settings;

pub use android::Android;
pub use apple::Apple;
pub use der::Malformed;
pub use error::{AttestationError, AttestationFileError};
pub use key_description::KeyDescription;
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
    /// What the phone says of it.
    pub claimed: Protection,
    /// The hour of the registration, epoch milliseconds.
    pub now: EpochMilliseconds,
}

/// Checks attestations as the settings say.
#[derive(Debug)]
pub struct AttestationCheck {
    android: Option<Android>,
    apple: Option<Apple>,
}

impl AttestationCheck {
    /// Reads the files that the settings name.
    pub fn load(settings: &AttestationSettings) -> Result<Self, AttestationFileError> {
        Ok(Self { android: Android::load(settings)?, apple: Apple::load(settings)? })
    }

    /// Checks an attestation: a chain in DER, the key's own certificate first, or the one object that App Attest makes.
    /// Gives what it attests, or nothing where attestations of this kind are not checked. A phone may claim less than
    /// that, and nothing more.
    pub fn verify(
        &self,
        attestation: &[Vec<u8>],
        subject: Subject<'_>,
    ) -> Result<Option<Protection>, AttestationError> {
        let attested = match (attestation, &self.android, &self.apple) {
            ([object], _, apple) if apple::is_object(object) => {
                let Some(apple) = apple else { return Ok(None) };
                apple.attest(object, subject)?
            }
            (chain, Some(android), _) => android.verify(chain, subject)?,
            (_, None, _) => return Ok(None),
        };
        if !attested.level.meets(subject.claimed.level) {
            return Err(AttestationError::Level);
        }
        if !attested.presence.meets(subject.claimed.presence) {
            return Err(AttestationError::Presence);
        }
        Ok(Some(attested))
    }
}
