//! Pulls of pending messages from a server (docs/wire.md, "Pull"), which make the push itself only a hint. A pull is
//! signed, also by the device key if that signs without the user. It is used once and not stored; if it is lost, make
//! another one. A pull settles nothing, and its messages are handled like pushed ones.

use std::fmt;

use serde_json::Value;

use super::credential::{CredentialState, Id, PushCredential};
use super::device_key::{self, Signed, ToSign};
use super::enrolment::encode_body;
use super::http::{self, HttpResponse};
use super::notification::{Notification, Step, mark};
use super::vault::{Reader, VaultError};
use super::{Phone, PhoneError};
use crate::ports::make_bytes;
use crate::protocol::device_key::PublicKey;
use crate::protocol::encoding::encode_url_safe;
use crate::protocol::jws;
use crate::protocol::message::{DeviceBody, PushMessage};
use crate::protocol::pull::{
    ExpectedPull, LONGEST_PULL_WAIT_SECONDS, PULL_AUDIENCE, PullClaims, PullProof, PulledMessages,
};
use crate::protocol::uri::with_action;
use crate::secret::SecretBytes;

/// Length of a nonce, in bytes.
const NONCE_LENGTH: usize = 16;

/// A pull to send by POST. It must be passed to [`Phone::pulled`] unchanged.
#[derive(Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// The account to pull for.
    pub account_id: String,
    /// URL to send to.
    pub url: String,
    /// Names and values of the headers to send.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Marks the messages that had arrived when the pull was made. Only these can turn out to be withdrawn.
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

/// The result of a pull.
#[derive(Debug, Clone, PartialEq)]
pub enum Pulled {
    /// The server listed the pending messages.
    Messages {
        /// The listed messages, both new and known.
        notifications: Vec<Notification>,
        /// Listed messages that were rejected; they change nothing.
        refused: Vec<RefusedMessage>,
        /// Ids of the sign-on requests that the server no longer lists.
        withdrawn: Vec<String>,
    },
    /// This server does not support pulls; its messages arrive by push only.
    NotOffered,
    /// The server rejected the pull's time or nonce. The phone has learned the server's time: make a new pull, once.
    AskAgain,
}

/// A listed message that was rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMessage {
    /// The server's id for the message.
    pub message_id: String,
    /// Why it was rejected.
    pub error: PhoneError,
}

/// What an account's hardware key must sign before the phone can pull from its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullToSign {
    /// The account.
    pub account_id: String,
    /// The bytes to sign, for [`Phone::pull_signed`] within five minutes.
    pub to_sign: ToSign,
}

/// How an account's pull is signed in addition to the shared secret.
enum Signer {
    /// Not at all: the account has no device key, or one that requires the user each time.
    None,
    /// By a software key.
    Software(SecretBytes, PublicKey),
    /// By a hardware key that signs without the user.
    Hardware(PublicKey),
    /// By a hardware key that is no longer there.
    Invalidated,
}

/// An account to pull for.
struct Asker {
    credential: PushCredential,
    secret: SecretBytes,
    signer: Signer,
}

impl Asker {
    fn of(rows: &Reader<'_>, credential: PushCredential) -> Result<Self, VaultError> {
        let signer = match &credential.key {
            None => Signer::None,
            Some(key) => {
                // Opened for every key, because this fails if the key's description was edited.
                let private = rows.device_key(&credential, key)?;
                let public = PublicKey::parse(&key.jwk).map_err(|_| VaultError::Damaged)?;
                match (key.presence.signs_alone(), key.is_invalidated, key.is_software) {
                    // A fingerprint for each pull would train users to sign blindly; only the answer requires one.
                    (false, ..) => Signer::None,
                    (true, true, _) => Signer::Invalidated,
                    (true, false, true) => Signer::Software(private, public),
                    (true, false, false) => Signer::Hardware(public),
                }
            }
        };
        Ok(Self { secret: rows.secret(&credential)?, credential, signer })
    }
}

impl Phone {
    /// Makes one pull for every push credential that the server may know, except those that a hardware key must sign
    /// first ([`pulls_to_sign`](Self::pulls_to_sign)). `wait_seconds` (at most 30) is how long the server may hold the
    /// HTTP request until a message arrives. Edited entries of the vault are left out.
    pub fn pull(&self, wait_seconds: u32) -> Result<Vec<PullRequest>, PhoneError> {
        let (marker, askers) = self.askers()?;
        let askers = askers.iter().filter(|asker| matches!(asker.signer, Signer::None | Signer::Software(..)));
        askers.map(|asker| self.make_pull(asker, wait_seconds, marker)).collect()
    }

    /// Makes one pull for this account, even before its registration is confirmed, because a hint says that the server
    /// knows it. Otherwise like [`pull`](Self::pull). Returns [`PhoneError::SignatureNeeded`] if a hardware key must
    /// sign first.
    pub fn pull_account(&self, account_id: &str, wait_seconds: u32) -> Result<PullRequest, PhoneError> {
        let (marker, asker) = self.asker(account_id)?;
        self.make_pull(&asker, wait_seconds, marker)
    }

    /// Returns what the hardware keys of accounts must sign before the phone can pull from their servers, only for keys
    /// that sign without the user. [`pull`](Self::pull) covers the other accounts.
    pub fn pulls_to_sign(&self) -> Result<Vec<PullToSign>, PhoneError> {
        let (_, askers) = self.askers()?;
        let mut pulls = Vec::new();
        for Asker { credential, signer, .. } in &askers {
            if let Signer::Hardware(key) = signer {
                let bytes = self.pull_proof(credential, key)?.signing_input()?.as_bytes().to_vec();
                pulls.push(PullToSign { account_id: credential.account_id.to_string(), to_sign: ToSign { bytes } });
            }
        }
        Ok(pulls)
    }

    /// Makes the pull that an account's hardware key signed. The signature is verified before anything is handed out,
    /// and is valid for one pull.
    pub fn pull_signed(&self, account_id: &str, wait_seconds: u32, signed: &Signed) -> Result<PullRequest, PhoneError> {
        let (marker, Asker { credential, secret, signer }) = self.asker(account_id)?;
        let key = match signer {
            Signer::Hardware(key) => key,
            Signer::Invalidated => return Err(PhoneError::DeviceKeyInvalidated),
            Signer::None | Signer::Software(..) => return Err(PhoneError::NoDeviceKey),
        };
        let token = device_key::token(signed)?;
        let proof = PullProof::read(&key, &token).map_err(PhoneError::SignatureRefused)?.into_inner();
        let audience = audience(&credential);
        let expected = ExpectedPull {
            mechanism_uid: &credential.mechanism_uid,
            audience: &audience,
            iat: proof.iat,
            nonce: &proof.nonce,
        };
        proof.check(&key, expected, self.server_seconds(&credential)).map_err(PhoneError::SignatureRefused)?;
        let claims = claims(&credential, proof.iat, proof.nonce, wait_seconds, Some(token));
        request(&credential, &secret, &claims, marker)
    }

    /// Processes the server's response to a pull.
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

    /// Returns the accounts whose server may know them, and the marker of what has arrived.
    fn askers(&self) -> Result<(i64, Vec<Asker>), PhoneError> {
        self.vault.read(|rows| {
            let mut askers = Vec::new();
            for credential in rows.credentials()? {
                if credential.state != CredentialState::Enrolling {
                    match Asker::of(rows, credential) {
                        Ok(asker) => askers.push(asker),
                        Err(VaultError::Tampered { .. }) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
            }
            Ok((rows.notification_marker()?, askers))
        })
    }

    fn asker(&self, account_id: &str) -> Result<(i64, Asker), PhoneError> {
        let id = Id::parse(account_id).ok_or(PhoneError::AccountNotFound)?;
        self.vault.read(|rows| {
            let credential = rows.credential_of_account(id)?.ok_or(PhoneError::AccountNotFound)?;
            Ok((rows.notification_marker()?, Asker::of(rows, credential)?))
        })
    }

    fn make_pull(&self, asker: &Asker, wait_seconds: u32, marker: i64) -> Result<PullRequest, PhoneError> {
        let Asker { credential, secret, signer } = asker;
        let (iat, nonce, proof) = match signer {
            Signer::None => (self.server_seconds(credential), self.make_nonce()?, None),
            Signer::Software(private, key) => {
                let proof = self.pull_proof(credential, key)?;
                let signed = device_key::sign_with(private, &proof.signing_input()?)?;
                (proof.iat, proof.nonce, Some(signed))
            }
            Signer::Hardware(_) => return Err(PhoneError::SignatureNeeded),
            Signer::Invalidated => return Err(PhoneError::DeviceKeyInvalidated),
        };
        request(credential, secret, &claims(credential, iat, nonce, wait_seconds, proof), marker)
    }

    fn pull_proof(&self, credential: &PushCredential, key: &PublicKey) -> Result<PullProof, PhoneError> {
        let (audience, nonce) = (audience(credential), self.make_nonce()?);
        let iat = self.server_seconds(credential);
        let pull = ExpectedPull { mechanism_uid: &credential.mechanism_uid, audience: &audience, iat, nonce: &nonce };
        Ok(PullProof::new(pull, key))
    }

    fn make_nonce(&self) -> Result<String, PhoneError> {
        Ok(encode_url_safe(&make_bytes::<NONCE_LENGTH>(&*self.entropy)?))
    }

    /// Returns the current time by the clock of the account's server, as far as this phone knows it, in epoch seconds.
    fn server_seconds(&self, credential: &PushCredential) -> i64 {
        credential.server_time(self.now()).div_euclid(1000)
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
                // A problem of the vault is not the message's fault, so no conclusion may be drawn from this answer.
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

    /// Takes in a message only if it is for the account that was pulled, because a server lists only its own messages.
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

fn audience(credential: &PushCredential) -> String {
    credential.authentication_endpoint.origin().ascii_serialization()
}

fn claims(
    credential: &PushCredential,
    iat: i64,
    nonce: String,
    wait_seconds: u32,
    proof: Option<String>,
) -> PullClaims {
    let (sub, aud) = (credential.mechanism_uid.clone(), PULL_AUDIENCE.to_owned());
    PullClaims { sub, aud, iat, nonce, wait: wait_seconds.min(LONGEST_PULL_WAIT_SECONDS), proof }
}

fn request(
    credential: &PushCredential,
    secret: &SecretBytes,
    claims: &PullClaims,
    marker: i64,
) -> Result<PullRequest, PhoneError> {
    let jwt = jws::sign(secret, claims)?;
    let body = DeviceBody { mechanism_uid: credential.mechanism_uid.clone(), username: None, jwt };
    Ok(PullRequest {
        account_id: credential.account_id.to_string(),
        url: with_action(&credential.authentication_endpoint, PULL_AUDIENCE).to_string(),
        headers: http::headers(None),
        body: encode_body(&body)?,
        marker,
    })
}

/// Returns whether the rejection is about the time or nonce, which a new pull would get right.
pub(super) fn asks_for_another(response: &HttpResponse) -> bool {
    let Ok(Value::Object(fields)) = serde_json::from_slice::<Value>(&response.body) else { return false };
    fields.values().filter_map(Value::as_str).any(|text| matches!(text, "clock" | "replayed"))
}

/// Returns when a pull was made by this phone's clock, to the second.
fn made_at(pull: &PullRequest, credential: &PushCredential) -> Option<crate::ports::EpochMilliseconds> {
    let body: DeviceBody = serde_json::from_slice(&pull.body).ok()?;
    let claims: PullClaims = jws::peek(&body.jwt).ok()?;
    Some(credential.phone_time(claims.iat.saturating_mul(1000)))
}
