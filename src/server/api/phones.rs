//! The endpoint that phones call (docs/wire.md): register, authenticate, refresh, pending.
//!
//! Until the signature of an HTTP request has been verified, every error is a plain 400; the reason is only logged.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::authenticate::read_body;
use super::{Realm, error, internal};
use crate::protocol::pull::{DeliveredMessage, PulledMessages};
use crate::server::App;
use crate::server::push::{self, AnswerTerms, Effect, PullGrant, PullTerms, Refusal};
use crate::server::store::StoreError;
use crate::server::waiters::Waiter;

/// Most pulls of one device that are held at the same time.
const PULLS_AT_ONCE: usize = 2;

/// The query of a call.
#[derive(Deserialize)]
pub(in crate::server) struct Action {
    #[serde(rename = "_action")]
    action: Option<String>,
}

/// `POST .../push/sns/message?_action=...`.
pub(in crate::server) async fn message(
    State(app): State<App>,
    _: Realm,
    action: Result<Query<Action>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(Query(action)) = action else {
        return error(StatusCode::BAD_REQUEST, "Bad request.");
    };
    let body = match read_body(body) {
        Ok(body) => body,
        Err(response) => return response,
    };
    match action.action.as_deref() {
        Some("register") => register(app, body).await,
        Some("authenticate") => authenticate(app, body).await,
        Some("refresh") => refresh(app, body).await,
        Some("pending") => pending(app, body).await,
        _ => error(StatusCode::NOT_IMPLEMENTED, "This action is not offered."),
    }
}

async fn register(app: App, body: Bytes) -> Response {
    let context = app.context();
    let audience = app.0.phones_endpoint.origin().ascii_serialization();
    let result = app.0.store.run(move |transaction| push::register(transaction, &body, &audience, &context)).await;
    settled(&app, "register", result)
}

async fn authenticate(app: App, body: Bytes) -> Response {
    let context = app.context();
    let terms = AnswerTerms {
        audience: app.0.phones_endpoint.origin().ascii_serialization(),
        freeze_minutes: app.0.configuration.push.freeze_minutes,
        tells_webhook: app.0.webhook.is_some(),
    };
    let result = app.0.store.run(move |transaction| push::answer(transaction, &body, &terms, &context)).await;
    settled(&app, "authenticate", result)
}

/// Answers an HTTP request that may have effects even if it is rejected.
fn settled(app: &App, action: &'static str, result: Result<(Result<(), Refusal>, Vec<Effect>), Refusal>) -> Response {
    match result {
        Ok((Ok(()), effects)) => done(app, action, Ok(effects)),
        Ok((Err(refusal), effects)) => {
            app.carry_out(effects);
            done(app, action, Err(refusal))
        }
        Err(refusal) => done(app, action, Err(refusal)),
    }
}

async fn refresh(app: App, body: Bytes) -> Response {
    let context = app.context();
    let parts = app.clone();
    let result =
        app.0.store.run(move |transaction| push::refresh(transaction, &body, &context, &parts.0.rate_limits)).await;
    done(&app, "refresh", result)
}

async fn pending(app: App, body: Bytes) -> Response {
    let context = app.context();
    let terms = PullTerms {
        audience: app.0.phones_endpoint.origin().ascii_serialization(),
        for_all: app.0.configuration.push.pull_for_all,
        hint_only: app.0.configuration.push.hint_only,
    };
    let grant = app.0.store.run(move |transaction| push::check_pull(transaction, &body, &terms, &context)).await;
    match grant.and_then(std::convert::identity) {
        Err(refusal) => done(&app, "pending", Err(refusal)),
        Ok(PullGrant { offered: false, .. }) => {
            error(StatusCode::NOT_IMPLEMENTED, "This device is reached by push messages.")
        }
        // Does not count as a waiting pull: those must not block a phone that was told to pull.
        Ok(PullGrant { wait_seconds: 0, device, .. }) => match listed(&app, device).await {
            Err(problem) => internal(&problem),
            Ok(messages) => Json(PulledMessages { messages }).into_response(),
        },
        Ok(grant) => hold(app, grant).await,
    }
}

/// Holds a verified pull until a message arrives or its time is up.
async fn hold(app: App, grant: PullGrant) -> Response {
    let Some(subscription) = app.0.wakers.subscribe(Waiter::Device(grant.device.clone()), PULLS_AT_ONCE) else {
        return error(StatusCode::TOO_MANY_REQUESTS, "Two requests of this device are waiting already.");
    };
    let until = app.now() + i64::from(grant.wait_seconds) * 1000;
    loop {
        let woken = subscription.woken();
        let messages = listed(&app, grant.device.clone()).await;
        let left = until - app.now();
        match messages {
            Err(problem) => return internal(&problem),
            Ok(messages) if !messages.is_empty() || left <= 0 => {
                return Json(PulledMessages { messages }).into_response();
            }
            Ok(_) => {
                let _ = tokio::time::timeout(Duration::from_millis(left.unsigned_abs()), woken).await;
            }
        }
    }
}

async fn listed(app: &App, device: String) -> Result<Vec<DeliveredMessage>, StoreError> {
    let context = app.context();
    app.0.store.run(move |transaction| push::waiting_messages(transaction, &device, &context)).await
}

fn done(app: &App, action: &'static str, result: Result<Vec<Effect>, Refusal>) -> Response {
    match result {
        Ok(effects) => {
            app.carry_out(effects);
            Json(json!({})).into_response()
        }
        Err(Refusal::Store(problem)) => internal(&problem),
        Err(Refusal::TooOften) => error(StatusCode::TOO_MANY_REQUESTS, Refusal::TooOften.message()),
        Err(refusal) => {
            tracing::info!(action, reason = %refusal, "refused a phone's request");
            error(StatusCode::BAD_REQUEST, refusal.message())
        }
    }
}
