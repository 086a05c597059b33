//! Hosted pages: every step of a sign-on as a web page, and pages on which signed-in users manage their phones.
//!
//! A script wakes waiting pages, counts down, and helps to save recovery codes. All pages work without it.

mod account;
mod account_view;
mod layout;
mod texts;
mod view;

use std::net::SocketAddr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::api::authenticate::{Index, browser, read_body};
use super::api::{session_cookie, set_session_cookie};
use super::journey::callback::Answer;
use super::journey::state::Purpose;
use super::sign_on::{Posted, Reply, SignOnError};
use super::store::{StoreError, digest, sessions};
use crate::secret::{Reason, SecretText};
pub(super) use account::{add, confirm, dismiss_notices, logout, lost_phone, new_codes, profile, remove, rename};
use account_view::Done;
use layout::{Layout, Notice, PROFILE, broken, foreign_origin, notice, page, redirect, refused, start_of};
pub(super) use layout::{script, style};
use view::StepPage;

/// `GET /` and similar paths: redirects to the default journey.
pub(super) async fn home(State(app): State<App>) -> Redirect {
    Redirect::to(&start_of(&app, None))
}

/// `GET` of a path that answers a form with a page: redirects a user who opens it directly to the page with the form.
pub(super) async fn to_profile() -> Redirect {
    Redirect::to(PROFILE)
}

/// Answers a path that does not exist, with a page if it is below the pages' path.
pub(super) async fn not_found(State(app): State<App>, headers: HeaderMap, uri: Uri) -> Response {
    if !uri.path().starts_with("/am/XUI/") {
        return super::api::not_found().await;
    }
    let layout = Layout::new(&app, &headers);
    let words = [layout.t.not_found_title, layout.t.no_page, layout.t.address_next];
    notice(&app, layout, StatusCode::NOT_FOUND, words, None)
}

/// `GET /am/XUI/`: the first page of a sign-on.
pub(super) async fn sign_on(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    index: Result<Query<Index>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(index)) = index else {
        return unreadable_query(&app, &headers);
    };
    if let Some(response) = wrong_realm(&app, &index, &headers) {
        return response;
    }
    let browser = match app.recognize(&headers, index.prefer_locale(browser(&headers, address))).await {
        Ok(browser) => browser,
        Err(problem) => return broken(&app, &headers, &problem),
    };
    let reply = match index.journey() {
        Ok(journey) => app.begin_sign_on(journey.as_deref(), browser).await,
        Err(problem) => Err(problem),
    };
    show(&app, &headers, reply, None)
}

/// `POST /am/XUI/`: a submitted page.
pub(super) async fn sign_on_post(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    index: Result<Query<Index>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(Query(index)) = index else {
        return unreadable_query(&app, &headers);
    };
    if let Some(response) = wrong_realm(&app, &index, &headers).or_else(|| foreign_origin(&app, &headers)) {
        return response;
    }
    let body = match read_body(body) {
        Ok(body) => body,
        Err(response) => return response,
    };
    let (posted, fields) = match read_step(&index, &body) {
        Ok(read) => read,
        Err(problem) => return show(&app, &headers, Err(problem), None),
    };
    let journey = posted.journey.clone();
    let answers = app.asked(&posted.auth_id).await.map(|kinds| {
        kinds
            .into_iter()
            .enumerate()
            .map(|(index, kind)| {
                let value = fields.value(&format!("IDToken{}", index + 1));
                let answer = value.map_or(Answer::None, |value| {
                    Answer::Text(SecretText::new(value.expose(Reason::HandOver).to_owned()))
                });
                (kind, answer)
            })
            .collect()
    });
    let browser = match app.recognize(&headers, index.prefer_locale(browser(&headers, address))).await {
        Ok(browser) => browser,
        Err(problem) => return broken(&app, &headers, &problem),
    };
    let reply = match answers {
        Ok(answers) => app.answer_sign_on(Posted { answers, ..posted }, browser).await,
        Err(problem) => Err(problem),
    };
    if let Ok(Reply::Success { token, .. }) = &reply
        && let Err(problem) = end_former_session(&app, &headers, token).await
    {
        return broken(&app, &headers, &problem);
    }
    show(&app, &headers, reply, journey.as_deref())
}

/// `POST /am/XUI/not-my-phone`: the user reports that the phone just registered in this sign-on is someone else's.
pub(super) async fn not_my_phone(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if let Some(response) = foreign_origin(&app, &headers) {
        return response;
    }
    let body = match read_body(body) {
        Ok(body) => body,
        Err(response) => return response,
    };
    let index = Index::default();
    let reply = match read_step(&index, &body) {
        Ok((posted, _)) => app.reject_device(posted, browser(&headers, address)).await,
        Err(problem) => Err(problem),
    };
    show(&app, &headers, reply, None)
}

/// The form fields of a posted step.
struct Fields(Vec<(String, SecretText)>);

impl Fields {
    fn value(&self, name: &str) -> Option<&SecretText> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

/// Parses a posted step: the step without answers, and the fields that contain them.
fn read_step(index: &Index, body: &[u8]) -> Result<(Posted, Fields), SignOnError> {
    let fields = Fields(
        url::form_urlencoded::parse(body)
            .map(|(name, value)| (name.into_owned(), SecretText::new(value.into_owned())))
            .collect(),
    );
    let auth_id = fields.value("authId").ok_or(SignOnError::BadAuthId)?.expose(Reason::HandOver).to_owned();
    Ok((Posted { auth_id, journey: index.journey()?, answers: Vec::new(), body: digest(body) }, fields))
}

/// Ends the previous session when a user signs in again from a signed-in page.
async fn end_former_session(app: &App, headers: &HeaderMap, token: &SecretText) -> Result<(), StoreError> {
    match session_cookie(headers) {
        Some(former) if former != *token => {
            app.0.store.run(move |transaction| sessions::remove(transaction, &former)).await.map(|_| ())
        }
        _ => Ok(()),
    }
}

/// The body of an HTTP request that waits for a step.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wait {
    auth_id: String,
}

/// `POST /am/XUI/wait`: held until the step has something new, for at most 25 seconds.
pub(super) async fn wait(State(app): State<App>, headers: HeaderMap, body: Result<Bytes, BytesRejection>) -> Response {
    if let Some(response) = foreign_origin(&app, &headers) {
        return response;
    }
    let body = match read_body(body) {
        Ok(body) => body,
        Err(response) => return response,
    };
    let Ok(Wait { auth_id }) = serde_json::from_slice(&body) else {
        return super::api::error(StatusCode::BAD_REQUEST, "The body is not a wait request.");
    };
    // Free this memory before waiting, because thousands of pages may be waiting.
    drop((headers, body));
    match app.await_sign_on(&auth_id).await {
        Ok(ready) => Json(json!({"ready": ready})).into_response(),
        Err(SignOnError::Store(problem)) => super::api::internal(&problem),
        Err(SignOnError::TooManyPolls) => {
            super::api::error(StatusCode::TOO_MANY_REQUESTS, "This sign-on is waited for already.")
        }
        Err(problem) => super::api::error(StatusCode::BAD_REQUEST, &problem.to_string()),
    }
}

/// Shows the result of a step, of a sign-on or of a run within a session.
fn show(app: &App, headers: &HeaderMap, reply: Result<Reply, SignOnError>, journey: Option<&str>) -> Response {
    let layout = Layout::new(app, headers);
    let t = layout.t;
    match reply {
        Ok(Reply::Step(step)) => {
            let action = start_of(app, Some(&step.journey));
            page(app, StatusCode::OK, &StepPage::new(layout, step, action, app.now()))
        }
        Ok(Reply::Success { token, recovery_code_used, known_browser }) => {
            let path = if recovery_code_used { account::LOST_PHONE } else { PROFILE };
            let mut response = redirect(&format!("{path}?realm=/{}", app.0.configuration.realm));
            if let Some(cookie) = set_session_cookie(app, Some(&token)) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            if let Some(cookie) = known_browser.and_then(|cookie| app.set_known_browser(&cookie)) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Ok(Reply::Done { purpose }) => {
            let done = match purpose {
                Purpose::StepUp => Done::Confirmed,
                Purpose::AddDevice => Done::Added,
            };
            redirect(&format!("{PROFILE}?done={}", done.name()))
        }
        Ok(Reply::Failure { message, purpose }) => {
            let message = t.of_journey(&message);
            let (title, next, link, label) = match purpose {
                None => (t.failed_title, t.failed_next, start_of(app, journey), t.start_again),
                Some(Purpose::StepUp) => (t.not_confirmed_title, t.unchanged_next, PROFILE.to_owned(), t.back),
                Some(Purpose::AddDevice) => (t.not_added_title, t.unchanged_next, PROFILE.to_owned(), t.back),
            };
            page(app, StatusCode::UNAUTHORIZED, &Notice { layout, title, message, next, link, label })
        }
        Err(problem) => refused(app, headers, &problem, journey),
    }
}

fn unreadable_query(app: &App, headers: &HeaderMap) -> Response {
    let layout = Layout::new(app, headers);
    let words = [layout.t.stopped_title, layout.t.unreadable, layout.t.address_next];
    notice(app, layout, StatusCode::BAD_REQUEST, words, None)
}

fn wrong_realm(app: &App, index: &Index, headers: &HeaderMap) -> Option<Response> {
    let realm = index.realm.as_deref()?.trim_start_matches('/');
    (realm != app.0.configuration.realm).then(|| {
        let layout = Layout::new(app, headers);
        let words = [layout.t.not_found_title, layout.t.no_realm, layout.t.address_next];
        notice(app, layout, StatusCode::NOT_FOUND, words, None)
    })
}
