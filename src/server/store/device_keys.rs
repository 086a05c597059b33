//! The keys of phones that have one of their own, and what was asked of a phone's key when it was invited. All public.

use std::collections::HashMap;

use rusqlite::types::Type;
use rusqlite::{OptionalExtension as _, Row, params};

use super::{StoreError, Transaction};
use crate::protocol::device_key::{KeyLevel, PublicKey, UserPresence};

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
    /// The least that its storage has to be, as the phone says; absent: anything.
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

/// A phone's key as it was registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    /// The public key.
    pub key: PublicKey,
    /// Where the private half lives, as the phone said.
    pub level: KeyLevel,
    /// What a person must do before it signs, as the phone said.
    pub presence: UserPresence,
    /// Certificates as they came, a JSON list of base64; nobody has checked them.
    pub attestation: Option<String>,
    /// The issuer that the phone shows.
    pub issuer: String,
    /// The account name that the phone shows.
    pub account: String,
}

const COLUMNS: &str = "jwk, level, presence, attestation, issuer, account";

fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<DeviceKey> {
    let damaged = |index: usize, name: &str| rusqlite::Error::InvalidColumnType(index, name.to_owned(), Type::Text);
    let text = |index: usize| row.get::<_, String>(first + index);
    Ok(DeviceKey {
        key: PublicKey::parse(&text(0)?).map_err(|_| damaged(first, "jwk"))?,
        level: KeyLevel::from_name(&text(1)?).ok_or_else(|| damaged(first + 1, "level"))?,
        presence: UserPresence::from_name(&text(2)?).ok_or_else(|| damaged(first + 2, "presence"))?,
        attestation: row.get(first + 3)?,
        issuer: text(4)?,
        account: text(5)?,
    })
}

/// Stores a device's key. It stays the device's as long as there is the device.
pub fn add(transaction: &Transaction, device: &str, key: &DeviceKey) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO device_key (device, jwk, level, presence, attestation, issuer, account)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            device,
            key.key.jwk(),
            key.level.name(),
            key.presence.name(),
            key.attestation,
            key.issuer,
            key.account
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
