//! Every column that is sealed under the server's key, and how all of them are sealed again under the next one.

use rusqlite::params;
use rusqlite::types::ValueRef;

use super::{StoreError, Transaction, audit_chain, key_check};
use crate::ports::Entropy;
use crate::secret::Reason;
use crate::server::keys::{Keys, Place};

/// Most rows that are held in memory at a time.
const BATCH: u32 = 500;

/// A sealed column. Its [`Place`] is made of `kind` and the bytes of `row`.
#[derive(Debug, Clone, Copy)]
pub struct SealedColumn {
    /// Table and column, with a dot in between.
    pub kind: &'static str,
    /// The table's column that a value's row is known by.
    pub row: &'static str,
}

/// Every sealed column but `key_check.sealed` and `audit_key.sealed`, which hold keys and are handed over on their own.
pub const SEALED: [SealedColumn; 10] = [
    SealedColumn { kind: "device.token", row: "id" },
    SealedColumn { kind: "device.secret", row: "id" },
    SealedColumn { kind: "registration.secret", row: "message_id" },
    SealedColumn { kind: "registration.challenge", row: "message_id" },
    SealedColumn { kind: "push_request.origin", row: "id" },
    SealedColumn { kind: "push_message.jwt", row: "id" },
    SealedColumn { kind: "journey.state", row: "id" },
    SealedColumn { kind: "journey.answer", row: "id" },
    SealedColumn { kind: "webhook_event.body", row: "id" },
    SealedColumn { kind: "denial.origin", row: "user" },
];

/// Hands the store over to a new server key, in one transaction, and says how many values were sealed again. A value that
/// the old key does not open makes it fail: under the new one it would be lost for good.
pub fn hand_over(transaction: &Transaction, old: &Keys, new: &Keys, entropy: &dyn Entropy) -> Result<u64, StoreError> {
    let mut count = 0;
    for column in SEALED {
        count += seal_again(transaction, column, old, new, entropy)?;
    }
    audit_chain::hand_over(transaction, old, new, entropy)?;
    key_check::hand_over(transaction, old, new, entropy)?;
    Ok(count)
}

fn seal_again(
    transaction: &Transaction,
    SealedColumn { kind, row }: SealedColumn,
    old: &Keys,
    new: &Keys,
    entropy: &dyn Entropy,
) -> Result<u64, StoreError> {
    let (table, column) = kind.split_once('.').ok_or(StoreError::Damaged(kind))?;
    // These are names out of the list above.
    let mut select = transaction.prepare(&format!(
        "SELECT rowid, {row}, {column} FROM {table} WHERE {column} IS NOT NULL AND rowid > ?1 ORDER BY rowid LIMIT {BATCH}"
    ))?;
    let mut update = transaction.prepare(&format!("UPDATE {table} SET {column} = ?2 WHERE rowid = ?1"))?;
    let (mut count, mut last) = (0, i64::MIN);
    loop {
        let batch: Vec<(i64, Vec<u8>, Vec<u8>)> = select
            .query_map([last], |row| Ok((row.get(0)?, bytes(row.get_ref(1)?)?, row.get(2)?)))?
            .collect::<Result<_, _>>()?;
        for (rowid, row, sealed) in batch.iter() {
            let place = Place { kind, row };
            let plain = old.open(place, sealed).map_err(|_| StoreError::NotSealedAgain(kind, shown(row)))?;
            update.execute(params![rowid, new.seal(place, plain.expose(Reason::Seal), entropy)?])?;
            (count, last) = (count + 1, *rowid);
        }
        if batch.len() < BATCH as usize {
            return Ok(count);
        }
    }
}

/// The bytes of a row's id, which is text or bytes.
fn bytes(value: ValueRef<'_>) -> Result<Vec<u8>, rusqlite::Error> {
    Ok(value.as_bytes()?.to_vec())
}

/// The row's id as an administrator finds it in the database.
fn shown(row: &[u8]) -> String {
    let hexadecimal = || row.iter().map(|byte| format!("{byte:02x}")).collect();
    std::str::from_utf8(row).map_or_else(|_| hexadecimal(), |text| text.escape_default().to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rusqlite::Connection;

    use super::*;
    use crate::server::store::schema::STEPS;

    /// Columns of bytes that are no sealed values: digests, tags, random ids, and the two that hold keys.
    const OTHERS: [&str; 19] = [
        "registration.journey",
        "registration.accepted_body",
        "registration.session",
        "device.provisional_journey",
        "push_request.journey",
        "push_message.challenge",
        "push_message.answer_body",
        "recovery_code.tag",
        "session.token_digest",
        "journey.id",
        "journey.answered_body",
        "used_token.digest",
        "familiar.tag",
        "known_browser.id",
        "audit_seal.tag",
        "audit_mark.tag",
        "audit_mark.mac",
        "audit_key.sealed",
        "key_check.sealed",
    ];

    /// The schema is nobody's to see from outside. All its tables are strict, so what is sealed is in a column of bytes.
    #[test]
    fn a_new_column_of_bytes_must_be_listed_as_sealed_or_not() {
        let database = Connection::open_in_memory().unwrap();
        for step in STEPS {
            database.execute_batch(step).unwrap();
        }
        let mut statement = database
            .prepare(
                "SELECT tables.name || '.' || columns.name, upper(columns.type), tables.strict, tables.wr
                 FROM pragma_table_list AS tables, pragma_table_info(tables.name) AS columns
                 WHERE tables.schema = 'main' AND tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'",
            )
            .unwrap();
        let columns: Vec<(String, String, bool, bool)> = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(columns.iter().all(|(_, _, is_strict, _)| *is_strict), "elsewhere any column may hold bytes");
        assert!(columns.iter().all(|(_, _, _, without_rowid)| !without_rowid), "rows are found by their rowid");
        let of_bytes: BTreeSet<&str> = columns
            .iter()
            .filter(|(_, kind, _, _)| kind == "BLOB" || kind == "ANY")
            .map(|(name, ..)| name.as_str())
            .collect();
        let listed: BTreeSet<&str> = SEALED.iter().map(|column| column.kind).chain(OTHERS).collect();
        assert_eq!(of_bytes, listed);
        for SealedColumn { kind, row } in SEALED {
            let id = format!("{}.{row}", kind.split_once('.').unwrap().0);
            assert!(columns.iter().any(|(name, ..)| *name == id), "{id}");
        }
    }
}
