//! The server's only HTTP client: posts to Amazon SNS and to the webhook's receiver.
//!
//! It blocks, so it is called on threads of its callers' own. TLS is rustls on ring, with the authorities that this
//! machine trusts; it knows nothing of what it carries.

mod tls_failure;
mod trust;

use std::time::Duration;

use url::Url;

pub use tls_failure::TlsFailure;
pub use trust::{PemError, Trust};

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest answer that is read, in bytes.
const ANSWER_LIMIT: u64 = 64 * 1024;

/// A client that follows no redirects and keeps no cookies. https goes through the proxy that the environment names, which
/// sees the host alone; http through none.
pub(super) struct Client {
    agent: ureq::Agent,
    trust: Trust,
}

/// Why there is no answer. Holds nothing of the request.
pub(super) enum Failure {
    /// TLS failed.
    Tls(TlsFailure),
    /// Anything else.
    NoAnswer(String),
}

/// What came back.
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// The body, as text.
    pub(super) body: String,
}

/// The head of what came back.
pub(super) struct Head {
    /// The status.
    pub(super) status: u16,
    /// After how many seconds to come again (`Retry-After`), where it says so.
    pub(super) retry_after: Option<u32>,
}

impl Client {
    /// A client whose requests may take so long in all.
    pub(super) fn new(timeout: Duration, trust: Trust) -> Self {
        let configuration = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(timeout))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("push-authenticator/", env!("CARGO_PKG_VERSION")))
            .tls_config(trust.tls_config())
            .build();
        Self { agent: configuration.into(), trust }
    }

    /// Posts the body.
    pub(super) fn post(&self, url: &Url, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, Failure> {
        let mut response = self.send(url, headers, body)?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(ANSWER_LIMIT).read_to_vec();
        let body = body.map_err(|error| Failure::NoAnswer(error.to_string()))?;
        Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
    }

    /// Posts the body and reads no more of the answer than its head.
    pub(super) fn post_for_head(&self, url: &Url, headers: &[(&str, &str)], body: &[u8]) -> Result<Head, Failure> {
        let response = self.send(url, headers, body)?;
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Head { status: response.status().as_u16(), retry_after })
    }

    fn send(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let mut request = self.agent.post(url.as_str());
        if url.scheme() == "http" {
            // Allowed to this machine alone, and it must not leave it in clear because the environment names a proxy.
            request = request.config().proxy(None).build();
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send(body).map_err(|error| match TlsFailure::of(&error, url, &self.trust) {
            Some(failure) => Failure::Tls(failure),
            None => Failure::NoAnswer(error.to_string()),
        })
    }
}
