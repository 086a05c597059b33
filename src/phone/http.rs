//! HTTP requests and responses as data. The sender uses its own HTTP stack and must not follow redirects. Nothing here
//! opens a connection or depends on the purpose of an HTTP request.

use std::fmt;

use serde_json::Value;

use super::credential::{PushCredential, RequestKind};
use super::vault::Writer;
use super::{PhoneError, date};
use crate::ports::EpochMilliseconds;
use crate::protocol::message::ACCEPT_API_VERSION;
use crate::protocol::text;

/// Longest server text that is passed on, in characters.
const SERVER_TEXT_LIMIT: usize = 200;
/// How long after an HTTP request was handed out its response still reveals the server's time, in milliseconds.
const LONGEST_EXCHANGE: i64 = 60_000;
/// Largest response that is accepted, in bytes.
pub(super) const RESPONSE_LIMIT: usize = 64 * 1024;

/// An HTTP request to send by POST, byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Id of the outbox entry, for [`Phone::delivered`](super::Phone::delivered) and
    /// [`Phone::failed`](super::Phone::failed).
    pub id: String,
    /// Purpose of the outbox entry.
    pub kind: RequestKind,
    /// URL to send to.
    pub url: String,
    /// Names and values of the headers to send.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Latest time to send, in epoch milliseconds by this phone's clock.
    pub not_after: Option<EpochMilliseconds>,
}

/// Never prints the body, because an unsent answer is as good as the secret for its sign-on.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpRequest")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("url", &self.url)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// A server's response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Value of the `Date` header, if present; the phone uses it to learn how far its clock is off.
    pub date: Option<String>,
    /// The body, up to 64 KiB of it.
    pub body: Vec<u8>,
}

/// Returns the headers of an HTTP request to the phones' endpoint.
pub(super) fn headers(cookie: Option<&str>) -> Vec<(String, String)> {
    let (name, value) = ACCEPT_API_VERSION;
    let always = [(name, value), ("Content-Type", "application/json")];
    always
        .into_iter()
        .chain(cookie.map(|cookie| ("Cookie", cookie)))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Stores how far the server's clock is ahead, if the response reveals it. A response reported long after the HTTP
/// request was handed out does not, because its date may be from any time in between, for example if the app was
/// suspended before it could report.
pub(super) fn learn_clock_offset(
    rows: &Writer<'_>,
    credential: &PushCredential,
    response: &HttpResponse,
    sent_at: EpochMilliseconds,
    now: EpochMilliseconds,
) -> Result<(), PhoneError> {
    let is_fresh = (0..=LONGEST_EXCHANGE).contains(&now.saturating_sub(sent_at));
    if let Some(server_time) = response.date.as_deref().and_then(date::parse).filter(|_| is_fresh) {
        rows.set_clock_offset(credential.id, server_time.saturating_sub(now))?;
    }
    Ok(())
}

/// Returns the `message` of a JSON error, cleaned and truncated.
pub(super) fn server_text(response: &HttpResponse) -> Option<String> {
    let body = response.body.get(..RESPONSE_LIMIT.min(response.body.len()))?;
    let value: Value = serde_json::from_slice(body).ok()?;
    let cleaned = text::clean(value.get("message")?.as_str()?, SERVER_TEXT_LIMIT);
    (!cleaned.is_empty()).then_some(cleaned)
}
