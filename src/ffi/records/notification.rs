//! Records for sign-on requests.

use crate::ffi::AuthenticatorError;
use crate::ffi::limits::{self, check_bytes, check_text};
use crate::phone;
use crate::secret::SecretBytes;

/// What the user must do to approve.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum Ask {
    /// Tap to approve.
    Tap,
    /// Tap the number that the browser shows.
    Number {
        /// Three different numbers, as text.
        numbers: Vec<String>,
    },
    /// Approve with a biometric.
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

/// What the user did to approve.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
#[uniffi::export(Debug)]
pub enum Evidence {
    /// Tapped *Approve*.
    Tap,
    /// Tapped a number.
    Number {
        /// The number, as text.
        number: String,
    },
    /// Passed the biometric check.
    Biometric {
        /// The account's biometric slot, unwrapped in the app's prompt.
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

/// Where a sign-on comes from, as the server saw it. For display only; never trust it.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Context {
    /// Position of the browser, if it was shared.
    pub location: Option<Location>,
    /// Browser and operating system in readable form, such as `Firefox on Linux`; always from a fixed table.
    pub browser: Option<String>,
    /// The browser's user agent as sent: free text from anyone who tries to sign in. Show `browser` first, and this
    /// only on demand.
    pub user_agent: Option<String>,
    /// The browser's platform as sent: free text as well.
    pub platform: Option<String>,
    /// IP address of the browser; absent if the value sent was not an IP address.
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

/// State of a sign-on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum NotificationState {
    /// Waiting for the user.
    Pending,
    /// The user has decided, and the answer is on its way.
    Answering,
    /// The server accepted the approval.
    Approved,
    /// The server accepted the denial.
    Denied,
    /// The time to answer ran out before an answer was sent.
    Expired,
    /// The server rejected the answer.
    Failed,
    /// An answer was sent, but whether it counted cannot be determined.
    OutcomeUnknown,
    /// The server withdrew the sign-on request.
    Withdrawn,
}

impl From<phone::NotificationState> for NotificationState {
    fn from(state: phone::NotificationState) -> Self {
        match state {
            // A notification that has only been received is never visible to the app.
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

/// A sign-on request, for display to the user.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct Notification {
    /// Identifies the sign-on request in every call.
    pub id: String,
    /// The account it is for.
    pub account_id: String,
    /// Issuer, under the name the user chose.
    pub issuer: String,
    /// Account name, as the user chose it.
    pub account: String,
    /// Host that receives the answer.
    pub host: String,
    /// What the user must do to approve.
    pub ask: Ask,
    /// Message for the user, cleaned and shortened.
    pub message: Option<String>,
    /// Where the sign-on comes from, as the server saw it.
    pub context: Option<Context>,
    /// The operator's custom data, as sent.
    pub custom_payload: Option<String>,
    /// When it was sent, in epoch milliseconds by the server's clock.
    pub sent_at: Option<i64>,
    /// When it arrived, in epoch milliseconds by this phone's clock.
    pub received_at: i64,
    /// When it expires, in epoch milliseconds by this phone's clock, corrected by the known difference to the server's
    /// clock. If the message says when it was sent, it can still be answered for another 60 seconds: the server
    /// decides.
    pub expires_at: i64,
    /// State of the sign-on request.
    pub state: NotificationState,
    /// When it reached its final state, in epoch milliseconds by this phone's clock.
    pub settled_at: Option<i64>,
    /// Whether text, numbers, context, and payload were left out because the device is locked.
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
