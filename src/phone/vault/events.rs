//! Rows of `event`, stored under the names that the caller passes. Independent of the kinds of events.

use std::sync::Arc;

use rusqlite::params;

use super::{Reader, Vault, VaultError, Writer};
use crate::phone::credential::Id;
use crate::ports::EpochMilliseconds;

/// An event, as the vault stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::phone) struct EventRecord {
    pub(in crate::phone) at: EpochMilliseconds,
    pub(in crate::phone) kind: String,
    pub(in crate::phone) account_id: Option<Id>,
    pub(in crate::phone) subject: Option<String>,
    pub(in crate::phone) detail: Option<String>,
}

/// How many events may accumulate beyond the limit before the oldest are removed.
const FORGOTTEN_AT_ONCE: i64 = 64;
/// Callback for every event that this process stored. Called once the event is durable, with no lock held.
pub(in crate::phone) type Listener = Arc<dyn Fn(&EventRecord) + Send + Sync>;

impl Vault {
    /// Sets the listener for events from now on. Returns false if there already is one.
    pub(in crate::phone) fn listen(&self, listener: Listener) -> bool {
        self.listener.set(listener).is_ok()
    }

    pub(super) fn tell(&self, noted: &[EventRecord]) {
        if let Some(listener) = self.listener.get() {
            noted.iter().for_each(|event| listener(event));
        }
    }
}

impl Reader<'_> {
    /// Returns the newest events, newest first, at most `limit`.
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
    /// Stores an event, and occasionally removes the oldest so that `limit` of them remain.
    pub(in crate::phone) fn insert_event(&self, event: &EventRecord, limit: u32) -> Result<(), VaultError> {
        self.execute(
            "INSERT INTO event (at, kind, account_id, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![event.at, event.kind, event.account_id, event.subject, event.detail],
        )?;
        let stored = self.sql.last_insert_rowid();
        // Not done every time: the oldest events are in other pages than the newest, and every changed page costs a
        // write.
        if stored % FORGOTTEN_AT_ONCE == 0 {
            self.execute("DELETE FROM event WHERE sequence <= ?1", params![stored - i64::from(limit)])?;
        }
        self.noted.borrow_mut().push(event.clone());
        Ok(())
    }
}
