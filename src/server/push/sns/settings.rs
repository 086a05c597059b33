//! The settings of the transport Amazon SNS, `[push.sns]` in server.toml.

use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

use crate::protocol::uri::is_loopback;
use crate::server::ca_file::{self, CaFileError, Trust};

/// Settings of the transport.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnsSettings {
    /// The credentials file; relative to the configuration file's folder.
    pub credentials_file: PathBuf,
    /// The region, where it is not the one that the platform applications' ARNs name.
    #[serde(default)]
    pub region: Option<String>,
    /// Where SNS is reached, if not at the region's own address.
    #[serde(default)]
    pub endpoint: Option<Url>,
    /// Whether iOS phones run development builds, which get their pushes from Apple's sandbox.
    #[serde(default)]
    pub apns_sandbox: bool,
    /// Certificates of authorities that are believed besides this machine's; relative to the configuration file's
    /// folder.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

impl SnsSettings {
    /// The authorities that SNS's certificate may come from.
    pub fn trust(&self) -> Result<Trust, CaFileError> {
        ca_file::read("push.sns.ca_file", self.ca_file.as_deref())
    }

    /// Whether SNS is asked by TLS.
    pub fn uses_tls(&self) -> bool {
        self.endpoint.as_ref().is_none_or(|endpoint| endpoint.scheme() == "https")
    }

    /// Checks what the form of the file does not; the message names the key.
    pub fn check(&self) -> Result<(), String> {
        if self.region.as_deref().is_some_and(|region| !is_region(region)) {
            return Err("push.sns.region must be the name of a region, as in us-west-2".to_owned());
        }
        let Some(endpoint) = &self.endpoint else { return Ok(()) };
        if endpoint.scheme() != "https" && !(endpoint.scheme() == "http" && is_loopback(endpoint)) {
            return Err("push.sns.endpoint must be https unless its host is this machine itself".to_owned());
        }
        let is_bare = endpoint.path() == "/"
            && endpoint.query().is_none()
            && endpoint.fragment().is_none()
            && endpoint.username().is_empty()
            && endpoint.password().is_none();
        if is_bare { Ok(()) } else { Err("push.sns.endpoint must be an address without a path".to_owned()) }
    }
}

/// Whether the text has the form of a region's name; it becomes part of a host name.
pub(super) fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
