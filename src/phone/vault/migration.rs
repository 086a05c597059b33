//! Creates the tables of a new vault and migrates an older one to the current version, step by step. No key is needed.

use rusqlite::{Connection, TransactionBehavior};

use super::{VaultError, schema, version};

/// Creates the tables in an empty file, inside the caller's transaction.
pub(super) fn make_tables(transaction: &Connection) -> Result<(), VaultError> {
    make_steps(transaction, 0)
}

/// Migrates an older vault to the current version. After an error or a kill, nothing has changed.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), VaultError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have migrated the vault in the meantime.
    let version = version(&transaction)?;
    if version < schema::VERSION {
        make_steps(&transaction, version)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Runs the steps that a vault of this version lacks.
fn make_steps(transaction: &Connection, version: i64) -> Result<(), VaultError> {
    for (_, statements) in schema::STEPS.iter().filter(|(from, _)| *from >= version) {
        transaction.execute_batch(statements)?;
    }
    transaction.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", schema::VERSION)?;
    Ok(())
}
