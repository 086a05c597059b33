//! The proofs that a device key signs (docs/wire.md, "Device keys"): that a registering phone has the key, and what the
//! user decided about what they saw. The proof of a pull is in `pull`.
//!
//! The reader compares every claim with the value it knows itself, and each mismatch has a name. Time is an argument.

use std::fmt;

use ring::digest;
use serde::{Deserialize, Serialize};

use super::device_key::{KeyLevel, PublicKey, UserPresence};
use super::encoding::{decode_standard, encode_standard};
use super::jws::es256::{self, SigningInput};
use super::jws::{self, JwsError, Verified};
use super::message::RegistrationClaims;
use crate::secret::SecretBytes;

/// `typ` of a proof of possession.
pub const REGISTRATION_TYPE: &str = "push-registration-proof+jwt";
/// `typ` of a proof of an answer.
pub const ANSWER_TYPE: &str = "push-answer-proof+jwt";
/// How far in the future the time of signing may be, in seconds.
pub const FUTURE_LIMIT_SECONDS: i64 = 300;
/// How long after its expiry a proof is still accepted, in seconds, because clocks differ.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 60;
/// Longest time from signing to expiry of a proof, in seconds: the longest life of a message plus the tolerance twice.
pub const LONGEST_LIFE_SECONDS: i64 = 3600 + 2 * CLOCK_TOLERANCE_SECONDS;
/// Most certificates in an attestation.
const ATTESTATION_LIMIT: usize = 10;

/// The reason why a proof was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The device has a key, but its message has no proof.
    #[error("the proof is missing")]
    Missing,
    /// The message has a proof, but there is no key to check it with.
    #[error("there is a proof and no device key")]
    NotAsked,
    /// The claims about a device key are incomplete or malformed.
    #[error("the description of the device key is not valid")]
    BadKey,
    /// The framing, header or signature is wrong.
    #[error("the proof is not signed by the device key")]
    Signature(JwsError),
    /// The proof is about another message.
    #[error("the proof is about another message")]
    MessageId,
    /// The proof is about another device.
    #[error("the proof is about another device")]
    Subject,
    /// The proof belongs to another pull.
    #[error("the proof goes with another request")]
    Nonce,
    /// The proof is about another challenge.
    #[error("the proof is about another challenge")]
    Challenge,
    /// The proof is for another server.
    #[error("the proof is for another server")]
    Audience,
    /// The proof was signed in the future.
    #[error("the proof is from the future")]
    FromTheFuture,
    /// The proof has expired.
    #[error("the proof has expired")]
    Expired,
    /// The proof is valid for too long, or expires before it was signed.
    #[error("the proof's times are not valid")]
    Times,
    /// The proof names another key.
    #[error("the proof is about another key")]
    Thumbprint,
    /// The proof's decision differs from the answer's.
    #[error("the proof holds another decision")]
    Decision,
    /// The proof's number differs from the answer's.
    #[error("the proof holds another number")]
    Number,
    /// The proof gives a reason, but is not a denial.
    #[error("the proof gives a reason where none belongs")]
    Reason,
    /// What the phone displayed differs from what the server sent.
    #[error("the proof is about other text than was sent")]
    Shown,
}

impl ProofError {
    /// Returns a stable name, in lowercase with dashes.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "proof-missing",
            Self::NotAsked => "proof-not-asked",
            Self::BadKey => "proof-bad-key",
            Self::Signature(_) => "proof-signature",
            Self::MessageId => "proof-message-id",
            Self::Subject => "proof-subject",
            Self::Nonce => "proof-nonce",
            Self::Challenge => "proof-challenge",
            Self::Audience => "proof-audience",
            Self::FromTheFuture => "proof-from-the-future",
            Self::Expired => "proof-expired",
            Self::Times => "proof-times",
            Self::Thumbprint => "proof-thumbprint",
            Self::Decision => "proof-decision",
            Self::Number => "proof-number",
            Self::Reason => "proof-reason",
            Self::Shown => "proof-shown",
        }
    }
}

impl From<JwsError> for ProofError {
    fn from(error: JwsError) -> Self {
        Self::Signature(error)
    }
}

/// The user's reason for denying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenyReason {
    /// Someone else is signing in.
    NotMe,
    /// The user is signing in, but does not want this sign-on.
    Mistake,
    /// Any other reason.
    Other,
}

impl DenyReason {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::NotMe, Self::Mistake, Self::Other];

    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotMe => "not-me",
            Self::Mistake => "mistake",
            Self::Other => "other",
        }
    }

    /// Parses the name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// The user's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProvedDecision {
    /// Approved.
    Approve,
    /// Denied.
    Deny,
}

/// What every proof is bound to.
#[derive(Debug, Clone, Copy)]
pub struct Binding<'a> {
    /// The message or registration.
    pub message_id: &'a str,
    /// Its challenge.
    pub challenge: &'a [u8],
    /// Origin of the authentication endpoint, as the ASCII serialization of its URL's origin.
    pub audience: &'a str,
}

impl Binding<'_> {
    /// Returns the challenge for the platform that attests the registering key. A reader of the attestation learns
    /// nothing about the registration's challenge, and the attestation is valid for this registration only.
    pub fn attestation_challenge(&self) -> [u8; digest::SHA256_OUTPUT_LEN] {
        let Self { message_id, challenge, audience } = self;
        let text = format!("push-registration-attestation\n{audience}\n{message_id}\n{}", encode_standard(challenge));
        let mut output = [0; digest::SHA256_OUTPUT_LEN];
        output.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        output
    }
}

/// Claims of a proof of possession, in the order of fields on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistrationProof {
    /// The registration.
    pub message_id: String,
    /// Standard base64 of its challenge.
    pub challenge: String,
    /// Origin of the server.
    pub aud: String,
    /// Time of signing, in epoch seconds.
    pub iat: i64,
    /// Expiry, in epoch seconds.
    pub exp: i64,
    /// Thumbprint of the key.
    pub jkt: String,
}

impl RegistrationProof {
    /// Returns the claims for this key.
    pub fn new(binding: Binding<'_>, key: &PublicKey, iat: i64, exp: i64) -> Self {
        Self {
            message_id: binding.message_id.to_owned(),
            challenge: encode_standard(binding.challenge),
            aud: binding.audience.to_owned(),
            iat,
            exp,
            jkt: key.thumbprint(),
        }
    }

    /// Returns the bytes that the key must sign.
    pub fn signing_input(&self) -> Result<SigningInput, JwsError> {
        SigningInput::new(REGISTRATION_TYPE, self)
    }

    /// Verifies the signature and every claim. `now` is in epoch seconds by the server's clock.
    pub fn verify(key: &PublicKey, token: &str, expected: Binding<'_>, now: i64) -> Result<Verified<Self>, ProofError> {
        let proof = es256::verify::<Self>(key, REGISTRATION_TYPE, token)?;
        let claims = proof.get();
        check_binding(&claims.message_id, &claims.challenge, &claims.aud, expected)?;
        check_times(claims.iat, claims.exp, now)?;
        if claims.jkt != key.thumbprint() {
            return Err(ProofError::Thumbprint);
        }
        Ok(proof)
    }
}

/// What an answer's proof must say besides its [`Binding`].
#[derive(Debug, Clone, Copy)]
pub struct ExpectedAnswer<'a> {
    /// The decision.
    pub decision: ProvedDecision,
    /// The number that the user tapped, if any.
    pub number: Option<&'a str>,
    /// Digest of what was displayed ([`shown_digest`](super::display_digest::shown_digest)).
    pub shown: &'a str,
}

/// Claims of an answer's proof, in the order of fields on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerProof {
    /// The message.
    pub message_id: String,
    /// Standard base64 of its challenge.
    pub challenge: String,
    /// Origin of the server.
    pub aud: String,
    /// Time of signing, in epoch seconds.
    pub iat: i64,
    /// Expiry, in epoch seconds.
    pub exp: i64,
    /// The user's decision.
    pub decision: ProvedDecision,
    /// The number that the user tapped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub number: Option<String>,
    /// The user's reason for denying, if given.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<DenyReason>,
    /// Digest of what was displayed.
    pub shown: String,
}

impl AnswerProof {
    /// Returns the claims of this answer.
    pub fn new(
        binding: Binding<'_>,
        answer: ExpectedAnswer<'_>,
        reason: Option<DenyReason>,
        iat: i64,
        exp: i64,
    ) -> Self {
        Self {
            message_id: binding.message_id.to_owned(),
            challenge: encode_standard(binding.challenge),
            aud: binding.audience.to_owned(),
            iat,
            exp,
            decision: answer.decision,
            number: answer.number.map(str::to_owned),
            reason,
            shown: answer.shown.to_owned(),
        }
    }

    /// Returns the bytes that the key must sign.
    pub fn signing_input(&self) -> Result<SigningInput, JwsError> {
        SigningInput::new(ANSWER_TYPE, self)
    }

    /// Verifies the signature and every claim. `now` is in epoch seconds by the server's clock.
    pub fn verify(
        key: &PublicKey,
        token: &str,
        expected: Binding<'_>,
        answer: ExpectedAnswer<'_>,
        now: i64,
    ) -> Result<Verified<Self>, ProofError> {
        let proof = es256::verify::<Self>(key, ANSWER_TYPE, token)?;
        let claims = proof.get();
        check_binding(&claims.message_id, &claims.challenge, &claims.aud, expected)?;
        check_times(claims.iat, claims.exp, now)?;
        if claims.decision != answer.decision {
            return Err(ProofError::Decision);
        }
        if claims.number.as_deref() != answer.number {
            return Err(ProofError::Number);
        }
        if claims.reason.is_some() && claims.decision != ProvedDecision::Deny {
            return Err(ProofError::Reason);
        }
        if claims.shown != answer.shown {
            return Err(ProofError::Shown);
        }
        Ok(proof)
    }
}

fn check_binding(message_id: &str, challenge: &str, audience: &str, expected: Binding<'_>) -> Result<(), ProofError> {
    if message_id != expected.message_id {
        return Err(ProofError::MessageId);
    }
    if challenge != encode_standard(expected.challenge) {
        return Err(ProofError::Challenge);
    }
    if audience != expected.audience {
        return Err(ProofError::Audience);
    }
    Ok(())
}

pub(super) fn check_times(iat: i64, exp: i64, now: i64) -> Result<(), ProofError> {
    if exp <= iat || exp.saturating_sub(iat) > LONGEST_LIFE_SECONDS {
        return Err(ProofError::Times);
    }
    if iat > now.saturating_add(FUTURE_LIMIT_SECONDS) {
        return Err(ProofError::FromTheFuture);
    }
    if exp.saturating_add(CLOCK_TOLERANCE_SECONDS) <= now {
        return Err(ProofError::Expired);
    }
    Ok(())
}

/// What a registration says about the device key, in addition to the claims that every phone sends. The proof contains
/// the registration's challenge, which must stay between phone and server, so `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyClaims {
    /// The public key.
    pub jwk: PublicKey,
    /// Where the private key lives, according to the phone.
    pub key_level: KeyLevel,
    /// What the user must do before the key signs, according to the phone.
    pub user_presence: UserPresence,
    /// Certificates as standard base64 of DER, starting with the key's own.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub attestation: Option<Vec<String>>,
    /// Proof of possession.
    pub proof: String,
}

impl fmt::Debug for KeyClaims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KeyClaims")
            .field("key_level", &self.key_level)
            .field("user_presence", &self.user_presence)
            .finish_non_exhaustive()
    }
}

/// The claims that only a registration with a device key has.
const KEY_CLAIMS: [&str; 5] = ["jwk", "keyLevel", "userPresence", "attestation", "proof"];

/// Signs a registration with a device key, under the shared secret like every registration.
pub fn sign_keyed_registration(
    secret: &SecretBytes,
    registration: &RegistrationClaims,
    key: &KeyClaims,
) -> Result<String, JwsError> {
    #[derive(Serialize)]
    struct Both<'a> {
        #[serde(flatten)]
        registration: &'a RegistrationClaims,
        #[serde(flatten)]
        key: &'a KeyClaims,
    }
    jws::sign(secret, &Both { registration, key })
}

/// Verifies a registration's signature under the shared secret and parses it, including its claims about a device key.
/// A registration with any of these claims must have all of them, so that an incomplete one cannot pass for one without
/// a key.
pub fn verify_registration(
    secret: &SecretBytes,
    jwt: &str,
) -> Result<(RegistrationClaims, Result<Option<KeyClaims>, ProofError>), JwsError> {
    let claims = jws::verify::<serde_json::Map<String, serde_json::Value>>(secret, jwt)?.into_inner();
    let has_key = KEY_CLAIMS.iter().any(|name| claims.contains_key(*name));
    let claims = serde_json::Value::Object(claims);
    let key = if has_key { read_key(&claims).map(Some) } else { Ok(None) };
    Ok((serde_json::from_value(claims).map_err(|_| JwsError::WrongClaims)?, key))
}

fn read_key(claims: &serde_json::Value) -> Result<KeyClaims, ProofError> {
    let mut key = KeyClaims::deserialize(claims).map_err(|_| ProofError::BadKey)?;
    // An empty list attests no more than a missing one, and must not be stored as more.
    key.attestation = key.attestation.filter(|chain| !chain.is_empty());
    let chain = key.attestation.as_deref().unwrap_or_default();
    let decodes = |certificate: &String| decode_standard(certificate).is_ok();
    if chain.len() <= ATTESTATION_LIMIT && chain.iter().all(decodes) { Ok(key) } else { Err(ProofError::BadKey) }
}
