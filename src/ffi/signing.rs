//! The calls about keys that accounts have of their own: the bytes to be signed go out as data, the shell has them signed
//! in its own prompt, and they come back with the signature. Nothing here waits for a person, and no rule is made here.
//! No argument is called `signed`, which is a word of C's own.

use super::limits::{self, check_text};
use super::records::{DenyReason, DeviceKey, Evidence, Signed, ToSign};
use super::{Authenticator, AuthenticatorError};
use crate::secret::{Reason, SecretText};

#[uniffi::export]
impl Authenticator {
    /// The bytes by which a hardware key shows that it is there, for [`KeyChoice::Hardware`](super::KeyChoice::Hardware)
    /// and good for an hour. Refused when the key is not of the right kind, or the server takes none.
    pub fn registration_to_sign(&self, code: String, key: DeviceKey) -> Result<ToSign, AuthenticatorError> {
        let code = SecretText::new(code);
        check_text("registration code", code.expose(Reason::HandOver), limits::REGISTRATION_CODE)?;
        key.check()?;
        let preview = self.phone.preview(code.expose(Reason::HandOver))?;
        Ok(self.phone.registration_to_sign(&preview, &key.into())?.into())
    }

    /// What App Attest's `attestKey` takes as `clientDataHash`, 32 bytes, so that it vouches for a hardware key, given as a
    /// JWK, in this registration. The object that it makes is the one entry of [`DeviceKey::attestation`]. Refused when the
    /// key is not of the right kind, or the server takes none.
    pub fn app_attest_client_data_hash(&self, code: String, jwk: String) -> Result<Vec<u8>, AuthenticatorError> {
        let code = SecretText::new(code);
        check_text("registration code", code.expose(Reason::HandOver), limits::REGISTRATION_CODE)?;
        check_text("public key", &jwk, limits::PUBLIC_KEY)?;
        let preview = self.phone.preview(code.expose(Reason::HandOver))?;
        Ok(self.phone.app_attest_client_data_hash(&preview, &jwk)?.to_vec())
    }

    /// The bytes that an account's hardware key has to sign so that the sign-on is approved, with the number tapped where
    /// one is asked for; for [`approve_signed`](Self::approve_signed), within the request's time.
    pub fn approval_to_sign(
        &self,
        notification_id: String,
        number: Option<String>,
    ) -> Result<ToSign, AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        check_text("number", number.as_deref().unwrap_or_default(), limits::NUMBER)?;
        Ok(self.phone.approval_to_sign(&notification_id, number.as_deref())?.into())
    }

    /// The bytes that an account's hardware key has to sign so that the sign-on is denied; for
    /// [`deny_signed`](Self::deny_signed), within the request's time.
    pub fn denial_to_sign(
        &self,
        notification_id: String,
        reason: Option<DenyReason>,
    ) -> Result<ToSign, AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.denial_to_sign(&notification_id, reason.map(Into::into))?.into())
    }

    /// Approves like [`approve`](Self::approve), with what the account's hardware key signed of
    /// [`approval_to_sign`](Self::approval_to_sign). The signature is checked before anything is kept. By a key that takes
    /// a biometric it is evidence of one: [`Evidence::Tap`] is enough beside it.
    pub fn approve_signed(
        &self,
        notification_id: String,
        evidence: Evidence,
        signed_answer: Signed,
    ) -> Result<(), AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.approve_signed(&notification_id, evidence.into_checked()?, &signed_answer.into_checked()?)?)
    }

    /// Denies and says why. Taken from accounts with a key of their own, as the reason is signed; one in hardware signs
    /// for [`deny_signed`](Self::deny_signed).
    pub fn deny_for(&self, notification_id: String, reason: DenyReason) -> Result<(), AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.deny_for(&notification_id, reason.into())?)
    }

    /// Denies with what the account's hardware key signed of [`denial_to_sign`](Self::denial_to_sign); `reason` as there.
    pub fn deny_signed(
        &self,
        notification_id: String,
        reason: Option<DenyReason>,
        signed_answer: Signed,
    ) -> Result<(), AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.deny_signed(&notification_id, reason.map(Into::into), &signed_answer.into_checked()?)?)
    }

    /// Tells that the platform invalidated an account's hardware key for good, as it does when a fingerprint or face is
    /// added, or that it is gone. The account answers nothing any more, neither by approval nor by denial, until it was
    /// added again with `replace`.
    pub fn device_key_invalidated(&self, account_id: String) -> Result<(), AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.device_key_invalidated(&account_id)?)
    }
}
