//! The outbox: what waits to be sent, and how its outcome is handled. HTTP requests go out as data and outcomes come in
//! as data. The sender uses its own HTTP stack and must not follow redirects.
//!
//! An entry is leased to its sender for a minute, so that app and notification extension never send it at the same
//! time. If the lease expires without a report, the process was killed between sending and receiving the response. The
//! same bytes are then handed out again, and from then on a rejection no longer proves that the first attempt failed.

use super::activation::confirm;
use super::credential::{CredentialState, Id, NotificationState, PushCredential, RequestKind};
use super::http::{HttpRequest, HttpResponse, headers, learn_clock_offset, server_text};
use super::log::{EventKind, note_end, note_refusal};
use super::notification::{OpenedNotification, Step, after, mark};
use super::vault::{OutboxRecord, Reader, Writer, skip_damaged};
use super::{Phone, PhoneError, VaultError, token};
use crate::ports::{Entropy, EpochMilliseconds};
use crate::secret::Reason;

/// How long an entry is leased to its sender, in milliseconds.
const LEASE: i64 = 60_000;
/// Delay before the second attempt, in milliseconds; it doubles with every further attempt.
const FIRST_DELAY: i64 = 1_000;
/// Longest delay between two attempts, in milliseconds.
const LONGEST_DELAY: i64 = 300_000;
/// How sending failed without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendFailure {
    /// Nothing can have reached the server: no network, no address, no connection.
    NotSent,
    /// The HTTP request may have reached the server.
    FateUnknown,
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The server accepted it.
    Done(Outcome),
    /// The server rejected it for good.
    Refused {
        /// HTTP status.
        status: u16,
        /// The server's error message, cleaned.
        message: Option<String>,
        /// The effect on this phone.
        outcome: Outcome,
    },
    /// The entry stays in the outbox and will be due again.
    Retry {
        /// When it is due, in epoch milliseconds by this phone's clock.
        at: EpochMilliseconds,
        /// HTTP status, if the server responded.
        status: Option<u16>,
    },
}

/// The effect of a settled entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The account is ready.
    AccountActive {
        /// The account.
        account_id: String,
    },
    /// The account was removed, because the server never had it. The account that it was to replace is unchanged.
    AccountRemoved {
        /// The removed account.
        account_id: String,
    },
    /// The account is kept, because the server may have accepted an earlier attempt. The first valid message will
    /// confirm it.
    AccountUnconfirmed {
        /// The account.
        account_id: String,
    },
    /// The server sends pushes to the new token.
    TokenChanged {
        /// The account.
        account_id: String,
    },
    /// The server rejected the new token and keeps sending pushes to the old one.
    TokenRefused {
        /// The account.
        account_id: String,
    },
    /// The server does not support token changes and keeps sending pushes to the old token.
    TokenNotOffered {
        /// The account.
        account_id: String,
    },
    /// The sign-on request now has this state.
    Notification {
        /// The sign-on request.
        notification_id: String,
        /// Its state.
        state: NotificationState,
    },
}

/// An unsettled outbox entry, for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Id of the entry.
    pub id: String,
    /// Purpose of the entry.
    pub kind: RequestKind,
    /// The account it belongs to.
    pub account_id: String,
    /// The sign-on request that the entry answers.
    pub notification_id: Option<String>,
    /// Time of creation, in epoch milliseconds by this phone's clock.
    pub created_at: EpochMilliseconds,
    /// Number of times it was handed out.
    pub attempts: u32,
    /// When it is due again, in epoch milliseconds by this phone's clock.
    pub next_attempt_at: EpochMilliseconds,
}

impl Phone {
    /// Returns the HTTP requests to send now, oldest first. Each is leased to the caller for 60 seconds, within which
    /// it must be sent and its outcome reported. Answers whose time ran out are settled instead. An entry that was
    /// edited or is damaged is never handed out, and is an error if there is nothing else to send.
    pub fn due(&self) -> Result<Vec<HttpRequest>, PhoneError> {
        let now = self.now();
        if self.vault.read(|rows| rows.outbox())?.is_empty() && !self.has_tokens_to_tell(now)? {
            return Ok(Vec::new());
        }
        let (requests, refused) = self.vault.write(|rows| {
            token::plan(rows, &*self.entropy, now)?;
            let (mut requests, mut refused) = (Vec::new(), None);
            for record in rows.outbox()? {
                match lease(rows, record, &*self.entropy, now) {
                    Ok(request) => requests.extend(request),
                    Err(error @ PhoneError::Vault(VaultError::Tampered { .. } | VaultError::Damaged)) => {
                        refused = Some(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok((requests, refused))
        })?;
        match refused {
            Some(error) if requests.is_empty() => Err(error),
            _ => Ok(requests),
        }
    }

    /// Reports the server's response. If the entry is settled already or never existed, returns
    /// [`PhoneError::RequestNotFound`] and changes nothing.
    pub fn delivered(&self, request_id: &str, response: HttpResponse) -> Result<Delivery, PhoneError> {
        let now = self.now();
        let (delivery, removed) = self.vault.write(|rows| {
            let (mut record, credential) = find(rows, request_id)?;
            if let Some(until) = record.leased_until {
                learn_clock_offset(rows, &credential, &response, until.saturating_sub(LEASE), now)?;
            }
            match judge(record.kind, response.status) {
                Judgement::Taken if record.kind == RequestKind::TokenRefresh => {
                    let (delivery, replaced) = token::take(rows, &record, &credential, &*self.entropy, now)?;
                    Ok((delivery, replaced > 0))
                }
                Judgement::Refused if record.kind == RequestKind::TokenRefresh => {
                    match token::refuse(rows, &mut record, &credential, &response, now)? {
                        Some(delivery) => Ok((delivery, false)),
                        None => Ok((retry(rows, record, false, Some(response.status), now)?, false)),
                    }
                }
                Judgement::Taken => take(rows, &record, &credential, now),
                Judgement::Refused => refuse(rows, &record, &credential, &response, now),
                Judgement::TryAgain { fate_unknown } => {
                    Ok((retry(rows, record, fate_unknown, Some(response.status), now)?, false))
                }
            }
        })?;
        if removed {
            self.vault.truncate_log();
        }
        Ok(delivery)
    }

    /// Reports that there was no response. Otherwise like [`delivered`](Self::delivered).
    pub fn failed(&self, request_id: &str, failure: SendFailure) -> Result<Delivery, PhoneError> {
        let now = self.now();
        self.vault.write(|rows| {
            let (record, _) = find(rows, request_id)?;
            retry(rows, record, failure == SendFailure::FateUnknown, None, now)
        })
    }

    /// Makes every entry that is waiting for its next attempt due now, because the user asked for it or the network is
    /// back. Entries that are being sent stay with their sender.
    pub fn retry_now(&self) -> Result<(), PhoneError> {
        let now = self.now();
        self.vault.write(|rows| {
            for mut record in rows.outbox()?.into_iter().filter(|record| record.leased_until.is_none()) {
                record.next_attempt_at = now;
                rows.update_request(&record)?;
            }
            Ok(())
        })
    }

    /// Settles the answers whose time ran out and that nobody is sending, even if nobody calls [`due`](Self::due).
    pub(super) fn settle_late_answers(&self, now: EpochMilliseconds) -> Result<(), PhoneError> {
        let late = |rows: &Reader<'_>| {
            let free = rows.outbox()?.into_iter().filter(|record| !is_being_sent(record, now));
            // An edited or damaged entry is never sent either; using it returns its error.
            let late = free.filter_map(|record| Some((answered_by(rows, &record).ok()??, record)));
            Ok::<_, PhoneError>(late.filter(|(answered, _)| answered.is_late(now)).collect::<Vec<_>>())
        };
        if self.vault.read(late)?.is_empty() {
            return Ok(());
        }
        self.vault
            .write(|rows| late(rows)?.iter().try_for_each(|(answered, record)| end_late(rows, record, answered, now)))
    }

    /// Returns the entries that are waiting or being sent, oldest first. Works even if the vault's key is lost.
    pub fn outbox(&self) -> Result<Vec<Waiting>, PhoneError> {
        self.vault.read(|rows| {
            let mut waiting = Vec::new();
            for record in rows.outbox()? {
                let Some(credential) = skip_damaged(rows.credential(record.credential_id))? else { continue };
                waiting.push(Waiting {
                    id: record.id.to_string(),
                    kind: record.kind,
                    account_id: credential.account_id.to_string(),
                    notification_id: record.notification_id.map(|id| id.to_string()),
                    created_at: record.created_at,
                    attempts: record.attempts,
                    next_attempt_at: record.next_attempt_at.max(record.leased_until.unwrap_or(0)),
                });
            }
            Ok(waiting)
        })
    }
}

/// Leases an entry if it is due; settles an answer whose time ran out.
fn lease(
    rows: &Writer<'_>,
    mut record: OutboxRecord,
    entropy: &dyn Entropy,
    now: EpochMilliseconds,
) -> Result<Option<HttpRequest>, PhoneError> {
    if record.leased_until.is_some() {
        if is_being_sent(&record, now) {
            return Ok(None);
        }
        record.fate_unknown = true;
    } else if holds(record.next_attempt_at, LONGEST_DELAY, now) && record.attempts > 0 {
        return Ok(None);
    }
    let answered = answered_by(rows, &record)?;
    if let Some(late) = answered.as_ref().filter(|each| each.is_late(now)) {
        end_late(rows, &record, late, now)?;
        return Ok(None);
    }
    if record.kind == RequestKind::TokenRefresh {
        token::sign_anew(rows, &mut record, entropy, now)?;
    }
    let body = rows.request_body(&record)?;
    record.attempts = record.attempts.saturating_add(1);
    record.leased_until = Some(now.saturating_add(LEASE));
    rows.update_request(&record)?;
    Ok(Some(HttpRequest {
        id: record.id.to_string(),
        kind: record.kind,
        headers: headers(record.cookie.as_deref()),
        url: record.url,
        body: body.expose(Reason::HandOver).to_vec(),
        not_after: answered.map(|each| each.credential.phone_time(each.answerable_until())),
    }))
}

/// Returns whether this time is still in the future. A time further ahead than any that is ever set means that the
/// clock was set back, and is ignored.
fn holds(until: EpochMilliseconds, longest: i64, now: EpochMilliseconds) -> bool {
    until > now && until <= now.saturating_add(longest)
}

fn is_being_sent(record: &OutboxRecord, now: EpochMilliseconds) -> bool {
    record.leased_until.is_some_and(|until| holds(until, LEASE, now))
}

/// Returns the sign-on request that an entry answers.
fn answered_by(rows: &Reader<'_>, record: &OutboxRecord) -> Result<Option<OpenedNotification>, PhoneError> {
    let Some(id) = record.notification_id else { return Ok(None) };
    Ok(Some(OpenedNotification::open(rows, rows.notification(id)?.ok_or(VaultError::Damaged)?)?))
}

/// Settles an answer whose time ran out and that nobody is sending. If it was leased before, the server may have
/// accepted it.
fn end_late(
    rows: &Writer<'_>,
    record: &OutboxRecord,
    late: &OpenedNotification,
    now: EpochMilliseconds,
) -> Result<(), PhoneError> {
    let fate_unknown = record.fate_unknown || record.leased_until.is_some();
    mark(rows, late.record.id, Step::RunOut { fate_unknown }, now)?;
    Ok(rows.remove_request(record.id)?)
}

fn find(rows: &Reader<'_>, request_id: &str) -> Result<(OutboxRecord, PushCredential), PhoneError> {
    let id = Id::parse(request_id).ok_or(PhoneError::RequestNotFound)?;
    let record = rows.request(id)?.ok_or(PhoneError::RequestNotFound)?;
    let credential = rows.credential(record.credential_id)?.ok_or(PhoneError::RequestNotFound)?;
    Ok((record, credential))
}

enum Judgement {
    Taken,
    Refused,
    TryAgain {
        /// Whether the HTTP request may have been processed before the server, or a proxy in front of it, failed.
        fate_unknown: bool,
    },
}

fn judge(kind: RequestKind, status: u16) -> Judgement {
    match status {
        _ if kind == RequestKind::TokenRefresh && token::is_not_offered(status) => Judgement::Refused,
        200..=299 => Judgement::Taken,
        // A proxy demands authentication, or the server received too many HTTP requests: the server did not process
        // this one.
        407 | 429 => Judgement::TryAgain { fate_unknown: false },
        408 | 500.. => Judgement::TryAgain { fate_unknown: true },
        400..=499 => Judgement::Refused,
        // Redirects are not followed, and any other status cannot come from the phones' endpoint.
        _ => Judgement::TryAgain { fate_unknown: false },
    }
}

/// Settles an entry that the server accepted. Also returns whether that removed accounts.
fn take(
    rows: &Writer<'_>,
    record: &OutboxRecord,
    credential: &PushCredential,
    now: EpochMilliseconds,
) -> Result<(Delivery, bool), PhoneError> {
    rows.remove_request(record.id)?;
    match (record.kind, record.notification_id) {
        (RequestKind::Answer, Some(notification)) => {
            let verdict = rows.notification(notification)?.and_then(|record| record.verdict);
            let step = Step::Taken(verdict.ok_or(VaultError::Damaged)?);
            Ok((Delivery::Done(settle(rows, notification, step, now)?), false))
        }
        // The `token` module settles token changes.
        (RequestKind::Answer | RequestKind::TokenRefresh, _) => Err(VaultError::Damaged.into()),
        (RequestKind::Registration, _) => {
            // A message may have confirmed it already.
            let replaced = confirm(rows, credential, now)?;
            let account_id = credential.account_id.to_string();
            Ok((Delivery::Done(Outcome::AccountActive { account_id }), replaced > 0))
        }
    }
}

/// Settles an entry that the server rejected. Also returns whether that removed an account.
fn refuse(
    rows: &Writer<'_>,
    record: &OutboxRecord,
    credential: &PushCredential,
    response: &HttpResponse,
    now: EpochMilliseconds,
) -> Result<(Delivery, bool), PhoneError> {
    rows.remove_request(record.id)?;
    let account_id = credential.account_id.to_string();
    let (outcome, removed) = match (record.kind, record.notification_id) {
        (RequestKind::Answer, Some(notification)) => {
            let step = Step::Refused { fate_unknown: record.fate_unknown };
            (settle(rows, notification, step, now)?, false)
        }
        (RequestKind::Answer | RequestKind::TokenRefresh, _) => return Err(VaultError::Damaged.into()),
        // A valid message arrived in the meantime, so the server does have this credential.
        (RequestKind::Registration, _) if credential.state == CredentialState::Active => {
            return Ok((Delivery::Done(Outcome::AccountActive { account_id }), false));
        }
        (RequestKind::Registration, _) if record.fate_unknown => {
            rows.set_credential_state(credential.id, CredentialState::Unconfirmed)?;
            (Outcome::AccountUnconfirmed { account_id }, false)
        }
        (RequestKind::Registration, _) => {
            rows.remove_account(credential.account_id)?;
            (Outcome::AccountRemoved { account_id }, true)
        }
    };
    let message = server_text(response);
    if record.kind == RequestKind::Registration {
        let kind = EventKind::RegistrationRefused;
        note_refusal(rows, now, kind, credential, response.status, message.as_deref())?;
    }
    Ok((Delivery::Refused { status: response.status, message, outcome }, removed))
}

fn settle(rows: &Writer<'_>, notification: Id, step: Step, now: EpochMilliseconds) -> Result<Outcome, PhoneError> {
    let record = rows.notification(notification)?.ok_or(PhoneError::NotificationNotFound)?;
    let state = after(record.state, step)?;
    rows.set_notification_state(notification, state, record.verdict, now)?;
    note_end(rows, now, record.credential_id, notification, state)?;
    Ok(Outcome::Notification { notification_id: notification.to_string(), state })
}

fn retry(
    rows: &Writer<'_>,
    mut record: OutboxRecord,
    fate_unknown: bool,
    status: Option<u16>,
    now: EpochMilliseconds,
) -> Result<Delivery, PhoneError> {
    let doublings = record.attempts.saturating_sub(1).min(16);
    let at = now.saturating_add((FIRST_DELAY << doublings).min(LONGEST_DELAY));
    record.fate_unknown |= fate_unknown;
    record.leased_until = None;
    record.next_attempt_at = at;
    rows.update_request(&record)?;
    Ok(Delivery::Retry { at, status })
}
