//! The embedded transport: no cloud account, the phone fetches its messages (docs/wire.md, "Pull").
//!
//! The message lies in the store; delivering means waking the phone's waiting pull.

use super::{Delivery, Transport};
use crate::protocol::message::CommunicationType;
use crate::server::waiters::{Waiter, Wakers};

/// See the module.
pub struct Embedded(Wakers);

impl Embedded {
    /// A transport that wakes through these wakers.
    pub fn new(wakers: Wakers) -> Self {
        Self(wakers)
    }
}

impl Transport for Embedded {
    fn serves(&self, kind: CommunicationType) -> bool {
        kind == CommunicationType::Embedded
    }

    fn deliver(&self, delivery: &Delivery) {
        self.0.wake(&Waiter::Device(delivery.device.clone()));
    }
}
