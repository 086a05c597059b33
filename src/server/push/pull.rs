//! Serving a phone that asks for its pending messages (docs/wire.md, "Pull"). A pull settles nothing.

use super::{Refusal, Tools};
use crate::protocol::encoding::decode_url_safe;
use crate::protocol::jws;
use crate::protocol::message::{
    CommunicationType, DeliveredMessage, DeviceBody, LONGEST_PULL_WAIT_SECONDS, PULL_AUDIENCE, PullClaims,
};
use crate::server::store::pushes;
use crate::server::store::{StoreError, Transaction, devices, digest};

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

/// Checks a pull. `body` is the request's body as it came.
pub fn check_pull(
    transaction: &Transaction,
    body: &[u8],
    pull_for_all: bool,
    tools: &Tools,
) -> Result<PullGrant, Refusal> {
    let request: DeviceBody = serde_json::from_slice(body).map_err(|_| Refusal::Mute("the body is not a pull"))?;
    let device = devices::find_by_mechanism(transaction, &request.mechanism_uid)?
        .ok_or(Refusal::Mute("no such device is registered"))?;
    let secret = devices::secret(transaction, &device.id, &tools.keys)?;
    let claims = jws::verify::<PullClaims>(&secret, &request.jwt)
        .map_err(|_| Refusal::Mute("the pull's signature is wrong"))?
        .into_inner();
    if claims.sub != request.mechanism_uid || claims.aud != PULL_AUDIENCE {
        return Err(Refusal::Mute("the pull is for another device or purpose"));
    }
    if claims.iat.abs_diff(tools.now / 1000) > CLOCK_TOLERANCE {
        return Err(Refusal::Told("clock"));
    }
    if !decode_url_safe(&claims.nonce).is_ok_and(|nonce| nonce.len() == 16) {
        return Err(Refusal::Told("The nonce is not 16 bytes."));
    }
    let key = digest(format!("{} {}", device.id, claims.nonce).as_bytes());
    let expires_at = tools.now + 3 * 1000 * CLOCK_TOLERANCE as i64;
    if !devices::use_once(transaction, &key, tools.now, expires_at)? {
        return Err(Refusal::Told("replayed"));
    }
    Ok(PullGrant {
        offered: pull_for_all || device.communication_type == CommunicationType::Embedded,
        device: device.id,
        wait_seconds: claims.wait.min(LONGEST_PULL_WAIT_SECONDS),
    })
}

/// The messages that wait for this device's answer, exactly as sent, oldest first.
pub fn waiting_messages(
    transaction: &Transaction,
    device: &str,
    tools: &Tools,
) -> Result<Vec<DeliveredMessage>, StoreError> {
    Ok(pushes::pending_of_device(transaction, device, tools.now, &tools.keys)?
        .into_iter()
        .map(|(message_id, message)| DeliveredMessage { message_id, message })
        .collect())
}
