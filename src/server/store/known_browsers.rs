//! Browsers that signed in with both factors, and users whose passwords only those may try.

use rusqlite::{OptionalExtension as _, params};

use super::{StoreError, Transaction};
use crate::ports::EpochMilliseconds;

/// Most known browsers of a user; the newest stay.
const LIMIT: u32 = 16;

/// Remembers a browser of a user, or renews it.
pub fn remember(
    transaction: &Transaction,
    id: &[u8],
    user: &str,
    now: EpochMilliseconds,
    expires_at: EpochMilliseconds,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO known_browser (id, user, seen_at, expires_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (id) DO UPDATE SET user = ?2, seen_at = ?3, expires_at = ?4, failures = 0",
        )?
        .execute(params![id, user, now, expires_at])?;
    transaction
        .prepare_cached(
            "DELETE FROM known_browser WHERE id IN
             (SELECT id FROM known_browser WHERE user = ?1 ORDER BY seen_at DESC, rowid DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute(params![user, LIMIT])?;
    Ok(())
}

/// Returns the user that this browser signed in before, while it is known.
pub fn user_of(transaction: &Transaction, id: &[u8], now: EpochMilliseconds) -> Result<Option<String>, StoreError> {
    Ok(transaction
        .prepare_cached("SELECT user FROM known_browser WHERE id = ?1 AND expires_at > ?2")?
        .query_row(params![id, now], |row| row.get(0))
        .optional()?)
}

/// Counts a wrong password from a known browser. After `most` in a row it is no longer known.
pub fn count_failure(transaction: &Transaction, id: &[u8], most: u32) -> Result<(), StoreError> {
    transaction.prepare_cached("UPDATE known_browser SET failures = failures + 1 WHERE id = ?1")?.execute([id])?;
    transaction
        .prepare_cached("DELETE FROM known_browser WHERE id = ?1 AND failures >= ?2")?
        .execute(params![id, most])?;
    Ok(())
}

/// Forgets all browsers of a user.
pub fn forget_all(transaction: &Transaction, user: &str) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM known_browser WHERE user = ?1")?.execute([user])?;
    Ok(())
}

/// Counts a wrong password for a user from an unknown browser. Returns whether it was number `most` in a row: from then
/// on passwords of the user count from known browsers only. Writes the same whether they do already.
pub fn count_stranger(
    transaction: &Transaction,
    user: &str,
    most: u32,
    now: EpochMilliseconds,
) -> Result<bool, StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO password_failure (user, count) VALUES (?1, 1) ON CONFLICT (user) DO UPDATE SET count = count + 1",
        )?
        .execute([user])?;
    let restricted = transaction
        .prepare_cached(
            "UPDATE password_failure SET restricted_at = ?3 WHERE user = ?1 AND count >= ?2 AND restricted_at IS NULL",
        )?
        .execute(params![user, most, now])?;
    Ok(restricted == 1)
}

/// Counts a password for a name that is no user's, in one row for all of them: this must take as long as the other.
pub fn count_unknown_name(transaction: &Transaction) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO password_failure (id, count) VALUES (0, 1) ON CONFLICT (id) DO UPDATE SET count = count + 1",
        )?
        .execute([])?;
    Ok(())
}

/// Whether passwords of the user count from known browsers only.
pub fn is_restricted(transaction: &Transaction, user: &str) -> Result<bool, StoreError> {
    let found: i64 = transaction
        .prepare_cached("SELECT count(*) FROM password_failure WHERE user = ?1 AND restricted_at IS NOT NULL")?
        .query_row([user], |row| row.get(0))?;
    Ok(found > 0)
}

/// Ends the row of wrong passwords, and with it the restriction to known browsers; returns whether there was one.
pub fn lift_restriction(transaction: &Transaction, user: &str) -> Result<bool, StoreError> {
    let was_restricted = is_restricted(transaction, user)?;
    transaction.prepare_cached("DELETE FROM password_failure WHERE user = ?1")?.execute([user])?;
    Ok(was_restricted)
}

/// Forgets browsers whose time is over.
pub fn sweep(transaction: &Transaction, now: EpochMilliseconds) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM known_browser WHERE expires_at <= ?1")?.execute([now])?;
    Ok(())
}
