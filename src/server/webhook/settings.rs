//! The settings of the webhook, `[webhook]` in server.toml, and its secrets.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::protocol::encoding::decode_any;
use crate::protocol::uri::is_loopback;
use crate::secret::{Reason, SecretBytes, SecretText};
use crate::server::ca_file::{self, CaFileError, Trust};
use crate::server::keys::is_open_secret;
use crate::server::text_file::read_text;

/// Takes the place of the secret file.
pub const SECRET_VARIABLE: &str = "PUSH_AUTHENTICATOR_WEBHOOK_SECRET";
/// What a secret begins with (Standard Webhooks 1.0.0).
const PREFIX: &str = "whsec_";
/// Bytes of a secret, as the same says.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;
/// Most secrets at once: the present one, and the one before.
const MOST_SECRETS: usize = 2;

/// Settings of the webhook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSettings {
    /// Where events are posted to.
    pub url: Url,
    /// The file with the secret; relative to the configuration file's folder. Absent where the environment holds it.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
    /// Hours after an event from which on it is not tried again.
    #[serde(default = "default_give_up")]
    pub give_up_hours: i64,
    /// Certificates of authorities that are believed besides this machine's; relative to the configuration file's
    /// folder.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

fn default_give_up() -> i64 {
    72
}

/// Why the webhook's secret cannot be used. No message holds a part of it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Neither file nor variable.
    #[error("The webhook has no secret. Name a secret_file in [webhook], or set {SECRET_VARIABLE}.")]
    Missing,
    /// The file cannot be read.
    #[error("The webhook's secret, {0}, cannot be read: {1}")]
    Unreadable(String, #[source] std::io::Error),
    /// The file is open to other users.
    #[error("The webhook's secret, {0}, is readable by other users. Run: chmod 600 {0}, or set {SECRET_VARIABLE}.")]
    TooOpen(String),
    /// Not a secret, or too many.
    #[error(
        "The webhook's secret, {0}, is not whsec_ and base64 of 24 to 64 bytes, or two of these with a space or a line \
         between them. Make one: printf 'whsec_%s' \"$(openssl rand -base64 32)\""
    )]
    NotASecret(String),
}

impl WebhookSettings {
    /// Checks what the form of the file does not; the message names the key.
    pub fn check(&self) -> Result<(), String> {
        let url = &self.url;
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(url)) {
            return Err("webhook.url must be https unless its host is this machine itself".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
            return Err("webhook.url must be an address without user, password and fragment".to_owned());
        }
        if !(1..=720).contains(&self.give_up_hours) {
            return Err("webhook.give_up_hours must be from 1 to 720".to_owned());
        }
        Ok(())
    }

    /// The authorities that the receiver's certificate may come from.
    pub fn trust(&self) -> Result<Trust, CaFileError> {
        ca_file::read("webhook.ca_file", self.ca_file.as_deref())
    }

    /// Whether the receiver is asked by TLS.
    pub fn uses_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The secrets that events are signed with; `environment` gives the value of a variable.
    pub fn secrets(&self, environment: &dyn Fn(&str) -> Option<String>) -> Result<Vec<SecretBytes>, SecretError> {
        if let Some(text) = environment(SECRET_VARIABLE).filter(|text| !text.trim().is_empty()) {
            return read(&SecretText::new(text)).ok_or_else(|| SecretError::NotASecret(SECRET_VARIABLE.to_owned()));
        }
        let file = self.secret_file.as_ref().ok_or(SecretError::Missing)?;
        let name = || file.display().to_string();
        let unreadable = |error| SecretError::Unreadable(name(), error);
        let text = SecretText::new(read_text(file).map_err(unreadable)?);
        if is_open_secret(file).map_err(unreadable)? {
            return Err(SecretError::TooOpen(name()));
        }
        read(&text).ok_or_else(|| SecretError::NotASecret(name()))
    }
}

fn read(text: &SecretText) -> Option<Vec<SecretBytes>> {
    let secrets: Vec<SecretBytes> = text
        .expose(Reason::Authenticate)
        .trim_start_matches('\u{feff}')
        .split_whitespace()
        .map(|secret| decode_any(secret.strip_prefix(PREFIX)?).ok().map(SecretBytes::new))
        .collect::<Option<_>>()?;
    let are_fine = (1..=MOST_SECRETS).contains(&secrets.len()) && secrets.iter().all(|it| LENGTHS.contains(&it.len()));
    are_fine.then_some(secrets)
}
