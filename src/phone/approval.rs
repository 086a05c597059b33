//! Approving and denying (docs/wire.md, "The answer"): verified message and consent together become a signed answer in
//! the outbox, in one transaction with the message's new state. Nothing here sends it.

use super::credential::{Id, RequestKind, Verdict};
use super::enrolment::encode_body;
use super::gate::{Consent, Evidence};
use super::log::{EventKind, note_message};
use super::notification::{OpenedNotification, Step, after};
use super::rewrap::usable_slot;
use super::vault::{NewRequest, Writer};
use super::{Phone, PhoneError};
use crate::protocol::message::{Ask, SignedBody};
use crate::protocol::uri::Cookie;

impl Phone {
    /// The biometric slot of the request's account, wrapped under the platform's biometric key. The shell unwraps it
    /// inside its own prompt and gives the bytes back as [`Evidence::Biometric`].
    pub fn biometric_challenge(&self, notification_id: &str) -> Result<Vec<u8>, PhoneError> {
        usable_slot(&self.vault.read(|rows| OpenedNotification::find(rows, notification_id))?.credential)
    }

    /// Approves a sign-on request with the evidence that it asks for. The answer waits in the outbox afterwards.
    pub fn approve(&self, notification_id: &str, evidence: Evidence) -> Result<(), PhoneError> {
        if self.is_concealed() {
            return Err(PhoneError::DeviceLocked);
        }
        let facts = self.device_facts();
        self.answer(notification_id, Verdict::Approve, |rows, opened| {
            if let Some(policy) = opened.credential.unmet_policy(facts.as_ref()) {
                return Err(PhoneError::Locked { policy });
            }
            let slot_verifier = match usable_slot(&opened.credential) {
                Err(PhoneError::BiometricInvalidated) if opened.message.get().ask == Ask::Biometric => {
                    return Err(PhoneError::BiometricInvalidated);
                }
                _ => rows.slot_verifier(&opened.credential)?,
            };
            Consent::to_approve(&opened.message, evidence, slot_verifier.as_ref())?.sign(&opened.secret)
        })
    }

    /// Denies a sign-on request; a locked account can do that too. The answer waits in the outbox afterwards.
    pub fn deny(&self, notification_id: &str) -> Result<(), PhoneError> {
        self.answer(notification_id, Verdict::Deny, |_, opened| Consent::to_deny(&opened.message).sign(&opened.secret))
    }

    fn answer(
        &self,
        notification_id: &str,
        verdict: Verdict,
        sign: impl FnOnce(&Writer<'_>, &OpenedNotification) -> Result<String, PhoneError>,
    ) -> Result<(), PhoneError> {
        let request_id = Id::make(&*self.entropy)?;
        let now = self.now();
        self.vault.write(|rows| {
            let opened = OpenedNotification::find(rows, notification_id)?;
            let state = after(opened.record.state, Step::Answer)?;
            if opened.is_late(now) {
                return Err(PhoneError::Expired);
            }
            let jwt = sign(rows, &opened)?;
            let body = encode_body(&SignedBody { message_id: opened.record.message_id.clone(), jwt })?;
            rows.set_notification_state(opened.record.id, state, Some(verdict), now)?;
            let account = Some(opened.credential.account_id);
            note_message(rows, now, EventKind::Decided, account, opened.record.id, Some(verdict.name()))?;
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
        })
    }
}
