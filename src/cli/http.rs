//! The phone's HTTP client: sends its requests as they are.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use url::Url;

use crate::phone::{HttpResponse, SendFailure};
use crate::server::ca_file::{TlsFailure, Trust};

/// Longer than the longest hold of a pull.
const TIMEOUT: Duration = Duration::from_secs(45);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest response that is read, in bytes.
const RESPONSE_LIMIT: u64 = 64 * 1024;

/// A client that follows no redirects and keeps no cookies. Made at the first request: most commands make none, and
/// need not read whom this machine trusts.
#[derive(Clone, Default)]
pub(super) struct Client(Arc<OnceLock<ureq::Agent>>);

/// Why a request has no response.
pub(super) struct Unanswered {
    /// Whether it can have reached the server.
    pub(super) failure: SendFailure,
    /// What somebody has to set right before it can.
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
    // A certificate comes before the request does; other trouble with TLS may also come after it.
    let failure = match &cause {
        Some(cause) if cause.is_of_certificate() => SendFailure::NotSent,
        _ => fate(error),
    };
    Unanswered { failure, cause }
}

/// Whether the request can have reached the server.
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
