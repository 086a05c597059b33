//! Transactions on the open connection. Knows no table.

use rusqlite::Connection;

use super::VaultError;

/// A transaction, undone unless it is committed. Other than the library's own it keeps its statements prepared, as two of
/// three transactions are over in less time than that takes.
pub(super) struct Transaction<'a> {
    sql: &'a Connection,
    is_open: bool,
}

impl<'a> Transaction<'a> {
    pub(super) fn begin(sql: &'a Connection, statement: &str) -> Result<Self, VaultError> {
        sql.prepare_cached(statement)?.execute([])?;
        Ok(Self { sql, is_open: true })
    }

    pub(super) fn commit(mut self) -> Result<(), VaultError> {
        self.sql.prepare_cached("COMMIT")?.execute([])?;
        self.is_open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Some errors have ended it already; then there is nothing to undo.
        if self.is_open && !self.sql.is_autocommit() {
            let _ = self.sql.prepare_cached("ROLLBACK").and_then(|mut statement| statement.execute([]));
        }
    }
}
