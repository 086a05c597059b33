//! Activation of a credential once the server is known to have it. The account that it replaces is removed; its
//! one-time passwords and the names that the user chose carry over.

use super::PhoneError;
use super::account::{AccountRecord, AccountWithCredentials, OathCredential};
use super::credential::{CredentialState, Id, PushCredential};
use super::log::{EventKind, note_account};
use super::vault::{Reader, VaultError, Writer};
use crate::ports::EpochMilliseconds;
use crate::secret::SecretBytes;

/// Activates the credential unless it is active already, because a valid message proves that the server has it,
/// whatever the response to the registration was. Returns the number of accounts that it replaced.
pub(super) fn confirm(
    rows: &Writer<'_>,
    credential: &PushCredential,
    now: EpochMilliseconds,
) -> Result<usize, PhoneError> {
    match credential.state {
        CredentialState::Active => Ok(0),
        CredentialState::Enrolling | CredentialState::Unconfirmed => activate(rows, credential, now),
    }
}

/// Activates the credential and removes the accounts that it replaces. Returns how many there were.
pub(super) fn activate(
    rows: &Writer<'_>,
    credential: &PushCredential,
    now: EpochMilliseconds,
) -> Result<usize, PhoneError> {
    rows.set_credential_state(credential.id, CredentialState::Active)?;
    rows.confirm_registered_token(credential.id, now)?;
    note_account(rows, now, EventKind::RegistrationConfirmed, Some(credential.account_id), None)?;
    if !credential.replaces {
        return Ok(0);
    }
    let replaced = rows.replaced_by(credential)?;
    // Starts with the account that was added last, because that is the one in use.
    for earlier in replaced.iter().rev() {
        let codes = codes_to_keep(rows, earlier, credential.account_id)?;
        keep_names(rows, &earlier.account, credential.account_id)?;
        rows.remove_account(earlier.account.id)?;
        if let Some((successor, oath, secret)) = codes {
            rows.insert_oath_credential(&successor, &oath, &secret)?;
        }
        note_account(rows, now, EventKind::Removed, Some(earlier.account.id), Some("replaced"))?;
    }
    rows.end_replacing(credential.id)?;
    Ok(replaced.len())
}

/// Copies the names that the user gave a replaced account, unless the new account already has names of its own.
fn keep_names(rows: &Writer<'_>, replaced: &AccountRecord, successor: Id) -> Result<(), PhoneError> {
    let Some(AccountWithCredentials { account, .. }) = rows.account_with_credentials(successor)? else { return Ok(()) };
    let issuer = account.display_issuer.as_deref().or(replaced.display_issuer.as_deref());
    let name = account.display_name.as_deref().or(replaced.display_name.as_deref());
    rows.set_display_names(successor, issuer, name)?;
    Ok(())
}

/// Returns the OATH credential of a replaced account if the new account has none: it carries over, because the server
/// still asks for its one-time passwords. One that cannot be read is dropped.
fn codes_to_keep(
    rows: &Reader<'_>,
    replaced: &AccountWithCredentials,
    successor: Id,
) -> Result<Option<(AccountRecord, OathCredential, SecretBytes)>, PhoneError> {
    let Some(successor) = rows.account_with_credentials(successor)?.filter(|there| there.oath.is_none()) else {
        return Ok(None);
    };
    let Some(oath) = &replaced.oath else { return Ok(None) };
    match rows.code_secret(&replaced.account, oath) {
        Ok(secret) => {
            let oath = OathCredential { account_id: successor.account.id, ..oath.clone() };
            Ok(Some((successor.account, oath, secret)))
        }
        Err(VaultError::Tampered { .. } | VaultError::KeyLost) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
