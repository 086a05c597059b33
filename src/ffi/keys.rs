//! The platform's keys, reached through synchronous foreign traits, and how foreign failures reach the core.

use std::sync::{Arc, Mutex, PoisonError};

use super::AuthenticatorError;
use super::limits;
use crate::phone::{self, KeyEncryption, KeyError, PhoneError, VaultError};
use crate::protocol::text;
use crate::secret::{Reason, SecretBytes};

/// A platform key could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum PlatformKeyError {
    /// Temporary: the device has not been unlocked yet, or the key store is busy. Try again later.
    #[error("not available now")]
    Unavailable,
    /// Permanent: the key is gone, or it is a different key.
    #[error("the key is lost or is another one")]
    Invalid,
    /// The foreign code threw an exception it does not declare. The generated code creates this variant.
    #[error("{reason}")]
    Unexpected {
        /// Message of the exception.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for PlatformKeyError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unexpected { reason: error.reason }
    }
}

/// The platform's key for the vault (Android Keystore, Secure Enclave), which wraps the vault's data key. It must work
/// while the device is locked after its first unlock; otherwise the app could not receive pushes.
#[uniffi::export(with_foreign)]
pub trait PlatformKeys: Send + Sync {
    /// Encrypts the vault's data key, creating the platform's key if there is none. Overwrite your copy of `data_key`
    /// after use.
    fn wrap(&self, data_key: Vec<u8>) -> Result<Vec<u8>, PlatformKeyError>;
    /// Decrypts the result of `wrap`.
    fn unwrap(&self, wrapped: Vec<u8>) -> Result<Vec<u8>, PlatformKeyError>;
}

/// The public half of a biometric-bound key: wrapping with it needs no prompt, but unwrapping does.
#[uniffi::export(with_foreign)]
pub trait SlotWrapper: Send + Sync {
    /// Encrypts the biometric slot of an account.
    fn wrap(&self, slot: Vec<u8>) -> Result<Vec<u8>, PlatformKeyError>;
}

/// An undeclared exception from foreign code, kept for troubleshooting.
#[derive(Default)]
struct UndeclaredException(Mutex<Option<String>>);

impl UndeclaredException {
    /// An undeclared exception counts as temporary: a permanent failure would tell the user that the accounts are lost.
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

/// Adapts the foreign keys to the core's trait.
pub(super) struct ForeignKeys {
    keys: Arc<dyn PlatformKeys>,
    undeclared: UndeclaredException,
}

impl ForeignKeys {
    pub(super) fn new(keys: Arc<dyn PlatformKeys>) -> Self {
        Self { keys, undeclared: UndeclaredException::default() }
    }

    /// Converts the error of a call that used the keys.
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

/// Adapts the foreign slot wrapper to the core's trait.
pub(super) struct ForeignSlot {
    wrapper: Arc<dyn SlotWrapper>,
    undeclared: UndeclaredException,
}

impl ForeignSlot {
    pub(super) fn new(wrapper: Arc<dyn SlotWrapper>) -> Self {
        Self { wrapper, undeclared: UndeclaredException::default() }
    }

    /// Converts the error of a call that used the wrapper.
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

/// Converts the error of a call that may have wrapped a slot.
pub(super) fn explain(slot: Option<&ForeignSlot>, error: PhoneError) -> AuthenticatorError {
    match slot {
        Some(slot) => slot.explain(error),
        None => error.into(),
    }
}
