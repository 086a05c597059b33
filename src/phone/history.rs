//! What became of earlier sign-on requests, and how long that is kept. What waits for the person or for a server is no
//! history and is never cleaned up, nor is what is remembered against replays.

use super::notification::{Notification, OpenedNotification, unless_full};
use super::{Phone, PhoneError, VaultError};

/// How much history is kept; the shell's setting. With both limits, what exceeds either goes; with none, nothing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// So many of the newest.
    pub count: Option<u32>,
    /// Those that were settled within so many days.
    pub days: Option<u32>,
}

impl Default for Retention {
    /// The newest 100.
    fn default() -> Self {
        Self { count: Some(100), days: None }
    }
}

/// Length of a day, in milliseconds.
const DAY: i64 = 24 * 3_600_000;

impl Phone {
    /// Settled sign-on requests, newest first: at most `limit` of them after leaving out the first `offset`. Entries of
    /// the vault that were edited are left out, so there may be fewer.
    pub fn history(&self, limit: u32, offset: u32) -> Result<Vec<Notification>, PhoneError> {
        // Those whose time ran out and that nobody looked at since are history, too.
        self.pending()?;
        unless_full(self.settle_late_answers(self.now()))?;
        let opened =
            self.vault.read(|rows| OpenedNotification::open_all(rows, rows.settled_notifications(limit, offset)?))?;
        Ok(opened.iter().map(|each| self.show(each)).collect())
    }

    /// Takes away what exceeds the retention; how many sign-on requests that were. A message that is delivered again
    /// after its sign-on request was taken away is refused as received before. Works without the key too. A full disk
    /// leaves the history as it is for now.
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
