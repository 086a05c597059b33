//! The discovery document, which tells Ping's web SDKs where the REST API of a realm is.

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Realm;
use crate::server::App;

/// `GET /am/oauth2/.../.well-known/openid-configuration` under a realm's path.
pub(in crate::server) async fn of_realm(State(app): State<App>, _: Realm) -> Json<Value> {
    document(&app)
}

/// The same without a realm in the path, because there is only one realm.
pub(in crate::server) async fn of_server(State(app): State<App>) -> Json<Value> {
    document(&app)
}

/// Returns the realm's OAuth 2.0 endpoints in AM's format.
///
/// None of these endpoints exists here, and a sign-on calls none of them, but clients derive the server and the realm
/// from them. journey-client rejects a document without the first three, javascript-sdk one without all of them.
fn document(app: &App) -> Json<Value> {
    let base = app.0.public_url.as_str().trim_end_matches('/');
    let issuer = format!("{base}/oauth2/realms/root/realms/{}", app.0.configuration.realm);
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/access_token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "end_session_endpoint": format!("{issuer}/connect/endSession"),
        "revocation_endpoint": format!("{issuer}/token/revoke"),
    }))
}
