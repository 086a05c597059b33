//! Asking for pending messages, and being told that there are some (docs/wire.md, "Pull" and "Hints"): the claims of a
//! pull, what a device's own key signs of it, its answer, and the push that says no more than where to ask.
//!
//! Time enters as an argument. Who may ask is the server's rule.

use serde::{Deserialize, Serialize};

use super::device_key::PublicKey;
use super::jws::es256::{self, SigningInput};
use super::jws::{JwsError, Verified};
use super::message::is_mechanism_uid;
use super::proof::{ProofError, check_times};
use super::uri::is_message_id;

/// The audience claim of a pull, and its action.
pub const PULL_AUDIENCE: &str = "pending";
/// Longest wait of a pull, in seconds.
pub const LONGEST_PULL_WAIT_SECONDS: u32 = 30;
/// `typ` of a proof of a pull.
pub const PULL_TYPE: &str = "push-pull-proof+jwt";
/// How long a proof of a pull is good for, in seconds. Nonces are remembered for longer.
pub const PULL_PROOF_LIFE_SECONDS: i64 = 300;

/// Claims of a pull (phone to server, this project's own). The order of fields is the order on the wire.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullClaims {
    /// The mechanism uid, equal to the body's.
    pub sub: String,
    /// Always [`PULL_AUDIENCE`].
    pub aud: String,
    /// When it was signed, in epoch seconds.
    pub iat: i64,
    /// Url-safe base64 of 16 random bytes, used once.
    pub nonce: String,
    /// How long the server may hold the request until a message is there, in seconds, 0 to 30.
    pub wait: u32,
    /// What a device with a key of its own signed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proof: Option<String>,
}

/// Claims of a pull's proof. The order of fields is the order on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullProof {
    /// The mechanism uid.
    pub sub: String,
    /// Origin of the server.
    pub aud: String,
    /// When it was signed, in epoch seconds; the pull says the same.
    pub iat: i64,
    /// When it ends, in epoch seconds.
    pub exp: i64,
    /// The pull's nonce.
    pub nonce: String,
    /// Thumbprint of the key.
    pub jkt: String,
}

/// What a pull's proof must be about.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedPull<'a> {
    /// The device that asks.
    pub mechanism_uid: &'a str,
    /// Origin of the authentication endpoint, as its URL's origin is written in ASCII.
    pub audience: &'a str,
    /// When the pull says that it was signed, in epoch seconds.
    pub iat: i64,
    /// The pull's nonce.
    pub nonce: &'a str,
}

impl PullProof {
    /// The claims for this pull.
    pub fn new(pull: ExpectedPull<'_>, key: &PublicKey) -> Self {
        Self {
            sub: pull.mechanism_uid.to_owned(),
            aud: pull.audience.to_owned(),
            iat: pull.iat,
            exp: pull.iat.saturating_add(PULL_PROOF_LIFE_SECONDS),
            nonce: pull.nonce.to_owned(),
            jkt: key.thumbprint(),
        }
    }

    /// The bytes that the key has to sign.
    pub fn signing_input(&self) -> Result<SigningInput, JwsError> {
        SigningInput::new(PULL_TYPE, self)
    }

    /// Checks the signature and reads the claims; what they say is not looked at.
    pub fn read(key: &PublicKey, token: &str) -> Result<Verified<Self>, ProofError> {
        Ok(es256::verify::<Self>(key, PULL_TYPE, token)?)
    }

    /// Checks signature and every claim. `now` in epoch seconds by the server's clock.
    pub fn verify(key: &PublicKey, token: &str, expected: ExpectedPull<'_>, now: i64) -> Result<(), ProofError> {
        Self::read(key, token)?.get().check(key, expected, now)
    }

    /// Checks every claim of a proof whose signature is right.
    pub fn check(&self, key: &PublicKey, expected: ExpectedPull<'_>, now: i64) -> Result<(), ProofError> {
        if self.sub != expected.mechanism_uid {
            return Err(ProofError::Subject);
        }
        if self.aud != expected.audience {
            return Err(ProofError::Audience);
        }
        // The same time as the pull's, or one that was captured could go with a new pull once its nonce is forgotten.
        if self.iat != expected.iat || self.exp.saturating_sub(self.iat) > PULL_PROOF_LIFE_SECONDS {
            return Err(ProofError::Times);
        }
        check_times(self.iat, self.exp, now)?;
        if self.nonce != expected.nonce {
            return Err(ProofError::Nonce);
        }
        if self.jkt != key.thumbprint() {
            return Err(ProofError::Thumbprint);
        }
        Ok(())
    }
}

/// Answer to a pull: the messages exactly as they were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulledMessages {
    /// All messages that still wait for an answer, oldest first.
    pub messages: Vec<DeliveredMessage>,
}

/// A push message with its id, as FCM, APNs or a pull delivers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredMessage {
    /// Goes back with the answer; it lies outside the signed message.
    #[serde(rename = "messageId")]
    pub message_id: String,
    /// The signed message.
    pub message: String,
}

/// A push that says that a message waits for a device, and nothing of it. Nobody signs it: it is worth a pull, no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// The message.
    #[serde(rename = "messageId")]
    pub message_id: String,
    /// The phone's own id of the credential that it is for.
    #[serde(rename = "mechanismUid")]
    pub mechanism_uid: String,
}

impl Hint {
    /// Whether both ids are of a form that a server gives and a phone makes.
    pub fn is_well_formed(&self) -> bool {
        is_message_id(&self.message_id) && is_mechanism_uid(&self.mechanism_uid)
    }
}
