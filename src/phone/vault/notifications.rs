//! Rows of `notification` and `replay`.

use rusqlite::{Row, params};

use super::seal::Place;
use super::{Reader, VaultError, Writer, parse_name, skip_damaged};
use crate::phone::credential::{Id, NotificationState, Verdict};
use crate::ports::EpochMilliseconds;
use crate::secret::Reason;

/// A received message, as the vault stores it.
#[derive(Debug, Clone)]
pub(in crate::phone) struct NotificationRecord {
    pub(in crate::phone) id: Id,
    pub(in crate::phone) credential_id: Id,
    pub(in crate::phone) message_id: String,
    pub(in crate::phone) received_at: EpochMilliseconds,
    pub(in crate::phone) state: NotificationState,
    pub(in crate::phone) verdict: Option<Verdict>,
    /// Time when it reached a final state; unknown in rows of an older vault.
    pub(in crate::phone) settled_at: Option<EpochMilliseconds>,
    sealed: Vec<u8>,
}

impl NotificationRecord {
    /// Creates the record of a message that just arrived, to be stored with [`Writer::insert_notification`].
    pub(in crate::phone) fn new(id: Id, credential_id: Id, message_id: &str, received_at: EpochMilliseconds) -> Self {
        Self {
            id,
            credential_id,
            message_id: message_id.to_owned(),
            received_at,
            state: NotificationState::Received,
            verdict: None,
            settled_at: None,
            sealed: Vec::new(),
        }
    }
}

/// What is remembered about a message so that it is not received twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::phone) struct ReplayRecord {
    pub(in crate::phone) digest: Vec<u8>,
    pub(in crate::phone) credential_id: Id,
    pub(in crate::phone) message_id: String,
    pub(in crate::phone) message_digest: Vec<u8>,
    /// The row created for the message.
    pub(in crate::phone) notification_id: Option<Id>,
    /// By the server's clock; `None` keeps it for the life of the credential.
    pub(in crate::phone) keep_until: Option<EpochMilliseconds>,
}

const SELECT: &str = "SELECT id, credential_id, message_id, received_at, state, verdict, message_sealed,
    settled_at FROM notification";

/// Selects the history. Excludes the unsettled states instead of listing the settled ones, so that a waiting message
/// can never be mistaken for history.
const SETTLED: &str = "state NOT IN ('pending', 'answering')";
/// Selects history beyond the newest `?1` or settled before `?2`; null means no limit. Rows of an older vault count
/// from receipt.
const EXCESS: &str = "state NOT IN ('pending', 'answering') AND (coalesce(settled_at, received_at) < ?2
    OR ?1 IS NOT NULL AND sequence NOT IN (SELECT sequence FROM notification
        WHERE state NOT IN ('pending', 'answering') ORDER BY sequence DESC LIMIT ?1))";

impl Reader<'_> {
    /// Returns the message with this id.
    pub(in crate::phone) fn notification(&self, id: Id) -> Result<Option<NotificationRecord>, VaultError> {
        let mut statement = self.sql.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
        let mut rows = statement.query([id])?;
        rows.next()?.map(read).transpose()
    }

    /// Returns the messages that wait for the user, newest first.
    pub(in crate::phone) fn pending_notifications(&self) -> Result<Vec<NotificationRecord>, VaultError> {
        self.many(&format!("{SELECT} WHERE state = 'pending' ORDER BY sequence DESC"), &[])
    }

    /// Returns the messages in a final state, newest first.
    pub(in crate::phone) fn settled_notifications(
        &self,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<NotificationRecord>, VaultError> {
        self.many(&format!("{SELECT} WHERE {SETTLED} ORDER BY sequence DESC LIMIT ?1 OFFSET ?2"), &[&limit, &offset])
    }

    /// Returns whether there are settled messages beyond the newest `count`, or settled before this time.
    pub(in crate::phone) fn has_excess(
        &self,
        count: Option<u32>,
        settled_before: Option<EpochMilliseconds>,
    ) -> Result<bool, VaultError> {
        let query = format!("SELECT EXISTS (SELECT 1 FROM notification WHERE {EXCESS})");
        Ok(self.sql.prepare_cached(&query)?.query_row(params![count, settled_before], |row| row.get(0))?)
    }

    /// Returns the messages of a credential that wait for the user and had arrived by `marker`.
    pub(in crate::phone) fn pending_notifications_until(
        &self,
        credential: Id,
        marker: i64,
    ) -> Result<Vec<NotificationRecord>, VaultError> {
        self.many(
            // The plus makes SQLite search the few pending rows, not all rows of the credential.
            &format!("{SELECT} WHERE state = 'pending' AND +credential_id = ?1 AND sequence <= ?2"),
            &[&credential, &marker],
        )
    }

    /// Returns a marker for the current point in the order of arrival.
    pub(in crate::phone) fn notification_marker(&self) -> Result<i64, VaultError> {
        Ok(self.sql.query_row("SELECT coalesce(max(sequence), 0) FROM notification", [], |row| row.get(0))?)
    }

    /// Returns the signed message exactly as received, or [`VaultError::Tampered`] if the row was edited.
    pub(in crate::phone) fn signed_message(&self, record: &NotificationRecord) -> Result<String, VaultError> {
        let opened = with_place(record, |place| self.open_sealed(place, &record.sealed))?;
        String::from_utf8(opened.expose(Reason::Authenticate).to_vec()).map_err(|_| VaultError::Damaged)
    }

    /// Returns what is remembered about messages with this digest, or with this id and the same credential.
    pub(in crate::phone) fn replays(
        &self,
        digest: &[u8],
        credential: Id,
        message_id: &str,
    ) -> Result<Vec<ReplayRecord>, VaultError> {
        let mut statement = self.sql.prepare_cached(
            "SELECT digest, credential_id, message_id, message_digest, keep_until, notification_id FROM replay
             WHERE digest = ?1
             UNION SELECT digest, credential_id, message_id, message_digest, keep_until, notification_id FROM replay
             WHERE credential_id = ?2 AND message_id = ?3",
        )?;
        let rows = statement.query_map(params![digest, credential, message_id], |row| {
            Ok(ReplayRecord {
                digest: row.get(0)?,
                credential_id: row.get(1)?,
                message_id: row.get(2)?,
                message_digest: row.get(3)?,
                keep_until: row.get(4)?,
                notification_id: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn many(&self, query: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<NotificationRecord>, VaultError> {
        let mut statement = self.sql.prepare_cached(query)?;
        let mut rows = statement.query(values)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.extend(skip_damaged(read(row).map(Some))?);
        }
        Ok(records)
    }
}

impl Writer<'_> {
    /// Removes the settled messages beyond the newest `count`, and those settled before this time. Returns how many.
    pub(in crate::phone) fn remove_excess(
        &self,
        count: Option<u32>,
        settled_before: Option<EpochMilliseconds>,
    ) -> Result<usize, VaultError> {
        self.execute(&format!("DELETE FROM notification WHERE {EXCESS}"), params![count, settled_before])
    }

    /// Stores a message that just arrived.
    pub(in crate::phone) fn insert_notification(
        &self,
        record: &NotificationRecord,
        signed_message: &str,
    ) -> Result<(), VaultError> {
        let sealed = with_place(record, |place| self.seal(place, signed_message.as_bytes()))?;
        self.execute(
            "INSERT INTO notification (sequence, id, credential_id, message_id, message_sealed, received_at, state, verdict)
             VALUES (1 + max((SELECT coalesce(max(sequence), 0) FROM notification),
                 (SELECT coalesce(max(sequence), 0) FROM event)), ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                record.id,
                record.credential_id,
                record.message_id,
                sealed,
                record.received_at,
                record.state.name(),
                record.verdict.map(Verdict::name),
            ],
        )?;
        Ok(())
    }

    /// Sets the state of a message, as of `now`.
    pub(in crate::phone) fn set_notification_state(
        &self,
        id: Id,
        state: NotificationState,
        verdict: Option<Verdict>,
        now: EpochMilliseconds,
    ) -> Result<(), VaultError> {
        self.execute(
            "UPDATE notification SET state = ?2, verdict = ?3, settled_at = ?4 WHERE id = ?1",
            params![id, state.name(), verdict.map(Verdict::name), state.is_settled().then_some(now)],
        )?;
        Ok(())
    }

    /// Stores what is remembered about a message.
    pub(in crate::phone) fn insert_replay(&self, record: &ReplayRecord) -> Result<(), VaultError> {
        self.execute(
            "INSERT INTO replay (digest, credential_id, message_id, message_digest, keep_until, notification_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                record.digest,
                record.credential_id,
                record.message_id,
                record.message_digest,
                record.keep_until,
                record.notification_id,
            ],
        )?;
        Ok(())
    }

    /// Forgets the messages of a credential whose `keep_until` is before `server_time`.
    pub(in crate::phone) fn forget_replays(
        &self,
        credential: Id,
        server_time: EpochMilliseconds,
    ) -> Result<(), VaultError> {
        self.execute(
            // The plus makes SQLite search the few rows that end, not all rows of the credential.
            "DELETE FROM replay WHERE keep_until < ?2 AND +credential_id = ?1",
            params![credential, server_time],
        )?;
        Ok(())
    }
}

fn read(row: &Row<'_>) -> Result<NotificationRecord, VaultError> {
    let state: String = row.get(4)?;
    let verdict: Option<String> = row.get(5)?;
    Ok(NotificationRecord {
        id: row.get(0)?,
        credential_id: row.get(1)?,
        message_id: row.get(2)?,
        received_at: row.get(3)?,
        state: parse_name(&NotificationState::STORED, NotificationState::name, &state)?,
        verdict: verdict.map(|verdict| parse_name(&Verdict::ALL, Verdict::name, &verdict)).transpose()?,
        sealed: row.get(6)?,
        settled_at: row.get(7)?,
    })
}

fn with_place<T>(record: &NotificationRecord, work: impl FnOnce(&Place<'_>) -> T) -> T {
    work(&Place {
        table: "notification",
        column: "message_sealed",
        row: record.id,
        bound: &[&record.credential_id.0, record.message_id.as_bytes(), &record.received_at.to_be_bytes()],
    })
}
