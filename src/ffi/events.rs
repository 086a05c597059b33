//! The records of what happened and of how far servers know where pushes go. Knows no rule about either.

use crate::phone;

/// Something that happened on this phone.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Event {
    /// When, in epoch milliseconds by this phone's clock.
    pub at: i64,
    /// What, as a stable name in lower case with dashes.
    pub kind: String,
    /// The account it is about; it may be gone.
    pub account_id: Option<String>,
    /// What else it is about: a sign-on request's id.
    pub subject: Option<String>,
    /// What there is to say: a state, a code, or what a server said.
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

/// How much history is kept. With both limits, what exceeds either goes; with none, nothing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct Retention {
    /// So many of the newest.
    pub count: Option<u32>,
    /// Those that were settled within so many days.
    pub days: Option<u32>,
}

impl From<Retention> for phone::Retention {
    fn from(retention: Retention) -> Self {
        Self { count: retention.count, days: retention.days }
    }
}

/// How far a server knows where pushes shall go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PushTokenState {
    /// It has the token that is wanted.
    Current,
    /// It is to be told, or is being told.
    Changing,
    /// It refused the token that is wanted.
    Refused,
    /// It takes no change.
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

/// Where the pushes of an account go.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PushTokenStatus {
    /// The account.
    pub account_id: String,
    /// How far its server knows.
    pub state: PushTokenState,
    /// When the server was last known to have the token it has, in epoch milliseconds by this phone's clock.
    pub confirmed_at: Option<i64>,
}

impl From<phone::PushTokenStatus> for PushTokenStatus {
    fn from(status: phone::PushTokenStatus) -> Self {
        Self { account_id: status.account_id, state: status.state.into(), confirmed_at: status.confirmed_at }
    }
}
