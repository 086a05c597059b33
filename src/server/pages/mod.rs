//! Hosted pages: every step of a journey as a page that works in a browser, with script only to be woken.

mod view;

use std::net::SocketAddr;

use askama::Template;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::api::authenticate::{Index, browser, read_body};
use super::api::{session_cookie, set_session_cookie};
use super::journey::callback::Answer;
use super::sign_on::{Posted, Reply, SignOnError};
use super::store::{digest, sessions, users};
use crate::protocol::encoding::{decode_url_safe, encode_url_safe};
use crate::secret::{Reason, SecretText, constant_time_equal};
use view::{NoticePage, ProfilePage, StepPage};

/// `GET /` and its kin: on to the default journey.
pub(super) async fn home(State(app): State<App>) -> Redirect {
    Redirect::to(&start_of(&app, None))
}

/// The path of a journey's first page; relative, so that it holds under every name of this server.
fn start_of(app: &App, journey: Option<&str>) -> String {
    let url = journey.map_or_else(|| app.sign_on_url(), |journey| app.preview_url(journey));
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// `GET /am/XUI/`: the first page of a journey.
pub(super) async fn sign_on(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    index: Result<Query<Index>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let Ok(Query(index)) = index else {
        return unreadable_query(&app);
    };
    if let Some(response) = wrong_realm(&app, &index) {
        return response;
    }
    let browser = browser(&headers, address);
    let reply = match index.journey() {
        Ok(journey) => app.begin_sign_on(journey.as_deref(), browser).await,
        Err(problem) => Err(problem),
    };
    show(&app, reply, None)
}

/// `POST /am/XUI/`: a filled-in page.
pub(super) async fn sign_on_post(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    index: Result<Query<Index>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(Query(index)) = index else {
        return unreadable_query(&app);
    };
    if let Some(response) = wrong_realm(&app, &index).or_else(|| foreign_origin(&app, &headers)) {
        return response;
    }
    let body = match read_body(body) {
        Ok(body) => body,
        Err(response) => return response,
    };
    let fields: Vec<(String, SecretText)> = url::form_urlencoded::parse(&body)
        .map(|(name, value)| (name.into_owned(), SecretText::new(value.into_owned())))
        .collect();
    let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let Some(auth_id) = field("authId").map(|value| value.expose(Reason::HandOver).to_owned()) else {
        return show(&app, Err(SignOnError::BadAuthId), None);
    };
    let journey = match index.journey() {
        Ok(journey) => journey,
        Err(problem) => return show(&app, Err(problem), None),
    };
    let answers = app.asked(&auth_id).await.map(|kinds| {
        kinds
            .into_iter()
            .enumerate()
            .map(|(index, kind)| {
                let value = field(&format!("IDToken{}", index + 1));
                let answer = value.map_or(Answer::None, |value| {
                    Answer::Text(SecretText::new(value.expose(Reason::HandOver).to_owned()))
                });
                (kind, answer)
            })
            .collect()
    });
    let reply = match answers {
        Ok(answers) => {
            let posted = Posted { auth_id, journey: journey.clone(), answers, body: digest(&body) };
            app.answer_sign_on(posted, browser(&headers, address)).await
        }
        Err(problem) => Err(problem),
    };
    show(&app, reply, journey.as_deref())
}

/// The body of a wait request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wait {
    auth_id: String,
}

/// `POST /am/XUI/wait`: held until the step has something new, at most 25 seconds.
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
    // They would be kept as long as the page waits, and thousands may.
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

/// `GET /am/XUI/profile`: who is signed in.
pub(super) async fn profile(State(app): State<App>, headers: HeaderMap) -> Response {
    let Some(token) = session_cookie(&headers) else {
        return Redirect::to(&start_of(&app, None)).into_response();
    };
    let form_token = form_token(&app, &token);
    let (now, idle) = (app.now(), app.0.configuration.session.idle_minutes * 60_000);
    let found = app
        .0
        .store
        .run(move |transaction| {
            let Some(session) = sessions::find(transaction, &token, now, idle)? else { return Ok(None) };
            users::find(transaction, &session.user)
        })
        .await;
    match found {
        Ok(Some(user)) => page(
            &app,
            StatusCode::OK,
            &ProfilePage { title: "Signed in", user: user.common_name.unwrap_or(user.name), token: form_token },
        ),
        Ok(None) => Redirect::to(&start_of(&app, None)).into_response(),
        Err(problem) => show(&app, Err(SignOnError::Store(problem)), None),
    }
}

/// `POST /am/XUI/logout`: ends the session and leads to the default journey.
pub(super) async fn logout(
    State(app): State<App>,
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
    let start = start_of(&app, None);
    let Some(token) = session_cookie(&headers) else {
        return Redirect::to(&start).into_response();
    };
    let sent =
        url::form_urlencoded::parse(&body).find(|(name, _)| name == "token").map(|(_, value)| value.into_owned());
    let right = sent.and_then(|sent| decode_url_safe(&sent).ok()).is_some_and(|sent| {
        decode_url_safe(&form_token(&app, &token)).is_ok_and(|right| constant_time_equal(&sent, &right))
    });
    if !right {
        return notice(
            &app,
            StatusCode::FORBIDDEN,
            "This page is no longer current",
            "Open it again and sign out there.",
            None,
        );
    }
    if let Err(problem) = app.0.store.run(move |transaction| sessions::remove(transaction, &token)).await {
        return show(&app, Err(SignOnError::Store(problem)), None);
    }
    let mut response = Redirect::to(&start).into_response();
    if let Some(cookie) = set_session_cookie(&app, None) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The pages' style.
pub(super) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("assets/page.css")).into_response()
}

/// The pages' script.
pub(super) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("assets/page.js")).into_response()
}

fn form_token(app: &App, session: &SecretText) -> String {
    encode_url_safe(&app.0.keys.form_tag(&digest(session.expose(Reason::Hash).as_bytes())))
}

fn show(app: &App, reply: Result<Reply, SignOnError>, journey: Option<&str>) -> Response {
    match reply {
        Ok(Reply::Step(step)) => {
            let action = start_of(app, Some(&step.journey));
            page(app, StatusCode::OK, &StepPage::new(step, action))
        }
        Ok(Reply::Success { token }) => {
            let mut response =
                Redirect::to(&format!("/am/XUI/profile?realm=/{}", app.0.configuration.realm)).into_response();
            if let Some(cookie) = set_session_cookie(app, Some(&token)) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Ok(Reply::Failure { message }) => notice(app, StatusCode::UNAUTHORIZED, "Not signed in", &message, journey),
        Err(SignOnError::Store(problem)) => {
            tracing::error!(%problem, "page failed");
            notice(app, StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong", "Try again in a moment.", journey)
        }
        Err(problem) => {
            let status = match problem {
                SignOnError::Stale => StatusCode::UNAUTHORIZED,
                SignOnError::TooManyPolls | SignOnError::TooManyAttempts { .. } => StatusCode::TOO_MANY_REQUESTS,
                SignOnError::Busy(_) => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::BAD_REQUEST,
            };
            notice(app, status, "The sign-on cannot go on", &problem.to_string(), journey)
        }
    }
}

fn notice(app: &App, status: StatusCode, title: &str, message: &str, journey: Option<&str>) -> Response {
    page(app, status, &NoticePage { title, message, start: start_of(app, journey) })
}

/// Renders a page with the headers that keep it where it belongs.
fn page(app: &App, status: StatusCode, template: &impl Template) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(problem) => return super::api::internal(&problem),
    };
    let ancestors = if app.0.framed { "'self'" } else { "'none'" };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    if !app.0.framed {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}

/// The answer to a form that a page of another origin posted.
fn foreign_origin(app: &App, headers: &HeaderMap) -> Option<Response> {
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    (!own)
        .then(|| notice(app, StatusCode::FORBIDDEN, "Refused", "This request came from a page of another site.", None))
}

fn unreadable_query(app: &App) -> Response {
    notice(app, StatusCode::BAD_REQUEST, "The sign-on cannot go on", "The address cannot be read.", None)
}

fn wrong_realm(app: &App, index: &Index) -> Option<Response> {
    let realm = index.realm.as_deref()?.trim_start_matches('/');
    (realm != app.0.configuration.realm)
        .then(|| notice(app, StatusCode::NOT_FOUND, "Not found", "There is no such realm here.", None))
}
