//! The pages on which signed-in users manage their phones and recovery codes, and sign out.
//!
//! Every form carries a token bound to the session, and changes affect only the session's user. Changing phones or
//! recovery codes needs a second factor within the last few minutes; without one, the user gets a page that asks for
//! it.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

use super::account_view::{CodesPage, Done, LostPage, Owned, ProfilePage, StepUpPage};
use super::layout::{Layout, Notice, PROFILE, broken, foreign_origin, notice, page, redirect, start_of};
use super::show;
use super::texts::texts;
use crate::protocol::encoding::{decode_url_safe, encode_url_safe};
use crate::secret::{Reason, SecretText, constant_time_equal};
use crate::server::App;
use crate::server::api::authenticate::{browser, read_body};
use crate::server::api::{session_cookie, set_session_cookie};
use crate::server::factors::{self, Acting, Change};
use crate::server::journey::state::Purpose;
use crate::server::push::Effect;
use crate::server::recovery_codes::make_recovery_codes;
use crate::server::store::sessions::{self, Session};
use crate::server::store::users::{self, User};
use crate::server::store::{StoreError, audit, devices, digest, fraud_reports, notices, recovery};
use crate::server::user_devices;

/// Path of the page that a user sees after signing in with a recovery code.
pub(super) const LOST_PHONE: &str = "/am/XUI/lost-phone";

/// The signed-in user.
struct SignedIn {
    token: SecretText,
    session: Session,
    user: User,
}

impl SignedIn {
    /// Returns the SHA-256 of the session token.
    fn digest(&self) -> Vec<u8> {
        digest(self.token.expose(Reason::Hash).as_bytes())
    }
}

/// The query of a page that the user returns to after a change.
#[derive(Deserialize, Default)]
pub(in crate::server) struct After {
    done: Option<Done>,
}

/// `GET /am/XUI/profile`: the signed-in user, with phones and recovery codes.
pub(in crate::server) async fn profile(
    State(app): State<App>,
    after: Result<Query<After>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let signed_in = match signed_in(&app, &headers).await {
        Ok(signed_in) => signed_in,
        Err(response) => return response,
    };
    match owned(&app, &headers, &signed_in, after, "").await {
        Ok(owned) => {
            let frozen = signed_in.user.is_frozen(app.now());
            let User { name, common_name, .. } = signed_in.user;
            let layout = Layout::new(&app, &headers);
            page(&app, StatusCode::OK, &ProfilePage { layout, user: common_name.unwrap_or(name), frozen, owned })
        }
        Err(problem) => broken(&app, &headers, &problem),
    }
}

/// `GET /am/XUI/lost-phone`: what to do about a lost phone, after a recovery code was used.
pub(in crate::server) async fn lost_phone(
    State(app): State<App>,
    after: Result<Query<After>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let signed_in = match signed_in(&app, &headers).await {
        Ok(signed_in) => signed_in,
        Err(response) => return response,
    };
    match owned(&app, &headers, &signed_in, after, "lost-phone").await {
        Ok(owned) => page(&app, StatusCode::OK, &LostPage { layout: Layout::new(&app, &headers), owned }),
        Err(problem) => broken(&app, &headers, &problem),
    }
}

/// `POST /am/XUI/profile/devices/{device}/rename`.
pub(in crate::server) async fn rename(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    device: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (signed_in, form) = match posted(&app, &headers, body).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    let (now, user) = (app.now(), signed_in.session.user);
    let address = browser(&headers, address).address;
    let (id, name) = (device.map(|Path(id)| id).unwrap_or_default(), form.value("name"));
    let renamed =
        app.0.store.run(move |transaction| user_devices::rename(transaction, &user, &id, &name, address, now)).await;
    changed(&app, &headers, renamed, &form, Done::Renamed)
}

/// `POST /am/XUI/profile/devices/{device}/remove`.
pub(in crate::server) async fn remove(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    device: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (signed_in, form) = match posted_change(&app, &headers, body).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    let (context, session, user) = (app.context(), signed_in.digest(), signed_in.session.user);
    let address = browser(&headers, address).address;
    let id = device.map(|Path(id)| id).unwrap_or_default();
    let removed = app
        .0
        .store
        .run(move |transaction| user_devices::remove(transaction, &user, &id, address, &session, &context))
        .await;
    app.carry_out(vec![Effect::TellWebhook]);
    changed(&app, &headers, removed, &form, Done::Removed)
}

/// Returns to the page on which the phone was changed, or shows that the user has no such phone.
fn changed(
    app: &App,
    headers: &HeaderMap,
    device: Result<Option<devices::Device>, StoreError>,
    form: &Form,
    done: Done,
) -> Response {
    match device {
        Ok(Some(_)) => {
            let path = if form.value("from") == "lost-phone" { LOST_PHONE } else { PROFILE };
            redirect(&format!("{path}?done={}", done.name()))
        }
        Ok(None) => {
            let layout = Layout::new(app, headers);
            let t = layout.t;
            let (message, link) = (t.no_device.to_owned(), PROFILE.to_owned());
            let (title, next, label) = (t.not_found_title, t.no_device_next, t.back);
            page(app, StatusCode::NOT_FOUND, &Notice { layout, title, message, next, link, label })
        }
        Err(problem) => broken(app, headers, &problem),
    }
}

/// `POST /am/XUI/profile/add`: a QR code for another phone.
pub(in crate::server) async fn add(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let signed_in = match posted_change(&app, &headers, body).await {
        Ok((signed_in, _)) => signed_in,
        Err(response) => return response,
    };
    begin(&app, &headers, address, &signed_in, Purpose::AddDevice).await
}

/// `POST /am/XUI/profile/confirm`: a push message that allows a change.
pub(in crate::server) async fn confirm(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let signed_in = match posted(&app, &headers, body).await {
        Ok((signed_in, _)) => signed_in,
        Err(response) => return response,
    };
    begin(&app, &headers, address, &signed_in, Purpose::StepUp).await
}

async fn begin(
    app: &App,
    headers: &HeaderMap,
    address: SocketAddr,
    signed_in: &SignedIn,
    purpose: Purpose,
) -> Response {
    let browser = browser(headers, address);
    let reply = app.begin_in_session(&signed_in.token, &signed_in.user.name, purpose, browser).await;
    show(app, headers, reply, None)
}

/// `POST /am/XUI/profile/codes`: new recovery codes, shown once.
pub(in crate::server) async fn new_codes(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let signed_in = match posted_change(&app, &headers, body).await {
        Ok((signed_in, _)) => signed_in,
        Err(response) => return response,
    };
    let (context, session, user) = (app.context(), signed_in.digest(), signed_in.user.name);
    let address = browser(&headers, address).address;
    let made = app
        .0
        .store
        .run(move |transaction| -> Result<_, StoreError> {
            let codes = make_recovery_codes(transaction, &user, &context)?;
            factors::tell(transaction, &user, Change::RecoveryCodesMade, Acting::Session(&session), &context)?;
            audit::add(
                transaction,
                &audit::Event {
                    at: context.now,
                    event: "recovery-codes-made".to_owned(),
                    user: Some(user),
                    address,
                    device: None,
                    outcome: "success".to_owned(),
                },
            )?;
            Ok(codes)
        })
        .await;
    app.carry_out(vec![Effect::TellWebhook]);
    match made {
        Ok(codes) => page(&app, StatusCode::OK, &CodesPage::new(Layout::new(&app, &headers), &codes)),
        Err(problem) => broken(&app, &headers, &problem),
    }
}

/// `POST /am/XUI/profile/notices`: dismisses the notices up to this one.
pub(in crate::server) async fn dismiss_notices(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (signed_in, form) = match posted(&app, &headers, body).await {
        Ok(posted) => posted,
        Err(response) => return response,
    };
    let (user, seen) = (signed_in.user.name, form.value("seen").parse().unwrap_or_default());
    match app.0.store.run(move |transaction| notices::dismiss(transaction, &user, seen)).await {
        Ok(()) => redirect(if form.value("from") == "lost-phone" { LOST_PHONE } else { PROFILE }),
        Err(problem) => broken(&app, &headers, &problem as &StoreError),
    }
}

/// `POST /am/XUI/logout`: ends the session and redirects to the default journey.
pub(in crate::server) async fn logout(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let token = match posted(&app, &headers, body).await {
        Ok((signed_in, _)) => signed_in.token,
        Err(response) => return response,
    };
    let (now, address) = (app.now(), Some(address.ip().to_string()));
    let ended = app.0.store.run(move |transaction| sessions::sign_out(transaction, &token, address, now)).await;
    if let Err(problem) = ended {
        return broken(&app, &headers, &problem);
    }
    let mut response = redirect(&start_of(&app, None));
    if let Some(cookie) = set_session_cookie(&app, None) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The fields of a form.
struct Form(Vec<(String, String)>);

impl Form {
    /// Returns a field, or an empty string if it is missing.
    fn value(&self, name: &str) -> String {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

/// Returns the live session of the HTTP request, or a redirect to the default journey.
async fn signed_in(app: &App, headers: &HeaderMap) -> Result<SignedIn, Response> {
    let start = || redirect(&start_of(app, None));
    let token = session_cookie(headers).ok_or_else(start)?;
    let (now, idle) = (app.now(), app.0.configuration.session.idle_minutes * 60_000);
    let found = app
        .0
        .store
        .run(move |transaction| -> Result<_, StoreError> {
            let Some(session) = sessions::find(transaction, &token, now, idle)? else { return Ok(None) };
            Ok(users::find(transaction, &session.user)?.map(|user| SignedIn { token, session, user }))
        })
        .await;
    match found {
        Ok(signed_in) => signed_in.ok_or_else(start),
        Err(problem) => Err(broken(app, headers, &problem)),
    }
}

/// Returns a form from a signed-in page and the user who posted it. Checks that its token belongs to the session.
async fn posted(
    app: &App,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(SignedIn, Form), Response> {
    if let Some(response) = foreign_origin(app, headers) {
        return Err(response);
    }
    let body = read_body(body)?;
    let signed_in = signed_in(app, headers).await?;
    let form = Form(url::form_urlencoded::parse(&body).into_owned().collect());
    let right = decode_url_safe(&form.value("token")).is_ok_and(|sent| {
        decode_url_safe(&form_token(app, &signed_in.token)).is_ok_and(|right| constant_time_equal(&sent, &right))
    });
    if right {
        return Ok((signed_in, form));
    }
    let layout = Layout::new(app, headers);
    let words = [layout.t.outdated_title, layout.t.outdated, layout.t.outdated_next];
    Err(notice(app, layout, StatusCode::FORBIDDEN, words, None))
}

/// Like [`posted`], for changes to phones or recovery codes. Without a recent second factor, returns the page that asks
/// for one.
async fn posted_change(
    app: &App,
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<(SignedIn, Form), Response> {
    let (signed_in, form) = posted(app, headers, body).await?;
    if signed_in.session.may_change_devices(app.now()) {
        return Ok((signed_in, form));
    }
    let user = signed_in.user.name.clone();
    let has_phone = app.0.store.run(move |transaction| Ok(!devices::of_user(transaction, &user)?.is_empty())).await;
    let by_push = match has_phone {
        Ok(has_phone) => has_phone && app.offers(Purpose::StepUp),
        Err(problem) => return Err(broken(app, headers, &problem as &StoreError)),
    };
    let token = form_token(app, &signed_in.token);
    let step_up = StepUpPage { layout: Layout::new(app, headers), by_push, token, start: start_of(app, None) };
    Err(page(app, StatusCode::FORBIDDEN, &step_up))
}

/// Returns the phones and recovery codes of the session's user.
async fn owned(
    app: &App,
    headers: &HeaderMap,
    signed_in: &SignedIn,
    after: Result<Query<After>, QueryRejection>,
    from: &'static str,
) -> Result<Owned, StoreError> {
    let (user, keys) = (signed_in.user.name.clone(), app.0.keys.clone());
    let (devices, codes_left, denied, notices) = app
        .0
        .store
        .run(move |transaction| -> Result<_, StoreError> {
            let denied = fraud_reports::last(transaction, &user, &keys)?;
            let notices = notices::of_user(transaction, &user)?;
            Ok((devices::of_user(transaction, &user)?, recovery::left(transaction, &user)?, denied, notices))
        })
        .await?;
    let done = after.ok().and_then(|Query(after)| after.done);
    let token = form_token(app, &signed_in.token);
    let may_add = app.offers(Purpose::AddDevice);
    Ok(Owned::new(texts(headers), devices, codes_left, may_add, token, from, done, denied, notices))
}

fn form_token(app: &App, session: &SecretText) -> String {
    encode_url_safe(&app.0.keys.form_tag(&digest(session.expose(Reason::Hash).as_bytes())))
}
