//! Every route of the server in one list.

use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use super::{App, api, pages};

/// Every route of the server.
pub fn router(app: App) -> Router {
    router_with(app, Router::new())
}

/// Every route of the server and some more, behind the same guards.
pub fn router_with(app: App, more: Router) -> Router {
    let requests = &app.0.configuration.requests;
    let (body_limit, time) = (requests.body_kib as usize * 1024, Duration::from_secs(u64::from(requests.seconds)));
    let cross_origin = api::cross_origin(&app.0.configuration.cross_origin);
    // The realm in each of AM's spellings; without one in the path it is in the query.
    let realms = ["/realms/root/realms/{realm}", "/realms/{realm}", "/{realm}", ""];
    let rest =
        realms.into_iter().fold(Router::new(), |router, realm| router.merge(in_realm(&format!("/am/json{realm}"))));
    rest.route("/am/json/serverinfo/{what}", get(api::server_info::server_info_without_realm))
        .route("/am/oauth2/realms/root/realms/{realm}/.well-known/openid-configuration", get(api::discovery::of_realm))
        .route("/am/oauth2/realms/{realm}/.well-known/openid-configuration", get(api::discovery::of_realm))
        .route("/am/oauth2/{realm}/.well-known/openid-configuration", get(api::discovery::of_realm))
        .route("/am/oauth2/.well-known/openid-configuration", get(api::discovery::of_server))
        // Browsers
        .route("/", get(pages::home))
        .route("/am", get(pages::home))
        .route("/am/", get(pages::home))
        .route("/am/XUI", get(pages::home))
        .route("/am/XUI/", get(pages::sign_on).post(pages::sign_on_post))
        .route("/am/XUI/wait", post(pages::wait))
        .route("/am/XUI/not-my-phone", get(pages::home).post(pages::not_my_phone))
        .route("/am/XUI/lost-phone", get(pages::lost_phone))
        .route("/am/XUI/profile", get(pages::profile))
        .route("/am/XUI/profile/add", get(pages::to_profile).post(pages::add))
        .route("/am/XUI/profile/codes", get(pages::to_profile).post(pages::new_codes))
        .route("/am/XUI/profile/confirm", get(pages::to_profile).post(pages::confirm))
        .route("/am/XUI/profile/notices", get(pages::to_profile).post(pages::dismiss_notices))
        .route("/am/XUI/profile/devices/{device}/rename", post(pages::rename))
        .route("/am/XUI/profile/devices/{device}/remove", post(pages::remove))
        .route("/am/XUI/logout", post(pages::logout))
        .route("/am/XUI/assets/page.css", get(pages::style))
        .route("/am/XUI/assets/page.js", get(pages::script))
        // Operators
        .route("/am/isAlive", get(api::health::is_alive))
        .route("/am/json/health/live", get(api::health::live))
        .route("/am/json/health/ready", get(api::health::ready))
        .fallback(pages::not_found)
        .method_not_allowed_fallback(api::method_not_allowed)
        .with_state(app.clone())
        .layer(cross_origin)
        .merge(more)
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(from_fn_with_state(body_limit, api::middleware::read_whole_body))
        .layer(api::middleware::time_limit(time))
        .layer(from_fn_with_state(app, api::middleware::guard))
}

/// What programs and phones call under a realm's path.
fn in_realm(base: &str) -> Router<App> {
    let devices = format!("{base}/users/{{user}}/devices");
    let router = Router::new()
        .route(&format!("{base}/push/sns/message"), post(api::phones::message))
        .route(&format!("{base}/authenticate"), post(api::authenticate::authenticate))
        .route(&format!("{base}/sessions"), post(api::sessions::sessions))
        .route(&format!("{base}/sessions/"), post(api::sessions::sessions))
        .route(&format!("{devices}/2fa/push"), get(api::devices::query).post(api::devices::reset))
        .route(&format!("{devices}/2fa/push/{{device}}"), get(api::devices::read).delete(api::devices::remove));
    // Kinds of devices that nobody can have here: lists that are empty.
    let kinds = ["2fa/oath", "2fa/webauthn", "2fa/binding", "profile", "trusted"];
    let router = kinds
        .into_iter()
        .fold(router, |router, kind| router.route(&format!("{devices}/{kind}"), get(api::devices::query_none)));
    if base.ends_with("{realm}") {
        router.route(&format!("{base}/serverinfo/{{what}}"), get(api::server_info::server_info))
    } else {
        router
    }
}
