//! Where a sign-on came from, and the last one that a user denied as somebody else's.

use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, Transaction};
use crate::ports::{Entropy, EpochMilliseconds};
use crate::secret::Reason;
use crate::server::keys::{Keys, Place};

/// The browser that a sign-on came from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its address, as far as it is known.
    pub address: Option<String>,
    /// Its user agent, where it sent one.
    pub user_agent: Option<String>,
}

impl Origin {
    /// Seals it for a place.
    pub(super) fn seal(&self, place: Place<'_>, keys: &Keys, entropy: &dyn Entropy) -> Result<Vec<u8>, StoreError> {
        let text = serde_json::to_vec(self).map_err(|_| StoreError::Damaged("origin"))?;
        Ok(keys.seal(place, &text, entropy)?)
    }

    /// Opens what was sealed for this place.
    pub(super) fn open(place: Place<'_>, sealed: &[u8], keys: &Keys) -> Result<Self, StoreError> {
        let text = keys.open(place, sealed)?;
        serde_json::from_slice(text.expose(Reason::HandOver)).map_err(|_| StoreError::Damaged("origin"))
    }
}

/// A sign-on that its user denied as somebody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// When, epoch milliseconds.
    pub at: EpochMilliseconds,
    /// Where the sign-on came from.
    pub origin: Origin,
}

fn place(user: &str) -> Place<'_> {
    Place { kind: "denial.origin", row: user.as_bytes() }
}

/// Keeps a denial in the place of the user's earlier one. `user` is spelt as it was added.
pub fn keep(
    transaction: &Transaction,
    user: &str,
    denial: &Denial,
    keys: &Keys,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let sealed = denial.origin.seal(place(user), keys, entropy)?;
    transaction
        .prepare_cached(
            "INSERT INTO denial (user, at, origin) VALUES (?1, ?2, ?3)
             ON CONFLICT (user) DO UPDATE SET at = ?2, origin = ?3",
        )?
        .execute(params![user, denial.at, sealed])?;
    Ok(())
}

/// The user's last denial, where it is kept still. `user` is spelt as it was added.
pub fn last(transaction: &Transaction, user: &str, keys: &Keys) -> Result<Option<Denial>, StoreError> {
    let found: Option<(EpochMilliseconds, Vec<u8>)> = transaction
        .prepare_cached("SELECT at, origin FROM denial WHERE user = ?1")?
        .query_row([user], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found.map(|(at, sealed)| Ok(Denial { at, origin: Origin::open(place(user), &sealed, keys)? })).transpose()
}

/// When the user's last denial was, where it is kept still.
pub fn last_at(transaction: &Transaction, user: &str) -> Result<Option<EpochMilliseconds>, StoreError> {
    Ok(transaction
        .prepare_cached("SELECT at FROM denial WHERE user = ?1")?
        .query_row([user], |row| row.get(0))
        .optional()?)
}

/// Forgets denials of before this time.
pub fn sweep(transaction: &Transaction, before: EpochMilliseconds) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM denial WHERE at < ?1")?.execute([before])?;
    Ok(())
}
