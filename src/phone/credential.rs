//! The words of the phone's world: accounts, credentials, and the states that they and their messages go through.
//!
//! Plain types without behaviour of their own, shared by the use-cases and the vault. Nothing here knows a file, the
//! time or the wire.

use std::fmt;

use url::Url;

use super::account;
use crate::ports::{Entropy, EntropyUnavailable, EpochMilliseconds, make_bytes};
use crate::protocol::device_key::{KeyLevel, UserPresence};
use crate::protocol::message::CommunicationType;
use crate::protocol::policy::DeviceFacts;
use crate::protocol::uri;

/// Number of bytes of an id.
pub(super) const ID_LENGTH: usize = 16;

/// Id of a row in the vault: random bytes that mean nothing. Handed out as lower-case hexadecimal text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Id(pub(super) [u8; ID_LENGTH]);

impl Id {
    /// A fresh id.
    pub(super) fn make(entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        make_bytes(entropy).map(Self)
    }

    /// Reads the text form; `None` when it is no id at all.
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
    /// Shows codes that change with time.
    Totp,
    /// Shows a new code whenever it is asked for one.
    Hotp,
}

impl CredentialKind {
    /// The kind's name: `push`, `totp` or `hotp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Totp => "totp",
            Self::Hotp => "hotp",
        }
    }
}

/// How far the server and this phone agree about a credential. This is what the vault stores; what a person sees is
/// [`AccountState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CredentialState {
    /// The registration was signed and waits in the outbox.
    Enrolling,
    /// The server refused a registration that it may have accepted before.
    Unconfirmed,
    /// The server has it.
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

/// What a person can expect of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountState {
    /// The registration is signed and not yet confirmed by the server.
    Enrolling,
    /// Whether the server knows this phone is not certain; the first valid message will tell.
    Unconfirmed,
    /// Messages can be received and answered, codes shown.
    Active,
    /// A policy of the account is not met: sign-ons can be denied, not approved, and no codes are shown.
    Locked,
    /// The key to this account's secret is lost, its own signing key was invalidated, or its entry in the vault is damaged.
    /// Remove it and add it again.
    ReEnrolmentNeeded,
}

impl AccountState {
    /// The state's name, in lower case with dashes.
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

/// An account, as shown to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub created_at: EpochMilliseconds,
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
    /// The account's own signing key, where it was registered with one.
    pub key: Option<AccountKey>,
}

/// An account's key, as shown to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountKey {
    /// The public half as a JWK, its members in the order of RFC 7638 and nothing between them: by it a shell finds its
    /// own private half.
    pub jwk: String,
    /// Where the private half lives.
    pub level: KeyLevel,
    /// What the person must do before it signs.
    pub presence: UserPresence,
    /// Whether it lies in the vault and the core signs with it by itself.
    pub is_software: bool,
    /// Whether the platform invalidated it: the account answers nothing until it was added again.
    pub is_invalidated: bool,
}

/// This phone, as the server shall know it.
#[derive(Clone, PartialEq, Eq)]
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

/// A phone's operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Android, and whatever is neither.
    Android,
    /// iOS.
    Ios,
}

impl Platform {
    /// The name on the wire: `android` or `ios`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Android => "android",
            Self::Ios => "ios",
        }
    }
}

/// Where a message is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationState {
    /// Signed by its server; its time is still to be looked at. Nothing is stored or shown in this state.
    Received,
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

impl NotificationState {
    /// What a stored message can be.
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

    /// Whether nothing can happen to the message any more.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Received | Self::Pending | Self::Answering => false,
            Self::Approved | Self::Denied | Self::Expired | Self::Failed | Self::OutcomeUnknown | Self::Withdrawn => {
                true
            }
        }
    }

    /// The state's name, in lower case with dashes.
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

/// What the person decided about a message, as the vault keeps it until the server took it.
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

/// What a waiting request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Registers this phone for an account.
    Registration,
    /// Answers a message.
    Answer,
    /// Tells where pushes shall go from now on.
    TokenRefresh,
}

/// Why a server is not asked again to take a push token, until another one is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenRefusal {
    /// It takes no changes.
    NotOffered,
    /// It refused this one.
    Refused,
}

impl RequestKind {
    pub(super) const ALL: [Self; 3] = [Self::Registration, Self::Answer, Self::TokenRefresh];

    /// The kind's name: `registration`, `answer` or `token-refresh`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Answer => "answer",
            Self::TokenRefresh => "token-refresh",
        }
    }
}

/// Everything about a push credential that is not secret, and what of its account it is needed with, as the vault keeps it.
#[derive(Debug, Clone)]
pub(super) struct PushCredential {
    pub(super) account_id: Id,
    pub(super) id: Id,
    pub(super) issuer: String,
    pub(super) account: String,
    /// The issuer and the name that the person gave it, where they did.
    pub(super) display_issuer: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) policies_json: Option<String>,
    pub(super) created_at: EpochMilliseconds,
    pub(super) mechanism_uid: String,
    /// Id of the push device on the server.
    pub(super) server_device_id: Option<String>,
    /// A URL, and of use only where it is sent to: a registration holds its own.
    pub(super) registration_endpoint: String,
    pub(super) authentication_endpoint: Url,
    pub(super) state: CredentialState,
    /// Earlier accounts of the same issuer, name and origin go once the server has this one.
    pub(super) replaces: bool,
    /// Server time minus this phone's time, in milliseconds, where a response told it.
    pub(super) clock_offset: Option<i64>,
    /// The biometric slot under the platform's biometric key; empty when that key does not count any more.
    pub(super) wrapped_slot: Option<Vec<u8>>,
    /// How messages are signed.
    pub(super) algorithm: String,
    /// The secret as the vault keeps it; empty before it is stored.
    pub(super) secret_sealed: Vec<u8>,
    /// Its own signing key, where it was registered with one.
    pub(super) key: Option<KeyRecord>,
}

/// What is kept of a credential's own signing key.
#[derive(Debug, Clone)]
pub(super) struct KeyRecord {
    /// The public key.
    pub(super) jwk: String,
    pub(super) level: KeyLevel,
    pub(super) presence: UserPresence,
    /// The private half is in the vault, not in hardware.
    pub(super) is_software: bool,
    /// The platform invalidated it: it signs nothing any more.
    pub(super) is_invalidated: bool,
    /// The private half as the vault keeps it, of one in hardware nothing; empty before it is stored.
    pub(super) sealed: Vec<u8>,
}

impl PushCredential {
    /// Host, with its port where one is named, that answers go to.
    pub(super) fn host(&self) -> String {
        uri::host_and_port(&self.authentication_endpoint)
    }

    /// The server's time, as far as it is known, at this phone's time `now`.
    pub(super) fn server_time(&self, now: EpochMilliseconds) -> EpochMilliseconds {
        now.saturating_add(self.clock_offset.unwrap_or(0))
    }

    /// This phone's time at the server's time `time`, as far as it is known.
    pub(super) fn phone_time(&self, time: EpochMilliseconds) -> EpochMilliseconds {
        time.saturating_sub(self.clock_offset.unwrap_or(0))
    }

    /// The issuer to be shown.
    pub(super) fn shown_issuer(&self) -> &str {
        self.display_issuer.as_deref().unwrap_or(&self.issuer)
    }

    /// The name to be shown.
    pub(super) fn shown_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.account)
    }

    /// The name of the first policy that is not met, or that is not understood. Without facts none is met.
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
