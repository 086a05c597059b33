//! The signed messages between server and phone: push message, registration, answer and token refresh (docs/wire.md
//! sections 2 to 5), as typed claims.
//!
//! Writing emits what the phones in the field read (strings, standard base64); reading is as strict as it can be
//! without refusing them. Time enters as an argument; whether a message is too late is the caller's rule.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::encoding::{decode_standard, encode_standard};
use super::jws::{self, JwsError, Verified, challenge_response};
use super::text;
use super::uri::Cookie;
use crate::secret::{SecretBytes, constant_time_equal};

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

/// What the person is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Tap to accept.
    Tap,
    /// Tap the one of these three numbers that the browser shows.
    Number([String; 3]),
    /// Accept with a biometric.
    Biometric,
}

impl Ask {
    /// The push type's name on the wire.
    pub fn wire_name(&self) -> &'static str {
        match self {
            Self::Tap => "default",
            Self::Number(_) => "challenge",
            Self::Biometric => "biometric",
        }
    }
}

/// Where a sign-on comes from, as the server saw it. Shown, never trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// Position of the browser, where it was shared.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
    /// The browser's user agent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<String>,
    /// The browser's platform.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub platform: Option<String>,
    /// Address of the browser.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub remote_ip: Option<String>,
}

/// A position in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// Degrees north.
    pub latitude: f64,
    /// Degrees east.
    pub longitude: f64,
}

/// A push message (server to phone), read and checked for form.
#[derive(Debug, Clone, PartialEq)]
pub struct PushMessage {
    /// The phone's id of the credential.
    pub mechanism_uid: String,
    /// What the answer must be computed over.
    pub challenge: Challenge,
    /// Load-balancer cookie to send back with the answer.
    pub cookie: Option<Cookie>,
    /// How long the message may be answered, in seconds, 1 to 3600.
    pub time_to_live_seconds: u32,
    /// When it was sent, in epoch milliseconds by the server's clock.
    pub sent_at: Option<i64>,
    /// Text for the person, cleaned and capped.
    pub text: Option<String>,
    /// What is asked.
    pub ask: Ask,
    /// Where the sign-on comes from.
    pub context: Option<Context>,
    /// The operator's own data, as sent.
    pub custom_payload: Option<String>,
    /// User id, where the server sends one.
    pub user_id: Option<String>,
}

/// Why a push message was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The signature or the framing.
    #[error(transparent)]
    Signature(#[from] JwsError),
    /// The challenge is not standard base64 of exactly 32 bytes.
    #[error("The message's challenge is not valid, so no answer to it could be accepted.")]
    BadChallenge,
    /// A push type that is not known.
    #[error("The message asks for a kind of approval ({0:?}) that this app does not know. An update may help.")]
    UnknownPushType(String),
    /// Not three different numbers.
    #[error("The message asks for a number, but does not hold three different numbers.")]
    BadNumbers,
    /// The load-balancer cookie cannot be sent as one.
    #[error("The message holds a cookie that cannot be used.")]
    BadCookie,
    /// Time to live or sending time is not a number, or is out of range.
    #[error("The message's times are not valid.")]
    BadTime,
    /// The context is not a JSON object of the expected form.
    #[error("The message's description of where the sign-on comes from is not valid.")]
    BadContext,
    /// The custom payload is larger than 3 KB.
    #[error("The message's additional data is too large.")]
    PayloadTooLarge,
}

#[derive(Serialize, Deserialize)]
struct PushClaims {
    c: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    l: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "lenient::optional_text")]
    t: Option<String>,
    #[serde(deserialize_with = "lenient::text")]
    u: String,
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "lenient::optional_text")]
    i: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    m: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    k: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    n: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    x: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    p: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "lenient::optional_text")]
    d: Option<String>,
}

impl PushMessage {
    /// The mechanism uid that a message claims, **unchecked**: only to find the secret to check it with.
    pub fn peek_mechanism_uid(jwt: &str) -> Result<String, JwsError> {
        #[derive(Deserialize)]
        struct Recipient {
            #[serde(deserialize_with = "lenient::text")]
            u: String,
        }
        jws::peek::<Recipient>(jwt).map(|recipient| recipient.u)
    }

    /// Checks the signature under the credential's secret, then the form of every claim.
    pub fn verify(secret: &SecretBytes, jwt: &str) -> Result<Verified<Self>, MessageError> {
        jws::verify::<PushClaims>(secret, jwt)?.try_map(Self::read)
    }

    fn read(claims: PushClaims) -> Result<Self, MessageError> {
        let challenge = decode_standard(&claims.c)
            .ok()
            .and_then(|bytes| Challenge::try_from(bytes).ok())
            .ok_or(MessageError::BadChallenge)?;
        let cookie = match claims.l.as_deref() {
            None | Some("") => None,
            Some(encoded) => Some(
                decode_standard(encoded)
                    .ok()
                    .and_then(|bytes| Cookie::parse(&bytes).ok())
                    .ok_or(MessageError::BadCookie)?,
            ),
        };
        let time_to_live_seconds = match claims.t {
            None => DEFAULT_TIME_TO_LIVE_SECONDS,
            Some(text) => {
                let seconds: i64 = text.trim().parse().map_err(|_| MessageError::BadTime)?;
                u32::try_from(seconds.clamp(1, i64::from(LONGEST_TIME_TO_LIVE_SECONDS)))
                    .map_err(|_| MessageError::BadTime)?
            }
        };
        let sent_at = claims
            .i
            .map(|text| text.trim().parse::<i64>().ok().filter(|time| (0..=LATEST_TIME).contains(time)))
            .map(|time| time.ok_or(MessageError::BadTime))
            .transpose()?;
        let ask = match claims.k.as_deref() {
            None | Some("default") => Ask::Tap,
            Some("challenge") => Ask::Number(read_numbers(claims.n.as_deref().unwrap_or_default())?),
            Some("biometric") => Ask::Biometric,
            Some(other) => return Err(MessageError::UnknownPushType(text::clean(other, 40))),
        };
        let context = match claims.x.as_deref() {
            None | Some("") => None,
            Some(json) => Some(Context::parse(json).ok_or(MessageError::BadContext)?),
        };
        if claims.p.as_ref().is_some_and(|payload| payload.len() > CUSTOM_PAYLOAD_LIMIT) {
            return Err(MessageError::PayloadTooLarge);
        }
        Ok(Self {
            mechanism_uid: claims.u,
            challenge,
            cookie,
            time_to_live_seconds,
            sent_at,
            text: claims.m.map(|text| text::clean(&text, text::MESSAGE_LIMIT)).filter(|text| !text.is_empty()),
            ask,
            context: context.map(Context::cleaned),
            custom_payload: claims.p,
            user_id: claims.d,
        })
    }

    /// Signs the message for a phone: every claim a string, base64 standard and padded.
    pub fn sign(&self, secret: &SecretBytes) -> Result<String, JwsError> {
        let claims = PushClaims {
            c: encode_standard(&self.challenge),
            l: self.cookie.as_ref().map(|cookie| encode_standard(cookie.as_str().as_bytes())),
            t: Some(self.time_to_live_seconds.to_string()),
            u: self.mechanism_uid.clone(),
            i: self.sent_at.map(|time| time.to_string()),
            m: self.text.clone(),
            k: Some(self.ask.wire_name().to_owned()),
            n: match &self.ask {
                Ask::Number(numbers) => Some(numbers.join(",")),
                Ask::Tap | Ask::Biometric => None,
            },
            x: self.context.as_ref().and_then(|context| serde_json::to_string(context).ok()),
            p: self.custom_payload.clone(),
            d: self.user_id.clone(),
        };
        jws::sign(secret, &claims)
    }
}

/// 9999-12-31: later times are nonsense and could overflow sums.
const LATEST_TIME: i64 = 253_402_300_799_999;

impl Context {
    /// By way of an object, because a list of values would be taken for the members in their order.
    fn parse(json: &str) -> Option<Self> {
        let object: serde_json::Map<String, Value> = serde_json::from_str(json).ok()?;
        serde_json::from_value(Value::Object(object)).ok()
    }

    fn cleaned(self) -> Self {
        let clean = |text: Option<String>| {
            text.map(|text| text::clean(&text, text::MESSAGE_LIMIT)).filter(|text| !text.is_empty())
        };
        Self {
            location: self
                .location
                .filter(|at| (-90.0..=90.0).contains(&at.latitude) && (-180.0..=180.0).contains(&at.longitude)),
            user_agent: clean(self.user_agent),
            platform: clean(self.platform),
            remote_ip: clean(self.remote_ip),
        }
    }
}

fn read_numbers(list: &str) -> Result<[String; 3], MessageError> {
    let numbers: Vec<String> = list.split(',').map(|number| number.trim().to_owned()).collect();
    let [a, b, c]: [String; 3] = numbers.try_into().map_err(|_| MessageError::BadNumbers)?;
    let well_formed = [&a, &b, &c]
        .into_iter()
        .all(|number| (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()));
    if !well_formed || a == b || b == c || a == c {
        return Err(MessageError::BadNumbers);
    }
    Ok([a, b, c])
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
