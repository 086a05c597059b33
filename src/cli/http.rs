//! The phone's HTTP client: sends its requests as they are.

use std::time::Duration;

use crate::phone::{HttpResponse, SendFailure};

/// Longer than the longest hold of a pull.
const TIMEOUT: Duration = Duration::from_secs(45);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest response that is read, in bytes.
const RESPONSE_LIMIT: u64 = 64 * 1024;

/// A client that follows no redirects and keeps no cookies.
#[derive(Clone)]
pub(super) struct Client(ureq::Agent);

impl Client {
    pub(super) fn new() -> Self {
        let configuration = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("push-authenticator/", env!("CARGO_PKG_VERSION")))
            .build();
        Self(configuration.into())
    }

    /// Posts the body.
    pub(super) fn post(
        &self,
        url: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> Result<HttpResponse, SendFailure> {
        let mut request = self.0.post(url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let mut response = request.send(body).map_err(|error| judge(&error))?;
        let status = response.status().as_u16();
        let date = response.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
        let body = response
            .body_mut()
            .with_config()
            .limit(RESPONSE_LIMIT)
            .read_to_vec()
            .map_err(|_| SendFailure::FateUnknown)?;
        Ok(HttpResponse { status, date, body })
    }
}

/// Whether the request can have reached the server.
fn judge(error: &ureq::Error) -> SendFailure {
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
