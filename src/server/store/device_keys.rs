//! The keys of phones that have one of their own, and what was asked of a phone's key when it was invited. All public.

use std::collections::HashMap;

use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Row, params};

use super::{StoreError, Transaction};
use crate::protocol::device_key::{KeyLevel, Protection, PublicKey, UserPresence};

/// Whether a phone shall have a key of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyDemand {
    /// Nobody asks for one.
    #[default]
    Off,
    /// It is asked for; a phone without is taken, too.
    Preferred,
    /// A phone without is not taken.
    Required,
}

impl KeyDemand {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Off, "off"), (Self::Preferred, "preferred"), (Self::Required, "required")];

    /// The name in journeys and in the store.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(demand, _)| *demand == self).map_or("off", |(_, name)| name)
    }

    /// Reads the name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(demand, _)| demand)
    }
}

/// What is asked of a phone's key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyPolicy {
    /// Whether there shall be one.
    pub demand: KeyDemand,
    /// The least that its storage has to be; absent: anything.
    pub minimum: Option<KeyLevel>,
}

impl KeyPolicy {
    /// Refuses a level that nobody asks for: it would look like protection. The text is for whoever wrote the settings.
    pub fn check(self) -> Result<(), &'static str> {
        match self {
            Self { demand: KeyDemand::Off, minimum: Some(_) } => {
                Err("minimumKeyLevel has no effect while deviceKey is off")
            }
            _ => Ok(()),
        }
    }

    /// Whether a key of this level is good enough.
    pub fn is_met_by(&self, level: KeyLevel) -> bool {
        self.minimum.is_none_or(|minimum| level.meets(minimum))
    }
}

/// What became of a key's attestation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttestationState {
    /// There was none.
    None,
    /// There is one that nobody checked.
    Unchecked,
    /// It was checked when the phone registered.
    Verified,
}

impl AttestationState {
    /// The name for people and programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unchecked => "unchecked",
            Self::Verified => "verified",
        }
    }
}

/// A phone's key as it was registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    /// The public key.
    pub key: PublicKey,
    /// What the phone said.
    pub claimed: Protection,
    /// What was attested, where that was checked.
    pub attested: Option<Protection>,
    /// The attestation as it came, a JSON list of base64.
    pub attestation: Option<String>,
    /// The issuer that the phone shows.
    pub issuer: String,
    /// The account name that the phone shows.
    pub account: String,
}

impl DeviceKey {
    /// What counts: what was attested; and where nothing was, the phone's word, unless this server `checks` attestations.
    pub fn counted(&self, checks: bool) -> Protection {
        match self.attested {
            Some(attested) => attested,
            None if checks => Protection::NONE,
            None => self.claimed,
        }
    }

    /// What became of its attestation.
    pub fn state(&self) -> AttestationState {
        match (self.attested, &self.attestation) {
            (Some(_), _) => AttestationState::Verified,
            (None, Some(_)) => AttestationState::Unchecked,
            (None, None) => AttestationState::None,
        }
    }
}

const COLUMNS: &str = "jwk, level, presence, attestation, issuer, account, attested_level, attested_presence";

fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<DeviceKey> {
    let damaged = |index: usize, name: &str| rusqlite::Error::InvalidColumnType(index, name.to_owned(), Type::Text);
    let text = |index: usize| row.get::<_, String>(first + index);
    Ok(DeviceKey {
        key: PublicKey::parse(&text(0)?).map_err(|_| damaged(first, "jwk"))?,
        claimed: protection(&text(1)?, &text(2)?).ok_or_else(|| damaged(first + 1, "level"))?,
        attested: match (row.get::<_, Option<String>>(first + 6)?, row.get::<_, Option<String>>(first + 7)?) {
            (None, None) => None,
            (level, presence) => Some(
                protection(&level.unwrap_or_default(), &presence.unwrap_or_default())
                    .ok_or_else(|| damaged(first + 6, "attested_level"))?,
            ),
        },
        attestation: row.get(first + 3)?,
        issuer: text(4)?,
        account: text(5)?,
    })
}

fn protection(level: &str, presence: &str) -> Option<Protection> {
    Some(Protection { level: KeyLevel::from_name(level)?, presence: UserPresence::from_name(presence)? })
}

/// Stores a device's key. It stays the device's as long as there is the device.
pub fn add(transaction: &Transaction, device: &str, key: &DeviceKey) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO device_key (device, jwk, level, presence, attestation, issuer, account, attested_level,
                attested_presence)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            device,
            key.key.jwk(),
            key.claimed.level.name(),
            key.claimed.presence.name(),
            key.attestation,
            key.issuer,
            key.account,
            key.attested.map(|attested| attested.level.name()),
            key.attested.map(|attested| attested.presence.name()),
        ])?;
    Ok(())
}

/// The key of this device, where it has one.
pub fn of_device(transaction: &Transaction, device: &str) -> Result<Option<DeviceKey>, StoreError> {
    Ok(transaction
        .prepare_cached(&format!("SELECT {COLUMNS} FROM device_key WHERE device = ?1"))?
        .query_row([device], |row| read(row, 0))
        .optional()?)
}

/// The keys that there are, by their devices' ids; of one user's devices where one is named.
pub fn by_device(transaction: &Transaction, user: Option<&str>) -> Result<HashMap<String, DeviceKey>, StoreError> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT device, {COLUMNS} FROM device_key JOIN device ON device.id = device_key.device
         WHERE ?1 IS NULL OR user = ?1"
    ))?;
    let keys = statement.query_map([user], |row| Ok((row.get(0)?, read(row, 1)?)))?.collect::<Result<_, _>>()?;
    Ok(keys)
}
