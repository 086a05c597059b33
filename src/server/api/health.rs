//! Whether the server lives, and whether it can do its work: for whoever runs it.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};

use super::{error, unavailable};
use crate::server::App;
use crate::server::store::{StoreError, key_check};

/// `GET /am/isAlive`: liveness, as AM says it.
pub(in crate::server) async fn is_alive() -> &'static str {
    "Server is ALIVE\n"
}

/// `GET /am/json/health/live`: the process answers.
pub(in crate::server) async fn live() -> StatusCode {
    StatusCode::OK
}

/// `GET /am/json/health/ready`: the database can be written, and the server is not stopping.
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

/// Longest time that the database may take, so that a probe is never held.
const LONGEST_ANSWER: Duration = Duration::from_secs(2);

/// Bytes that must be free where the data lie: a sign-on writes a few pages.
const LEAST_ROOM: u64 = 64 * 1024;

/// Returns whether the file system of a folder has room; where that cannot be told the write will.
fn has_room(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).map_or(true, |found| found.f_bavail.saturating_mul(found.f_frsize) >= LEAST_ROOM)
}
