//! Rows of `event`: what happened, kept by the names that the caller gives. Knows no kind of event.

use rusqlite::params;

use super::{Reader, VaultError, Writer};
use crate::phone::credential::Id;
use crate::ports::EpochMilliseconds;

/// Something that happened, as the vault keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::phone) struct EventRecord {
    pub(in crate::phone) at: EpochMilliseconds,
    pub(in crate::phone) kind: String,
    pub(in crate::phone) account_id: Option<Id>,
    pub(in crate::phone) subject: Option<String>,
    pub(in crate::phone) detail: Option<String>,
}

impl Reader<'_> {
    /// The newest events, newest first, at most `limit`.
    pub(in crate::phone) fn events(&self, limit: u32) -> Result<Vec<EventRecord>, VaultError> {
        let mut statement = self.sql.prepare_cached(
            "SELECT at, kind, account_id, subject, detail FROM event ORDER BY sequence DESC LIMIT ?1",
        )?;
        let rows = statement.query_map([limit], |row| {
            Ok(EventRecord {
                at: row.get(0)?,
                kind: row.get(1)?,
                account_id: row.get(2)?,
                subject: row.get(3)?,
                detail: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

impl Writer<'_> {
    /// Stores an event, and forgets the oldest so that `limit` of them are left.
    pub(in crate::phone) fn insert_event(&self, event: &EventRecord, limit: u32) -> Result<(), VaultError> {
        self.execute(
            "INSERT INTO event (at, kind, account_id, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![event.at, event.kind, event.account_id, event.subject, event.detail],
        )?;
        self.execute("DELETE FROM event WHERE sequence <= (SELECT max(sequence) FROM event) - ?1", params![limit])?;
        Ok(())
    }
}
