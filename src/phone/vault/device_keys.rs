//! Rows of `device_key`: the device keys of accounts.

use rusqlite::{Row, params};

use super::seal::Place;
use super::{Reader, VaultError, Writer, parse_name};
use crate::phone::credential::{Id, KeyRecord, PushCredential};
use crate::ports::EpochMilliseconds;
use crate::protocol::device_key::{KeyLevel, UserPresence};
use crate::secret::{Reason, SecretBytes};

impl Reader<'_> {
    /// Returns the private key of a credential's device key, which is empty if it is in hardware. Fails if the
    /// description of the key was edited.
    pub(in crate::phone) fn device_key(
        &self,
        credential: &PushCredential,
        key: &KeyRecord,
    ) -> Result<SecretBytes, VaultError> {
        with_place(credential.id, key, |place| self.open_sealed(place, &key.sealed))
    }
}

impl Writer<'_> {
    /// Stores the device key of an existing credential.
    pub(in crate::phone) fn insert_device_key(
        &self,
        credential: Id,
        key: &KeyRecord,
        private: &SecretBytes,
    ) -> Result<(), VaultError> {
        let sealed = with_place(credential, key, |place| self.seal(place, private.expose(Reason::Seal)))?;
        self.sql.execute(
            "INSERT INTO device_key (credential_id, jwk, level, presence, software, key_sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![credential, key.jwk, key.level.name(), key.presence.name(), key.is_software, sealed],
        )?;
        Ok(())
    }

    /// Records that the platform invalidated a credential's device key.
    pub(in crate::phone) fn invalidate_device_key(
        &self,
        credential: Id,
        now: EpochMilliseconds,
    ) -> Result<(), VaultError> {
        self.sql
            .execute("UPDATE device_key SET invalidated_at = ?2 WHERE credential_id = ?1", params![credential, now])?;
        Ok(())
    }
}

/// Reads the device key from the columns starting at `first`, if there is one.
pub(super) fn read_key(row: &Row<'_>, first: usize) -> Result<Option<KeyRecord>, VaultError> {
    let Some(jwk) = row.get::<_, Option<String>>(first)? else { return Ok(None) };
    let (level, presence): (String, String) = (row.get(first + 1)?, row.get(first + 2)?);
    Ok(Some(KeyRecord {
        jwk,
        level: parse_name(&KeyLevel::ALL, KeyLevel::name, &level)?,
        presence: parse_name(&UserPresence::ALL, UserPresence::name, &presence)?,
        is_software: row.get(first + 3)?,
        is_invalidated: row.get::<_, Option<EpochMilliseconds>>(first + 4)?.is_some(),
        sealed: row.get(first + 5)?,
    }))
}

fn with_place<T>(credential: Id, key: &KeyRecord, work: impl FnOnce(&Place<'_>) -> T) -> T {
    work(&Place {
        table: "device_key",
        column: "key_sealed",
        row: credential,
        bound: &[
            key.jwk.as_bytes(),
            key.level.name().as_bytes(),
            key.presence.name().as_bytes(),
            if key.is_software { b"software" } else { b"hardware" },
        ],
    })
}
