//! What a registration code, or what was typed in, would add. Knows how it is shown, and no rule about it.

use super::codes::CodeSettings;
use super::records::{Conflict, CredentialKind, all};
use crate::phone;

/// What would be added, as shown to a person: all of it is what would be stored. The secrets are not in it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct EnrolmentPreview {
    /// Who the account is with.
    pub issuer: String,
    /// The account's name there.
    pub account: String,
    /// Host, with its port where one is named, that would be contacted; none where only codes would be shown.
    pub host: Option<String>,
    /// The host's name in its own letters, where those are not ASCII's; show it beside `host`.
    pub unicode_host: Option<UnicodeHost>,
    /// What would be added.
    pub kinds: Vec<CredentialKind>,
    /// How codes would be made, where they would be shown.
    pub codes: Option<CodeSettings>,
    /// Background colour, six lower-case hexadecimal digits.
    pub colour: Option<String>,
    /// Address of the logo; https, and not to be fetched before the person confirmed.
    pub logo: Option<String>,
    /// Names of the policies that this phone would have to meet.
    pub policies: Vec<String>,
    /// The account that is there already, under the same issuer, name and host.
    pub conflict: Option<Conflict>,
    /// Accounts of the same issuer and name at other hosts. They are other accounts and stay as they are; that there are
    /// any may be a reason not to trust the code.
    pub namesakes: Vec<Conflict>,
    /// Whether the server takes a signing key of the account's own: see `Enrolment`'s `key`.
    pub takes_device_key: bool,
    /// What the platform is to attest a new key in hardware with, where the server takes one: 32 bytes, good for this
    /// code only. Android's `setAttestationChallenge` takes it; App Attest takes
    /// [`Authenticator::app_attest_client_data_hash`](super::Authenticator::app_attest_client_data_hash).
    pub attestation_challenge: Option<Vec<u8>>,
}

/// A host whose name has letters other than ASCII's, as people read it.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct UnicodeHost {
    /// The name in its own letters, with the port where one is named.
    pub name: String,
    /// Whether a part of the name mixes scripts, as names do that imitate another: warn.
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
