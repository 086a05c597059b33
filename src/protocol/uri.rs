//! The registration URI that a QR code holds (docs/wire.md, "Registration URI"): text to typed values and back.
//!
//! Reading accepts what the servers in the field write; what could mislead the person or send a secret to the wrong
//! place is refused by name. Nothing is stored or contacted here.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{Host, Url};

use super::encoding::{decode_any, encode_url_safe};
use super::policy::{self, Policy, PolicyError};
use super::text;
use crate::secret::{Reason, SecretBytes, SecretText};

/// Longest registration URI that is looked at, in bytes.
pub const LENGTH_LIMIT: usize = 8 * 1024;
/// What an account without a name is called.
pub const UNTITLED: &str = "Untitled";
/// Shared secrets and challenges are 32 random bytes; what is shorter than this is no secret.
const SHORTEST_SECRET: usize = 16;
const LONGEST_SECRET: usize = 128;

/// Why a registration URI was refused. Nothing was stored or contacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Not a URI at all, or too long for one.
    #[error("This is not a registration code.")]
    NotAUri,
    /// A URI of another kind.
    #[error("This code is of a kind ({0:?}) that cannot be added here.")]
    UnknownScheme(String),
    /// `pushauth://` with another type than `push`.
    #[error("This registration code is of an unknown type ({0:?}).")]
    UnknownType(String),
    /// A needed parameter is missing.
    #[error("The registration code is incomplete: {0:?} is missing. Ask for a new code.")]
    MissingParameter(&'static str),
    /// A parameter is there twice.
    #[error("The registration code is ambiguous: {0:?} is there twice.")]
    DuplicateParameter(String),
    /// A parameter is not base64, not text, or too long or short.
    #[error("The registration code is damaged: {0:?} cannot be read. Ask for a new code.")]
    BadParameter(&'static str),
    /// An endpoint without https on a host other than this device.
    #[error("The registration code points to {host} without encryption. It was refused.")]
    InsecureEndpoint {
        /// The host that would have been contacted.
        host: String,
    },
    /// Registration and authentication endpoint of different origins.
    #[error(
        "The registration code points to two different servers, {registration} and {authentication}. It was refused."
    )]
    DifferentOrigins {
        /// Origin of the registration endpoint.
        registration: String,
        /// Origin of the authentication endpoint.
        authentication: String,
    },
    /// The policies cannot be understood, so they cannot be obeyed.
    #[error(transparent)]
    Policies(#[from] PolicyError),
}

/// A load-balancer cookie: one or more `name=value` pairs, checked against RFC 6265 section 4.2.1, so that it can be
/// sent as a header without carrying anything else into the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie(String);

/// The bytes are no cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cookie")]
pub struct NotACookie;

impl Cookie {
    /// Checks the decoded bytes of an `l` parameter.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotACookie> {
        let text = std::str::from_utf8(bytes).map_err(|_| NotACookie)?;
        let pair_is_fine = |pair: &str| {
            pair.split_once('=').is_some_and(|(name, value)| {
                !name.is_empty() && name.bytes().all(is_token_byte) && value.bytes().all(is_cookie_byte)
            })
        };
        if text.len() > 1024 || !text.split("; ").all(pair_is_fine) {
            return Err(NotACookie);
        }
        Ok(Self(text.to_owned()))
    }

    /// The value of the `Cookie` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?={}"#.contains(&byte)
}

fn is_cookie_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#",;\"#.contains(&byte)
}

/// A push credential to be enrolled, as the QR code describes it.
pub struct PushRegistration {
    /// Who the account is with; cleaned and capped.
    pub issuer: String,
    /// The account's name; cleaned and capped.
    pub account: String,
    /// User id on the server.
    pub user_id: Option<String>,
    /// Id of the device on the server.
    pub device_id: Option<String>,
    /// Where the registration is sent.
    pub registration_endpoint: Url,
    /// Where answers are sent.
    pub authentication_endpoint: Url,
    /// The secret that server and phone share from now on.
    pub secret: SecretBytes,
    /// What the registration's code is computed over.
    pub challenge: SecretBytes,
    /// Id of the registration.
    pub message_id: String,
    /// Load-balancer cookie to send back with the registration.
    pub cookie: Option<Cookie>,
    /// Background colour, six lower-case hexadecimal digits.
    pub colour: Option<String>,
    /// Logo; https only, not to be fetched before the person confirmed.
    pub logo: Option<Url>,
    /// Conditions that the phone must meet.
    pub policies: Vec<Policy>,
    /// The policies as they were written, to be kept with the account.
    pub policies_json: Option<String>,
}

impl PushRegistration {
    /// The host, with its port where one is named, that registration and answers go to.
    pub fn host(&self) -> String {
        host_and_port(&self.registration_endpoint)
    }
}

/// What a registration code holds.
pub enum Registration {
    /// `pushauth://push/...`: a push credential.
    Push(Box<PushRegistration>),
}

/// Reads the text of a QR code.
pub fn parse(input: &str) -> Result<Registration, UriError> {
    let input = input.trim();
    if input.len() > LENGTH_LIMIT || input.chars().any(char::is_control) {
        return Err(UriError::NotAUri);
    }
    let uri = Url::parse(input).map_err(|_| UriError::NotAUri)?;
    match (uri.scheme(), uri.host_str()) {
        ("pushauth", Some("push")) => parse_push(&uri).map(Box::new).map(Registration::Push),
        ("pushauth", other) => Err(UriError::UnknownType(text::clean(other.unwrap_or_default(), 40))),
        (other, _) => Err(UriError::UnknownScheme(text::clean(other, 40))),
    }
}

fn parse_push(uri: &Url) -> Result<PushRegistration, UriError> {
    let parameters = Parameters::read(uri)?;
    let (label_issuer, label_account) = read_label(uri)?;
    let issuer = match parameters.text("issuer")? {
        Some(issuer) => Some(issuer),
        None => label_issuer,
    };
    let policies_json = parameters.text("policies")?;
    let registration = PushRegistration {
        issuer: text::clean(&issuer.unwrap_or_default(), text::NAME_LIMIT),
        account: match text::clean(&label_account, text::NAME_LIMIT) {
            account if account.is_empty() => UNTITLED.to_owned(),
            account => account,
        },
        user_id: match parameters.text("d")? {
            Some(id) => Some(id),
            None => parameters.text("uid")?,
        },
        device_id: parameters.text("pid")?,
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
        colour: parameters.plain("b").and_then(read_colour),
        logo: parameters
            .text("image")
            .ok()
            .flatten()
            .and_then(|text| Url::parse(&text).ok())
            .filter(|url| url.scheme() == "https"),
        policies: policies_json.as_deref().map(policy::parse).transpose()?.unwrap_or_default(),
        policies_json,
    };
    let origins = [&registration.registration_endpoint, &registration.authentication_endpoint]
        .map(|endpoint| endpoint.origin().ascii_serialization());
    match origins {
        [first, second] if first == second => Ok(registration),
        [registration, authentication] => Err(UriError::DifferentOrigins { registration, authentication }),
    }
}

/// What is percent-encoded: everything but what stands for itself in a query (RFC 3986 section 2.3) and the colon of
/// message ids, because phones in the field read the message id as it is written.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// Writes a push registration as our server puts it into a QR code: the same issuer in label and parameter, and `l`
/// always there, because the newest Android SDK refuses a URI without it.
pub fn print(registration: &PushRegistration) -> SecretText {
    let encoded = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
    let base64 = |text: &str| encode_url_safe(text.as_bytes());
    let mut uri = format!(
        "pushauth://push/{}:{}?l={}&issuer={}&m={}&s={}&c={}&r={}&a={}",
        encoded(&registration.issuer).replace(':', "%3A"),
        encoded(&registration.account),
        base64(registration.cookie.as_ref().map_or("", Cookie::as_str)),
        base64(&registration.issuer),
        encoded(&registration.message_id),
        encode_url_safe(registration.secret.expose(Reason::HandOver)),
        encode_url_safe(registration.challenge.expose(Reason::HandOver)),
        base64(registration.registration_endpoint.as_str()),
        base64(registration.authentication_endpoint.as_str()),
    );
    let optional = [
        ("b", registration.colour.clone()),
        ("image", registration.logo.as_ref().map(|url| base64(url.as_str()))),
        ("d", registration.user_id.as_deref().map(base64)),
        ("pid", registration.device_id.as_deref().map(base64)),
        ("policies", registration.policies_json.as_deref().map(base64)),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            let _ = write!(uri, "&{key}={value}");
        }
    }
    SecretText::new(uri)
}

/// The endpoint with its `_action` parameter set to `action`, everything else kept.
pub fn with_action(endpoint: &Url, action: &str) -> Url {
    let mut changed = endpoint.clone();
    let kept: Vec<&str> = endpoint
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("_action="))
        .collect();
    let action = format!("_action={action}");
    changed.set_query(Some(&kept.into_iter().chain([action.as_str()]).collect::<Vec<_>>().join("&")));
    changed
}

/// Whether the URL's host can only be this device itself: `localhost`, 127.0.0.0/8 or `[::1]`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// `host` or `host:port`, to show to a person.
pub fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Message ids are opaque, but they go into JSON, logs and databases: visible ASCII, capped.
pub fn is_message_id(id: &str) -> bool {
    (1..=super::message::MESSAGE_ID_LIMIT).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Issuer and account of the label. The colon between them may be written as it is or percent-encoded; where one is
/// written as it is, an encoded one belongs to the name it stands in.
fn read_label(uri: &Url) -> Result<(Option<String>, String), UriError> {
    let path = uri.path().trim_start_matches('/');
    let decode = |text: &str| {
        percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| UriError::BadParameter("label"))
    };
    let (issuer, account) = match path.split_once(':') {
        Some((issuer, account)) => (decode(issuer)?, decode(account)?),
        None => {
            let label = decode(path)?;
            match label.split_once(':') {
                Some((issuer, account)) => (issuer.to_owned(), account.to_owned()),
                None => (String::new(), label),
            }
        }
    };
    Ok((Some(issuer).filter(|issuer| !issuer.is_empty()), account))
}

fn read_colour(text: &str) -> Option<String> {
    let digits = text.trim_start_matches('#');
    (digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| digits.to_ascii_lowercase())
}

/// The query's parameters, percent-decoded. A `+` stays a plus.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn read(uri: &Url) -> Result<Self, UriError> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| {
                percent_decode_str(text).decode_utf8().map(|text| text.into_owned()).map_err(|_| UriError::NotAUri)
            };
            let (key, value) = (decode(key)?, decode(value)?);
            if parameters.iter().any(|(earlier, _)| *earlier == key) {
                return Err(UriError::DuplicateParameter(text::clean(&key, 40)));
            }
            parameters.push((key, value));
        }
        Ok(Self(parameters))
    }

    fn plain(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn bytes(&self, key: &'static str) -> Result<Option<Vec<u8>>, UriError> {
        self.plain(key).map(|value| decode_any(value).map_err(|_| UriError::BadParameter(key))).transpose()
    }

    fn text(&self, key: &'static str) -> Result<Option<String>, UriError> {
        self.bytes(key)?
            .map(|bytes| String::from_utf8(bytes).map_err(|_| UriError::BadParameter(key)))
            .transpose()
            .map(|text| text.filter(|text| !text.is_empty()))
    }

    fn secret(&self, key: &'static str) -> Result<SecretBytes, UriError> {
        let bytes = SecretBytes::new(self.bytes(key)?.ok_or(UriError::MissingParameter(key))?);
        if (SHORTEST_SECRET..=LONGEST_SECRET).contains(&bytes.len()) {
            Ok(bytes)
        } else {
            Err(UriError::BadParameter(key))
        }
    }

    fn endpoint(&self, key: &'static str) -> Result<Url, UriError> {
        let text = self.text(key)?.ok_or(UriError::MissingParameter(key))?;
        let url = Url::parse(&text).map_err(|_| UriError::BadParameter(key))?;
        if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() || url.password().is_some() {
            return Err(UriError::BadParameter(key));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(UriError::InsecureEndpoint { host: host_and_port(&url) });
        }
        Ok(url)
    }
}
