//! Makes the tables of a new vault, and brings an older one to the present version. Knows the names of tables, not what is
//! in them; no key is needed.
//!
//! `ALTER TABLE` is not used: the library for apps is built without it (`scripts/build-mobile.sh`).

use rusqlite::{Connection, TransactionBehavior};

use super::{VaultError, schema, version};

/// Makes the tables, inside the caller's transaction.
pub(super) fn make_tables(transaction: &Connection) -> Result<(), VaultError> {
    transaction.execute_batch(schema::MAKE)?;
    transaction.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", schema::VERSION)?;
    Ok(())
}

/// Brings an older vault to the present version: all of it, or, after an error or a kill, nothing.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), VaultError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it in the meantime.
    let version = version(&transaction)?;
    if version < schema::VERSION {
        make_anew(&transaction, version)?;
    }
    transaction.commit()?;
    Ok(())
}

fn make_anew(transaction: &Connection, version: i64) -> Result<(), VaultError> {
    let there = || schema::TABLES.iter().filter(|(_, since)| *since <= version).map(|(table, _)| *table);
    // Temporary tables are in memory only, and what is secret in them is sealed.
    transaction.execute_batch("CREATE TEMP TABLE before_sequence AS SELECT * FROM main.sqlite_sequence")?;
    for table in there() {
        transaction.execute_batch(&format!("CREATE TEMP TABLE before_{table} AS SELECT * FROM main.{table}"))?;
    }
    // Those that refer to others first, so that nothing is removed along.
    for table in there().rev() {
        transaction.execute_batch(&format!("DROP TABLE main.{table}"))?;
    }
    make_tables(transaction)?;
    for table in there() {
        let columns = columns(transaction, table)?;
        transaction.execute_batch(&format!(
            "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM temp.before_{table}; DROP TABLE temp.before_{table}"
        ))?;
    }
    // The highest number ever given is not given again, also where its row is gone.
    transaction.execute_batch(
        "DELETE FROM main.sqlite_sequence;
         INSERT INTO main.sqlite_sequence SELECT name, seq FROM temp.before_sequence
             WHERE name IN ('account', 'credential', 'oath');
         DROP TABLE temp.before_sequence",
    )?;
    for (_, changes) in schema::CHANGES.iter().filter(|(brought, _)| *brought > version) {
        transaction.execute_batch(changes)?;
    }
    Ok(())
}

/// The columns of a table that was put aside, as an edited file may name them.
fn columns(transaction: &Connection, table: &str) -> Result<String, VaultError> {
    let statement = transaction.prepare(&format!("SELECT * FROM temp.before_{table}"))?;
    let quoted = statement.column_names().map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
    Ok(quoted.collect::<Vec<_>>().join(", "))
}
