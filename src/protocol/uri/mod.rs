//! The registration URI in a QR code (docs/wire.md, "Registration URI"): text to typed values and back.
//!
//! The parser accepts what servers in the field write. It rejects, with a specific error, anything that could mislead
//! the user or send a secret to the wrong place. Nothing is stored or contacted here.
//!
//! ```text
//! push         the push credential of pushauth and mfauth
//! otpauth      an account with one-time passwords
//! mfauth       both at once
//! label        Issuer:Account
//! parameters   the query, each parameter in its form and within its limit
//! cookie       the load balancer's cookie
//! address      which addresses may be contacted
//! unicode_host a host's name in non-ASCII letters
//! ```

mod address;
mod cookie;
mod label;
mod mfauth;
mod otpauth;
mod parameters;
mod push;
mod unicode_host;

use url::Url;
use zeroize::Zeroizing;

pub use address::{host_and_port, is_loopback, is_message_id, with_action};
pub use cookie::{Cookie, NotACookie};
pub use otpauth::{ManualEntry, OathRegistration, print_otpauth};
pub use push::{PushRegistration, print};
pub use unicode_host::UnicodeHost;

use super::policy::PolicyError;
use super::text;
use parameters::{CodeKind, Parameters};

/// Longest registration URI that is accepted, in bytes.
pub const LENGTH_LIMIT: usize = 8 * 1024;
/// Name for an account that has none.
pub const UNTITLED: &str = "Untitled";

/// The reason why a registration URI was rejected. Nothing was stored or contacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// The text is not a URI, or is too long to be one.
    #[error("This is not a registration code.")]
    NotAUri,
    /// The URI has an unknown scheme.
    #[error("This code is of a kind ({0:?}) that cannot be added here.")]
    UnknownScheme(String),
    /// The scheme is known, but does not have this type.
    #[error("This registration code is of an unknown type ({0:?}).")]
    UnknownType(String),
    /// A required parameter is missing.
    #[error("The registration code is incomplete: {0:?} is missing. Ask for a new code.")]
    MissingParameter(&'static str),
    /// A parameter appears twice.
    #[error("The registration code is ambiguous: {0:?} is there twice.")]
    DuplicateParameter(String),
    /// A parameter is not base64, not text, too long or too short.
    #[error("The registration code is damaged: {0:?} cannot be read. Ask for a new code.")]
    BadParameter(&'static str),
    /// The URI is readable, but this app cannot generate such one-time passwords.
    #[error("Not supported here: {0}. Ask for a code of another kind, or use another app for this account.")]
    NotSupported(String),
    /// The secret for one-time passwords is short enough to guess.
    #[error(
        "The secret of this account is too short to be safe: it has {bytes} bytes, and at least 10 are needed. Ask the \
         service for a longer one."
    )]
    WeakSecret {
        /// Length of the secret, in bytes.
        bytes: usize,
    },
    /// A value that the user typed cannot be used.
    #[error("The {0} cannot be used. Check what was typed in.")]
    BadEntry(&'static str),
    /// An endpoint on a host other than this device does not use https.
    #[error("The registration code points to {host} without encryption. It was refused.")]
    InsecureEndpoint {
        /// The host that would have been contacted.
        host: String,
    },
    /// The registration and authentication endpoints have different origins.
    #[error(
        "The registration code points to two different servers, {registration} and {authentication}. It was refused."
    )]
    DifferentOrigins {
        /// Origin of the registration endpoint.
        registration: String,
        /// Origin of the authentication endpoint.
        authentication: String,
    },
    /// The policies cannot be understood, so they cannot be enforced.
    #[error(transparent)]
    Policies(#[from] PolicyError),
}

impl UriError {
    /// Returns a stable name for programs, in lowercase with dashes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAUri => "not-a-registration-code",
            Self::UnknownScheme(_) => "unknown-scheme",
            Self::UnknownType(_) => "unknown-type",
            Self::MissingParameter(_) => "missing-parameter",
            Self::DuplicateParameter(_) => "duplicate-parameter",
            Self::BadParameter(_) => "bad-parameter",
            Self::NotSupported(_) => "not-supported",
            Self::WeakSecret { .. } => "weak-secret",
            Self::BadEntry(_) => "bad-entry",
            Self::InsecureEndpoint { .. } => "insecure-endpoint",
            Self::DifferentOrigins { .. } => "different-origins",
            Self::Policies(PolicyError::Unknown(_)) => "unknown-policy",
            Self::Policies(PolicyError::NotAnObject | PolicyError::Malformed(_)) => "malformed-policies",
        }
    }
}

/// The content of a registration URI.
pub enum Registration {
    /// A push credential: `pushauth`, or `mfauth` without a secret for one-time passwords.
    Push(Box<PushRegistration>),
    /// A credential for one-time passwords: `otpauth`.
    Oath(Box<OathRegistration>),
    /// Both under the same names: `mfauth`.
    Both {
        /// The push credential.
        push: Box<PushRegistration>,
        /// The credential for one-time passwords.
        oath: Box<OathRegistration>,
    },
}

impl Registration {
    /// Returns the push credential, if there is one.
    pub fn push(&self) -> Option<&PushRegistration> {
        match self {
            Self::Push(push) | Self::Both { push, .. } => Some(push),
            Self::Oath(_) => None,
        }
    }

    /// Returns the credential for one-time passwords, if there is one.
    pub fn oath(&self) -> Option<&OathRegistration> {
        match self {
            Self::Oath(oath) | Self::Both { oath, .. } => Some(oath),
            Self::Push(_) => None,
        }
    }
}

/// Parses the text of a QR code.
pub fn parse(input: &str) -> Result<Registration, UriError> {
    let input = strip_wrapping(input);
    if input.len() > LENGTH_LIMIT || input.chars().any(char::is_control) {
        return Err(UriError::NotAUri);
    }
    let uri = Url::parse(&keep_number_signs(input)).map_err(|_| UriError::NotAUri)?;
    let kind = uri.host_str().unwrap_or_default().to_ascii_lowercase();
    match (uri.scheme(), kind.as_str()) {
        ("pushauth", "push") => {
            let parameters = Parameters::read(&uri)?;
            push::read(&uri, &parameters, parameters.encoded_logo()).map(Box::new).map(Registration::Push)
        }
        ("mfauth", "push") => mfauth::read(&uri, None),
        ("mfauth", "totp") => mfauth::read(&uri, Some(CodeKind::Timed)),
        ("mfauth", "hotp") => mfauth::read(&uri, Some(CodeKind::Counted)),
        ("otpauth", "totp") => otpauth::read(&uri, CodeKind::Timed).map(Box::new).map(Registration::Oath),
        ("otpauth", "hotp") => otpauth::read(&uri, CodeKind::Counted).map(Box::new).map(Registration::Oath),
        ("otpauth" | "mfauth", other @ ("steam" | "yaotp" | "motp" | "ocra")) => {
            Err(UriError::NotSupported(format!("codes of the kind {other:?}")))
        }
        ("pushauth" | "mfauth" | "otpauth", other) => Err(UriError::UnknownType(text::clean(other, 40))),
        (other, _) => Err(UriError::UnknownScheme(text::clean(other, 40))),
    }
}

/// Removes what copying and files leave around the text: spaces, invisible characters, a byte order mark, and a pair of
/// quotes or angle brackets.
fn strip_wrapping(input: &str) -> &str {
    let is_around = |character: char| {
        character.is_whitespace()
            || matches!(character,
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let input = input.trim_matches(is_around);
    [('"', '"'), ('\'', '\''), ('<', '>')]
        .into_iter()
        .find_map(|(open, close)| input.strip_prefix(open)?.strip_suffix(close))
        .unwrap_or(input)
}

/// Encodes every `#` that has parameters after it: these URIs have no fragment, and a literal `#` in the middle would
/// hide the rest. A `#` after the last parameter still starts a fragment, which is ignored.
fn keep_number_signs(input: &str) -> Zeroizing<String> {
    let end = input.rfind(['?', '&']).unwrap_or(0);
    let (head, rest) = input.split_at(end);
    Zeroizing::new(head.replace('#', "%23") + rest)
}
