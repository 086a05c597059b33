//! Bounds the audit events that strangers can cause: failed sign-ons, rejected HTTP requests.
//!
//! In a window of ten minutes the first few events of a kind become rows at once. The rest are counted, and each count
//! becomes one row when the window closes ("and 51 999 more"); rows are never updated. Many kinds are counted
//! together: first by network, then all in one. Counts live in memory, so a killed server loses those of the open
//! window.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use super::App;
use super::store::audit::{self, Event};
use crate::ports::EpochMilliseconds;

/// How long a window is open, in milliseconds.
const WINDOW: EpochMilliseconds = 10 * 60_000;
/// Rows of one kind, of one network and user, that a window writes at once.
const SINGLE_ROWS: u32 = 5;
/// Rows of one event and outcome that a window writes at once, whatever the network and user. Those that name a user
/// have their own, so that made-up names do not use them up.
const SINGLE_ROWS_IN_ALL: u32 = 100;
/// Kinds of one event and outcome that are counted apart; what comes beyond them is counted by network.
const KINDS: usize = 100;

/// What is counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    event: String,
    outcome: String,
    user: Option<String>,
    network: Option<String>,
}

#[derive(Debug, Default)]
struct Count {
    single_rows: u32,
    more: i64,
}

/// What the events of one event and outcome have used up, those that name a user apart from those that do not.
#[derive(Debug, Default)]
struct Class {
    single_rows: u32,
    /// Kinds counted apart: by user and network, and by wider network.
    kinds: [usize; 2],
}

#[derive(Debug, Default)]
struct Window {
    since: EpochMilliseconds,
    counts: HashMap<Kind, Count>,
    classes: HashMap<(String, String, bool), Class>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct AuditCounts {
    window: Mutex<Window>,
}

impl AuditCounts {
    /// Counts an event, and gives the rows to write now, each with how many events it stands for.
    pub fn count(&self, event: Event) -> Vec<(Event, i64)> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows = if window.is_over(event.at) { window.close(event.at) } else { Vec::new() };
        if window.admit(&event) {
            rows.push((event, 1));
        }
        rows
    }

    /// Closes the window if its time is over, or at once, and gives the counted rows to write.
    pub fn close(&self, now: EpochMilliseconds, at_once: bool) -> Vec<(Event, i64)> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if at_once || window.is_over(now) { window.close(now) } else { Vec::new() }
    }
}

impl Window {
    fn is_over(&self, now: EpochMilliseconds) -> bool {
        !(0..WINDOW).contains(&now.saturating_sub(self.since))
    }

    fn close(&mut self, now: EpochMilliseconds) -> Vec<(Event, i64)> {
        let counts = std::mem::replace(self, Self { since: now, ..Self::default() }).counts;
        let row = |(kind, count): (Kind, Count)| {
            let Kind { event, outcome, user, network } = kind;
            (Event { at: now, event, user, address: network, device: None, outcome }, count.more)
        };
        counts.into_iter().filter(|(_, count)| count.more > 0).map(row).collect()
    }

    /// Counts the event; whether it becomes a row of its own.
    fn admit(&mut self, event: &Event) -> bool {
        let class = (event.event.clone(), event.outcome.clone(), event.user.is_some());
        let class = self.classes.entry(class).or_default();
        let address = event.address.as_deref().and_then(|address| address.parse().ok());
        let kind = |user: Option<&String>, network| Kind {
            event: event.event.clone(),
            outcome: event.outcome.clone(),
            user: user.cloned(),
            network,
        };
        let exact = kind(event.user.as_ref(), address.map(|address| network(address, 32, 64)));
        let wide = kind(None, address.map(|address| network(address, 24, 48)));
        let mut chosen = kind(None, None);
        for (candidate, used) in [exact, wide].into_iter().zip(&mut class.kinds) {
            let is_known = self.counts.contains_key(&candidate);
            if is_known || *used < KINDS {
                *used += usize::from(!is_known);
                chosen = candidate;
                break;
            }
        }
        let count = self.counts.entry(chosen).or_default();
        if count.single_rows < SINGLE_ROWS && class.single_rows < SINGLE_ROWS_IN_ALL {
            count.single_rows += 1;
            class.single_rows += 1;
            return true;
        }
        count.more += 1;
        false
    }
}

/// The network of an address, of so many bits in either version of IP; the bare address where that is all of them.
fn network(address: IpAddr, bits_4: u32, bits_6: u32) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) if bits_4 == 32 => address.to_string(),
        IpAddr::V4(address) => {
            let network = Ipv4Addr::from_bits(address.to_bits() & !(u32::MAX >> bits_4));
            format!("{network}/{bits_4}")
        }
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> bits_6));
            format!("{network}/{bits_6}")
        }
    }
}

impl App {
    /// Counts an event that strangers can cause as often as they like. Waits for nothing; its rows are written later.
    pub(in crate::server) fn count_event(&self, event: Event) {
        self.write_counted(self.0.audit_counts.count(event));
    }

    /// Writes the counts of a window whose time is over, or at once, as when the server stops.
    pub(in crate::server) fn close_audit_window(&self, at_once: bool) {
        self.write_counted(self.0.audit_counts.close(self.now(), at_once));
    }

    fn write_counted(&self, rows: Vec<(Event, i64)>) {
        if rows.is_empty() {
            return;
        }
        self.0.store.run_later(move |transaction| {
            rows.iter().try_for_each(|(event, count)| audit::add_counted(transaction, event, *count))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong_password(at: i64, address: &str, user: Option<&str>) -> Event {
        Event {
            at,
            event: "sign-on".to_owned(),
            user: user.map(str::to_owned),
            address: Some(address.to_owned()),
            outcome: "wrong-password".to_owned(),
            device: None,
        }
    }

    #[test]
    fn a_flood_from_a_whole_48_writes_few_rows_and_loses_no_count() {
        let counts = AuditCounts::default();
        let (mut rows, flood) = (Vec::new(), 200_000);
        for number in 0..flood {
            let address = format!("2001:db8:7:{:x}::{:x}", number % 0x10000, number / 0x10000);
            rows.extend(counts.count(wrong_password(1, &address, None)));
        }
        // The owner of an account is still named meanwhile.
        assert_eq!(counts.count(wrong_password(2, "192.0.2.1", Some("ada"))).len(), 1);
        assert_eq!(rows.len(), 100);
        assert!(rows.iter().all(|(_, count)| *count == 1));
        let closed = counts.close(1 + WINDOW, false);
        assert!(closed.len() <= 102, "{}", closed.len());
        let more: i64 = closed.iter().map(|(_, count)| count).sum();
        assert_eq!(rows.len() as i64 + more, flood);
        let wide: Vec<_> =
            closed.iter().filter(|(event, _)| event.address.as_deref() == Some("2001:db8:7::/48")).collect();
        assert!(wide.len() == 1 && wide[0].1 > 190_000, "{wide:?}");
        assert_eq!(counts.close(2 + 2 * WINDOW, false), [], "a count is written once");
    }

    #[test]
    fn addresses_of_one_network_count_together_and_users_apart() {
        let counts = AuditCounts::default();
        for number in 0..10 {
            counts.count(wrong_password(1, &format!("2001:db8::{number}"), Some("ada")));
            counts.count(wrong_password(1, "192.0.2.1", Some("bob")));
        }
        let mut closed = counts.close(1, true);
        closed.sort_by(|(one, _), (other, _)| one.user.cmp(&other.user));
        let seen: Vec<_> =
            closed.iter().map(|(event, more)| (event.user.as_deref(), event.address.as_deref(), *more)).collect();
        assert_eq!(seen, [(Some("ada"), Some("2001:db8::/64"), 5), (Some("bob"), Some("192.0.2.1"), 5)]);
    }

    #[test]
    fn a_window_closes_with_the_first_event_after_it() {
        let counts = AuditCounts::default();
        for _ in 0..7 {
            counts.count(wrong_password(1_000_000, "192.0.2.1", None));
        }
        let rows = counts.count(wrong_password(1_000_000 + WINDOW, "192.0.2.1", None));
        assert_eq!(rows.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 1]);
    }
}
