//! What all pages share: the layout, security headers, notices, the style sheet and the script.

use askama::Template;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};

use super::texts::{Texts, texts};
use crate::server::App;
use crate::server::api::RETRY_AFTER;
use crate::server::sign_on::SignOnError;
use crate::server::store::StoreError;

/// Path of the page on which signed-in users manage their phones and recovery codes.
pub(super) const PROFILE: &str = "/am/XUI/profile";

/// The frame around every page.
pub(super) struct Layout {
    pub(super) t: &'static Texts,
    /// The issuer, under the name that phones show, too.
    pub(super) issuer: String,
}

impl Layout {
    pub(super) fn new(app: &App, headers: &HeaderMap) -> Self {
        let journey = app.0.journeys.get(&app.0.configuration.default_journey);
        Self { t: texts(headers), issuer: journey.map(|journey| journey.issuer.clone()).unwrap_or_default() }
    }
}

/// A page with a message, what to do next, and a link to continue.
#[derive(Template)]
#[template(path = "notice.html")]
pub(super) struct Notice {
    pub(super) layout: Layout,
    pub(super) title: &'static str,
    pub(super) message: String,
    pub(super) next: &'static str,
    pub(super) link: String,
    pub(super) label: &'static str,
}

/// Returns a notice that leads to the start of a journey.
pub(super) fn notice(
    app: &App,
    layout: Layout,
    status: StatusCode,
    [title, message, next]: [&'static str; 3],
    journey: Option<&str>,
) -> Response {
    let (message, label) = (message.to_owned(), layout.t.start_again);
    page(app, status, &Notice { layout, title, message, next, link: start_of(app, journey), label })
}

/// Answers an HTTP request that failed inside the server; only the log contains the reason.
pub(super) fn broken(app: &App, headers: &HeaderMap, problem: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(%problem, "page failed");
    let layout = Layout::new(app, headers);
    if problem.downcast_ref::<StoreError>().is_some_and(StoreError::may_pass) {
        let words = [layout.t.broken_title, layout.t.no_room, layout.t.too_often_next];
        let mut response = notice(app, layout, StatusCode::SERVICE_UNAVAILABLE, words, None);
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        return response;
    }
    let words = [layout.t.broken_title, layout.t.broken, layout.t.broken_next];
    notice(app, layout, StatusCode::INTERNAL_SERVER_ERROR, words, None)
}

/// Answers a rejected HTTP request about a sign-on.
pub(super) fn refused(app: &App, headers: &HeaderMap, problem: &SignOnError, journey: Option<&str>) -> Response {
    let layout = Layout::new(app, headers);
    let t = layout.t;
    let (status, message, next) = match problem {
        SignOnError::Store(problem) => return broken(app, headers, problem),
        SignOnError::Stale => (StatusCode::UNAUTHORIZED, t.stale, t.stale_next),
        SignOnError::TooManyPolls => (StatusCode::TOO_MANY_REQUESTS, t.too_often, t.too_often_next),
        SignOnError::TooManyAttempts { minutes } => {
            let message = t.too_many_attempts.replace("{minutes}", &minutes.to_string());
            let (title, next, label, link) =
                (t.stopped_title, t.too_many_attempts_next, t.start_again, start_of(app, journey));
            return page(app, StatusCode::TOO_MANY_REQUESTS, &Notice { layout, title, message, next, link, label });
        }
        SignOnError::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, t.busy, t.too_often_next),
        SignOnError::Journey(_) => (StatusCode::BAD_REQUEST, t.not_offered, t.not_offered_next),
        SignOnError::BadAuthId | SignOnError::OtherJourney | SignOnError::WrongCallbacks => {
            (StatusCode::BAD_REQUEST, t.not_valid, t.stale_next)
        }
    };
    // An unavailable journey is not a place to start again.
    let journey = journey.filter(|_| !matches!(problem, SignOnError::Journey(_)));
    let mut response = notice(app, layout, status, [t.stopped_title, message, next], journey);
    if matches!(problem, SignOnError::Busy(_)) {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}

/// Returns the path of a journey's first page; without a host, so that it works under every name of this server.
pub(super) fn start_of(app: &App, journey: Option<&str>) -> String {
    let url = journey.map_or_else(|| app.sign_on_url(), |journey| app.preview_url(journey));
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

/// Redirects to a page of this server.
pub(super) fn redirect(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// Renders a page with its security headers.
pub(super) fn page(app: &App, status: StatusCode, template: &impl Template) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(problem) => {
            tracing::error!(%problem, "a page could not be made");
            return crate::server::api::error(StatusCode::INTERNAL_SERVER_ERROR, "Internal error. Try again.");
        }
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
    headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    if !app.0.framed {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    response
}

/// Returns the error page for a form posted by a page of another origin, or `None` if the origin is this server's.
pub(super) fn foreign_origin(app: &App, headers: &HeaderMap) -> Option<Response> {
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or_default();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    // Compare the scheme, too: if this server is reached by https, anyone who answers for http://HOST is not this
    // server.
    let public = &app.0.public_url;
    let is_public = crate::protocol::uri::host_and_port(public).eq_ignore_ascii_case(host);
    let scheme = if is_public { public.scheme() } else { "http" };
    let own = origin.split_once("://").is_some_and(|(its_scheme, authority)| {
        its_scheme.eq_ignore_ascii_case(scheme) && authority.eq_ignore_ascii_case(host)
    });
    (!own).then(|| {
        let layout = Layout::new(app, headers);
        let words = [layout.t.foreign_title, layout.t.foreign, layout.t.foreign_next];
        notice(app, layout, StatusCode::FORBIDDEN, words, None)
    })
}

/// Serves the style sheet.
pub(in crate::server) async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("assets/page.css")).into_response()
}

/// Serves the script.
pub(in crate::server) async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("assets/page.js")).into_response()
}
