//! Where pushes shall go (docs/wire.md, "Change of push token"): what is wanted is kept for every push credential, and
//! told to its server until the server has it. One credential's trouble is never another's. Nothing here sends it.
//!
//! Unlike answers, a change is signed anew whenever it is handed out: it says when it was signed, and a server takes no
//! signed message twice, so the same bytes again would be refused although they are wanted.

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

/// The action of the authentication endpoint that takes changes.
const ACTION: &str = "refresh";
/// After this time the server is told again what it was told before, in milliseconds: it may have lost it.
const REASSERTED_AFTER: i64 = 30 * 24 * 3_600_000;
/// How far ahead of this phone's clock the last answer may lie before that clock counts as put back, in milliseconds: then
/// the server is told anew rather than when that time comes.
const AHEAD: i64 = 24 * 3_600_000;

/// Where the pushes of an account go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushTokenStatus {
    /// The account.
    pub account_id: String,
    /// How far its server knows.
    pub state: PushTokenState,
    /// When the server was last known to have the token it has, in epoch milliseconds by this phone's clock; none where it
    /// refused since then.
    pub confirmed_at: Option<EpochMilliseconds>,
}

/// How far a server knows where pushes shall go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushTokenState {
    /// It has the token that is wanted.
    Current,
    /// It is to be told, or is being told.
    Changing,
    /// It refused the token that is wanted, and is asked again when another one is wanted, or after 30 days. Until then
    /// pushes go where they went.
    Refused,
    /// It takes no change, and is asked again like one that refused. Pushes go where they went, which may be nowhere: add
    /// the account again, or fetch its messages.
    NotOffered,
}

impl PushTokenState {
    /// The state's name, in lower case with dashes.
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
    /// Wants pushes for all accounts to go to this token from now on. The change waits in the outbox of every account
    /// whose server may know this phone; the others follow as soon as theirs does. The same token again changes nothing.
    pub fn set_push_token(&self, token: &str, communication_type: CommunicationType) -> Result<(), PhoneError> {
        if !(1..=PUSH_TOKEN_LIMIT).contains(&token.len()) {
            return Err(PhoneError::BadDevice("push token"));
        }
        let wanted = PushToken { token: token.to_owned(), communication_type };
        let now = self.now();
        self.vault.write(|rows| {
            let mut uncertain = Vec::new();
            for there in rows.tokens()?.into_iter().filter(|there| *there.wanted() != wanted) {
                // A change that was handed out before may have been taken: then what is registered is not known.
                let is_certain = drop_waiting(rows, there.credential_id, now)?;
                let desired = (there.registered != wanted || !is_certain).then_some(&wanted);
                rows.set_desired_token(there.credential_id, desired)?;
                uncertain.extend((!is_certain).then_some(there.credential_id));
            }
            plan(rows, &*self.entropy, now)?;
            uncertain.into_iter().try_for_each(|credential| keep_uncertain(rows, credential))
        })
    }

    /// Where the pushes of every account go, in the order of adding. Works without the key too.
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

    /// Whether a server is to be told something that does not wait in the outbox yet.
    pub(super) fn has_tokens_to_tell(&self, now: EpochMilliseconds) -> Result<bool, PhoneError> {
        Ok(self.vault.is_readable() && !self.vault.read(|rows| rows.tokens_to_tell(due_outside(now)))?.is_empty())
    }
}

/// Whoever answered within these times needs not be told what it was told before.
fn due_outside(now: EpochMilliseconds) -> RangeInclusive<EpochMilliseconds> {
    now.saturating_sub(REASSERTED_AFTER)..=now.saturating_add(AHEAD)
}

/// Takes a waiting change out, so that its delays begin anew; one that is being sent stays, and is judged by what it
/// carried. Gives whether none was handed out, so that the server certainly has what it had.
fn drop_waiting(rows: &Writer<'_>, credential: Id, now: EpochMilliseconds) -> Result<bool, PhoneError> {
    let Some(id) = rows.waiting_refresh(credential)? else { return Ok(true) };
    let Some(record) = rows.request(id)? else { return Ok(true) };
    if record.leased_until.is_none_or(|until| until <= now) {
        rows.remove_request(id)?;
    }
    Ok(record.attempts == 0 && !record.fate_unknown)
}

/// Remembers with the change that follows that one before it may have been taken.
fn keep_uncertain(rows: &Writer<'_>, credential: Id) -> Result<(), PhoneError> {
    if let Some(id) = rows.waiting_refresh(credential)?
        && let Some(mut record) = rows.request(id)?
    {
        record.fate_unknown = true;
        rows.update_request(&record)?;
    }
    Ok(())
}

/// Puts into the outbox what servers are to be told and what does not wait there yet. An entry of the vault that was
/// edited is left out; its own error comes when it is used.
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

/// The change as it is to be sent now, of what is wanted now. One that was handed out and never reported gets another
/// id, as it may carry another token by now: a report that comes late after all must not count for that.
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

/// The token that a change told as it was last signed.
fn carried(rows: &Writer<'_>, request: &OutboxRecord, credential: &PushCredential) -> Result<PushToken, PhoneError> {
    let body: DeviceBody = serde_json::from_slice(rows.request_body(request)?.expose(Reason::HandOver))
        .map_err(|_| VaultError::Damaged)?;
    let claims = jws::verify::<RefreshClaims>(&rows.secret(credential)?, &body.jwt)?.into_inner();
    Ok(PushToken { token: claims.device_id, communication_type: claims.communication_type })
}

/// Settles a change that the server took, which shows that it has this credential; another one follows where something
/// else is wanted by now.
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
    // While it was on its way, the token before it may have become the wanted one again.
    if before.desired.is_none() && before.registered != taken {
        rows.set_desired_token(credential.id, Some(&before.registered))?;
    }
    plan(rows, entropy, now)?;
    Ok((Delivery::Done(Outcome::TokenChanged { account_id: credential.account_id.to_string() }), replaced))
}

/// Settles a change that the server refused; `None` when it is to be signed anew and tried again: its time was found
/// wrong, or something else is wanted by now.
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
        // Its delays begin anew: what the other one went through is not its own.
        request.attempts = 0;
        return Ok(None);
    }
    // As often as with a server that fails: how often it was handed out says nothing of how often the server heard of it.
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

/// Whether a server that answers this takes no changes at all.
pub(super) fn is_not_offered(status: u16) -> bool {
    matches!(status, 404 | 501)
}
