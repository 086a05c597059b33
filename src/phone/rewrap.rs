//! Moving to other keys of the platform: the vault's data key under another key encryption key, an account's biometric
//! slot under another biometric key. Neither loses a row, and neither is done on anybody's word alone.
//!
//! A biometric key that the platform itself invalidated, because a fingerprint or face was added to the device, is not
//! moved: whoever added it may not be the person. There the way back is to add the account again with `replace`, for
//! which the server asks what it asks of a new phone.

use super::consent::{self, SlotWrapper};
use super::credential::{Id, PushCredential};
use super::log::{EventKind, note_account};
use super::vault::{Reader, Writer};
use super::{KeyEncryption, Phone, PhoneError};
use crate::secret::SecretBytes;

impl Phone {
    /// Wraps the vault's data key by another key of the platform, which has to open the vault from now on. The old one
    /// is not needed, and no sealed value changes: another process that has the vault open goes on working. The new key
    /// is tried before it counts. Where it does not work ([`VaultError::KeyRefused`](super::VaultError::KeyRefused)), or
    /// another process was faster ([`VaultError::KeyChanged`](super::VaultError::KeyChanged)), everything is as it was.
    pub fn rewrap(&self, key: &dyn KeyEncryption) -> Result<(), PhoneError> {
        let before = self.vault.read(|rows| rows.wrapped_key())?;
        let wrapped = self.vault.wrap_data_key(key)?;
        let now = self.now();
        self.vault.write(|rows| {
            rows.replace_wrapped_key(&before, &wrapped)?;
            note_account(rows, now, EventKind::KeyRewrapped, None, None)
        })?;
        // The key wrapped by the old key encryption key shall not stay readable in the log.
        self.vault.truncate_log();
        Ok(())
    }

    /// The account's biometric slot as the platform's biometric key wrapped it, to be unwrapped in the shell's prompt for
    /// [`rebind_biometric`](Self::rebind_biometric).
    pub fn biometric_slot(&self, account_id: &str) -> Result<Vec<u8>, PhoneError> {
        self.vault.read(|rows| usable_slot(&find(rows, account_id)?))
    }

    /// Binds the account to another biometric key: a new slot takes the place of the one that is given unwrapped, which
    /// proves that the biometric it was bound to is still the person's.
    pub fn rebind_biometric(
        &self,
        account_id: &str,
        slot: &SecretBytes,
        wrapper: &dyn SlotWrapper,
    ) -> Result<(), PhoneError> {
        let check = |rows: &Reader<'_>| {
            let credential = find(rows, account_id)?;
            usable_slot(&credential)?;
            consent::check_slot(slot, rows.slot_verifier(&credential)?.as_ref())?;
            Ok::<_, PhoneError>(credential)
        };
        // Before the platform is asked for anything, and again in the transaction.
        self.vault.read(check)?;
        let (wrapped, verifier) = consent::make_slot(&*self.entropy, wrapper)?;
        let now = self.now();
        self.vault.write(|rows: &Writer<'_>| {
            let credential = check(rows)?;
            rows.set_slot(credential.id, &wrapped, Some(&verifier))?;
            note_account(rows, now, EventKind::BiometricRebound, Some(credential.account_id), None)
        })
    }

    /// Tells that the platform invalidated its biometric key for good, as it does when a fingerprint or face is added.
    /// The account's slot goes; sign-ons that ask for a biometric end with [`PhoneError::BiometricInvalidated`] until
    /// the account was added again. Denying and what asks for no biometric still work.
    pub fn biometric_invalidated(&self, account_id: &str) -> Result<(), PhoneError> {
        let now = self.now();
        self.vault.write(|rows| {
            let credential = find(rows, account_id)?;
            match usable_slot(&credential) {
                Err(PhoneError::BiometricInvalidated) => Ok(()),
                Err(error) => Err(error),
                Ok(_) => {
                    rows.set_slot(credential.id, &[], None)?;
                    note_account(rows, now, EventKind::BiometricInvalidated, Some(credential.account_id), None)
                }
            }
        })
    }
}

/// The wrapped slot of a credential, where it counts.
pub(super) fn usable_slot(credential: &PushCredential) -> Result<Vec<u8>, PhoneError> {
    match &credential.wrapped_slot {
        None => Err(PhoneError::NoBiometricSlot),
        Some(slot) if slot.is_empty() => Err(PhoneError::BiometricInvalidated),
        Some(slot) => Ok(slot.clone()),
    }
}

fn find(rows: &Reader<'_>, account_id: &str) -> Result<PushCredential, PhoneError> {
    let id = Id::parse(account_id).ok_or(PhoneError::AccountNotFound)?;
    rows.credential_of_account(id)?.ok_or(PhoneError::AccountNotFound)
}
