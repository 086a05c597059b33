//! The data types of the phone core: accounts, credentials, and the states of credentials and messages.
//!
//! Plain types shared by the use cases and the vault. Independent of files, time and wire formats.

use std::fmt;

use url::Url;

use super::account;
use crate::ports::{Entropy, EntropyUnavailable, EpochMilliseconds, make_bytes};
use crate::protocol::device_key::{KeyLevel, UserPresence};
use crate::protocol::message::CommunicationType;
use crate::protocol::policy::DeviceFacts;
use crate::protocol::uri;

/// Length of an id, in bytes.
pub(super) const ID_LENGTH: usize = 16;

/// Id of a row in the vault: random bytes without meaning, shown as lowercase hexadecimal text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Id(pub(super) [u8; ID_LENGTH]);

impl Id {
    /// Generates a new id.
    pub(super) fn make(entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        make_bytes(entropy).map(Self)
    }

    /// Parses the text form; returns `None` if it is not an id.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != 2 * ID_LENGTH || text.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        u128::from_str_radix(text, 16).ok().map(|number| Self(number.to_be_bytes()))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// What a credential can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// Answers push messages.
    Push,
    /// Generates time-based one-time passwords.
    Totp,
    /// Generates counter-based one-time passwords, a new one each time.
    Hotp,
}

impl CredentialKind {
    /// Returns the kind's name: `push`, `totp` or `hotp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Totp => "totp",
            Self::Hotp => "hotp",
        }
    }
}

/// How far the server and this phone agree about a credential. The vault stores this; the user sees [`AccountState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CredentialState {
    /// The registration is signed and in the outbox.
    Enrolling,
    /// The server rejected a registration that it may have accepted earlier.
    Unconfirmed,
    /// The server has the credential.
    Active,
}

impl CredentialState {
    pub(super) const ALL: [Self; 3] = [Self::Enrolling, Self::Unconfirmed, Self::Active];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Enrolling => "enrolling",
            Self::Unconfirmed => "unconfirmed",
            Self::Active => "active",
        }
    }
}

/// What the user can do with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// The registration is signed but not yet confirmed by the server.
    Enrolling,
    /// It is not certain whether the server knows this phone; the first valid message will confirm it.
    Unconfirmed,
    /// The account can receive and answer messages and show one-time passwords.
    Active,
    /// The phone does not meet a policy of the account: the user can deny sign-ons but not approve them, and no
    /// one-time passwords are shown.
    Locked,
    /// The key to this account's secret is lost, its device key was invalidated, or its entry in the vault is damaged.
    /// Remove the account and add it again.
    ReEnrolmentNeeded,
}

impl AccountState {
    /// Returns the state's name, in lowercase with dashes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enrolling => "enrolling",
            Self::Unconfirmed => "unconfirmed",
            Self::Active => "active",
            Self::Locked => "locked",
            Self::ReEnrolmentNeeded => "re-enrolment-needed",
        }
    }
}

/// An account, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Id of the account in every call.
    pub id: String,
    /// Issuer of the account, as registered.
    pub issuer: String,
    /// Name of the account, as registered.
    pub account: String,
    /// Issuer of the account, as the user wants to read it.
    pub display_issuer: String,
    /// Name of the account, as the user wants to read it.
    pub display_name: String,
    /// Host that receives answers, with the port if the URL has one; `None` if the account has only one-time passwords.
    pub host: Option<String>,
    /// Main capability: answering push messages, if the account can.
    pub kind: CredentialKind,
    /// All capabilities.
    pub kinds: Vec<CredentialKind>,
    /// Current state.
    pub state: AccountState,
    /// Time when it was added, in epoch milliseconds by this phone's clock.
    pub created_at: EpochMilliseconds,
    /// Whether messages that ask for a biometric can be approved.
    pub has_biometric_slot: bool,
    /// Background color, six lowercase hexadecimal digits.
    pub colour: Option<String>,
    /// Address of the logo; https.
    pub logo: Option<String>,
    /// Names of the policies that the phone must meet.
    pub policies: Vec<String>,
    /// The first policy that the phone does not meet, which is why the account is locked.
    pub unmet_policy: Option<String>,
    /// The account's device key, if it was registered with one.
    pub key: Option<AccountKey>,
}

/// An account's device key, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountKey {
    /// The public key as a JWK, its members in the order of RFC 7638 and without whitespace. The shell uses it to find
    /// the matching private key.
    pub jwk: String,
    /// Where the private key lives.
    pub level: KeyLevel,
    /// What the user must do before the key signs.
    pub presence: UserPresence,
    /// Whether the private key is in the vault, so that the core signs with it directly.
    pub is_software: bool,
    /// Whether the platform invalidated the key: the account answers nothing until it is added again.
    pub is_invalidated: bool,
}

/// This phone, as the server should know it.
#[derive(Clone, PartialEq, Eq)]
pub struct Device {
    /// Name shown in the user's list of devices.
    pub name: String,
    /// Operating system.
    pub platform: Platform,
    /// Push token of this phone: from FCM, from APNs, or generated by the shell for the embedded transport.
    pub push_token: String,
    /// How pushes reach this phone.
    pub communication_type: CommunicationType,
}

/// A phone's operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Android, and any other system that is not iOS.
    Android,
    /// iOS.
    Ios,
}

impl Platform {
    /// Returns the name on the wire: `android` or `ios`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::Ios => "ios",
        }
    }
}

/// State of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationState {
    /// The server's signature is valid; the time has not been checked yet. Messages in this state are not stored or
    /// shown.
    Received,
    /// Waiting for the user.
    Pending,
    /// The user decided, and the answer is on its way.
    Answering,
    /// The server accepted the approval.
    Approved,
    /// The server accepted the denial.
    Denied,
    /// The time to answer ran out, and no answer was sent.
    Expired,
    /// The server rejected the answer.
    Failed,
    /// An answer was sent, but it cannot be known whether it counted.
    OutcomeUnknown,
    /// The server no longer lists the sign-on request.
    Withdrawn,
}

impl NotificationState {
    /// The states that a stored message can have.
    pub(super) const STORED: [Self; 8] = [
        Self::Pending,
        Self::Answering,
        Self::Approved,
        Self::Denied,
        Self::Expired,
        Self::Failed,
        Self::OutcomeUnknown,
        Self::Withdrawn,
    ];

    /// Returns whether the state is final.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Received | Self::Pending | Self::Answering => false,
            Self::Approved | Self::Denied | Self::Expired | Self::Failed | Self::OutcomeUnknown | Self::Withdrawn => {
                true
            }
        }
    }

    /// Returns the state's name, in lowercase with dashes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Pending => "pending",
            Self::Answering => "answering",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::OutcomeUnknown => "outcome-unknown",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// The user's decision about a message, as the vault stores it until the server accepts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Approve,
    Deny,
}

impl Verdict {
    pub(super) const ALL: [Self; 2] = [Self::Approve, Self::Deny];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

/// The purpose of an outbox entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Registers this phone for an account.
    Registration,
    /// Answers a message.
    Answer,
    /// Tells a server the new push token.
    TokenRefresh,
}

/// Why a server is not asked to take a push token again until the wanted token changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenRefusal {
    /// The server does not support changes.
    NotOffered,
    /// The server rejected this token.
    Refused,
}

impl RequestKind {
    pub(super) const ALL: [Self; 3] = [Self::Registration, Self::Answer, Self::TokenRefresh];

    /// Returns the kind's name: `registration`, `answer` or `token-refresh`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Answer => "answer",
            Self::TokenRefresh => "token-refresh",
        }
    }
}

/// Everything about a push credential that is not secret, and the parts of its account needed with it, as the vault
/// stores them.
#[derive(Debug, Clone)]
pub(super) struct PushCredential {
    pub(super) account_id: Id,
    pub(super) id: Id,
    pub(super) issuer: String,
    pub(super) account: String,
    /// The issuer and the name that the user chose, if any.
    pub(super) display_issuer: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) policies_json: Option<String>,
    pub(super) created_at: EpochMilliseconds,
    pub(super) mechanism_uid: String,
    /// Id of the push device on the server.
    pub(super) server_device_id: Option<String>,
    /// A URL, kept as text: the outbox entry of a registration has its own copy to send to.
    pub(super) registration_endpoint: String,
    pub(super) authentication_endpoint: Url,
    pub(super) state: CredentialState,
    /// Whether earlier accounts with the same issuer, name and origin are removed once the server has this one.
    pub(super) replaces: bool,
    /// Server time minus this phone's time, in milliseconds, if a response revealed it.
    pub(super) clock_offset: Option<i64>,
    /// The biometric slot, wrapped under the platform's biometric key; empty once that key is no longer valid.
    pub(super) wrapped_slot: Option<Vec<u8>>,
    /// Signature algorithm of the messages.
    pub(super) algorithm: String,
    /// The secret as stored in the vault; empty before the credential is stored.
    pub(super) secret_sealed: Vec<u8>,
    /// The device key, if the credential was registered with one.
    pub(super) key: Option<KeyRecord>,
}

/// The stored description of a credential's device key.
#[derive(Debug, Clone)]
pub(super) struct KeyRecord {
    /// The public key.
    pub(super) jwk: String,
    pub(super) level: KeyLevel,
    pub(super) presence: UserPresence,
    /// Whether the private key is in the vault, not in hardware.
    pub(super) is_software: bool,
    /// Whether the platform invalidated the key, so that it can no longer sign.
    pub(super) is_invalidated: bool,
    /// The private key as stored in the vault, or a sealed empty text if it is in hardware; empty before the credential
    /// is stored.
    pub(super) sealed: Vec<u8>,
}

impl PushCredential {
    /// Returns the host that receives answers, with the port if the URL has one.
    pub(super) fn host(&self) -> String {
        uri::host_and_port(&self.authentication_endpoint)
    }

    /// Returns the server's time, as far as it is known, at this phone's time `now`.
    pub(super) fn server_time(&self, now: EpochMilliseconds) -> EpochMilliseconds {
        now.saturating_add(self.clock_offset.unwrap_or(0))
    }

    /// Returns this phone's time at the server's time `time`, as far as it is known.
    pub(super) fn phone_time(&self, time: EpochMilliseconds) -> EpochMilliseconds {
        time.saturating_sub(self.clock_offset.unwrap_or(0))
    }

    /// Returns the issuer to show.
    pub(super) fn shown_issuer(&self) -> &str {
        self.display_issuer.as_deref().unwrap_or(&self.issuer)
    }

    /// Returns the name to show.
    pub(super) fn shown_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.account)
    }

    /// Returns the name of the first policy that is not met or not understood. Without facts, no policy is met.
    pub(super) fn unmet_policy(&self, facts: Option<&DeviceFacts>) -> Option<String> {
        account::unmet_policy(self.policies_json.as_deref(), facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written_and_nothing_else_is() {
        let id = Id([0xab; ID_LENGTH]);
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        for text in ["", "ab", &"AB".repeat(16), &"ab".repeat(17), &format!("+{}", "a".repeat(31)), &"é".repeat(16)] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }
}
