//! The records of accounts. Knows no rule about any of them.

use super::{AccountKey, all};
use crate::phone;

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
    /// The key to this account's secret is lost, or its own signing key was invalidated. Add it again.
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
    /// The account's own signing key, where it was registered with one.
    pub key: Option<AccountKey>,
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
            key: account.key.map(AccountKey::from),
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
