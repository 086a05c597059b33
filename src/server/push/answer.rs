//! Taking a phone's answer (docs/wire.md, "The answer"). A verified answer settles the message for good.

use super::{Effect, Refusal, Tools};
use crate::protocol::jws;
use crate::protocol::message::{AnswerClaims, SignedBody, response_is_right};
use crate::secret::constant_time_equal;
use crate::server::store::pushes::{self, PushState};
use crate::server::store::{StoreError, Transaction, audit, devices, digest, journeys};
use crate::server::wake::Waiter;

const WRONG_NUMBER: &str = "The number does not match.";

/// Takes an answer. `body` is the request's body as it came. The outcome is for the phone; what is to happen after the
/// commit stands beside it, because a wrong number is refused **and** settles the message.
pub fn answer(
    transaction: &Transaction,
    body: &[u8],
    tools: &Tools,
) -> Result<(Result<(), Refusal>, Vec<Effect>), Refusal> {
    let SignedBody { message_id, jwt } =
        serde_json::from_slice(body).map_err(|_| Refusal::Mute("the body is not an answer"))?;
    let message = pushes::find_message(transaction, &message_id)?.ok_or(Refusal::Mute("no such message was sent"))?;
    let secret = devices::secret(transaction, &message.device, &tools.keys)?;
    let claims = jws::verify::<AnswerClaims>(&secret, &jwt)
        .map_err(|_| Refusal::Mute("the answer's signature is wrong"))?
        .into_inner();
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
    let request =
        pushes::find_request(transaction, &message.request)?.ok_or(StoreError::Damaged("push_message.request"))?;
    match request.state {
        PushState::Pending => {}
        PushState::Superseded => return Err(Refusal::Told("This sign-on is no longer waited for.")),
        PushState::Approved | PushState::Denied | PushState::Failed => {
            return Err(Refusal::Told("This sign-on was answered already."));
        }
    }
    if request.expires_at <= tools.now {
        return Err(Refusal::Told("This sign-on has expired."));
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
    pushes::settle(transaction, &request.id, state, &message_id, &body_digest, status, tools.now)?;
    let provisional = devices::find(transaction, &message.device)?.and_then(|device| device.provisional_journey);
    match provisional {
        // In the sign-on that registered it, as long as that one is under way: its owner may still say that it is
        // somebody else's phone.
        Some(journey)
            if state == PushState::Approved
                && (journey == request.journey
                    || !journeys::is_under_way(transaction, &journey, tools.now, &tools.keys)?) =>
        {
            devices::confirm(transaction, &message.device)?;
        }
        // Only in the sign-on that registered it: who refuses a stranger's sign-on must not lose the phone by it.
        Some(journey) if journey == request.journey => {
            if let Some(device) = devices::find(transaction, &message.device)? {
                audit::device_removed(transaction, tools.now, &device, None)?;
            }
            devices::retire(transaction, &message.device, tools.now)?;
        }
        _ => {}
    }
    audit::add(
        transaction,
        &audit::Event {
            at: tools.now,
            event: "push-answer".to_owned(),
            user: Some(request.user.clone()),
            device: Some(message.device.clone()),
            outcome: state.name().to_owned(),
            address: None,
        },
    )?;
    tracing::info!(user = request.user, device = message.device, ?state, "push answered");
    let outcome = if state == PushState::Failed { Err(Refusal::Told(WRONG_NUMBER)) } else { Ok(()) };
    Ok((outcome, vec![Effect::Wake(Waiter::Journey(request.journey))]))
}
