//! The keys that users' names are compared by, and the way out for a database in which two names have one key.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior, params};

use super::{StoreError, Transaction, read_version};
use crate::server::names::user_key;

/// The version of the schema that has `user.key`.
pub(super) const SINCE: i32 = 6;

/// What became of a change of name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renamed {
    /// It was changed. The user's recovery codes are void, because they are bound to the name.
    Done,
    /// No user is spelt so.
    NoSuchUser,
    /// Another user's name has the same key.
    Taken,
}

/// Gives every user a key; where two have the same one, names them all and changes nothing.
pub(super) fn fill_keys(transaction: &Transaction) -> Result<(), StoreError> {
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in names(transaction)? {
        by_key.entry(user_key(&name)).or_default().push(name);
    }
    let colliding: Vec<String> = by_key.values().filter(|names| names.len() > 1).map(|names| listed(names)).collect();
    if !colliding.is_empty() {
        return Err(StoreError::NamesCollide(colliding.join("; ")));
    }
    for (key, names) in by_key {
        for name in names {
            transaction.execute("UPDATE user SET key = ?1 WHERE name = ?2", params![key, name])?;
        }
    }
    Ok(())
}

/// Names beside each other, with an escape for each character that is not ASCII: they look the same otherwise.
fn listed(names: &[String]) -> String {
    let escaped = |name: &String| -> String {
        name.chars().map(|it| if it.is_ascii() { it.to_string() } else { it.escape_unicode().to_string() }).collect()
    };
    names.iter().map(|name| format!("\"{}\"", escaped(name))).collect::<Vec<_>>().join(" and ")
}

fn names(transaction: &Transaction) -> Result<Vec<String>, StoreError> {
    let mut statement = transaction.prepare("SELECT name FROM user ORDER BY name")?;
    let names = statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names)
}

/// Changes a user's name in a database of this version or an older one, without bringing it to this version: names that
/// collide keep it from being brought there. `old` is the name exactly as it is spelt.
pub fn rename(file: &Path, old: &str, new: &str) -> Result<Renamed, StoreError> {
    let mut connection = Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = read_version(&transaction, file)?;
    // The tables that name the user are changed after the user: they are looked at when all is done.
    transaction.pragma_update(None, "defer_foreign_keys", true)?;
    let names = names(&transaction)?;
    if !names.iter().any(|name| name == old) {
        return Ok(Renamed::NoSuchUser);
    }
    let key = user_key(new);
    if names.iter().any(|name| name != old && user_key(name) == key) {
        return Ok(Renamed::Taken);
    }
    transaction.execute("UPDATE user SET name = ?2 WHERE name = ?1", [old, new])?;
    if version >= SINCE {
        transaction.execute("UPDATE user SET key = ?2 WHERE name = ?1", [new, &key])?;
    }
    for (table, column) in referring(&transaction)? {
        // Both are names out of the schema.
        transaction
            .execute(&format!("UPDATE \"{table}\" SET \"{column}\" = ?2 WHERE \"{column}\" = ?1"), [old, new])?;
    }
    for table in ["recovery_code", "familiar", "denial"] {
        // What is stored of these is bound to the name: under another one, nothing is recognised by it or opened.
        if has_table(&transaction, table)? {
            transaction.execute(&format!("DELETE FROM {table} WHERE user = ?1"), [new])?;
        }
    }
    transaction.commit()?;
    Ok(Renamed::Done)
}

/// Every table and column that refers to a user's name.
fn referring(transaction: &Transaction) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = transaction.prepare(
        "SELECT schema.name, key.\"from\" FROM sqlite_schema AS schema, pragma_foreign_key_list(schema.name) AS key
         WHERE schema.type = 'table' AND key.\"table\" = 'user' AND key.\"to\" = 'name'",
    )?;
    let places = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    Ok(places)
}

fn has_table(transaction: &Transaction, name: &str) -> Result<bool, StoreError> {
    Ok(transaction.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1",
        [name],
        |row| row.get::<_, i64>(0),
    )? > 0)
}

/// Empties the write-ahead log into the database, so that what was deleted is in neither. `false` when another process
/// keeps it from that.
pub fn empty_log(file: &Path) -> Result<bool, StoreError> {
    let connection = Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(Duration::from_secs(10))?;
    connection.pragma_update(None, "secure_delete", true)?;
    let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(busy == 0)
}
