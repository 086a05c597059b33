//! Server information that clients request before a sign-on.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Realm, error};
use crate::server::{App, SESSION_COOKIE};

/// `GET .../serverinfo/*` and `.../serverinfo/version`.
pub(in crate::server) async fn server_info(
    State(app): State<App>,
    _: Realm,
    Path(names): Path<HashMap<String, String>>,
) -> Response {
    answer(&app, &names)
}

/// `GET /am/json/serverinfo/*` and `.../version`, for clients that do not know the realm yet.
pub(in crate::server) async fn server_info_without_realm(
    State(app): State<App>,
    Path(names): Path<HashMap<String, String>>,
) -> Response {
    answer(&app, &names)
}

fn answer(app: &App, names: &HashMap<String, String>) -> Response {
    match names.get("what").map(String::as_str) {
        Some("*") => Json(settings(app)).into_response(),
        Some("version") => Json(version()).into_response(),
        _ => error(StatusCode::NOT_FOUND, "There is nothing at this address."),
    }
}

fn settings(app: &App) -> Value {
    json!({
        "_id": "*",
        "_rev": "1",
        "domains": [],
        "protectedUserAttributes": [],
        "cookieName": SESSION_COOKIE,
        "secureCookie": app.cookies_are_secure(),
        "forgotPassword": "false",
        "forgotUsername": "false",
        "kbaEnabled": "false",
        "selfRegistration": "false",
        "lang": "en-US",
        "successfulUserRegistrationDestination": "default",
        "socialImplementations": [],
        "referralsEnabled": "false",
        "zeroPageLogin": {"enabled": false, "refererWhitelist": [], "allowedWithoutReferer": true},
        "realm": format!("/{}", app.0.configuration.realm),
        "xuiUserSessionValidationEnabled": true,
        "fileBasedConfiguration": true,
    })
}

fn version() -> Value {
    json!({
        "_id": "version",
        "_rev": "1",
        "version": env!("CARGO_PKG_VERSION"),
        "fullVersion": concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")),
    })
}
