//! Pulls that an account's hardware key has to sign: the bytes go out as data, the shell has them signed, and they come back
//! with the signature. Only for keys that sign without a person; nothing here waits for one, and no rule is made here.

use super::limits::{self, check_text};
use super::outbox::PullRequest;
use super::records::{Signed, ToSign, all};
use super::{Authenticator, AuthenticatorError};
use crate::phone;

/// What an account's hardware key has to sign before its server can be asked.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PullToSign {
    /// The account.
    pub account_id: String,
    /// The bytes, for [`Authenticator::pull_signed`] within five minutes.
    pub to_sign: ToSign,
}

impl From<phone::PullToSign> for PullToSign {
    fn from(pull: phone::PullToSign) -> Self {
        Self { account_id: pull.account_id, to_sign: pull.to_sign.into() }
    }
}

#[uniffi::export]
impl Authenticator {
    /// Makes one pull for this account, even while its registration is not confirmed: a hint says that its server knows it.
    /// Otherwise like [`pull`](Self::pull); refused with `signature-needed` where its hardware key has to sign first.
    pub fn pull_account(&self, account_id: String, wait_seconds: u32) -> Result<PullRequest, AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.pull_account(&account_id, wait_seconds)?.into())
    }

    /// What the hardware keys of accounts have to sign so that their servers can be asked: those of keys that sign without a
    /// person. [`pull`](Self::pull) leaves these accounts out, and asks for all others.
    pub fn pulls_to_sign(&self) -> Result<Vec<PullToSign>, AuthenticatorError> {
        Ok(all(self.phone.pulls_to_sign()?))
    }

    /// Makes the pull that an account's hardware key signed. The signature is checked before anything is handed out; it is
    /// good for one pull.
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
