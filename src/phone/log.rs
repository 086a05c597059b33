//! What happened on this phone, for the person who looks for the reason of something. Bounded, and without secrets: an
//! event names accounts and messages by their ids, refusals by their codes. Knows nothing of how things happen.

use std::sync::Arc;

use super::credential::{Id, NotificationState, PushCredential};
use super::vault::{EventRecord, Reader, VaultError, Writer};
use super::{Phone, PhoneError};
use crate::ports::EpochMilliseconds;
use crate::protocol::message::PushMessage;
use crate::protocol::text;

/// How many events are kept.
pub const EVENT_LIMIT: u32 = 1000;
/// The same refusal within this time is not told again, in milliseconds: forged messages must not push out the rest.
const REPEATED_REFUSAL: i64 = 60_000;
/// Longest text of a server that is kept, in characters.
const DETAIL_LIMIT: usize = 200;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// An account was added; its registration waits to be sent.
    Enrolled,
    /// The server has the account.
    RegistrationConfirmed,
    /// The server refused the registration; `detail` is the status and what it said.
    RegistrationRefused,
    /// An account was removed by the person, or because another one took its place (`detail` is `replaced`).
    Removed,
    /// A message came in; `subject` is the sign-on request's id.
    MessageReceived,
    /// A message was refused; `detail` is the error's code.
    MessageRefused,
    /// The person decided; `subject` is the sign-on request's id, `detail` is `approve`, `deny`, or `deny` with the reason
    /// that was given, as in `deny not-me`.
    Decided,
    /// A sign-on request reached its end; `subject` is its id, `detail` its state.
    Settled,
    /// An approval or denial was refused on this phone; `subject` is the sign-on request's id, `detail` the error's code.
    DecisionRefused,
    /// An account was refused on this phone; `detail` is the error's code, with the policy that was not met.
    EnrolmentRefused,
    /// The server has a new push token.
    TokenChanged,
    /// The server refused the push token; `detail` is the status and what it said.
    TokenRefused,
    /// The server takes no change of the push token; `detail` is the status.
    TokenNotOffered,
    /// The vault's data key was wrapped by another key of the platform.
    KeyRewrapped,
    /// The account's biometric slot was bound to another biometric key.
    BiometricRebound,
    /// The platform's biometric key does not count any more: a fingerprint or face was added.
    BiometricInvalidated,
    /// The platform invalidated the account's own signing key.
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

    /// The kind's name, in lower case with dashes.
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

/// Something that happened on this phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When, in epoch milliseconds by this phone's clock.
    pub at: EpochMilliseconds,
    /// What.
    pub kind: EventKind,
    /// The account it is about; it may be gone.
    pub account_id: Option<String>,
    /// What else it is about, as the kind says.
    pub subject: Option<String>,
    /// What there is to say, as the kind says.
    pub detail: Option<String>,
}

impl Event {
    fn of(record: EventRecord) -> Option<Self> {
        Some(Self {
            at: record.at,
            kind: EventKind::ALL.into_iter().find(|kind| kind.name() == record.kind)?,
            account_id: record.account_id.map(|id| id.to_string()),
            // They were stored so, but nothing seals them.
            subject: record.subject.map(|subject| text::clean(&subject, DETAIL_LIMIT)),
            detail: record.detail.map(|detail| text::clean(&detail, DETAIL_LIMIT)),
        })
    }
}

impl Phone {
    /// What happened on this phone, newest first, at most `limit` of the last [`EVENT_LIMIT`]. Works without the key
    /// too. A refusal that repeats itself within a minute is there once.
    pub fn events(&self, limit: u32) -> Result<Vec<Event>, PhoneError> {
        let records = self.vault.read(|rows| rows.events(limit.min(EVENT_LIMIT)))?;
        records.into_iter().map(|record| Event::of(record).ok_or(VaultError::Damaged.into())).collect()
    }

    /// Has every event told to `listener` that this object brings about from now on, once it is durable and while the
    /// vault is not locked: the listener may call back. Whether it will be told; there is one listener at most.
    pub fn listen(&self, listener: impl Fn(&Event) + Send + Sync + 'static) -> bool {
        self.vault.listen(Arc::new(move |record| {
            if let Some(event) = Event::of(record.clone()) {
                listener(&event);
            }
        }))
    }

    /// Notes that a message was refused. There is no transaction that it could be part of, and where it cannot be
    /// written the refusal counts all the same.
    pub(super) fn note_refused_message(&self, jwt: Option<&str>, error: &PhoneError) {
        // What is wrong with the vault is not the message's, and could hardly be written to it.
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

    /// Notes that the gate refused what a person decided; what is the vault's trouble, or came too late, is not noted.
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

    /// Notes that an account was refused for what this phone, or its key, is.
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

/// How many events are looked at for a repeated one.
const RECENT: u32 = 20;

/// An event that is not stored yet.
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

/// Notes something about an account, or about the vault.
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

/// Notes that a server refused something of an account.
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

/// Notes something about a sign-on request.
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

/// Notes the end of a sign-on request, where this state is one.
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
