//! The records of one-time codes, of accounts that are typed in, and of removals. Knows no rule about any of them but how
//! large foreign ones may be.

use super::AuthenticatorError;
use super::limits::{self, check_text};
use crate::phone;
use crate::secret::{Reason, SecretText};

/// The hash that codes are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CodeAlgorithm {
    /// HMAC-SHA-1, which nearly everybody uses.
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

/// What moves a code on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CodeMoving {
    /// Time.
    Time {
        /// How long a code is good for, in seconds.
        period_seconds: u32,
    },
    /// A counter, one more with every code.
    Counter {
        /// What the next code is made of.
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

/// How codes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Record)]
pub struct CodeSettings {
    /// The hash.
    pub algorithm: CodeAlgorithm,
    /// Number of digits, 6 to 8.
    pub digits: u8,
    /// What moves a code on.
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

/// An account as a person typed it in.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct ManualEntry {
    /// Who the account is with.
    pub issuer: String,
    /// The account's name.
    pub account: String,
    /// The secret in base32; case, spaces and padding do not matter.
    pub secret: String,
    /// How codes are made.
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

/// A code to show. Not to be kept or logged: it is as good as a password while it lasts.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Code {
    /// The account.
    pub account_id: String,
    /// The digits.
    pub code: String,
    /// How long it is good for.
    pub validity: CodeValidity,
}

/// How long a code is good for.
#[derive(Clone, PartialEq, Eq, uniffi::Enum)]
#[uniffi::export(Debug)]
pub enum CodeValidity {
    /// For the rest of its period, by the server's clock as far as this phone knows it.
    Timed {
        /// Length of the whole period, in seconds.
        period_seconds: u32,
        /// What is left of it, in milliseconds, 1 at least.
        remaining_milliseconds: u64,
        /// The code of the period after it.
        next: String,
    },
    /// Until it is used, or a later one is.
    Counted {
        /// What it is made of.
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

/// What would come of removing an account.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Removal {
    /// The account.
    pub account_id: String,
    /// Who it is with, as the person wants to read it.
    pub issuer: String,
    /// Its name, as the person wants to read it.
    pub account: String,
    /// What would come of it.
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

/// One thing that would come of removing an account.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Consequence {
    /// Stable, in lower case with dashes.
    pub code: String,
    /// For a person.
    pub explanation: String,
}

impl From<phone::Consequence> for Consequence {
    fn from(consequence: phone::Consequence) -> Self {
        Self { code: consequence.code().to_owned(), explanation: consequence.to_string() }
    }
}
