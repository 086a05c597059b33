//! Records of past events and of the push tokens that servers have.

use crate::phone;

/// Something that happened on this phone.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Event {
    /// Time of the event, in epoch milliseconds by this phone's clock.
    pub at: i64,
    /// Kind of event, as a stable name in lower case with dashes.
    pub kind: String,
    /// The account it concerns, which may no longer exist.
    pub account_id: Option<String>,
    /// ID of the sign-on request it concerns.
    pub subject: Option<String>,
    /// Detail: a state, an error code, or a server's message.
    pub detail: Option<String>,
}

impl From<phone::Event> for Event {
    fn from(event: phone::Event) -> Self {
        Self {
            at: event.at,
            kind: event.kind.name().to_owned(),
            account_id: event.account_id,
            subject: event.subject,
            detail: event.detail,
        }
    }
}

/// How much history to keep. With both limits, anything that exceeds either one is deleted; with neither, nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Retention {
    /// Keep at most this many of the newest.
    pub count: Option<u32>,
    /// Keep those settled within this many days.
    pub days: Option<u32>,
}

impl From<Retention> for phone::Retention {
    fn from(retention: Retention) -> Self {
        Self { count: retention.count, days: retention.days }
    }
}

/// Whether a server knows the current push token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PushTokenState {
    /// The server has the current token.
    Current,
    /// The server is about to be notified, or the notification is under way.
    Changing,
    /// The server rejected the current token.
    Refused,
    /// The server accepts no token change.
    NotOffered,
}

impl From<phone::PushTokenState> for PushTokenState {
    fn from(state: phone::PushTokenState) -> Self {
        match state {
            phone::PushTokenState::Current => Self::Current,
            phone::PushTokenState::Changing => Self::Changing,
            phone::PushTokenState::Refused => Self::Refused,
            phone::PushTokenState::NotOffered => Self::NotOffered,
        }
    }
}

/// Push token status of an account.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PushTokenStatus {
    /// The account.
    pub account_id: String,
    /// Whether its server knows the current token.
    pub state: PushTokenState,
    /// When the server was last known to have its token, in epoch milliseconds by this phone's clock.
    pub confirmed_at: Option<i64>,
}

impl From<phone::PushTokenStatus> for PushTokenStatus {
    fn from(status: phone::PushTokenStatus) -> Self {
        Self { account_id: status.account_id, state: status.state.into(), confirmed_at: status.confirmed_at }
    }
}
