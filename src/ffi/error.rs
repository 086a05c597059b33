//! The one error of the border, and the one place where the core's errors become it. Knows no use-case.

use crate::phone::{KeyError, PhoneError, VaultError};

/// Why something was not done. Each has a stable code for programs and an explanation for a person; the variants say
/// who can help. Unless the explanation says otherwise, nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum AuthenticatorError {
    /// What was given or asked for was refused: a code, a message, an id, evidence, a call at the wrong time.
    #[error("{explanation}")]
    Refused {
        /// Stable, in lower case with dashes.
        code: String,
        /// For a person.
        explanation: String,
    },
    /// The vault's file cannot be used.
    #[error("{explanation}")]
    Vault {
        /// Stable, in lower case with dashes.
        code: String,
        /// For a person.
        explanation: String,
    },
    /// The platform's keys or random numbers, or the app's own code that reaches them.
    #[error("{explanation}")]
    Platform {
        /// Stable, in lower case with dashes.
        code: String,
        /// For a person.
        explanation: String,
    },
    /// A server's answer to a pull.
    #[error("{explanation}")]
    Server {
        /// Stable, in lower case with dashes.
        code: String,
        /// For a person.
        explanation: String,
    },
}

impl AuthenticatorError {
    /// Foreign input beyond its limit.
    pub(super) fn too_large(kind: &'static str) -> Self {
        Self::Refused { code: "input-too-large".to_owned(), explanation: format!("The {kind} is too large.") }
    }

    /// The app's own key code threw something that it does not declare.
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
