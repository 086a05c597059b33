//! Listing, renaming and removing accounts, and whether this phone meets their policies. Independent of enrollment.

use std::sync::PoisonError;

use super::account::given_name;
use super::credential::{Account, Id};
use super::log::{EventKind, note_account};
use super::{Phone, PhoneError};
use crate::protocol::policy::DeviceFacts;

impl Phone {
    /// Sets what the shell observed about the device. Policies are evaluated against it from now on; before the first
    /// call, no policy counts as met.
    pub fn set_device_facts(&self, facts: DeviceFacts) {
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = Some(facts);
    }

    /// Returns the accounts in the order they were added. Works even if the vault's key is lost.
    pub fn accounts(&self) -> Result<Vec<Account>, PhoneError> {
        let facts = self.device_facts();
        let holdings = self.vault.read(|rows| rows.accounts_with_credentials())?;
        Ok(holdings.iter().map(|each| each.to_account(facts.as_ref(), self.vault.is_readable())).collect())
    }

    /// Changes how an account is displayed. `None` leaves a name unchanged, and a name that is empty after cleaning
    /// restores the registered one. Nothing else depends on these names. Works even if the vault's key is lost.
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

    /// Removes an account with its credentials, its messages and its outbox entries, and abandons an interrupted
    /// registration. The server is not notified; [`removal`](Self::removal) says what that means.
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
