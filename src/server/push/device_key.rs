//! Checking the proofs of device keys (docs/wire.md, "Device keys"): at registration and with every answer. What the
//! person saw is worked out anew from what was sent.

use super::{Refusal, RequestContext};
use crate::protocol::device_key::Protection;
use crate::protocol::display_digest::shown_digest;
use crate::protocol::encoding::decode_standard;
use crate::protocol::jws;
use crate::protocol::message::{AnswerClaims, PushMessage};
use crate::protocol::proof::{
    AnswerProof, Binding, DenyReason, ExpectedAnswer, KeyClaims, ProofError, ProvedDecision, RegistrationProof,
};
use crate::secret::{Reason, SecretBytes};
use crate::server::attestation::{AttestationError, Subject};
use crate::server::store::device_keys::{self, DeviceKey, KeyDemand};
use crate::server::store::pushes::{self, PushMessageRow};
use crate::server::store::registrations::Registration;
use crate::server::store::{StoreError, Transaction};

/// A refusal for want of a proof: its name for the audit log, and what the phone and the log are told.
pub(super) struct KeyRefusal {
    pub(super) name: &'static str,
    pub(super) refusal: Refusal,
}

impl From<ProofError> for KeyRefusal {
    /// The phone hears nothing of what is wrong with a proof; the log does.
    fn from(error: ProofError) -> Self {
        Self { name: error.code(), refusal: Refusal::Unproved(error) }
    }
}

impl From<AttestationError> for KeyRefusal {
    /// Secret and key are proved by then: the person may know what to do.
    fn from(error: AttestationError) -> Self {
        Self { name: error.code(), refusal: Refusal::Unattested(error) }
    }
}

fn told(name: &'static str, message: &'static str) -> KeyRefusal {
    KeyRefusal { name, refusal: Refusal::Told(message) }
}

/// The key to be stored with a registered phone, if it has one; a refusal where it should and has not, or has and should
/// not.
pub(super) fn check_registration(
    registration: &Registration,
    claimed: Result<Option<KeyClaims>, ProofError>,
    audience: &str,
    context: &RequestContext,
) -> Result<Option<DeviceKey>, KeyRefusal> {
    let policy = registration.key_policy;
    let claims = match (policy.demand, claimed?) {
        (KeyDemand::Off, Some(_)) => return Err(ProofError::NotAsked.into()),
        (KeyDemand::Off | KeyDemand::Preferred, None) => return Ok(None),
        (KeyDemand::Required, None) => {
            return Err(told("key-missing", "This service takes phones with a key of their own only. Update the app."));
        }
        (KeyDemand::Preferred | KeyDemand::Required, Some(claims)) => claims,
    };
    let binding = Binding {
        message_id: &registration.message_id,
        challenge: registration.challenge.expose(Reason::Authenticate),
        audience,
    };
    RegistrationProof::verify(&claims.jwk, &claims.proof, binding, context.now / 1000)?;
    let attested = check_attestation(&claims, binding, context)?;
    let (issuer, account) = registration.names.clone().ok_or(ProofError::NotAsked)?;
    let key = DeviceKey {
        key: claims.jwk,
        claimed: Protection { level: claims.key_level, presence: claims.user_presence },
        attested,
        attestation: claims.attestation.and_then(|chain| serde_json::to_string(&chain).ok()),
        issuer,
        account,
    };
    if !policy.is_met_by(key.counted(context.attestation.is_some()).level) {
        return Err(told("key-level", "This phone does not protect its key as well as this service asks."));
    }
    Ok(Some(key))
}

/// What was attested, where there is an attestation and this server checks its kind.
fn check_attestation(
    claims: &KeyClaims,
    binding: Binding<'_>,
    context: &RequestContext,
) -> Result<Option<Protection>, AttestationError> {
    let (Some(check), Some(chain)) = (&context.attestation, &claims.attestation) else { return Ok(None) };
    let chain = chain.iter().map(|certificate| decode_standard(certificate)).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|_| AttestationError::Malformed)?;
    let challenge = binding.attestation_challenge();
    let claimed = Protection { level: claims.key_level, presence: claims.user_presence };
    check.verify(&chain, Subject { key: &claims.jwk, challenge: &challenge, claimed, now: context.now })
}

/// Checks the proof of an answer whose code is right already; gives the reason of a refusal, where the person gave one.
pub(super) fn check_answer(
    transaction: &Transaction,
    message: &PushMessageRow,
    secret: &SecretBytes,
    claims: &AnswerClaims,
    audience: &str,
    context: &RequestContext,
) -> Result<Result<Option<DenyReason>, ProofError>, StoreError> {
    let key = device_keys::of_device(transaction, &message.device)?;
    let (key, proof) = match (key, &claims.proof) {
        (None, None) => return Ok(Ok(None)),
        (None, Some(_)) => return Ok(Err(ProofError::NotAsked)),
        (Some(_), None) => return Ok(Err(ProofError::Missing)),
        (Some(key), Some(proof)) => (key, proof),
    };
    let damaged = StoreError::Damaged("push_message.jwt");
    let jwt = pushes::sent_jwt(transaction, &message.id, &context.keys)?;
    let Ok(sent) = PushMessage::verify(secret, &jwt) else { return Err(damaged) };
    let Ok(shown) = shown_digest(sent.get(), &key.issuer, &key.account) else { return Err(damaged) };
    let denied = claims.deny == Some(true);
    let binding = Binding { message_id: &message.id, challenge: &message.challenge, audience };
    let expected = ExpectedAnswer {
        decision: if denied { ProvedDecision::Deny } else { ProvedDecision::Approve },
        number: claims.challenge_response.as_deref(),
        shown: &shown,
    };
    let proof = AnswerProof::verify(&key.key, proof, binding, expected, context.now / 1000);
    Ok(proof.map(jws::Verified::into_inner).map(|proof| proof.reason))
}
