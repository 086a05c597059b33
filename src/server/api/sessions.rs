//! Sessions: sign out.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::{Realm, error, internal, session_token, set_session_cookie};
use crate::server::App;
use crate::server::store::{StoreError, sessions as store};

/// The query of a call.
#[derive(Deserialize)]
pub(in crate::server) struct Action {
    #[serde(rename = "_action")]
    action: Option<String>,
}

/// `POST .../sessions/?_action=logout`.
pub(in crate::server) async fn sessions(
    State(app): State<App>,
    _: Realm,
    action: Result<Query<Action>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    if !action.is_ok_and(|Query(action)| action.action.as_deref() == Some("logout")) {
        return error(StatusCode::BAD_REQUEST, "Only _action=logout is offered.");
    }
    let Some((token, is_cookie)) = session_token(&headers) else {
        return error(StatusCode::UNAUTHORIZED, "There is no session to end.");
    };
    // A page of another origin can make a browser send the cookie, but not these headers.
    if is_cookie && !headers.contains_key("x-requested-with") && !headers.contains_key("accept-api-version") {
        return error(StatusCode::FORBIDDEN, "Send the X-Requested-With or the Accept-API-Version header.");
    }
    let removed = app.0.store.run(move |transaction| store::remove(transaction, &token)).await;
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
