//! One request's work on a sign-on: its state is found, the journey moves on, and what came of it is stored, all in one
//! transaction. Passwords are checked between two transactions, because hashing takes longer than the store may be held.

use std::sync::Arc;

use super::page_details::PageDetails;
use super::ticket::Ticket;
use super::user::{self, check_user};
use super::{Posted, Reply, SignOnError, StepReply, audit_event, failure, in_session, page_details, read_state};
use crate::ports::{EpochMilliseconds, make_bytes};
use crate::protocol::encoding::{decode_url_safe, encode_url_safe};
use crate::secret::{Reason, SecretBytes, SecretText};
use crate::server::App;
use crate::server::journey::callback::Answers;
use crate::server::journey::engine::{self, Progress};
use crate::server::journey::risk;
use crate::server::journey::state::{Browser, PasswordVerdict, Shared, State, Transient};
use crate::server::journey::tree::Journey;
use crate::server::push::{Effect, RequestContext};
use crate::server::store::sign_ons::{self, JourneyRow};
use crate::server::store::{StoreError, Transaction, known_browsers, sessions};

/// How long the last step is repeated for a client that did not hear it, in milliseconds.
const REPEATED: i64 = 60_000;

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

/// Where the state of a sign-on comes from.
#[derive(Clone)]
pub(super) enum Source {
    /// The sign-on begins with it.
    New(Box<State>),
    /// The ticket that was posted leads to it.
    Ticket(Browser),
}

impl From<State> for Source {
    fn from(state: State) -> Self {
        Self::New(Box::new(state))
    }
}

/// What the store or the ticket holds of a sign-on.
enum Found {
    /// Its state, and whether the store has a row of it.
    State { state: Box<State>, is_stored: bool },
    /// The answer to a request that was repeated.
    Repeated(Box<Reply>),
}

/// A success, as the journey came to it.
struct Success<'a> {
    user: &'a str,
    second_factor_at: Option<EpochMilliseconds>,
    event: &'a str,
}

impl App {
    /// Does what a request asks of a sign-on.
    pub(super) async fn run_steps(
        &self,
        ticket: Ticket,
        source: Source,
        posted: Option<Arc<Posted>>,
    ) -> Result<Reply, SignOnError> {
        let mut known = None;
        // Once without and, where the journey checks a password, once with the verdict. A journey may check more
        // than one.
        for _ in 0..4 {
            let (app, ticket, source, posted, verdict) =
                (self.clone(), ticket.clone(), source.clone(), posted.clone(), known.take());
            let outcome = self
                .0
                .store
                .run(move |transaction| app.run_step(transaction, &ticket, source, posted.as_deref(), verdict))
                .await;
            match outcome {
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

    fn run_step(
        &self,
        transaction: &Transaction,
        ticket: &Ticket,
        source: Source,
        posted: Option<&Posted>,
        verdict: Option<PasswordVerdict>,
    ) -> Result<StepOutcome, Interrupted> {
        let context = self.context();
        let id = decode_url_safe(&ticket.id).map_err(|_| SignOnError::BadAuthId)?;
        let (mut state, is_stored) = match self.find_state(transaction, &context, &id, ticket, source, posted)? {
            Found::State { state, is_stored } => (*state, is_stored),
            Found::Repeated(reply) => return Ok(StepOutcome::Reply(*reply, Vec::new())),
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
        let event = in_session::event(&state.shared);
        effects.extend(failure::count(transaction, &state.shared, rejected, &progress, event, context.now)?);
        let keep = is_stored || state.shared.user.is_some();
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
                let reply = step_reply(self.seal_ticket(&next, &context)?, callbacks, texts);
                return Ok(StepOutcome::Reply(reply, effects));
            }
            Progress::Success { user, second_factor_at } => {
                let success = Success { user: &user, second_factor_at, event };
                (self.succeed(transaction, &context, journey, &state.shared, &success)?, None)
            }
            Progress::Failure { message } => {
                // Before the password is right, `failure::count` bounds what is stored.
                if let Some(user) = &state.shared.user {
                    audit_event(
                        transaction,
                        context.now,
                        event,
                        user,
                        state.shared.browser.address.clone(),
                        "failure",
                    )?;
                }
                tracing::info!(journey = journey.name, message, "sign-on refused");
                let purpose = state.shared.in_session.as_ref().map(|within| within.purpose);
                let reply = Reply::Failure { message, purpose };
                if !keep {
                    return Ok(StepOutcome::Reply(reply, effects));
                }
                (reply, None)
            }
        };
        self.store_progress(transaction, &context, &id, next.step, state, posted, &reply)?;
        Ok(StepOutcome::Reply(reply, effects))
    }

    /// Finds the state that a request is about.
    fn find_state(
        &self,
        transaction: &Transaction,
        context: &RequestContext,
        id: &[u8],
        ticket: &Ticket,
        source: Source,
        posted: Option<&Posted>,
    ) -> Result<Found, Interrupted> {
        let row = sign_ons::find(transaction, id, context.now, &context.keys)?;
        let is_stored = row.is_some();
        let browser = match source {
            Source::New(state) => return Ok(Found::State { state, is_stored }),
            Source::Ticket(browser) => browser,
        };
        let body = posted.map(|posted| posted.body.as_slice()).unwrap_or_default();
        let state = match row {
            Some(row) if row.step == ticket.step => read_state(&row.state)?.ok_or(SignOnError::Stale)?,
            Some(row) if is_repetition(&row, ticket, body, context.now) => {
                return Ok(Found::Repeated(Box::new(read_reply(&row.answer)?)));
            }
            Some(_) => return Err(SignOnError::Stale.into()),
            None => {
                let carried = ticket.state.clone().filter(|state| context.now < self.latest_end(state));
                carried.ok_or(SignOnError::Stale)?
            }
        };
        let state = State { shared: Shared { browser, ..state.shared }, ..state };
        Ok(Found::State { state: Box::new(state), is_stored })
    }

    /// Makes a session, or ends what a signed-in user began within theirs.
    fn succeed(
        &self,
        transaction: &Transaction,
        context: &RequestContext,
        journey: &Journey,
        shared: &Shared,
        success: &Success<'_>,
    ) -> Result<Reply, Interrupted> {
        let Success { user, second_factor_at, event } = *success;
        let address = shared.browser.address.clone();
        if let Some(within) = &shared.in_session {
            let reply = in_session::finish(transaction, within, user, second_factor_at)?;
            if shared.factor_changed {
                sessions::remove_others(transaction, user, Some(&within.session))?;
            }
            let outcome = if matches!(reply, Reply::Done { .. }) { "success" } else { "failure" };
            audit_event(transaction, context.now, event, user, address, outcome)?;
            return Ok(reply);
        }
        let token = make_bytes::<32>(context.entropy.as_ref()).map_err(SignOnError::from)?;
        let token = SecretText::new(encode_url_safe(&token));
        let until = context.now + self.0.configuration.session.maximum_minutes * 60_000;
        if shared.factor_changed {
            sessions::remove_others(transaction, user, None)?;
        }
        sessions::add(transaction, &token, user, context.now, until, second_factor_at)?;
        audit_event(transaction, context.now, event, user, address, "success")?;
        // A password alone makes nothing familiar: it may be stolen.
        if journey.familiar_days > 0 && second_factor_at.is_some() {
            risk::learn(transaction, user, &shared.browser, &context.keys, context.now)?;
        }
        tracing::info!(user, journey = journey.name, "signed on");
        known_browsers::lift_restriction(transaction, user)?;
        let known_browser = match second_factor_at {
            Some(_) => Some(self.remember_browser(transaction, user, &shared.browser, context)?),
            None => None,
        };
        if let (Some(_), Some(address)) = (&known_browser, &shared.browser.address) {
            self.0.passwords.signed_in_from(address, context.now);
        }
        Ok(Reply::Success { token, recovery_code_used: shared.recovery_code_used, known_browser })
    }

    #[allow(clippy::too_many_arguments, reason = "one row is written from what the step came to")]
    pub(super) fn store_progress(
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
}

fn is_repetition(row: &JourneyRow, ticket: &Ticket, body: &[u8], now: EpochMilliseconds) -> bool {
    row.step == ticket.step + 1 && row.answered_body == body && now - row.answered_at < REPEATED
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
