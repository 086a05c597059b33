//! The check of the user's evidence before anything is signed.
//!
//! A [`Consent`] is created only here, from evidence. It is tied to one verified message and consumed by signing. With
//! a secret shared with the server, this is a check in software: the secret must be readable to verify a message, so
//! the biometric protects the consent, not the key. Independent of the vault and the outbox.

use ring::digest;

use super::PhoneError;
use super::vault::{KeyError, length_prefixed};
use crate::ports::Entropy;
use crate::protocol::jws::Verified;
use crate::protocol::message::{self, Ask, Decision, PushMessage};
use crate::protocol::proof::ProvedDecision;
use crate::secret::{Reason, SecretBytes};

/// Length of a biometric slot, in bytes.
const SLOT_LENGTH: usize = 32;

/// The platform's biometric-bound key: what it wraps can be unwrapped only after a successful biometric. Wrapping needs
/// no biometric, because it uses the public key. The shell unwraps inside its own prompt.
pub trait SlotWrapper: Send + Sync {
    /// Encrypts the slot.
    fn wrap(&self, slot: &SecretBytes) -> Result<Vec<u8>, KeyError>;
}

/// What the user did to approve.
pub enum Evidence {
    /// Tapped *accept*.
    Tap,
    /// Tapped this number.
    Number(String),
    /// Passed the biometric, which unwrapped these bytes of
    /// [`Phone::biometric_challenge`](super::Phone::biometric_challenge).
    Biometric(SecretBytes),
}

/// The user's decision about one verified message.
pub(super) struct Consent<'m> {
    message: &'m Verified<PushMessage>,
    choice: Choice,
}

enum Choice {
    Accept,
    Number(String),
    Deny,
}

impl<'m> Consent<'m> {
    /// Returns the consent to approve, if the evidence is what the message asks for. `signed_with_biometric` says that
    /// the answer has a signature by a key that requires a biometric.
    pub(super) fn to_approve(
        message: &'m Verified<PushMessage>,
        evidence: Evidence,
        slot_verifier: Option<&SecretBytes>,
        signed_with_biometric: bool,
    ) -> Result<Self, PhoneError> {
        let choice = match (&message.get().ask, evidence) {
            (Ask::Tap, Evidence::Tap) => Choice::Accept,
            // The signature is the evidence: it could not exist without the biometric. It is verified before the answer
            // goes out.
            (Ask::Biometric, Evidence::Tap) if signed_with_biometric => Choice::Accept,
            (Ask::Tap, Evidence::Number(_)) => return Err(PhoneError::NumberNotAsked),
            (Ask::Tap | Ask::Biometric, Evidence::Biometric(slot)) => {
                check_slot(&slot, slot_verifier)?;
                Choice::Accept
            }
            (Ask::Biometric, Evidence::Tap | Evidence::Number(_)) => return Err(PhoneError::BiometricNeeded),
            (Ask::Number(offered), Evidence::Number(number)) if offered.contains(&number) => Choice::Number(number),
            (Ask::Number(_), Evidence::Number(_)) => return Err(PhoneError::NumberNotOffered),
            (Ask::Number(_), Evidence::Tap | Evidence::Biometric(_)) => return Err(PhoneError::NumberNeeded),
        };
        Ok(Self { message, choice })
    }

    /// Returns the consent to deny. It needs no evidence, whatever the message asks for.
    pub(super) fn to_deny(message: &'m Verified<PushMessage>) -> Self {
        Self { message, choice: Choice::Deny }
    }

    /// Returns what a proof must say about this consent: the decision, and the number tapped.
    pub(super) fn proved(&self) -> (ProvedDecision, Option<&str>) {
        match &self.choice {
            Choice::Accept => (ProvedDecision::Approve, None),
            Choice::Number(number) => (ProvedDecision::Approve, Some(number)),
            Choice::Deny => (ProvedDecision::Deny, None),
        }
    }

    /// Signs the answer, with the proof if the account has a device key.
    pub(super) fn sign(self, secret: &SecretBytes, proof: Option<String>) -> Result<String, PhoneError> {
        let decision = match &self.choice {
            Choice::Accept => Decision::Accept,
            Choice::Number(number) => Decision::Number(number),
            Choice::Deny => Decision::Deny,
        };
        Ok(message::sign_proved_answer(secret, self.message, decision, proof)?)
    }
}

/// Returns a new slot as the platform wrapped it, and the digest to check evidence against.
pub(super) fn make_slot(
    entropy: &dyn Entropy,
    wrapper: &dyn SlotWrapper,
) -> Result<(Vec<u8>, SecretBytes), PhoneError> {
    let mut bytes = vec![0; SLOT_LENGTH];
    entropy.fill(&mut bytes)?;
    let slot = SecretBytes::new(bytes);
    let wrapped = wrapper.wrap(&slot).map_err(PhoneError::SlotNotWrapped)?;
    Ok((wrapped, derive_verifier(&slot)))
}

/// Checks that these bytes are the slot of this account.
pub(super) fn check_slot(slot: &SecretBytes, verifier: Option<&SecretBytes>) -> Result<(), PhoneError> {
    let verifier = verifier.ok_or(PhoneError::NoBiometricSlot)?;
    if derive_verifier(slot) == *verifier { Ok(()) } else { Err(PhoneError::BiometricRefused) }
}

/// Derives the verifier one way, so that even the opened vault does not contain the slot.
fn derive_verifier(slot: &SecretBytes) -> SecretBytes {
    let input = length_prefixed(&[b"push-authenticator biometric slot", slot.expose(Reason::Hash)]);
    SecretBytes::new(digest::digest(&digest::SHA256, &input).as_ref().to_vec())
}
