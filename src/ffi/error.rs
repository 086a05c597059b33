//! The single error type of the FFI boundary, and the only place that converts the core's errors to it.

use crate::phone::{KeyError, PhoneError, VaultError};

/// The reason a call failed. Each error has a stable error code for programs and an explanation for the user; the
/// variants show who can help. Unless the explanation says otherwise, nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AuthenticatorError {
    /// The input or the call was rejected: a registration URI, a message, an ID, evidence, or a call at the wrong time.
    #[error("{explanation}")]
    Refused {
        /// Stable error code, in lower case with dashes.
        code: String,
        /// Explanation for the user.
        explanation: String,
    },
    /// The vault file cannot be used.
    #[error("{explanation}")]
    Vault {
        /// Stable error code, in lower case with dashes.
        code: String,
        /// Explanation for the user.
        explanation: String,
    },
    /// The platform's keys or random numbers failed, or the app's code that accesses them did.
    #[error("{explanation}")]
    Platform {
        /// Stable error code, in lower case with dashes.
        code: String,
        /// Explanation for the user.
        explanation: String,
    },
    /// The server's response to a pull was an error or unreadable.
    #[error("{explanation}")]
    Server {
        /// Stable error code, in lower case with dashes.
        code: String,
        /// Explanation for the user.
        explanation: String,
    },
}

impl AuthenticatorError {
    /// Returns the error for foreign input that exceeds its limit.
    pub(super) fn too_large(kind: &'static str) -> Self {
        Self::Refused { code: "input-too-large".to_owned(), explanation: format!("The {kind} is too large.") }
    }

    /// Returns the error for an undeclared exception in the app's key code.
    pub(super) fn foreign_failure(reason: &str) -> Self {
        Self::Platform {
            code: "platform-failure".to_owned(),
            explanation: format!("The app's access to the device's key store failed: {reason}"),
        }
    }
}

impl From<PhoneError> for AuthenticatorError {
    fn from(error: PhoneError) -> Self {
        let (code, explanation) = (error.code().to_owned(), error.to_string());
        match error {
            PhoneError::Vault(
                VaultError::KeyLost | VaultError::KeyRefused | VaultError::KeyUnavailable | VaultError::Entropy(_),
            )
            | PhoneError::SlotNotWrapped(KeyError::Unavailable | KeyError::Invalid) => {
                Self::Platform { code, explanation }
            }
            PhoneError::Vault(_) => Self::Vault { code, explanation },
            PhoneError::PullRefused { .. } | PhoneError::PullUnavailable { .. } | PhoneError::ResponseUnreadable => {
                Self::Server { code, explanation }
            }
            _ => Self::Refused { code, explanation },
        }
    }
}
