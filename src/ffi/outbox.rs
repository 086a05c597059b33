//! Records of what is sent and what comes back: outbox entries, deliveries, and pulls. Independent of any HTTP stack;
//! the app sends with its own.

use super::AuthenticatorError;
use super::limits::{self, check_bytes, check_text};
use super::records::{Notification, NotificationState, all};
use crate::phone;

/// Purpose of an outbox entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum RequestKind {
    /// Registers this phone for an account.
    Registration,
    /// Answers a sign-on request.
    Answer,
    /// Updates the push token.
    TokenRefresh,
}

impl From<phone::RequestKind> for RequestKind {
    fn from(kind: phone::RequestKind) -> Self {
        match kind {
            phone::RequestKind::Registration => Self::Registration,
            phone::RequestKind::Answer => Self::Answer,
            phone::RequestKind::TokenRefresh => Self::TokenRefresh,
        }
    }
}

/// An HTTP header to send.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpHeader {
    /// Name of the header.
    pub name: String,
    /// Value of the header.
    pub value: String,
}

impl From<(String, String)> for HttpHeader {
    fn from((name, value): (String, String)) -> Self {
        Self { name, value }
    }
}

/// An HTTP request to send by POST. Send the bytes unchanged and do not follow redirects.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct HttpRequest {
    /// ID to report the outcome with.
    pub id: String,
    /// Purpose of the HTTP request.
    pub kind: RequestKind,
    /// Where to send it.
    pub url: String,
    /// Headers to send.
    pub headers: Vec<HttpHeader>,
    /// The body.
    pub body: Vec<u8>,
    /// Do not send it later than this, in epoch milliseconds by this phone's clock.
    pub not_after: Option<i64>,
}

impl From<phone::HttpRequest> for HttpRequest {
    fn from(request: phone::HttpRequest) -> Self {
        Self {
            id: request.id,
            kind: request.kind.into(),
            url: request.url,
            headers: all(request.headers),
            body: request.body,
            not_after: request.not_after,
        }
    }
}

/// A server's response.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Value of the `Date` header, if there is one; the phone uses it to measure how far its clock is off.
    pub date: Option<String>,
    /// The body. At most 64 KiB of it are read.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Truncates a body that is too large instead of rejecting it: the core must see the status, or it would send the
    /// HTTP request again.
    pub(super) fn into_capped(mut self) -> phone::HttpResponse {
        self.body.truncate(limits::RESPONSE_BODY);
        phone::HttpResponse {
            status: self.status,
            date: self.date.filter(|date| date.len() <= limits::DATE),
            body: self.body,
        }
    }
}

/// Why sending failed without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SendFailure {
    /// Nothing can have reached the server: no network, no address, no connection.
    NotSent,
    /// The HTTP request may have reached the server.
    FateUnknown,
}

impl From<SendFailure> for phone::SendFailure {
    fn from(failure: SendFailure) -> Self {
        match failure {
            SendFailure::NotSent => Self::NotSent,
            SendFailure::FateUnknown => Self::FateUnknown,
        }
    }
}

/// Outcome of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Delivery {
    /// The server accepted it.
    Done {
        /// What that means for this phone.
        outcome: Outcome,
    },
    /// The server rejected it permanently.
    Refused {
        /// HTTP status.
        status: u16,
        /// The server's message, cleaned.
        message: Option<String>,
        /// What that means for this phone.
        outcome: Outcome,
    },
    /// It stays in the outbox and will be due again.
    Retry {
        /// When it is due, in epoch milliseconds by this phone's clock.
        at: i64,
        /// HTTP status, if the server responded.
        status: Option<u16>,
    },
}

impl From<phone::Delivery> for Delivery {
    fn from(delivery: phone::Delivery) -> Self {
        match delivery {
            phone::Delivery::Done(outcome) => Self::Done { outcome: outcome.into() },
            phone::Delivery::Refused { status, message, outcome } => {
                Self::Refused { status, message, outcome: outcome.into() }
            }
            phone::Delivery::Retry { at, status } => Self::Retry { at, status },
        }
    }
}

/// What changed when an outbox entry was settled.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Outcome {
    /// The account is ready.
    AccountActive {
        /// The account.
        account_id: String,
    },
    /// The account was removed because the server never had it. An account that it was to replace is unchanged.
    AccountRemoved {
        /// The removed account.
        account_id: String,
    },
    /// The account was kept, because the server may have accepted an earlier attempt. The first valid message will
    /// show.
    AccountUnconfirmed {
        /// The account.
        account_id: String,
    },
    /// The server now sends pushes to the new token.
    TokenChanged {
        /// The account.
        account_id: String,
    },
    /// The server rejected the new token; pushes still go to the old one.
    TokenRefused {
        /// The account.
        account_id: String,
    },
    /// The server accepts no token change; pushes still go to the old one.
    TokenNotOffered {
        /// The account.
        account_id: String,
    },
    /// The sign-on request has reached this state.
    Answered {
        /// The sign-on request.
        notification_id: String,
        /// Its new state.
        state: NotificationState,
    },
}

impl From<phone::Outcome> for Outcome {
    fn from(outcome: phone::Outcome) -> Self {
        match outcome {
            phone::Outcome::AccountActive { account_id } => Self::AccountActive { account_id },
            phone::Outcome::AccountRemoved { account_id } => Self::AccountRemoved { account_id },
            phone::Outcome::AccountUnconfirmed { account_id } => Self::AccountUnconfirmed { account_id },
            phone::Outcome::TokenChanged { account_id } => Self::TokenChanged { account_id },
            phone::Outcome::TokenRefused { account_id } => Self::TokenRefused { account_id },
            phone::Outcome::TokenNotOffered { account_id } => Self::TokenNotOffered { account_id },
            phone::Outcome::Notification { notification_id, state } => {
                Self::Answered { notification_id, state: state.into() }
            }
        }
    }
}

/// An outbox entry that is not settled, for display to the user.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Waiting {
    /// ID of the entry.
    pub id: String,
    /// Purpose of the entry.
    pub kind: RequestKind,
    /// The account it belongs to.
    pub account_id: String,
    /// The sign-on request that it answers, if any.
    pub notification_id: Option<String>,
    /// When it entered the outbox, in epoch milliseconds by this phone's clock.
    pub created_at: i64,
    /// How often it has been handed out.
    pub attempts: u32,
    /// When it is due again, in epoch milliseconds by this phone's clock.
    pub next_attempt_at: i64,
}

impl From<phone::Waiting> for Waiting {
    fn from(waiting: phone::Waiting) -> Self {
        Self {
            id: waiting.id,
            kind: waiting.kind.into(),
            account_id: waiting.account_id,
            notification_id: waiting.notification_id,
            created_at: waiting.created_at,
            attempts: waiting.attempts,
            next_attempt_at: waiting.next_attempt_at,
        }
    }
}

/// Content of a push.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
#[allow(clippy::large_enum_variant, reason = "made once a push and handed over at once")]
pub enum Received {
    /// A sign-on request.
    Message {
        /// The sign-on request.
        notification: Notification,
    },
    /// A message is waiting at the server but is not here yet: pull for its account. Once the pull has fetched the
    /// message, receiving the same push again returns it; if the pull did not, the sign-on request is no longer open.
    /// Anyone may have sent this hint.
    Hint {
        /// The account to pull for.
        account_id: String,
        /// The server's id of the message.
        message_id: String,
    },
}

impl From<phone::Received> for Received {
    fn from(received: phone::Received) -> Self {
        match received {
            phone::Received::Message(notification) => Self::Message { notification: (*notification).into() },
            phone::Received::Hint(hinted) => {
                Self::Hint { account_id: hinted.account_id, message_id: hinted.message_id }
            }
        }
    }
}

/// A pull to send by POST. Pass it back unchanged, together with the server's response.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct PullRequest {
    /// The account it pulls for.
    pub account_id: String,
    /// Where to send it.
    pub url: String,
    /// Headers to send.
    pub headers: Vec<HttpHeader>,
    /// The body.
    pub body: Vec<u8>,
    /// Marks which messages had arrived when the pull was created: only those can turn out to be withdrawn.
    pub marker: i64,
}

impl From<phone::PullRequest> for PullRequest {
    fn from(pull: phone::PullRequest) -> Self {
        Self {
            account_id: pull.account_id,
            url: pull.url,
            headers: all(pull.headers),
            body: pull.body,
            marker: pull.marker,
        }
    }
}

impl PullRequest {
    pub(super) fn into_checked(self) -> Result<phone::PullRequest, AuthenticatorError> {
        check_text("id", &self.account_id, limits::ID)?;
        check_text("address", &self.url, limits::ADDRESS)?;
        check_bytes("request", &self.body, limits::REQUEST_BODY)?;
        let headers: usize = self.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
        if headers > limits::HEADERS {
            return Err(AuthenticatorError::too_large("request"));
        }
        Ok(phone::PullRequest {
            account_id: self.account_id,
            url: self.url,
            headers: self.headers.into_iter().map(|header| (header.name, header.value)).collect(),
            body: self.body,
            marker: self.marker,
        })
    }
}

/// Result of a pull.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum Pulled {
    /// The server listed the pending messages.
    Messages {
        /// The listed messages: new ones and those already on this phone.
        notifications: Vec<Notification>,
        /// Listed messages that were rejected. They change nothing.
        refused: Vec<RefusedMessage>,
        /// IDs of sign-on requests that the server no longer lists.
        withdrawn: Vec<String>,
    },
    /// This server does not support pulls; its messages arrive by push only.
    NotOffered,
    /// The server rejected the pull's time or nonce. The phone has since learned the server's time: create a new pull,
    /// once.
    AskAgain,
}

impl From<phone::Pulled> for Pulled {
    fn from(pulled: phone::Pulled) -> Self {
        match pulled {
            phone::Pulled::Messages { notifications, refused, withdrawn } => {
                Self::Messages { notifications: all(notifications), refused: all(refused), withdrawn }
            }
            phone::Pulled::NotOffered => Self::NotOffered,
            phone::Pulled::AskAgain => Self::AskAgain,
        }
    }
}

/// A listed message that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RefusedMessage {
    /// The server's id of the message.
    pub message_id: String,
    /// Reason, as a stable error code.
    pub code: String,
    /// Reason, explained for the user.
    pub explanation: String,
}

impl From<phone::RefusedMessage> for RefusedMessage {
    fn from(refused: phone::RefusedMessage) -> Self {
        Self {
            message_id: refused.message_id,
            code: refused.error.code().to_owned(),
            explanation: refused.error.to_string(),
        }
    }
}
