//! Records for one-time passwords, manually entered accounts, and removals.

use super::AuthenticatorError;
use super::limits::{self, check_text};
use crate::phone;
use crate::secret::{Reason, SecretText};

/// Hash function for one-time passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CodeAlgorithm {
    /// HMAC-SHA-1, the most common choice.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl From<phone::Algorithm> for CodeAlgorithm {
    fn from(algorithm: phone::Algorithm) -> Self {
        match algorithm {
            phone::Algorithm::Sha1 => Self::Sha1,
            phone::Algorithm::Sha256 => Self::Sha256,
            phone::Algorithm::Sha512 => Self::Sha512,
        }
    }
}

impl From<CodeAlgorithm> for phone::Algorithm {
    fn from(algorithm: CodeAlgorithm) -> Self {
        match algorithm {
            CodeAlgorithm::Sha1 => Self::Sha1,
            CodeAlgorithm::Sha256 => Self::Sha256,
            CodeAlgorithm::Sha512 => Self::Sha512,
        }
    }
}

/// What changes the one-time password: time or a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CodeMoving {
    /// Time (TOTP).
    Time {
        /// How long a one-time password is valid, in seconds.
        period_seconds: u32,
    },
    /// A counter (HOTP), incremented with every one-time password.
    Counter {
        /// Counter value of the next one-time password.
        next: u64,
    },
}

impl From<CodeMoving> for phone::Moving {
    fn from(moving: CodeMoving) -> Self {
        match moving {
            CodeMoving::Time { period_seconds } => Self::Time { period_seconds },
            CodeMoving::Counter { next } => Self::Counter { next },
        }
    }
}

impl From<phone::Moving> for CodeMoving {
    fn from(moving: phone::Moving) -> Self {
        match moving {
            phone::Moving::Time { period_seconds } => Self::Time { period_seconds },
            phone::Moving::Counter { next } => Self::Counter { next },
        }
    }
}

/// Settings for generating one-time passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct CodeSettings {
    /// Hash function.
    pub algorithm: CodeAlgorithm,
    /// Number of digits, 6 to 8.
    pub digits: u8,
    /// What changes the one-time password: time or a counter.
    pub moving: CodeMoving,
}

impl From<phone::CodeSettings> for CodeSettings {
    fn from(settings: phone::CodeSettings) -> Self {
        Self { algorithm: settings.algorithm.into(), digits: settings.digits, moving: settings.moving.into() }
    }
}

impl From<CodeSettings> for phone::CodeSettings {
    fn from(settings: CodeSettings) -> Self {
        Self { algorithm: settings.algorithm.into(), digits: settings.digits, moving: settings.moving.into() }
    }
}

/// An account as the user entered it.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct ManualEntry {
    /// Issuer of the account.
    pub issuer: String,
    /// The account's name.
    pub account: String,
    /// Secret in base32; case, spaces, and padding are ignored.
    pub secret: String,
    /// Settings for generating one-time passwords.
    pub settings: CodeSettings,
}

impl ManualEntry {
    pub(super) fn into_checked(self) -> Result<phone::ManualEntry, AuthenticatorError> {
        let secret = SecretText::new(self.secret);
        check_text("name", &self.issuer, limits::NAME)?;
        check_text("name", &self.account, limits::NAME)?;
        check_text("secret", secret.expose(Reason::HandOver), limits::CODE_SECRET)?;
        Ok(phone::ManualEntry { issuer: self.issuer, account: self.account, secret, settings: self.settings.into() })
    }
}

/// A one-time password to show. Do not store or log it: while it is valid, it is as good as a password.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Code {
    /// The account.
    pub account_id: String,
    /// The digits.
    pub code: String,
    /// How long it is valid.
    pub validity: CodeValidity,
}

/// How long a one-time password is valid.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
#[uniffi::export(Debug)]
pub enum CodeValidity {
    /// Valid for the rest of its period, by the server's clock as far as this phone knows it.
    Timed {
        /// Length of the whole period, in seconds.
        period_seconds: u32,
        /// Time left in the period, in milliseconds; at least 1.
        remaining_milliseconds: u64,
        /// One-time password of the next period.
        next: String,
    },
    /// Valid until this one or a later one is used.
    Counted {
        /// Counter value it was generated from.
        counter: u64,
    },
}

impl From<phone::Code> for Code {
    fn from(code: phone::Code) -> Self {
        let validity = match code.validity {
            phone::CodeValidity::Timed { period_seconds, remaining_milliseconds, next } => CodeValidity::Timed {
                period_seconds,
                remaining_milliseconds,
                next: next.expose(Reason::HandOver).to_owned(),
            },
            phone::CodeValidity::Counted { counter } => CodeValidity::Counted { counter },
        };
        Self { account_id: code.account_id, code: code.code.expose(Reason::HandOver).to_owned(), validity }
    }
}

/// The consequences of removing an account.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Removal {
    /// The account.
    pub account_id: String,
    /// Issuer, under the name the user chose.
    pub issuer: String,
    /// Account name, as the user chose it.
    pub account: String,
    /// The consequences.
    pub consequences: Vec<Consequence>,
}

impl From<phone::Removal> for Removal {
    fn from(removal: phone::Removal) -> Self {
        Self {
            account_id: removal.account_id,
            issuer: removal.issuer,
            account: removal.account,
            consequences: super::records::all(removal.consequences),
        }
    }
}

/// One consequence of removing an account.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Consequence {
    /// Stable identifier, in lower case with dashes.
    pub code: String,
    /// Explanation for the user.
    pub explanation: String,
}

impl From<phone::Consequence> for Consequence {
    fn from(consequence: phone::Consequence) -> Self {
        Self { code: consequence.code().to_owned(), explanation: consequence.to_string() }
    }
}
