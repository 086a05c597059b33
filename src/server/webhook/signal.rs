//! What wakes the webhook's thread: that something happened, that a time has come, or that the server ends.
//!
//! Knows nothing of events. The hour comes from the caller's clock.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::ports::{Clock, EpochMilliseconds};

/// Longest sleep between two looks at the clock, which may be set in between.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Default)]
pub(super) struct Signal {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    rung: bool,
    closed: bool,
}

impl Signal {
    /// Something happened. Rung before anybody waits, it is heard by the next who does.
    pub(super) fn ring(&self) {
        self.lock().rung = true;
        self.changed.notify_all();
    }

    /// Ends the waiting for good.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits until it is rung, or this time has come; `false` once it is closed.
    pub(super) fn wait(&self, until: Option<EpochMilliseconds>, clock: &dyn Clock) -> bool {
        let mut state = self.lock();
        loop {
            if state.closed {
                return false;
            }
            let left = until.map(|until| until - clock.now());
            if state.rung || left.is_some_and(|left| left <= 0) {
                state.rung = false;
                return true;
            }
            state = match left {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) => {
                    let sleep = Duration::from_millis(left.unsigned_abs()).min(LOOK_AGAIN);
                    self.changed.wait_timeout(state, sleep).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
