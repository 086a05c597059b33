//! Records for accounts.

use super::{AccountKey, all};
use crate::phone;

/// What a credential can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CredentialKind {
    /// Answers sign-on requests.
    Push,
    /// Shows one-time passwords that change with time.
    Totp,
    /// Shows a new one-time password on demand.
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

/// What an account can do at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum AccountState {
    /// The registration is signed but not confirmed by the server yet.
    Enrolling,
    /// It is uncertain whether the server knows this phone; the first valid message will show.
    Unconfirmed,
    /// The account can receive and answer messages and show one-time passwords.
    Active,
    /// The phone violates one of the account's policies: sign-on requests can be denied but not approved, and no
    /// one-time passwords are shown.
    Locked,
    /// The key to the account's secret is lost, or its signing key was invalidated. Add the account again.
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

/// An account, for display to the user.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Account {
    /// Identifies the account in every call.
    pub id: String,
    /// Issuer of the account, as registered.
    pub issuer: String,
    /// Account name at the issuer, as registered.
    pub account: String,
    /// Issuer, under the name the user chose.
    pub display_issuer: String,
    /// Account name, as the user chose it.
    pub display_name: String,
    /// Host that answers are sent to, with its port if the registration URI names one; absent if the account only shows
    /// one-time passwords.
    pub host: Option<String>,
    /// Primary kind: push, if the account has it.
    pub kind: CredentialKind,
    /// All kinds of credentials that it has.
    pub kinds: Vec<CredentialKind>,
    /// What it can do at present.
    pub state: AccountState,
    /// When it was added, in epoch milliseconds by this phone's clock.
    pub created_at: i64,
    /// Whether the user can approve messages that ask for a biometric.
    pub has_biometric_slot: bool,
    /// Background color, six lowercase hexadecimal digits.
    pub colour: Option<String>,
    /// URL of the logo; always https.
    pub logo: Option<String>,
    /// Names of the policies that the phone must meet.
    pub policies: Vec<String>,
    /// First policy that is not met, which is why the account is locked.
    pub unmet_policy: Option<String>,
    /// The account's signing key, if it was registered with one.
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

/// An existing account that conflicts with a new one or resembles it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Conflict {
    /// The account's id.
    pub account_id: String,
    /// Issuer of the account.
    pub issuer: String,
    /// Account name at the issuer.
    pub account: String,
    /// Host of the account; absent if it only shows one-time passwords.
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
