//! A sign-on over several requests: what one request does to it, whoever asks, program or page.
//!
//! The `authId` names sign-on and step. It is sealed, bound to realm and journey, and runs out. Until the password is
//! right it holds the whole state and nothing is stored; from then on the state lies in the store, and the last step
//! is kept for a minute for a client that did not hear it.

mod cleanup;
mod failure;
mod in_session;
mod page_details;
mod password;
mod reject_device;
mod run;
mod step;
mod ticket;
mod user;

use std::time::Duration;

use super::App;
use super::journey::engine;
use super::journey::node::{Readiness, StepContext};
use super::journey::state::{Browser, Shared, State};
use super::journey::tree::Journey;
use super::push::RequestContext;
use super::store::sign_ons;
use super::store::{StoreError, Transaction, audit};
use super::waiters::Waiter;
use crate::ports::{EpochMilliseconds, make_bytes};
use crate::protocol::encoding::{decode_url_safe, encode_url_safe};
use crate::secret::{Reason, SecretBytes};
pub use page_details::PageDetails;
pub use step::{Posted, Reply, SignOnError, StepReply};
use ticket::Ticket;

/// How long a page's wait request is held.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

impl App {
    /// Starts a sign-on.
    pub async fn begin_sign_on(&self, journey: Option<&str>, browser: Browser) -> Result<Reply, SignOnError> {
        let name = journey.unwrap_or(&self.0.configuration.default_journey).to_owned();
        let journey = self.runnable(&name)?;
        let now = self.now();
        let id = make_bytes::<16>(self.0.entropy.as_ref())?;
        let state = State {
            id: encode_url_safe(&id),
            realm: self.0.configuration.realm.clone(),
            node: journey.entry.clone(),
            journey: name.clone(),
            asked: Vec::new(),
            started_at: now,
            shared: Shared { browser, ..Shared::default() },
        };
        let ticket = Ticket { id: state.id.clone(), step: 0, issued_at: now, journey: name, state: None };
        self.run_steps(ticket, state.into(), None).await
    }

    /// Answers a step.
    pub async fn answer_sign_on(&self, posted: Posted, browser: Browser) -> Result<Reply, SignOnError> {
        let ticket = self.open_ticket(&posted.auth_id)?;
        if posted.journey.as_ref().is_some_and(|journey| *journey != ticket.journey) {
            return Err(SignOnError::OtherJourney);
        }
        self.runnable(&ticket.journey)?;
        self.run_steps(ticket, run::Source::Ticket(browser), Some(std::sync::Arc::new(posted))).await
    }

    /// The kinds of the callbacks that a step asks, for a form that does not carry them.
    pub async fn asked(&self, auth_id: &str) -> Result<Vec<String>, SignOnError> {
        let ticket = self.open_ticket(auth_id)?;
        if let Some(state) = ticket.state {
            return Ok(state.asked);
        }
        let id = decode_url_safe(&ticket.id).map_err(|_| SignOnError::BadAuthId)?;
        let context = self.context();
        self.0
            .store
            .run(move |transaction| {
                let row = sign_ons::find(transaction, &id, context.now, &context.keys)?.ok_or(SignOnError::Stale)?;
                // A step that is over may still be repeated; its callbacks are not looked at then.
                Ok(read_state(&row.state)?
                    .filter(|_| row.step == ticket.step)
                    .map(|state| state.asked)
                    .unwrap_or_default())
            })
            .await
    }

    /// Holds until the step has something new, at most 25 seconds; whether it has.
    pub async fn await_sign_on(&self, auth_id: &str) -> Result<bool, SignOnError> {
        let ticket = self.open_ticket(auth_id)?;
        let id = decode_url_safe(&ticket.id).map_err(|_| SignOnError::BadAuthId)?;
        let most = self.0.configuration.requests.waits as usize;
        let Some(subscription) = self.0.wakers.subscribe(Waiter::Journey(id.clone()), most) else {
            return Err(SignOnError::TooManyPolls);
        };
        let until = self.now() + LONGEST_WAIT.as_millis() as i64;
        loop {
            let woken = subscription.woken();
            let (app, id, step) = (self.clone(), id.clone(), ticket.step);
            let readiness = self.0.store.run(move |transaction| app.readiness(transaction, &id, step)).await?;
            let now = self.now();
            let wait = match readiness {
                Readiness::Now => return Ok(true),
                Readiness::At(time) if time <= now => return Ok(true),
                Readiness::At(time) => time.min(until) - now,
            };
            if now >= until {
                return Ok(false);
            }
            let _ = tokio::time::timeout(Duration::from_millis(wait.unsigned_abs()), woken).await;
        }
    }

    fn readiness(&self, transaction: &Transaction, id: &[u8], step: u32) -> Result<Readiness, SignOnError> {
        let context = self.context();
        let row = sign_ons::find(transaction, id, context.now, &context.keys)?.ok_or(SignOnError::Stale)?;
        if row.step != step {
            return Ok(Readiness::Now);
        }
        let mut state = read_state(&row.state)?.ok_or(SignOnError::Stale)?;
        let journey = self.runnable(&state.journey.clone())?;
        Ok(engine::readiness(journey, &mut state, &self.step_context(transaction, &context, id))?)
    }

    /// When a sign-on ends in any case.
    fn latest_end(&self, state: &State) -> EpochMilliseconds {
        state.started_at + self.0.configuration.sign_on.maximum_minutes * 60_000
    }

    fn step_context<'a>(
        &'a self,
        transaction: &'a Transaction,
        context: &'a RequestContext,
        id: &'a [u8],
    ) -> StepContext<'a> {
        StepContext {
            transaction,
            request_context: context,
            journey_id: id,
            phones_endpoint: &self.0.phones_endpoint,
            message_limit: self.0.configuration.sign_on.message_limit,
            budget: self.0.configuration.push.budget(),
            rate_limits: &self.0.rate_limits,
            self_registration: self.0.configuration.sign_on.self_registration,
        }
    }

    fn runnable(&self, name: &str) -> Result<&Journey, SignOnError> {
        let journey =
            self.0.journeys.get(name).ok_or_else(|| SignOnError::Journey(format!("There is no journey {name:?}.")))?;
        match &journey.not_runnable {
            None => Ok(journey),
            Some(reason) => Err(SignOnError::Journey(format!("The journey {name:?} does not run here: {reason}."))),
        }
    }
}

/// Writes down how a sign-on ended.
fn audit_event(
    transaction: &Transaction,
    now: EpochMilliseconds,
    event: &str,
    user: &str,
    address: Option<String>,
    outcome: &str,
) -> Result<(), StoreError> {
    audit::add(
        transaction,
        &audit::Event {
            at: now,
            event: event.to_owned(),
            user: Some(user.to_owned()),
            address,
            device: None,
            outcome: outcome.to_owned(),
        },
    )
}

fn read_state(bytes: &SecretBytes) -> Result<Option<State>, StoreError> {
    serde_json::from_slice(bytes.expose(Reason::Seal)).map_err(|_| StoreError::Damaged("journey.state"))
}
