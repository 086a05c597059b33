//! Sign-ons in progress.

use rusqlite::{OptionalExtension as _, params};

use super::{StoreError, Transaction};
use crate::ports::{Entropy, EpochMilliseconds};
use crate::secret::{Reason, SecretBytes};
use crate::server::keys::{Keys, Place};

/// A sign-on that went past the password.
pub struct JourneyRow {
    /// Its id, 16 random bytes.
    pub id: Vec<u8>,
    /// Which step is asked now; the first stored one is 1.
    pub step: u32,
    /// The engine's state, opaque here.
    pub state: SecretBytes,
    /// SHA-256 of the body that led to this step.
    pub answered_body: Vec<u8>,
    /// What was answered to that body, opaque here.
    pub answer: SecretBytes,
    /// When it was answered.
    pub answered_at: EpochMilliseconds,
    /// Until when the sign-on may go on.
    pub expires_at: EpochMilliseconds,
}

fn place<'a>(kind: &'static str, id: &'a [u8]) -> Place<'a> {
    Place { kind, row: id }
}

/// Stores the state after a step, new or changed.
pub fn put(transaction: &Transaction, row: &JourneyRow, keys: &Keys, entropy: &dyn Entropy) -> Result<(), StoreError> {
    let state = keys.seal(place("journey.state", &row.id), row.state.expose(Reason::Seal), entropy)?;
    let answer = keys.seal(place("journey.answer", &row.id), row.answer.expose(Reason::Seal), entropy)?;
    transaction
        .prepare_cached(
            "INSERT INTO journey (id, step, state, answered_body, answer, answered_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (id) DO UPDATE SET step = ?2, state = ?3, answered_body = ?4, answer = ?5, answered_at = ?6,
                 expires_at = ?7",
        )?
        .execute(params![row.id, row.step, state, row.answered_body, answer, row.answered_at, row.expires_at])?;
    Ok(())
}

/// The sign-on with this id, unless its time is over.
pub fn find(
    transaction: &Transaction,
    id: &[u8],
    now: EpochMilliseconds,
    keys: &Keys,
) -> Result<Option<JourneyRow>, StoreError> {
    type Columns = (u32, Vec<u8>, Vec<u8>, Vec<u8>, EpochMilliseconds, EpochMilliseconds);
    let found: Option<Columns> = transaction
        .prepare_cached(
            "SELECT step, state, answered_body, answer, answered_at, expires_at FROM journey
             WHERE id = ?1 AND expires_at > ?2",
        )?
        .query_row(params![id, now], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })
        .optional()?;
    found
        .map(|(step, state, answered_body, answer, answered_at, expires_at)| {
            Ok(JourneyRow {
                id: id.to_vec(),
                step,
                state: keys.open(place("journey.state", id), &state)?,
                answered_body,
                answer: keys.open(place("journey.answer", id), &answer)?,
                answered_at,
                expires_at,
            })
        })
        .transpose()
}

/// Whether this sign-on has begun and not ended.
pub fn is_under_way(
    transaction: &Transaction,
    id: &[u8],
    now: EpochMilliseconds,
    keys: &Keys,
) -> Result<bool, StoreError> {
    // An ended one is kept for a while without a state.
    Ok(find(transaction, id, now, keys)?.is_some_and(|row| row.state.expose(Reason::Seal) != b"null"))
}

/// The states of the sign-ons whose time is over; one that cannot be opened is passed over.
pub fn expired(transaction: &Transaction, now: EpochMilliseconds, keys: &Keys) -> Result<Vec<SecretBytes>, StoreError> {
    let rows: Vec<(Vec<u8>, Vec<u8>)> = transaction
        .prepare_cached("SELECT id, state FROM journey WHERE expires_at < ?1")?
        .query_map([now], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok(rows.iter().filter_map(|(id, state)| keys.open(place("journey.state", id), state).ok()).collect())
}

/// Removes sign-ons whose time is over.
pub fn sweep(transaction: &Transaction, now: EpochMilliseconds) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM journey WHERE expires_at < ?1")?.execute([now])?;
    Ok(())
}
