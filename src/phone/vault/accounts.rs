//! Rows of `account` and `credential`, and accounts with their credentials.

use std::collections::HashMap;

use rusqlite::{Row, params};
use url::Url;

use super::device_keys::read_key;
use super::seal::Place;
use super::{Reader, VaultError, Writer, parse_name, skip_damaged};
use crate::phone::account::{AccountRecord, AccountWithCredentials, OathCredential};
use crate::phone::credential::{CredentialState, Device, Id, PushCredential};
use crate::protocol::text;
use crate::secret::{Reason, SecretBytes};

const SELECT_ACCOUNT: &str = "SELECT id, issuer, name, display_issuer, display_name, user_id, colour, logo, policies,
    created_at FROM account";

const SELECT: &str =
    "SELECT account.id, credential.id, issuer, name, display_issuer, display_name, policies, created_at,
    mechanism_uid, server_device_id, registration_endpoint, authentication_endpoint, state, replaces, clock_offset,
    wrapped_slot, secret_sealed, algorithm, jwk, level, presence, software, invalidated_at, key_sealed
    FROM credential JOIN account ON account.id = account_id
    LEFT JOIN device_key ON device_key.credential_id = credential.id";

impl Reader<'_> {
    /// Returns the accounts with their credentials, in the order they were added. Damaged credentials are left out.
    pub(in crate::phone) fn accounts_with_credentials(&self) -> Result<Vec<AccountWithCredentials>, VaultError> {
        let mut push: HashMap<Id, PushCredential> =
            self.credentials()?.into_iter().map(|credential| (credential.account_id, credential)).collect();
        let mut oath: HashMap<Id, OathCredential> =
            self.oath_credentials()?.into_iter().map(|credential| (credential.account_id, credential)).collect();
        let mut statement = self.sql.prepare(&format!("{SELECT_ACCOUNT} ORDER BY sequence"))?;
        let mut rows = statement.query([])?;
        let mut holdings = Vec::new();
        while let Some(row) = rows.next()? {
            let Some(account) = skip_damaged(read_account(row).map(Some))? else { continue };
            let (push, oath) = (push.remove(&account.id), oath.remove(&account.id));
            holdings.push(AccountWithCredentials { account, push, oath });
        }
        Ok(holdings)
    }

    /// Returns the account with this id, with those of its credentials that are not damaged.
    pub(in crate::phone) fn account_with_credentials(
        &self,
        id: Id,
    ) -> Result<Option<AccountWithCredentials>, VaultError> {
        let mut statement = self.sql.prepare(&format!("{SELECT_ACCOUNT} WHERE id = ?1"))?;
        let mut rows = statement.query([id])?;
        let Some(account) = rows.next()?.map(read_account).transpose()? else { return Ok(None) };
        let (push, oath) = (skip_damaged(self.credential_of_account(id))?, skip_damaged(self.oath_credential(id))?);
        Ok(Some(AccountWithCredentials { account, push, oath }))
    }

    /// Returns the push credentials that are not damaged, in the order they were added.
    pub(in crate::phone) fn credentials(&self) -> Result<Vec<PushCredential>, VaultError> {
        let mut statement = self.sql.prepare(&format!("{SELECT} ORDER BY account.sequence"))?;
        let mut rows = statement.query([])?;
        let mut credentials = Vec::new();
        while let Some(row) = rows.next()? {
            credentials.extend(skip_damaged(read(row).map(Some))?);
        }
        Ok(credentials)
    }

    /// Returns the credential with this id.
    pub(in crate::phone) fn credential(&self, id: Id) -> Result<Option<PushCredential>, VaultError> {
        self.one("credential.id = ?1", &id)
    }

    /// Returns the push credential of this account.
    pub(in crate::phone) fn credential_of_account(&self, account: Id) -> Result<Option<PushCredential>, VaultError> {
        self.one("account.id = ?1", &account)
    }

    /// Returns the credential with this mechanism uid.
    pub(in crate::phone) fn credential_by_mechanism_uid(
        &self,
        mechanism_uid: &str,
    ) -> Result<Option<PushCredential>, VaultError> {
        self.one("mechanism_uid = ?1", &mechanism_uid)
    }

    /// Returns the secret shared with the server.
    pub(in crate::phone) fn secret(&self, credential: &PushCredential) -> Result<SecretBytes, VaultError> {
        with_secret_place(credential, |place| self.open_sealed(place, &credential.secret_sealed))
    }

    /// Returns the verifier for evidence from the biometric slot, if there is a slot.
    pub(in crate::phone) fn slot_verifier(
        &self,
        credential: &PushCredential,
    ) -> Result<Option<SecretBytes>, VaultError> {
        let sealed: Option<Vec<u8>> = self
            .sql
            .prepare_cached("SELECT slot_verifier_sealed FROM credential WHERE id = ?1")?
            .query_row([credential.id], |row| row.get(0))?;
        sealed.map(|sealed| self.open_sealed(&slot_place(credential.id), &sealed)).transpose()
    }

    /// Returns the accounts that this credential replaces: the same account, added earlier.
    pub(in crate::phone) fn replaced_by(
        &self,
        successor: &PushCredential,
    ) -> Result<Vec<AccountWithCredentials>, VaultError> {
        let holdings = self.accounts_with_credentials()?;
        let earlier = holdings.into_iter().take_while(|there| there.account.id != successor.account_id);
        Ok(earlier.filter(|there| there.push.as_ref().is_some_and(|push| is_same_account(push, successor))).collect())
    }

    fn one(&self, condition: &str, value: &dyn rusqlite::ToSql) -> Result<Option<PushCredential>, VaultError> {
        let mut statement = self.sql.prepare_cached(&format!("{SELECT} WHERE {condition}"))?;
        let mut rows = statement.query([value])?;
        rows.next()?.map(read).transpose()
    }
}

impl Writer<'_> {
    /// Stores a new account, without its credentials.
    pub(in crate::phone) fn insert_account(&self, account: &AccountRecord) -> Result<(), VaultError> {
        self.sql.execute(
            "INSERT INTO account (id, issuer, name, user_id, colour, logo, policies, created_at, display_issuer,
                display_name)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                account.id,
                account.issuer,
                account.name,
                account.user_id,
                account.colour,
                account.logo,
                account.policies_json,
                account.created_at,
                account.display_issuer,
                account.display_name,
            ],
        )?;
        Ok(())
    }

    /// Stores an account's display names. Returns whether there is such an account.
    pub(in crate::phone) fn set_display_names(
        &self,
        id: Id,
        issuer: Option<&str>,
        name: Option<&str>,
    ) -> Result<bool, VaultError> {
        let changed = self.sql.execute(
            "UPDATE account SET display_issuer = ?2, display_name = ?3 WHERE id = ?1",
            params![id, issuer, name],
        )?;
        Ok(changed > 0)
    }

    /// Stores the push credential of an existing account.
    pub(in crate::phone) fn insert_credential(
        &self,
        credential: &PushCredential,
        secret: &SecretBytes,
        slot_verifier: Option<&SecretBytes>,
        device: &Device,
    ) -> Result<(), VaultError> {
        let secret_sealed = with_secret_place(credential, |place| self.seal(place, secret.expose(Reason::Seal)))?;
        let slot_verifier_sealed = slot_verifier
            .map(|verifier| self.seal(&slot_place(credential.id), verifier.expose(Reason::Seal)))
            .transpose()?;
        self.sql.execute(
            "INSERT INTO credential (id, account_id, kind, mechanism_uid, server_device_id, registration_endpoint,
                authentication_endpoint, algorithm, secret_sealed, state, replaces, clock_offset, device_name, platform,
                push_token, communication_type, wrapped_slot, slot_verifier_sealed)
             VALUES (?1, ?2, 'push', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
            params![
                credential.id,
                credential.account_id,
                credential.mechanism_uid,
                credential.server_device_id,
                credential.registration_endpoint,
                credential.authentication_endpoint.as_str(),
                credential.algorithm,
                secret_sealed,
                credential.state.name(),
                credential.replaces,
                credential.clock_offset,
                device.name,
                device.platform.name(),
                device.push_token,
                device.communication_type.name(),
                credential.wrapped_slot,
                slot_verifier_sealed,
            ],
        )?;
        Ok(())
    }

    /// Stores how far server and phone agree about a credential.
    pub(in crate::phone) fn set_credential_state(&self, id: Id, state: CredentialState) -> Result<(), VaultError> {
        self.sql.execute("UPDATE credential SET state = ?2 WHERE id = ?1", params![id, state.name()])?;
        Ok(())
    }

    /// Replaces a credential's biometric slot. An empty one means that its key is no longer valid.
    pub(in crate::phone) fn set_slot(
        &self,
        id: Id,
        wrapped: &[u8],
        verifier: Option<&SecretBytes>,
    ) -> Result<(), VaultError> {
        let sealed = verifier.map(|verifier| self.seal(&slot_place(id), verifier.expose(Reason::Seal))).transpose()?;
        self.sql.execute(
            "UPDATE credential SET wrapped_slot = ?2, slot_verifier_sealed = ?3 WHERE id = ?1",
            params![id, wrapped, sealed],
        )?;
        Ok(())
    }

    /// Stores how far the server's clock is ahead of this phone's, in milliseconds.
    pub(in crate::phone) fn set_clock_offset(&self, id: Id, milliseconds: i64) -> Result<(), VaultError> {
        self.sql.execute("UPDATE credential SET clock_offset = ?2 WHERE id = ?1", params![id, milliseconds])?;
        Ok(())
    }

    /// Removes an account and everything that belongs to it. Returns whether it existed.
    pub(in crate::phone) fn remove_account(&self, account: Id) -> Result<bool, VaultError> {
        Ok(self.sql.execute("DELETE FROM account WHERE id = ?1", [account])? > 0)
    }

    /// Records that this credential no longer replaces any account.
    pub(in crate::phone) fn end_replacing(&self, credential: Id) -> Result<(), VaultError> {
        self.sql.execute("UPDATE credential SET replaces = 0 WHERE id = ?1", [credential])?;
        Ok(())
    }
}

/// Returns whether issuer, name and server are the same. The same names at another server are another account.
fn is_same_account(one: &PushCredential, other: &PushCredential) -> bool {
    one.issuer == other.issuer
        && one.account == other.account
        && one.authentication_endpoint.origin() == other.authentication_endpoint.origin()
}

fn read_account(row: &Row<'_>) -> Result<AccountRecord, VaultError> {
    Ok(AccountRecord {
        id: row.get(0)?,
        issuer: clean_name(row.get(1)?),
        name: clean_name(row.get(2)?),
        display_issuer: row.get::<_, Option<String>>(3)?.map(clean_name),
        display_name: row.get::<_, Option<String>>(4)?.map(clean_name),
        user_id: row.get(5)?,
        colour: row.get::<_, Option<String>>(6)?.filter(|colour| is_colour(colour)),
        logo: row.get::<_, Option<String>>(7)?.filter(|logo| is_logo(logo)),
        policies_json: row.get(8)?,
        created_at: row.get(9)?,
    })
}

/// Cleans a name for display. It was clean when stored, but nothing seals it.
fn clean_name(name: String) -> String {
    text::clean(&name, text::NAME_LIMIT)
}

fn is_colour(colour: &str) -> bool {
    colour.len() == 6 && colour.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns whether the text is an https address in its normalized form.
fn is_logo(logo: &str) -> bool {
    Url::parse(logo).is_ok_and(|url| url.scheme() == "https" && url.as_str() == logo)
}

fn read(row: &Row<'_>) -> Result<PushCredential, VaultError> {
    let endpoint: String = row.get(11)?;
    let state: String = row.get(12)?;
    Ok(PushCredential {
        account_id: row.get(0)?,
        id: row.get(1)?,
        issuer: clean_name(row.get(2)?),
        account: clean_name(row.get(3)?),
        display_issuer: row.get::<_, Option<String>>(4)?.map(clean_name),
        display_name: row.get::<_, Option<String>>(5)?.map(clean_name),
        policies_json: row.get(6)?,
        created_at: row.get(7)?,
        mechanism_uid: row.get(8)?,
        server_device_id: row.get(9)?,
        registration_endpoint: row.get(10)?,
        authentication_endpoint: Url::parse(&endpoint).map_err(|_| VaultError::Damaged)?,
        state: parse_name(&CredentialState::ALL, CredentialState::name, &state)?,
        replaces: row.get(13)?,
        clock_offset: row.get(14)?,
        wrapped_slot: row.get(15)?,
        secret_sealed: row.get(16)?,
        algorithm: row.get(17)?,
        key: read_key(row, 18)?,
    })
}

fn with_secret_place<T>(credential: &PushCredential, work: impl FnOnce(&Place<'_>) -> T) -> T {
    work(&Place {
        table: "credential",
        column: "secret_sealed",
        row: credential.id,
        bound: &[
            credential.mechanism_uid.as_bytes(),
            credential.registration_endpoint.as_bytes(),
            credential.authentication_endpoint.as_str().as_bytes(),
            credential.algorithm.as_bytes(),
            credential.policies_json.as_deref().unwrap_or_default().as_bytes(),
        ],
    })
}

fn slot_place(credential: Id) -> Place<'static> {
    Place { table: "credential", column: "slot_verifier_sealed", row: credential, bound: &[] }
}
