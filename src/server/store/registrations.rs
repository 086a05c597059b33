//! QR codes that wait for a phone.

use rusqlite::{OptionalExtension as _, params};

use super::device_keys::{KeyDemand, KeyPolicy};
use super::{StoreError, Transaction};
use crate::ports::{Entropy, EpochMilliseconds};
use crate::protocol::device_key::KeyLevel;
use crate::secret::{Reason, SecretBytes};
use crate::server::keys::{Keys, Place};

/// A registration that was offered.
pub struct Registration {
    /// Its id on the wire.
    pub message_id: String,
    /// Whose device it will be.
    pub user: String,
    /// The journey that offered it.
    pub journey: Vec<u8>,
    /// The id that the device will have.
    pub device: String,
    /// The secret in the QR code.
    pub secret: SecretBytes,
    /// The challenge in the QR code.
    pub challenge: SecretBytes,
    /// Until when it may be used.
    pub expires_at: EpochMilliseconds,
    /// SHA-256 of the body that used it up.
    pub accepted_body: Option<Vec<u8>>,
    /// What is asked of the phone's key.
    pub key_policy: KeyPolicy,
    /// Issuer and account as a phone reads them out of the code, where a key is asked for.
    pub names: Option<(String, String)>,
    /// Whether it was offered for the password alone, and so registers no phone once the user has one.
    pub only_first: bool,
    /// SHA-256 of the token of the session in which it was offered. It goes with the session.
    pub session: Option<Vec<u8>>,
}

fn place<'a>(kind: &'static str, message_id: &'a str) -> Place<'a> {
    Place { kind, row: message_id.as_bytes() }
}

/// Stores an offered registration.
pub fn add(
    transaction: &Transaction,
    registration: &Registration,
    keys: &Keys,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let id = registration.message_id.as_str();
    let secret = keys.seal(place("registration.secret", id), registration.secret.expose(Reason::Seal), entropy)?;
    let challenge =
        keys.seal(place("registration.challenge", id), registration.challenge.expose(Reason::Seal), entropy)?;
    transaction.execute(
        "INSERT INTO registration (message_id, user, journey, device, secret, challenge, expires_at, device_key,
            minimum_key_level, issuer, account, only_first, session)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        params![
            id,
            registration.user,
            registration.journey,
            registration.device,
            secret,
            challenge,
            registration.expires_at,
            registration.key_policy.demand.name(),
            registration.key_policy.minimum.map(KeyLevel::name),
            registration.names.as_ref().map(|(issuer, _)| issuer),
            registration.names.as_ref().map(|(_, account)| account),
            registration.only_first,
            registration.session
        ],
    )?;
    Ok(())
}

/// The registration with this id.
pub fn find(transaction: &Transaction, message_id: &str, keys: &Keys) -> Result<Option<Registration>, StoreError> {
    let found = transaction
        .prepare_cached(
            "SELECT user, journey, device, secret, challenge, expires_at, accepted_body, device_key, minimum_key_level,
                issuer, account, only_first, session
             FROM registration WHERE message_id = ?1",
        )?
        .query_row([message_id], |row| {
            let sealed: [Vec<u8>; 2] = [row.get(3)?, row.get(4)?];
            let policy: (String, Option<String>) = (row.get(7)?, row.get(8)?);
            let names: (Option<String>, Option<String>) = (row.get(9)?, row.get(10)?);
            let registration = Registration {
                message_id: message_id.to_owned(),
                user: row.get(0)?,
                journey: row.get(1)?,
                device: row.get(2)?,
                secret: SecretBytes::new(Vec::new()),
                challenge: SecretBytes::new(Vec::new()),
                expires_at: row.get(5)?,
                accepted_body: row.get(6)?,
                key_policy: KeyPolicy::default(),
                names: names.0.zip(names.1),
                only_first: row.get(11)?,
                session: row.get(12)?,
            };
            Ok((registration, sealed, policy))
        })
        .optional()?;
    found
        .map(|(registration, [secret, challenge], policy)| {
            Ok(Registration {
                secret: keys.open(place("registration.secret", message_id), &secret)?,
                challenge: keys.open(place("registration.challenge", message_id), &challenge)?,
                key_policy: read_policy(&policy.0, policy.1.as_deref())?,
                ..registration
            })
        })
        .transpose()
}

/// What cannot be read must not come out as "nothing is asked".
fn read_policy(demand: &str, minimum: Option<&str>) -> Result<KeyPolicy, StoreError> {
    let damaged = || StoreError::Damaged("registration.device_key");
    Ok(KeyPolicy {
        demand: KeyDemand::from_name(demand).ok_or_else(damaged)?,
        minimum: minimum.map(|name| KeyLevel::from_name(name).ok_or_else(damaged)).transpose()?,
    })
}

/// Marks a registration as used up by the body with this digest.
pub fn accept(transaction: &Transaction, message_id: &str, body: &[u8]) -> Result<(), StoreError> {
    transaction
        .execute("UPDATE registration SET accepted_body = ?2 WHERE message_id = ?1", params![message_id, body])?;
    Ok(())
}

/// Withdraws what a journey offered and no phone has used; called at a time-out and at the journey's end.
pub fn withdraw(transaction: &Transaction, journey: &[u8]) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM registration WHERE journey = ?1 AND accepted_body IS NULL")?
        .execute([journey])?;
    Ok(())
}

/// Withdraws what was offered to a user and no phone has used; gives the journeys that offered it.
pub fn withdraw_all(transaction: &Transaction, user: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut statement = transaction
        .prepare_cached("DELETE FROM registration WHERE user = ?1 AND accepted_body IS NULL RETURNING journey")?;
    let journeys = statement.query_map([user], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(journeys)
}

/// How long a used registration outlives its time: a browser that comes late must still hear that its phone was in
/// time. A day, in milliseconds.
const USED_KEPT: i64 = 24 * 3600 * 1000;

/// Removes what is past its time; what was used a day later.
pub fn sweep(transaction: &Transaction, now: EpochMilliseconds) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "DELETE FROM registration
             WHERE expires_at < ?1 AND (accepted_body IS NULL OR expires_at < ?1 - ?2)",
        )?
        .execute([now, USED_KEPT])?;
    Ok(())
}
