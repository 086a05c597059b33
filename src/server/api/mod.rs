//! AM's REST API, for web SDKs, other programs and phones.

pub(super) mod authenticate;
pub(super) mod devices;
pub(super) mod discovery;
pub(super) mod health;
pub(super) mod middleware;
pub(super) mod phones;
pub(super) mod server_info;
pub(super) mod sessions;

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use tower_http::cors::CorsLayer;

use super::App;
use super::store::StoreError;
use super::store::sessions::{self as sessions_of_store, Session};

/// Returns an error in AM's format: `{"code", "reason", "message"}`.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    let body = json!({
        "code": status.as_u16(),
        "reason": status.canonical_reason().unwrap_or_default(),
        "message": message,
    });
    (status, Json(body)).into_response()
}

/// Seconds after which a client may retry when the server is at capacity or cannot reach its database.
pub(super) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("30");

/// Answers an HTTP request that failed inside the server: logs the cause and reveals nothing. A temporary problem is a
/// 503 with `Retry-After`.
pub(super) fn internal(problem: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(%problem, "request failed");
    if problem.downcast_ref::<StoreError>().is_some_and(StoreError::may_pass) {
        return unavailable("The server cannot store anything now. Try again shortly.");
    }
    error(StatusCode::INTERNAL_SERVER_ERROR, "Internal error. Try again.")
}

/// Returns a 503 with `Retry-After`.
pub(super) fn unavailable(message: &str) -> Response {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, message);
    response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    response
}

/// Extractor that rejects HTTP requests unless their path names the realm served here.
pub(super) struct Realm;

impl FromRequestParts<App> for Realm {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let names = Path::<HashMap<String, String>>::from_request_parts(parts, app).await;
        let Ok(Path(mut names)) = names else {
            return Err(error(StatusCode::NOT_FOUND, "The realm in the address cannot be read."));
        };
        // AM takes the realm from the path or from the query. If both name one, both must match.
        let in_query = Query::<RealmQuery>::try_from_uri(&parts.uri).ok().and_then(|Query(query)| query.realm);
        let named: Vec<String> = names.remove("realm").into_iter().chain(in_query).collect();
        if named.is_empty() {
            let message = "Name the realm in the address, such as /json/realms/root/realms/alpha/.";
            return Err(error(StatusCode::NOT_FOUND, message));
        }
        let is_other = |realm: &&String| realm.strip_prefix('/').unwrap_or(realm) != app.0.configuration.realm;
        let Some(other) = named.iter().find(is_other) else { return Ok(Self) };
        let shown = crate::protocol::text::clean(other, 40);
        Err(error(StatusCode::NOT_FOUND, &format!("There is no realm {shown:?} here.")))
    }
}

#[derive(Deserialize)]
struct RealmQuery {
    realm: Option<String>,
}

/// Answers a path that does not exist.
pub(super) async fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "There is nothing at this address.")
}

/// Answers a method that a path does not support.
pub(super) async fn method_not_allowed() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "This address does not take this method.")
}

/// Returns the session token from the header or the cookie named `iPlanetDirectoryPro`, and whether it is from the
/// cookie.
fn session_token(headers: &HeaderMap) -> Option<(crate::secret::SecretText, bool)> {
    let header_value = headers.get(super::SESSION_COOKIE).and_then(|value| value.to_str().ok());
    if let Some(token) = header_value {
        return Some((crate::secret::SecretText::new(token.to_owned()), false));
    }
    session_cookie(headers).map(|token| (token, true))
}

/// Error message for an HTTP request that a page of another origin could have caused.
const SEND_A_HEADER: &str = "Send the X-Requested-With or the Accept-API-Version header.";

/// Returns whether the HTTP request has a header that a page of another origin cannot make a browser send with the
/// cookie.
fn says_it_is_no_form(headers: &HeaderMap) -> bool {
    headers.contains_key("x-requested-with") || headers.contains_key("accept-api-version")
}

/// Returns the live session whose token the HTTP request carries.
async fn live_session(app: &App, headers: &HeaderMap) -> Result<Option<Session>, StoreError> {
    let Some((token, _)) = session_token(headers) else { return Ok(None) };
    let (now, idle) = (app.now(), app.0.configuration.session.idle_minutes * 60_000);
    app.0.store.run(move |transaction| sessions_of_store::find(transaction, &token, now, idle)).await
}

/// Returns the layer that lets pages of these origins call the REST API, with cookies and AM's headers.
pub(super) fn cross_origin(origins: &[String]) -> CorsLayer {
    let names =
        ["accept-api-version", "content-type", "x-requested-with", "x-requested-platform", "iplanetdirectorypro"];
    CorsLayer::new()
        .allow_origin(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect::<Vec<_>>())
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers(names.map(HeaderName::from_static))
        .allow_credentials(true)
        .max_age(Duration::from_secs(600))
}

/// Returns the session token from the cookie.
pub(super) fn session_cookie(headers: &HeaderMap) -> Option<crate::secret::SecretText> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == super::SESSION_COOKIE)
        .map(|(_, token)| crate::secret::SecretText::new(token.to_owned()))
}

/// Returns the `Set-Cookie` header that sets the session, or ends it if there is no token.
pub(super) fn set_session_cookie(app: &App, token: Option<&crate::secret::SecretText>) -> Option<HeaderValue> {
    let secure = if app.cookies_are_secure() { "; Secure" } else { "" };
    let (value, age) = match token {
        Some(token) => (token.expose(crate::secret::Reason::HandOver), ""),
        None => ("", "; Max-Age=0"),
    };
    let same_site = if app.0.configuration.session.cross_site_cookie { "None" } else { "Lax" };
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite={same_site}{secure}{age}", super::SESSION_COOKIE);
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}
