//! The places in which passwords wait for their check.
//!
//! A network that nobody signed in from lately gets few of them, counted by address and /24 of IPv4 and by /64, /56 and
//! /48 of IPv6. All such networks together get half. A quarter is kept for browsers that their users signed in with
//! before.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ports::EpochMilliseconds;
use crate::server::rate_limit::Network;

/// Checks that are computed at once. One takes about 19 MiB and a core.
pub(super) const AT_ONCE: usize = 2;
/// Networks that are remembered because somebody signed in from them.
const REMEMBERED: usize = 10_000;
/// How long they are remembered, in milliseconds: a week.
const RECENT: EpochMilliseconds = 7 * 24 * 3600 * 1000;

/// Who waits.
#[derive(Debug, Clone)]
pub struct Client {
    networks: Vec<Network>,
    standing: Standing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Unknown,
    RecentNetwork,
    KnownBrowser,
}

/// See the module.
pub(super) struct Places {
    queue: usize,
    taken: Mutex<Taken>,
    recent: Mutex<HashMap<Network, EpochMilliseconds>>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// Without known browsers.
    others: usize,
    unknown: usize,
    by_network: HashMap<Network, usize>,
}

/// A place, until it is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    client: Client,
}

impl Places {
    pub(super) fn new(queue: usize) -> Self {
        Self { queue, taken: Mutex::default(), recent: Mutex::default() }
    }

    pub(super) fn client(&self, address: Option<&str>, in_known_browser: bool, now: EpochMilliseconds) -> Client {
        let networks = address.and_then(|address| address.parse().ok()).map(Network::all_of).unwrap_or_default();
        let is_recent = networks.first().is_some_and(|network| {
            let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            recent.get(network).is_some_and(|seen_at| now.saturating_sub(*seen_at) < RECENT)
        });
        let standing = match (in_known_browser, is_recent) {
            (true, _) => Standing::KnownBrowser,
            (false, true) => Standing::RecentNetwork,
            (false, false) => Standing::Unknown,
        };
        Client { networks, standing }
    }

    /// Remembers the network of an address from which somebody signed in.
    pub(super) fn learn(&self, address: &str, now: EpochMilliseconds) {
        let Some(network) = address.parse().ok().and_then(|address| Network::all_of(address).into_iter().next()) else {
            return;
        };
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() >= REMEMBERED && !recent.contains_key(&network) {
            let oldest = recent.iter().min_by_key(|(_, seen_at)| **seen_at).map(|(network, _)| *network);
            if let Some(oldest) = oldest {
                recent.remove(&oldest);
            }
        }
        recent.insert(network, now);
    }

    /// Takes a place, if the client may have one.
    pub(super) fn take(self: &Arc<Self>, client: &Client) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.has_place(&taken, client) {
            return None;
        }
        taken.all += 1;
        if client.standing != Standing::KnownBrowser {
            taken.others += 1;
            for network in &client.networks {
                *taken.by_network.entry(*network).or_insert(0) += 1;
            }
        }
        taken.unknown += usize::from(client.standing == Standing::Unknown);
        Some(Place { places: self.clone(), client: client.clone() })
    }

    fn has_place(&self, taken: &Taken, client: &Client) -> bool {
        let queue = self.queue;
        let is_below = |count: usize, waiting: usize| count < AT_ONCE + waiting;
        let of = |network: &Network| taken.by_network.get(network).copied().unwrap_or(0);
        match client.standing {
            Standing::KnownBrowser => is_below(taken.all, queue),
            Standing::RecentNetwork => {
                let own = client.networks.first().map(of).unwrap_or(0);
                is_below(own, queue.div_ceil(2)) && is_below(taken.others, queue - queue / 4)
            }
            Standing::Unknown => {
                let in_sixteenths = |network: &Network| if network.is_version_4() { [4, 6, 6] } else { [1, 2, 3] };
                let mut networks = client.networks.iter().enumerate();
                let has_room = networks.all(|(index, network)| {
                    let share = in_sixteenths(network).get(index).copied().unwrap_or(0);
                    is_below(of(network), (queue * share).div_ceil(16))
                });
                has_room && is_below(taken.unknown, queue.div_ceil(2)) && is_below(taken.others, queue - queue / 4)
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        if self.client.standing != Standing::KnownBrowser {
            taken.others = taken.others.saturating_sub(1);
            for network in &self.client.networks {
                if let Some(count) = taken.by_network.get_mut(network) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        taken.by_network.remove(network);
                    }
                }
            }
        }
        taken.unknown -= usize::from(self.client.standing == Standing::Unknown && taken.unknown > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes as many places as there are for these addresses, and gives them.
    fn flood(places: &Arc<Places>, addresses: impl Iterator<Item = String>) -> Vec<Place> {
        addresses.filter_map(|address| places.take(&places.client(Some(&address), false, 0))).collect()
    }

    #[test]
    fn no_network_that_nobody_signed_in_from_fills_the_queue() {
        let places = Arc::new(Places::new(64));
        let held = flood(&places, (0..500).map(|number| format!("2001:db8::{number:x}")));
        assert_eq!(held.len(), AT_ONCE + 4, "a /64");
        let of_56 = flood(&places, (0..500).map(|number| format!("2001:db8:0:{:x}::1", number % 256)));
        assert_eq!(held.len() + of_56.len(), AT_ONCE + 8, "its /56");
        let of_48 = flood(&places, (0..5000).map(|number| format!("2001:db8:0:{number:x}::1")));
        assert_eq!(held.len() + of_56.len() + of_48.len(), AT_ONCE + 12, "its /48");
        let version_4 = flood(&places, (0..500).map(|_| "192.0.2.1".to_owned()));
        assert_eq!(version_4.len(), AT_ONCE + 16, "users of one IPv4 address");
        drop((held, of_56, of_48, version_4));
        assert_eq!(flood(&places, (0..500).map(|_| "192.0.2.1".to_owned())).len(), AT_ONCE + 16);
        assert!(places.taken.lock().unwrap().by_network.is_empty(), "nothing is left behind");
    }

    #[test]
    fn places_are_kept_for_networks_and_browsers_that_signed_in_lately() {
        let places = Arc::new(Places::new(64));
        places.learn("198.51.100.7", 0);
        let everywhere = |number: u32| format!("10.{}.{}.1", number / 256, number % 256);
        let strangers = flood(&places, (0..2000).map(everywhere));
        assert_eq!(strangers.len(), AT_ONCE + 32);
        let recent = flood(&places, (0..100).map(|_| "198.51.100.7".to_owned()));
        assert_eq!(recent.len(), 16);
        let known = places.client(Some("10.0.0.1"), true, 0);
        assert!(places.take(&known).is_some());
        let later = places.client(Some("198.51.100.7"), false, RECENT);
        assert!(places.take(&later).is_none(), "and not for ever");
    }

    #[test]
    fn what_is_remembered_of_networks_is_bounded() {
        let places = Places::new(64);
        for number in 0..REMEMBERED as i64 + 100 {
            places.learn(&format!("2001:db8:{number:x}::1"), number);
        }
        assert_eq!(places.recent.lock().unwrap().len(), REMEMBERED);
    }
}
