//! The records and enums that cross the border, and how the core's types become them. Knows no rule about any of them
//! but how large foreign ones may be.

use super::AuthenticatorError;
use super::keys::ForeignSlot;
use super::limits::{self, check_bytes, check_text};
use crate::phone;
use crate::secret::SecretBytes;

/// Converts each.
pub(super) fn all<F, T: From<F>>(from: Vec<F>) -> Vec<T> {
    from.into_iter().map(T::from).collect()
}

/// What a credential can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CredentialKind {
    /// Answers push messages.
    Push,
    /// Shows codes that change with time.
    Totp,
    /// Shows a new code whenever it is asked for one.
    Hotp,
}

impl From<phone::CredentialKind> for CredentialKind {
    fn from(kind: phone::CredentialKind) -> Self {
        match kind {
            phone::CredentialKind::Push => Self::Push,
            phone::CredentialKind::Totp => Self::Totp,
            phone::CredentialKind::Hotp => Self::Hotp,
        }
    }
}

/// What a person can expect of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AccountState {
    /// The registration is signed and not yet confirmed by the server.
    Enrolling,
    /// Whether the server knows this phone is not certain; the first valid message will tell.
    Unconfirmed,
    /// Messages can be received and answered, codes shown.
    Active,
    /// A policy of the account is not met: sign-ons can be denied, not approved, and no codes are shown.
    Locked,
    /// The key to this account's secret is lost. Remove it and add it again.
    ReEnrolmentNeeded,
}

impl From<phone::AccountState> for AccountState {
    fn from(state: phone::AccountState) -> Self {
        match state {
            phone::AccountState::Enrolling => Self::Enrolling,
            phone::AccountState::Unconfirmed => Self::Unconfirmed,
            phone::AccountState::Active => Self::Active,
            phone::AccountState::Locked => Self::Locked,
            phone::AccountState::ReEnrolmentNeeded => Self::ReEnrolmentNeeded,
        }
    }
}

/// An account, as shown to a person.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Account {
    /// Names the account in every call.
    pub id: String,
    /// Who the account is with, as registered.
    pub issuer: String,
    /// The account's name there, as registered.
    pub account: String,
    /// Who the account is with, as the person wants to read it.
    pub display_issuer: String,
    /// The account's name, as the person wants to read it.
    pub display_name: String,
    /// Host, with its port where one is named, that answers are sent to; none where codes are all that it has.
    pub host: Option<String>,
    /// What it can do first of all: answer messages, where it can.
    pub kind: CredentialKind,
    /// All that it can do.
    pub kinds: Vec<CredentialKind>,
    /// What can be expected of it now.
    pub state: AccountState,
    /// When it was added, in epoch milliseconds by this phone's clock.
    pub created_at: i64,
    /// Whether messages that ask for a biometric can be approved.
    pub has_biometric_slot: bool,
    /// Background colour, six lower-case hexadecimal digits.
    pub colour: Option<String>,
    /// Address of the logo; https.
    pub logo: Option<String>,
    /// Names of the policies that the phone must meet.
    pub policies: Vec<String>,
    /// The first policy that is not met, which is why the account is locked.
    pub unmet_policy: Option<String>,
}

impl From<phone::Account> for Account {
    fn from(account: phone::Account) -> Self {
        Self {
            id: account.id,
            issuer: account.issuer,
            account: account.account,
            display_issuer: account.display_issuer,
            display_name: account.display_name,
            host: account.host,
            kind: account.kind.into(),
            kinds: all(account.kinds),
            state: account.state.into(),
            created_at: account.created_at,
            has_biometric_slot: account.has_biometric_slot,
            colour: account.colour,
            logo: account.logo,
            policies: account.policies,
            unmet_policy: account.unmet_policy,
        }
    }
}

/// An account that stands in the way of a new one, or looks like it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Conflict {
    /// The account's id.
    pub account_id: String,
    /// Who it is with.
    pub issuer: String,
    /// Its name.
    pub account: String,
    /// Its host; none where codes are all that it has.
    pub host: Option<String>,
}

impl From<phone::Conflict> for Conflict {
    fn from(conflict: phone::Conflict) -> Self {
        Self {
            account_id: conflict.account_id,
            issuer: conflict.issuer,
            account: conflict.account,
            host: conflict.host,
        }
    }
}

/// A phone's operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Platform {
    /// Android, and whatever is neither.
    Android,
    /// iOS.
    Ios,
}

impl From<Platform> for phone::Platform {
    fn from(platform: Platform) -> Self {
        match platform {
            Platform::Android => Self::Android,
            Platform::Ios => Self::Ios,
        }
    }
}

/// How a push reaches the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CommunicationType {
    /// Firebase Cloud Messaging.
    Gcm,
    /// Apple Push Notification service.
    Apns,
    /// The phone asks for its messages.
    Embedded,
}

impl From<CommunicationType> for phone::CommunicationType {
    fn from(kind: CommunicationType) -> Self {
        match kind {
            CommunicationType::Gcm => Self::Gcm,
            CommunicationType::Apns => Self::Apns,
            CommunicationType::Embedded => Self::Embedded,
        }
    }
}

/// This phone, as the server shall know it.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Device {
    /// Shown in the user's list of devices.
    pub name: String,
    /// Operating system.
    pub platform: Platform,
    /// Where pushes for this phone go: a token of FCM, of APNs, or of the shell's own making for the embedded way.
    pub push_token: String,
    /// How pushes reach this phone.
    pub communication_type: CommunicationType,
}

impl From<Device> for phone::Device {
    fn from(device: Device) -> Self {
        Self {
            name: device.name,
            platform: device.platform.into(),
            push_token: device.push_token,
            communication_type: device.communication_type.into(),
        }
    }
}

/// What the phone's shell observed about the device.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct DeviceFacts {
    /// A fingerprint, face or other biometric is enrolled and usable.
    pub biometric_available: bool,
    /// How likely the device was tampered with, from 0 (clean) to 1.
    pub tamper_score: f64,
}

impl From<DeviceFacts> for phone::DeviceFacts {
    fn from(facts: DeviceFacts) -> Self {
        Self { biometric_available: facts.biometric_available, tamper_score: facts.tamper_score }
    }
}

/// How a previewed account is to be added.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Enrolment {
    /// This phone, as the server shall know it.
    pub device: Device,
    /// What the shell observed about the device just now.
    pub facts: DeviceFacts,
    /// Whether an account of the same issuer, name and host is to be replaced. It goes when the server has taken the
    /// new registration, not before.
    pub replace: bool,
}

impl Enrolment {
    pub(super) fn check(&self) -> Result<(), AuthenticatorError> {
        check_text("device name", &self.device.name, limits::DEVICE_NAME)?;
        check_text("push token", &self.device.push_token, limits::PUSH_TOKEN)
    }

    pub(super) fn into_core(self, slot: Option<&ForeignSlot>) -> phone::Enrolment<'_> {
        phone::Enrolment {
            device: self.device.into(),
            facts: self.facts.into(),
            slot: slot.map(|slot| slot as &dyn phone::SlotWrapper),
            replace: self.replace,
            key: phone::KeyChoice::None,
        }
    }
}

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
        /// The unwrapped slot of [`Authenticator::biometric_challenge`](super::Authenticator::biometric_challenge).
        slot: Vec<u8>,
    },
}

impl Evidence {
    pub(super) fn into_checked(self) -> Result<phone::Evidence, AuthenticatorError> {
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
    /// The browser's user agent.
    pub user_agent: Option<String>,
    /// The browser's platform.
    pub platform: Option<String>,
    /// Address of the browser.
    pub remote_ip: Option<String>,
}

impl From<phone::Context> for Context {
    fn from(context: phone::Context) -> Self {
        Self {
            location: context.location.map(Location::from),
            user_agent: context.user_agent,
            platform: context.platform,
            remote_ip: context.remote_ip,
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
    /// When its time ends, in epoch milliseconds by the server's clock as far as this phone knows it.
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
