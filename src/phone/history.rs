//! Outcomes of earlier sign-on requests, and how long to keep them. Messages that wait for the user or for a server are
//! not history and are never cleaned up, and neither are the records that prevent replays.

use super::notification::{Notification, OpenedNotification, unless_full};
use super::{Phone, PhoneError, VaultError};

/// How much history to keep, as set by the shell. An entry that exceeds either limit is removed; without limits,
/// nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Number of entries to keep, newest first.
    pub count: Option<u32>,
    /// Number of days to keep an entry after it was settled.
    pub days: Option<u32>,
}

impl Default for Retention {
    /// Returns a retention of the newest 100.
    fn default() -> Self {
        Self { count: Some(100), days: None }
    }
}

/// Length of a day, in milliseconds.
const DAY: i64 = 24 * 3_600_000;

impl Phone {
    /// Returns settled sign-on requests, newest first: at most `limit` of them, after skipping `offset`. Edited entries
    /// of the vault are left out, so there may be fewer.
    pub fn history(&self, limit: u32, offset: u32) -> Result<Vec<Notification>, PhoneError> {
        // Sign-on requests that expired but are not marked yet are history, too.
        self.pending()?;
        unless_full(self.settle_late_answers(self.now()))?;
        let opened =
            self.vault.read(|rows| OpenedNotification::open_all(rows, rows.settled_notifications(limit, offset)?))?;
        Ok(opened.iter().map(|each| self.show(each)).collect())
    }

    /// Removes history that exceeds the retention, and returns the number of sign-on requests removed. If one of their
    /// messages is delivered again, it is rejected as already received. Works even if the vault's key is lost. On a
    /// full disk, the history stays as it is for now.
    pub fn clean_history(&self, retention: Retention) -> Result<usize, PhoneError> {
        let settled_before = retention.days.map(|days| self.now().saturating_sub(i64::from(days) * DAY));
        if !self.vault.read(|rows| rows.has_excess(retention.count, settled_before))? {
            return Ok(0);
        }
        match self.vault.write(|rows| rows.remove_excess(retention.count, settled_before)) {
            Err(VaultError::Full) => Ok(0),
            removed => Ok(removed?),
        }
    }
}
