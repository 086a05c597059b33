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
mod step;
mod ticket;
mod user;

use std::time::Duration;

use super::App;
use super::journey::callback::Answers;
use super::journey::engine::{self, Progress};
use super::journey::node::{Readiness, StepContext};
use super::journey::risk;
use super::journey::state::{Browser, PasswordVerdict, Shared, State, Transient};
use super::journey::tree::Journey;
use super::push::{Effect, RequestContext};
use super::store::sign_ons::{self, JourneyRow};
use super::store::{StoreError, Transaction, audit, known_browsers, sessions};
use super::waiters::Waiter;
use crate::ports::{EpochMilliseconds, make_bytes};
use crate::protocol::encoding::{decode_url_safe, encode_url_safe};
use crate::secret::{Reason, SecretBytes, SecretText};
pub use page_details::PageDetails;
pub use step::{Posted, Reply, SignOnError, StepReply};
use ticket::Ticket;
use user::check_user;

/// How long the last step is repeated for a client that did not hear it, in milliseconds.
const REPEATED: i64 = 60_000;
/// How long a page's wait request is held.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// What one transaction came to.
enum StepOutcome {
    Reply(Reply, Vec<Effect>),
    EarlyPoll(Reply),
}

/// `CheckPassword` must undo what its transaction did, so it travels as an error.
enum Interrupted {
    Refused(SignOnError),
    CheckPassword { user_name: String, password: SecretText, browser: Box<Browser> },
}

impl From<SignOnError> for Interrupted {
    fn from(error: SignOnError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for Interrupted {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

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
        self.run_steps(ticket, state_source(state), None).await
    }

    /// Answers a step.
    pub async fn answer_sign_on(&self, posted: Posted, browser: Browser) -> Result<Reply, SignOnError> {
        let ticket = self.open_ticket(&posted.auth_id)?;
        if posted.journey.as_ref().is_some_and(|journey| *journey != ticket.journey) {
            return Err(SignOnError::OtherJourney);
        }
        self.runnable(&ticket.journey)?;
        self.run_steps(ticket, Source::Ticket(browser), Some(std::sync::Arc::new(posted))).await
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

    async fn run_steps(
        &self,
        ticket: Ticket,
        source: Source,
        posted: Option<std::sync::Arc<Posted>>,
    ) -> Result<Reply, SignOnError> {
        let mut known = None;
        // Once without and, where the journey checks a password, once with the verdict. A journey may check more
        // than one.
        for _ in 0..4 {
            let (app, ticket, source, posted, verdict) =
                (self.clone(), ticket.clone(), source.clone(), posted.clone(), known.take());
            let turn = self
                .0
                .store
                .run(move |transaction| app.turn(transaction, &ticket, source, posted.as_deref(), verdict))
                .await;
            match turn {
                Ok(StepOutcome::Reply(reply, effects)) => {
                    self.carry_out(effects);
                    return Ok(reply);
                }
                Ok(StepOutcome::EarlyPoll(reply)) => return Ok(reply),
                Err(Interrupted::CheckPassword { user_name, password, browser }) => {
                    known = Some(self.check_password(user_name, password, &browser).await?);
                }
                Err(Interrupted::Refused(error)) => return Err(error),
            }
        }
        Err(SignOnError::Journey("The journey asks for the password over and over.".to_owned()))
    }

    fn turn(
        &self,
        transaction: &Transaction,
        ticket: &Ticket,
        source: Source,
        posted: Option<&Posted>,
        verdict: Option<PasswordVerdict>,
    ) -> Result<StepOutcome, Interrupted> {
        let context = self.context();
        let id = decode_url_safe(&ticket.id).map_err(|_| SignOnError::BadAuthId)?;
        let row = sign_ons::find(transaction, &id, context.now, &context.keys)?;
        let stored = row.is_some();
        let mut state = match (source, row) {
            (Source::New(state), _) => *state,
            (Source::Ticket(browser), row) => {
                let body = posted.map(|posted| posted.body.as_slice()).unwrap_or_default();
                let state = match row {
                    Some(row) if row.step == ticket.step => read_state(&row.state)?.ok_or(SignOnError::Stale)?,
                    Some(row) if is_repetition(&row, ticket, body, context.now) => {
                        return Ok(StepOutcome::Reply(read_reply(&row.answer)?, Vec::new()));
                    }
                    Some(_) => return Err(SignOnError::Stale.into()),
                    None => ticket
                        .state
                        .clone()
                        .filter(|state| context.now < self.latest_end(state))
                        .ok_or(SignOnError::Stale)?,
                };
                State { shared: Shared { browser, ..state.shared }, ..state }
            }
        };
        self.check_session(transaction, &state, context.now)?;
        check_user(transaction, &mut state, context.now)?;
        let journey = self.runnable(&ticket.journey)?;
        let answers = posted.map(|posted| match_answers(posted, &state.asked)).transpose()?;
        let rejected = failure::rejection(verdict.as_ref());
        let mut transient = Transient { password_verdict: verdict, ..Transient::default() };
        let mut effects = Vec::new();
        let step_context = self.step_context(transaction, &context, &id);
        let progress = if user::has_denied_since(transaction, &state.shared)? {
            engine::give_up(journey, &state, &step_context, user::DENIED)?
        } else {
            engine::step(journey, &mut state, answers, &mut transient, &step_context, &mut effects)?
        };
        if state.shared.user.is_some() && matches!(progress, Progress::Asked(..)) {
            check_user(transaction, &mut state, context.now)?;
        }
        let address = state.shared.browser.address.clone();
        let known = state.shared.user.clone();
        let event = in_session::event(&state.shared);
        effects.extend(failure::count(transaction, &state.shared, rejected, &progress, event, context.now)?);
        let keep = stored || state.shared.user.is_some();
        let next = Ticket {
            id: ticket.id.clone(),
            step: if keep { ticket.step + 1 } else { 0 },
            issued_at: context.now,
            journey: ticket.journey.clone(),
            state: None,
        };
        let details = match &progress {
            Progress::Asked(callbacks, _) | Progress::AskedAgain(callbacks, _) => {
                page_details::details(transaction, &id, &mut state, callbacks)?
            }
            _ => PageDetails::default(),
        };
        let within = state.shared.in_session.clone();
        let purpose = within.as_ref().map(|within| within.purpose);
        let step_reply = |auth_id, callbacks, texts| {
            Reply::Step(StepReply { auth_id, journey: ticket.journey.clone(), callbacks, texts, details })
        };
        let (reply, state) = match progress {
            Progress::CheckPassword => {
                return Err(Interrupted::CheckPassword {
                    user_name: state.shared.user_name.clone().unwrap_or_default(),
                    password: transient.password.take().unwrap_or_else(|| SecretText::new(String::new())),
                    browser: Box::new(state.shared.browser),
                });
            }
            Progress::AskedAgain(callbacks, texts) => {
                self.count_early_poll(&id, context.now)?;
                let auth_id = posted.map(|posted| posted.auth_id.clone()).unwrap_or_default();
                return Ok(StepOutcome::EarlyPoll(step_reply(auth_id, callbacks, texts)));
            }
            Progress::Asked(callbacks, texts) if keep => {
                (step_reply(self.seal_ticket(&next, &context)?, callbacks, texts), Some(state))
            }
            Progress::Asked(callbacks, texts) => {
                let next = Ticket { state: Some(state), ..next };
                return Ok(StepOutcome::Reply(
                    step_reply(self.seal_ticket(&next, &context)?, callbacks, texts),
                    effects,
                ));
            }
            Progress::Success { user, second_factor_at } if let Some(within) = &within => {
                let reply = in_session::finish(transaction, within, &user, second_factor_at)?;
                if state.shared.factor_changed {
                    sessions::remove_others(transaction, &user, Some(&within.session))?;
                }
                let outcome = if matches!(reply, Reply::Done { .. }) { "success" } else { "failure" };
                note(transaction, context.now, event, &user, address, outcome)?;
                (reply, None)
            }
            Progress::Success { user, second_factor_at } => {
                let token = SecretText::new(encode_url_safe(
                    &make_bytes::<32>(context.entropy.as_ref()).map_err(SignOnError::from)?,
                ));
                let until = context.now + self.0.configuration.session.maximum_minutes * 60_000;
                if state.shared.factor_changed {
                    sessions::remove_others(transaction, &user, None)?;
                }
                sessions::add(transaction, &token, &user, context.now, until, second_factor_at)?;
                note(transaction, context.now, event, &user, address, "success")?;
                // A password alone makes nothing familiar: it may be stolen.
                if journey.familiar_days > 0 && second_factor_at.is_some() {
                    risk::learn(transaction, &user, &state.shared.browser, &context.keys, context.now)?;
                }
                tracing::info!(user, journey = journey.name, "signed on");
                known_browsers::lift_restriction(transaction, &user)?;
                let known_browser = match second_factor_at {
                    Some(_) => Some(self.remember_browser(transaction, &user, &state.shared.browser, &context)?),
                    None => None,
                };
                if let (Some(_), Some(address)) = (&known_browser, &state.shared.browser.address) {
                    self.0.passwords.signed_in_from(address, context.now);
                }
                let recovery_code_used = state.shared.recovery_code_used;
                (Reply::Success { token, recovery_code_used, known_browser }, None)
            }
            Progress::Failure { message } => {
                // Before the password is right, `failure::count` bounds what is stored.
                if let Some(user) = &known {
                    note(transaction, context.now, event, user, address, "failure")?;
                }
                tracing::info!(journey = journey.name, message, "sign-on refused");
                if !keep {
                    return Ok(StepOutcome::Reply(Reply::Failure { message, purpose }, effects));
                }
                (Reply::Failure { message, purpose }, None)
            }
        };
        self.keep(transaction, &context, &id, next.step, state, posted, &reply)?;
        Ok(StepOutcome::Reply(reply, effects))
    }

    #[allow(clippy::too_many_arguments, reason = "one row is written from what the turn found out")]
    fn keep(
        &self,
        transaction: &Transaction,
        context: &RequestContext,
        id: &[u8],
        step: u32,
        state: Option<State>,
        posted: Option<&Posted>,
        reply: &Reply,
    ) -> Result<(), StoreError> {
        let minute = 60_000;
        let settings = &self.0.configuration.sign_on;
        // What is over is kept as long as its first step could be posted again, so that it is known to be over.
        let step_end = context.now + settings.step_minutes * minute;
        let expires_at = state.as_ref().map_or(step_end, |state| step_end.min(self.latest_end(state)));
        let to_bytes = |value: serde_json::Result<Vec<u8>>| {
            value.map(SecretBytes::new).map_err(|_| StoreError::Damaged("journey"))
        };
        sign_ons::put(
            transaction,
            &JourneyRow {
                id: id.to_vec(),
                step,
                state: to_bytes(serde_json::to_vec(&state))?,
                answered_body: posted.map(|posted| posted.body.clone()).unwrap_or_default(),
                answer: to_bytes(serde_json::to_vec(reply))?,
                answered_at: context.now,
                expires_at,
            },
            &context.keys,
            context.entropy.as_ref(),
        )
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

/// Where the state of a turn comes from.
#[derive(Clone)]
enum Source {
    New(Box<State>),
    Ticket(Browser),
}

fn state_source(state: State) -> Source {
    Source::New(Box::new(state))
}

/// Writes the end of a journey down.
fn note(
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

fn is_repetition(row: &JourneyRow, ticket: &Ticket, body: &[u8], now: EpochMilliseconds) -> bool {
    row.step == ticket.step + 1 && row.answered_body == body && now - row.answered_at < REPEATED
}

fn read_state(bytes: &SecretBytes) -> Result<Option<State>, StoreError> {
    serde_json::from_slice(bytes.expose(Reason::Seal)).map_err(|_| StoreError::Damaged("journey.state"))
}

fn read_reply(bytes: &SecretBytes) -> Result<Reply, StoreError> {
    serde_json::from_slice(bytes.expose(Reason::Seal)).map_err(|_| StoreError::Damaged("journey.answer"))
}

fn match_answers(posted: &Posted, asked: &[String]) -> Result<Answers, SignOnError> {
    let same = posted.answers.len() == asked.len()
        && posted.answers.iter().zip(asked).all(|((kind, _), wanted)| kind == wanted);
    if same {
        Ok(Answers(posted.answers.iter().map(|(_, answer)| answer.duplicate()).collect()))
    } else {
        Err(SignOnError::WrongCallbacks)
    }
}
