//! QR codes that wait for a phone.

use rusqlite::{OptionalExtension as _, params};

use super::{StoreError, Transaction};
use crate::ports::{Entropy, EpochMilliseconds};
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
        "INSERT INTO registration (message_id, user, journey, device, secret, challenge, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            id,
            registration.user,
            registration.journey,
            registration.device,
            secret,
            challenge,
            registration.expires_at
        ],
    )?;
    Ok(())
}

/// The registration with this id.
pub fn find(transaction: &Transaction, message_id: &str, keys: &Keys) -> Result<Option<Registration>, StoreError> {
    type Columns = (String, Vec<u8>, String, Vec<u8>, Vec<u8>, EpochMilliseconds, Option<Vec<u8>>);
    let found: Option<Columns> = transaction
        .prepare_cached(
            "SELECT user, journey, device, secret, challenge, expires_at, accepted_body
             FROM registration WHERE message_id = ?1",
        )?
        .query_row([message_id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?))
        })
        .optional()?;
    found
        .map(|(user, journey, device, secret, challenge, expires_at, accepted_body)| {
            Ok(Registration {
                message_id: message_id.to_owned(),
                user,
                journey,
                device,
                secret: keys.open(place("registration.secret", message_id), &secret)?,
                challenge: keys.open(place("registration.challenge", message_id), &challenge)?,
                expires_at,
                accepted_body,
            })
        })
        .transpose()
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

/// Withdraws what was offered to a user and no phone has used.
pub fn withdraw_all(transaction: &Transaction, user: &str) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM registration WHERE user = ?1 AND accepted_body IS NULL", [user])?;
    Ok(())
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
