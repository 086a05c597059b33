//! A user's own phones and session over REST, what clients ask about the server, and pages of other origins.

use serde_json::json;

use crate::harness::*;

const ALPHA: &str = "/am/json/realms/root/realms/alpha";
const DEVICES: &str = "/am/json/realms/root/realms/alpha/users/demo/devices/2fa/push";
const SESSIONS: &str = "/am/json/realms/root/realms/alpha/sessions/";

/// Signs in by push and returns the session token.
fn sign_on(server: &Server, phone: &Phone) -> String {
    let step = server.after_password();
    let message = phone.only_message(server);
    assert_eq!(phone.accept(server, &message, &step).status, 200);
    server.finish(&step)
}

fn call(server: &Server, method: &str, path: &str, token: &str) -> Response {
    server.request(method, path, &[(COOKIE, token), ("Accept-API-Version", "resource=1.0")], b"")
}

#[test]
fn devices_are_listed_read_and_removed_by_their_owner() {
    let server = start();
    let phone = server.enrolled();
    let token = sign_on(&server, &phone);
    let listed = call(&server, "GET", &format!("{DEVICES}?_queryFilter=true"), &token);
    assert_eq!(listed.status, 200);
    let listed = listed.json();
    assert_eq!(listed["resultCount"], 1);
    let device = &listed["result"][0];
    assert_eq!(device["deviceName"], "Pixel");
    assert_eq!(device["createdDate"], START);
    assert_eq!(device["confirmed"], true);
    let id = device["_id"].as_str().unwrap();
    let text = listed.to_string();
    assert!(!text.contains("token-of-this-phone") && !text.contains(&phone.mechanism), "{text}");

    assert_eq!(call(&server, "GET", &format!("{DEVICES}/{id}"), &token).json(), *device);
    call(&server, "GET", &format!("{DEVICES}/unknown"), &token).refused(404);
    call(&server, "DELETE", &format!("{DEVICES}/unknown"), &token).refused(404);
    assert_eq!(call(&server, "DELETE", &format!("{DEVICES}/{id}"), &token).json(), *device);
    assert_eq!(call(&server, "GET", DEVICES, &token).json()["resultCount"], 0);
    assert_mute(&phone.pull(&server, 0));
    assert_eq!(server.count("audit WHERE event = 'device-removed' AND user = 'demo'"), 1);
}

#[test]
fn reset_removes_all_of_them() {
    let server = start();
    let phone = server.enrolled();
    let token = sign_on(&server, &phone);
    call(&server, "POST", DEVICES, &token).refused(400);
    call(&server, "POST", &format!("{DEVICES}?_action=other"), &token).refused(400);
    assert_eq!(call(&server, "POST", &format!("{DEVICES}?_action=reset"), &token).json(), json!({"result": true}));
    assert_eq!(server.count("device"), 0);
}

#[test]
fn devices_need_the_owners_session() {
    let server = start();
    let phone = server.enrolled();
    let token = sign_on(&server, &phone);
    let others = DEVICES.replace("demo", "somebody");
    let elsewhere = DEVICES.replace("alpha", "beta");
    for (method, path) in [("GET", ""), ("GET", "/x"), ("DELETE", "/x"), ("POST", "?_action=reset")] {
        server.request(method, &format!("{DEVICES}{path}"), &[], b"").refused(401);
        call(&server, method, &format!("{DEVICES}{path}"), "forged").refused(401);
        call(&server, method, &format!("{others}{path}"), &token).refused(403);
        call(&server, method, &format!("{elsewhere}{path}"), &token).refused(404);
    }
    // A page of another origin can make a browser send the cookie, but cannot add a header.
    let cookie = format!("{COOKIE}={token}");
    server.request("POST", &format!("{DEVICES}?_action=reset"), &[("Cookie", &cookie)], b"").refused(403);
    assert_eq!(server.count("device"), 1);
}

#[test]
fn a_change_needs_a_second_factor_within_five_minutes() {
    let server = start();
    let phone = server.enrolled();
    let token = sign_on(&server, &phone);
    server.clock.advance(5 * 60_000 + 1);
    assert_eq!(call(&server, "GET", DEVICES, &token).status, 200);
    let message = call(&server, "POST", &format!("{DEVICES}?_action=reset"), &token).refused(403);
    assert!(message.contains("Sign on again"), "{message}");
    assert_eq!(server.count("device"), 1);
}

#[test]
fn a_password_alone_changes_no_device() {
    // `SENT` leads straight to success, so nobody has to approve anything.
    let server =
        Setup::new().connect("PushAuthenticationSenderNode", "SENT", "70e691a5-1e33-4ac3-a356-e7b6d60d92e0").start();
    let step = server.at_qr_code();
    assert_eq!(Phone::scan(&step).register(&server).status, 200);
    let token = server.finish(&server.next(&step));
    call(&server, "POST", &format!("{DEVICES}?_action=reset"), &token).refused(403);
}

#[test]
fn a_session_says_whether_it_lives_and_how_long() {
    let server = start();
    let phone = server.enrolled();
    let token = sign_on(&server, &phone);
    let valid = |token: &str| call(&server, "POST", &format!("{SESSIONS}?_action=validate"), token).json();
    assert_eq!(valid(&token), json!({"valid": true, "uid": "demo", "realm": "/alpha"}));
    assert_eq!(valid("forged"), json!({"valid": false}));
    let information = call(&server, "POST", &format!("{SESSIONS}?_action=getSessionInfo"), &token).json();
    assert_eq!(information["username"], "demo");
    assert_eq!(information["realm"], "/alpha");
    assert_eq!(information["maxIdleExpirationTime"], "2030-01-01T00:30:00Z");
    assert_eq!(information["maxSessionExpirationTime"], "2030-01-01T08:00:00Z");
    call(&server, "POST", &format!("{SESSIONS}?_action=getSessionInfo"), "forged").refused(401);
    call(&server, "POST", &format!("{SESSIONS}?_action=other"), &token).refused(400);
    server.clock.advance(30 * 60_000);
    assert_eq!(valid(&token), json!({"valid": false}));
}

#[test]
fn the_server_says_what_clients_ask_first() {
    let server = start();
    let information = server.get(&format!("{ALPHA}/serverinfo/*")).json();
    assert_eq!(information["cookieName"], COOKIE);
    assert_eq!(information["secureCookie"], false);
    assert_eq!(information["realm"], "/alpha");
    assert_eq!(server.get(&format!("{ALPHA}/serverinfo/version")).json()["version"], env!("CARGO_PKG_VERSION"));
    server.get(&format!("{ALPHA}/serverinfo/other")).refused(404);
    server.get("/am/json/realms/root/realms/beta/serverinfo/*").refused(404);
}

#[test]
fn pages_of_named_origins_may_call_and_others_may_not() {
    let server =
        Setup::new().configure(|settings| settings.cross_origin = vec!["https://app.example.com".to_owned()]).start();
    let preflight = |server: &Server, origin: &str| {
        let headers = [
            ("Origin", origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "accept-api-version,content-type,x-requested-with,x-requested-platform"),
        ];
        server.request("OPTIONS", REST, &headers, b"")
    };
    let allowed = preflight(&server, "https://app.example.com");
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://app.example.com"));
    assert_eq!(allowed.header("access-control-allow-credentials"), Some("true"));
    let headers = allowed.header("access-control-allow-headers").unwrap();
    for name in ["accept-api-version", "content-type", "x-requested-with", "x-requested-platform"] {
        assert!(headers.contains(name), "{headers}");
    }
    let first = server.request("POST", REST, &[("Origin", "https://app.example.com")], b"");
    assert_eq!((first.status, first.header("access-control-allow-origin")), (200, Some("https://app.example.com")));
    assert!(first.json()["authId"].is_string());
    let wellknown = "/am/oauth2/alpha/.well-known/openid-configuration";
    let document = server.request("GET", wellknown, &[("Origin", "https://app.example.com")], b"");
    assert_eq!(document.header("access-control-allow-origin"), Some("https://app.example.com"));

    for (server, origin) in [(&server, "https://evil.example.com"), (&start(), "https://app.example.com")] {
        assert_eq!(preflight(server, origin).header("access-control-allow-origin"), None);
        let called = server.request("POST", REST, &[("Origin", origin)], b"");
        assert_eq!(called.header("access-control-allow-origin"), None);
    }
}
