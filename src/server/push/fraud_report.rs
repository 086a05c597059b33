//! A sign-on that its user denied as somebody else's: who began it knows the password.

use super::{AnswerTerms, Effect, RequestContext};
use crate::server::rfc3339::rfc3339;
use crate::server::store::fraud_reports::{self, Denial};
use crate::server::store::pushes::{self, PushRequest};
use crate::server::store::{StoreError, Transaction, audit, registrations, users};
use crate::server::waiters::Waiter;
use crate::server::webhook::{self, Device, Event};

/// Stops what is sent to the user, ends what waits, and tells of it: the owner on the signed-in page, and the webhook.
pub(super) fn report_fraud(
    transaction: &Transaction,
    request: &PushRequest,
    device: Device,
    terms: &AnswerTerms,
    context: &RequestContext,
) -> Result<Vec<Effect>, StoreError> {
    let user = &request.user;
    let until = match terms.freeze_minutes {
        0 => users::UNTIL_LIFTED,
        minutes => context.now + minutes * 60_000,
    };
    users::freeze(transaction, user, until)?;
    // A newer message may wait by now, and a code that waits for a phone would bring one in.
    let mut ended = pushes::supersede(transaction, user)?;
    ended.extend(registrations::withdraw_all(transaction, user)?);
    let mut effects: Vec<Effect> = ended.into_iter().map(|journey| Effect::Wake(Waiter::Journey(journey))).collect();
    let origin = pushes::origin(transaction, &request.id, &context.keys)?;
    let event = audit::Event {
        at: context.now,
        event: "pushes-frozen".to_owned(),
        user: Some(user.clone()),
        address: origin.address.clone(),
        device: Some(device.id.clone()),
        outcome: "success".to_owned(),
    };
    audit::add(transaction, &event)?;
    if terms.tells_webhook {
        let denied = Event::NotMe(webhook::NotMe {
            user: user.clone(),
            device,
            address: origin.address.clone(),
            user_agent: origin.user_agent.clone(),
            sent_at: rfc3339(request.created_at),
        });
        let frozen = Event::PushesFrozen(webhook::PushesFrozen {
            user: user.clone(),
            reason: "not-me",
            until: (until != users::UNTIL_LIFTED).then(|| rfc3339(until)),
        });
        for event in [denied, frozen] {
            webhook::add(
                transaction,
                &event,
                user,
                &terms.audience,
                context.now,
                &context.keys,
                context.entropy.as_ref(),
            )?;
        }
        effects.push(Effect::TellWebhook);
    }
    fraud_reports::keep(
        transaction,
        user,
        &Denial { at: context.now, origin },
        &context.keys,
        context.entropy.as_ref(),
    )?;
    Ok(effects)
}
