//! Moving to other keys of the platform: the vault's data key to another key encryption key, an account's biometric
//! slot to another biometric key. Neither loses a row, and neither happens without proof: the new key encryption key
//! must work, and the old biometric key must have unwrapped its slot.
//!
//! A biometric key that the platform itself invalidated, because a fingerprint or face was added to the device, cannot
//! be moved: the new biometric may not be the user's. The way back is to add the account again with `replace`, for
//! which the server demands the same as for a new phone.

use super::consent::{self, SlotWrapper};
use super::credential::{Id, PushCredential};
use super::log::{EventKind, note_account};
use super::vault::{Reader, Writer};
use super::{KeyEncryption, Phone, PhoneError};
use crate::secret::SecretBytes;

impl Phone {
    /// Wraps the vault's data key under another key of the platform, which must open the vault from now on. The old key
    /// is not needed, and no sealed value changes, so another process that has the vault open can continue. The new key
    /// is tested before it takes effect. If it does not work
    /// ([`VaultError::KeyRefused`](super::VaultError::KeyRefused)) or another process was faster
    /// ([`VaultError::KeyChanged`](super::VaultError::KeyChanged)), nothing changes.
    pub fn rewrap(&self, key: &dyn KeyEncryption) -> Result<(), PhoneError> {
        let before = self.vault.read(|rows| rows.wrapped_key())?;
        let wrapped = self.vault.wrap_data_key(key)?;
        let now = self.now();
        self.vault.write(|rows| {
            rows.replace_wrapped_key(&before, &wrapped)?;
            note_account(rows, now, EventKind::KeyRewrapped, None, None)
        })?;
        // The data key wrapped under the old key encryption key must not stay readable in the write-ahead log.
        self.vault.truncate_log();
        Ok(())
    }

    /// Returns the account's biometric slot as the platform's biometric key wrapped it. The shell unwraps it in its
    /// prompt for [`rebind_biometric`](Self::rebind_biometric).
    pub fn biometric_slot(&self, account_id: &str) -> Result<Vec<u8>, PhoneError> {
        self.vault.read(|rows| usable_slot(&find(rows, account_id)?))
    }

    /// Binds the account to another biometric key: a new slot replaces the given unwrapped one, which proves that the
    /// user still controls the biometric that it was bound to.
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
        // Checked before calling the platform, and again in the transaction.
        self.vault.read(check)?;
        let (wrapped, verifier) = consent::make_slot(&*self.entropy, wrapper)?;
        let now = self.now();
        self.vault.write(|rows: &Writer<'_>| {
            let credential = check(rows)?;
            rows.set_slot(credential.id, &wrapped, Some(&verifier))?;
            note_account(rows, now, EventKind::BiometricRebound, Some(credential.account_id), None)
        })
    }

    /// Records that the platform permanently invalidated its biometric key, as it does when a fingerprint or face is
    /// added. The account's slot is removed; sign-ons that ask for a biometric fail with
    /// [`PhoneError::BiometricInvalidated`] until the account is added again. Denying, and sign-ons that ask for no
    /// biometric, still work.
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

/// Returns the wrapped slot of a credential, if it is still valid.
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
