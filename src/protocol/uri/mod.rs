//! The registration URI that a QR code holds (docs/wire.md, "Registration URI"): text to typed values and back.
//!
//! Reading accepts what the servers in the field write; what could mislead the person or send a secret to the wrong
//! place is refused by name. Nothing is stored or contacted here.
//!
//! ```text
//! push        the push credential of pushauth and mfauth
//! otpauth     an account that shows codes
//! mfauth      both at once
//! label       Issuer:Account
//! parameters  the query, each parameter in its form and within its limit
//! cookie      the load balancer's
//! address     which may be contacted
//! unicode_host its name in letters other than ASCII's
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

/// Longest registration URI that is looked at, in bytes.
pub const LENGTH_LIMIT: usize = 8 * 1024;
/// What an account without a name is called.
pub const UNTITLED: &str = "Untitled";

/// Why a registration URI was refused. Nothing was stored or contacted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Not a URI at all, or too long for one.
    #[error("This is not a registration code.")]
    NotAUri,
    /// A URI of another kind.
    #[error("This code is of a kind ({0:?}) that cannot be added here.")]
    UnknownScheme(String),
    /// A known scheme with a type that it does not have.
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
    /// It can be read, and this app cannot make such codes.
    #[error("Not supported here: {0}. Ask for a code of another kind, or use another app for this account.")]
    NotSupported(String),
    /// The secret that codes would be made of is so short that it can be guessed.
    #[error(
        "The secret of this account is too short to be safe: it has {bytes} bytes, and at least 10 are needed. Ask the \
         service for a longer one."
    )]
    WeakSecret {
        /// The secret's length, in bytes.
        bytes: usize,
    },
    /// Something that was typed in cannot be used.
    #[error("The {0} cannot be used. Check what was typed in.")]
    BadEntry(&'static str),
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

impl UriError {
    /// A stable name for programs, in lower case with dashes.
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

/// What a registration code holds.
pub enum Registration {
    /// A push credential: `pushauth`, or `mfauth` without a secret for codes.
    Push(Box<PushRegistration>),
    /// A credential that shows codes: `otpauth`.
    Oath(Box<OathRegistration>),
    /// Both, under the same names: `mfauth`.
    Both {
        /// The push half.
        push: Box<PushRegistration>,
        /// The half that shows codes.
        oath: Box<OathRegistration>,
    },
}

impl Registration {
    /// The push half, where there is one.
    pub fn push(&self) -> Option<&PushRegistration> {
        match self {
            Self::Push(push) | Self::Both { push, .. } => Some(push),
            Self::Oath(_) => None,
        }
    }

    /// The half that shows codes, where there is one.
    pub fn oath(&self) -> Option<&OathRegistration> {
        match self {
            Self::Oath(oath) | Self::Both { oath, .. } => Some(oath),
            Self::Push(_) => None,
        }
    }
}

/// Reads the text of a QR code.
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

/// The text without what copying and files leave around it: spaces, invisible characters, a byte order mark, and a pair
/// of quotes or angle brackets.
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

/// The text with every `#` encoded that parameters follow: these URIs have no fragment, and one in the middle would
/// swallow the rest. What follows the last one without parameters stays a fragment, which says nothing.
fn keep_number_signs(input: &str) -> Zeroizing<String> {
    let end = input.rfind(['?', '&']).unwrap_or(0);
    let (head, rest) = input.split_at(end);
    Zeroizing::new(head.replace('#', "%23") + rest)
}
