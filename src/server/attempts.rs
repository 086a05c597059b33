//! How often somebody may guess: passwords of a user or from an address, recovery codes of a user. And how often a phone may
//! change its push token, and which refused requests are noted.
//!
//! Counted in memory: these are the tries of people whom nobody knows yet, and nothing that they do may fill the
//! database. A restart forgets them. A name is counted alike whether there is such a user or not. Knows no HTTP and no
//! store.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::names::user_key;
use super::store::digest;
use crate::ports::EpochMilliseconds;

/// Most names and addresses that are remembered at once; each takes about 100 bytes.
const REMEMBERED: usize = 100_000;

/// How many tries there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    /// Passwords for one name.
    pub per_user: u32,
    /// Passwords from one address.
    pub per_address: u32,
    /// Recovery codes for one user.
    pub recovery_codes: u32,
    /// Changes of one device's push token. Each is remembered for long, so that none is taken twice.
    pub token_changes: u32,
    /// The time that these are for, in milliseconds.
    pub period: i64,
}

/// Whether somebody may try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Yes; the try is counted.
    Admitted,
    /// No. `first` says that nobody was told so in this period yet.
    Refused {
        /// See there.
        first: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subject {
    User(Vec<u8>),
    Address(IpAddr),
    RecoveryCode(Vec<u8>),
    Refresh(Vec<u8>),
    Note(&'static str, IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    since: EpochMilliseconds,
    count: u32,
    was_told: bool,
}

/// See the module.
pub struct Attempts {
    limits: AttemptLimits,
    tries: Mutex<HashMap<Subject, Tries>>,
}

impl Attempts {
    /// Nobody has tried anything yet.
    pub fn new(limits: AttemptLimits) -> Self {
        Self { limits, tries: Mutex::default() }
    }

    /// Whether a password for this name may be tried from this address.
    pub fn admit_password(&self, name: &str, address: Option<&str>, now: EpochMilliseconds) -> Admission {
        self.admit(&self.of_password(name, address), now)
    }

    /// The password was right: the name's tries are forgotten, and this one of the address. Others there may be guessing
    /// still.
    pub fn forgive_password(&self, name: &str, address: Option<&str>) {
        self.take_back_password(name, address);
        self.lock().remove(&Subject::User(key(name)));
    }

    /// The password was not looked at: this try does not count.
    pub fn take_back_password(&self, name: &str, address: Option<&str>) {
        let mut tries = self.lock();
        for (subject, _) in self.of_password(name, address) {
            if let Some(there) = tries.get_mut(&subject) {
                there.count = there.count.saturating_sub(1);
            }
        }
    }

    /// Whether this device may be given another push token.
    pub fn admit_refresh(&self, device: &str, now: EpochMilliseconds) -> Admission {
        self.admit(&[(Subject::Refresh(key(device)), self.limits.token_changes)], now)
    }

    /// Whether a refused request from this address is to be noted: the first of its kind in the period is.
    pub fn admit_note(&self, kind: &'static str, address: IpAddr, now: EpochMilliseconds) -> Admission {
        self.admit(&[(Subject::Note(kind, network(address)), 1)], now)
    }

    /// Whether a recovery code of this user may be tried.
    pub fn admit_recovery_code(&self, user: &str, now: EpochMilliseconds) -> Admission {
        self.admit(&[(Subject::RecoveryCode(key(user)), self.limits.recovery_codes)], now)
    }

    /// The recovery code was right.
    pub fn forgive_recovery_codes(&self, user: &str) {
        self.lock().remove(&Subject::RecoveryCode(key(user)));
    }

    fn of_password(&self, name: &str, address: Option<&str>) -> Vec<(Subject, u32)> {
        let address = address.and_then(|address| address.parse().ok());
        let address = address.map(|address| (Subject::Address(network(address)), self.limits.per_address));
        std::iter::once((Subject::User(key(name)), self.limits.per_user)).chain(address).collect()
    }

    /// Counts a try for all subjects, or for none of them.
    fn admit(&self, subjects: &[(Subject, u32)], now: EpochMilliseconds) -> Admission {
        let period = self.limits.period;
        let is_over = |tries: &Tries| !(0..period).contains(&now.saturating_sub(tries.since));
        let mut all = self.lock();
        for (subject, limit) in subjects {
            if let Some(tries) = all.get_mut(subject).filter(|tries| !is_over(tries) && tries.count >= *limit) {
                return Admission::Refused { first: !std::mem::replace(&mut tries.was_told, true) };
            }
        }
        for (subject, _) in subjects {
            if all.len() >= REMEMBERED && !all.contains_key(subject) {
                make_room(&mut all, is_over);
            }
            let tries = all.entry(subject.clone()).or_insert(Tries { since: now, count: 0, was_told: false });
            if is_over(tries) {
                *tries = Tries { since: now, count: 0, was_told: false };
            }
            tries.count += 1;
        }
        Admission::Admitted
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Subject, Tries>> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names of any length take the same room, and are compared as in the store.
fn key(name: &str) -> Vec<u8> {
    digest(user_key(name).as_bytes())
}

/// Who has one address of version 6 has the 64 bits after it, too.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        version_4 => version_4,
    }
}

/// Forgets what is over, and where that is nothing, what began first.
fn make_room(all: &mut HashMap<Subject, Tries>, is_over: impl Fn(&Tries) -> bool) {
    all.retain(|_, tries| !is_over(tries));
    if all.len() >= REMEMBERED
        && let Some(oldest) = all.iter().min_by_key(|(_, tries)| tries.since).map(|(subject, _)| subject.clone())
    {
        all.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: AttemptLimits =
        AttemptLimits { per_user: 3, per_address: 5, recovery_codes: 2, token_changes: 20, period: 1000 };

    #[test]
    fn memory_is_bounded_and_what_began_first_goes_first() {
        let attempts = Attempts::new(AttemptLimits { per_user: 1, ..LIMITS });
        for number in 0..=REMEMBERED as i64 {
            let admission = attempts.admit_password(&number.to_string(), None, number / 1000);
            assert_eq!(admission, Admission::Admitted);
        }
        assert_eq!(attempts.lock().len(), REMEMBERED);
        let last = REMEMBERED.to_string();
        assert_eq!(attempts.admit_password(&last, None, 100), Admission::Refused { first: true });
        assert_eq!(attempts.admit_password(&last, None, 100), Admission::Refused { first: false });
    }

    #[test]
    fn what_was_not_looked_at_neither_counts_nor_makes_up_for_wrong_passwords() {
        let attempts = Attempts::new(LIMITS);
        let admit = || attempts.admit_password("ada", Some("192.0.2.1"), 0);
        assert_eq!([admit(), admit()], [Admission::Admitted; 2]);
        for _ in 0..10 {
            assert_eq!(admit(), Admission::Admitted);
            attempts.take_back_password("ada", Some("192.0.2.1"));
        }
        assert_eq!(admit(), Admission::Admitted);
        assert_eq!(admit(), Admission::Refused { first: true }, "the two before count still");
        // A right one makes up for all of the name's, and of the address for its own only.
        attempts.forgive_password("ada", Some("192.0.2.1"));
        assert_eq!([admit(), admit(), admit()], [Admission::Admitted; 3]);
        assert_eq!(attempts.admit_password("bob", Some("192.0.2.1"), 0), Admission::Refused { first: true });
    }

    #[test]
    fn addresses_of_one_network_count_together() {
        let attempts = Attempts::new(LIMITS);
        let admit = |name: &str, address: &str| attempts.admit_password(name, Some(address), 0);
        for (number, address) in
            ["2001:db8::1", "2001:db8::2", "2001:db8::1:0:0:1", "2001:db8::3", "2001:db8::4"].into_iter().enumerate()
        {
            assert_eq!(admit(&number.to_string(), address), Admission::Admitted);
        }
        assert_eq!(admit("another", "2001:db8::5"), Admission::Refused { first: true });
        assert_eq!(admit("another", "2001:db8:0:1::5"), Admission::Admitted);
        for number in 0..5 {
            assert_eq!(admit(&format!("four{number}"), "192.0.2.1"), Admission::Admitted);
        }
        assert_eq!(admit("four", "::ffff:192.0.2.1"), Admission::Refused { first: true });
        assert_eq!(admit("four", "192.0.2.2"), Admission::Admitted);
    }
}
