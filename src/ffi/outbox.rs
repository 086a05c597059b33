//! The records of what is sent and what comes back: outbox, deliveries, pulls. Knows no HTTP stack; whoever sends these
//! has their own.

use super::AuthenticatorError;
use super::limits::{self, check_bytes, check_text};
use super::records::{Notification, NotificationState, all};
use crate::phone;

/// What a waiting request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum RequestKind {
    /// Registers this phone for an account.
    Registration,
    /// Answers a message.
    Answer,
    /// Tells where pushes shall go from now on.
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

/// A header to send.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl From<(String, String)> for HttpHeader {
    fn from((name, value): (String, String)) -> Self {
        Self { name, value }
    }
}

/// A request to be sent by POST, its bytes exactly as they are, following no redirects.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct HttpRequest {
    /// Names the request when its outcome is told.
    pub id: String,
    /// What it is for.
    pub kind: RequestKind,
    /// Where it goes.
    pub url: String,
    /// Headers to send.
    pub headers: Vec<HttpHeader>,
    /// The body.
    pub body: Vec<u8>,
    /// Not to be sent later than this, in epoch milliseconds by this phone's clock.
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

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Value of the `Date` header, where there is one: the phone learns from it how far its clock is off.
    pub date: Option<String>,
    /// The body; no more than 64 KiB of it is looked at.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// What is too much is cut off and not refused: the status has to reach the core, or the request would be sent again.
    pub(super) fn into_capped(mut self) -> phone::HttpResponse {
        self.body.truncate(limits::RESPONSE_BODY);
        phone::HttpResponse {
            status: self.status,
            date: self.date.filter(|date| date.len() <= limits::DATE),
            body: self.body,
        }
    }
}

/// How sending failed without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum SendFailure {
    /// Certainly nothing reached the server: no network, no address, no connection.
    NotSent,
    /// The request may have reached the server.
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

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Delivery {
    /// The server took it.
    Done {
        /// What that means here.
        outcome: Outcome,
    },
    /// The server refused it for good.
    Refused {
        /// HTTP status.
        status: u16,
        /// What the server said, cleaned.
        message: Option<String>,
        /// What that means here.
        outcome: Outcome,
    },
    /// It stays in the outbox and is due again.
    Retry {
        /// When, in epoch milliseconds by this phone's clock.
        at: i64,
        /// HTTP status, where the server answered.
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

/// What a settled request left behind.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Outcome {
    /// The account is ready.
    AccountActive {
        /// The account.
        account_id: String,
    },
    /// The account was removed: the server never had it. One that it was to replace is untouched.
    AccountRemoved {
        /// The account that was.
        account_id: String,
    },
    /// The account is kept, because an earlier attempt may have been taken. The first valid message will tell.
    AccountUnconfirmed {
        /// The account.
        account_id: String,
    },
    /// The server sends pushes to the new token.
    TokenChanged {
        /// The account.
        account_id: String,
    },
    /// The server refused the new token; pushes go where they went.
    TokenRefused {
        /// The account.
        account_id: String,
    },
    /// The server takes no change of the token; pushes go where they went.
    TokenNotOffered {
        /// The account.
        account_id: String,
    },
    /// The sign-on request has this state now.
    Answered {
        /// The sign-on request.
        notification_id: String,
        /// Its state.
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

/// A request that is not settled, as shown to a person.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Waiting {
    /// The request.
    pub id: String,
    /// What it is for.
    pub kind: RequestKind,
    /// The account it belongs to.
    pub account_id: String,
    /// The sign-on request that it answers.
    pub notification_id: Option<String>,
    /// Since when it waits, in epoch milliseconds by this phone's clock.
    pub created_at: i64,
    /// How often it was handed out.
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

/// What a push was.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
#[allow(clippy::large_enum_variant, reason = "made once a push and handed over at once")]
pub enum Received {
    /// A sign-on request.
    Message {
        /// The request.
        notification: Notification,
    },
    /// A message waits at the server, and is not here yet: pull for its account. Once that brought it, the same push gives
    /// it; where it did not, the server asks no more. Anybody may have sent this.
    Hint {
        /// The account to be asked for.
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

/// A pull to be sent by POST. It must come back as it is with what the server answered.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct PullRequest {
    /// The account it asks for.
    pub account_id: String,
    /// Where it goes.
    pub url: String,
    /// Headers to send.
    pub headers: Vec<HttpHeader>,
    /// The body.
    pub body: Vec<u8>,
    /// Marks what had arrived when the pull was made: only that can turn out to be withdrawn.
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

/// What came of a pull.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
pub enum Pulled {
    /// The server listed what is pending.
    Messages {
        /// The messages listed, new ones and those that were here already.
        notifications: Vec<Notification>,
        /// Listed messages that were refused; they change nothing.
        refused: Vec<RefusedMessage>,
        /// Ids of sign-on requests that the server no longer lists.
        withdrawn: Vec<String>,
    },
    /// This server lists nothing; its messages come by push only.
    NotOffered,
    /// The server found the request's time or nonce wrong. The phone has learnt the server's time: make a new pull, once.
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

/// A listed message that was refused.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RefusedMessage {
    /// The server's id of the message.
    pub message_id: String,
    /// Why, as a stable code.
    pub code: String,
    /// Why, for a person.
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
