//! Middleware that every HTTP request passes through: request ID, host name check, client address and response headers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;
use ipnet::IpNet;
use tracing::Instrument as _;

use super::error;
use crate::ports::make_bytes;
use crate::server::App;
use crate::server::store::audit::Event;

/// Header with the ID of the HTTP request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Aborts HTTP requests that take too long, so that a client cannot send its body drop by drop.
pub(in crate::server) fn time_limit(longest: Duration) -> tower_http::timeout::TimeoutLayer {
    tower_http::timeout::TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, longest)
}

/// Gives every HTTP request an ID, checks its host name, replaces a trusted proxy's address with the client's, and
/// forbids caching. The ID appears in every log line about the request and in `X-Request-Id`.
///
/// All this is one layer, because thousands of requests may be waiting at once, and each layer needs memory for every
/// one of them.
///
/// An ID sent by the client is ignored; otherwise clients could write anything they like into the log.
pub(in crate::server) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let id: String = make_bytes::<8>(app.0.entropy.as_ref())
        .map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        .unwrap_or_default();
    // Without the query, which may contain registration URIs or other secrets.
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let began = app.now();
    // Probes use whatever address they know, and learn nothing but the server's health.
    let is_probe = matches!(request.uri().path(), "/am/isAlive" | "/am/json/health/live" | "/am/json/health/ready");
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let mut response = if hosts > 1 {
        error(StatusCode::BAD_REQUEST, "Send one Host header.")
    } else if is_probe || is_for_this_server(&app, &request) {
        let request = resolve_client(&app, request);
        let client = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
        let response = next.run(request).instrument(span.clone()).await;
        let limit = limit_of(response.status()).filter(|_| !is_probe);
        if let (Some(limit), Some(client)) = (limit, client) {
            span.in_scope(|| count_rejected(&app, limit, client));
        }
        response
    } else {
        error(StatusCode::MISDIRECTED_REQUEST, "This server does not answer to that host name.")
    };
    span.in_scope(|| {
        tracing::debug!(status = response.status().as_u16(), milliseconds = app.now() - began, "answered");
    });
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    // Nothing about a sign-on may be cached.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in HARDENING {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if app.cookies_are_secure() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Headers of every response: no content sniffing, no shared window with other origins, no unused browser features.
const HARDENING: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), payment=(), usb=(), geolocation=(self)"),
];

/// Longest part of an oversized body that is read and discarded, in bytes.
///
/// Without reading it, the connection would be closed with unread bytes, which resets it and loses the response. Beyond
/// this limit the connection is cut off.
const MOST_DRAINED: usize = 8 * 1024 * 1024;

/// Passes the HTTP request on with its whole body, or with one byte more than `limit` if the body is larger.
pub(in crate::server) async fn read_whole_body(State(limit): State<usize>, request: Request, next: Next) -> Response {
    let (parts, mut body) = request.into_parts();
    let mut read = Vec::new();
    let mut drained = 0_usize;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return error(StatusCode::BAD_REQUEST, "The body could not be read.");
        };
        let Ok(data) = frame.into_data() else { continue };
        drained += data.len();
        let room = (limit + 1).saturating_sub(read.len());
        read.extend(data.iter().take(room));
        if drained > MOST_DRAINED {
            break;
        }
    }
    next.run(Request::from_parts(parts, Body::from(read))).await
}

/// Returns which limit an HTTP request exceeded if it got this status.
fn limit_of(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Some("too-large"),
        StatusCode::REQUEST_TIMEOUT => Some("too-long"),
        StatusCode::TOO_MANY_REQUESTS => Some("too-often"),
        StatusCode::SERVICE_UNAVAILABLE => Some("too-busy"),
        _ => None,
    }
}

/// Counts an HTTP request that exceeded a limit. The audit log keeps a bounded number of these, so that rejected
/// requests cannot fill the store.
fn count_rejected(app: &App, limit: &'static str, client: IpAddr) {
    tracing::debug!(limit, address = %client, "rejected a request over a limit");
    app.count_event(Event {
        at: app.now(),
        event: "request".to_owned(),
        address: Some(client.to_string()),
        outcome: limit.to_owned(),
        ..Event::default()
    });
}

/// Returns whether the host name is this server's. With any other name, a foreign page could reach a server on this
/// machine as its own origin (DNS rebinding).
fn is_for_this_server(app: &App, request: &Request) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = request.uri().authority().map(|authority| authority.as_str().to_ascii_lowercase());
    app.0.hosts.contains(&host.to_ascii_lowercase())
        && authority.is_none_or(|authority| app.0.hosts.contains(&authority))
}

/// Replaces the address of a trusted proxy with that of the client behind it.
fn resolve_client(app: &App, mut request: Request) -> Request {
    let trusted = &app.0.configuration.trusted_proxies;
    if !trusted.is_empty()
        && let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied()
        && let Some(client) = client_behind(peer.ip(), request.headers(), trusted)
    {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, 0)));
    }
    request
}

/// Returns the client address before the trusted proxies. Each proxy appends the address that it received the request
/// from, so anything before the last untrusted address may be made up.
fn client_behind(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address.to_canonical()));
    let mut client = peer.to_canonical();
    let named: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for name in named.into_iter().rev() {
        if !is_trusted(client) {
            break;
        }
        client = read_address(name.trim())?.to_canonical();
    }
    (client != peer).then_some(client)
}

/// Parses an address as proxies write it: plain, in brackets, with the client's port, in quotes, or with a zone.
fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"').trim();
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let address = match bracketed {
        Some((address, "")) => address,
        Some((address, port)) => {
            port.strip_prefix(':')?.parse::<u16>().ok()?;
            address
        }
        // A single colon precedes a port; several belong to an IPv6 address.
        None => match text.split_once(':') {
            Some((address, port)) if !port.contains(':') => {
                port.parse::<u16>().ok()?;
                address
            }
            _ => text,
        },
    };
    let without_zone = address.split_once('%').map_or(address, |(address, _)| address);
    without_zone.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for (text, address) in [
            ("203.0.113.7", "203.0.113.7"),
            (" 203.0.113.7:51234", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("[fe80::1%eth0]", "fe80::1"),
            ("fe80::1%25eth0", "fe80::1"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ] {
            assert_eq!(read_address(text), Some(address.parse().unwrap()), "{text}");
        }
        for text in
            ["", "unknown", "_hidden", "203.0.113.7:", "203.0.113.7:x", "[2001:db8::1", "[2001:db8::1]x", "1.2.3"]
        {
            assert_eq!(read_address(text), None, "{text}");
        }
    }
}
