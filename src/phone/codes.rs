//! One-time passwords. The secret leaves the vault only to generate one here, and a counter is stored before its
//! one-time password is shown, so that none is ever shown twice.

use super::account::{AccountWithCredentials, OathCredential};
use super::credential::{Id, PushCredential};
use super::{Phone, PhoneError};
use crate::protocol::oath::{HIGHEST_COUNTER, Moving, OneTimeCode, derive_code, period_at};

/// A one-time password to show.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// The account.
    pub account_id: String,
    /// The one-time password.
    pub code: OneTimeCode,
    /// How long the one-time password is valid.
    pub validity: CodeValidity,
}

/// How long a one-time password is valid.
#[derive(Debug, PartialEq, Eq)]
pub enum CodeValidity {
    /// For the rest of its period, by the server's clock as far as this phone knows it.
    Timed {
        /// Length of the whole period, in seconds.
        period_seconds: u32,
        /// Time left in the period, in milliseconds, at least 1.
        remaining_milliseconds: u64,
        /// The one-time password of the next period.
        next: OneTimeCode,
    },
    /// Until it, or a later one, is used.
    Counted {
        /// The counter value. The next one-time password uses the next value.
        counter: u64,
    },
}

impl Phone {
    /// Returns the account's current one-time password. For a counter-based account, every call uses one up: the new
    /// counter is durable before this returns. A locked account returns an error.
    pub fn code(&self, account_id: &str) -> Result<Code, PhoneError> {
        let id = Id::parse(account_id).ok_or(PhoneError::AccountNotFound)?;
        let facts = self.device_facts();
        let unlocked =
            |found: Option<AccountWithCredentials>| -> Result<(AccountWithCredentials, OathCredential), PhoneError> {
                let holding = found.ok_or(PhoneError::AccountNotFound)?;
                let oath = holding.oath.clone().ok_or(PhoneError::NoCodes)?;
                match holding.unmet_policy(facts.as_ref()) {
                    Some(policy) => Err(PhoneError::Locked { policy }),
                    None => Ok((holding, oath)),
                }
            };
        let (holding, oath, secret) = self.vault.read(|rows| {
            let (holding, oath) = unlocked(rows.account_with_credentials(id)?)?;
            let secret = rows.code_secret(&holding.account, &oath)?;
            Ok::<_, PhoneError>((holding, oath, secret))
        })?;
        let derive = |oath: &OathCredential, moved: u64| {
            derive_code(&secret, oath.settings.algorithm, oath.settings.digits, moved)
        };
        let (code, validity) = match oath.settings.moving {
            Moving::Time { period_seconds } => {
                let now = self.now();
                let time = holding.push.as_ref().map_or(now, |push: &PushCredential| push.server_time(now));
                let (period, remaining_milliseconds) = period_at(time, period_seconds);
                let next = derive(&oath, period.saturating_add(1));
                (derive(&oath, period), CodeValidity::Timed { period_seconds, remaining_milliseconds, next })
            }
            Moving::Counter { .. } => {
                let counter = self.vault.write(|rows| {
                    // Read again, because another process may have used it up in the meantime.
                    let (_, oath) = unlocked(rows.account_with_credentials(id)?)?;
                    let Moving::Counter { next } = oath.settings.moving else { return Err(PhoneError::NoCodes) };
                    if next >= HIGHEST_COUNTER {
                        return Err(PhoneError::CounterExhausted);
                    }
                    rows.set_counter(oath.id, next + 1)?;
                    Ok(next)
                })?;
                (derive(&oath, counter), CodeValidity::Counted { counter })
            }
        };
        Ok(Code { account_id: account_id.to_owned(), code, validity })
    }
}
