//! A bounded table of attempts.

use std::collections::HashMap;
use std::hash::Hash;

use crate::ports::EpochMilliseconds;

/// Most entries of a table; each takes about 100 bytes.
pub(super) const CAPACITY: usize = 100_000;
/// Entries that a full table drops at once, so that it is not searched at every attempt.
const DROPPED: usize = CAPACITY / 100;

#[derive(Debug, Clone, Copy)]
struct Entry {
    since: EpochMilliseconds,
    count: u32,
    limit: u32,
}

impl Entry {
    fn is_over(&self, period: EpochMilliseconds, now: EpochMilliseconds) -> bool {
        !(0..period).contains(&now.saturating_sub(self.since))
    }
}

/// Attempts of one kind.
pub(super) struct Table<K> {
    entries: HashMap<K, Entry>,
    /// When a search for room last found none.
    full_at: Option<EpochMilliseconds>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { entries: HashMap::new(), full_at: None }
    }
}

impl<K: Clone + Eq + Hash> Table<K> {
    /// Whether all of these are below their limits.
    pub(super) fn has_room(&self, wanted: &[(K, u32)], period: EpochMilliseconds, now: EpochMilliseconds) -> bool {
        let is_below = |(key, limit): &(K, u32)| {
            self.entries.get(key).is_none_or(|entry| entry.is_over(period, now) || entry.count < *limit)
        };
        wanted.iter().all(is_below)
    }

    /// Counts an attempt for all of these, or for none of them if one has reached its limit.
    pub(super) fn take(&mut self, wanted: &[(K, u32)], period: EpochMilliseconds, now: EpochMilliseconds) -> bool {
        if !self.has_room(wanted, period, now) {
            return false;
        }
        let new = wanted.iter().filter(|(key, _)| !self.entries.contains_key(key)).count();
        if self.entries.len() + new > CAPACITY && !self.make_room(new, period, now) {
            return false;
        }
        for (key, limit) in wanted {
            let fresh = Entry { since: now, count: 0, limit: *limit };
            let entry = self.entries.entry(key.clone()).or_insert(fresh);
            if entry.is_over(period, now) {
                *entry = fresh;
            }
            entry.count += 1;
        }
        true
    }

    /// Takes one attempt back.
    pub(super) fn refund(&mut self, key: &K) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.count = entry.count.saturating_sub(1);
            if entry.count == 0 {
                self.entries.remove(key);
            }
        }
    }

    /// Forgets all attempts.
    pub(super) fn reset(&mut self, key: &K) {
        self.entries.remove(key);
    }

    /// Drops what is over and, if that is not enough, the oldest entries below their limit. `false` if all have reached
    /// it; then the table is not searched again for a second.
    fn make_room(&mut self, new: usize, period: EpochMilliseconds, now: EpochMilliseconds) -> bool {
        if self.full_at.is_some_and(|at| (0..1000).contains(&now.saturating_sub(at))) {
            return false;
        }
        self.entries.retain(|_, entry| !entry.is_over(period, now));
        if self.entries.len() + new > CAPACITY {
            let mut below: Vec<(EpochMilliseconds, K)> = self
                .entries
                .iter()
                .filter(|(_, entry)| entry.count < entry.limit)
                .map(|(key, entry)| (entry.since, key.clone()))
                .collect();
            below.sort_by_key(|(since, _)| *since);
            for (_, key) in below.into_iter().take(DROPPED) {
                self.entries.remove(&key);
            }
        }
        let has_room = self.entries.len() + new <= CAPACITY;
        self.full_at = (!has_room).then_some(now);
        has_room
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
