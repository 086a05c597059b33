//! Why an attestation was refused, and what the person at the phone is told.

/// Why an attestation was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// Too few certificates, too many, or too large.
    #[error("the attestation is not a chain of two to ten certificates, 8 KiB together")]
    Chain,
    /// Something in it is not of its form.
    #[error("the attestation cannot be read")]
    Malformed,
    /// It does not end at a root that is trusted.
    #[error("the attestation comes from no root that is trusted here")]
    Root,
    /// A certificate is not signed by the one above it, or by an algorithm that is not accepted.
    #[error("a certificate of the attestation is not signed by the next")]
    Signature,
    /// A certificate names another issuer than the one above it.
    #[error("a certificate of the attestation names another issuer than the next")]
    Issuer,
    /// A certificate above the first may not issue certificates, or not at this depth.
    #[error("a certificate of the attestation may not issue the one before it")]
    Authority,
    /// A certificate above the first has expired or is not valid yet.
    #[error("a certificate of the attestation is out of date")]
    Validity,
    /// A certificate is on the list of revoked ones.
    #[error("a certificate of the attestation was revoked")]
    Revoked,
    /// The first certificate describes no key, or a further one describes one.
    #[error("the attestation describes no key, or a key signed it that is no attestation key")]
    Extension,
    /// It is about another key.
    #[error("the attestation is about another key")]
    Key,
    /// It was made for something else than this registration.
    #[error("the attestation was made for another challenge")]
    Challenge,
    /// The phone claims a better place for its key than is attested.
    #[error("the phone claims a better key level than is attested")]
    Level,
    /// The phone claims more of its owner's presence than is attested.
    #[error("the phone claims more user presence than is attested")]
    Presence,
    /// The key is not for signing.
    #[error("the attested key is not for signing")]
    Purpose,
    /// The key was not generated where it lives.
    #[error("the attested key was imported")]
    Origin,
    /// The phone's system is not its maker's, or is unlocked.
    #[error("the phone's system is unlocked or not verified")]
    Boot,
    /// Another app made the key.
    #[error("the attested key belongs to another app")]
    App,
}

impl AttestationError {
    /// A stable name, in lower case with dashes.
    pub fn code(self) -> &'static str {
        match self {
            Self::Chain => "attestation-chain",
            Self::Malformed => "attestation-malformed",
            Self::Root => "attestation-root",
            Self::Signature => "attestation-signature",
            Self::Issuer => "attestation-issuer",
            Self::Authority => "attestation-authority",
            Self::Validity => "attestation-validity",
            Self::Revoked => "attestation-revoked",
            Self::Extension => "attestation-extension",
            Self::Key => "attestation-key",
            Self::Challenge => "attestation-challenge",
            Self::Level => "attestation-level",
            Self::Presence => "attestation-presence",
            Self::Purpose => "attestation-purpose",
            Self::Origin => "attestation-origin",
            Self::Boot => "attestation-boot",
            Self::App => "attestation-app",
        }
    }

    /// What the person is told. Whoever sees it has shown the registration code's secret and the key.
    pub fn told(self) -> &'static str {
        match self {
            Self::Boot => {
                "This service takes no phone whose system is unlocked or not its maker's. Use another phone, or lock this one."
            }
            Self::App => "This service takes another app. Install the one that your service names.",
            Self::Revoked => {
                "The maker of this phone no longer vouches for how it keeps keys. Use another phone, or ask your service's help desk."
            }
            Self::Root => {
                "This service does not know who vouches for how this phone keeps keys. Use another phone, or ask your service's help desk."
            }
            Self::Level | Self::Presence => {
                "This phone does not protect its key as well as the app says. Update the app, and ask for a new code."
            }
            _ => {
                "This phone could not show how it keeps its key. Update the app and the phone, and ask for a new code."
            }
        }
    }
}

/// Why a file that attestations are checked with was refused.
#[derive(Debug, thiserror::Error)]
pub enum AttestationFileError {
    /// The file cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, #[source] std::io::Error),
    /// No certificates, or something else between them.
    #[error(
        "{0} must hold root certificates, in PEM or as a JSON list of such texts, and nothing else: {1}. server.toml says where \
         Google and Apple publish theirs."
    )]
    Roots(String, &'static str),
    /// Not the list that Google publishes.
    #[error(
        "{0} is no list of revoked certificates in the form of https://android.googleapis.com/attestation/status: {1}"
    )]
    Revoked(String, String),
}
