//! Rows of `outbox`.

use rusqlite::{Row, params};

use super::seal::Place;
use super::{Reader, VaultError, Writer, parse_name, skip_damaged};
use crate::phone::credential::{Id, RequestKind};
use crate::ports::EpochMilliseconds;
use crate::secret::SecretBytes;

/// An outbox entry, as the vault stores it.
#[derive(Debug, Clone)]
pub(in crate::phone) struct OutboxRecord {
    pub(in crate::phone) id: Id,
    pub(in crate::phone) kind: RequestKind,
    pub(in crate::phone) credential_id: Id,
    pub(in crate::phone) notification_id: Option<Id>,
    pub(in crate::phone) url: String,
    pub(in crate::phone) cookie: Option<String>,
    pub(in crate::phone) created_at: EpochMilliseconds,
    /// Number of times it was handed out.
    pub(in crate::phone) attempts: u32,
    /// Whether an attempt may have reached the server without its result reaching this phone.
    pub(in crate::phone) fate_unknown: bool,
    pub(in crate::phone) leased_until: Option<EpochMilliseconds>,
    pub(in crate::phone) next_attempt_at: EpochMilliseconds,
    sealed: Vec<u8>,
}

/// A new outbox entry.
pub(in crate::phone) struct NewRequest<'a> {
    pub(in crate::phone) id: Id,
    pub(in crate::phone) kind: RequestKind,
    pub(in crate::phone) credential_id: Id,
    pub(in crate::phone) notification_id: Option<Id>,
    pub(in crate::phone) url: &'a str,
    pub(in crate::phone) cookie: Option<&'a str>,
    pub(in crate::phone) created_at: EpochMilliseconds,
}

const SELECT: &str = "SELECT id, kind, credential_id, notification_id, url, cookie, created_at, attempts, fate_unknown,
    leased_until, next_attempt_at, body_sealed FROM outbox";

impl Reader<'_> {
    /// Returns the outbox entries that are not damaged, oldest first.
    pub(in crate::phone) fn outbox(&self) -> Result<Vec<OutboxRecord>, VaultError> {
        let mut statement = self.sql.prepare_cached(&format!("{SELECT} ORDER BY sequence"))?;
        let mut rows = statement.query([])?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.extend(skip_damaged(read(row).map(Some))?);
        }
        Ok(records)
    }

    /// Returns the entry with this id.
    pub(in crate::phone) fn request(&self, id: Id) -> Result<Option<OutboxRecord>, VaultError> {
        let mut statement = self.sql.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
        let mut rows = statement.query([id])?;
        rows.next()?.map(read).transpose()
    }

    /// Returns the exact bytes to send, or [`VaultError::Tampered`] if the row was edited.
    pub(in crate::phone) fn request_body(&self, record: &OutboxRecord) -> Result<SecretBytes, VaultError> {
        with_place(record, |place| self.open_sealed(place, &record.sealed))
    }
}

impl Writer<'_> {
    /// Adds an entry to the outbox.
    pub(in crate::phone) fn insert_request(&self, request: &NewRequest<'_>, body: &[u8]) -> Result<(), VaultError> {
        let record = OutboxRecord {
            id: request.id,
            kind: request.kind,
            credential_id: request.credential_id,
            notification_id: request.notification_id,
            url: request.url.to_owned(),
            cookie: request.cookie.map(str::to_owned),
            created_at: request.created_at,
            attempts: 0,
            fate_unknown: false,
            leased_until: None,
            next_attempt_at: request.created_at,
            sealed: Vec::new(),
        };
        let sealed = with_place(&record, |place| self.seal(place, body))?;
        self.execute(
            "INSERT INTO outbox (id, kind, credential_id, notification_id, url, cookie, body_sealed, created_at,
                attempts, fate_unknown, leased_until, next_attempt_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, NULL, ?8)",
            params![
                record.id,
                record.kind.name(),
                record.credential_id,
                record.notification_id,
                record.url,
                record.cookie,
                sealed,
                record.created_at,
            ],
        )?;
        Ok(())
    }

    /// Replaces the bytes and the id of an entry.
    pub(in crate::phone) fn replace_request(
        &self,
        record: &mut OutboxRecord,
        id: Id,
        body: &[u8],
    ) -> Result<(), VaultError> {
        let before = std::mem::replace(&mut record.id, id);
        record.sealed = with_place(record, |place| self.seal(place, body))?;
        self.execute(
            "UPDATE outbox SET id = ?2, body_sealed = ?3 WHERE id = ?1",
            params![before, record.id, record.sealed],
        )?;
        Ok(())
    }

    /// Stores the progress of sending: attempts, fate, lease and next attempt.
    pub(in crate::phone) fn update_request(&self, record: &OutboxRecord) -> Result<(), VaultError> {
        self.execute(
            "UPDATE outbox SET attempts = ?2, fate_unknown = ?3, leased_until = ?4, next_attempt_at = ?5 WHERE id = ?1",
            params![record.id, record.attempts, record.fate_unknown, record.leased_until, record.next_attempt_at],
        )?;
        Ok(())
    }

    /// Removes a settled entry.
    pub(in crate::phone) fn remove_request(&self, id: Id) -> Result<(), VaultError> {
        self.execute("DELETE FROM outbox WHERE id = ?1", params![id])?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<OutboxRecord, VaultError> {
    let kind: String = row.get(1)?;
    Ok(OutboxRecord {
        id: row.get(0)?,
        kind: parse_name(&RequestKind::ALL, RequestKind::name, &kind)?,
        credential_id: row.get(2)?,
        notification_id: row.get(3)?,
        url: row.get(4)?,
        cookie: row.get(5)?,
        created_at: row.get(6)?,
        attempts: row.get(7)?,
        fate_unknown: row.get(8)?,
        leased_until: row.get(9)?,
        next_attempt_at: row.get(10)?,
        sealed: row.get(11)?,
    })
}

fn with_place<T>(record: &OutboxRecord, work: impl FnOnce(&Place<'_>) -> T) -> T {
    let notification = record.notification_id.map(|id| id.0);
    work(&Place {
        table: "outbox",
        column: "body_sealed",
        row: record.id,
        bound: &[
            record.kind.name().as_bytes(),
            &record.credential_id.0,
            notification.as_ref().map_or(&[], |id| id.as_slice()),
            record.url.as_bytes(),
            record.cookie.as_deref().unwrap_or_default().as_bytes(),
        ],
    })
}
