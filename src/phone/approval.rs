//! Approving and denying (docs/wire.md, "The answer"): a verified message and the user's consent become a signed answer
//! in the outbox, in one transaction with the message's new state. Nothing is sent here.

use super::consent::{Consent, Evidence};
use super::credential::{Id, RequestKind, Verdict};
use super::device_key::{Signed, prove};
use super::enrolment::encode_body;
use super::log::{EventKind, note_message};
use super::notification::{OpenedNotification, Step, after};
use super::rewrap::usable_slot;
use super::vault::{NewRequest, Writer};
use super::{Phone, PhoneError};
use crate::protocol::device_key::UserPresence;
use crate::protocol::message::{Ask, SignedBody};
use crate::protocol::proof::DenyReason;
use crate::protocol::uri::Cookie;

impl Phone {
    /// Returns the biometric slot of the sign-on request's account, wrapped under the platform's biometric key. The
    /// shell unwraps it inside its own prompt and returns the bytes as [`Evidence::Biometric`].
    pub fn biometric_challenge(&self, notification_id: &str) -> Result<Vec<u8>, PhoneError> {
        usable_slot(&self.vault.read(|rows| OpenedNotification::find(rows, notification_id))?.credential)
    }

    /// Approves a sign-on request with the evidence that it asks for, and puts the answer into the outbox. If the
    /// account has a hardware key, use [`approve_signed`](Self::approve_signed) instead.
    pub fn approve(&self, notification_id: &str, evidence: Evidence) -> Result<(), PhoneError> {
        self.approve_with(notification_id, evidence, None)
    }

    /// Approves a sign-on request with the signature that the account's hardware key made over
    /// [`approval_to_sign`](Self::approval_to_sign). The signature is verified before anything is stored. If the key
    /// requires a biometric, the signature itself proves one, and [`Evidence::Tap`] is enough.
    pub fn approve_signed(&self, notification_id: &str, evidence: Evidence, signed: &Signed) -> Result<(), PhoneError> {
        self.approve_with(notification_id, evidence, Some(signed))
    }

    fn approve_with(
        &self,
        notification_id: &str,
        evidence: Evidence,
        signed: Option<&Signed>,
    ) -> Result<(), PhoneError> {
        let facts = self.device_facts();
        let now = self.now();
        let is_concealed = self.is_concealed();
        self.answer(notification_id, Verdict::Approve, None, |rows, opened| {
            if is_concealed {
                return Err(PhoneError::DeviceLocked);
            }
            if let Some(policy) = opened.credential.unmet_policy(facts.as_ref()) {
                return Err(PhoneError::Locked { policy });
            }
            let by_biometric_key = signed.is_some()
                && opened.credential.key.as_ref().is_some_and(|key| key.presence == UserPresence::Biometric);
            let slot_verifier = match usable_slot(&opened.credential) {
                Err(PhoneError::BiometricInvalidated)
                    if opened.message.get().ask == Ask::Biometric && !by_biometric_key =>
                {
                    return Err(PhoneError::BiometricInvalidated);
                }
                _ => rows.slot_verifier(&opened.credential)?,
            };
            let consent = Consent::to_approve(&opened.message, evidence, slot_verifier.as_ref(), by_biometric_key)?;
            let proof = prove(rows, opened, &consent, None, signed, now)?;
            consent.sign(&opened.secret, proof)
        })
    }

    /// Denies a sign-on request, which works for a locked account too, and puts the answer into the outbox. If the
    /// account has a hardware key, use [`deny_signed`](Self::deny_signed) instead.
    pub fn deny(&self, notification_id: &str) -> Result<(), PhoneError> {
        self.deny_with(notification_id, None, None)
    }

    /// Denies a sign-on request with a reason. Requires an account with a device key, because the reason is signed.
    pub fn deny_for(&self, notification_id: &str, reason: DenyReason) -> Result<(), PhoneError> {
        self.deny_with(notification_id, Some(reason), None)
    }

    /// Denies a sign-on request with the signature that the account's hardware key made over
    /// [`denial_to_sign`](Self::denial_to_sign).
    pub fn deny_signed(
        &self,
        notification_id: &str,
        reason: Option<DenyReason>,
        signed: &Signed,
    ) -> Result<(), PhoneError> {
        self.deny_with(notification_id, reason, Some(signed))
    }

    fn deny_with(
        &self,
        notification_id: &str,
        reason: Option<DenyReason>,
        signed: Option<&Signed>,
    ) -> Result<(), PhoneError> {
        let now = self.now();
        self.answer(notification_id, Verdict::Deny, reason, |rows, opened| {
            let consent = Consent::to_deny(&opened.message);
            let proof = prove(rows, opened, &consent, reason, signed, now)?;
            consent.sign(&opened.secret, proof)
        })
    }

    fn answer(
        &self,
        notification_id: &str,
        verdict: Verdict,
        reason: Option<DenyReason>,
        sign: impl FnOnce(&Writer<'_>, &OpenedNotification) -> Result<String, PhoneError>,
    ) -> Result<(), PhoneError> {
        let request_id = Id::make(&*self.entropy)?;
        let now = self.now();
        let answered = self.vault.write(|rows| {
            let opened = OpenedNotification::find(rows, notification_id)?;
            let state = after(opened.record.state, Step::Answer)?;
            if opened.is_late(now) {
                return Err(PhoneError::Expired);
            }
            let jwt = sign(rows, &opened)?;
            let body = encode_body(&SignedBody { message_id: opened.record.message_id.clone(), jwt })?;
            rows.set_notification_state(opened.record.id, state, Some(verdict), now)?;
            let account = Some(opened.credential.account_id);
            let said = reason.map(|reason| format!("{} {}", verdict.name(), reason.name()));
            let detail = said.as_deref().unwrap_or(verdict.name());
            note_message(rows, now, EventKind::Decided, account, opened.record.id, Some(detail))?;
            rows.insert_request(
                &NewRequest {
                    id: request_id,
                    kind: RequestKind::Answer,
                    credential_id: opened.credential.id,
                    notification_id: Some(opened.record.id),
                    url: opened.credential.authentication_endpoint.as_str(),
                    cookie: opened.message.get().cookie.as_ref().map(Cookie::as_str),
                    created_at: now,
                },
                &body,
            )?;
            Ok(())
        });
        answered.inspect_err(|error| self.note_refused_decision(notification_id, error))
    }
}
