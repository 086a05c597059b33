//! What a registration URI or a manual entry would add, in a form for display.

use super::codes::CodeSettings;
use super::records::{Conflict, CredentialKind, all};
use crate::phone;

/// What would be added, for display to the user. It covers everything that would be stored except the secrets.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct EnrolmentPreview {
    /// Issuer of the account.
    pub issuer: String,
    /// Account name at the issuer.
    pub account: String,
    /// Host that would be contacted, with its port if the registration URI names one; absent if the account only shows
    /// one-time passwords.
    pub host: Option<String>,
    /// The host name in its own script if it is not ASCII; show it next to `host`.
    pub unicode_host: Option<UnicodeHost>,
    /// Kinds of credentials that would be added.
    pub kinds: Vec<CredentialKind>,
    /// Settings for generating one-time passwords, if the account shows them.
    pub codes: Option<CodeSettings>,
    /// Background color, six lowercase hexadecimal digits.
    pub colour: Option<String>,
    /// URL of the logo; always https. Do not fetch it before the user has confirmed.
    pub logo: Option<String>,
    /// Names of the policies that this phone would have to meet.
    pub policies: Vec<String>,
    /// The existing account with the same issuer, name, and host.
    pub conflict: Option<Conflict>,
    /// Accounts with the same issuer and name at other hosts. They are separate accounts and remain unchanged, but
    /// their existence may be a reason not to trust the registration URI.
    pub namesakes: Vec<Conflict>,
    /// Whether the server accepts a separate signing key for the account: see `key` in `Enrolment`.
    pub takes_device_key: bool,
    /// Challenge for the platform's attestation of a new hardware key, if the server accepts one: 32 bytes, valid for
    /// this registration URI only. Pass it to Android's `setAttestationChallenge`. For App Attest, have `Authenticator`
    /// compute the client data hash instead.
    pub attestation_challenge: Option<Vec<u8>>,
}

/// A host name that is not ASCII, in readable form.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct UnicodeHost {
    /// The name in its own script, with the port if the registration URI names one.
    pub name: String,
    /// Whether a label of the name mixes scripts, which is typical of names that imitate another one: warn the user.
    pub mixes_scripts: bool,
}

impl From<phone::UnicodeHost> for UnicodeHost {
    fn from(host: phone::UnicodeHost) -> Self {
        Self { name: host.name, mixes_scripts: host.mixes_scripts }
    }
}

impl From<phone::Preview> for EnrolmentPreview {
    fn from(preview: phone::Preview) -> Self {
        Self {
            issuer: preview.issuer,
            account: preview.account,
            host: preview.host,
            unicode_host: preview.unicode_host.map(UnicodeHost::from),
            kinds: all(preview.kinds),
            codes: preview.codes.map(CodeSettings::from),
            colour: preview.colour,
            logo: preview.logo,
            policies: preview.policies,
            conflict: preview.conflict.map(Conflict::from),
            namesakes: all(preview.namesakes),
            takes_device_key: preview.takes_device_key,
            attestation_challenge: preview.attestation_challenge.map(Vec::from),
        }
    }
}
