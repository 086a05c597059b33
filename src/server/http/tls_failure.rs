//! Why TLS failed, in words that say what to do.

use rustls::CertificateError;
use url::{Position, Url};

use super::trust::Trust;

/// Most names of a certificate that are told, and the longest of them in characters.
const MOST_NAMES: usize = 3;
const LONGEST_NAME: usize = 100;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsFailure {
    /// Nobody that is believed issued the certificate.
    #[error("The certificate of {host} is not trusted: {reason}")]
    UnknownIssuer {
        /// Host and port.
        host: String,
        /// Why, and what to do.
        reason: String,
    },
    /// It is another host's.
    #[error(
        "The certificate of {host} is not trusted: it is for {names}. Use the address that it is for, or have one \
         issued for this host."
    )]
    WrongName {
        /// Host and port.
        host: String,
        /// Whose it is.
        names: String,
    },
    /// Its time is over.
    #[error(
        "The certificate of {host} is not trusted: it has expired. Renew it there, unless this machine's clock is \
         wrong."
    )]
    Expired {
        /// Host and port.
        host: String,
    },
    /// Its time has not begun.
    #[error(
        "The certificate of {host} is not trusted: it is not valid yet. Check this machine's clock, and from when on \
         the certificate is good."
    )]
    NotYetValid {
        /// Host and port.
        host: String,
    },
    /// Anything else about it.
    #[error("The certificate of {host} is not trusted: {reason}")]
    Rejected {
        /// Host and port.
        host: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The two do not understand each other.
    #[error("TLS with {host} failed: {reason}. Check that the address and its port speak TLS 1.2 or 1.3.")]
    Protocol {
        /// Host and port.
        host: String,
        /// What the TLS library says.
        reason: String,
    },
}

impl TlsFailure {
    /// The failure of a request to this address, where TLS is the reason.
    pub(crate) fn of(error: &ureq::Error, url: &Url, trust: &Trust) -> Option<Self> {
        let error = match error {
            ureq::Error::Rustls(error) => error,
            ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<rustls::Error>()?,
            _ => return None,
        };
        let host = url[Position::BeforeHost..Position::AfterPort].to_owned();
        Some(match error {
            rustls::Error::InvalidCertificate(reason) => Self::of_certificate(reason, host, trust),
            other => Self::Protocol { host, reason: other.to_string() },
        })
    }

    fn of_certificate(error: &CertificateError, host: String, trust: &Trust) -> Self {
        match error {
            CertificateError::UnknownIssuer => {
                let reason = match trust.warning() {
                    Some(nobody) => format!("{nobody}."),
                    None => format!("its issuer is unknown. {}", trust.advice()),
                };
                Self::UnknownIssuer { host, reason }
            }
            CertificateError::NotValidForNameContext { presented, .. } => {
                Self::WrongName { host, names: names(presented) }
            }
            CertificateError::NotValidForName => Self::WrongName { host, names: names(&[]) },
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired { host },
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid { host },
            // The library tells this one by its name alone.
            CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity" => Self::Rejected {
                host,
                reason: "it is an authority's own (CA:TRUE), which is for no server. Give the server one that is not, \
                         issued by that authority."
                    .to_owned(),
            },
            other => Self::Rejected { host, reason: format!("{other}. Have another one issued.") },
        }
    }

    /// Whether the certificate is the reason: asking again changes nothing until somebody sets it right.
    pub fn is_of_certificate(&self) -> bool {
        !matches!(self, Self::Protocol { .. })
    }

    /// A stable name, for the audit log and programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::UnknownIssuer { .. } => "certificate-unknown-issuer",
            Self::WrongName { .. } => "certificate-wrong-name",
            Self::Expired { .. } => "certificate-expired",
            Self::NotYetValid { .. } => "certificate-not-yet-valid",
            Self::Rejected { .. } => "certificate-rejected",
            Self::Protocol { .. } => "tls",
        }
    }
}

/// The names of a certificate, which its server chose, as far as they can be told.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let name = name.split_once('(').map_or(name.as_str(), |(_, rest)| rest.trim_end_matches(')'));
        name.chars().filter(|each| each.is_ascii_graphic() && *each != '"').take(LONGEST_NAME).collect::<String>()
    };
    match presented.len() {
        0 => "no host at all (no subjectAltName)".to_owned(),
        count if count > MOST_NAMES => {
            let first: Vec<_> = presented.iter().take(MOST_NAMES).map(bare).collect();
            format!("{} and {} more", first.join(", "), count - MOST_NAMES)
        }
        _ => presented.iter().map(bare).collect::<Vec<_>>().join(", "),
    }
}
