//! Makes the tables of a new vault, and brings an older one to the present version, step by step. No key is needed.

use rusqlite::{Connection, TransactionBehavior};

use super::{VaultError, schema, version};

/// Makes the tables in an empty file, inside the caller's transaction.
pub(super) fn make_tables(transaction: &Connection) -> Result<(), VaultError> {
    make_steps(transaction, 0)
}

/// Brings an older vault to the present version: all of it, or, after an error or a kill, nothing.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), VaultError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it in the meantime.
    let version = version(&transaction)?;
    if version < schema::VERSION {
        make_steps(&transaction, version)?;
    }
    transaction.commit()?;
    Ok(())
}

/// Makes the steps that a vault of this version lacks.
fn make_steps(transaction: &Connection, version: i64) -> Result<(), VaultError> {
    for (_, statements) in schema::STEPS.iter().filter(|(from, _)| *from >= version) {
        transaction.execute_batch(statements)?;
    }
    transaction.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", schema::VERSION)?;
    Ok(())
}
