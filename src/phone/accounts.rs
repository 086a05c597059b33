//! Listing and removing accounts, and whether this phone meets their policies. Knows nothing of how they came here.

use std::sync::PoisonError;

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
        let credentials = self.vault.read(|rows| rows.credentials())?;
        Ok(credentials.iter().map(|each| each.to_account(facts.as_ref(), self.vault.is_readable())).collect())
    }

    /// Removes an account with its messages and whatever waits to be sent for it. The server is not told: it keeps
    /// this phone in the user's list of devices until it is removed there.
    pub fn remove(&self, account_id: &str) -> Result<(), PhoneError> {
        let id = Id::parse(account_id).ok_or(PhoneError::AccountNotFound)?;
        let now = self.now();
        self.vault.write(|rows| {
            if !rows.remove_account(id)? {
                return Err(PhoneError::AccountNotFound);
            }
            note_account(rows, now, EventKind::Removed, Some(id), None)
        })?;
        self.vault.truncate_log()?;
        Ok(())
    }

    pub(super) fn device_facts(&self) -> Option<DeviceFacts> {
        *self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
