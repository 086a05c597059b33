//! Asking a server for what is pending (docs/wire.md, "Pull"): push is then only a hint. A pull is signed, used once
//! and not kept: whoever loses it makes another. It settles nothing, and what it brings is taken in as any push is.

use std::fmt;

use serde_json::Value;

use super::credential::{CredentialState, Id, PushCredential};
use super::enrolment::encode_body;
use super::http::{self, HttpResponse};
use super::notification::{Notification, Step, mark};
use super::{Phone, PhoneError};
use crate::ports::make_bytes;
use crate::protocol::encoding::encode_url_safe;
use crate::protocol::jws;
use crate::protocol::message::{
    DeviceBody, LONGEST_PULL_WAIT_SECONDS, PULL_AUDIENCE, PullClaims, PulledMessages, PushMessage,
};
use crate::protocol::uri::with_action;
use crate::secret::SecretBytes;

/// Length of a nonce, in bytes.
const NONCE_LENGTH: usize = 16;

/// A pull to be sent by POST. It must come back to [`Phone::pulled`] as it is.
#[derive(Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// The account it asks for.
    pub account_id: String,
    /// Where it goes.
    pub url: String,
    /// Headers to send, names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Marks what had arrived when the pull was made: only that can turn out to be withdrawn.
    pub marker: i64,
}

impl fmt::Debug for PullRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PullRequest")
            .field("account_id", &self.account_id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// What came of a pull.
#[derive(Debug, Clone, PartialEq)]
pub enum Pulled {
    /// The server listed what is pending.
    Messages {
        /// The messages listed, new ones and those that were here already.
        notifications: Vec<Notification>,
        /// Listed messages that were refused; they change nothing.
        refused: Vec<RefusedMessage>,
        /// Ids of sign-on requests that the server no longer lists.
        withdrawn: Vec<String>,
    },
    /// This server lists nothing; its messages come by push only.
    NotOffered,
    /// The server found the request's time or nonce wrong. The phone has learnt the server's time: make a new pull,
    /// once.
    AskAgain,
}

/// A listed message that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMessage {
    /// The server's id of the message.
    pub message_id: String,
    /// Why.
    pub error: PhoneError,
}

impl Phone {
    /// Makes one pull for every push credential that the server may know. `wait_seconds` (at most 30) is how long the
    /// server may hold it until a message is there. Entries of the vault that were edited are left out.
    pub fn pull(&self, wait_seconds: u32) -> Result<Vec<PullRequest>, PhoneError> {
        let (marker, credentials) = self.vault.read(|rows| {
            let mut credentials = Vec::new();
            for credential in rows.credentials()? {
                match (credential.state, rows.secret(&credential)) {
                    (CredentialState::Enrolling, _) | (_, Err(super::VaultError::Tampered { .. })) => {}
                    (_, secret) => credentials.push((secret?, credential)),
                }
            }
            Ok::<_, PhoneError>((rows.notification_marker()?, credentials))
        })?;
        credentials
            .iter()
            .map(|(secret, credential)| self.make_pull(secret, credential, wait_seconds, marker))
            .collect()
    }

    /// Takes in what the server answered to a pull.
    pub fn pulled(&self, pull: &PullRequest, response: HttpResponse) -> Result<Pulled, PhoneError> {
        let account = Id::parse(&pull.account_id).ok_or(PhoneError::AccountNotFound)?;
        let now = self.now();
        let credential =
            self.vault.read(|rows| rows.credential_of_account(account)?.ok_or(PhoneError::AccountNotFound))?;
        if let Some(sent_at) = made_at(pull, &credential).filter(|_| response.date.is_some()) {
            self.vault.write(|rows| http::learn_clock_offset(rows, &credential, &response, sent_at, now))?;
        }
        match response.status {
            200 => self.take_in(&credential, pull.marker, &response),
            404 | 501 => Ok(Pulled::NotOffered),
            400 if asks_for_another(&response) => Ok(Pulled::AskAgain),
            400..=499 if !matches!(response.status, 408 | 429) => {
                Err(PhoneError::PullRefused { status: response.status, message: http::server_text(&response) })
            }
            status => Err(PhoneError::PullUnavailable { status }),
        }
    }

    fn make_pull(
        &self,
        secret: &SecretBytes,
        credential: &PushCredential,
        wait_seconds: u32,
        marker: i64,
    ) -> Result<PullRequest, PhoneError> {
        let claims = PullClaims {
            sub: credential.mechanism_uid.clone(),
            aud: PULL_AUDIENCE.to_owned(),
            iat: credential.server_time(self.now()).div_euclid(1000),
            nonce: encode_url_safe(&make_bytes::<NONCE_LENGTH>(&*self.entropy)?),
            wait: wait_seconds.min(LONGEST_PULL_WAIT_SECONDS),
        };
        let body = DeviceBody {
            mechanism_uid: credential.mechanism_uid.clone(),
            username: None,
            jwt: jws::sign(secret, &claims)?,
        };
        Ok(PullRequest {
            account_id: credential.account_id.to_string(),
            url: with_action(&credential.authentication_endpoint, PULL_AUDIENCE).to_string(),
            headers: http::headers(None),
            body: encode_body(&body)?,
            marker,
        })
    }

    fn take_in(&self, credential: &PushCredential, marker: i64, response: &HttpResponse) -> Result<Pulled, PhoneError> {
        if response.body.len() > http::RESPONSE_LIMIT {
            return Err(PhoneError::ResponseUnreadable);
        }
        let listed: PulledMessages =
            serde_json::from_slice(&response.body).map_err(|_| PhoneError::ResponseUnreadable)?;
        let (mut notifications, mut refused) = (Vec::new(), Vec::new());
        for each in &listed.messages {
            match self.receive_for(credential, &each.message_id, &each.message) {
                Ok(notification) => notifications.push(notification),
                // Trouble with the vault is not the message's: nothing may be concluded from this answer.
                Err(error @ PhoneError::Vault(_)) => return Err(error),
                Err(error) => refused.push(RefusedMessage { message_id: each.message_id.clone(), error }),
            }
        }
        let now = self.now();
        let withdrawn = self.vault.write(|rows| {
            let mut withdrawn = Vec::new();
            for record in rows.pending_notifications_until(credential.id, marker)? {
                if !listed.messages.iter().any(|each| each.message_id == record.message_id) {
                    mark(rows, record.id, Step::Withdraw, now)?;
                    withdrawn.push(record.id.to_string());
                }
            }
            Ok::<_, PhoneError>(withdrawn)
        })?;
        Ok(Pulled::Messages { notifications, refused, withdrawn })
    }

    /// A server lists its own messages only.
    fn receive_for(
        &self,
        credential: &PushCredential,
        message_id: &str,
        jwt: &str,
    ) -> Result<Notification, PhoneError> {
        match PushMessage::peek_mechanism_uid(jwt) {
            Ok(mechanism_uid) if mechanism_uid == credential.mechanism_uid => self.receive_message(message_id, jwt),
            Ok(_) => Err(PhoneError::UnknownCredential),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether the refusal is about the request's time or nonce, which a new one has right.
pub(super) fn asks_for_another(response: &HttpResponse) -> bool {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(&response.body) else { return false };
    fields.values().filter_map(Value::as_str).any(|text| matches!(text, "clock" | "replayed"))
}

/// When a pull was made by this phone's clock, to the second.
fn made_at(pull: &PullRequest, credential: &PushCredential) -> Option<crate::ports::EpochMilliseconds> {
    let body: DeviceBody = serde_json::from_slice(&pull.body).ok()?;
    let claims: PullClaims = jws::peek(&body.jwt).ok()?;
    Some(credential.phone_time(claims.iat.saturating_mul(1000)))
}
