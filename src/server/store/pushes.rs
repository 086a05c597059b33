//! Push requests and the messages that carry them to devices.

use rusqlite::{OptionalExtension as _, params};

use super::fraud_reports::Origin;
use super::{StoreError, Transaction};
use crate::ports::{Entropy, EpochMilliseconds};
use crate::secret::Reason;
use crate::server::keys::{Keys, Place};

/// How a push request stands; expiry is judged against the clock and is no state of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushState {
    /// No verified answer yet.
    Pending,
    /// Accepted.
    Approved,
    /// Refused by the person.
    Denied,
    /// A wrong number, or none where one was asked.
    Failed,
    /// A newer sign-on of the same user took its place.
    Superseded,
}

impl PushState {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Pending, "pending"),
        (Self::Approved, "approved"),
        (Self::Denied, "denied"),
        (Self::Failed, "failed"),
        (Self::Superseded, "superseded"),
    ];

    /// The state's name, in lower case.
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(state, _)| *state == self).map_or("pending", |(_, name)| name)
    }

    fn from_name(name: &str) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|(_, known)| *known == name)
            .map(|(state, _)| state)
            .ok_or(StoreError::Damaged("push_request.state"))
    }
}

/// One approval that a journey waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRequest {
    /// The server's id of it.
    pub id: String,
    /// Who is to approve.
    pub user: String,
    /// The journey that waits.
    pub journey: Vec<u8>,
    /// `default`, `challenge` or `biometric`.
    pub push_type: String,
    /// The right number of a challenge.
    pub number: Option<String>,
    /// How it stands.
    pub state: PushState,
    /// When it was sent.
    pub created_at: EpochMilliseconds,
    /// Until when it may be answered.
    pub expires_at: EpochMilliseconds,
    /// When it was answered.
    pub settled_at: Option<EpochMilliseconds>,
    /// What else the phone sent with its answer, a JSON object.
    pub content: Option<String>,
}

/// A push request as sent to one device.
pub struct PushMessageRow {
    /// The message id on the wire.
    pub id: String,
    /// The push request it carries.
    pub request: String,
    /// The device it went to.
    pub device: String,
    /// Its challenge, 32 bytes.
    pub challenge: Vec<u8>,
    /// SHA-256 of the first verified answer.
    pub answer_body: Option<Vec<u8>>,
    /// The HTTP status which that answer got.
    pub answer_status: Option<u16>,
}

/// Stores a new push request, and where the browser that waits is.
pub fn add_request(
    transaction: &Transaction,
    request: &PushRequest,
    origin: &Origin,
    keys: &Keys,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let sealed = origin.seal(origin_place(&request.id), keys, entropy)?;
    transaction
        .prepare_cached(
            "INSERT INTO push_request (id, user, journey, push_type, number, state, created_at, expires_at, origin)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            request.id,
            request.user,
            request.journey,
            request.push_type,
            request.number,
            request.state.name(),
            request.created_at,
            request.expires_at,
            sealed
        ])?;
    Ok(())
}

fn origin_place(request: &str) -> Place<'_> {
    Place { kind: "push_request.origin", row: request.as_bytes() }
}

/// Where the browser is that waits for this request; nothing known of one that was sent before this was kept.
pub fn origin(transaction: &Transaction, request: &str, keys: &Keys) -> Result<Origin, StoreError> {
    let sealed: Option<Vec<u8>> = transaction
        .prepare_cached("SELECT origin FROM push_request WHERE id = ?1")?
        .query_row([request], |row| row.get(0))
        .optional()?
        .flatten();
    sealed.map_or_else(|| Ok(Origin::default()), |sealed| Origin::open(origin_place(request), &sealed, keys))
}

/// Stores the message of a push request to one device.
pub fn add_message(
    transaction: &Transaction,
    message: &PushMessageRow,
    jwt: &str,
    keys: &Keys,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let sealed = keys.seal(Place { kind: "push_message.jwt", row: message.id.as_bytes() }, jwt.as_bytes(), entropy)?;
    transaction
        .prepare_cached("INSERT INTO push_message (id, request, device, challenge, jwt) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![message.id, message.request, message.device, message.challenge, sealed])?;
    Ok(())
}

/// The signed message exactly as it was sent.
pub fn sent_jwt(transaction: &Transaction, id: &str, keys: &Keys) -> Result<String, StoreError> {
    let sealed: Vec<u8> =
        transaction.prepare_cached("SELECT jwt FROM push_message WHERE id = ?1")?.query_row([id], |row| row.get(0))?;
    open_jwt(id, &sealed, keys)
}

fn open_jwt(id: &str, sealed: &[u8], keys: &Keys) -> Result<String, StoreError> {
    let jwt = keys.open(Place { kind: "push_message.jwt", row: id.as_bytes() }, sealed)?;
    let text = std::str::from_utf8(jwt.expose(Reason::HandOver));
    text.map(str::to_owned).map_err(|_| StoreError::Damaged("push_message.jwt"))
}

/// The push request with this id.
pub fn find_request(transaction: &Transaction, id: &str) -> Result<Option<PushRequest>, StoreError> {
    let found = transaction
        .prepare_cached(
            "SELECT user, journey, push_type, number, state, created_at, expires_at, settled_at, content
             FROM push_request
             WHERE id = ?1",
        )?
        .query_row([id], |row| {
            let state: String = row.get(4)?;
            Ok((
                state,
                PushRequest {
                    id: id.to_owned(),
                    user: row.get(0)?,
                    journey: row.get(1)?,
                    push_type: row.get(2)?,
                    number: row.get(3)?,
                    state: PushState::Pending,
                    created_at: row.get(5)?,
                    expires_at: row.get(6)?,
                    settled_at: row.get(7)?,
                    content: row.get(8)?,
                },
            ))
        })
        .optional()?;
    found.map(|(state, request)| Ok(PushRequest { state: PushState::from_name(&state)?, ..request })).transpose()
}

/// The message with this id.
pub fn find_message(transaction: &Transaction, id: &str) -> Result<Option<PushMessageRow>, StoreError> {
    Ok(transaction
        .prepare_cached(
            "SELECT request, device, challenge, answer_body, answer_status FROM push_message WHERE id = ?1",
        )?
        .query_row([id], |row| {
            Ok(PushMessageRow {
                id: id.to_owned(),
                request: row.get(0)?,
                device: row.get(1)?,
                challenge: row.get(2)?,
                answer_body: row.get(3)?,
                answer_status: row.get(4)?,
            })
        })
        .optional()?)
}

/// Ends the user's pending requests in favour of a newer one; gives the journeys that waited for them.
pub fn supersede(transaction: &Transaction, user: &str) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "UPDATE push_request SET state = 'superseded' WHERE user = ?1 AND state = 'pending' RETURNING journey",
    )?;
    let journeys = statement.query_map([user], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(journeys)
}

/// Settles a pending request for good.
pub fn settle(
    transaction: &Transaction,
    request: &str,
    state: PushState,
    now: EpochMilliseconds,
) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE push_request SET state = ?2, settled_at = ?3 WHERE id = ?1 AND state = 'pending'")?
        .execute(params![request, state.name(), now])?;
    Ok(())
}

/// Notes the answer that a message got: SHA-256 of its body, and the status that it was answered with.
pub fn keep_answer(transaction: &Transaction, message: &str, body: &[u8], status: u16) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE push_message SET answer_body = ?2, answer_status = ?3 WHERE id = ?1")?
        .execute(params![message, body, status])?;
    Ok(())
}

/// Keeps what else the phone sent with the answer that settled a request, as JSON.
pub fn keep_content(transaction: &Transaction, request: &str, content: &str) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE push_request SET content = ?2 WHERE id = ?1")?
        .execute(params![request, content])?;
    Ok(())
}

/// How many requests were sent to the user after this time.
pub fn sent_since(transaction: &Transaction, user: &str, since: EpochMilliseconds) -> Result<u32, StoreError> {
    Ok(transaction
        .prepare_cached("SELECT count(*) FROM push_request WHERE user = ?1 AND created_at > ?2")?
        .query_row(params![user, since], |row| row.get(0))?)
}

/// How many of the user's requests were denied or answered with a wrong number after this time.
pub fn refused_since(transaction: &Transaction, user: &str, since: EpochMilliseconds) -> Result<u32, StoreError> {
    Ok(transaction
        .prepare_cached(
            "SELECT count(*) FROM push_request
             WHERE user = ?1 AND state IN ('denied', 'failed') AND settled_at > ?2",
        )?
        .query_row(params![user, since], |row| row.get(0))?)
}

/// Returns when the `n`th last of the requests was sent that the user got after this time; absent where there were fewer.
pub fn nth_last_sent(
    transaction: &Transaction,
    user: &str,
    since: EpochMilliseconds,
    n: u32,
) -> Result<Option<EpochMilliseconds>, StoreError> {
    Ok(transaction
        .prepare_cached(
            "SELECT created_at FROM push_request WHERE user = ?1 AND created_at > ?2
             ORDER BY created_at DESC LIMIT 1 OFFSET ?3",
        )?
        .query_row(params![user, since, n.saturating_sub(1)], |row| row.get(0))
        .optional()?)
}

/// Returns when the `n`th last of the requests was settled that the user denied, or answered with a wrong number, after
/// this time; absent where there were fewer.
pub fn nth_last_refused(
    transaction: &Transaction,
    user: &str,
    since: EpochMilliseconds,
    n: u32,
) -> Result<Option<EpochMilliseconds>, StoreError> {
    Ok(transaction
        .prepare_cached(
            "SELECT settled_at FROM push_request
             WHERE user = ?1 AND state IN ('denied', 'failed') AND settled_at > ?2
             ORDER BY settled_at DESC LIMIT 1 OFFSET ?3",
        )?
        .query_row(params![user, since, n.saturating_sub(1)], |row| row.get(0))
        .optional()?)
}

/// Ends a request that nobody waits for any more.
pub fn withdraw(transaction: &Transaction, journey: &[u8]) -> Result<(), StoreError> {
    transaction
        .prepare_cached("UPDATE push_request SET state = 'superseded' WHERE journey = ?1 AND state = 'pending'")?
        .execute([journey])?;
    Ok(())
}

/// The messages that still wait for this device's answer, oldest first: id and signed message.
pub fn pending_of_device(
    transaction: &Transaction,
    device: &str,
    now: EpochMilliseconds,
    keys: &Keys,
) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "SELECT push_message.id, push_message.jwt FROM push_message
         JOIN push_request ON push_request.id = push_message.request
         WHERE push_message.device = ?1 AND push_request.state = 'pending' AND push_request.expires_at > ?2
         ORDER BY push_request.created_at",
    )?;
    let rows: Vec<(String, Vec<u8>)> =
        statement.query_map(params![device, now], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(id, sealed)| {
            let jwt = open_jwt(&id, &sealed, keys)?;
            Ok((id, jwt))
        })
        .collect()
}

/// Removes requests that ended long ago.
pub fn sweep(transaction: &Transaction, before: EpochMilliseconds) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM push_request WHERE expires_at < ?1")?.execute([before])?;
    Ok(())
}
