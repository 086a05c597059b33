//! Why an attestation was rejected, and what to tell the user.

/// Why an attestation was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttestationError {
    /// Too few certificates, too many, or too many bytes.
    #[error("the attestation is not a chain of two to ten certificates, 8 KiB together")]
    Chain,
    /// Some part has an invalid format.
    #[error("the attestation cannot be read")]
    Malformed,
    /// The chain does not end at a trusted root.
    #[error("the attestation comes from no root that is trusted here")]
    Root,
    /// A certificate is not signed by the one above it, or not with an accepted algorithm.
    #[error("a certificate of the attestation is not signed by the next")]
    Signature,
    /// The issuer of a certificate is not the subject of the one above it.
    #[error("a certificate of the attestation names another issuer than the next")]
    Issuer,
    /// A certificate above the first may not issue certificates, or not at this depth.
    #[error("a certificate of the attestation may not issue the one before it")]
    Authority,
    /// A certificate above the first has expired or is not valid yet.
    #[error("a certificate of the attestation is out of date")]
    Validity,
    /// A certificate has been revoked.
    #[error("a certificate of the attestation was revoked")]
    Revoked,
    /// The first certificate has no key description, or a later one has one.
    #[error("the attestation describes no key, or a key signed it that is no attestation key")]
    Extension,
    /// The attestation is about another key.
    #[error("the attestation is about another key")]
    Key,
    /// The attestation was made for something other than this registration.
    #[error("the attestation was made for another challenge")]
    Challenge,
    /// The phone claims a higher key level than is attested.
    #[error("the phone claims a better key level than is attested")]
    Level,
    /// The phone claims stronger user presence than is attested.
    #[error("the phone claims more user presence than is attested")]
    Presence,
    /// The key is not for signing.
    #[error("the attested key is not for signing")]
    Purpose,
    /// The key was not generated where it is stored.
    #[error("the attested key was imported")]
    Origin,
    /// The phone's system is unlocked or not the vendor's.
    #[error("the phone's system is unlocked or not verified")]
    Boot,
    /// Another app created the key.
    #[error("the attested key belongs to another app")]
    App,
}

impl AttestationError {
    /// Returns the stable error code, in lower case with dashes.
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

    /// Returns the message for the user. Only a phone that has proved possession of the registration secret and the key
    /// gets to see it.
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

/// Why a file needed for checking attestations was rejected.
#[derive(Debug, thiserror::Error)]
pub enum AttestationFileError {
    /// The file cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(String, #[source] std::io::Error),
    /// No certificates, or something other than certificates.
    #[error(
        "{0} must hold root certificates, in PEM or as a JSON list of such texts, and nothing else: {1}. server.toml says where \
         Google and Apple publish theirs."
    )]
    Roots(String, &'static str),
    /// Not in the format of Google's list.
    #[error(
        "{0} is no list of revoked certificates in the form of https://android.googleapis.com/attestation/status: {1}"
    )]
    Revoked(String, String),
}
