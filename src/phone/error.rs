//! What the phone rejects or cannot do, with messages for the user and a stable error code for programs.
//!
//! No error contains a secret. Unless its text says otherwise, nothing was changed.

use super::vault::{KeyError, MayBeDamage, VaultError};
use crate::ports::{EntropyUnavailable, EpochMilliseconds};
use crate::protocol::device_key::KeyRefused;
use crate::protocol::jws::JwsError;
use crate::protocol::message::MessageError;
use crate::protocol::proof::ProofError;
use crate::protocol::uri::UriError;

/// The reason why the phone did not do what it was asked to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// The vault failed.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The registration URI was rejected.
    #[error(transparent)]
    Code(#[from] UriError),
    /// The phone does not meet a policy of the account to be added.
    #[error("This phone does not meet the policy {policy:?} that the account requires. It was not added.")]
    PolicyUnmet {
        /// Name of the policy.
        policy: String,
    },
    /// The account already exists.
    #[error(
        "The account {account:?} of {issuer:?} ({}) is on this phone already. Replace it, or keep what is there.",
        place(.host)
    )]
    AccountExists {
        /// Issuer of the account.
        issuer: String,
        /// Name of the account.
        account: String,
        /// Host of the account; `None` if it has only one-time passwords.
        host: Option<String>,
    },
    /// The description of this phone cannot be sent.
    #[error("The {0} of this phone is missing or too long.")]
    BadDevice(&'static str),
    /// The biometric slot could not be wrapped.
    #[error("The biometric of this phone could not be bound to the account: {0} The account was not added.")]
    SlotNotWrapped(KeyError),
    /// There is no such account.
    #[error("There is no account with this id.")]
    AccountNotFound,
    /// The account has no one-time passwords.
    #[error("This account shows no codes.")]
    NoCodes,
    /// The counter has reached its maximum.
    #[error("This account has used up its codes. Add it again.")]
    CounterExhausted,
    /// There is no such message.
    #[error("There is no sign-on request with this id.")]
    NotificationNotFound,
    /// There is no such outbox entry, or it is settled already.
    #[error("There is no request with this id; it may be settled already.")]
    RequestNotFound,

    /// The payload is larger than any push can be.
    #[error("The message is too large.")]
    PayloadTooLarge,
    /// The payload has none of the forms of FCM, APNs and this project.
    #[error("The message is not of a form that is known here.")]
    PayloadUnreadable,
    /// The signed message came without its id, so an answer could not be addressed.
    #[error("The message came without its message id, so it cannot be answered.")]
    MessageIdMissing,
    /// The id is too long or has invalid characters.
    #[error("The message's id is not valid.")]
    MessageIdInvalid,
    /// A hint's ids are too long or have invalid characters.
    #[error("The hint at a message is not of a form that is known here.")]
    HintMalformed,
    /// The message's signature, framing or content is not valid.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// No credential here has the mechanism uid that the message names.
    #[error("The message is for an account that is not on this phone.")]
    UnknownCredential,
    /// The time to answer has run out.
    #[error("The sign-on request has expired. Start the sign-on again.")]
    Expired,
    /// The message's time of sending is in the future.
    #[error("The message was sent {seconds} seconds in the future by this phone's clock. Set the clock right.")]
    FromTheFuture {
        /// How far ahead of this phone's corrected clock, in seconds.
        seconds: i64,
    },
    /// The message was already received under another id, or the id was already used for another message.
    #[error("The message was received before. It may have been copied by somebody else and was refused.")]
    Replayed,

    /// The user has already decided.
    #[error("The sign-on request was answered already.")]
    AlreadyAnswered,
    /// The server no longer lists the sign-on request.
    #[error("The sign-on request was withdrawn by the server.")]
    Withdrawn,
    /// The phone does not meet a policy of the account.
    #[error(
        "The account is locked: this phone does not meet its policy {policy:?}. Sign-ons can be denied only, and no codes \
         are shown."
    )]
    Locked {
        /// Name of the policy.
        policy: String,
    },
    /// The user must tap a number.
    #[error("This sign-on asks for the number that the browser shows.")]
    NumberNeeded,
    /// The number is not one of those offered.
    #[error("This number is not one of those that the sign-on offers.")]
    NumberNotOffered,
    /// A number was given, but the sign-on does not ask for one.
    #[error("This sign-on does not ask for a number.")]
    NumberNotAsked,
    /// The sign-on asks for a biometric.
    #[error("This sign-on asks for a biometric.")]
    BiometricNeeded,
    /// The biometric's evidence is wrong.
    #[error("The biometric was not accepted.")]
    BiometricRefused,
    /// The credential was enrolled without a biometric.
    #[error("The account was added without a biometric, so this sign-on can only be denied. Add the account again.")]
    NoBiometricSlot,

    /// The platform's biometric key is no longer valid.
    #[error(
        "A fingerprint or face was added to this phone, so this account's biometric no longer counts. Deny this sign-on, \
         then add the account again."
    )]
    BiometricInvalidated,
    /// The account has no device key, or its server supports none.
    #[error("This account has no key of its own that could sign, or its server takes none.")]
    NoDeviceKey,
    /// The described key is not of the right kind.
    #[error(transparent)]
    DeviceKeyRefused(#[from] KeyRefused),
    /// The account's key is in hardware and must sign first.
    #[error("This account's key has to sign first.")]
    SignatureNeeded,
    /// The signed bytes or their signature are not valid.
    #[error("The signature of this account's key was refused: {0}. Nothing was sent.")]
    SignatureRefused(ProofError),
    /// The platform invalidated the account's device key.
    #[error("This account's key is no longer valid, so it can answer nothing. Add the account again.")]
    DeviceKeyInvalidated,
    /// The account's server does not accept a reason.
    #[error("This account's server takes no reason. Deny without one.")]
    ReasonNotTaken,
    /// The device must be unlocked before the details of a sign-on are shown.
    #[error("Unlock this phone to see what the sign-on is about. It can be denied as it is.")]
    DeviceLocked,

    /// The server rejected the pull.
    #[error("The server refused to list what is pending (status {status}).")]
    PullRefused {
        /// HTTP status.
        status: u16,
        /// The server's error message, cleaned.
        message: Option<String>,
    },
    /// The server cannot list pending messages right now.
    #[error("The server cannot list what is pending at this moment (status {status}). Try again.")]
    PullUnavailable {
        /// HTTP status.
        status: u16,
    },
    /// The server's answer is not of the expected form.
    #[error("The server's answer cannot be understood.")]
    ResponseUnreadable,
}

impl MayBeDamage for PhoneError {
    fn is_damage(&self) -> bool {
        matches!(self, Self::Vault(error) if error.is_damage())
    }
}

impl PhoneError {
    /// Returns a stable name for programs, in lowercase with dashes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Vault(error) => error.code(),
            Self::Code(error) => error.code(),
            Self::PolicyUnmet { .. } => "policy-unmet",
            Self::AccountExists { .. } => "account-exists",
            Self::BadDevice(_) => "bad-device",
            Self::SlotNotWrapped(KeyError::Unavailable) => "biometric-unavailable",
            Self::SlotNotWrapped(KeyError::Invalid) => "biometric-invalid",
            Self::AccountNotFound => "account-not-found",
            Self::NoCodes => "no-codes",
            Self::CounterExhausted => "counter-exhausted",
            Self::NotificationNotFound => "notification-not-found",
            Self::RequestNotFound => "request-not-found",
            Self::PayloadTooLarge => "payload-too-large",
            Self::PayloadUnreadable => "payload-unreadable",
            Self::MessageIdMissing => "message-id-missing",
            Self::MessageIdInvalid => "message-id-invalid",
            Self::HintMalformed => "hint-malformed",
            Self::Message(error) => message_code(error),
            Self::UnknownCredential => "unknown-credential",
            Self::Expired => "expired",
            Self::FromTheFuture { .. } => "from-the-future",
            Self::Replayed => "replayed",
            Self::AlreadyAnswered => "already-answered",
            Self::Withdrawn => "withdrawn",
            Self::Locked { .. } => "locked",
            Self::NumberNeeded => "number-needed",
            Self::NumberNotOffered => "number-not-offered",
            Self::NumberNotAsked => "number-not-asked",
            Self::BiometricNeeded => "biometric-needed",
            Self::BiometricRefused => "biometric-refused",
            Self::NoBiometricSlot => "no-biometric-slot",
            Self::BiometricInvalidated => "biometric-invalidated",
            Self::NoDeviceKey => "no-device-key",
            Self::DeviceKeyRefused(_) => "device-key-refused",
            Self::SignatureNeeded => "signature-needed",
            Self::SignatureRefused(_) => "signature-refused",
            Self::DeviceKeyInvalidated => "device-key-invalidated",
            Self::ReasonNotTaken => "reason-not-taken",
            Self::DeviceLocked => "device-locked",
            Self::PullRefused { .. } => "pull-refused",
            Self::PullUnavailable { .. } => "pull-unavailable",
            Self::ResponseUnreadable => "response-unreadable",
        }
    }
}

impl From<EntropyUnavailable> for PhoneError {
    fn from(error: EntropyUnavailable) -> Self {
        Self::Vault(VaultError::Entropy(error))
    }
}

impl From<JwsError> for PhoneError {
    fn from(error: JwsError) -> Self {
        Self::Message(MessageError::Signature(error))
    }
}

/// Returns how far `time` is ahead of the clock, in whole seconds, rounded up.
pub(super) fn seconds_ahead(time: EpochMilliseconds, now: EpochMilliseconds) -> i64 {
    time.saturating_sub(now).saturating_add(999) / 1000
}

/// Returns where an account is, as text for the user.
fn place(host: &Option<String>) -> &str {
    host.as_deref().unwrap_or("codes only")
}

fn message_code(error: &MessageError) -> &'static str {
    match error {
        MessageError::Signature(JwsError::Malformed) => "malformed-message",
        MessageError::Signature(JwsError::UnsupportedAlgorithm) => "unsupported-algorithm",
        MessageError::Signature(JwsError::WrongSignature) => "wrong-signature",
        MessageError::Signature(JwsError::WrongClaims) => "wrong-claims",
        MessageError::BadChallenge => "bad-challenge",
        MessageError::UnknownPushType(_) => "unknown-push-type",
        MessageError::BadNumbers => "bad-numbers",
        MessageError::BadCookie => "bad-cookie",
        MessageError::BadTime => "bad-time",
        MessageError::BadContext => "bad-context",
        MessageError::PayloadTooLarge => "custom-payload-too-large",
    }
}
