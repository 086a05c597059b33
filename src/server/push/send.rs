//! Making a push request and a message for each of the user's devices.

use super::withheld::{Withheld, WithheldReason};
use super::{Delivery, Effect, RequestContext};
use crate::ports::{make_bytes, make_number_below, make_uuid};
use crate::protocol::device_key::UserPresence;
use crate::protocol::jws::JwsError;
use crate::protocol::message::{Ask, CHALLENGE_LENGTH, Context, PushMessage};
use crate::protocol::text;
use crate::server::store::device_keys::{self, KeyDemand, KeyPolicy};
use crate::server::store::devices::Device;
use crate::server::store::fraud_reports::Origin;
use crate::server::store::pushes::{self, PushMessageRow, PushRequest, PushState};
use crate::server::store::{StoreError, Transaction, devices, users};
use crate::server::waiters::Waiter;

/// What is to be sent.
pub struct Outgoing<'a> {
    /// To whom.
    pub user: &'a str,
    /// The journey that waits for the answer.
    pub journey: &'a [u8],
    /// `DEFAULT`, `CHALLENGE` or `BIOMETRIC`.
    pub kind: Kind,
    /// Text for the person.
    pub message: String,
    /// Where the sign-on comes from, when it is shared.
    pub context: Option<Context>,
    /// The operator's own data.
    pub custom_payload: Option<String>,
    /// Milliseconds until it expires.
    pub time_to_live: i64,
    /// Only to the device that the journey registered: it is to show that it can approve.
    pub only_to_added: bool,
    /// Whether the user signed in with this browser before: part of the budget is kept for such browsers.
    pub from_known_browser: bool,
    /// Where the browser is that waits.
    pub origin: Origin,
    /// What is asked of the keys of the phones that it goes to. A biometric one goes to no key that does not take a biometric.
    pub key_policy: KeyPolicy,
    /// Only to phones with a key that takes a biometric, whatever is asked of keys else.
    pub biometric_key: bool,
}

/// The push type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Tap to accept.
    Default,
    /// Tap the number shown in the browser.
    Challenge,
    /// Accept with a biometric.
    Biometric,
}

/// How many requests a user may get, so that nobody is worn down by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Most requests in that time.
    pub requests: u32,
    /// How many of them only browsers get that the user signed in with before, so that a stranger who knows the
    /// password cannot use up all.
    pub kept: u32,
    /// That time, in milliseconds.
    pub period: i64,
    /// Refusals (denied, or a wrong number) after which no more is sent for a while.
    pub refusals: u32,
    /// That while, in milliseconds.
    pub cool_down: i64,
}

/// What came of sending.
pub enum Sent {
    /// The request and what is to happen after the commit.
    Sent(Box<PushRequest>, Vec<Effect>),
    /// The user has no device.
    NoDevice,
    /// Nothing was sent, for this reason.
    Withheld(Withheld),
}

/// Sends to the user's devices. A pending request of the same user is superseded: one live message a user.
///
/// A device that has not approved anything yet gets the requests of the sign-on that registered it; those of others
/// only where the user has no better device.
pub fn send(
    transaction: &Transaction,
    outgoing: &Outgoing<'_>,
    budget: Budget,
    request_context: &RequestContext,
) -> Result<Sent, StoreError> {
    let mut devices = devices::of_user(transaction, outgoing.user)?;
    if devices.is_empty() {
        return Ok(Sent::NoDevice);
    }
    if devices.iter().any(|device| device.provisional_journey.is_none()) {
        devices
            .retain(|device| device.provisional_journey.as_deref().is_none_or(|journey| journey == outgoing.journey));
    }
    if outgoing.only_to_added {
        let added = |device: &Device| device.provisional_journey.as_deref() == Some(outgoing.journey);
        if devices.iter().any(added) {
            devices.retain(added);
        }
    }
    retain_by_key(transaction, outgoing, &mut devices, request_context)?;
    if devices.is_empty() {
        return Ok(Sent::Withheld(Withheld { reason: WithheldReason::NoKey, until: None }));
    }
    if let Some(withheld) = find_reason(transaction, outgoing, budget, request_context)? {
        return Ok(Sent::Withheld(withheld));
    }
    let entropy = request_context.entropy.as_ref();
    let mut effects: Vec<Effect> = pushes::supersede(transaction, outgoing.user)?
        .into_iter()
        .map(|journey| Effect::Wake(Waiter::Journey(journey)))
        .collect();
    let (ask, number) = match outgoing.kind {
        Kind::Default => (Ask::Tap, None),
        Kind::Biometric => (Ask::Biometric, None),
        Kind::Challenge => {
            let (numbers, right) = make_numbers(request_context)?;
            (Ask::Number(numbers), Some(right))
        }
    };
    let request = PushRequest {
        id: make_uuid(entropy)?,
        user: outgoing.user.to_owned(),
        journey: outgoing.journey.to_vec(),
        push_type: ask.wire_name().to_owned(),
        number,
        state: PushState::Pending,
        created_at: request_context.now,
        expires_at: request_context.now + outgoing.time_to_live,
        settled_at: None,
        content: None,
    };
    pushes::add_request(transaction, &request, &outgoing.origin, &request_context.keys, entropy)?;
    for device in devices {
        let secret = devices::secret(transaction, &device.id, &request_context.keys)?;
        let challenge = make_bytes::<CHALLENGE_LENGTH>(entropy)?;
        let message = PushMessage {
            mechanism_uid: device.mechanism_uid,
            challenge,
            cookie: None,
            time_to_live_seconds: u32::try_from((outgoing.time_to_live / 1000).max(1)).unwrap_or(u32::MAX),
            sent_at: Some(request_context.now),
            text: Some(text::clean(&outgoing.message, text::MESSAGE_LIMIT)),
            ask: ask.clone(),
            context: outgoing.context.clone(),
            custom_payload: outgoing.custom_payload.clone(),
            user_id: Some(outgoing.user.to_owned()),
        };
        let jwt = message.sign(&secret).map_err(|_: JwsError| StoreError::Damaged("push message"))?;
        let row = PushMessageRow {
            id: format!("AUTHENTICATE:{}{}", make_uuid(entropy)?, request_context.now),
            request: request.id.clone(),
            device: device.id.clone(),
            challenge: challenge.to_vec(),
            answer_body: None,
            answer_status: None,
        };
        pushes::add_message(transaction, &row, &jwt, &request_context.keys, entropy)?;
        effects.push(Effect::Deliver(Delivery {
            device: device.id,
            communication_type: device.communication_type,
            message_id: row.id,
            expires_at: request.expires_at,
        }));
    }
    Ok(Sent::Sent(Box::new(request), effects))
}

/// Returns why the user gets no request now, where that is so: the reason that ends last.
fn find_reason(
    transaction: &Transaction,
    outgoing: &Outgoing<'_>,
    budget: Budget,
    request_context: &RequestContext,
) -> Result<Option<Withheld>, StoreError> {
    let (user, now) = (outgoing.user, request_context.now);
    if let Some(until) = users::find(transaction, user)?.and_then(|user| user.frozen_until).filter(|until| now < *until)
    {
        let until = (until != users::UNTIL_LIFTED).then_some(until);
        return Ok(Some(Withheld { reason: WithheldReason::Frozen, until }));
    }
    let refused = pushes::nth_last_refused(transaction, user, now - budget.cool_down, budget.refusals)?;
    let requests = if outgoing.from_known_browser { budget.requests } else { budget.requests - budget.kept };
    let sent = pushes::nth_last_sent(transaction, user, now - budget.period, requests)?;
    let reasons = [
        (WithheldReason::CoolingDown, refused.map(|at| at + budget.cool_down)),
        (WithheldReason::OverBudget, sent.map(|at| at + budget.period)),
    ];
    let last = reasons.into_iter().filter_map(|(reason, until)| Some((reason, until?))).max_by_key(|(_, until)| *until);
    Ok(last.map(|(reason, until)| Withheld { reason, until: Some(until) }))
}

/// Leaves the devices whose keys are as they are asked for; all of them where that is no more than preferred and none is.
/// For a biometric never one with a key that does not take it.
fn retain_by_key(
    transaction: &Transaction,
    outgoing: &Outgoing<'_>,
    devices: &mut Vec<Device>,
    request_context: &RequestContext,
) -> Result<(), StoreError> {
    let checks = request_context.attestation.is_some();
    let demand = if outgoing.biometric_key { KeyDemand::Required } else { outgoing.key_policy.demand };
    let policy = KeyPolicy { demand, ..outgoing.key_policy };
    let takes_biometric = outgoing.biometric_key || outgoing.kind == Kind::Biometric;
    if policy.demand == KeyDemand::Off && !takes_biometric {
        return Ok(());
    }
    let keys = device_keys::by_device(transaction, Some(outgoing.user))?;
    let counted = |device: &Device| keys.get(&device.id).map(|key| key.counted(checks));
    if takes_biometric {
        // A key that asks nobody approves by itself. Phones without one have their own gate, as ever.
        devices.retain(|device| counted(device).is_none_or(|key| key.presence == UserPresence::Biometric));
    }
    let is_good = |device: &Device| counted(device).is_some_and(|key| policy.is_met_by(key.level));
    if policy.demand == KeyDemand::Off {
        return Ok(());
    }
    if policy.demand == KeyDemand::Required || devices.iter().any(is_good) {
        devices.retain(is_good);
    }
    Ok(())
}

/// Three different two-digit numbers and the right one among them, each equally likely.
fn make_numbers(request_context: &RequestContext) -> Result<([String; 3], String), StoreError> {
    let entropy = request_context.entropy.as_ref();
    let draw = || make_number_below(entropy, 90).map(|number| (number + 10).to_string());
    let first = draw()?;
    let mut second = draw()?;
    while second == first {
        second = draw()?;
    }
    let mut third = draw()?;
    while third == first || third == second {
        third = draw()?;
    }
    let right = match make_number_below(entropy, 3)? {
        0 => first.clone(),
        1 => second.clone(),
        _ => third.clone(),
    };
    Ok(([first, second, third], right))
}
