//! Health checks: whether the server is alive and whether it can do its work.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::{error, unavailable};
use crate::server::App;
use crate::server::store::{StoreError, key_check};

/// `GET /am/isAlive`: liveness, with AM's response.
pub(in crate::server) async fn is_alive() -> &'static str {
    "Server is ALIVE\n"
}

/// `GET /am/json/health/live`: the process responds.
pub(in crate::server) async fn live() -> StatusCode {
    StatusCode::OK
}

/// `GET /am/json/health/ready`: the database is writable, and the server is not stopping.
pub(in crate::server) async fn ready(State(app): State<App>) -> Response {
    if app.0.stopping.load(Ordering::Relaxed) {
        return error(StatusCode::SERVICE_UNAVAILABLE, "The server is stopping.");
    }
    if !has_room(&app.0.configuration.data) {
        tracing::error!("the disk of the data folder is full");
        return unavailable("The disk of the data folder is full.");
    }
    // A write, because no sign-on succeeds without one.
    let written = app.0.store.run(|transaction| -> Result<(), StoreError> { key_check::touch(transaction) });
    match tokio::time::timeout(LONGEST_ANSWER, written).await {
        Ok(Ok(())) => StatusCode::OK.into_response(),
        Ok(Err(problem)) => {
            tracing::error!(%problem, "the database cannot be written");
            unavailable("The database cannot be written.")
        }
        Err(_) => {
            tracing::error!("the database is locked");
            unavailable("The database does not answer: another process may hold it.")
        }
    }
}

/// Longest time that the database may take, so that a probe never hangs.
const LONGEST_ANSWER: Duration = Duration::from_secs(2);

/// Free bytes required on the data disk: a sign-on writes a few pages.
const LEAST_ROOM: u64 = 64 * 1024;

/// Returns whether a folder's file system has free space. If that is unknown, the write that follows will tell.
fn has_room(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).map_or(true, |found| found.f_bavail.saturating_mul(found.f_frsize) >= LEAST_ROOM)
}
