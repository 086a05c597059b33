//! What software written for AM expects of addresses, headers and callbacks, and what attackers send.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::*;

const STEP_UP: &str = "StepUp";

/// A server with a second journey beside the default one.
fn with_two_journeys() -> Server {
    let mut setup = Setup::new();
    let mut other = setup.journey.clone();
    let trees = other["trees"].as_object_mut().unwrap();
    let mut tree = trees.remove(push_authenticator::server::journey::SHIPPED_NAME).unwrap();
    tree["tree"]["_id"] = json!(STEP_UP);
    trees.insert(STEP_UP.to_owned(), tree);
    setup.further_files.push(("step-up.json", other.to_string()));
    setup.start()
}

#[test]
fn the_journey_is_named_by_service_or_by_auth_index() {
    let server = with_two_journeys();
    let page = |query: &str| server.get(&format!("/am/XUI/?realm=/alpha&{query}"));
    for query in [
        "service=StepUp",
        "authIndexType=service&authIndexValue=StepUp",
        "authIndexType=service&authIndexValue=StepUp&service=StepUp",
    ] {
        let answer = page(query);
        assert_eq!(answer.status, 200, "{query}");
        assert!(answer.text().contains("authIndexValue=StepUp"), "{query}: {}", answer.text());
        let rest = server.post_bytes(&format!("{REST}?{query}"), b"");
        assert_eq!(rest.status, 200, "{query}");
    }
    for query in [
        "service=NoSuchJourney",
        "authIndexType=service&authIndexValue=StepUp&service=Login%20with%20Push%20MFA",
        "authIndexType=module&authIndexValue=StepUp",
        "authIndexType=service",
        "authIndexValue=StepUp",
        "service=StepUp&service=Other",
    ] {
        assert_eq!(page(query).status, 400, "{query}");
        assert_eq!(server.post_bytes(&format!("{REST}?{query}"), b"").status, 400, "{query}");
    }
}

#[test]
fn a_realm_has_all_of_ams_spellings() {
    let server = start();
    for base in ["/am/json/realms/root/realms/alpha", "/am/json/realms/alpha", "/am/json/alpha"] {
        let step = server.post_bytes(&format!("{base}/authenticate"), b"");
        assert_eq!(step.status, 200, "{base}");
        assert!(step.json()["authId"].is_string());
        assert_eq!(server.get(&format!("{base}/serverinfo/*")).json()["realm"], "/alpha", "{base}");
        let none = server.post_bytes(&format!("{base}/sessions/?_action=validate"), b"");
        assert_eq!(none.json(), json!({"valid": false}), "{base}");
        assert_eq!(server.get(&format!("{base}/users/{USER}/devices/2fa/push")).status, 401, "{base}");
    }
    for query in ["?realm=/alpha", "?realm=alpha", "?realm=%2Falpha"] {
        assert_eq!(server.post_bytes(&format!("/am/json/authenticate{query}"), b"").status, 200, "{query}");
    }
    assert_eq!(server.get("/am/json/serverinfo/*").json()["cookieName"], COOKIE);
    assert_eq!(server.get("/am/json/serverinfo/version").status, 200);
    server.post_bytes(&format!("{REST}?realm=/beta"), b"").refused(404);
    assert_eq!(server.post_bytes(&format!("{REST}?realm=/alpha"), b"").status, 200);
    for other in ["/am/json/beta/authenticate", "/am/json/authenticate", "/am/json/authenticate?realm=/beta"] {
        server.post_bytes(other, b"").refused(404);
    }
}

#[test]
fn other_kinds_of_devices_are_empty_lists_for_their_owner() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    let token = server.finish(&step);
    for kind in ["2fa/oath", "2fa/webauthn", "2fa/binding", "profile"] {
        let path = format!("/am/json/realms/root/realms/alpha/users/{USER}/devices/{kind}?_queryFilter=true");
        let listed = server.request("GET", &path, &[(COOKIE, &token)], b"");
        assert_eq!((listed.status, &listed.json()["result"]), (200, &json!([])), "{kind}");
        assert_eq!(server.get(&path).status, 401, "{kind}");
    }
    // The session named in the body.
    let sessions = "/am/json/realms/root/realms/alpha/sessions/?_action=getSessionInfo";
    let named = server.post_json(sessions, &json!({"tokenId": token}));
    assert_eq!(named.json()["username"], USER);
    server.post_json(sessions, &json!({"tokenId": "another"})).refused(401);
    server.post_bytes(sessions, b"").refused(401);
}

/// Runs a script with node, which stands in for the page's JavaScript engine, and returns its output.
fn run_in_node(program: &str, script: &str) -> String {
    let mut child = Command::new("node")
        .args(["-e", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node runs the scripts of callbacks");
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_qr_step_has_the_script_that_ams_own_pages_run() {
    let server = Setup::new().with("PushRegistrationNode", "issuer", json!("A'c\\me \u{eb}\u{1f600}")).start();
    let step = server.at_qr_code();
    let callbacks = step["callbacks"].as_array().unwrap();
    let outputs = |index: usize| -> Value {
        callbacks[index]["output"].as_array().unwrap().iter().fold(json!({}), |mut all, output| {
            all[output["name"].as_str().unwrap()] = output["value"].clone();
            all
        })
    };
    assert_eq!(outputs(1)["messageType"], "4");
    let uri = outputs(2)["value"].as_str().unwrap().to_owned();
    assert_eq!(
        (&outputs(2)["id"], &callbacks[2]["input"][0]["value"]),
        (&json!("mfaDeviceRegistration"), &json!("mfaDeviceRegistration"))
    );
    assert_eq!(callbacks[3]["type"], "PollingWaitCallback");
    let script = outputs(1)["message"].as_str().unwrap().to_owned();
    let text = script.split("text: '").nth(1).unwrap().split('\'').next().unwrap();
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'\\'), "{text}");
    let drawn = run_in_node(
        "globalThis.window = {QRCodeReader: {createCode: (options) => console.log(JSON.stringify(options))}};\
         (0, eval)(require('fs').readFileSync(0, 'utf8'))",
        &script,
    );
    let drawn: Value = serde_json::from_str(&drawn).unwrap();
    assert_eq!(drawn, json!({"id": "callback_0", "text": uri, "version": "20", "code": "L"}));
}

fn answer_to(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn two_host_headers_are_no_request() {
    let server = start();
    let own = server.address;
    for second in [own.to_string(), "evil.example".to_owned()] {
        let request = format!("GET /am/isAlive HTTP/1.1\r\nHost: {own}\r\nHost: {second}\r\nConnection: close\r\n\r\n");
        assert!(answer_to(&server, request.as_bytes()).starts_with("HTTP/1.1 400"), "{second}");
    }
}

#[test]
fn every_answer_carries_the_hardening_headers() {
    let plain = start();
    let secure = Setup::new()
        .configure(|settings| settings.public_url = Some("https://login.example.com/am".parse().unwrap()))
        .start();
    let preflight = [("Origin", "https://app.example.com"), ("Access-Control-Request-Method", "POST")];
    for server in [&plain, &secure] {
        let answers = [
            server.get("/am/XUI/?realm=/alpha"),
            server.get("/am/XUI/assets/page.js"),
            server.get("/am/nothing"),
            server.get("/am/json/health/live"),
            server.request("DELETE", REST, &[], b""),
            server.request("GET", "/am/nothing", &[("Host", "elsewhere.example")], b""),
            server.post_bytes(REST, &vec![b' '; 70_000]),
            server.post_bytes(REST, b"{"),
            server.request("OPTIONS", REST, &preflight, b""),
        ];
        for answer in answers {
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
            assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"));
            assert!(answer.header("permissions-policy").is_some());
            let is_secure = std::ptr::eq(server, &secure);
            assert_eq!(answer.header("strict-transport-security").is_some(), is_secure);
        }
    }
}

#[test]
fn a_form_of_the_same_host_by_another_scheme_is_foreign() {
    let server = Setup::new()
        .configure(|settings| settings.public_url = Some("https://login.example.com/am".parse().unwrap()))
        .start();
    let post =
        |origin: &str, host: &str| server.post_form("/am/XUI/", &[("Origin", origin), ("Host", host)], &[]).status;
    assert_eq!(post("http://login.example.com", "login.example.com"), 403);
    assert_eq!(post("https://login.example.com:444", "login.example.com"), 403);
    assert_ne!(post("https://login.example.com", "login.example.com"), 403);
    let own = server.address.to_string();
    assert_ne!(post(&format!("http://{own}"), &own), 403);
    assert_eq!(post(&format!("https://{own}"), &own), 403);
}

#[test]
fn a_body_that_is_too_large_is_read_on_so_that_its_sender_sees_why() {
    let server = start();
    let length = 3 * 1024 * 1024;
    let head = format!("POST {REST} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n", server.address);
    let mut known = format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes();
    known.extend(vec![b' '; length]);
    assert!(answer_to(&server, &known).starts_with("HTTP/1.1 413"));
    let mut chunked = format!("{head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n").into_bytes();
    for _ in 0..64 {
        chunked.extend(b"8000\r\n");
        chunked.extend(vec![b' '; 0x8000]);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    assert!(answer_to(&server, &chunked).starts_with("HTTP/1.1 413"));
}

#[test]
fn the_discovery_document_leads_to_the_realm() {
    let server = start();
    let issuer = format!("http://{}/am/oauth2/realms/root/realms/alpha", server.address);
    for realm in ["/realms/root/realms/alpha", "/realms/alpha", "/alpha", ""] {
        let document = server.get(&format!("/am/oauth2{realm}/.well-known/openid-configuration")).json();
        assert_eq!(document["issuer"], issuer.as_str(), "{realm}");
        // Ping's web SDKs reject a document without these.
        let endpoints = [
            ("authorization_endpoint", "authorize"),
            ("token_endpoint", "access_token"),
            ("userinfo_endpoint", "userinfo"),
            ("end_session_endpoint", "connect/endSession"),
            ("revocation_endpoint", "token/revoke"),
        ];
        for (name, path) in endpoints {
            assert_eq!(document[name], format!("{issuer}/{path}"), "{realm}");
            server.get(&format!("/am/oauth2{realm}/{path}")).refused(404);
        }
    }
    server.get("/am/oauth2/beta/.well-known/openid-configuration").refused(404);
}

#[test]
fn the_session_cookie_crosses_sites_where_the_setting_says_so() {
    for (crosses, attributes) in [(true, "; SameSite=None; Secure"), (false, "; SameSite=Lax; Secure")] {
        let server = Setup::new()
            .configure(|configuration| {
                configuration.public_url = Some("https://login.example.com/am".parse().unwrap());
                configuration.session.cross_site_cookie = crosses;
            })
            .with("PushAuthenticationSenderNode", "mandatory", json!(false))
            .connect("PushAuthenticationSenderNode", "NOT_REGISTERED", "70e691a5-1e33-4ac3-a356-e7b6d60d92e0")
            .start();
        let response = server.sign_on_as(USER, PASSWORD);
        assert!(response.header("set-cookie").unwrap().ends_with(attributes), "{response:?}");
    }
}
