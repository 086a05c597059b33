//! Rows of `oath`.

use rusqlite::{Row, params};

use super::seal::Place;
use super::{Reader, VaultError, Writer, parse_name, skip_damaged};
use crate::phone::account::{AccountRecord, OathCredential, kind_of};
use crate::phone::credential::{CredentialKind, Id};
use crate::protocol::oath::{Algorithm, CodeSettings, Moving};
use crate::secret::{Reason, SecretBytes};

const SELECT: &str = "SELECT account_id, id, kind, algorithm, digits, period, counter, server_device_id FROM oath";

impl Reader<'_> {
    /// Returns the OATH credentials that are not damaged.
    pub(in crate::phone) fn oath_credentials(&self) -> Result<Vec<OathCredential>, VaultError> {
        let mut statement = self.sql.prepare(SELECT)?;
        let mut rows = statement.query([])?;
        let mut credentials = Vec::new();
        while let Some(row) = rows.next()? {
            credentials.extend(skip_damaged(read(row).map(Some))?);
        }
        Ok(credentials)
    }

    /// Returns the OATH credential of this account.
    pub(in crate::phone) fn oath_credential(&self, account: Id) -> Result<Option<OathCredential>, VaultError> {
        let mut statement = self.sql.prepare(&format!("{SELECT} WHERE account_id = ?1"))?;
        let mut rows = statement.query([account])?;
        rows.next()?.map(read).transpose()
    }

    /// Returns the secret for one-time passwords.
    pub(in crate::phone) fn code_secret(
        &self,
        account: &AccountRecord,
        credential: &OathCredential,
    ) -> Result<SecretBytes, VaultError> {
        let sealed: Vec<u8> =
            self.sql.query_row("SELECT secret_sealed FROM oath WHERE id = ?1", [credential.id], |row| row.get(0))?;
        with_secret_place(account, credential, |place| self.open_sealed(place, &sealed))
    }
}

impl Writer<'_> {
    /// Stores the OATH credential of an existing account.
    pub(in crate::phone) fn insert_oath_credential(
        &self,
        account: &AccountRecord,
        credential: &OathCredential,
        secret: &SecretBytes,
    ) -> Result<(), VaultError> {
        let secret_sealed =
            with_secret_place(account, credential, |place| self.seal(place, secret.expose(Reason::Seal)))?;
        let (period, counter) = match credential.settings.moving {
            Moving::Time { period_seconds } => (Some(period_seconds), None),
            Moving::Counter { next } => (None, Some(stored_counter(next)?)),
        };
        self.sql.execute(
            "INSERT INTO oath (id, account_id, kind, algorithm, digits, period, counter, server_device_id, secret_sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                credential.id,
                account.id,
                credential.kind().name(),
                credential.settings.algorithm.name(),
                credential.settings.digits,
                period,
                counter,
                credential.server_device_id,
                secret_sealed,
            ],
        )?;
        Ok(())
    }

    /// Stores the counter value of the next one-time password.
    pub(in crate::phone) fn set_counter(&self, credential: Id, next: u64) -> Result<(), VaultError> {
        let next = stored_counter(next)?;
        self.sql.execute("UPDATE oath SET counter = ?2 WHERE id = ?1", params![credential, next])?;
        Ok(())
    }
}

fn stored_counter(counter: u64) -> Result<i64, VaultError> {
    i64::try_from(counter).map_err(|_| VaultError::Damaged)
}

fn read(row: &Row<'_>) -> Result<OathCredential, VaultError> {
    let (kind, algorithm): (String, String) = (row.get(2)?, row.get(3)?);
    let moving = match parse_name(&[CredentialKind::Totp, CredentialKind::Hotp], CredentialKind::name, &kind)? {
        CredentialKind::Totp => Moving::Time { period_seconds: row.get(5)? },
        CredentialKind::Push | CredentialKind::Hotp => {
            let next: i64 = row.get(6)?;
            Moving::Counter { next: u64::try_from(next).map_err(|_| VaultError::Damaged)? }
        }
    };
    let settings = CodeSettings {
        algorithm: parse_name(&Algorithm::ALL, Algorithm::name, &algorithm)?,
        digits: row.get(4)?,
        moving,
    };
    Ok(OathCredential { account_id: row.get(0)?, id: row.get(1)?, settings, server_device_id: row.get(7)? })
}

fn with_secret_place<T>(account: &AccountRecord, credential: &OathCredential, work: impl FnOnce(&Place<'_>) -> T) -> T {
    let settings = &credential.settings;
    let period = match settings.moving {
        Moving::Time { period_seconds } => Some(i64::from(period_seconds).to_be_bytes()),
        Moving::Counter { .. } => None,
    };
    work(&Place {
        table: "oath",
        column: "secret_sealed",
        row: credential.id,
        bound: &[
            kind_of(settings).name().as_bytes(),
            settings.algorithm.name().as_bytes(),
            &i64::from(settings.digits).to_be_bytes(),
            period.as_ref().map_or(&[], |period| period.as_slice()),
            account.policies_json.as_deref().unwrap_or_default().as_bytes(),
        ],
    })
}
