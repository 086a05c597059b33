//! The platform's keys, reached through synchronous foreign traits. Says how a foreign failure reaches the core, and
//! knows nothing of what the keys protect.

use std::sync::{Arc, Mutex, PoisonError};

use super::AuthenticatorError;
use super::limits;
use crate::phone::{self, KeyEncryption, KeyError, PhoneError, VaultError};
use crate::protocol::text;
use crate::secret::{Reason, SecretBytes};

/// A platform key could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum PlatformKeyError {
    /// Not now: the device was not unlocked yet, or the key store is busy. Trying again helps.
    #[error("not available now")]
    Unavailable,
    /// Never: the key is gone, or is another one.
    #[error("the key is lost or is another one")]
    Invalid,
    /// An exception that the foreign code does not declare; made by the generated code.
    #[error("{reason}")]
    Unexpected {
        /// What the exception said.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for PlatformKeyError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unexpected { reason: error.reason }
    }
}

/// The key that the platform holds for the vault (Android Keystore, Secure Enclave): it wraps the vault's data key. It has
/// to work while the device is locked after its first unlock, or pushes could not be received.
#[uniffi::export(with_foreign)]
pub trait PlatformKeys: Send + Sync {
    /// Encrypts the vault's data key; makes the platform's key when there is none. The caller's copy of `data_key` should
    /// be overwritten after use.
    fn wrap(&self, data_key: Vec<u8>) -> Result<Vec<u8>, PlatformKeyError>;
    /// Decrypts what [`wrap`](Self::wrap) gave.
    fn unwrap(&self, wrapped: Vec<u8>) -> Result<Vec<u8>, PlatformKeyError>;
}

/// The public half of a biometric-bound key: wrapping with it needs no prompt, unwrapping does.
#[uniffi::export(with_foreign)]
pub trait SlotWrapper: Send + Sync {
    /// Encrypts the biometric slot of an account.
    fn wrap(&self, slot: Vec<u8>) -> Result<Vec<u8>, PlatformKeyError>;
}

/// What foreign code threw without declaring it, kept for the person who has to find the reason.
#[derive(Default)]
struct UndeclaredException(Mutex<Option<String>>);

impl UndeclaredException {
    /// A surprise counts as *not now*: *never* would tell the person that the accounts are lost.
    fn judge(&self, result: Result<Vec<u8>, PlatformKeyError>) -> Result<SecretBytes, KeyError> {
        match result.map(SecretBytes::new) {
            Ok(bytes) if bytes.len() <= limits::KEY_MATERIAL => Ok(bytes),
            Ok(_) | Err(PlatformKeyError::Invalid) => Err(KeyError::Invalid),
            Err(PlatformKeyError::Unavailable) => Err(KeyError::Unavailable),
            Err(PlatformKeyError::Unexpected { reason }) => {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text::clean(&reason, limits::REASON));
                Err(KeyError::Unavailable)
            }
        }
    }

    fn explain(&self, error: PhoneError) -> AuthenticatorError {
        let undeclared = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (&error, undeclared) {
            (
                PhoneError::Vault(VaultError::KeyUnavailable) | PhoneError::SlotNotWrapped(KeyError::Unavailable),
                Some(reason),
            ) => AuthenticatorError::foreign_failure(&reason),
            _ => error.into(),
        }
    }
}

/// The foreign keys as the core calls them.
pub(super) struct ForeignKeys {
    keys: Arc<dyn PlatformKeys>,
    undeclared: UndeclaredException,
}

impl ForeignKeys {
    pub(super) fn new(keys: Arc<dyn PlatformKeys>) -> Self {
        Self { keys, undeclared: UndeclaredException::default() }
    }

    /// The error of a call during which the keys were used.
    pub(super) fn explain(&self, error: PhoneError) -> AuthenticatorError {
        self.undeclared.explain(error)
    }
}

impl KeyEncryption for ForeignKeys {
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        let wrapped = self.undeclared.judge(self.keys.wrap(data_key.expose(Reason::HandOver).to_vec()))?;
        Ok(wrapped.expose(Reason::HandOver).to_vec())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        self.undeclared.judge(self.keys.unwrap(wrapped.to_vec()))
    }
}

/// The foreign slot wrapper as the core calls it.
pub(super) struct ForeignSlot {
    wrapper: Arc<dyn SlotWrapper>,
    undeclared: UndeclaredException,
}

impl ForeignSlot {
    pub(super) fn new(wrapper: Arc<dyn SlotWrapper>) -> Self {
        Self { wrapper, undeclared: UndeclaredException::default() }
    }

    /// The error of a call during which the wrapper was used.
    pub(super) fn explain(&self, error: PhoneError) -> AuthenticatorError {
        self.undeclared.explain(error)
    }
}

impl phone::SlotWrapper for ForeignSlot {
    fn wrap(&self, slot: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        let wrapped = self.undeclared.judge(self.wrapper.wrap(slot.expose(Reason::HandOver).to_vec()))?;
        Ok(wrapped.expose(Reason::HandOver).to_vec())
    }
}

/// The error of a call during which a slot may have been wrapped.
pub(super) fn explain(slot: Option<&ForeignSlot>, error: PhoneError) -> AuthenticatorError {
    match slot {
        Some(slot) => slot.explain(error),
        None => error.into(),
    }
}
