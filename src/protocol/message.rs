//! The signed messages between server and phone as typed claims: push message, registration, answer and token refresh
//! (docs/wire.md sections 2 to 5).
//!
//! Writing produces what the phones in the field read (strings, standard base64). Reading is as strict as those phones
//! allow. Time is an argument; whether a message is too late is for the caller to decide.

mod push;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoding::{decode_standard, encode_standard};
use super::jws::{self, JwsError, Verified, challenge_response};
use crate::secret::{SecretBytes, constant_time_equal};
pub use push::{Ask, Context, Location, MessageError, PushMessage};

/// Header of every HTTP request that a phone sends.
pub const ACCEPT_API_VERSION: (&str, &str) = ("Accept-API-Version", "resource=1.0, protocol=1.0");
/// Length of a challenge, in bytes. Messages with any other length are rejected, so that the MAC over a challenge can
/// never serve as the signature of a signed message.
pub const CHALLENGE_LENGTH: usize = 32;
/// Time to live of a message that does not state one, in seconds.
pub const DEFAULT_TIME_TO_LIVE_SECONDS: u32 = 120;
/// Longest time to live that is accepted, in seconds.
pub const LONGEST_TIME_TO_LIVE_SECONDS: u32 = 3600;
/// Largest custom payload, in bytes.
pub const CUSTOM_PAYLOAD_LIMIT: usize = 3 * 1024;
/// Longest message id, in bytes.
pub const MESSAGE_ID_LIMIT: usize = 256;

/// Longest mechanism uid, in bytes.
const MECHANISM_UID_LIMIT: usize = 128;

/// Returns whether the text can be a mechanism uid, a phone's id for a credential: visible ASCII, not too long.
pub fn is_mechanism_uid(text: &str) -> bool {
    (1..=MECHANISM_UID_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A random 32-byte challenge.
pub type Challenge = [u8; CHALLENGE_LENGTH];

/// Body of every HTTP request to the phones' endpoint except refresh and pull: `{"messageId", "jwt"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedBody {
    /// The message or registration that this belongs to.
    #[serde(rename = "messageId")]
    pub message_id: String,
    /// The signed claims.
    pub jwt: String,
}

/// Body of a refresh or pull: `{"mechanismUid", "username"?, "jwt"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceBody {
    /// The phone's id for the credential.
    #[serde(rename = "mechanismUid")]
    pub mechanism_uid: String,
    /// Account name, if the phone sends one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub username: Option<String>,
    /// The signed claims.
    pub jwt: String,
}

/// How a push reaches the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommunicationType {
    /// Firebase Cloud Messaging.
    Gcm,
    /// Apple Push Notification service.
    Apns,
    /// This project's own transport: the phone pulls its messages.
    Embedded,
}

impl CommunicationType {
    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gcm => "gcm",
            Self::Apns => "apns",
            Self::Embedded => "embedded",
        }
    }

    /// Parses the name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Gcm, Self::Apns, Self::Embedded].into_iter().find(|kind| kind.name() == name)
    }
}

/// Claims of a registration (phone to server).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationClaims {
    /// `android` or `ios`.
    pub device_type: String,
    /// The phone's id for the credential.
    pub mechanism_uid: String,
    /// Standard base64 of the MAC over the registration challenge.
    pub response: String,
    /// How a push reaches the phone.
    pub communication_type: CommunicationType,
    /// Push token.
    pub device_id: String,
    /// Name shown in the user's list of devices.
    pub device_name: String,
}

/// Claims of a token refresh (phone to server).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshClaims {
    /// `android` or `ios`.
    pub device_type: String,
    /// How a push reaches the phone.
    pub communication_type: CommunicationType,
    /// The new push token.
    pub device_id: String,
    /// Name shown in the user's list of devices.
    pub device_name: String,
    /// Time of signing, in epoch seconds; phones in the field do not send it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub iat: Option<i64>,
    /// Present only in messages of another kind, which must not pass for a refresh.
    #[serde(skip_serializing, default)]
    response: Option<Value>,
    #[serde(skip_serializing, default)]
    c: Option<Value>,
    #[serde(skip_serializing, default)]
    u: Option<Value>,
}

impl RefreshClaims {
    /// Returns the claims of a refresh signed at `iat` (epoch seconds).
    pub fn new(
        device_type: String,
        communication_type: CommunicationType,
        device_id: String,
        device_name: String,
        iat: Option<i64>,
    ) -> Self {
        Self { device_type, communication_type, device_id, device_name, iat, response: None, c: None, u: None }
    }

    /// Returns whether these are the claims of a message of another kind.
    pub fn is_of_another_kind(&self) -> bool {
        self.response.is_some() || self.c.is_some() || self.u.is_some()
    }
}

/// Claims of an answer (phone to server), in the order of fields on the wire.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerClaims {
    /// The number that the user tapped, for a number challenge.
    #[serde(
        rename = "challengeResponse",
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "lenient::optional_text"
    )]
    pub challenge_response: Option<String>,
    /// `true` denies the sign-on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deny: Option<bool>,
    /// Standard base64 of the MAC over the message's challenge.
    pub response: String,
    /// The proof that the device key signed, if the device has one (`proof`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proof: Option<String>,
}

/// The user's decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Approved by tap or biometric.
    Accept,
    /// Approved by tapping this number.
    Number(&'a str),
    /// Denied.
    Deny,
}

/// Signs the answer to a verified message.
pub fn sign_answer(
    secret: &SecretBytes,
    message: &Verified<PushMessage>,
    decision: Decision<'_>,
) -> Result<String, JwsError> {
    sign_proved_answer(secret, message, decision, None)
}

/// Signs the answer to a verified message, with the proof from the device key if the device has one.
pub fn sign_proved_answer(
    secret: &SecretBytes,
    message: &Verified<PushMessage>,
    decision: Decision<'_>,
    proof: Option<String>,
) -> Result<String, JwsError> {
    let claims = AnswerClaims {
        challenge_response: match decision {
            Decision::Number(number) => Some(number.to_owned()),
            Decision::Accept | Decision::Deny => None,
        },
        deny: (decision == Decision::Deny).then_some(true),
        response: response_claim(secret, &message.get().challenge),
        proof,
    };
    jws::sign(secret, &claims)
}

/// Returns the `response` claim: standard base64 of the MAC over the challenge.
pub fn response_claim(secret: &SecretBytes, challenge: &[u8]) -> String {
    encode_standard(&challenge_response(secret, challenge))
}

/// Returns whether a `response` claim is the correct MAC for this challenge. Compares in constant time.
pub fn response_is_right(secret: &SecretBytes, challenge: &[u8], response: &str) -> bool {
    decode_standard(response).is_ok_and(|code| constant_time_equal(&code, &challenge_response(secret, challenge)))
}

/// Deserialization of claims that most servers send as strings and some as numbers.
mod lenient {
    use serde::{Deserialize, Deserializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrNumber {
        Text(String),
        Number(serde_json::Number),
    }

    pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        TextOrNumber::deserialize(deserializer).map(|value| match value {
            TextOrNumber::Text(text) => text,
            TextOrNumber::Number(number) => number.to_string(),
        })
    }

    pub(super) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
        Option::<TextOrNumber>::deserialize(deserializer).map(|value| {
            value.map(|value| match value {
                TextOrNumber::Text(text) => text,
                TextOrNumber::Number(number) => number.to_string(),
            })
        })
    }
}
