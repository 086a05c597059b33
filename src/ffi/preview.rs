//! A registration code that was read and waits for the person's word. Its secret stays on this side of the border.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use super::AuthenticatorError;
use super::keys::ForeignSlot;
use super::records::{Account, Conflict, CredentialKind, Enrolment, all};
use crate::phone::{self, Phone};
use crate::secret::{Reason, SecretText};

/// What a registration code would add. Holds the code's secrets, which cannot be got out of it.
///
/// The code itself is kept and read anew by every attempt to enrol: an attempt that failed, because a policy was not met
/// or a biometric was cancelled, can be repeated without scanning again.
#[derive(uniffi::Object)]
pub struct EnrolmentPreview {
    issuer: String,
    account: String,
    host: String,
    kinds: Vec<CredentialKind>,
    policies: Vec<String>,
    conflict: Option<Conflict>,
    /// `None` while an attempt to enrol runs, and after one succeeded.
    code: Mutex<Option<SecretText>>,
}

#[uniffi::export]
impl EnrolmentPreview {
    /// Who the account is with.
    pub fn issuer(&self) -> String {
        self.issuer.clone()
    }

    /// The account's name there.
    pub fn account(&self) -> String {
        self.account.clone()
    }

    /// Host, with its port where one is named, that would be contacted.
    pub fn host(&self) -> String {
        self.host.clone()
    }

    /// What would be added.
    pub fn kinds(&self) -> Vec<CredentialKind> {
        self.kinds.clone()
    }

    /// Names of the policies that this phone would have to meet.
    pub fn policies(&self) -> Vec<String> {
        self.policies.clone()
    }

    /// The account that was there already when the code was read, under the same issuer, name and host.
    pub fn conflict(&self) -> Option<Conflict> {
        self.conflict.clone()
    }
}

impl EnrolmentPreview {
    /// Reads the code.
    pub(super) fn read(phone: &Phone, code: String) -> Result<Arc<Self>, AuthenticatorError> {
        let code = SecretText::new(code);
        let preview = phone.preview(code.expose(Reason::HandOver))?;
        Ok(Arc::new(Self {
            issuer: preview.issuer,
            account: preview.account,
            host: preview.host,
            kinds: all(preview.kinds),
            policies: preview.policies,
            conflict: preview.conflict.map(Conflict::from),
            code: Mutex::new(Some(code)),
        }))
    }

    /// Enrols once. No lock is held meanwhile, because the slot's wrapper is foreign code that may call back.
    pub(super) fn enrol(
        &self,
        phone: &Phone,
        enrolment: Enrolment,
        slot: Option<&ForeignSlot>,
    ) -> Result<Account, AuthenticatorError> {
        let code = self.take().ok_or_else(AuthenticatorError::preview_used)?;
        let enrolled = phone.preview(code.expose(Reason::HandOver)).and_then(|preview| {
            phone.enrol(
                preview,
                phone::Enrolment {
                    device: enrolment.device.into(),
                    facts: enrolment.facts.into(),
                    slot: slot.map(|slot| slot as &dyn phone::SlotWrapper),
                    replace: enrolment.replace,
                },
            )
        });
        enrolled.map(Account::from).map_err(|error| {
            self.put_back(code);
            slot.map_or_else(|| error.clone().into(), |slot| slot.explain(error.clone()))
        })
    }

    fn take(&self) -> Option<SecretText> {
        self.code.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put_back(&self, code: SecretText) {
        *self.code.lock().unwrap_or_else(PoisonError::into_inner) = Some(code);
    }
}
