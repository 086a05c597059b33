//! The server's configuration: one TOML file, checked as a whole at startup.

mod trust;
mod warnings;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use serde::Deserialize;
use url::Url;

use super::attestation::AttestationSettings;
use super::push::sns::SnsSettings;
use super::push::{Budget, HintOnly};
use super::rate_limit::RateLimitSettings;
use super::text_file::read_text;
use super::webhook::WebhookSettings;
use crate::protocol::uri::is_loopback;

/// The file that `init` writes: every key with its default and a comment.
pub const TEMPLATE: &str = include_str!("server.toml");
/// Longest public URL: phones accept endpoints of 2048 bytes, and a path and query are appended to this URL.
const LONGEST_PUBLIC_URL: usize = 1024;

/// The server's settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// URL under which browsers and phones reach the server. Without it, the address that the server listens on.
    pub public_url: Option<Url>,
    /// Name of the realm.
    pub realm: String,
    /// Journey for sign-ons that do not name one.
    pub default_journey: String,
    /// Folder of the database and the key, relative to the configuration file's folder.
    pub data: PathBuf,
    /// Folder of the journey files, relative to the configuration file's folder.
    pub journeys: PathBuf,
    /// Limits on HTTP requests.
    pub requests: RequestSettings,
    /// Settings of sign-ons.
    pub sign_on: SignOn,
    /// Settings of sessions.
    pub session: SessionSettings,
    /// Settings of push messages.
    pub push: PushSettings,
    /// The webhook, if there is one.
    pub webhook: Option<WebhookSettings>,
    /// Days for which audit events are kept.
    pub audit_days: i64,
    /// Origins whose pages may call the REST API, such as `https://app.example.com`.
    pub cross_origin: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is trusted: addresses or networks such as `10.0.0.0/8`.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Most simultaneous connections.
    pub connections: u32,
    /// Seconds for which the server still accepts HTTP requests after it was told to stop.
    pub stop_delay_seconds: u32,
    /// Format of the log.
    pub log: LogFormat,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object per line, for programs.
    Json,
}

/// Deserializes networks and single addresses.
fn networks<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .into_iter()
        .map(|text| {
            let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| serde::de::Error::custom(format!("{text:?} is no address and no network")))
        })
        .collect()
}

/// Limits on HTTP requests.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestSettings {
    /// Largest body, in KiB.
    pub body_kib: u32,
    /// Longest duration of an HTTP request, in seconds.
    pub seconds: u32,
    /// Seconds within which the header of an HTTP request must arrive, an idle connection must be used again, and a
    /// client must continue reading.
    pub idle_seconds: u32,
    /// Most premature polls of one sign-on per minute.
    pub early_polls: u32,
    /// Most HTTP requests that wait for the same sign-on at the same time, each from a page that shows it.
    pub waits: u32,
}

/// Settings of sign-ons.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignOn {
    /// Minutes within which a step must be answered.
    pub step_minutes: i64,
    /// Longest duration of a sign-on, in minutes.
    pub maximum_minutes: i64,
    /// Most push messages that one sign-on sends.
    pub message_limit: u32,
    /// Whether a user without a phone may register one with the password alone.
    pub self_registration: bool,
    /// Most password attempts for one name within [`attempt_minutes`](Self::attempt_minutes).
    pub attempts_per_user: u32,
    /// Most password attempts from one address within that time. Right passwords do not count.
    pub attempts_per_address: u32,
    /// Most recovery code attempts for one user within that time.
    pub recovery_code_attempts: u32,
    /// Consecutive wrong passwords after which a user can sign in only from known browsers, and after which a known
    /// browser is no longer known.
    pub failures_in_a_row: u32,
    /// Days for which a browser stays known after a sign-in with both factors.
    pub known_browser_days: i64,
    /// Minutes to which the limits on attempts apply.
    pub attempt_minutes: i64,
    /// Most sign-ons that wait for a password check; further ones are rejected.
    pub password_queue: u32,
}

/// Settings of sessions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSettings {
    /// Minutes without use after which a session ends.
    pub idle_minutes: i64,
    /// Minutes after which a session ends in any case.
    pub maximum_minutes: i64,
    /// Whether browsers send the session cookie with calls from pages of other sites.
    pub cross_site_cookie: bool,
}

/// Settings of push messages.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushSettings {
    /// Most changes of a phone's push token within [`SignOn::attempt_minutes`].
    pub token_changes: u32,
    /// Most messages that a user gets within [`budget_minutes`](Self::budget_minutes). A fifth of a budget of three or
    /// more, but at least one message, is reserved for known browsers.
    pub budget: u32,
    /// Minutes to which the budget applies.
    pub budget_minutes: i64,
    /// Denials and wrong numbers on the phone within [`cool_down_minutes`](Self::cool_down_minutes) after which no
    /// messages are sent for that time.
    pub refusals: u32,
    /// Minutes for which denials and wrong numbers count.
    pub cool_down_minutes: i64,
    /// Whether phones that another transport reaches may pull their messages, too.
    pub pull_for_all: bool,
    /// Whether pushes over a relay contain only a hint, for phones that support it.
    pub hint_only: HintOnly,
    /// Minutes without messages after the user denied a sign-on as someone else's; 0 until an administrator lifts the
    /// freeze.
    pub freeze_minutes: i64,
    /// What attestations of device keys are checked against. Without it, they are not checked.
    pub attestation: Option<AttestationSettings>,
    /// The Amazon SNS transport, if there is one.
    pub sns: Option<SnsSettings>,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            realm: "alpha".to_owned(),
            default_journey: super::journey::SHIPPED_NAME.to_owned(),
            data: PathBuf::from("data"),
            journeys: PathBuf::from("journeys"),
            requests: RequestSettings::default(),
            sign_on: SignOn::default(),
            session: SessionSettings::default(),
            push: PushSettings::default(),
            webhook: None,
            audit_days: 365,
            cross_origin: Vec::new(),
            trusted_proxies: Vec::new(),
            connections: 20_000,
            stop_delay_seconds: 0,
            log: LogFormat::Text,
        }
    }
}

impl Default for RequestSettings {
    fn default() -> Self {
        Self { body_kib: 64, seconds: 60, idle_seconds: 30, early_polls: 60, waits: 4 }
    }
}

impl Default for PushSettings {
    fn default() -> Self {
        Self {
            token_changes: 20,
            budget: 10,
            budget_minutes: 10,
            refusals: 3,
            cool_down_minutes: 10,
            pull_for_all: false,
            hint_only: HintOnly::Off,
            freeze_minutes: 60,
            attestation: None,
            sns: None,
        }
    }
}

impl PushSettings {
    pub(super) fn budget(&self) -> Budget {
        Budget {
            requests: self.budget,
            // A budget of one or two is too small to be divided.
            kept: (self.budget / 5).max(u32::from(self.budget >= 3)),
            period: self.budget_minutes * 60_000,
            refusals: self.refusals,
            cool_down: self.cool_down_minutes * 60_000,
        }
    }
}

impl Default for SignOn {
    fn default() -> Self {
        Self {
            step_minutes: 15,
            maximum_minutes: 60,
            message_limit: 5,
            self_registration: true,
            attempts_per_user: 10,
            attempts_per_address: 100,
            recovery_code_attempts: 10,
            failures_in_a_row: 100,
            known_browser_days: 90,
            attempt_minutes: 10,
            password_queue: 64,
        }
    }
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self { idle_minutes: 30, maximum_minutes: 480, cross_site_cookie: false }
    }
}

/// Why a configuration was rejected.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The file cannot be read.
    #[error("The configuration {0} cannot be read: {1}")]
    Unreadable(String, #[source] std::io::Error),
    /// Not TOML, an unknown key, or a wrong value.
    #[error("The configuration {0} is not valid: {1}")]
    Invalid(String, String),
}

impl Configuration {
    /// Reads and checks a file. Its relative paths are resolved against the file's folder.
    pub fn load(file: &Path) -> Result<Self, ConfigurationError> {
        let name = file.display().to_string();
        let text = read_text(file).map_err(|error| ConfigurationError::Unreadable(name.clone(), error))?;
        let mut configuration: Self =
            toml::from_str(&text).map_err(|error| ConfigurationError::Invalid(name.clone(), error.to_string()))?;
        configuration.check().map_err(|problem| ConfigurationError::Invalid(name, problem))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        configuration.data = folder.join(&configuration.data);
        configuration.journeys = folder.join(&configuration.journeys);
        if let Some(attestation) = &mut configuration.push.attestation {
            attestation.resolve(folder);
        }
        if let Some(sns) = &mut configuration.push.sns {
            sns.credentials_file = folder.join(&sns.credentials_file);
            sns.ca_file = sns.ca_file.as_ref().map(|file| folder.join(file));
        }
        if let Some(webhook) = &mut configuration.webhook {
            for file in [&mut webhook.secret_file, &mut webhook.ca_file].into_iter().flatten() {
                *file = folder.join(&*file);
            }
        }
        Ok(configuration)
    }

    pub(super) fn rate_limits(&self) -> RateLimitSettings {
        RateLimitSettings {
            per_user: self.sign_on.attempts_per_user,
            per_address: self.sign_on.attempts_per_address,
            recovery_codes: self.sign_on.recovery_code_attempts,
            token_changes: self.push.token_changes,
            period: self.sign_on.attempt_minutes * 60_000,
        }
    }

    /// Checks what deserialization cannot. The error names the key.
    pub fn check(&self) -> Result<(), String> {
        match &self.public_url {
            None if self.listen.ip().is_unspecified() => {
                return Err(
                    "listen is every address of this machine, so public_url must say which one phones use".to_owned()
                );
            }
            Some(url) if !matches!(url.scheme(), "http" | "https") || url.host().is_none() => {
                return Err("public_url must be an http or https address".to_owned());
            }
            Some(url) if !url.username().is_empty() || url.password().is_some() => {
                return Err(
                    "public_url must not hold a user name or a password: phones reject such an address".to_owned()
                );
            }
            Some(url) if url.as_str().len() > LONGEST_PUBLIC_URL => {
                return Err(format!("public_url must not be longer than {LONGEST_PUBLIC_URL} characters"));
            }
            Some(url) if url.port() == Some(0) => {
                return Err("public_url must not name port 0: nobody can reach it".to_owned());
            }
            Some(url) if url.scheme() == "http" && !is_loopback(url) => {
                return Err(
                    "public_url must be https unless its host is this machine itself: phones refuse it".to_owned()
                );
            }
            Some(url)
                if url.query().is_some() || url.fragment().is_some() || url.path().trim_end_matches('/') != "/am" =>
            {
                return Err("public_url must end in /am".to_owned());
            }
            _ => {}
        }
        let realm_is_fine = !self.realm.is_empty()
            && self.realm != "root"
            && self.realm.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !realm_is_fine {
            return Err("realm must be letters, digits, - or _, and not root".to_owned());
        }
        let minutes = [
            ("sign_on.step_minutes", self.sign_on.step_minutes),
            ("sign_on.maximum_minutes", self.sign_on.maximum_minutes),
            ("sign_on.attempt_minutes", self.sign_on.attempt_minutes),
            ("session.idle_minutes", self.session.idle_minutes),
            ("session.maximum_minutes", self.session.maximum_minutes),
            ("push.budget_minutes", self.push.budget_minutes),
            ("push.cool_down_minutes", self.push.cool_down_minutes),
        ];
        let counts = [
            ("connections", self.connections),
            ("requests.idle_seconds", self.requests.idle_seconds),
            ("requests.early_polls", self.requests.early_polls),
            ("requests.waits", self.requests.waits),
            ("push.token_changes", self.push.token_changes),
            ("sign_on.message_limit", self.sign_on.message_limit),
            ("sign_on.attempts_per_user", self.sign_on.attempts_per_user),
            ("sign_on.attempts_per_address", self.sign_on.attempts_per_address),
            ("sign_on.failures_in_a_row", self.sign_on.failures_in_a_row),
            ("sign_on.recovery_code_attempts", self.sign_on.recovery_code_attempts),
            ("sign_on.password_queue", self.sign_on.password_queue),
            ("push.budget", self.push.budget),
            ("push.refusals", self.push.refusals),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, value)| *value == 0) {
            return Err(format!("{key} must be at least 1"));
        }
        if let Some(origin) = self.cross_origin.iter().find(|origin| !is_origin(origin)) {
            return Err(format!("cross_origin holds {origin:?}, which is no origin such as https://app.example.com"));
        }
        let https = self.public_url.as_ref().is_some_and(|url| url.scheme() == "https");
        if self.session.cross_site_cookie && !https {
            return Err("session.cross_site_cookie needs a public_url of https: browsers drop such cookies over http"
                .to_owned());
        }
        if let Some(attestation) = &self.push.attestation {
            attestation.check()?;
        }
        if let Some(sns) = &self.push.sns {
            sns.check()?;
        }
        if let Some(webhook) = &self.webhook {
            webhook.check()?;
        }
        if !(16..=1024).contains(&self.requests.body_kib) {
            return Err("requests.body_kib must be from 16, which a phone's registration may need, to 1024".to_owned());
        }
        if !(40..=3600).contains(&self.requests.seconds) {
            return Err("requests.seconds must be from 40, as phones that wait are held for 30, to 3600".to_owned());
        }
        if self.requests.idle_seconds > 3600 {
            return Err("requests.idle_seconds must be at most 3600".to_owned());
        }
        if self.stop_delay_seconds > 300 {
            return Err("stop_delay_seconds must be at most 300".to_owned());
        }
        if !(0..=525_600).contains(&self.push.freeze_minutes) {
            return Err("push.freeze_minutes must be from 0 to 525600".to_owned());
        }
        if !(1..=400).contains(&self.sign_on.known_browser_days) {
            return Err("sign_on.known_browser_days must be from 1 to 400".to_owned());
        }
        if !(1..=36_500).contains(&self.audit_days) {
            return Err("audit_days must be from 1 to 36500".to_owned());
        }
        match minutes.into_iter().find(|(_, value)| !(1..=525_600).contains(value)) {
            Some((key, _)) => Err(format!("{key} must be from 1 to 525600")),
            None => Ok(()),
        }
    }
}

/// Returns whether the text is an origin as browsers write it: scheme, host, and the port unless it is the scheme's
/// default.
fn is_origin(text: &str) -> bool {
    Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text)
}

#[cfg(test)]
mod tests;
