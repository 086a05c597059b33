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
    host: Option<String>,
    kinds: Vec<CredentialKind>,
    policies: Vec<String>,
    conflict: Option<Conflict>,
    namesakes: Vec<Conflict>,
    /// `None` while an attempt to enrol runs, and after one succeeded.
    source: Mutex<Option<Source>>,
}

/// What is read anew by every attempt.
enum Source {
    Code(SecretText),
    Entry(phone::ManualEntry),
}

impl Source {
    fn preview(&self, phone: &Phone) -> Result<phone::Preview, phone::PhoneError> {
        match self {
            Self::Code(code) => phone.preview(code.expose(Reason::HandOver)),
            Self::Entry(entry) => phone.preview_entry(entry),
        }
    }
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

    /// Host, with its port where one is named, that would be contacted; none where only codes would be shown.
    pub fn host(&self) -> Option<String> {
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

    /// Accounts of the same issuer and name at other hosts. They are other accounts and stay as they are; that there are
    /// any may be a reason not to trust the code.
    pub fn namesakes(&self) -> Vec<Conflict> {
        self.namesakes.clone()
    }
}

impl EnrolmentPreview {
    /// Reads the code.
    pub(super) fn read(phone: &Phone, code: String) -> Result<Arc<Self>, AuthenticatorError> {
        Self::of(phone, Source::Code(SecretText::new(code)))
    }

    /// Reads what was typed in.
    pub(super) fn read_entry(phone: &Phone, entry: phone::ManualEntry) -> Result<Arc<Self>, AuthenticatorError> {
        Self::of(phone, Source::Entry(entry))
    }

    fn of(phone: &Phone, source: Source) -> Result<Arc<Self>, AuthenticatorError> {
        let preview = source.preview(phone)?;
        Ok(Arc::new(Self {
            issuer: preview.issuer,
            account: preview.account,
            host: preview.host,
            kinds: all(preview.kinds),
            policies: preview.policies,
            conflict: preview.conflict.map(Conflict::from),
            namesakes: all(preview.namesakes),
            source: Mutex::new(Some(source)),
        }))
    }

    /// Enrols once. No lock is held meanwhile, because the slot's wrapper is foreign code that may call back.
    pub(super) fn enrol(
        &self,
        phone: &Phone,
        enrolment: Enrolment,
        slot: Option<&ForeignSlot>,
    ) -> Result<Account, AuthenticatorError> {
        let source = self.take().ok_or_else(AuthenticatorError::preview_used)?;
        let enrolled = source.preview(phone).and_then(|preview| {
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
            self.put_back(source);
            slot.map_or_else(|| error.clone().into(), |slot| slot.explain(error.clone()))
        })
    }

    fn take(&self) -> Option<Source> {
        self.source.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put_back(&self, source: Source) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = Some(source);
    }
}
