//! Pulls that an account's hardware key has to sign: the bytes go out as data, the shell has them signed, and they come back
//! with the signature. Only for keys that sign without a person; nothing here waits for one, and no rule is made here.

use super::limits::{self, check_bytes, check_text};
use super::records::all;
use super::traffic::PullRequest;
use super::{Authenticator, AuthenticatorError};
use crate::phone;

/// The exact bytes that an account's key has to sign, with ECDSA on P-256 over SHA-256 (Java: `SHA256withECDSA`).
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct ToSign {
    /// The bytes. Signed as they are, not hashed before.
    pub bytes: Vec<u8>,
}

impl From<phone::ToSign> for ToSign {
    fn from(to_sign: phone::ToSign) -> Self {
        Self { bytes: to_sign.bytes }
    }
}

/// A signature, in either of the two forms that platforms give.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum KeySignature {
    /// DER, as Android's Keystore and Apple's Security framework give it.
    Der {
        /// The signature.
        bytes: Vec<u8>,
    },
    /// r and s, 32 bytes each, as Apple's CryptoKit gives it.
    Fixed {
        /// The signature.
        bytes: Vec<u8>,
    },
}

impl From<KeySignature> for phone::KeySignature {
    fn from(signature: KeySignature) -> Self {
        match signature {
            KeySignature::Der { bytes } => Self::Der(bytes),
            KeySignature::Fixed { bytes } => Self::Fixed(bytes),
        }
    }
}

/// What the key made of them.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Signed {
    /// The bytes of [`ToSign`].
    pub bytes: Vec<u8>,
    /// The signature.
    pub signature: KeySignature,
}

impl Signed {
    pub(super) fn into_checked(self) -> Result<phone::Signed, AuthenticatorError> {
        check_bytes("signed text", &self.bytes, limits::SIGNED_MESSAGE)?;
        let (KeySignature::Der { bytes } | KeySignature::Fixed { bytes }) = &self.signature;
        check_bytes("signature", bytes, limits::SIGNATURE)?;
        Ok(phone::Signed { bytes: self.bytes, signature: self.signature.into() })
    }
}

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
