//! Events on their way to the webhook's receiver: written with what they tell of, gone when they were taken or given up.

use rusqlite::{OptionalExtension as _, params};

use super::{StoreError, Transaction, audit};
use crate::ports::{Entropy, EpochMilliseconds};
use crate::secret::Reason;
use crate::server::keys::{Keys, Place};

/// An event that is still to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingEvent {
    /// Its id, the same at every attempt.
    pub id: String,
    /// Whom it is about.
    pub user: Option<String>,
    /// Its body, exactly as it is sent.
    pub body: String,
    /// When it happened.
    pub created_at: EpochMilliseconds,
    /// How many attempts failed.
    pub attempts: u32,
}

fn place(id: &str) -> Place<'_> {
    Place { kind: "webhook_event.body", row: id.as_bytes() }
}

/// Adds an event, due at once.
pub fn add(
    transaction: &Transaction,
    event: &WaitingEvent,
    keys: &Keys,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let sealed = keys.seal(place(&event.id), event.body.as_bytes(), entropy)?;
    transaction
        .prepare_cached(
            "INSERT INTO webhook_event (id, user, body, created_at, due_at, attempts) VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
        )?
        .execute(params![event.id, event.user, sealed, event.created_at, event.attempts])?;
    Ok(())
}

/// The event that is due first, and when; may be later than now. One that cannot be opened is given up, or it would stand in
/// the way of the others for good.
pub fn first(
    transaction: &Transaction,
    keys: &Keys,
    now: EpochMilliseconds,
) -> Result<Option<(EpochMilliseconds, WaitingEvent)>, StoreError> {
    loop {
        let found = transaction
            .prepare_cached(
                "SELECT due_at, id, body, created_at, attempts, user FROM webhook_event ORDER BY due_at, rowid LIMIT 1",
            )?
            .query_row([], |row| {
                let sealed: Vec<u8> = row.get(2)?;
                let event = WaitingEvent {
                    id: row.get(1)?,
                    user: row.get(5)?,
                    body: String::new(),
                    created_at: row.get(3)?,
                    attempts: row.get(4)?,
                };
                Ok((row.get(0)?, event, sealed))
            })
            .optional()?;
        let Some((due_at, event, sealed)) = found else { return Ok(None) };
        let body = keys.open(place(&event.id), &sealed).ok();
        match body.and_then(|body| std::str::from_utf8(body.expose(Reason::HandOver)).ok().map(str::to_owned)) {
            Some(body) => return Ok(Some((due_at, WaitingEvent { body, ..event }))),
            None => {
                tracing::error!(id = event.id, "an event for the webhook cannot be read and is given up");
                give_up(transaction, &event, "damaged", now)?;
            }
        }
    }
}

/// Notes that an attempt failed, and when the next is due.
pub fn put_off(transaction: &Transaction, id: &str, due_at: EpochMilliseconds) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE webhook_event SET attempts = attempts + 1, due_at = ?2 WHERE id = ?1")?
        .execute(params![id, due_at])?;
    Ok(())
}

/// Removes an event that was taken.
pub fn remove(transaction: &Transaction, id: &str) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM webhook_event WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Removes an event that nobody took, and writes that down.
pub fn give_up(
    transaction: &Transaction,
    event: &WaitingEvent,
    outcome: &str,
    now: EpochMilliseconds,
) -> Result<(), StoreError> {
    remove(transaction, &event.id)?;
    note(transaction, event.user.clone(), outcome, now)
}

fn note(
    transaction: &Transaction,
    user: Option<String>,
    outcome: &str,
    now: EpochMilliseconds,
) -> Result<(), StoreError> {
    let (event, outcome) = ("webhook".to_owned(), outcome.to_owned());
    audit::add(transaction, &audit::Event { at: now, event, user, outcome, ..audit::Event::default() })
}

/// Gives up what happened before this time: for a server that has no webhook any more.
pub fn sweep(transaction: &Transaction, before: EpochMilliseconds, now: EpochMilliseconds) -> Result<(), StoreError> {
    let mut statement = transaction.prepare_cached("DELETE FROM webhook_event WHERE created_at < ?1 RETURNING user")?;
    let gone: Vec<Option<String>> = statement.query_map([before], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for user in gone {
        note(transaction, user, "given-up", now)?;
    }
    Ok(())
}
