//! Attestation: a vendor's statement about where a device key is stored (docs/wire.md, "Attestation").
//!
//! Verifies a chain of certificates and returns what it attests, or a named error. Handles certificates, trusted roots
//! and the list of revoked certificates. Independent of the store, HTTP and journeys; uses only the key and the
//! challenge of a registration.

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

/// What an attestation must match.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The key being registered.
    pub key: &'a PublicKey,
    /// The challenge that the platform must include
    /// ([`Binding::attestation_challenge`](crate::protocol::proof::Binding::attestation_challenge)).
    pub challenge: &'a [u8],
    /// The protection that the phone claims for the key.
    pub claimed: Protection,
    /// Time of the registration, in epoch milliseconds.
    pub now: EpochMilliseconds,
}

/// Checks attestations according to the settings.
#[derive(Debug)]
pub struct AttestationCheck {
    android: Option<Android>,
    apple: Option<Apple>,
}

impl AttestationCheck {
    /// Reads the files named in the settings.
    pub fn load(settings: &AttestationSettings) -> Result<Self, AttestationFileError> {
        Ok(Self { android: Android::load(settings)?, apple: Apple::load(settings)? })
    }

    /// Verifies an attestation: a chain in DER with the key's own certificate first, or a single App Attest object.
    ///
    /// Returns the attested protection, or `None` if attestations of this type are not checked. The phone may claim
    /// less than is attested, but not more.
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
