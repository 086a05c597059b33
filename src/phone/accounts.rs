//! Listing, renaming and removing accounts, and whether this phone meets their policies. Knows nothing of how they came here.

use std::sync::PoisonError;

use super::account::given_name;
use super::credential::{Account, Id};
use super::log::{EventKind, note_account};
use super::{Phone, PhoneError};
use crate::protocol::policy::DeviceFacts;

impl Phone {
    /// Tells what the shell observed about the device. Policies are evaluated against it from now on; until it is told,
    /// no policy counts as met.
    pub fn set_device_facts(&self, facts: DeviceFacts) {
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts);
    }

    /// All accounts, in the order of adding. Works without the key too.
    pub fn accounts(&self) -> Result<Vec<Account>, PhoneError> {
        let facts = self.device_facts();
        let holdings = self.vault.read(|rows| rows.accounts_with_credentials())?;
        Ok(holdings.iter().map(|each| each.to_account(facts.as_ref(), self.vault.is_readable())).collect())
    }

    /// Changes how an account is shown; `None` leaves a name as it is, and one of which nothing is left after cleaning
    /// brings the registered one back. Nothing else depends on these names. Works without the key too.
    pub fn rename(&self, account_id: &str, issuer: Option<&str>, name: Option<&str>) -> Result<Account, PhoneError> {
        let id = Id::parse(account_id).ok_or(PhoneError::AccountNotFound)?;
        let facts = self.device_facts();
        self.vault.write(|rows| {
            let mut holding = rows.account_with_credentials(id)?.ok_or(PhoneError::AccountNotFound)?;
            let account = &mut holding.account;
            if let Some(issuer) = issuer {
                account.display_issuer = given_name(issuer);
            }
            if let Some(name) = name {
                account.display_name = given_name(name);
            }
            rows.set_display_names(id, account.display_issuer.as_deref(), account.display_name.as_deref())?;
            Ok(holding.to_account(facts.as_ref(), self.vault.is_readable()))
        })
    }

    /// Removes an account with both its halves, its messages and whatever waits to be sent for it; a registration that
    /// was interrupted is given up by it. The server is not told: [`removal`](Self::removal) says what that means.
    pub fn remove(&self, account_id: &str) -> Result<(), PhoneError> {
        let id = Id::parse(account_id).ok_or(PhoneError::AccountNotFound)?;
        let now = self.now();
        self.vault.write(|rows| {
            if !rows.remove_account(id)? {
                return Err(PhoneError::AccountNotFound);
            }
            note_account(rows, now, EventKind::Removed, Some(id), None)
        })?;
        self.vault.truncate_log();
        Ok(())
    }

    pub(super) fn device_facts(&self) -> Option<DeviceFacts> {
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
