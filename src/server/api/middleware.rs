//! What every request passes before it is looked at: whose it is, under which host name, and how it is found in the log.

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

/// The header that carries a request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives up requests that take too long, because a client sends its body drop by drop.
pub(in crate::server) fn time_limit(longest: Duration) -> tower_http::timeout::TimeoutLayer {
    tower_http::timeout::TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, longest)
}

/// What every request passes, in one piece, because thousands may be held at once and each layer of its own keeps something
/// for all of them: an id, which stands in every line that is logged of the request and goes back in `X-Request-Id`; a host
/// name that is this server's; the client's address in the place of a trusted proxy's; no caching.
///
/// An id that came along is not taken: whoever sends requests could write what they like into the log.
pub(in crate::server) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let id: String = make_bytes::<8>(app.0.entropy.as_ref())
        .map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        .unwrap_or_default();
    // Without the query: registration codes and the like may stand in one.
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let began = app.now();
    // Probes ask by whatever address they know, and learn nothing but health.
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
    // Nothing of a sign-on may lie in a cache.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in HARDENING {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if app.cookies_are_secure() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

/// Headers of every answer: no guessing of content, no window of another origin, no feature that no page uses.
const HARDENING: [(&str, &str); 3] = [
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), payment=(), usb=(), geolocation=(self)"),
];

/// Reads a body that is too large to a bounded end, so that its sender comes to read the answer: a connection that is closed
/// with unread bytes is reset, and the answer is lost. What comes after this is cut off.
const MOST_DRAINED: usize = 8 * 1024 * 1024;

/// Hands on a request with its whole body, or with one byte more than `limit` where it is larger.
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

/// Which limit a request was over that is answered so.
fn limit_of(status: StatusCode) -> Option<&'static str> {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Some("too-large"),
        StatusCode::REQUEST_TIMEOUT => Some("too-long"),
        StatusCode::TOO_MANY_REQUESTS => Some("too-often"),
        StatusCode::SERVICE_UNAVAILABLE => Some("too-busy"),
        _ => None,
    }
}

/// Counts a request that was over a limit. The audit log keeps a bounded number of them: nobody may fill the store by
/// being rejected.
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

/// Whether the host name is this server's. Any other would let a foreign page speak to a server on this machine under its
/// own name.
fn is_for_this_server(app: &App, request: &Request) -> bool {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = request.uri().authority().map(|authority| authority.as_str().to_ascii_lowercase());
    app.0.hosts.contains(&host.to_ascii_lowercase())
        && authority.is_none_or(|authority| app.0.hosts.contains(&authority))
}

/// The request with the client's address in the place of a proxy's that the configuration trusts.
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

/// The address before the trusted proxies: each appends the one that it heard from, so what stands before the last one
/// that is not trusted may be anybody's invention.
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

/// Reads an address as proxies write it: by itself, in brackets, with the client's port, in quotes, or with a zone.
fn read_address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"').trim();
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let address = match bracketed {
        Some((address, "")) => address,
        Some((address, port)) => {
            port.strip_prefix(':')?.parse::<u16>().ok()?;
            address
        }
        // One colon stands before a port; more are an IPv6 address.
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
