//! Requests and responses as data. Whoever sends them has their own HTTP stack, and must follow no redirects; nothing
//! here opens a connection or knows what a request is for.

use std::fmt;

use serde_json::Value;

use super::credential::{PushCredential, RequestKind};
use super::vault::Writer;
use super::{PhoneError, date};
use crate::ports::EpochMilliseconds;
use crate::protocol::message::ACCEPT_API_VERSION;
use crate::protocol::text;

/// Longest text of a server that is passed on, in characters.
const SERVER_TEXT_LIMIT: usize = 200;
/// How long after a request was handed out its response still tells the server's time, in milliseconds.
const LONGEST_EXCHANGE: i64 = 60_000;
/// Largest response that is looked at, in bytes.
pub(super) const RESPONSE_LIMIT: usize = 64 * 1024;

/// A request to be sent by POST, its bytes exactly as they are.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Names the request in [`Phone::delivered`](super::Phone::delivered) and [`Phone::failed`](super::Phone::failed).
    pub id: String,
    /// What it is for.
    pub kind: RequestKind,
    /// Where it goes.
    pub url: String,
    /// Headers to send, names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Not to be sent later than this, in epoch milliseconds by this phone's clock.
    pub not_after: Option<EpochMilliseconds>,
}

/// An answer that was not sent yet is as good as the secret for its sign-on, so the body is never printed.
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

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Value of the `Date` header, where there is one: the phone learns from it how far its clock is off.
    pub date: Option<String>,
    /// The body, at most 64 KiB of it.
    pub body: Vec<u8>,
}

/// The headers of every request to the phones' endpoint.
pub(super) fn headers(cookie: Option<&str>) -> Vec<(String, String)> {
    let (name, value) = ACCEPT_API_VERSION;
    let always = [(name, value), ("Content-Type", "application/json")];
    always
        .into_iter()
        .chain(cookie.map(|cookie| ("Cookie", cookie)))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Keeps how far the server's clock is ahead, where the response tells it. One that is told long after the request was
/// handed out does not: its date is of some moment in between, as when the app was suspended before it could report.
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

/// The `message` of a JSON error, cleaned and capped.
pub(super) fn server_text(response: &HttpResponse) -> Option<String> {
    let body = response.body.get(..RESPONSE_LIMIT.min(response.body.len()))?;
    let value: Value = serde_json::from_slice(body).ok()?;
    let cleaned = text::clean(value.get("message")?.as_str()?, SERVER_TEXT_LIMIT);
    (!cleaned.is_empty()).then_some(cleaned)
}
