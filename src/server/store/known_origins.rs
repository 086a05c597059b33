//! From where users signed on, and with which browsers: as tags that only the server's key makes.

use rusqlite::params;

use super::{StoreError, Transaction};
use crate::ports::EpochMilliseconds;

/// Most that is remembered of a kind for a user; the newest stay.
const LIMIT: u32 = 16;

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Familiar {
    /// The network that a browser's address is in.
    Network,
    /// A browser, without its version.
    Agent,
}

impl Familiar {
    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Agent => "agent",
        }
    }
}

/// Whether the user signed on so after this time.
pub fn is_known(
    transaction: &Transaction,
    user: &str,
    kind: Familiar,
    tag: &[u8],
    since: EpochMilliseconds,
) -> Result<bool, StoreError> {
    let found: i64 = transaction
        .prepare_cached("SELECT count(*) FROM familiar WHERE user = ?1 AND kind = ?2 AND tag = ?3 AND seen_at > ?4")?
        .query_row(params![user, kind.name(), tag, since], |row| row.get(0))?;
    Ok(found > 0)
}

/// Remembers that the user signed on so.
pub fn remember(
    transaction: &Transaction,
    user: &str,
    kind: Familiar,
    tag: &[u8],
    now: EpochMilliseconds,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO familiar (user, kind, tag, seen_at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (user, kind, tag) DO UPDATE SET seen_at = ?4",
        )?
        .execute(params![user, kind.name(), tag, now])?;
    transaction
        .prepare_cached(
            "DELETE FROM familiar WHERE user = ?1 AND kind = ?2 AND tag IN
             (SELECT tag FROM familiar WHERE user = ?1 AND kind = ?2 ORDER BY seen_at DESC LIMIT -1 OFFSET ?3)",
        )?
        .execute(params![user, kind.name(), LIMIT])?;
    Ok(())
}

/// Forgets what was not seen since this time.
pub fn sweep(transaction: &Transaction, before: EpochMilliseconds) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM familiar WHERE seen_at < ?1")?.execute([before])?;
    Ok(())
}
