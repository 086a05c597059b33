//! The signed messages between server and phone: push message, registration, answer and token refresh (docs/wire.md
//! sections 2 to 5), as typed claims.
//!
//! Writing emits what the phones in the field read (strings, standard base64); reading is as strict as it can be
//! without refusing them. Time enters as an argument; whether a message is too late is the caller's rule.

mod push;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoding::{decode_standard, encode_standard};
use super::jws::{self, JwsError, Verified, challenge_response};
use crate::secret::{SecretBytes, constant_time_equal};
pub use push::{Ask, Context, Location, MessageError, PushMessage};

/// Header that every request of a phone carries.
pub const ACCEPT_API_VERSION: (&str, &str) = ("Accept-API-Version", "resource=1.0, protocol=1.0");
/// Length of a challenge in bytes. A message with any other is refused, so that the code over a challenge can never
/// serve as the signature of a signed message.
pub const CHALLENGE_LENGTH: usize = 32;
/// Time to live of a message that names none, in seconds.
pub const DEFAULT_TIME_TO_LIVE_SECONDS: u32 = 120;
/// Longest time to live that is believed, in seconds.
pub const LONGEST_TIME_TO_LIVE_SECONDS: u32 = 3600;
/// Largest custom payload, in bytes.
pub const CUSTOM_PAYLOAD_LIMIT: usize = 3 * 1024;
/// Longest message id, in bytes.
pub const MESSAGE_ID_LIMIT: usize = 256;

/// Longest mechanism uid, in bytes.
const MECHANISM_UID_LIMIT: usize = 128;

/// Whether this may be a phone's id of a credential: visible ASCII that is not too long.
pub fn is_mechanism_uid(text: &str) -> bool {
    (1..=MECHANISM_UID_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A random 32-byte challenge.
pub type Challenge = [u8; CHALLENGE_LENGTH];

/// Body of every request to the phones' endpoint but refresh and pull: `{"messageId", "jwt"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedBody {
    /// Which message or registration this belongs to.
    #[serde(rename = "messageId")]
    pub message_id: String,
    /// The signed claims.
    pub jwt: String,
}

/// Body of a refresh or pull request: `{"mechanismUid", "username"?, "jwt"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceBody {
    /// The phone's own id of the credential.
    #[serde(rename = "mechanismUid")]
    pub mechanism_uid: String,
    /// Account name, where the phone sends one.
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
    /// This project's own: the phone asks for its messages.
    Embedded,
}

impl CommunicationType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gcm => "gcm",
            Self::Apns => "apns",
            Self::Embedded => "embedded",
        }
    }

    /// Reads the name on the wire.
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
    /// The phone's own id of the credential.
    pub mechanism_uid: String,
    /// Standard base64 of the code over the registration challenge.
    pub response: String,
    /// How a push reaches the phone.
    pub communication_type: CommunicationType,
    /// Push token.
    pub device_id: String,
    /// Shown in the user's list of devices.
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
    /// Shown in the user's list of devices.
    pub device_name: String,
    /// When it was signed, in epoch seconds; phones in the field send none.
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
    /// The claims of a refresh signed at `iat` (epoch seconds).
    pub fn new(
        device_type: String,
        communication_type: CommunicationType,
        device_id: String,
        device_name: String,
        iat: Option<i64>,
    ) -> Self {
        Self { device_type, communication_type, device_id, device_name, iat, response: None, c: None, u: None }
    }

    /// Whether these are the claims of a message of another kind.
    pub fn is_of_another_kind(&self) -> bool {
        self.response.is_some() || self.c.is_some() || self.u.is_some()
    }
}

/// Claims of an answer (phone to server). The order of fields is the order on the wire.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerClaims {
    /// The number tapped, for a number challenge.
    #[serde(
        rename = "challengeResponse",
        skip_serializing_if = "Option::is_none",
        default,
        deserialize_with = "lenient::optional_text"
    )]
    pub challenge_response: Option<String>,
    /// `true` refuses the sign-on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deny: Option<bool>,
    /// Standard base64 of the code over the message's challenge.
    pub response: String,
    /// What a device with a key of its own signed (`proof`).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub proof: Option<String>,
}

/// What the person decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// Accepted by tap or biometric.
    Accept,
    /// Accepted by tapping this number.
    Number(&'a str),
    /// Refused.
    Deny,
}

/// Signs the answer to a message whose signature was checked.
pub fn sign_answer(
    secret: &SecretBytes,
    message: &Verified<PushMessage>,
    decision: Decision<'_>,
) -> Result<String, JwsError> {
    sign_proved_answer(secret, message, decision, None)
}

/// The same with what the device's own key signed, where the device has one.
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

/// The `response` claim: standard base64 of the code over the challenge.
pub fn response_claim(secret: &SecretBytes, challenge: &[u8]) -> String {
    encode_standard(&challenge_response(secret, challenge))
}

/// Whether a `response` claim is the right code for this challenge; in constant time.
pub fn response_is_right(secret: &SecretBytes, challenge: &[u8], response: &str) -> bool {
    decode_standard(response).is_ok_and(|code| constant_time_equal(&code, &challenge_response(secret, challenge)))
}

/// Claims that come as strings from most servers and as numbers from some.
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
