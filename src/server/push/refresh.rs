//! Taking a phone's new push token (docs/wire.md, "Change of push token").
//!
//! The token that the device has already is taken as often as it comes: real SDKs sign no time, so their message for a token is
//! always the same bytes, and a lost reply makes them send it again. A message of an *earlier* token is a replay, unless
//! the push service calls the present token dead: then the phone can only win by it, and nobody loses a token that works.

use super::register::device_name;
use super::{Effect, Refusal, RequestContext};
use crate::protocol::jws;
use crate::protocol::message::{CommunicationType, DeviceBody, RefreshClaims};
use crate::secret::{Reason, constant_time_equal};
use crate::server::rate_limit::RateLimits;
use crate::server::store::devices::{self, Device};
use crate::server::store::{Transaction, digest};

/// How long a refresh message is remembered, so that an old one cannot bring an old token back: 400 days in ms.
const REMEMBERED: i64 = 400 * 24 * 3600 * 1000;
/// How far a signing time may be from the server's clock, in seconds.
const CLOCK_TOLERANCE: u64 = 300;

/// Takes a refresh. `body` is the request's body as it came.
pub fn refresh(
    transaction: &Transaction,
    body: &[u8],
    context: &RequestContext,
    rate_limits: &RateLimits,
) -> Result<Vec<Effect>, Refusal> {
    let request: DeviceBody = serde_json::from_slice(body).map_err(|_| Refusal::Mute("the body is not a refresh"))?;
    let device = devices::find_by_mechanism(transaction, &request.mechanism_uid)?
        .ok_or(Refusal::Mute("no such device is registered"))?;
    let secret = devices::secret(transaction, &device.id, &context.keys)?;
    let claims = jws::verify::<RefreshClaims>(&secret, &request.jwt)
        .map_err(|_| Refusal::Mute("the refresh's signature is wrong"))?
        .into_inner();
    if claims.is_of_another_kind() {
        return Err(Refusal::Told("This message is not a token refresh."));
    }
    if claims.iat.is_some_and(|iat| iat.abs_diff(context.now / 1000) > CLOCK_TOLERANCE) {
        return Err(Refusal::Told("clock"));
    }
    if !matches!(claims.device_type.as_str(), "android" | "ios") || claims.device_id.len() > 4096 {
        return Err(Refusal::Told("The refresh describes the device in a way that is not accepted."));
    }
    // Or a photographed QR code would suffice to make a device that is pushed to one whose messages can be fetched.
    let embedded = CommunicationType::Embedded;
    if claims.communication_type == embedded && device.communication_type != embedded {
        return Err(Refusal::Told("A refresh cannot make this device fetch its messages. Register it anew."));
    }
    let address = devices::address(transaction, &device.id, &context.keys)?;
    let is_present = claims.communication_type == device.communication_type
        && constant_time_equal(address.token.expose(Reason::Authenticate), claims.device_id.as_bytes());
    let changed = Device {
        name: device_name(&claims.device_name),
        device_type: claims.device_type,
        communication_type: claims.communication_type,
        ..device.clone()
    };
    let describes_the_same = (&changed.name, &changed.device_type) == (&device.name, &device.device_type);
    if is_present && describes_the_same && address.token_dead_at.is_none() {
        // A lost reply, repeated.
        return Ok(Vec::new());
    }
    if !is_present || !describes_the_same {
        if !rate_limits.take_token_change(&device.id, context.now) {
            return Err(Refusal::TooOften);
        }
        let is_new =
            devices::use_once(transaction, &digest(request.jwt.as_bytes()), context.now, context.now + REMEMBERED)?;
        match (is_new, is_present) {
            (true, _) => {}
            // An old message with the present token: the token is confirmed, the description of the device stays.
            (false, true) if address.token_dead_at.is_none() => return Ok(Vec::new()),
            // Phones in the field sign no time, so a token that they come back to makes the same bytes as before.
            (false, _) if claims.iat.is_none() && address.token_dead_at.is_some() => {}
            (false, _) => return Err(Refusal::Told("replayed")),
        }
    }
    devices::refresh(transaction, &changed, &claims.device_id, &context.keys, context.entropy.as_ref())?;
    tracing::info!(user = changed.user, device = changed.id, "push token refreshed");
    Ok(vec![Effect::TokenChanged(changed.id, changed.communication_type)])
}
