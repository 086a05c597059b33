//! Users and their retry counters.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{StoreError, Transaction, known_browsers, registrations, sessions};
use crate::ports::EpochMilliseconds;
use crate::server::names::user_key;

/// A person who may sign on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name typed at sign-on.
    pub name: String,
    /// The name shown, where there is one.
    pub common_name: Option<String>,
    /// When the user was added.
    pub created_at: EpochMilliseconds,
    /// Since when no sign-on of the user succeeds, where that is so.
    pub locked_at: Option<EpochMilliseconds>,
    /// Until when no push is sent to the user; [`UNTIL_LIFTED`] where an administrator has to lift it. May be past.
    pub frozen_until: Option<EpochMilliseconds>,
}

/// The end of a freeze that only an administrator lifts.
pub const UNTIL_LIFTED: EpochMilliseconds = EpochMilliseconds::MAX;

impl User {
    /// Whether no push is sent to the user now.
    pub fn is_frozen(&self, now: EpochMilliseconds) -> bool {
        self.frozen_until.is_some_and(|until| now < until)
    }
}

const COLUMNS: &str = "name, common_name, created_at, locked_at, frozen_until";

fn read(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        name: row.get(0)?,
        common_name: row.get(1)?,
        created_at: row.get(2)?,
        locked_at: row.get(3)?,
        frozen_until: row.get(4)?,
    })
}

/// Adds a user; `false` when the name is taken.
pub fn add(
    transaction: &Transaction,
    name: &str,
    common_name: Option<&str>,
    password_hash: &str,
    now: EpochMilliseconds,
) -> Result<bool, StoreError> {
    let added = transaction.execute(
        "INSERT OR IGNORE INTO user (name, key, common_name, password_hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![name, user_key(name), common_name, password_hash, now],
    )?;
    Ok(added == 1)
}

/// Stores another password hash of a user.
pub fn set_password(transaction: &Transaction, name: &str, hash: &str) -> Result<(), StoreError> {
    transaction.prepare_cached("UPDATE user SET password_hash = ?2 WHERE name = ?1")?.execute(params![name, hash])?;
    known_browsers::forget_all(transaction, name)
}

/// Removes a user with devices, codes and sessions; `false` when there is none.
pub fn remove(transaction: &Transaction, name: &str) -> Result<bool, StoreError> {
    Ok(transaction.execute("DELETE FROM user WHERE key = ?1", [user_key(name)])? == 1)
}

/// All users, by name.
pub fn list(transaction: &Transaction) -> Result<Vec<User>, StoreError> {
    let mut statement = transaction.prepare_cached(&format!("SELECT {COLUMNS} FROM user ORDER BY name"))?;
    let users = statement.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(users)
}

/// The user of this name, however it is spelt.
pub fn find(transaction: &Transaction, name: &str) -> Result<Option<User>, StoreError> {
    Ok(transaction
        .prepare_cached(&format!("SELECT {COLUMNS} FROM user WHERE key = ?1"))?
        .query_row([user_key(name)], read)
        .optional()?)
}

/// Locks a user, whose sessions and offered registrations end by it; `false` when there is none, or it is locked already.
pub fn lock(transaction: &Transaction, name: &str, now: EpochMilliseconds) -> Result<bool, StoreError> {
    sessions::remove_all(transaction, name)?;
    known_browsers::forget_all(transaction, name)?;
    registrations::withdraw_all(transaction, name)?;
    let query = "UPDATE user SET locked_at = ?2 WHERE name = ?1 AND locked_at IS NULL";
    Ok(transaction.execute(query, params![name, now])? == 1)
}

/// Lets a locked user sign on again, with all retries anew; `false` when there is none, or it is not locked.
pub fn unlock(transaction: &Transaction, name: &str) -> Result<bool, StoreError> {
    let query = "UPDATE user SET locked_at = NULL WHERE name = ?1 AND locked_at IS NOT NULL";
    if transaction.execute(query, [name])? == 0 {
        return Ok(false);
    }
    transaction.execute("DELETE FROM retry WHERE user = ?1", [name])?;
    Ok(true)
}

/// Has no push sent to the user until then; a freeze that lasts longer stays.
pub fn freeze(transaction: &Transaction, name: &str, until: EpochMilliseconds) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE user SET frozen_until = max(coalesce(frozen_until, ?2), ?2) WHERE name = ?1")?
        .execute(params![name, until])?;
    known_browsers::forget_all(transaction, name)
}

/// Has pushes sent again; `false` when there is no such user, or nothing held them back.
pub fn unfreeze(transaction: &Transaction, name: &str, now: EpochMilliseconds) -> Result<bool, StoreError> {
    let query = "UPDATE user SET frozen_until = NULL WHERE name = ?1 AND frozen_until > ?2";
    Ok(transaction.execute(query, params![name, now])? == 1)
}

/// The stored password hash (a PHC string) of a user.
pub fn password_hash(transaction: &Transaction, name: &str) -> Result<Option<String>, StoreError> {
    Ok(transaction
        .prepare_cached("SELECT password_hash FROM user WHERE key = ?1")?
        .query_row([user_key(name)], |row| row.get(0))
        .optional()?)
}

/// Puts a hash of the same password in the place of that one, if it is still the user's.
pub fn replace_hash(transaction: &Transaction, name: &str, old: &str, new: &str) -> Result<(), StoreError> {
    transaction.execute(
        "UPDATE user SET password_hash = ?3 WHERE key = ?1 AND password_hash = ?2",
        [&user_key(name), old, new],
    )?;
    Ok(())
}

/// How often the user went through this node since the last success.
pub fn retries(transaction: &Transaction, user: &str, node: &str) -> Result<u32, StoreError> {
    Ok(transaction
        .prepare_cached("SELECT count FROM retry WHERE user = ?1 AND node = ?2")?
        .query_row([user, node], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

/// Sets that number.
pub fn set_retries(transaction: &Transaction, user: &str, node: &str, count: u32) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO retry (user, node, count) VALUES (?1, ?2, ?3) ON CONFLICT (user, node) DO UPDATE SET count = ?3",
        )?
        .execute(params![user, node, count])?;
    Ok(())
}

/// Forgets the user's retries at these nodes.
pub fn clear_retries(transaction: &Transaction, user: &str, nodes: &[&str]) -> Result<(), StoreError> {
    for node in nodes {
        transaction.prepare_cached("DELETE FROM retry WHERE user = ?1 AND node = ?2")?.execute([user, node])?;
    }
    Ok(())
}
