//! The push token (docs/wire.md, "Change of push token"). The vault stores the wanted token for every push credential,
//! and the phone tells it to each server until the server has it. Credentials are independent: a failure of one does
//! not affect another. Nothing is sent here.
//!
//! Unlike an answer, a change is signed again whenever it is handed out: it contains its time of signing, and a server
//! accepts no signed message twice, so a server would reject the same bytes although the change is wanted.

use std::ops::RangeInclusive;

use super::activation::confirm;
use super::credential::{Id, PushCredential, RequestKind, TokenRefusal};
use super::enrolment::{PUSH_TOKEN_LIMIT, encode_body};
use super::http::{HttpResponse, server_text};
use super::log::{EventKind, note_account, note_refusal};
use super::outbox::{Delivery, Outcome};
use super::pull::asks_for_another;
use super::vault::{NewRequest, OutboxRecord, PushToken, TokenRecord, VaultError, Writer, skip_damaged};
use super::{Phone, PhoneError};
use crate::ports::{Entropy, EpochMilliseconds};
use crate::protocol::jws;
use crate::protocol::message::{CommunicationType, DeviceBody, RefreshClaims};
use crate::protocol::uri::with_action;
use crate::secret::{Reason, SecretBytes};

/// The action of the authentication endpoint that accepts changes.
const ACTION: &str = "refresh";
/// Time after which the server is told the same token again, in milliseconds, because it may have lost it.
const REASSERTED_AFTER: i64 = 30 * 24 * 3_600_000;
/// How far the last response may lie ahead of this phone's clock before the clock counts as set back, in milliseconds.
/// The server is then told again right away, not only after that time has passed.
const AHEAD: i64 = 24 * 3_600_000;

/// Where the pushes of an account go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTokenStatus {
    /// The account.
    pub account_id: String,
    /// What the server knows.
    pub state: PushTokenState,
    /// When the server was last known to have its current token, in epoch milliseconds by this phone's clock; `None` if
    /// it has rejected a token since then.
    pub confirmed_at: Option<EpochMilliseconds>,
}

/// What a server knows about the wanted push token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushTokenState {
    /// The server has the wanted token.
    Current,
    /// The change is waiting to be sent or being sent.
    Changing,
    /// The server rejected the wanted token. The phone tries again when the wanted token changes, or after 30 days.
    /// Until then, pushes go to the old token.
    Refused,
    /// The server does not support changes. The phone tries again as after a rejection. Pushes go to the old token,
    /// which may no longer work: add the account again, or pull its messages.
    NotOffered,
}

impl PushTokenState {
    /// Returns the state's name, in lowercase with dashes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Changing => "changing",
            Self::Refused => "refused",
            Self::NotOffered => "not-offered",
        }
    }
}

impl Phone {
    /// Sets the token that pushes for all accounts should go to from now on. The change waits in the outbox of every
    /// account whose server may know this phone; the other accounts follow as soon as theirs does. Setting the same
    /// token again changes nothing.
    pub fn set_push_token(&self, token: &str, communication_type: CommunicationType) -> Result<(), PhoneError> {
        if !(1..=PUSH_TOKEN_LIMIT).contains(&token.len()) {
            return Err(PhoneError::BadDevice("push token"));
        }
        let wanted = PushToken { token: token.to_owned(), communication_type };
        let now = self.now();
        self.vault.write(|rows| {
            let mut uncertain = Vec::new();
            for there in rows.tokens()?.into_iter().filter(|there| *there.wanted() != wanted) {
                // If an earlier change was handed out, the server may have accepted it, so the registered token is not
                // known.
                let is_certain = drop_waiting(rows, there.credential_id, now)?;
                let desired = (there.registered != wanted || !is_certain).then_some(&wanted);
                rows.set_desired_token(there.credential_id, desired)?;
                uncertain.extend((!is_certain).then_some(there.credential_id));
            }
            plan(rows, &*self.entropy, now)?;
            uncertain.into_iter().try_for_each(|credential| keep_uncertain(rows, credential))
        })
    }

    /// Returns where the pushes of every account go, in the order they were added. Works even if the vault's key is
    /// lost.
    pub fn push_tokens(&self) -> Result<Vec<PushTokenStatus>, PhoneError> {
        self.vault.read(|rows| {
            let mut statuses = Vec::new();
            for record in rows.tokens()? {
                let is_told = record.desired.is_none() && rows.waiting_refresh(record.credential_id)?.is_none();
                statuses.push(PushTokenStatus {
                    account_id: record.account_id.to_string(),
                    state: match record.refused {
                        Some(TokenRefusal::NotOffered) => PushTokenState::NotOffered,
                        Some(TokenRefusal::Refused) => PushTokenState::Refused,
                        None if is_told => PushTokenState::Current,
                        None => PushTokenState::Changing,
                    },
                    confirmed_at: record.answered_at.filter(|_| record.refused.is_none()),
                });
            }
            Ok(statuses)
        })
    }

    /// Returns whether a server must be told something that is not in the outbox yet.
    pub(super) fn has_tokens_to_tell(&self, now: EpochMilliseconds) -> Result<bool, PhoneError> {
        Ok(self.vault.is_readable() && !self.vault.read(|rows| rows.tokens_to_tell(due_outside(now)))?.is_empty())
    }
}

/// Returns the range of times for which a server's last response is recent enough that it need not be told again.
fn due_outside(now: EpochMilliseconds) -> RangeInclusive<EpochMilliseconds> {
    now.saturating_sub(REASSERTED_AFTER)..=now.saturating_add(AHEAD)
}

/// Removes a waiting change, so that its delays start over. A change that is being sent stays, and is judged by the
/// token it carried. Returns whether the change was never handed out, so that the server certainly still has its old
/// token.
fn drop_waiting(rows: &Writer<'_>, credential: Id, now: EpochMilliseconds) -> Result<bool, PhoneError> {
    let Some(id) = rows.waiting_refresh(credential)? else { return Ok(true) };
    let Some(record) = rows.request(id)? else { return Ok(true) };
    if record.leased_until.is_none_or(|until| until <= now) {
        rows.remove_request(id)?;
    }
    Ok(record.attempts == 0 && !record.fate_unknown)
}

/// Marks the next change, because the server may have accepted the one before it.
fn keep_uncertain(rows: &Writer<'_>, credential: Id) -> Result<(), PhoneError> {
    if let Some(id) = rows.waiting_refresh(credential)?
        && let Some(mut record) = rows.request(id)?
    {
        record.fate_unknown = true;
        rows.update_request(&record)?;
    }
    Ok(())
}

/// Puts into the outbox the changes that servers must be told and that are not there yet. An edited entry of the vault
/// is left out; using it returns its error.
pub(super) fn plan(rows: &Writer<'_>, entropy: &dyn Entropy, now: EpochMilliseconds) -> Result<(), PhoneError> {
    for record in rows.tokens_to_tell(due_outside(now))? {
        let Some(credential) = skip_damaged(rows.credential(record.credential_id))? else { continue };
        let secret = match rows.secret(&credential) {
            Ok(secret) => secret,
            Err(VaultError::Tampered { .. } | VaultError::KeyLost) => continue,
            Err(error) => return Err(error.into()),
        };
        let body = sign(&secret, &credential, &record, now)?;
        let url = with_action(&credential.authentication_endpoint, ACTION);
        let request = NewRequest {
            id: Id::make(entropy)?,
            kind: RequestKind::TokenRefresh,
            credential_id: credential.id,
            notification_id: None,
            url: url.as_str(),
            cookie: None,
            created_at: now,
        };
        rows.insert_request(&request, &body)?;
    }
    Ok(())
}

fn sign(
    secret: &SecretBytes,
    credential: &PushCredential,
    record: &TokenRecord,
    now: EpochMilliseconds,
) -> Result<Vec<u8>, PhoneError> {
    let wanted = record.wanted();
    let claims = RefreshClaims::new(
        record.platform.clone(),
        wanted.communication_type,
        wanted.token.clone(),
        record.device_name.clone(),
        Some(credential.server_time(now).div_euclid(1000)),
    );
    let jwt = jws::sign(secret, &claims)?;
    encode_body(&DeviceBody { mechanism_uid: credential.mechanism_uid.clone(), username: None, jwt })
}

/// Signs the change again with the current time and the token that is now wanted. A change that was handed out but not
/// reported gets a new id, because it may now carry another token, and a late report must not count for that.
pub(super) fn sign_anew(
    rows: &Writer<'_>,
    request: &mut OutboxRecord,
    entropy: &dyn Entropy,
    now: EpochMilliseconds,
) -> Result<(), PhoneError> {
    let id = if request.leased_until.is_some() { Id::make(entropy)? } else { request.id };
    let credential = rows.credential(request.credential_id)?.ok_or(VaultError::Damaged)?;
    let record = rows.token(credential.id)?.ok_or(VaultError::Damaged)?;
    let body = sign(&rows.secret(&credential)?, &credential, &record, now)?;
    Ok(rows.replace_request(request, id, &body)?)
}

/// Returns the token that a change carried when it was last signed.
fn carried(rows: &Writer<'_>, request: &OutboxRecord, credential: &PushCredential) -> Result<PushToken, PhoneError> {
    let body: DeviceBody = serde_json::from_slice(rows.request_body(request)?.expose(Reason::HandOver))
        .map_err(|_| VaultError::Damaged)?;
    let claims = jws::verify::<RefreshClaims>(&rows.secret(credential)?, &body.jwt)?.into_inner();
    Ok(PushToken { token: claims.device_id, communication_type: claims.communication_type })
}

/// Settles a change that the server accepted, which proves that it has this credential. Adds another change if a
/// different token is wanted by now.
pub(super) fn take(
    rows: &Writer<'_>,
    request: &OutboxRecord,
    credential: &PushCredential,
    entropy: &dyn Entropy,
    now: EpochMilliseconds,
) -> Result<(Delivery, usize), PhoneError> {
    let taken = carried(rows, request, credential)?;
    let replaced = confirm(rows, credential, now)?;
    let before = rows.token(credential.id)?.ok_or(VaultError::Damaged)?;
    rows.remove_request(request.id)?;
    rows.confirm_token(credential.id, &taken, now)?;
    if before.registered != taken {
        note_account(rows, now, EventKind::TokenChanged, Some(credential.account_id), None)?;
    }
    // The old token may have become the wanted one again while the change was on its way.
    if before.desired.is_none() && before.registered != taken {
        rows.set_desired_token(credential.id, Some(&before.registered))?;
    }
    plan(rows, entropy, now)?;
    Ok((Delivery::Done(Outcome::TokenChanged { account_id: credential.account_id.to_string() }), replaced))
}

/// Settles a change that the server rejected. Returns `None` if it should be signed again and retried, because its time
/// was wrong or a different token is wanted by now.
pub(super) fn refuse(
    rows: &Writer<'_>,
    request: &mut OutboxRecord,
    credential: &PushCredential,
    response: &HttpResponse,
    now: EpochMilliseconds,
) -> Result<Option<Delivery>, PhoneError> {
    let account_id = credential.account_id.to_string();
    let message = server_text(response);
    let is_offered = !is_not_offered(response.status);
    let wanted = rows.token(credential.id)?.ok_or(VaultError::Damaged)?;
    let is_outdated = carried(rows, request, credential)? != *wanted.wanted();
    if is_offered && is_outdated {
        // The delays start over, because the earlier attempts carried another token.
        request.attempts = 0;
        return Ok(None);
    }
    // Retried with the same delays as for a failing server: the number of attempts does not say how many reached the
    // server.
    if is_offered && asks_for_another(response) {
        return Ok(None);
    }
    rows.remove_request(request.id)?;
    let (refusal, kind, outcome) = if is_offered {
        (TokenRefusal::Refused, EventKind::TokenRefused, Outcome::TokenRefused { account_id })
    } else {
        (TokenRefusal::NotOffered, EventKind::TokenNotOffered, Outcome::TokenNotOffered { account_id })
    };
    rows.refuse_token(credential.id, refusal, now)?;
    note_refusal(rows, now, kind, credential, response.status, message.as_deref())?;
    Ok(Some(Delivery::Refused { status: response.status, message, outcome }))
}

/// Returns whether this status means that the server does not support changes.
pub(super) fn is_not_offered(status: u16) -> bool {
    matches!(status, 404 | 501)
}
