//! Serving a phone that asks for its pending messages (docs/wire.md, "Pull"). A pull settles nothing.

use super::{HintOnly, Refusal, RequestContext};
use crate::protocol::encoding::decode_url_safe;
use crate::protocol::jws;
use crate::protocol::message::{CommunicationType, DeviceBody};
use crate::protocol::proof::ProofError;
use crate::protocol::pull::{
    DeliveredMessage, ExpectedPull, LONGEST_PULL_WAIT_SECONDS, PULL_AUDIENCE, PullClaims, PullProof,
};
use crate::server::store::device_keys::{self, DeviceKey};
use crate::server::store::devices::Device;
use crate::server::store::pushes;
use crate::server::store::{StoreError, Transaction, audit, devices, digest};

/// How far a signing time may be from the server's clock, in seconds.
const CLOCK_TOLERANCE: u64 = 300;

/// A pull that may be served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullGrant {
    /// The server's id of the device.
    pub device: String,
    /// How long it may be held, in seconds.
    pub wait_seconds: u32,
    /// Whether this device is served at all; a phone reached by another transport only if the operator allows it.
    pub offered: bool,
}

/// What pulls are taken by.
#[derive(Debug, Clone)]
pub struct PullTerms {
    /// The origin that proofs are for.
    pub audience: String,
    /// Whether phones that another transport reaches are served, too.
    pub for_all: bool,
    /// Whether phones with a key of their own get hints, so that they have to be served.
    pub hint_only: HintOnly,
}

/// Checks a pull. `body` is the request's body as it came. The outcome is for the phone; what is refused for want of a
/// proof is written down all the same.
pub fn check_pull(
    transaction: &Transaction,
    body: &[u8],
    terms: &PullTerms,
    context: &RequestContext,
) -> Result<Result<PullGrant, Refusal>, Refusal> {
    let request: DeviceBody = serde_json::from_slice(body).map_err(|_| Refusal::Mute("the body is not a pull"))?;
    let device = devices::find_by_mechanism(transaction, &request.mechanism_uid)?
        .ok_or(Refusal::Mute("no such device is registered"))?;
    let secret = devices::secret(transaction, &device.id, &context.keys)?;
    let claims = jws::verify::<PullClaims>(&secret, &request.jwt)
        .map_err(|_| Refusal::Mute("the pull's signature is wrong"))?
        .into_inner();
    if claims.sub != request.mechanism_uid || claims.aud != PULL_AUDIENCE {
        return Err(Refusal::Mute("the pull is for another device or purpose"));
    }
    if claims.iat.abs_diff(context.now / 1000) > CLOCK_TOLERANCE {
        return Err(Refusal::Told("clock"));
    }
    if !decode_url_safe(&claims.nonce).is_ok_and(|nonce| nonce.len() == 16) {
        return Err(Refusal::Told("The nonce is not 16 bytes."));
    }
    let key = device_keys::of_device(transaction, &device.id)?;
    if let Err(error) = check_proof(key.as_ref(), &claims, &terms.audience, context) {
        note(transaction, context, &device, error.code())?;
        return Ok(Err(Refusal::Unproved(error)));
    }
    let nonce = digest(format!("{} {}", device.id, claims.nonce).as_bytes());
    let expires_at = context.now + 3 * 1000 * CLOCK_TOLERANCE as i64;
    if !devices::use_once(transaction, &nonce, context.now, expires_at)? {
        return Err(Refusal::Told("replayed"));
    }
    Ok(Ok(PullGrant {
        offered: terms.for_all
            || device.communication_type == CommunicationType::Embedded
            || terms.hint_only.is_for(key.is_some()),
        device: device.id,
        wait_seconds: claims.wait.min(LONGEST_PULL_WAIT_SECONDS),
    }))
}

/// A key that signs without a person has to sign. One that takes a person each time need not: what it would keep secret is
/// not worth a finger given before anything was shown. That is by the phone's own word, attested or not, as it is the phone
/// that asks its owner. A proof that is there is checked in any case.
fn check_proof(
    key: Option<&DeviceKey>,
    claims: &PullClaims,
    audience: &str,
    context: &RequestContext,
) -> Result<(), ProofError> {
    match (key, &claims.proof) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(ProofError::NotAsked),
        (Some(key), None) if key.claimed.presence.signs_alone() => Err(ProofError::Missing),
        (Some(_), None) => Ok(()),
        (Some(key), Some(proof)) => {
            let expected = ExpectedPull { mechanism_uid: &claims.sub, audience, iat: claims.iat, nonce: &claims.nonce };
            PullProof::verify(&key.key, proof, expected, context.now / 1000)
        }
    }
}

/// Writes a refused pull down.
fn note(transaction: &Transaction, context: &RequestContext, device: &Device, outcome: &str) -> Result<(), StoreError> {
    let event = audit::Event {
        at: context.now,
        event: "push-pull".to_owned(),
        user: Some(device.user.clone()),
        device: Some(device.id.clone()),
        outcome: outcome.to_owned(),
        address: None,
    };
    audit::add_refusal(transaction, &event)
}

/// The messages that wait for this device's answer, exactly as sent, oldest first.
pub fn waiting_messages(
    transaction: &Transaction,
    device: &str,
    context: &RequestContext,
) -> Result<Vec<DeliveredMessage>, StoreError> {
    Ok(pushes::pending_of_device(transaction, device, context.now, &context.keys)?
        .into_iter()
        .map(|(message_id, message)| DeliveredMessage { message_id, message })
        .collect())
}
