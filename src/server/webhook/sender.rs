//! Telling the receiver one event, once and blocking: signed as Standard Webhooks 1.0.0 has it.
//!
//! Knows nothing of the store, threads and repetitions.

use std::sync::Arc;
use std::time::Duration;

use ring::hmac;
use url::Url;

use super::WebhookError;
use super::settings::WebhookSettings;
use crate::ports::{Clock, EpochMilliseconds};
use crate::protocol::encoding::encode_standard;
use crate::secret::Reason;
use crate::server::ca_file::TlsFailure;
use crate::server::http::{self, Client};

/// How long the receiver may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why the receiver did not take an event. Holds nothing of it, and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 410: it wants no more of them.
    #[error("The receiver answered 410: it wants no such events any more. Take [webhook] out of server.toml.")]
    Gone,
    /// Any other status that is no success.
    #[error("The receiver answered {status}, which is no success.")]
    Status {
        /// The status.
        status: u16,
        /// Seconds after which it may be asked again, where it says so.
        retry_after: Option<u32>,
    },
    /// No connection that could be trusted.
    #[error("The receiver was not told. {0}")]
    Tls(TlsFailure),
    /// No answer.
    #[error("The receiver could not be reached: {0}")]
    Unreachable(String),
}

impl Failure {
    /// A stable name, for the audit log and programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Status { .. } => "refused",
            Self::Tls(failure) => failure.name(),
            Self::Unreachable(_) => "unreachable",
        }
    }
}

/// See the module.
pub struct Sender {
    url: Url,
    secrets: Vec<hmac::Key>,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Sender {
    /// Reads the secrets and the file of authorities.
    pub fn new(settings: &WebhookSettings, clock: Arc<dyn Clock>) -> Result<Self, WebhookError> {
        let secrets = settings.secrets(&|name| std::env::var(name).ok())?;
        let key = |secret: &crate::secret::SecretBytes| {
            hmac::Key::new(hmac::HMAC_SHA256, secret.expose(Reason::Authenticate))
        };
        let secrets = secrets.iter().map(key).collect();
        let client = Client::new(TIMEOUT, settings.trust()?);
        Ok(Self { url: settings.url.clone(), secrets, client, clock })
    }

    /// Posts an event; gives the status of a success.
    pub fn send(&self, id: &str, body: &str) -> Result<u16, Failure> {
        let at = self.clock.now();
        let (timestamp, signature) = ((at / 1000).to_string(), self.signature(id, body, at));
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", timestamp.as_str()),
            ("webhook-signature", signature.as_str()),
        ];
        let head =
            self.client.post_for_head(&self.url, &headers, body.as_bytes()).map_err(|failure| match failure {
                http::Failure::Tls(failure) => Failure::Tls(failure),
                http::Failure::NoAnswer(reason) => Failure::Unreachable(reason),
            })?;
        match head.status {
            200..=299 => Ok(head.status),
            410 => Err(Failure::Gone),
            status => Err(Failure::Status { status, retry_after: head.retry_after }),
        }
    }

    /// A signature with each secret.
    fn signature(&self, id: &str, body: &str, at: EpochMilliseconds) -> String {
        let signed = format!("{id}.{}.{body}", at / 1000);
        let sign = |key| format!("v1,{}", encode_standard(hmac::sign(key, signed.as_bytes()).as_ref()));
        self.secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
    }
}
