//! Sessions: validating them, reading their properties, and signing out.

use std::net::SocketAddr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::authenticate::read_body;
use super::{
    Realm, SEND_A_HEADER, error, internal, live_session, says_it_is_no_form, session_token, set_session_cookie,
};
use crate::server::App;
use crate::server::rfc3339::rfc3339;
use crate::server::store::{StoreError, sessions as store};

/// The query of a call.
#[derive(Deserialize)]
pub(in crate::server) struct Action {
    #[serde(rename = "_action")]
    action: Option<String>,
}

/// `POST .../sessions/?_action=logout|validate|getSessionInfo`.
pub(in crate::server) async fn sessions(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    _: Realm,
    action: Result<Query<Action>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match read_body(body) {
        Ok(body) => body,
        Err(response) => return response,
    };
    let action = action.ok().and_then(|Query(action)| action.action);
    match action.as_deref() {
        Some("logout") => log_out(app, &headers, address).await,
        Some("validate") => validate(app, named_session(headers, &body)).await,
        Some("getSessionInfo") => information(app, named_session(headers, &body)).await,
        _ => error(StatusCode::BAD_REQUEST, "Offered are _action=logout, validate and getSessionInfo."),
    }
}

/// The body of an HTTP request about a session that it names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named {
    token_id: String,
}

/// Returns the headers with the session token from the body (`{"tokenId"}`) in place of their own.
fn named_session(mut headers: HeaderMap, body: &[u8]) -> HeaderMap {
    let named = serde_json::from_slice::<Named>(body).ok();
    if let Some(mut token) = named.and_then(|named| HeaderValue::from_str(&named.token_id).ok()) {
        token.set_sensitive(true);
        headers.insert(HeaderName::from_static("iplanetdirectorypro"), token);
    }
    headers
}

async fn validate(app: App, headers: HeaderMap) -> Response {
    match live_session(&app, &headers).await {
        Ok(Some(session)) => {
            let realm = format!("/{}", app.0.configuration.realm);
            Json(json!({"valid": true, "uid": session.user, "realm": realm})).into_response()
        }
        Ok(None) => Json(json!({"valid": false})).into_response(),
        Err(problem) => internal(&problem),
    }
}

async fn information(app: App, headers: HeaderMap) -> Response {
    let settings = &app.0.configuration.session;
    match live_session(&app, &headers).await {
        Ok(Some(session)) => Json(json!({
            "username": session.user,
            "realm": format!("/{}", app.0.configuration.realm),
            "latestAccessTime": rfc3339(session.used_at),
            "maxIdleExpirationTime": rfc3339(session.used_at + settings.idle_minutes * 60_000),
            "maxSessionExpirationTime": rfc3339(session.expires_at),
            "properties": {},
        }))
        .into_response(),
        Ok(None) => error(StatusCode::UNAUTHORIZED, "There is no session."),
        Err(problem) => internal(&problem),
    }
}

async fn log_out(app: App, headers: &HeaderMap, address: SocketAddr) -> Response {
    let Some((token, is_cookie)) = session_token(headers) else {
        return error(StatusCode::UNAUTHORIZED, "There is no session to end.");
    };
    if is_cookie && !says_it_is_no_form(headers) {
        return error(StatusCode::FORBIDDEN, SEND_A_HEADER);
    }
    let (now, address) = (app.now(), Some(address.ip().to_string()));
    let removed = app.0.store.run(move |transaction| store::sign_out(transaction, &token, address, now)).await;
    match removed {
        Ok(true) => {
            let mut response = Json(json!({"result": "Successfully logged out"})).into_response();
            if let Some(cookie) = set_session_cookie(&app, None) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Ok(false) => error(StatusCode::UNAUTHORIZED, "There is no session to end."),
        Err(problem) => internal(&problem as &StoreError),
    }
}
