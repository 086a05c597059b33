//! Pulls that need a signature from an account's hardware key: the bytes go out as data, the app has them signed, and
//! they come back with the signature. Only for keys that sign without user presence; nothing here waits for the user.

use super::limits::{self, check_text};
use super::outbox::PullRequest;
use super::records::{Signed, ToSign, all};
use super::{Authenticator, AuthenticatorError};
use crate::phone;

/// What an account's hardware key must sign before its server can be polled.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PullToSign {
    /// The account.
    pub account_id: String,
    /// The bytes to sign; return them signed within five minutes.
    pub to_sign: ToSign,
}

impl From<phone::PullToSign> for PullToSign {
    fn from(pull: phone::PullToSign) -> Self {
        Self { account_id: pull.account_id, to_sign: pull.to_sign.into() }
    }
}

#[uniffi::export]
impl Authenticator {
    /// Creates one pull for this account, even if its registration is not confirmed yet: a hint implies that the server
    /// knows the account. Otherwise the same as `pull`; fails with `signature-needed` if the account's hardware key
    /// must sign first.
    pub fn pull_account(&self, account_id: String, wait_seconds: u32) -> Result<PullRequest, AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.pull_account(&account_id, wait_seconds)?.into())
    }

    /// Returns what the accounts' hardware keys must sign before their servers can be polled, for keys that sign
    /// without user presence. `pull` leaves these accounts out and covers all others.
    pub fn pulls_to_sign(&self) -> Result<Vec<PullToSign>, AuthenticatorError> {
        Ok(all(self.phone.pulls_to_sign()?))
    }

    /// Creates the pull that an account's hardware key has signed. Checks the signature first; a signature is valid for
    /// one pull.
    pub fn pull_signed(
        &self,
        account_id: String,
        wait_seconds: u32,
        signature: Signed,
    ) -> Result<PullRequest, AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.pull_signed(&account_id, wait_seconds, &signature.into_checked()?)?.into())
    }
}
