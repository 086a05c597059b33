//! The push credential of a registration URI, read and written.

use std::fmt::Write as _;

use url::Url;

use super::address::{host_and_port, is_message_id};
use super::label::{self, Names};
use super::parameters::Parameters;
use super::{Cookie, UriError};
use crate::protocol::encoding::{encode_standard, encode_url_safe};
use crate::protocol::policy::Policy;
use crate::secret::{Reason, SecretBytes, SecretText};

/// A push credential to enroll, as the registration URI describes it.
pub struct PushRegistration {
    /// Issuer of the account; cleaned and truncated.
    pub issuer: String,
    /// Name of the account; cleaned and truncated.
    pub account: String,
    /// Id of the user on the server.
    pub user_id: Option<String>,
    /// Id of the device on the server.
    pub device_id: Option<String>,
    /// URL that receives the registration.
    pub registration_endpoint: Url,
    /// URL that receives the answers.
    pub authentication_endpoint: Url,
    /// The secret that server and phone share from now on.
    pub secret: SecretBytes,
    /// The challenge over which the registration's MAC is computed.
    pub challenge: SecretBytes,
    /// Id of the registration.
    pub message_id: String,
    /// Load-balancer cookie to return with the registration.
    pub cookie: Option<Cookie>,
    /// Background color, six lowercase hexadecimal digits.
    pub colour: Option<String>,
    /// Logo; https only, not to be fetched before the user confirms.
    pub logo: Option<Url>,
    /// Conditions that the phone must meet.
    pub policies: Vec<Policy>,
    /// The policies as originally written, to be stored with the account.
    pub policies_json: Option<String>,
    /// Whether the server supports device keys (`v=2`). Any other value of `v` is ignored.
    pub takes_device_keys: bool,
}

impl PushRegistration {
    /// Returns the host that receives registration and answers, with the port if the URL has one.
    pub fn host(&self) -> String {
        host_and_port(&self.registration_endpoint)
    }
}

/// Reads the push part of `pushauth` and `mfauth`, which differ only in the form of the logo.
pub(super) fn read(uri: &Url, parameters: &Parameters, logo: Option<Url>) -> Result<PushRegistration, UriError> {
    let names = Names::read(uri, parameters.text("issuer")?)?;
    let (policies, policies_json) = parameters.policies()?;
    let registration = PushRegistration {
        issuer: names.issuer,
        account: names.account,
        user_id: parameters.user_id()?,
        device_id: parameters.id("pid")?,
        registration_endpoint: parameters.endpoint("r")?,
        authentication_endpoint: parameters.endpoint("a")?,
        secret: parameters.secret("s")?,
        challenge: parameters.secret("c")?,
        message_id: parameters
            .plain("m")
            .filter(|id| !id.is_empty())
            .ok_or(UriError::MissingParameter("m"))
            .and_then(|id| if is_message_id(id) { Ok(id.to_owned()) } else { Err(UriError::BadParameter("m")) })?,
        cookie: match parameters.bytes("l")? {
            Some(bytes) if !bytes.is_empty() => Some(Cookie::parse(&bytes).map_err(|_| UriError::BadParameter("l"))?),
            _ => None,
        },
        colour: parameters.colour(),
        logo,
        policies,
        policies_json,
        takes_device_keys: parameters.plain("v") == Some("2"),
    };
    let origins = [&registration.registration_endpoint, &registration.authentication_endpoint]
        .map(|endpoint| endpoint.origin().ascii_serialization());
    match origins {
        [first, second] if first == second => Ok(registration),
        [registration, authentication] => Err(UriError::DifferentOrigins { registration, authentication }),
    }
}

/// Writes a push registration as our server puts it into a QR code. The label and the parameter hold the same issuer.
/// `l` is always present, because the newest Android SDK rejects a URI without it. `d`, `pid`, `image` and `policies`
/// are in standard base64, because Ping's phones read these with the standard alphabet only (docs/wire.md,
/// "Registration URI").
pub fn print(registration: &PushRegistration) -> SecretText {
    let base64 = |text: &str| encode_url_safe(text.as_bytes());
    let standard = |text: &str| label::encode(&encode_standard(text.as_bytes()));
    let mut uri = format!(
        "pushauth://push/{}?l={}&issuer={}&m={}&s={}&c={}&r={}&a={}",
        label::print(&registration.issuer, &registration.account),
        base64(registration.cookie.as_ref().map_or("", Cookie::as_str)),
        base64(&registration.issuer),
        label::encode(&registration.message_id),
        encode_url_safe(registration.secret.expose(Reason::HandOver)),
        encode_url_safe(registration.challenge.expose(Reason::HandOver)),
        base64(registration.registration_endpoint.as_str()),
        base64(registration.authentication_endpoint.as_str()),
    );
    let optional = [
        ("b", registration.colour.clone()),
        ("image", registration.logo.as_ref().map(|url| standard(url.as_str()))),
        ("d", registration.user_id.as_deref().map(standard)),
        ("pid", registration.device_id.as_deref().map(standard)),
        ("policies", registration.policies_json.as_deref().map(standard)),
        ("v", registration.takes_device_keys.then(|| "2".to_owned())),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            let _ = write!(uri, "&{key}={value}");
        }
    }
    SecretText::new(uri)
}
