//! Whether the server lives, and whether it can do its work: for whoever runs it.

use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::error;
use crate::server::App;
use crate::server::store::StoreError;

/// `GET /am/isAlive`: liveness, as AM says it.
pub(in crate::server) async fn is_alive() -> &'static str {
    "Server is ALIVE\n"
}

/// `GET /am/json/health/live`: the process answers.
pub(in crate::server) async fn live() -> StatusCode {
    StatusCode::OK
}

/// `GET /am/json/health/ready`: the database answers, and the server is not stopping.
pub(in crate::server) async fn ready(State(app): State<App>) -> Response {
    if app.0.stopping.load(Ordering::Relaxed) {
        return error(StatusCode::SERVICE_UNAVAILABLE, "The server is stopping.");
    }
    let answered = app
        .0
        .store
        .run(|transaction| -> Result<i64, StoreError> { Ok(transaction.query_row("SELECT 1", [], |row| row.get(0))?) });
    match answered.await {
        Ok(_) => StatusCode::OK.into_response(),
        Err(problem) => {
            tracing::error!(%problem, "the database does not answer");
            error(StatusCode::SERVICE_UNAVAILABLE, "The database does not answer.")
        }
    }
}
