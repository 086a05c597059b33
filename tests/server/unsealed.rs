//! What a key opens in the server's store.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use push_authenticator::secret::Reason;
use push_authenticator::server::keys::{Keys, Place};
use push_authenticator::server::store::sealed::SEALED;

/// Plain values by their kind and the id of their row.
pub type Values = BTreeMap<(&'static str, Vec<u8>), Vec<u8>>;

/// Returns all values of the sealed columns that the key opens, and how many it does not open.
pub fn opened(database: &Connection, keys: &Keys) -> (Values, usize) {
    let (mut opened, mut closed) = (Values::new(), 0);
    for column in SEALED {
        let (table, name) = column.kind.split_once('.').unwrap();
        let query = format!("SELECT {}, {name} FROM {table} WHERE {name} IS NOT NULL", column.row);
        let mut statement = database.prepare(&query).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let id = match row.get_ref(0).unwrap() {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
                other => panic!("{other:?}"),
            };
            let sealed: Vec<u8> = row.get(1).unwrap();
            match keys.open(Place { kind: column.kind, row: &id }, &sealed) {
                Ok(plain) => drop(opened.insert((column.kind, id), plain.expose(Reason::Seal).to_vec())),
                Err(_) => closed += 1,
            }
        }
    }
    (opened, closed)
}
