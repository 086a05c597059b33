//! The phone's HTTP client, which sends HTTP requests unchanged.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use url::Url;

use crate::phone::{HttpResponse, SendFailure};
use crate::server::ca_file::{TlsFailure, Trust};

/// Timeout, longer than the longest hold of a pull.
const TIMEOUT: Duration = Duration::from_secs(45);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest response to read, in bytes.
const RESPONSE_LIMIT: u64 = 64 * 1024;

/// A client that follows no redirects and stores no cookies. Created on first use: most commands send nothing, so they
/// need not load the system's trusted certificates.
#[derive(Clone, Default)]
pub(super) struct Client(Arc<OnceLock<ureq::Agent>>);

/// Why an HTTP request got no response.
pub(super) struct Unanswered {
    /// Whether the server may have received it.
    pub(super) failure: SendFailure,
    /// What someone must fix before it can succeed.
    pub(super) cause: Option<TlsFailure>,
}

impl Client {
    fn agent(&self) -> &ureq::Agent {
        self.0.get_or_init(|| {
            let configuration = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .timeout_global(Some(TIMEOUT))
                .timeout_connect(Some(CONNECT_TIMEOUT))
                .user_agent(concat!("push-authenticator/", env!("CARGO_PKG_VERSION")))
                .tls_config(Trust::default().tls_config())
                .build();
            configuration.into()
        })
    }

    /// Posts the body.
    pub(super) fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<HttpResponse, Unanswered> {
        let mut request = self.agent().post(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut response = request.send(body).map_err(|error| judge(&error, url))?;
        let status = response.status().as_u16();
        let date = response.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
        let body = response
            .body_mut()
            .with_config()
            .limit(RESPONSE_LIMIT)
            .read_to_vec()
            .map_err(|_| Unanswered { failure: SendFailure::FateUnknown, cause: None })?;
        Ok(HttpResponse { status, date, body })
    }
}

fn judge(error: &ureq::Error, url: &str) -> Unanswered {
    let cause = Url::parse(url).ok().and_then(|url| TlsFailure::of(error, &url, &Trust::default()));
    // The certificate arrives before the HTTP request is sent; other TLS failures may also occur afterwards.
    let failure = match &cause {
        Some(cause) if cause.is_of_certificate() => SendFailure::NotSent,
        _ => fate(error),
    };
    Unanswered { failure, cause }
}

/// Returns whether the server may have received the HTTP request.
fn fate(error: &ureq::Error) -> SendFailure {
    use std::io::ErrorKind;
    match error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::BadUri(_)
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_)
        | ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => SendFailure::NotSent,
        ureq::Error::Io(problem)
            if matches!(
                problem.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
                    | ErrorKind::AddrNotAvailable
            ) =>
        {
            SendFailure::NotSent
        }
        _ => SendFailure::FateUnknown,
    }
}
