//! Who did what, from where, with which outcome. Kept apart from the log, so that it survives with the data.

use rusqlite::params;

use super::devices::Device;
use super::{StoreError, Transaction};
use crate::ports::EpochMilliseconds;

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

/// Writes an event down; it is kept if the transaction is.
pub fn add(transaction: &Transaction, event: &Event) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO audit (at, event, user, address, device, outcome) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![event.at, event.event, event.user, event.address, event.device, event.outcome])?;
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
    add(
        transaction,
        &Event {
            at: now,
            event: "device-removed".to_owned(),
            user: Some(device.user.clone()),
            address,
            device: Some(device.id.clone()),
            outcome: "success".to_owned(),
        },
    )
}

/// The newest events first, at most `limit`; those of one user where one is named.
pub fn list(transaction: &Transaction, user: Option<&str>, limit: u32) -> Result<Vec<Event>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "SELECT at, event, user, address, device, outcome FROM audit WHERE ?1 IS NULL OR user = ?1
         ORDER BY sequence DESC LIMIT ?2",
    )?;
    let events = statement
        .query_map(params![user, limit], |row| {
            Ok(Event {
                at: row.get(0)?,
                event: row.get(1)?,
                user: row.get(2)?,
                address: row.get(3)?,
                device: row.get(4)?,
                outcome: row.get(5)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(events)
}

/// Removes events older than `before`.
pub fn sweep(transaction: &Transaction, before: EpochMilliseconds) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM audit WHERE at < ?1")?.execute([before])?;
    Ok(())
}
