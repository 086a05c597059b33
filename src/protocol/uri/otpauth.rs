//! `otpauth` (the key URI of many authenticator apps): an account with one-time passwords, read, written, or entered by
//! hand.

use std::fmt::Write as _;

use url::Url;

use super::UriError;
use super::label::{self, Names};
use super::parameters::{CodeKind, Parameters};
use crate::protocol::encoding::encode_url_safe;
use crate::protocol::oath::{self, CodeSettings, Moving, SecretError};
use crate::protocol::policy::Policy;
use crate::secret::{Reason, SecretBytes, SecretText};

/// A credential for one-time passwords, as the registration URI or the user describes it.
pub struct OathRegistration {
    /// Issuer of the account; cleaned and truncated.
    pub issuer: String,
    /// Name of the account; cleaned and truncated.
    pub account: String,
    /// Id of the user on the server.
    pub user_id: Option<String>,
    /// Id of the device on the server.
    pub device_id: Option<String>,
    /// The secret for the one-time passwords.
    pub secret: SecretBytes,
    /// How the one-time passwords are derived.
    pub settings: CodeSettings,
    /// Background color, six lowercase hexadecimal digits.
    pub colour: Option<String>,
    /// Logo; https only, not to be fetched before the user confirms.
    pub logo: Option<Url>,
    /// Conditions that the phone must meet.
    pub policies: Vec<Policy>,
    /// The policies as originally written, to be stored with the account.
    pub policies_json: Option<String>,
}

/// An account as the user typed it in.
pub struct ManualEntry {
    /// Issuer of the account.
    pub issuer: String,
    /// Name of the account.
    pub account: String,
    /// The secret in base32; case, spaces and padding do not matter.
    pub secret: SecretText,
    /// How the one-time passwords are derived.
    pub settings: CodeSettings,
}

impl OathRegistration {
    /// Converts a typed entry, under the same limits as a scanned one.
    pub fn from_entry(entry: &ManualEntry) -> Result<Self, UriError> {
        let names = Names::new(&entry.issuer, &entry.account);
        if names.issuer.is_empty() && entry.account.trim().is_empty() {
            return Err(UriError::BadEntry("name"));
        }
        if !entry.settings.is_sound() {
            return Err(UriError::BadEntry("number of digits, period or counter"));
        }
        Ok(Self {
            issuer: names.issuer,
            account: names.account,
            user_id: None,
            device_id: None,
            secret: oath::read_secret(entry.secret.expose(Reason::HandOver)).map_err(|problem| match problem {
                SecretError::TooShort { bytes } => UriError::WeakSecret { bytes },
                SecretError::NotASecret => UriError::BadEntry("secret"),
            })?,
            settings: entry.settings,
            colour: None,
            logo: None,
            policies: Vec::new(),
            policies_json: None,
        })
    }
}

/// Reads an `otpauth` URI. The issuer is plain text here. Other apps write parameters of their own under names that
/// mean ids elsewhere, so a value that cannot be an id is ignored.
pub(super) fn read(uri: &Url, kind: CodeKind) -> Result<OathRegistration, UriError> {
    let parameters = Parameters::read(uri)?;
    let issuer = parameters.plain("issuer").filter(|issuer| !issuer.is_empty()).map(str::to_owned);
    let names = Names::read(uri, issuer)?;
    let (policies, policies_json) = parameters.policies()?;
    Ok(OathRegistration {
        issuer: names.issuer,
        account: names.account,
        user_id: parameters.user_id().ok().flatten(),
        device_id: parameters.id("oid").ok().flatten(),
        secret: parameters.code_secret()?,
        settings: parameters.code_settings(kind)?,
        colour: parameters.colour(),
        logo: parameters.plain_logo(),
        policies,
        policies_json,
    })
}

/// Writes an `otpauth` URI, with the same issuer in label and parameter, and with every setting, even a default.
pub fn print_otpauth(registration: &OathRegistration) -> SecretText {
    let base64 = |text: &str| encode_url_safe(text.as_bytes());
    let (kind, moves, value) = match registration.settings.moving {
        Moving::Time { period_seconds } => ("totp", "period", u64::from(period_seconds)),
        Moving::Counter { next } => ("hotp", "counter", next),
    };
    let secret = oath::print_secret(&registration.secret);
    let mut uri = format!(
        "otpauth://{kind}/{}?secret={}&issuer={}&algorithm={}&digits={}&{moves}={value}",
        label::print(&registration.issuer, &registration.account),
        secret.expose(Reason::HandOver),
        label::encode(&registration.issuer),
        registration.settings.algorithm.name(),
        registration.settings.digits,
    );
    let optional = [
        ("b", registration.colour.clone()),
        ("image", registration.logo.as_ref().map(|url| label::encode(url.as_str()))),
        ("uid", registration.user_id.as_deref().map(base64)),
        ("oid", registration.device_id.as_deref().map(base64)),
        ("policies", registration.policies_json.as_deref().map(base64)),
    ];
    for (key, value) in optional {
        if let Some(value) = value {
            let _ = write!(uri, "&{key}={value}");
        }
    }
    SecretText::new(uri)
}
