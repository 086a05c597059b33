//! Waking those who wait: a browser for its push, a phone for its messages.
//!
//! Nothing is remembered here. A waiter subscribes first, then looks at the store, then waits: whatever is committed
//! in between wakes it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Who is to be woken.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Waiter {
    /// The page of this journey.
    Journey(Vec<u8>),
    /// The pull of this device.
    Device(String),
}

/// All who wait now.
#[derive(Clone, Default)]
pub struct Wakers(Arc<Mutex<HashMap<Waiter, Entry>>>);

struct Entry {
    notify: Arc<Notify>,
    waiting: usize,
}

/// A place in the queue of waiters; given up on drop.
pub struct Subscription {
    wakers: Wakers,
    waiter: Waiter,
    notify: Arc<Notify>,
}

impl Wakers {
    /// Takes a place, unless `at_most` others have one for the same thing.
    pub fn subscribe(&self, waiter: Waiter, at_most: usize) -> Option<Subscription> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry =
            entries.entry(waiter.clone()).or_insert_with(|| Entry { notify: Arc::new(Notify::new()), waiting: 0 });
        if entry.waiting >= at_most {
            return None;
        }
        entry.waiting += 1;
        let notify = entry.notify.clone();
        Some(Subscription { wakers: self.clone(), waiter, notify })
    }

    /// Wakes all who wait for this.
    pub fn wake(&self, waiter: &Waiter) {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(waiter) {
            entry.notify.notify_waiters();
        }
    }
}

impl Subscription {
    /// A future that ends at the next [`Wakers::wake`] after this call, even before it is first polled.
    pub fn woken(&self) -> tokio::sync::futures::Notified<'_> {
        self.notify.notified()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut entries = self.wakers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(&self.waiter) {
            entry.waiting -= 1;
            if entry.waiting == 0 {
                entries.remove(&self.waiter);
            }
        }
    }
}
