//! A bounded queue of work that is due at a time, for the transport's threads.
//!
//! Knows nothing of what it holds. The hour comes from the caller's clock.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ports::{Clock, EpochMilliseconds};

/// Longest sleep between two looks at the clock, which may be set in between.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// See the module.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    limit: usize,
}

struct State<T> {
    /// By the time it is due, then in the order of arrival.
    waiting: BTreeMap<(EpochMilliseconds, u64), T>,
    arrivals: u64,
    closed: bool,
}

impl<T> Queue<T> {
    /// An empty queue for at most `limit` pieces of work.
    pub(super) fn new(limit: usize) -> Self {
        let state = State { waiting: BTreeMap::new(), arrivals: 0, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), limit }
    }

    /// Adds work; `false` when the queue is full or closed, and the work is dropped.
    pub(super) fn add(&self, due: EpochMilliseconds, work: T) -> bool {
        let mut state = self.lock();
        if state.closed || state.waiting.len() >= self.limit {
            return false;
        }
        state.arrivals += 1;
        let key = (due, state.arrivals);
        state.waiting.insert(key, work);
        self.changed.notify_one();
        true
    }

    /// Waits for work that is due; nothing once the queue is closed.
    pub(super) fn take(&self, clock: &dyn Clock) -> Option<T> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let Some(first) = state.waiting.first_entry() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = first.key().0 - clock.now();
            if left <= 0 {
                let work = first.remove();
                // Who goes off to work may have been the only one that watched the clock for the next.
                if !state.waiting.is_empty() {
                    self.changed.notify_one();
                }
                return Some(work);
            }
            let sleep = Duration::from_millis(left.unsigned_abs()).min(LOOK_AGAIN);
            state = self.changed.wait_timeout(state, sleep).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the waiting of all; what is in the queue is dropped.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    struct SetClock(AtomicI64);
    impl Clock for SetClock {
        fn now(&self) -> EpochMilliseconds {
            self.0.load(Ordering::SeqCst)
        }
    }

    /// Ten thousand messages at once are more than a test should send.
    #[test]
    fn a_full_queue_refuses_and_work_comes_when_it_is_due() {
        let clock = SetClock(AtomicI64::new(100));
        let queue = Queue::new(3);
        assert!(queue.add(300, "late") && queue.add(50, "first") && queue.add(50, "second"));
        assert!(!queue.add(0, "too many"));
        assert_eq!([queue.take(&clock), queue.take(&clock)], [Some("first"), Some("second")]);
        std::thread::scope(|scope| {
            let taking = scope.spawn(|| (queue.take(&clock), clock.now()));
            clock.0.store(301, Ordering::SeqCst);
            assert_eq!(taking.join().unwrap(), (Some("late"), 301));
        });
    }

    #[test]
    fn a_closed_queue_lets_all_go() {
        let clock = SetClock(AtomicI64::new(0));
        let queue = Queue::new(3);
        assert!(queue.add(1_000_000, "never"));
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..4).map(|_| scope.spawn(|| queue.take(&clock))).collect();
            queue.close();
            assert!(waiting.into_iter().all(|taking| taking.join().unwrap().is_none()));
        });
        assert!(!queue.add(0, "after the end"));
    }
}
