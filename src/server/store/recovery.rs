//! Recovery codes: only what recognises them is stored.

use rusqlite::params;

use super::{StoreError, Transaction};

/// Replaces all codes of a user by these tags.
pub fn replace(transaction: &Transaction, user: &str, tags: &[Vec<u8>]) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM recovery_code WHERE user = ?1", [user])?;
    for tag in tags {
        transaction
            .prepare_cached("INSERT INTO recovery_code (user, tag) VALUES (?1, ?2)")?
            .execute(params![user, tag])?;
    }
    Ok(())
}

/// How many codes a user has left.
pub fn left(transaction: &Transaction, user: &str) -> Result<u32, StoreError> {
    Ok(transaction
        .prepare_cached("SELECT count(*) FROM recovery_code WHERE user = ?1")?
        .query_row([user], |row| row.get(0))?)
}

/// Uses a code up; `false` when the user has no such code.
pub fn use_up(transaction: &Transaction, user: &str, tag: &[u8]) -> Result<bool, StoreError> {
    let used = transaction
        .prepare_cached("DELETE FROM recovery_code WHERE user = ?1 AND tag = ?2")?
        .execute(params![user, tag])?;
    Ok(used == 1)
}
