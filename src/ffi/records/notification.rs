//! The records of sign-on requests. Knows no rule about any of them but how large foreign ones may be.

use crate::ffi::AuthenticatorError;
use crate::ffi::limits::{self, check_bytes, check_text};
use crate::phone;
use crate::secret::SecretBytes;

/// What the person is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Ask {
    /// Tap to accept.
    Tap,
    /// Tap the one of these numbers that the browser shows.
    Number {
        /// Three different numbers, as text.
        numbers: Vec<String>,
    },
    /// Accept with a biometric.
    Biometric,
}

impl From<phone::Ask> for Ask {
    fn from(ask: phone::Ask) -> Self {
        match ask {
            phone::Ask::Tap => Self::Tap,
            phone::Ask::Number(numbers) => Self::Number { numbers: numbers.into() },
            phone::Ask::Biometric => Self::Biometric,
        }
    }
}

/// What the person did to approve.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
#[uniffi::export(Debug)]
pub enum Evidence {
    /// Tapped *accept*.
    Tap,
    /// Tapped a number.
    Number {
        /// The number, as text.
        number: String,
    },
    /// Passed the biometric.
    Biometric {
        /// The unwrapped slot of [`Authenticator::biometric_challenge`](crate::ffi::Authenticator::biometric_challenge).
        slot: Vec<u8>,
    },
}

impl Evidence {
    pub(in crate::ffi) fn into_checked(self) -> Result<phone::Evidence, AuthenticatorError> {
        match self {
            Self::Tap => Ok(phone::Evidence::Tap),
            Self::Number { number } => {
                check_text("number", &number, limits::NUMBER)?;
                Ok(phone::Evidence::Number(number))
            }
            Self::Biometric { slot } => {
                check_bytes("biometric slot", &slot, limits::KEY_MATERIAL)?;
                Ok(phone::Evidence::Biometric(SecretBytes::new(slot)))
            }
        }
    }
}

/// Where a sign-on comes from, as the server saw it. Shown, never trusted.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Context {
    /// Position of the browser, where it was shared.
    pub location: Option<Location>,
    /// Browser and operating system for the user to read, as in `Firefox on Linux`; always from a closed table.
    pub browser: Option<String>,
    /// The browser's user agent as sent: free text of whoever signs on. Show `browser`, and this only on request.
    pub user_agent: Option<String>,
    /// The browser's platform as sent: free text, too.
    pub platform: Option<String>,
    /// Address of the browser; absent where what was sent is none.
    pub remote_ip: Option<String>,
}

impl From<phone::Context> for Context {
    fn from(context: phone::Context) -> Self {
        Self {
            browser: context.browser_name().map(|name| name.to_string()),
            remote_ip: context.address().map(|address| address.to_string()),
            location: context.location.map(Location::from),
            user_agent: context.user_agent,
            platform: context.platform,
        }
    }
}

/// A position in degrees.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

impl From<phone::Location> for Location {
    fn from(location: phone::Location) -> Self {
        Self { latitude: location.latitude, longitude: location.longitude }
    }
}

/// Where a message is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum NotificationState {
    /// Waits for the person.
    Pending,
    /// The person decided; the answer is on its way.
    Answering,
    /// The server took the approval.
    Approved,
    /// The server took the refusal.
    Denied,
    /// The time to answer ran out, and no answer was sent.
    Expired,
    /// The server refused the answer.
    Failed,
    /// An answer was sent, and whether it counted cannot be known.
    OutcomeUnknown,
    /// The server no longer asks.
    Withdrawn,
}

impl From<phone::NotificationState> for NotificationState {
    fn from(state: phone::NotificationState) -> Self {
        match state {
            // What is only received is never shown.
            phone::NotificationState::Received | phone::NotificationState::Pending => Self::Pending,
            phone::NotificationState::Answering => Self::Answering,
            phone::NotificationState::Approved => Self::Approved,
            phone::NotificationState::Denied => Self::Denied,
            phone::NotificationState::Expired => Self::Expired,
            phone::NotificationState::Failed => Self::Failed,
            phone::NotificationState::OutcomeUnknown => Self::OutcomeUnknown,
            phone::NotificationState::Withdrawn => Self::Withdrawn,
        }
    }
}

/// A sign-on request, as shown to a person.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Notification {
    /// Names the request in every call.
    pub id: String,
    /// The account it is for.
    pub account_id: String,
    /// Who the account is with, as the person wants to read it.
    pub issuer: String,
    /// The account's name there, as the person wants to read it.
    pub account: String,
    /// Host that the answer goes to.
    pub host: String,
    /// What the person is asked to do.
    pub ask: Ask,
    /// Text for the person, cleaned and capped.
    pub message: Option<String>,
    /// Where the sign-on comes from, as the server saw it.
    pub context: Option<Context>,
    /// The operator's own data, as sent.
    pub custom_payload: Option<String>,
    /// When it was sent, in epoch milliseconds by the server's clock.
    pub sent_at: Option<i64>,
    /// When it arrived, in epoch milliseconds by this phone's clock.
    pub received_at: i64,
    /// When its time ends, in epoch milliseconds by this phone's clock, as far as it is known how that differs from the
    /// server's. Where the message says when it was sent, it can be answered for another 60 seconds: the server judges.
    pub expires_at: i64,
    /// Where it is in its life.
    pub state: NotificationState,
    /// When it reached a state that it does not leave, in epoch milliseconds by this phone's clock.
    pub settled_at: Option<i64>,
    /// Whether text, numbers, context and payload were left out, because the device is locked.
    pub concealed: bool,
}

impl From<phone::Notification> for Notification {
    fn from(notification: phone::Notification) -> Self {
        Self {
            id: notification.id,
            account_id: notification.account_id,
            issuer: notification.issuer,
            account: notification.account,
            host: notification.host,
            ask: notification.ask.into(),
            message: notification.message,
            context: notification.context.map(Context::from),
            custom_payload: notification.custom_payload,
            sent_at: notification.sent_at,
            received_at: notification.received_at,
            expires_at: notification.expires_at,
            state: notification.state.into(),
            settled_at: notification.settled_at,
            concealed: notification.concealed,
        }
    }
}
