//! What every request passes before it is looked at: whose it is, under which host name, and how it is found in the log.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use ipnet::IpNet;
use tracing::Instrument as _;

use super::error;
use crate::ports::make_bytes;
use crate::server::App;

/// The header that carries a request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// How long a request may take in all; pages and phones that wait are held for 30 seconds at most.
const LONGEST_REQUEST: Duration = Duration::from_secs(60);

/// Gives up requests that take too long, because a client sends its body drop by drop.
pub(in crate::server) fn time_limit() -> tower_http::timeout::TimeoutLayer {
    tower_http::timeout::TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, LONGEST_REQUEST)
}

/// Gives the request an id, which stands in every line that is logged of it and goes back in `X-Request-Id`. One that came
/// along is not taken: whoever sends requests could write what they like into the log.
pub(in crate::server) async fn name_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let id: String = make_bytes::<8>(app.0.entropy.as_ref())
        .map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        .unwrap_or_default();
    let began = app.now();
    // Without the query: registration codes and the like may stand in one.
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let mut response = next.run(request).instrument(span.clone()).await;
    span.in_scope(|| {
        tracing::debug!(status = response.status().as_u16(), milliseconds = app.now() - began, "answered");
    });
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Puts the client's address in the place of a proxy's that the configuration trusts.
pub(in crate::server) async fn resolve_client(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let trusted = &app.0.configuration.trusted_proxies;
    if !trusted.is_empty()
        && let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied()
        && let Some(client) = client_behind(peer.ip(), request.headers(), trusted)
    {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, 0)));
    }
    next.run(request).await
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
        client = name.trim().parse::<IpAddr>().ok()?.to_canonical();
    }
    (client != peer).then_some(client)
}

/// Nothing of a sign-on may lie in a cache.
pub(in crate::server) async fn never_cache(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Refuses a Host header that is not this server's.
pub(in crate::server) async fn check_host(State(app): State<App>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let authority = request.uri().authority().map(|authority| authority.as_str().to_ascii_lowercase());
    let known = app.0.hosts.contains(&host.to_ascii_lowercase())
        && authority.is_none_or(|authority| app.0.hosts.contains(&authority));
    if known {
        next.run(request).await
    } else {
        error(StatusCode::MISDIRECTED_REQUEST, "This server does not answer to that host name.")
    }
}
