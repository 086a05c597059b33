//! The life of a push message on the phone (docs/wire.md, "The push message"). It is shown only after its envelope,
//! credential, signature, replay and time have been checked, in this order.
//!
//! Display and answers always use the signed message itself, with its signature verified again. Independent of how a
//! message reached the phone; signs nothing.

use std::sync::atomic::Ordering;

use ring::digest;

use super::activation::confirm;
use super::credential::{Id, NotificationState, PushCredential, Verdict};
use super::error::seconds_ahead;
use super::log::{EventKind, note_end, note_message};
use super::message_id::sent_at_by_id;
use super::vault::{NotificationRecord, Reader, ReplayRecord, Writer, length_prefixed};
use super::{Phone, PhoneError, VaultError};
use crate::ports::EpochMilliseconds;
use crate::protocol::jws::{self, Verified};
use crate::protocol::message::{Ask, Context, PushMessage};
use crate::protocol::uri::is_message_id;
use crate::secret::SecretBytes;

/// How far two clocks may differ before a message is rejected as too late, in milliseconds.
const CLOCK_TOLERANCE: i64 = 60_000;
/// How far in the future a message's time of sending may be, in milliseconds.
const FUTURE_LIMIT: i64 = 300_000;
/// How long after its expiry a message is remembered, in milliseconds.
const REPLAY_MARGIN: i64 = 24 * 3_600_000;

/// A sign-on request, for display.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Id of the sign-on request in every call.
    pub id: String,
    /// Id of the account.
    pub account_id: String,
    /// Issuer of the account, as the user wants to read it.
    pub issuer: String,
    /// Name of the account, as the user wants to read it.
    pub account: String,
    /// Host that receives the answer.
    pub host: String,
    /// What the user is asked to do.
    pub ask: Ask,
    /// Text for the user, cleaned and truncated.
    pub message: Option<String>,
    /// Where the sign-on comes from, as the server saw it.
    pub context: Option<Context>,
    /// The operator's own data, as sent.
    pub custom_payload: Option<String>,
    /// Time of sending, in epoch milliseconds by the server's clock.
    pub sent_at: Option<EpochMilliseconds>,
    /// Time of arrival, in epoch milliseconds by this phone's clock.
    pub received_at: EpochMilliseconds,
    /// Time of expiry, in epoch milliseconds by this phone's clock, corrected by its known difference from the
    /// server's. If the message has a time of sending, it can be answered for another 60 seconds, because the clocks
    /// may differ that much; the server decides.
    pub expires_at: EpochMilliseconds,
    /// State of the sign-on request.
    pub state: NotificationState,
    /// Time when it reached a final state, in epoch milliseconds by this phone's clock.
    pub settled_at: Option<EpochMilliseconds>,
    /// Whether text, numbers, context and payload were left out, because the device is locked
    /// ([`Phone::set_concealed`]). The numbers are then empty strings.
    pub concealed: bool,
}

/// A step in the life of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The message arrived in time.
    TakeIn,
    /// The user decided.
    Answer,
    /// The server accepted the answer.
    Taken(Verdict),
    /// The server rejected the answer.
    Refused {
        /// Whether the server may have accepted an earlier attempt.
        fate_unknown: bool,
    },
    /// The time to answer ran out.
    RunOut {
        /// Whether the server may have accepted an attempt to answer.
        fate_unknown: bool,
    },
    /// The server no longer lists the sign-on request.
    Withdraw,
}

/// Returns the state after a step, or an error if the step is not allowed.
pub(super) fn after(state: NotificationState, step: Step) -> Result<NotificationState, PhoneError> {
    use NotificationState as State;
    match (state, step) {
        (State::Received, Step::TakeIn) => Ok(State::Pending),
        (State::Pending, Step::Answer) => Ok(State::Answering),
        (State::Received | State::Pending, Step::RunOut { .. }) => Ok(State::Expired),
        (State::Pending, Step::Withdraw) => Ok(State::Withdrawn),
        (State::Answering, Step::Taken(Verdict::Approve)) => Ok(State::Approved),
        (State::Answering, Step::Taken(Verdict::Deny)) => Ok(State::Denied),
        (State::Answering, Step::Refused { fate_unknown: false }) => Ok(State::Failed),
        (State::Answering, Step::RunOut { fate_unknown: false }) => Ok(State::Expired),
        (State::Answering, Step::Refused { fate_unknown: true } | Step::RunOut { fate_unknown: true }) => {
            Ok(State::OutcomeUnknown)
        }
        (State::Received, _) => Err(PhoneError::NotificationNotFound),
        (State::Expired, _) => Err(PhoneError::Expired),
        (State::Withdrawn, _) => Err(PhoneError::Withdrawn),
        (
            State::Pending | State::Answering | State::Approved | State::Denied | State::Failed | State::OutcomeUnknown,
            _,
        ) => Err(PhoneError::AlreadyAnswered),
    }
}

/// A stored message with everything needed to answer it: its credential, the secret, and the message, verified again.
pub(super) struct OpenedNotification {
    pub(super) record: NotificationRecord,
    pub(super) credential: PushCredential,
    pub(super) secret: SecretBytes,
    pub(super) message: Verified<PushMessage>,
}

impl OpenedNotification {
    pub(super) fn open(rows: &Reader<'_>, record: NotificationRecord) -> Result<Self, PhoneError> {
        let credential = rows.credential(record.credential_id)?.ok_or(PhoneError::NotificationNotFound)?;
        let secret = rows.secret(&credential)?;
        let message = PushMessage::verify(&secret, &rows.signed_message(&record)?)?;
        Ok(Self { record, credential, secret, message })
    }

    /// Opens the records that are neither edited nor damaged.
    pub(super) fn open_all(rows: &Reader<'_>, records: Vec<NotificationRecord>) -> Result<Vec<Self>, PhoneError> {
        let mut all = Vec::with_capacity(records.len());
        for record in records {
            match Self::open(rows, record) {
                Ok(opened) => all.push(opened),
                Err(PhoneError::Vault(VaultError::Tampered { .. } | VaultError::Damaged) | PhoneError::Message(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    pub(super) fn find(rows: &Reader<'_>, id: &str) -> Result<Self, PhoneError> {
        let id = Id::parse(id).ok_or(PhoneError::NotificationNotFound)?;
        Self::open(rows, rows.notification(id)?.ok_or(PhoneError::NotificationNotFound)?)
    }

    /// Returns when the message expires, by the server's clock. The time in a message id is not signed, so it can only
    /// make the message expire sooner.
    pub(super) fn expires_at(&self) -> EpochMilliseconds {
        let life = i64::from(self.message.get().time_to_live_seconds) * 1000;
        self.starts_at().saturating_add(life)
    }

    /// Returns when the message's time starts, by the server's clock: its time of sending, as well as it is known.
    fn starts_at(&self) -> EpochMilliseconds {
        let received = || self.credential.server_time(self.record.received_at);
        self.message.get().sent_at.unwrap_or_else(|| {
            sent_at_by_id(&self.record.message_id).map_or_else(received, |sent_at| sent_at.min(received()))
        })
    }

    /// Returns the last moment at which an answer is sent, by the server's clock. If only this phone's clock matters,
    /// there is no clock difference to tolerate.
    pub(super) fn answerable_until(&self) -> EpochMilliseconds {
        let tolerated = self.expires_at().saturating_add(CLOCK_TOLERANCE);
        if self.message.get().sent_at.is_some() {
            return tolerated;
        }
        let life = i64::from(self.message.get().time_to_live_seconds) * 1000;
        tolerated.min(self.credential.server_time(self.record.received_at).saturating_add(life))
    }

    /// Returns whether it is too late to answer at this phone's time `now`.
    pub(super) fn is_late(&self, now: EpochMilliseconds) -> bool {
        self.credential.server_time(now) > self.answerable_until()
    }

    /// Converts the message for display.
    pub(super) fn show(&self) -> Notification {
        let message = self.message.get();
        Notification {
            id: self.record.id.to_string(),
            account_id: self.credential.account_id.to_string(),
            issuer: self.credential.shown_issuer().to_owned(),
            account: self.credential.shown_name().to_owned(),
            host: self.credential.host(),
            ask: message.ask.clone(),
            message: message.text.clone(),
            context: message.context.clone(),
            custom_payload: message.custom_payload.clone(),
            sent_at: message.sent_at,
            received_at: self.record.received_at,
            expires_at: self.credential.phone_time(self.expires_at()),
            state: self.record.state,
            settled_at: self.record.settled_at,
            concealed: false,
        }
    }
}

impl Notification {
    /// Removes the confidential details.
    fn conceal(mut self) -> Self {
        if let Ask::Number(numbers) = &mut self.ask {
            *numbers = [const { String::new() }; 3];
        }
        Self { message: None, context: None, custom_payload: None, concealed: true, ..self }
    }
}

impl Phone {
    /// Takes in a signed message with its id. Receiving the same message again returns the same notification. A
    /// rejected message changes nothing.
    pub fn receive_message(&self, message_id: &str, jwt: &str) -> Result<Notification, PhoneError> {
        self.take_in_message(message_id, jwt).inspect_err(|error| self.note_refused_message(Some(jwt), error))
    }

    fn take_in_message(&self, message_id: &str, jwt: &str) -> Result<Notification, PhoneError> {
        if message_id.is_empty() {
            return Err(PhoneError::MessageIdMissing);
        }
        if !is_message_id(message_id) {
            return Err(PhoneError::MessageIdInvalid);
        }
        if jwt.len() > jws::LENGTH_LIMIT {
            return Err(PhoneError::PayloadTooLarge);
        }
        let mechanism_uid = PushMessage::peek_mechanism_uid(jwt)?;
        // The signature is verified before the vault is locked for writing, so that forged messages cannot keep it
        // busy.
        let (credential_id, message) = self.vault.read(|rows| {
            let credential = rows.credential_by_mechanism_uid(&mechanism_uid)?.ok_or(PhoneError::UnknownCredential)?;
            Ok::<_, PhoneError>((credential.id, PushMessage::verify(&rows.secret(&credential)?, jwt)?))
        })?;
        let id = Id::make(&*self.entropy)?;
        let now = self.now();
        let (notification, replaced) = self.vault.write(|rows| {
            let credential = rows.credential(credential_id)?.ok_or(PhoneError::UnknownCredential)?;
            let digest = derive_replay_digest(message.get());
            if let Some(known) = find_known(rows, &credential, &digest, message_id, jwt)? {
                return Ok((self.show(&end_if_late(rows, known, now)?), 0));
            }
            let secret = rows.secret(&credential)?;
            let record = NotificationRecord::new(id, credential.id, message_id, now);
            let mut received = OpenedNotification { record, credential, secret, message };
            received.record.state = after(received.record.state, arrival(&received, now)?)?;
            if received.record.state == NotificationState::Expired {
                return Err(PhoneError::Expired);
            }
            store(rows, &received, digest, jwt)?;
            let account = Some(received.credential.account_id);
            note_message(rows, now, EventKind::MessageReceived, account, id, None)?;
            Ok::<_, PhoneError>((self.show(&received), confirm(rows, &received.credential, now)?))
        })?;
        if replaced > 0 {
            self.vault.truncate_log();
        }
        Ok(notification)
    }

    /// Returns the sign-on requests that can be answered now, newest first, and marks those whose time ran out. Edited
    /// entries of the vault cannot be answered and are left out; [`notification`](Self::notification) returns their
    /// error.
    pub fn pending(&self) -> Result<Vec<Notification>, PhoneError> {
        let now = self.now();
        let opened = self.vault.read(|rows| OpenedNotification::open_all(rows, rows.pending_notifications()?))?;
        let (late, pending): (Vec<_>, Vec<_>) = opened.into_iter().partition(|each| each.is_late(now));
        if !late.is_empty() {
            let marked = self.vault.write(|rows| {
                late.iter().try_for_each(|each| mark(rows, each.record.id, Step::RunOut { fate_unknown: false }, now))
            });
            unless_full(marked)?;
        }
        Ok(pending.iter().map(|each| self.show(each)).collect())
    }

    /// Returns one sign-on request, whatever its state.
    pub fn notification(&self, id: &str) -> Result<Notification, PhoneError> {
        let now = self.now();
        let opened = self.vault.read(|rows| OpenedNotification::find(rows, id))?;
        if opened.record.state == NotificationState::Pending && opened.is_late(now) {
            match self.vault.write(|rows| end_if_late(rows, OpenedNotification::find(rows, id)?, now)) {
                Err(PhoneError::Vault(VaultError::Full)) => {}
                opened => return Ok(self.show(&opened?)),
            }
        }
        if opened.record.state == NotificationState::Answering && opened.is_late(now) {
            unless_full(self.settle_late_answers(now))?;
            return Ok(self.show(&self.vault.read(|rows| OpenedNotification::find(rows, id))?));
        }
        Ok(self.show(&opened))
    }

    /// Sets whether sign-on requests are concealed, for an app that hides them while the device is locked: from now on,
    /// they are shown without text, numbers, context and payload, and can be denied but not approved. This is not
    /// stored in the vault, so the app must set it at every start.
    pub fn set_concealed(&self, concealed: bool) {
        self.concealed.store(concealed, Ordering::SeqCst);
    }

    /// Converts the message for display in the current state of concealment.
    pub(super) fn show(&self, opened: &OpenedNotification) -> Notification {
        let shown = opened.show();
        if self.is_concealed() { shown.conceal() } else { shown }
    }

    pub(super) fn is_concealed(&self) -> bool {
        self.concealed.load(Ordering::SeqCst)
    }
}

/// Applies an automatic step. If another process was faster, its step stands.
pub(super) fn mark(rows: &Writer<'_>, id: Id, step: Step, now: EpochMilliseconds) -> Result<(), PhoneError> {
    if let Some(record) = rows.notification(id)?
        && let Ok(state) = after(record.state, step)
    {
        rows.set_notification_state(id, state, record.verdict, now)?;
        note_end(rows, now, record.credential_id, id, state)?;
    }
    Ok(())
}

/// Ignores a full disk when a change only brings the vault up to date, so that reading still works.
pub(super) fn unless_full(changed: Result<(), PhoneError>) -> Result<(), PhoneError> {
    match changed {
        Err(PhoneError::Vault(VaultError::Full)) => Ok(()),
        changed => changed,
    }
}

/// Returns the message in its current state, after marking it as expired if nobody answered in time.
fn end_if_late(
    rows: &Writer<'_>,
    opened: OpenedNotification,
    now: EpochMilliseconds,
) -> Result<OpenedNotification, PhoneError> {
    if opened.record.state != NotificationState::Pending || !opened.is_late(now) {
        return Ok(opened);
    }
    mark(rows, opened.record.id, Step::RunOut { fate_unknown: false }, now)?;
    OpenedNotification::find(rows, &opened.record.id.to_string())
}

fn find_known(
    rows: &Reader<'_>,
    credential: &PushCredential,
    digest: &[u8],
    message_id: &str,
    jwt: &str,
) -> Result<Option<OpenedNotification>, PhoneError> {
    let replays = rows.replays(digest, credential.id, message_id)?;
    let Some(first) = replays.first() else { return Ok(None) };
    let message_digest = derive_message_digest(jwt);
    let is_the_same = |known: &ReplayRecord| {
        known.digest == digest && known.message_id == message_id && known.message_digest == message_digest
    };
    if !replays.iter().all(is_the_same) {
        return Err(PhoneError::Replayed);
    }
    let record = first.notification_id.map(|id| rows.notification(id)).transpose()?.flatten();
    let record = record.ok_or(PhoneError::Replayed)?;
    OpenedNotification::open(rows, record).map(Some)
}

/// Returns the step for a message that just arrived, depending on whether it is in time.
fn arrival(received: &OpenedNotification, now: EpochMilliseconds) -> Result<Step, PhoneError> {
    let server_now = received.credential.server_time(now);
    if let Some(sent_at) = received.message.get().sent_at
        && sent_at > server_now.saturating_add(FUTURE_LIMIT)
    {
        return Err(PhoneError::FromTheFuture { seconds: seconds_ahead(sent_at, server_now) });
    }
    Ok(if received.is_late(now) { Step::RunOut { fate_unknown: false } } else { Step::TakeIn })
}

fn store(rows: &Writer<'_>, received: &OpenedNotification, digest: Vec<u8>, jwt: &str) -> Result<(), PhoneError> {
    let OpenedNotification { record, credential, message, .. } = received;
    // Uses the time that the server signed. A learned clock may be wrong, and a forgotten message could be replayed.
    if let Some(sent_at) = message.get().sent_at {
        rows.forget_replays(credential.id, sent_at)?;
    }
    rows.insert_replay(&ReplayRecord {
        digest,
        credential_id: credential.id,
        message_id: record.message_id.clone(),
        message_digest: derive_message_digest(jwt),
        notification_id: Some(record.id),
        keep_until: message.get().sent_at.map(|_| received.expires_at().saturating_add(REPLAY_MARGIN)),
    })?;
    rows.insert_notification(record, jwt)?;
    Ok(())
}

fn derive_replay_digest(message: &PushMessage) -> Vec<u8> {
    let input = length_prefixed(&[message.mechanism_uid.as_bytes(), &message.challenge]);
    digest::digest(&digest::SHA256, &input).as_ref().to_vec()
}

fn derive_message_digest(jwt: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, jwt.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use NotificationState as State;

    #[test]
    fn every_step_is_allowed_from_one_state_only() {
        let steps = [
            (Step::TakeIn, State::Received, State::Pending),
            (Step::Answer, State::Pending, State::Answering),
            (Step::Withdraw, State::Pending, State::Withdrawn),
            (Step::Taken(Verdict::Approve), State::Answering, State::Approved),
            (Step::Taken(Verdict::Deny), State::Answering, State::Denied),
            (Step::Refused { fate_unknown: false }, State::Answering, State::Failed),
            (Step::Refused { fate_unknown: true }, State::Answering, State::OutcomeUnknown),
        ];
        for (step, from, to) in steps {
            for state in State::STORED.into_iter().chain([State::Received]) {
                let expected = match state {
                    state if state == from => Ok(to),
                    State::Received => Err(PhoneError::NotificationNotFound),
                    State::Expired => Err(PhoneError::Expired),
                    State::Withdrawn => Err(PhoneError::Withdrawn),
                    _ => Err(PhoneError::AlreadyAnswered),
                };
                assert_eq!(after(state, step), expected, "{state:?} {step:?}");
            }
        }
        for (fate_unknown, to) in [(false, State::Expired), (true, State::OutcomeUnknown)] {
            assert_eq!(after(State::Answering, Step::RunOut { fate_unknown }), Ok(to));
            for state in [State::Received, State::Pending] {
                assert_eq!(after(state, Step::RunOut { fate_unknown }), Ok(State::Expired));
            }
        }
    }
}
