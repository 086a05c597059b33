//! Who did what, from where, with which outcome. Kept apart from the log, so that it survives with the data.

use rusqlite::{Row, params};

use super::devices::Device;
use super::{StoreError, Transaction};
use crate::ports::EpochMilliseconds;
use crate::server::names::user_key;

/// Something that happened. Holds names and addresses, never a secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// When, epoch milliseconds.
    pub at: EpochMilliseconds,
    /// What: a stable name such as `sign-on`.
    pub event: String,
    /// Who, as far as it is known.
    pub user: Option<String>,
    /// From which address, where a browser was involved.
    pub address: Option<String>,
    /// With which device.
    pub device: Option<String>,
    /// What came of it: a stable name such as `success`.
    pub outcome: String,
}

/// An event as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log.
    pub sequence: i64,
    /// What happened.
    pub event: Event,
    /// The administrator whose command it was, such as `cli:root`.
    pub actor: Option<String>,
    /// How many such events the row stands for; 1 in an ordinary row.
    pub count: i64,
}

/// Writes an event; it is kept if the transaction is.
pub fn add(transaction: &Transaction, event: &Event) -> Result<(), StoreError> {
    insert(transaction, event, None, 1)
}

/// Writes an event that an administrator's command caused.
pub fn add_by(transaction: &Transaction, event: &Event, actor: &str) -> Result<(), StoreError> {
    insert(transaction, event, Some(actor), 1)
}

/// Writes one row for `count` events of the same kind. Such a row is written once they are counted, and never updated.
pub fn add_counted(transaction: &Transaction, event: &Event, count: i64) -> Result<(), StoreError> {
    insert(transaction, event, None, count)
}

fn insert(transaction: &Transaction, event: &Event, actor: Option<&str>, count: i64) -> Result<(), StoreError> {
    let Event { at, event, user, address, device, outcome } = event;
    transaction
        .prepare_cached(
            "INSERT INTO audit (at, event, user, address, device, outcome, actor, count)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![at, event, user, address, device, outcome, actor, count])?;
    Ok(())
}

/// The same refusal of the same device within this time is not written down again, in milliseconds.
const REPEATED_REFUSAL: i64 = 60_000;

/// Writes a refusal down; the same again of the same user and device within a minute is not, as phones ask again and again, and so
/// may who holds a shared secret.
pub fn add_refusal(transaction: &Transaction, event: &Event) -> Result<(), StoreError> {
    let is_noted: bool = transaction
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM audit
             WHERE at > ?1 AND event = ?2 AND user IS ?3 AND device IS ?4 AND outcome = ?5)",
        )?
        .query_row(
            params![event.at - REPEATED_REFUSAL, event.event, event.user, event.device, event.outcome],
            |row| row.get(0),
        )?;
    if is_noted { Ok(()) } else { add(transaction, event) }
}

/// Writes down that a device was removed, from this address where a browser did it.
pub fn device_removed(
    transaction: &Transaction,
    now: EpochMilliseconds,
    device: &Device,
    address: Option<String>,
) -> Result<(), StoreError> {
    add(transaction, &device_removal(now, device, address))
}

/// Tells that a device was removed.
pub fn device_removal(now: EpochMilliseconds, device: &Device, address: Option<String>) -> Event {
    Event {
        at: now,
        event: "device-removed".to_owned(),
        user: Some(device.user.clone()),
        address,
        device: Some(device.id.clone()),
        outcome: "success".to_owned(),
    }
}

/// Returns the newest events first, at most `limit`; where a user is named, only those of that user, however the name was
/// written when the event happened.
pub fn list(transaction: &Transaction, user: Option<&str>, limit: u32) -> Result<Vec<Entry>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "SELECT sequence, at, event, user, address, device, outcome, actor, count FROM audit ORDER BY sequence DESC",
    )?;
    let key = user.map(user_key);
    let is_wanted = |entry: &Entry| match &key {
        Some(key) => entry.event.user.as_deref().is_some_and(|user| user_key(user) == *key),
        None => true,
    };
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let entries = statement.query_map([], read)?.filter(|entry| entry.as_ref().map_or(true, is_wanted)).take(wanted);
    Ok(entries.collect::<Result<_, _>>()?)
}

/// Reads a row of the columns that `list` selects.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        sequence: row.get(0)?,
        event: Event {
            at: row.get(1)?,
            event: row.get(2)?,
            user: row.get(3)?,
            address: row.get(4)?,
            device: row.get(5)?,
            outcome: row.get(6)?,
        },
        actor: row.get(7)?,
        count: row.get(8)?,
    })
}
