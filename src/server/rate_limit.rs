//! Rate limits: wrong passwords of a name or from a network, recovery codes of a user, push tokens of a device.
//!
//! Counted in memory, in one table per kind: strangers cause these attempts, and nothing that they do may fill the
//! database. A restart forgets them. A name is counted alike whether there is such a user or not. The tables are
//! bounded. A full one drops the oldest entries below their limit, and rejects newcomers rather than forget an entry
//! that has reached it.

mod network;
mod table;

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::names::user_key;
use super::store::digest;
use crate::ports::EpochMilliseconds;
pub use network::Network;
use table::Table;

/// How much further a /56 or a /24 may go than one address or /64.
const NEAR: u32 = 4;
/// How much further a /48 may go than one /64.
const WIDE: u32 = 16;

/// How many attempts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitSettings {
    /// Passwords for one name; the same for each browser that its user signed in with before.
    pub per_user: u32,
    /// Passwords from one IPv4 address or IPv6 /64.
    pub per_address: u32,
    /// Recovery codes for one user.
    pub recovery_codes: u32,
    /// Changes of one device's push token. Each is remembered for long, so that none is taken twice.
    pub token_changes: u32,
    /// The time that these are for, in milliseconds.
    pub period: EpochMilliseconds,
}

/// Who tries a password.
#[derive(Debug, Clone, Copy)]
pub struct Guesser<'a> {
    /// The typed name.
    pub name: &'a str,
    /// The client's address, where it is known.
    pub address: Option<&'a str>,
    /// The id of a browser in which this user signed in before. It has its own budget.
    pub known_browser: Option<&'a str>,
}

type Digest = Vec<u8>;

/// See the module.
pub struct RateLimits {
    settings: RateLimitSettings,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    names: Table<Digest>,
    browsers: Table<Digest>,
    networks: Table<Network>,
    recovery_codes: Table<Digest>,
    token_changes: Table<Digest>,
}

impl RateLimits {
    /// Starts with nothing counted.
    pub fn new(settings: RateLimitSettings) -> Self {
        Self { settings, tables: Mutex::default() }
    }

    /// Whether this password may be tried; if so, the attempt is counted.
    pub fn take_password(&self, guesser: Guesser<'_>, now: EpochMilliseconds) -> bool {
        let RateLimitSettings { per_user, per_address, period, .. } = self.settings;
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(browser) = guesser.known_browser {
            return tables.browsers.take(&[(key(browser), per_user)], period, now);
        }
        let factors = [1, NEAR, WIDE];
        let networks: Vec<_> = guesser
            .networks()
            .into_iter()
            .zip(factors)
            .map(|(network, factor)| (network, per_address.saturating_mul(factor)))
            .collect();
        // A name that is over its limit must not use up its network's, nor the other way round.
        let name = [(key(guesser.name), per_user)];
        tables.names.has_room(&name, period, now)
            && tables.networks.take(&networks, period, now)
            && tables.names.take(&name, period, now)
    }

    /// The password was right: forgets the attempts at the name from where this one came, and this one of the network.
    /// Others there may be guessing still.
    pub fn reset_password(&self, guesser: Guesser<'_>) {
        self.refund_password(guesser);
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        match guesser.known_browser {
            Some(browser) => tables.browsers.reset(&key(browser)),
            None => tables.names.reset(&key(guesser.name)),
        }
    }

    /// The password was not checked: this attempt does not count.
    pub fn refund_password(&self, guesser: Guesser<'_>) {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(browser) = guesser.known_browser {
            return tables.browsers.refund(&key(browser));
        }
        tables.names.refund(&key(guesser.name));
        for network in guesser.networks() {
            tables.networks.refund(&network);
        }
    }

    /// Whether this device may be given another push token.
    pub fn take_token_change(&self, device: &str, now: EpochMilliseconds) -> bool {
        let RateLimitSettings { token_changes, period, .. } = self.settings;
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.token_changes.take(&[(key(device), token_changes)], period, now)
    }

    /// Whether a recovery code of this user may be tried.
    pub fn take_recovery_code(&self, user: &str, now: EpochMilliseconds) -> bool {
        let RateLimitSettings { recovery_codes, period, .. } = self.settings;
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        tables.recovery_codes.take(&[(key(user), recovery_codes)], period, now)
    }

    /// The recovery code was right.
    pub fn reset_recovery_codes(&self, user: &str) {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).recovery_codes.reset(&key(user));
    }
}

impl Guesser<'_> {
    fn networks(&self) -> Vec<Network> {
        let address: Option<IpAddr> = self.address.and_then(|address| address.parse().ok());
        address.map(Network::all_of).unwrap_or_default()
    }
}

/// Names of any length take the same room, and their case does not matter, as in the store.
fn key(name: &str) -> Digest {
    digest(user_key(name).as_bytes())
}

#[cfg(test)]
mod tests;
