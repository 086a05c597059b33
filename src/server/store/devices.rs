//! Registered phones.

use rusqlite::{OptionalExtension as _, Row, params};

use super::{StoreError, Transaction};
use crate::ports::{Entropy, EpochMilliseconds};
use crate::protocol::message::CommunicationType;
use crate::secret::{Reason, SecretBytes};
use crate::server::keys::{Keys, Place};

/// A registered phone, without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The server's id of the device.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// The phone's own id of the credential.
    pub mechanism_uid: String,
    /// What its owner called it, else what the phone calls itself; cleaned and capped.
    pub name: String,
    /// `android` or `ios`.
    pub device_type: String,
    /// How a push reaches it.
    pub communication_type: CommunicationType,
    /// When it was registered.
    pub registered_at: EpochMilliseconds,
    /// The sign-on that registered it, until it has approved a push.
    pub provisional_journey: Option<Vec<u8>>,
}

const COLUMNS: &str = "id, user, mechanism_uid, coalesce(given_name, name), device_type, communication_type, \
                       registered_at, provisional_journey";

fn read(row: &Row<'_>) -> rusqlite::Result<Device> {
    let communication_type: String = row.get(5)?;
    Ok(Device {
        id: row.get(0)?,
        user: row.get(1)?,
        mechanism_uid: row.get(2)?,
        name: row.get(3)?,
        device_type: row.get(4)?,
        communication_type: CommunicationType::from_name(&communication_type).ok_or(
            rusqlite::Error::InvalidColumnType(5, "communication_type".to_owned(), rusqlite::types::Type::Text),
        )?,
        registered_at: row.get(6)?,
        provisional_journey: row.get(7)?,
    })
}

fn token_place(id: &str) -> Place<'_> {
    Place { kind: "device.token", row: id.as_bytes() }
}

pub(super) fn secret_place(id: &str) -> Place<'_> {
    Place { kind: "device.secret", row: id.as_bytes() }
}

/// How a push service reaches a device.
pub struct Address {
    /// Its push token.
    pub token: SecretBytes,
    /// Changes with every token that is stored.
    pub version: Vec<u8>,
    /// The push service's name for this device and token, where it was asked for one.
    pub endpoint: Option<String>,
    /// Since when the push service calls the token dead.
    pub token_dead_at: Option<EpochMilliseconds>,
}

/// Adds a device; `false` when its mechanism uid is taken.
pub fn add(
    transaction: &Transaction,
    device: &Device,
    push_token: &str,
    secret: &SecretBytes,
    keys: &Keys,
    entropy: &dyn Entropy,
) -> Result<bool, StoreError> {
    let token = keys.seal(token_place(&device.id), push_token.as_bytes(), entropy)?;
    let secret = keys.seal(secret_place(&device.id), secret.expose(Reason::Seal), entropy)?;
    let added = transaction.execute(
        "INSERT INTO device (id, user, mechanism_uid, name, device_type, communication_type, token, secret,
            registered_at, provisional_journey)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (mechanism_uid) DO NOTHING",
        params![
            device.id,
            device.user,
            device.mechanism_uid,
            device.name,
            device.device_type,
            device.communication_type.name(),
            token,
            secret,
            device.registered_at,
            device.provisional_journey
        ],
    )?;
    Ok(added == 1)
}

/// The shared secret of a device.
pub fn secret(transaction: &Transaction, id: &str, keys: &Keys) -> Result<SecretBytes, StoreError> {
    let sealed: Vec<u8> =
        transaction.prepare_cached("SELECT secret FROM device WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
    Ok(keys.open(secret_place(id), &sealed)?)
}

/// How a push service reaches the device.
pub fn address(transaction: &Transaction, id: &str, keys: &Keys) -> Result<Address, StoreError> {
    let (sealed, endpoint, token_dead_at): (Vec<u8>, _, _) = transaction
        .prepare_cached("SELECT token, endpoint, token_dead_at FROM device WHERE id = ?1")?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(Address { token: keys.open(token_place(id), &sealed)?, version: sealed, endpoint, token_dead_at })
}

/// Notes the push service's name for a device's token; `false` when the token is another by now.
pub fn set_endpoint(transaction: &Transaction, id: &str, version: &[u8], endpoint: &str) -> Result<bool, StoreError> {
    let changed = transaction
        .prepare_cached("UPDATE device SET endpoint = ?3 WHERE id = ?1 AND token = ?2")?
        .execute(params![id, version, endpoint])?;
    Ok(changed == 1)
}

/// Notes that the push service calls a device's token dead, unless the device has another endpoint by now.
pub fn mark_token_dead(
    transaction: &Transaction,
    id: &str,
    endpoint: &str,
    now: EpochMilliseconds,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE device SET token_dead_at = ?3 WHERE id = ?1 AND endpoint = ?2")?
        .execute(params![id, endpoint, now])?;
    Ok(())
}

/// The device with this mechanism uid.
pub fn find_by_mechanism(transaction: &Transaction, mechanism_uid: &str) -> Result<Option<Device>, StoreError> {
    Ok(transaction
        .prepare_cached(&format!("SELECT {COLUMNS} FROM device WHERE mechanism_uid = ?1 AND retired_at IS NULL"))?
        .query_row([mechanism_uid], read)
        .optional()?)
}

/// The device with this id.
pub fn find(transaction: &Transaction, id: &str) -> Result<Option<Device>, StoreError> {
    Ok(transaction
        .prepare_cached(&format!("SELECT {COLUMNS} FROM device WHERE id = ?1 AND retired_at IS NULL"))?
        .query_row([id], read)
        .optional()?)
}

/// A user's devices, oldest first.
pub fn of_user(transaction: &Transaction, user: &str) -> Result<Vec<Device>, StoreError> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM device WHERE user = ?1 AND retired_at IS NULL ORDER BY registered_at, id"
    ))?;
    let devices = statement.query_map([user], read)?.collect::<Result<_, _>>()?;
    Ok(devices)
}

/// The newest device that this sign-on registered, whatever it has approved since.
pub fn added_by(transaction: &Transaction, journey: &[u8]) -> Result<Option<Device>, StoreError> {
    Ok(transaction
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM device
             WHERE id IN (SELECT device FROM registration WHERE journey = ?1 AND accepted_body IS NOT NULL)
                 AND retired_at IS NULL
             ORDER BY registered_at DESC, id LIMIT 1"
        ))?
        .query_row([journey], read)
        .optional()?)
}

/// Returns whether the user has a phone that is confirmed, other than the one with this id.
pub fn has_confirmed(transaction: &Transaction, user: &str, other_than: Option<&str>) -> Result<bool, StoreError> {
    Ok(transaction
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM device WHERE user = ?1 AND retired_at IS NULL AND provisional_journey IS NULL
                AND id IS NOT ?2)",
        )?
        .query_row(params![user, other_than], |row| row.get(0))?)
}

/// Returns the unconfirmed devices that this sign-on registered.
pub fn unconfirmed_of(transaction: &Transaction, journey: &[u8]) -> Result<Vec<Device>, StoreError> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM device WHERE provisional_journey = ?1 AND retired_at IS NULL"
    ))?;
    let devices = statement.query_map([journey], read)?.collect::<Result<_, _>>()?;
    Ok(devices)
}

/// Returns the unconfirmed devices whose sign-on has expired; those of one user where one is named.
pub fn abandoned(
    transaction: &Transaction,
    user: Option<&str>,
    now: EpochMilliseconds,
) -> Result<Vec<Device>, StoreError> {
    let whose = if user.is_some() { "user = ?2" } else { "?2 IS NULL" };
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM device
         WHERE {whose} AND provisional_journey IS NOT NULL AND retired_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM journey WHERE journey.id = provisional_journey AND journey.expires_at > ?1)"
    ))?;
    let devices = statement.query_map(params![now, user], read)?.collect::<Result<_, _>>()?;
    Ok(devices)
}

/// Returns whether the device was ever sent a message that is still known.
pub fn was_asked(transaction: &Transaction, id: &str) -> Result<bool, StoreError> {
    Ok(transaction
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM push_message WHERE device = ?1)")?
        .query_row([id], |row| row.get(0))?)
}

/// Calls a device by its owner's name for it, or by its own again when there is none.
pub fn rename(transaction: &Transaction, id: &str, given_name: Option<&str>) -> Result<(), StoreError> {
    transaction.prepare_cached("UPDATE device SET given_name = ?2 WHERE id = ?1")?.execute(params![id, given_name])?;
    Ok(())
}

/// All devices, by user.
pub fn list(transaction: &Transaction) -> Result<Vec<Device>, StoreError> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM device WHERE retired_at IS NULL ORDER BY user, registered_at, id"
    ))?;
    let devices = statement.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(devices)
}

/// Changes what a token refresh may change. The new token is alive until a push service says otherwise.
pub fn refresh(
    transaction: &Transaction,
    device: &Device,
    push_token: &str,
    keys: &Keys,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let token = keys.seal(token_place(&device.id), push_token.as_bytes(), entropy)?;
    transaction.execute(
        "UPDATE device SET name = ?2, device_type = ?3, communication_type = ?4, token = ?5, endpoint = NULL,
            token_dead_at = NULL WHERE id = ?1",
        params![device.id, device.name, device.device_type, device.communication_type.name(), token],
    )?;
    Ok(())
}

/// Removes a device; `false` when there is none.
pub fn remove(transaction: &Transaction, id: &str) -> Result<bool, StoreError> {
    Ok(transaction.execute("DELETE FROM device WHERE id = ?1 AND retired_at IS NULL", [id])? == 1)
}

/// Confirms a provisional device: it has approved a push, or its sign-on succeeded without asking it.
pub fn confirm(transaction: &Transaction, id: &str) -> Result<(), StoreError> {
    transaction.prepare_cached("UPDATE device SET provisional_journey = NULL WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Treats a device as removed from now on, and keeps what it takes to answer its last message alike once more.
pub fn retire(transaction: &Transaction, id: &str, now: EpochMilliseconds) -> Result<(), StoreError> {
    transaction.prepare_cached("UPDATE device SET retired_at = ?2 WHERE id = ?1")?.execute(params![id, now])?;
    Ok(())
}

/// Removes devices that were retired before this time.
pub fn sweep(transaction: &Transaction, before: EpochMilliseconds) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM device WHERE retired_at < ?1")?.execute([before])?;
    Ok(())
}

/// Remembers a token that must not be used twice until `expires_at`; `false` when it was used already.
pub fn use_once(
    transaction: &Transaction,
    digest: &[u8],
    now: EpochMilliseconds,
    expires_at: EpochMilliseconds,
) -> Result<bool, StoreError> {
    transaction.prepare_cached("DELETE FROM used_token WHERE expires_at < ?1")?.execute([now])?;
    let added = transaction
        .prepare_cached("INSERT OR IGNORE INTO used_token (digest, expires_at) VALUES (?1, ?2)")?
        .execute(params![digest, expires_at])?;
    Ok(added == 1)
}
