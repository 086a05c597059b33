//! Whether the server lives, and whether it can do its work: for whoever runs it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::{error, unavailable};
use crate::server::App;
use crate::server::store::key_check;

/// How long a probe waits for the database.
const LONGEST: Duration = Duration::from_secs(2);

/// `GET /am/isAlive`: liveness, as AM says it.
pub(in crate::server) async fn is_alive() -> &'static str {
    "Server is ALIVE\n"
}

/// `GET /am/json/health/live`: the process answers.
pub(in crate::server) async fn live() -> StatusCode {
    StatusCode::OK
}

/// `GET /am/json/health/ready`: the database takes writes, and the server is not stopping.
pub(in crate::server) async fn ready(State(app): State<App>) -> Response {
    if app.0.stopping.load(Ordering::Relaxed) {
        return error(StatusCode::SERVICE_UNAVAILABLE, "The server is stopping.");
    }
    // A write, because a full disk still reads; with a limit, because another process may hold the database.
    let answered = app.0.store.run(key_check::touch);
    match tokio::time::timeout(LONGEST, answered).await {
        Ok(Ok(())) => StatusCode::OK.into_response(),
        Ok(Err(problem)) => {
            tracing::error!(%problem, "the database does not take writes");
            unavailable(error(StatusCode::SERVICE_UNAVAILABLE, "The database does not take writes."))
        }
        Err(_) => {
            tracing::error!("the database did not answer within {} seconds", LONGEST.as_secs());
            unavailable(error(StatusCode::SERVICE_UNAVAILABLE, "The database does not answer."))
        }
    }
}
