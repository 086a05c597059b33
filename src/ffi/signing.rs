//! Calls for accounts with a separate signing key: the bytes to sign go out as data, the app has them signed in its own
//! prompt, and they come back with the signature. Nothing here waits for the user. No argument is called `signed`,
//! because that is a keyword in C.

use super::limits::{self, check_text};
use super::records::{DenyReason, DeviceKey, Evidence, Signed, ToSign};
use super::{Authenticator, AuthenticatorError};
use crate::secret::{Reason, SecretText};

#[uniffi::export]
impl Authenticator {
    /// Returns the bytes that a hardware key signs to prove its possession when an account is registered with it. The
    /// result is valid for an hour. Fails if the key is of the wrong kind or the server accepts none.
    pub fn registration_to_sign(&self, code: String, key: DeviceKey) -> Result<ToSign, AuthenticatorError> {
        let code = SecretText::new(code);
        check_text("registration code", code.expose(Reason::HandOver), limits::REGISTRATION_CODE)?;
        key.check()?;
        let preview = self.phone.preview(code.expose(Reason::HandOver))?;
        Ok(self.phone.registration_to_sign(&preview, &key.into())?.into())
    }

    /// Returns the 32 bytes to pass to App Attest's `attestKey` as `clientDataHash`, so that the attestation covers a
    /// hardware key, given as a JWK, in this registration. Use the resulting object as the only entry of the key's
    /// `attestation`. Fails if the key is of the wrong kind or the server accepts none.
    pub fn app_attest_client_data_hash(&self, code: String, jwk: String) -> Result<Vec<u8>, AuthenticatorError> {
        let code = SecretText::new(code);
        check_text("registration code", code.expose(Reason::HandOver), limits::REGISTRATION_CODE)?;
        check_text("public key", &jwk, limits::PUBLIC_KEY)?;
        let preview = self.phone.preview(code.expose(Reason::HandOver))?;
        Ok(self.phone.app_attest_client_data_hash(&preview, &jwk)?.to_vec())
    }

    /// Returns the bytes that an account's hardware key must sign to approve a sign-on request. Pass the tapped number
    /// if the request asks for one. Send the signed approval before the request expires.
    pub fn approval_to_sign(
        &self,
        notification_id: String,
        number: Option<String>,
    ) -> Result<ToSign, AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        check_text("number", number.as_deref().unwrap_or_default(), limits::NUMBER)?;
        Ok(self.phone.approval_to_sign(&notification_id, number.as_deref())?.into())
    }

    /// Returns the bytes that an account's hardware key must sign to deny a sign-on request. Send the signed denial
    /// before the request expires.
    pub fn denial_to_sign(
        &self,
        notification_id: String,
        reason: Option<DenyReason>,
    ) -> Result<ToSign, AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.denial_to_sign(&notification_id, reason.map(Into::into))?.into())
    }

    /// Approves a sign-on request with a signature by the account's hardware key. Checks the signature before storing
    /// anything. If the key requires a biometric, its signature proves the biometric, and tap `Evidence` is enough.
    pub fn approve_signed(
        &self,
        notification_id: String,
        evidence: Evidence,
        signed_answer: Signed,
    ) -> Result<(), AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.approve_signed(&notification_id, evidence.into_checked()?, &signed_answer.into_checked()?)?)
    }

    /// Denies a sign-on request and states the reason. Only for accounts with a separate signing key, because the
    /// reason is signed; with a hardware key, use a signed denial instead.
    pub fn deny_for(&self, notification_id: String, reason: DenyReason) -> Result<(), AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.deny_for(&notification_id, reason.into())?)
    }

    /// Denies a sign-on request with a signature by the account's hardware key. Pass the same `reason` that was signed.
    pub fn deny_signed(
        &self,
        notification_id: String,
        reason: Option<DenyReason>,
        signed_answer: Signed,
    ) -> Result<(), AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.deny_signed(&notification_id, reason.map(Into::into), &signed_answer.into_checked()?)?)
    }

    /// Records that an account's hardware key is gone or that the platform has permanently invalidated it, as platforms
    /// do when a fingerprint or face is added. The account can then neither approve nor deny until it is added again
    /// with `replace`.
    pub fn device_key_invalidated(&self, account_id: String) -> Result<(), AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.device_key_invalidated(&account_id)?)
    }
}
