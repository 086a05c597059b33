//! Sessions of signed-on users; tokens only as digests.

use rusqlite::{OptionalExtension as _, params};

use super::{StoreError, Transaction, audit, digest};
use crate::ports::EpochMilliseconds;
use crate::secret::{Reason, SecretText};

/// How long ago the second factor may have been passed for a change of devices or recovery codes, in milliseconds.
const FRESH: EpochMilliseconds = 5 * 60_000;

/// A live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who is signed on.
    pub user: String,
    /// Since when.
    pub created_at: EpochMilliseconds,
    /// At the latest until when.
    pub expires_at: EpochMilliseconds,
    /// When it was last used, exact to a minute.
    pub used_at: EpochMilliseconds,
    /// When the sign-on passed a push or a recovery code, where it did.
    pub second_factor_at: Option<EpochMilliseconds>,
}

impl Session {
    /// Whether a second factor was passed within the last five minutes: what adds or removes a device or makes new
    /// recovery codes needs it, because a stolen session must not be enough to take the owner's phone away.
    pub fn may_change_devices(&self, now: EpochMilliseconds) -> bool {
        self.second_factor_at.is_some_and(|passed| now - passed <= FRESH)
    }
}

/// Stores a new session.
pub fn add(
    transaction: &Transaction,
    token: &SecretText,
    user: &str,
    now: EpochMilliseconds,
    expires_at: EpochMilliseconds,
    second_factor_at: Option<EpochMilliseconds>,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO session (token_digest, user, created_at, used_at, expires_at, second_factor_at)
             VALUES (?1, ?2, ?3, ?3, ?4, ?5)",
        )?
        .execute(params![digest(token.expose(Reason::Hash).as_bytes()), user, now, expires_at, second_factor_at])?;
    Ok(())
}

/// The live session of a token: neither past its end nor idle for longer than `idle` milliseconds. Marks it as used.
pub fn find(
    transaction: &Transaction,
    token: &SecretText,
    now: EpochMilliseconds,
    idle: EpochMilliseconds,
) -> Result<Option<Session>, StoreError> {
    find_by_digest(transaction, &digest(token.expose(Reason::Hash).as_bytes()), now, idle)
}

/// The same, of a token's SHA-256.
pub fn find_by_digest(
    transaction: &Transaction,
    key: &[u8],
    now: EpochMilliseconds,
    idle: EpochMilliseconds,
) -> Result<Option<Session>, StoreError> {
    let found = transaction
        .prepare_cached(
            "SELECT user, created_at, expires_at, used_at, second_factor_at FROM session
             WHERE token_digest = ?1 AND expires_at > ?2 AND used_at > ?2 - ?3",
        )?
        .query_row(params![key, now, idle], |row| {
            Ok(Session {
                user: row.get(0)?,
                created_at: row.get(1)?,
                expires_at: row.get(2)?,
                used_at: row.get(3)?,
                second_factor_at: row.get(4)?,
            })
        })
        .optional()?;
    if found.is_some() {
        // Once a minute is exact enough for the idle time and spares a write per page.
        transaction
            .prepare_cached("UPDATE session SET used_at = ?2 WHERE token_digest = ?1 AND used_at < ?2 - 60000")?
            .execute(params![key, now])?;
    }
    Ok(found)
}

/// Returns whether the session of a token with this SHA-256 is there and not past its end.
pub fn is_live(transaction: &Transaction, key: &[u8], now: EpochMilliseconds) -> Result<bool, StoreError> {
    Ok(transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM session WHERE token_digest = ?1 AND expires_at > ?2)")?
        .query_row(params![key, now], |row| row.get(0))?)
}

/// Notes that the session of a token with this SHA-256 passed a second factor.
pub fn pass_second_factor(transaction: &Transaction, key: &[u8], at: EpochMilliseconds) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE session SET second_factor_at = ?2 WHERE token_digest = ?1")?
        .execute(params![key, at])?;
    Ok(())
}

/// Ends a session; `false` when there was none.
pub fn remove(transaction: &Transaction, token: &SecretText) -> Result<bool, StoreError> {
    let key = digest(token.expose(Reason::Hash).as_bytes());
    Ok(transaction.execute("DELETE FROM session WHERE token_digest = ?1", [key])? == 1)
}

/// Ends a session because its user signed out, and writes that down; `false` when there was none.
pub fn sign_out(
    transaction: &Transaction,
    token: &SecretText,
    address: Option<String>,
    now: EpochMilliseconds,
) -> Result<bool, StoreError> {
    let key = digest(token.expose(Reason::Hash).as_bytes());
    let user: Option<String> = transaction
        .query_row("DELETE FROM session WHERE token_digest = ?1 RETURNING user", [key], |row| row.get(0))
        .optional()?;
    let Some(user) = user else { return Ok(false) };
    let event = audit::Event {
        at: now,
        event: "sign-out".to_owned(),
        user: Some(user),
        address,
        device: None,
        outcome: "success".to_owned(),
    };
    audit::add(transaction, &event)?;
    Ok(true)
}

/// Ends all sessions of a user.
pub fn remove_all(transaction: &Transaction, user: &str) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM session WHERE user = ?1", [user])?;
    Ok(())
}

/// Ends the sessions of a user, all but the one with this SHA-256 of its token.
pub fn remove_others(transaction: &Transaction, user: &str, kept: Option<&[u8]>) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM session WHERE user = ?1 AND token_digest IS NOT ?2")?
        .execute(params![user, kept])?;
    Ok(())
}

/// Removes sessions that are past their end.
pub fn sweep(transaction: &Transaction, now: EpochMilliseconds) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM session WHERE expires_at < ?1")?.execute([now])?;
    Ok(())
}
