//! A log of events on this phone, for a user who wants to know why something happened. Bounded and free of secrets:
//! events identify accounts and messages by their ids, and rejections by their error codes.

use std::sync::Arc;

use super::credential::{Id, NotificationState, PushCredential};
use super::vault::{EventRecord, Reader, VaultError, Writer};
use super::{Phone, PhoneError};
use crate::ports::EpochMilliseconds;
use crate::protocol::message::PushMessage;
use crate::protocol::text;

/// Number of events kept.
pub const EVENT_LIMIT: u32 = 1000;
/// Time during which the same rejection is logged only once, in milliseconds, so that forged messages cannot push out
/// the other events.
const REPEATED_REFUSAL: i64 = 60_000;
/// Longest server text that is kept, in characters.
const DETAIL_LIMIT: usize = 200;

/// Kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// An account was added; its registration is waiting to be sent.
    Enrolled,
    /// The server has the account.
    RegistrationConfirmed,
    /// The server rejected the registration; `detail` is the status and the server's message.
    RegistrationRefused,
    /// The user removed an account, or another account replaced it (then `detail` is `replaced`).
    Removed,
    /// A message arrived; `subject` is the sign-on request's id.
    MessageReceived,
    /// A message was rejected; `detail` is the error code.
    MessageRefused,
    /// The user decided; `subject` is the sign-on request's id, `detail` is `approve`, `deny`, or `deny` with the given
    /// reason, as in `deny not-me`.
    Decided,
    /// A sign-on request reached a final state; `subject` is its id, `detail` the state.
    Settled,
    /// This phone rejected an approval or denial; `subject` is the sign-on request's id, `detail` the error code.
    DecisionRefused,
    /// This phone rejected an account; `detail` is the error code, with the unmet policy if that is the cause.
    EnrolmentRefused,
    /// The server has a new push token.
    TokenChanged,
    /// The server rejected the push token; `detail` is the status and the server's message.
    TokenRefused,
    /// The server does not support changes of the push token; `detail` is the status.
    TokenNotOffered,
    /// The vault's data key was wrapped under another key of the platform.
    KeyRewrapped,
    /// The account's biometric slot was bound to another biometric key.
    BiometricRebound,
    /// The platform's biometric key is no longer valid, because a fingerprint or face was added.
    BiometricInvalidated,
    /// The platform invalidated the account's device key.
    DeviceKeyInvalidated,
}

impl EventKind {
    const ALL: [Self; 17] = [
        Self::Enrolled,
        Self::RegistrationConfirmed,
        Self::RegistrationRefused,
        Self::Removed,
        Self::MessageReceived,
        Self::MessageRefused,
        Self::Decided,
        Self::Settled,
        Self::DecisionRefused,
        Self::EnrolmentRefused,
        Self::TokenChanged,
        Self::TokenRefused,
        Self::TokenNotOffered,
        Self::KeyRewrapped,
        Self::BiometricRebound,
        Self::BiometricInvalidated,
        Self::DeviceKeyInvalidated,
    ];

    /// Returns the kind's name, in lowercase with dashes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::RegistrationConfirmed => "registration-confirmed",
            Self::RegistrationRefused => "registration-refused",
            Self::Removed => "removed",
            Self::MessageReceived => "message-received",
            Self::MessageRefused => "message-refused",
            Self::Decided => "decided",
            Self::Settled => "settled",
            Self::DecisionRefused => "decision-refused",
            Self::EnrolmentRefused => "enrolment-refused",
            Self::TokenChanged => "token-changed",
            Self::TokenRefused => "token-refused",
            Self::TokenNotOffered => "token-not-offered",
            Self::KeyRewrapped => "key-rewrapped",
            Self::BiometricRebound => "biometric-rebound",
            Self::BiometricInvalidated => "biometric-invalidated",
            Self::DeviceKeyInvalidated => "device-key-invalidated",
        }
    }
}

/// An event on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Time of the event, in epoch milliseconds by this phone's clock.
    pub at: EpochMilliseconds,
    /// Kind of event.
    pub kind: EventKind,
    /// The account concerned, which may no longer exist.
    pub account_id: Option<String>,
    /// The other object concerned, depending on the kind.
    pub subject: Option<String>,
    /// Details, depending on the kind.
    pub detail: Option<String>,
}

impl Event {
    fn of(record: EventRecord) -> Option<Self> {
        Some(Self {
            at: record.at,
            kind: EventKind::ALL.into_iter().find(|kind| kind.name() == record.kind)?,
            account_id: record.account_id.map(|id| id.to_string()),
            // These were cleaned when stored, but nothing seals them.
            subject: record.subject.map(|subject| text::clean(&subject, DETAIL_LIMIT)),
            detail: record.detail.map(|detail| text::clean(&detail, DETAIL_LIMIT)),
        })
    }
}

impl Phone {
    /// Returns the events on this phone, newest first: at most `limit` of the last [`EVENT_LIMIT`]. Works even if the
    /// vault's key is lost. A rejection that repeats within a minute appears once.
    pub fn events(&self, limit: u32) -> Result<Vec<Event>, PhoneError> {
        let records = self.vault.read(|rows| rows.events(limit.min(EVENT_LIMIT)))?;
        records.into_iter().map(|record| Event::of(record).ok_or(VaultError::Damaged.into())).collect()
    }

    /// Calls `listener` for every event that this object causes from now on, once the event is durable and the vault is
    /// no longer locked, so that the listener may call back. Returns false if there already is a listener; there can be
    /// only one.
    pub fn listen(&self, listener: impl Fn(&Event) + Send + Sync + 'static) -> bool {
        self.vault.listen(Arc::new(move |record| {
            if let Some(event) = Event::of(record.clone()) {
                listener(&event);
            }
        }))
    }

    /// Logs that a message was rejected. This is not part of any transaction, and if the event cannot be written, the
    /// rejection still stands.
    pub(super) fn note_refused_message(&self, jwt: Option<&str>, error: &PhoneError) {
        // A problem of the vault is not the message's fault, and could hardly be written to the vault anyway.
        if matches!(error, PhoneError::Vault(VaultError::Busy | VaultError::Full | VaultError::NotWritable)) {
            return;
        }
        let mechanism_uid = jwt.and_then(|jwt| PushMessage::peek_mechanism_uid(jwt).ok());
        self.note_refused(|rows, now| {
            let account_id = match mechanism_uid.as_deref() {
                Some(uid) => rows.credential_by_mechanism_uid(uid)?.map(|credential| credential.account_id),
                None => None,
            };
            Ok(record(now, EventKind::MessageRefused, account_id).with_detail(error.code()))
        });
    }

    /// Logs that the user's decision was rejected, except if the vault failed or the decision came too late.
    pub(super) fn note_refused_decision(&self, notification_id: &str, error: &PhoneError) {
        use PhoneError as E;
        let Some(id) = Id::parse(notification_id) else { return };
        match error {
            E::Locked { .. } | E::DeviceLocked | E::NumberNeeded | E::NumberNotOffered | E::NumberNotAsked => {}
            E::BiometricNeeded | E::BiometricRefused | E::BiometricInvalidated | E::NoBiometricSlot => {}
            E::SignatureRefused(_) | E::DeviceKeyInvalidated => {}
            _ => return,
        }
        self.note_refused(|rows, now| {
            let account = match rows.notification(id)? {
                Some(message) => rows.credential(message.credential_id)?.map(|credential| credential.account_id),
                None => None,
            };
            Ok(record(now, EventKind::DecisionRefused, account).about(id).with_detail(error.code()))
        });
    }

    /// Logs that an account was rejected because of this phone or its key.
    pub(super) fn note_refused_enrolment(&self, error: &PhoneError) {
        let detail = match error {
            PhoneError::PolicyUnmet { policy } => format!("{} {policy}", error.code()),
            PhoneError::SignatureRefused(_) | PhoneError::DeviceKeyRefused(_) | PhoneError::SlotNotWrapped(_) => {
                error.code().to_owned()
            }
            _ => return,
        };
        self.note_refused(|_, now| Ok(record(now, EventKind::EnrolmentRefused, None).with_detail(&detail)));
    }

    fn note_refused(&self, make: impl FnOnce(&Reader<'_>, EpochMilliseconds) -> Result<EventRecord, PhoneError>) {
        let now = self.now();
        let noted = self.vault.read(|rows| {
            let event = make(rows, now)?;
            let is_repeated = rows.events(RECENT)?.iter().any(|before| {
                EventRecord { at: event.at, ..before.clone() } == event
                    && (0..REPEATED_REFUSAL).contains(&now.saturating_sub(before.at))
            });
            Ok::<_, PhoneError>((!is_repeated).then_some(event))
        });
        if let Ok(Some(event)) = noted {
            let _: Result<(), PhoneError> = self.vault.write(|rows| Ok(rows.insert_event(&event, EVENT_LIMIT)?));
        }
    }
}

/// Number of recent events that are searched for a repetition.
const RECENT: u32 = 20;

/// Returns an event that is not stored yet.
fn record(at: EpochMilliseconds, kind: EventKind, account_id: Option<Id>) -> EventRecord {
    EventRecord { at, kind: kind.name().to_owned(), account_id, subject: None, detail: None }
}

impl EventRecord {
    fn about(mut self, subject: Id) -> Self {
        self.subject = Some(subject.to_string());
        self
    }

    fn with_detail(mut self, detail: &str) -> Self {
        self.detail = Some(detail.to_owned());
        self
    }
}

fn note(rows: &Writer<'_>, event: EventRecord) -> Result<(), PhoneError> {
    Ok(rows.insert_event(&event, EVENT_LIMIT)?)
}

/// Logs an event about an account or the vault.
pub(super) fn note_account(
    rows: &Writer<'_>,
    now: EpochMilliseconds,
    kind: EventKind,
    account: Option<Id>,
    detail: Option<&str>,
) -> Result<(), PhoneError> {
    let event = record(now, kind, account);
    note(rows, if let Some(detail) = detail { event.with_detail(detail) } else { event })
}

/// Logs that a server rejected something about an account.
pub(super) fn note_refusal(
    rows: &Writer<'_>,
    now: EpochMilliseconds,
    kind: EventKind,
    credential: &PushCredential,
    status: u16,
    message: Option<&str>,
) -> Result<(), PhoneError> {
    let detail = text::clean(&format!("{status} {}", message.unwrap_or_default()), DETAIL_LIMIT);
    note(rows, record(now, kind, Some(credential.account_id)).with_detail(&detail))
}

/// Logs an event about a sign-on request.
pub(super) fn note_message(
    rows: &Writer<'_>,
    now: EpochMilliseconds,
    kind: EventKind,
    account: Option<Id>,
    notification: Id,
    detail: Option<&str>,
) -> Result<(), PhoneError> {
    let event = record(now, kind, account).about(notification);
    note(rows, if let Some(detail) = detail { event.with_detail(detail) } else { event })
}

/// Logs the end of a sign-on request, if this state is final.
pub(super) fn note_end(
    rows: &Writer<'_>,
    now: EpochMilliseconds,
    credential: Id,
    notification: Id,
    state: NotificationState,
) -> Result<(), PhoneError> {
    if !state.is_settled() {
        return Ok(());
    }
    let account = rows.credential(credential)?.map(|credential| credential.account_id);
    note_message(rows, now, EventKind::Settled, account, notification, Some(state.name()))
}
