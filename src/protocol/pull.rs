//! Pulls of pending messages and hints that there are some (docs/wire.md, "Pull" and "Hints"): the claims of a pull,
//! the proof that a device key signs, the server's answer, and the push that says only where to pull from.
//!
//! Time is an argument. The server decides who may pull.

use serde::{Deserialize, Serialize};

use super::device_key::PublicKey;
use super::jws::es256::{self, SigningInput};
use super::jws::{JwsError, Verified};
use super::message::is_mechanism_uid;
use super::proof::{ProofError, check_times};
use super::uri::is_message_id;

/// The audience claim and the action of a pull.
pub const PULL_AUDIENCE: &str = "pending";
/// Longest time that a pull may wait, in seconds.
pub const LONGEST_PULL_WAIT_SECONDS: u32 = 30;
/// `typ` of a proof of a pull.
pub const PULL_TYPE: &str = "push-pull-proof+jwt";
/// How long a pull's proof is valid, in seconds. The server remembers nonces for longer.
pub const PULL_PROOF_LIFE_SECONDS: i64 = 300;

/// Claims of a pull (phone to server, specific to this project), in the order of fields on the wire.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullClaims {
    /// The mechanism uid, equal to the one in the body.
    pub sub: String,
    /// Always [`PULL_AUDIENCE`].
    pub aud: String,
    /// Time of signing, in epoch seconds.
    pub iat: i64,
    /// Url-safe base64 of 16 random bytes, used once.
    pub nonce: String,
    /// How long the server may hold the HTTP request until a message arrives, in seconds, 0 to 30.
    pub wait: u32,
    /// The proof that the device key signed, if the device has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proof: Option<String>,
}

/// Claims of a pull's proof, in the order of fields on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullProof {
    /// The mechanism uid.
    pub sub: String,
    /// Origin of the server.
    pub aud: String,
    /// Time of signing, in epoch seconds; equal to the pull's.
    pub iat: i64,
    /// Expiry, in epoch seconds.
    pub exp: i64,
    /// The pull's nonce.
    pub nonce: String,
    /// Thumbprint of the key.
    pub jkt: String,
}

/// What a pull's proof must say.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedPull<'a> {
    /// The device that pulls.
    pub mechanism_uid: &'a str,
    /// Origin of the authentication endpoint, as the ASCII serialization of its URL's origin.
    pub audience: &'a str,
    /// Time of signing that the pull states, in epoch seconds.
    pub iat: i64,
    /// The pull's nonce.
    pub nonce: &'a str,
}

impl PullProof {
    /// Returns the claims for this pull.
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

    /// Returns the bytes that the key must sign.
    pub fn signing_input(&self) -> Result<SigningInput, JwsError> {
        SigningInput::new(PULL_TYPE, self)
    }

    /// Verifies the signature and parses the claims, without checking their values.
    pub fn read(key: &PublicKey, token: &str) -> Result<Verified<Self>, ProofError> {
        Ok(es256::verify::<Self>(key, PULL_TYPE, token)?)
    }

    /// Verifies the signature and every claim. `now` is in epoch seconds by the server's clock.
    pub fn verify(key: &PublicKey, token: &str, expected: ExpectedPull<'_>, now: i64) -> Result<(), ProofError> {
        Self::read(key, token)?.get().check(key, expected, now)
    }

    /// Checks every claim of a proof whose signature was verified.
    pub fn check(&self, key: &PublicKey, expected: ExpectedPull<'_>, now: i64) -> Result<(), ProofError> {
        if self.sub != expected.mechanism_uid {
            return Err(ProofError::Subject);
        }
        if self.aud != expected.audience {
            return Err(ProofError::Audience);
        }
        // Must equal the pull's time. Otherwise a captured proof could be reused with a new pull once its nonce is
        // forgotten.
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

/// The answer to a pull: the messages exactly as they were created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulledMessages {
    /// All messages that still await an answer, oldest first.
    pub messages: Vec<DeliveredMessage>,
}

/// A push message with its id, as FCM, APNs or a pull delivers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveredMessage {
    /// Id to return with the answer; it is not part of the signed message.
    #[serde(rename = "messageId")]
    pub message_id: String,
    /// The signed message.
    pub message: String,
}

/// A push that says only that a message is waiting for a device. It is unsigned, so it justifies a pull and nothing
/// else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hint {
    /// The message id.
    #[serde(rename = "messageId")]
    pub message_id: String,
    /// The phone's id for the credential that the message is for.
    #[serde(rename = "mechanismUid")]
    pub mechanism_uid: String,
}

impl Hint {
    /// Returns whether both ids have the form that servers and phones generate.
    pub fn is_well_formed(&self) -> bool {
        is_message_id(&self.message_id) && is_mechanism_uid(&self.mechanism_uid)
    }
}
