//! Taking a phone's answer (docs/wire.md, "The answer"). A verified answer settles the message for good; a denial
//! as somebody else's counts when the message is over, too.

use super::device_key::{KeyRefusal, check_answer};
use super::fraud_report::report_fraud;
use super::{Effect, Refusal, RequestContext};
use serde_json::{Map, Value};

use crate::ports::EpochMilliseconds;
use crate::protocol::jws;
use crate::protocol::message::{AnswerClaims, CUSTOM_PAYLOAD_LIMIT, SignedBody, response_is_right};
use crate::protocol::proof::DenyReason;
use crate::secret::constant_time_equal;
use crate::server::factors::{self, Acting, Change};
use crate::server::store::devices::Device;
use crate::server::store::pushes::{self, PushRequest, PushState};
use crate::server::store::{StoreError, Transaction, audit, devices, digest};
use crate::server::waiters::Waiter;
use crate::server::webhook;

const WRONG_NUMBER: &str = "The number does not match.";

/// What answers are taken by.
#[derive(Debug, Clone)]
pub struct AnswerTerms {
    /// The origin that proofs are for.
    pub audience: String,
    /// Minutes for which pushes stop after a refusal as somebody else's sign-on; 0: until an administrator lifts it.
    pub freeze_minutes: i64,
    /// Whether there is a webhook to be told of it.
    pub tells_webhook: bool,
}

/// Takes an answer. `body` is the request's body as it came. The outcome is for the phone; what is to happen after the
/// commit stands beside it, because a wrong number is refused **and** settles the message.
pub fn answer(
    transaction: &Transaction,
    body: &[u8],
    terms: &AnswerTerms,
    context: &RequestContext,
) -> Result<(Result<(), Refusal>, Vec<Effect>), Refusal> {
    let SignedBody { message_id, jwt } =
        serde_json::from_slice(body).map_err(|_| Refusal::Mute("the body is not an answer"))?;
    let message = pushes::find_message(transaction, &message_id)?.ok_or(Refusal::Mute("no such message was sent"))?;
    let secret = devices::secret(transaction, &message.device, &context.keys)?;
    let sent = jws::verify::<Map<String, Value>>(&secret, &jwt)
        .map_err(|_| Refusal::Mute("the answer's signature is wrong"))?
        .into_inner();
    let content = further_content(&sent);
    let claims: AnswerClaims =
        serde_json::from_value(Value::Object(sent)).map_err(|_| Refusal::Mute("the answer's claims are not valid"))?;
    if !response_is_right(&secret, &message.challenge, &claims.response) {
        return Err(Refusal::Told("The answer's response is wrong."));
    }
    let body_digest = digest(body);
    match (&message.answer_body, message.answer_status) {
        (Some(earlier), Some(200)) if *earlier == body_digest => return Ok((Ok(()), Vec::new())),
        (Some(earlier), _) if *earlier == body_digest => {
            return Ok((Err(Refusal::Told(WRONG_NUMBER)), Vec::new()));
        }
        (Some(_), _) => return Err(Refusal::Told("This sign-on was answered already.")),
        (None, _) => {}
    }
    let device = devices::find(transaction, &message.device)?.ok_or(Refusal::Mute("the device was removed"))?;
    let reason = match check_answer(transaction, &message, &secret, &claims, &terms.audience, context)? {
        Ok(reason) => reason,
        Err(error) => {
            let KeyRefusal { name, refusal } = error.into();
            audit::add_refusal(transaction, &event(context, &device, name))?;
            return Ok((Err(refusal), Vec::new()));
        }
    };
    let request =
        pushes::find_request(transaction, &message.request)?.ok_or(StoreError::Damaged("push_message.request"))?;
    let over = over(&request, context.now);
    // Who began the sign-on knows the password, whatever became of the message since.
    let is_late_alarm = over.is_some() && reason == Some(DenyReason::NotMe);
    if let Some(refusal) = over.filter(|_| !is_late_alarm) {
        return Err(Refusal::Told(refusal));
    }
    let state = if claims.deny == Some(true) {
        PushState::Denied
    } else {
        match (&request.number, &claims.challenge_response) {
            (None, _) => PushState::Approved,
            (Some(right), Some(tapped)) if constant_time_equal(right.as_bytes(), tapped.as_bytes()) => {
                PushState::Approved
            }
            (Some(_), _) => PushState::Failed,
        }
    };
    let status = if state == PushState::Failed { 400 } else { 200 };
    if !is_late_alarm {
        pushes::settle(transaction, &request.id, state, context.now)?;
    }
    pushes::keep_answer(transaction, &message_id, &body_digest, status)?;
    if let Some(content) = content.filter(|_| !is_late_alarm) {
        pushes::keep_content(transaction, &request.id, &content)?;
    }
    let is_its_first = device.provisional_journey.as_ref() == Some(&request.journey);
    match &device.provisional_journey {
        // Whichever sign-on it was. That it is somebody else's phone can still be said in the sign-on that registered it.
        Some(_) if state == PushState::Approved => devices::confirm(transaction, &device.id)?,
        // Only in the sign-on that registered it: who refuses a stranger's sign-on must not lose the phone by it.
        Some(_) if is_its_first => {
            audit::device_removed(transaction, context.now, &device, None)?;
            factors::tell(transaction, &device.user, Change::DeviceRemoved(&device), Acting::SignOn, context)?;
            devices::retire(transaction, &device.id, context.now)?;
        }
        _ => {}
    }
    let outcome = match reason {
        Some(reason) if state == PushState::Denied => format!("denied-{}", reason.name()),
        _ => state.name().to_owned(),
    };
    audit::add(transaction, &event(context, &device, &outcome))?;
    tracing::info!(user = request.user, device = device.id, outcome, "push answered");
    let mut effects = vec![Effect::Wake(Waiter::Journey(request.journey.clone())), Effect::TellWebhook];
    // A phone that was only just brought in by the password has no say over the user's others, nor over the next one.
    if reason == Some(DenyReason::NotMe) && !is_its_first {
        let device = webhook::Device { id: device.id, name: device.name };
        effects.extend(report_fraud(transaction, &request, device, terms, context)?);
    }
    let outcome = if state == PushState::Failed { Err(Refusal::Told(WRONG_NUMBER)) } else { Ok(()) };
    Ok((outcome, effects))
}

/// Why a request takes no answer any more; nothing where it does.
fn over(request: &PushRequest, now: EpochMilliseconds) -> Option<&'static str> {
    match request.state {
        PushState::Pending if request.expires_at <= now => Some("This sign-on has expired."),
        PushState::Pending => None,
        PushState::Superseded => Some("This sign-on is no longer waited for."),
        PushState::Approved | PushState::Denied | PushState::Failed => Some("This sign-on was answered already."),
    }
}

/// What the phone sent beside the claims of an answer, for the journey; nothing where it is none, or more than may be.
fn further_content(sent: &Map<String, Value>) -> Option<String> {
    let known = ["response", "challengeResponse", "deny", "proof"];
    let further: Map<String, Value> =
        sent.iter().filter(|(name, _)| !known.contains(&name.as_str())).map(|(k, v)| (k.clone(), v.clone())).collect();
    let text = Value::Object(further).to_string();
    (text != "{}" && text.len() <= CUSTOM_PAYLOAD_LIMIT).then_some(text)
}

fn event(context: &RequestContext, device: &Device, outcome: &str) -> audit::Event {
    audit::Event {
        at: context.now,
        event: "push-answer".to_owned(),
        user: Some(device.user.clone()),
        device: Some(device.id.clone()),
        outcome: outcome.to_owned(),
        address: None,
    }
}
