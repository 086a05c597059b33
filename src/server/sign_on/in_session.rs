//! A journey that a signed-on person runs from one of its nodes on: to pass a second factor again, or to add a phone.
//!
//! It is the default journey, so that nodes and their settings are those of a sign-on. It makes no session; it ends
//! with the one that it was begun in.

use super::{Reply, SignOnError, Ticket};
use crate::ports::{EpochMilliseconds, make_bytes};
use crate::protocol::encoding::encode_url_safe;
use crate::secret::{Reason, SecretText};
use crate::server::App;
use crate::server::journey::state::{Browser, InSession, Purpose, Shared, State};
use crate::server::store::{StoreError, Transaction, digest, sessions};

/// The type of the node that a purpose begins at.
fn entry_type(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::StepUp => "PushAuthenticationSenderNode",
        Purpose::AddDevice => "PushRegistrationNode",
    }
}

impl App {
    /// The node of the default journey that a purpose begins at; absent when the journey has none.
    fn entry(&self, purpose: Purpose) -> Option<String> {
        let journey = self.0.journeys.get(&self.0.configuration.default_journey)?;
        journey.nodes.iter().find(|(_, placed)| placed.node_type == entry_type(purpose)).map(|(id, _)| id.clone())
    }

    /// Whether the default journey has what a purpose needs.
    pub fn offers(&self, purpose: Purpose) -> bool {
        self.entry(purpose).is_some()
    }

    /// Begins a journey within the live session of this token, for its user. The caller has looked whether the session
    /// may do this.
    pub async fn begin_in_session(
        &self,
        token: &SecretText,
        user: &str,
        purpose: Purpose,
        browser: Browser,
    ) -> Result<Reply, SignOnError> {
        let name = self.0.configuration.default_journey.clone();
        let node = self
            .entry(purpose)
            .ok_or_else(|| SignOnError::Journey(format!("The journey {name:?} has no {}.", entry_type(purpose))))?;
        let now = self.now();
        let state = State {
            id: encode_url_safe(&make_bytes::<16>(self.0.entropy.as_ref())?),
            realm: self.0.configuration.realm.clone(),
            journey: name.clone(),
            node,
            asked: Vec::new(),
            started_at: now,
            shared: Shared {
                browser,
                user_name: Some(user.to_owned()),
                user: Some(user.to_owned()),
                in_session: Some(InSession {
                    purpose,
                    session: digest(token.expose(Reason::Hash).as_bytes()),
                    user: user.to_owned(),
                }),
                ..Shared::default()
            },
        };
        let ticket = Ticket { id: state.id.clone(), step: 0, issued_at: now, journey: name, state: None };
        self.run_steps(ticket, state.into(), None).await
    }

    /// Refuses a turn whose session is over.
    pub(super) fn check_session(
        &self,
        transaction: &Transaction,
        state: &State,
        now: EpochMilliseconds,
    ) -> Result<(), SignOnError> {
        let Some(in_session) = &state.shared.in_session else { return Ok(()) };
        let idle = self.0.configuration.session.idle_minutes * 60_000;
        match sessions::find_by_digest(transaction, &in_session.session, now, idle)? {
            Some(_) => Ok(()),
            None => Err(SignOnError::Stale),
        }
    }
}

/// Ends a journey within a session as a success of this user. A step-up that asked for no second factor, or a journey
/// in which somebody else signed on, gains nothing.
pub(super) fn finish(
    transaction: &Transaction,
    in_session: &InSession,
    user: &str,
    second_factor_at: Option<EpochMilliseconds>,
) -> Result<Reply, StoreError> {
    let purpose = in_session.purpose;
    let failed = |message: &str| Ok(Reply::Failure { message: message.to_owned(), purpose: Some(purpose) });
    if user != in_session.user {
        return failed("Somebody else signed on.");
    }
    match (purpose, second_factor_at) {
        (Purpose::StepUp, Some(passed)) => sessions::pass_second_factor(transaction, &in_session.session, passed)?,
        (Purpose::StepUp, None) => return failed("No second factor was passed."),
        (Purpose::AddDevice, _) => {}
    }
    Ok(Reply::Done { purpose })
}

/// The audit event that tells of a journey's end.
pub(super) fn event(shared: &Shared) -> &'static str {
    match shared.in_session.as_ref().map(|in_session| in_session.purpose) {
        None => "sign-on",
        Some(Purpose::StepUp) => "step-up",
        Some(Purpose::AddDevice) => "device-added",
    }
}
