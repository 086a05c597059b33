//! Sign-on over REST (docs/wire.md, "Sign-on over REST").

use std::net::SocketAddr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Realm, error, internal, set_session_cookie, unavailable};
use crate::protocol::text;
use crate::secret::{Reason, SecretText};
use crate::server::App;
use crate::server::journey::callback::{Answer, to_json};
use crate::server::journey::state::Browser;
use crate::server::journey::text::accepted_languages;
use crate::server::sign_on::{Posted, Reply, SignOnError};
use crate::server::store::digest;

/// The query of a sign-on.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(in crate::server) struct Index {
    /// Only `service` is supported.
    pub(in crate::server) auth_index_type: Option<String>,
    /// Name of the journey.
    pub(in crate::server) auth_index_value: Option<String>,
    /// Name of the journey, in AM's short form.
    pub(in crate::server) service: Option<String>,
    /// The realm, used by pages.
    pub(in crate::server) realm: Option<String>,
    // AM's short forms of the other types; none is supported.
    module: Option<String>,
    user: Option<String>,
    role: Option<String>,
    authlevel: Option<String>,
    resource: Option<String>,
    #[serde(rename = "sessionUpgradeSSOTokenId")]
    session_upgrade: Option<String>,
    // With this, AM's SDKs resume a sign-on that a node suspended, from a link in an email. No node here does that.
    suspended_id: Option<String>,
    #[serde(rename = "composite_advice")]
    composite_advice: Option<String>,
    no_session: Option<String>,
    /// A language that takes precedence over those of the browser.
    locale: Option<String>,
}

impl Index {
    /// Puts the language from the query before those of the browser.
    pub(in crate::server) fn prefer_locale(&self, mut browser: Browser) -> Browser {
        let named = self.locale.as_deref().map(accepted_languages).unwrap_or_default();
        browser.languages.splice(0..0, named);
        browser
    }

    /// Returns the journey named in the query, if any.
    pub(in crate::server) fn journey(&self) -> Result<Option<String>, SignOnError> {
        let refused = |problem: String| Err(SignOnError::Journey(problem));
        let others = [
            ("module", &self.module),
            ("user", &self.user),
            ("role", &self.role),
            ("authlevel", &self.authlevel),
            ("sessionUpgradeSSOTokenId", &self.session_upgrade),
            ("suspendedId", &self.suspended_id),
            ("composite_advice", &self.composite_advice),
        ];
        if let Some((name, _)) = others.iter().find(|(_, value)| value.is_some()) {
            return refused(format!("The parameter {name} is not offered here. Name a journey: service=NAME."));
        }
        if self.resource.as_deref().is_some_and(|value| value != "false") {
            return refused("The parameter resource is not offered here. Name a journey: service=NAME.".to_owned());
        }
        if self.no_session.as_deref().is_some_and(|value| value != "false") {
            return refused("A sign-on without a session (noSession) is not offered here. Leave it out.".to_owned());
        }
        let index = match (self.auth_index_type.as_deref(), &self.auth_index_value) {
            (None, None) => None,
            (Some("service"), Some(name)) => Some(name),
            (Some("service"), None) => return refused("authIndexType=service needs an authIndexValue.".to_owned()),
            (None, Some(_)) => return refused("authIndexValue needs authIndexType=service.".to_owned()),
            (Some(_), _) => {
                return refused("Only authIndexType=service with authIndexValue is offered.".to_owned());
            }
        };
        match (index, &self.service) {
            (Some(one), Some(other)) if one != other => {
                refused("service and authIndexValue name different journeys. Give one of them.".to_owned())
            }
            (one, other) => Ok(one.or(other.as_ref()).cloned()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PostedStep {
    auth_id: Option<String>,
    #[serde(default)]
    callbacks: Vec<PostedCallback>,
}

#[derive(Deserialize)]
struct PostedCallback {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    input: Vec<PostedInput>,
}

#[derive(Deserialize)]
struct PostedInput {
    #[serde(default)]
    value: Value,
}

impl PostedCallback {
    fn answer(self) -> (String, Answer) {
        let answer = match self.input.into_iter().next().map(|input| input.value) {
            Some(Value::String(text)) => Answer::Text(SecretText::new(text)),
            Some(Value::Number(number)) => number.as_i64().map_or(Answer::None, Answer::Number),
            _ => Answer::None,
        };
        (self.kind, answer)
    }
}

/// `POST .../authenticate`.
pub(in crate::server) async fn authenticate(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    _: Realm,
    index: Result<Query<Index>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(Query(index)) = index else {
        return error(StatusCode::BAD_REQUEST, "The query cannot be read.");
    };
    let body = match read_body(body) {
        Ok(body) => body,
        Err(response) => return response,
    };
    if !body.trim_ascii().is_empty() && !is_json(&headers) {
        return error(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the step with Content-Type: application/json.");
    }
    let posted = match body.trim_ascii() {
        b"" => PostedStep { auth_id: None, callbacks: Vec::new() },
        text => match serde_json::from_slice::<PostedStep>(text) {
            Ok(posted) => posted,
            Err(_) => return error(StatusCode::BAD_REQUEST, "The body is not a sign-on step in JSON."),
        },
    };
    let journey = match index.journey() {
        Ok(journey) => journey,
        Err(problem) => return refusal(&problem),
    };
    let browser = match app.recognize(&headers, index.prefer_locale(browser(&headers, address))).await {
        Ok(browser) => browser,
        Err(problem) => return internal(&problem),
    };
    let reply = match posted.auth_id {
        None => app.begin_sign_on(journey.as_deref(), browser).await,
        Some(auth_id) => {
            let answers = posted.callbacks.into_iter().map(PostedCallback::answer).collect();
            app.answer_sign_on(Posted { auth_id, journey, answers, body: digest(&body) }, browser).await
        }
    };
    match reply {
        Ok(reply) => show(&app, reply),
        Err(problem) => refusal(&problem),
    }
}

fn show(app: &App, reply: Reply) -> Response {
    match reply {
        Reply::Step(step) => {
            let callbacks = to_json(&step.callbacks, step.details.added_device.as_deref());
            let mut body = json!({"authId": step.auth_id, "callbacks": callbacks});
            if let Value::Object(members) = &mut body {
                let texts = [
                    ("header", step.texts.header),
                    ("description", step.texts.description),
                    ("stage", step.texts.stage),
                ];
                for (name, text) in texts {
                    if let Some(text) = text {
                        members.insert(name.to_owned(), json!(text));
                    }
                }
            }
            Json(body).into_response()
        }
        Reply::Success { token, known_browser, .. } => {
            let realm = format!("/{}", app.0.configuration.realm);
            let success_url = format!("/am/XUI/profile?realm={realm}");
            let body = json!({
                "tokenId": token.expose(Reason::HandOver),
                "successUrl": success_url,
                "realm": realm,
            });
            let mut response = Json(body).into_response();
            if let Some(cookie) = set_session_cookie(app, Some(&token)) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            if let Some(cookie) = known_browser.and_then(|cookie| app.set_known_browser(&cookie)) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        // Only pages start such a run.
        Reply::Done { .. } => error(StatusCode::BAD_REQUEST, "This journey belongs to a page."),
        Reply::Failure { message, .. } => error(StatusCode::UNAUTHORIZED, &message),
    }
}

/// Returns whether the content type is JSON. A form on a page of another origin cannot send that type, so it cannot
/// sign its visitor in as someone else.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Returns the error response for a rejected HTTP request, in AM's format.
fn refusal(problem: &SignOnError) -> Response {
    match problem {
        SignOnError::Stale => {
            let body = json!({
                "code": 401,
                "reason": "Unauthorized",
                "message": problem.to_string(),
                "detail": {"errorCode": "110"},
            });
            (StatusCode::UNAUTHORIZED, Json(body)).into_response()
        }
        SignOnError::TooManyPolls | SignOnError::TooManyAttempts { .. } => {
            error(StatusCode::TOO_MANY_REQUESTS, &problem.to_string())
        }
        SignOnError::Busy(_) => unavailable(&problem.to_string()),
        SignOnError::Store(problem) => internal(problem),
        SignOnError::Journey(_) | SignOnError::BadAuthId | SignOnError::OtherJourney | SignOnError::WrongCallbacks => {
            error(StatusCode::BAD_REQUEST, &problem.to_string())
        }
    }
}

/// Returns the body, or the error response if it is too large or incomplete.
#[allow(clippy::result_large_err, reason = "the answer is returned as it is, and boxing it would help nobody")]
pub(in crate::server) fn read_body(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Response> {
    body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => error(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
        _ => error(StatusCode::BAD_REQUEST, "The body could not be read."),
    })
}

/// Returns what the HTTP request reveals about the browser.
pub(in crate::server) fn browser(headers: &HeaderMap, address: SocketAddr) -> Browser {
    let read = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let shown =
        |text: Option<&str>| text.map(|text| text::clean(text.trim_matches('"'), 300)).filter(|text| !text.is_empty());
    Browser {
        known_to: None,
        known_browser: None,
        address: Some(address.ip().to_string()),
        user_agent: shown(read("user-agent")),
        platform: shown(read("sec-ch-ua-platform")),
        languages: read("accept-language").map(accepted_languages).unwrap_or_default(),
    }
}
