//! The push message (docs/wire.md section 3): what it asks of the user, and what the user sees. Independent of the
//! other messages.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CUSTOM_PAYLOAD_LIMIT, Challenge, DEFAULT_TIME_TO_LIVE_SECONDS, LONGEST_TIME_TO_LIVE_SECONDS, lenient};
use crate::protocol::encoding::{decode_standard, encode_standard};
use crate::protocol::jws::{self, JwsError, Verified};
use crate::protocol::text;
use crate::protocol::uri::Cookie;
use crate::protocol::user_agent::BrowserName;
use crate::secret::SecretBytes;

/// What the message asks the user to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// Tap to approve.
    Tap,
    /// Tap the one of these three numbers that the browser shows.
    Number([String; 3]),
    /// Approve with a biometric.
    Biometric,
}

impl Ask {
    /// Returns the push type's name on the wire.
    pub fn wire_name(&self) -> &'static str {
        match self {
            Self::Tap => "default",
            Self::Number(_) => "challenge",
            Self::Biometric => "biometric",
        }
    }
}

/// Where a sign-on comes from, as the server saw it. For display only, never trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// Position of the browser, if the user shared it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub location: Option<Location>,
    /// The browser's user agent: free text under the control of anyone who tries to sign in. See
    /// [`browser_name`](Self::browser_name).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_agent: Option<String>,
    /// The browser's platform, also free text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub platform: Option<String>,
    /// IP address of the browser.
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

/// A push message (server to phone) whose claims were parsed and validated.
#[derive(Debug, Clone, PartialEq)]
pub struct PushMessage {
    /// The phone's id for the credential.
    pub mechanism_uid: String,
    /// The challenge over which the answer's MAC is computed.
    pub challenge: Challenge,
    /// Load-balancer cookie to return with the answer.
    pub cookie: Option<Cookie>,
    /// How long the message can be answered, in seconds, 1 to 3600.
    pub time_to_live_seconds: u32,
    /// Time of sending, in epoch milliseconds by the server's clock.
    pub sent_at: Option<i64>,
    /// Text for the user, cleaned and truncated.
    pub text: Option<String>,
    /// What the message asks for.
    pub ask: Ask,
    /// Where the sign-on comes from.
    pub context: Option<Context>,
    /// The operator's own data, as sent.
    pub custom_payload: Option<String>,
    /// User id, if the server sends one.
    pub user_id: Option<String>,
}

/// The reason why a push message was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The signature or the framing is wrong.
    #[error(transparent)]
    Signature(#[from] JwsError),
    /// The challenge is not standard base64 of exactly 32 bytes.
    #[error("The message's challenge is not valid, so no answer to it could be accepted.")]
    BadChallenge,
    /// The push type is unknown.
    #[error("The message asks for a kind of approval ({0:?}) that this app does not know. An update may help.")]
    UnknownPushType(String),
    /// The message does not have three different numbers.
    #[error("The message asks for a number, but does not hold three different numbers.")]
    BadNumbers,
    /// The load-balancer cookie is not valid in a header.
    #[error("The message holds a cookie that cannot be used.")]
    BadCookie,
    /// The time to live or the time of sending is not a number, or is out of range.
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
    /// Returns the mechanism uid that a message claims, **unverified**, only to find the secret to verify it with.
    pub fn peek_mechanism_uid(jwt: &str) -> Result<String, JwsError> {
        #[derive(Deserialize)]
        struct Recipient {
            #[serde(deserialize_with = "lenient::text")]
            u: String,
        }
        jws::peek::<Recipient>(jwt).map(|recipient| recipient.u)
    }

    /// Verifies the signature under the credential's secret, then validates every claim.
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

    /// Signs the message for a phone, with every claim as a string and base64 in the standard, padded form.
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

/// 9999-12-31: later times make no sense and could overflow sums.
const LATEST_TIME: i64 = 253_402_300_799_999;

impl Context {
    /// Returns a name of the browser that is safe to show, whatever the browser says about itself, or `None` if it says
    /// nothing.
    pub fn browser_name(&self) -> Option<BrowserName> {
        let is_known = self.user_agent.is_some() || self.platform.is_some();
        is_known.then(|| BrowserName::derive(self.user_agent.as_deref(), self.platform.as_deref()))
    }

    /// Returns the browser's address if it is a valid one: some servers take it from a header that anyone can write.
    pub fn address(&self) -> Option<IpAddr> {
        self.remote_ip.as_deref()?.trim().parse().ok()
    }

    /// Parses an object first, because deserializing directly would also accept a list of values in the order of the
    /// members.
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
