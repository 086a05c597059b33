//! The hosted pages.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::*;

pub const PAGE: &str = "/am/XUI/?realm=/alpha&authIndexType=service&authIndexValue=Login%20with%20Push%20MFA";

/// Returns the value of an attribute of the first tag that contains `mark`, with its character references resolved.
pub fn attribute(html: &str, mark: &str, name: &str) -> String {
    let tag = html.split('<').find(|tag| tag.contains(mark)).unwrap_or_else(|| panic!("{mark} in {html}"));
    let start = tag.find(&format!("{name}=\"")).expect("such an attribute") + name.len() + 2;
    unescape(tag[start..].split('"').next().unwrap())
}

pub fn unescape(text: &str) -> String {
    text.replace("&#38;", "&")
        .replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
        .replace("&quot;", "\"")
}

fn auth_id(page: &Response) -> String {
    attribute(&page.text(), "name=\"authId\"", "value")
}

/// Posts the form of a page.
pub fn submit(server: &Server, page: &Response, fields: &[(&str, &str)]) -> Response {
    let action = attribute(&page.text(), "form method", "action");
    let auth_id = auth_id(page);
    let all: Vec<(&str, &str)> = [("authId", auth_id.as_str())].into_iter().chain(fields.iter().copied()).collect();
    server.post_form(&action, &[("Origin", &format!("http://{}", server.address))], &all)
}

pub fn after_password(server: &Server) -> Response {
    let page = submit(server, &server.get(PAGE), &[("IDToken1", USER), ("IDToken2", PASSWORD)]);
    assert_eq!(page.status, 200, "{}", page.text());
    page
}

pub fn assert_guarded(page: &Response) {
    let policy = page.header("content-security-policy").expect("a policy");
    for rule in
        ["default-src 'none'", "script-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(rule), "{rule} in {policy}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(page.header("x-frame-options"), Some("DENY"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    let html = page.text();
    assert!(!html.contains("<script>") && !html.contains(" onclick") && !html.contains(" style="));
}

#[test]
fn a_sign_on_can_be_done_with_forms_alone() {
    let server = start();
    let page = server.get(PAGE);
    assert_eq!(page.status, 200);
    assert_guarded(&page);
    assert!(page.text().contains("name=\"IDToken1\"") && page.text().contains("name=\"IDToken2\""));

    let page = submit(&server, &page, &[("IDToken1", USER), ("IDToken2", PASSWORD)]);
    assert_guarded(&page);
    assert!(page.text().contains("https://apps.apple.com/us/app/pingid/id891247102"));
    let page = submit(&server, &page, &[("IDToken2", "0")]);
    assert_guarded(&page);
    assert!(page.text().contains("<svg"), "the QR code");
    let phone = Phone::read(&attribute(&page.text(), "class=\"registration\"", "href"));
    assert_eq!(phone.register(&server).status, 200);
    let page = submit(&server, &page, &[]);
    assert_guarded(&page);
    assert_eq!(page.text().matches("<code>").count(), 10);
    let page = submit(&server, &page, &[]);
    assert_guarded(&page);
    let html = page.text();
    let shown = html.split("class=\"number\"").nth(1).unwrap().split('>').nth(1).unwrap().split('<').next().unwrap();
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"challengeResponse": shown})).status, 200);
    let done = submit(&server, &page, &[]);
    assert_eq!(done.status, 303);
    let cookie = done.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let profile = server.request("GET", done.header("location").unwrap(), &[("Cookie", &cookie)], b"");
    assert_eq!(profile.status, 200);
    assert_guarded(&profile);
    assert!(profile.text().contains("demo") && profile.text().contains("Sign Out"));

    // A form posted again (a double click, a reload) gets the same answer.
    let again = submit(&server, &page, &[]);
    assert_eq!(again.header("set-cookie"), done.header("set-cookie"));

    // Signing out needs the form's token.
    let token = attribute(&profile.text(), "name=\"token\"", "value");
    let origin = format!("http://{}", server.address);
    let headers = [("Cookie", cookie.as_str()), ("Origin", origin.as_str())];
    for fields in [&[][..], &[("token", "")], &[("token", "AAAA")], &[("token", &token[1..])]] {
        assert_eq!(server.post_form("/am/XUI/logout", &headers, fields).status, 403);
    }
    let foreign = [("Cookie", cookie.as_str()), ("Origin", "https://evil.example")];
    assert_eq!(server.post_form("/am/XUI/logout", &foreign, &[("token", &token)]).status, 403);
    assert_eq!(server.get("/am/XUI/logout").status, 405);
    assert_eq!(server.count("session"), 1);
    let out = server.post_form("/am/XUI/logout", &headers, &[("token", &token)]);
    assert_eq!(out.status, 303);
    assert_eq!(out.header("location"), Some(PAGE));
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(server.count("session"), 0);
    assert_eq!(server.request("GET", "/am/XUI/profile", &[("Cookie", &cookie)], b"").status, 303);
}

#[test]
fn the_token_of_one_session_does_not_sign_out_another() {
    let server = start();
    let phone = server.enrolled();
    let sign_on = || {
        let step = server.after_password();
        let message = phone.only_message(&server);
        phone.accept(&server, &message, &step);
        format!("{COOKIE}={}", server.finish(&step))
    };
    let (one, two) = (sign_on(), sign_on());
    let profile = server.request("GET", "/am/XUI/profile", &[("Cookie", &one)], b"");
    let token = attribute(&profile.text(), "name=\"token\"", "value");
    assert_eq!(server.post_form("/am/XUI/logout", &[("Cookie", &two)], &[("token", &token)]).status, 403);
    assert_eq!(server.post_form("/am/XUI/logout", &[("Cookie", &one)], &[("token", &token)]).status, 303);
}

#[test]
fn refusals_are_pages_with_a_message_and_a_way_back() {
    let server = start();
    let page = submit(&server, &server.get(PAGE), &[("IDToken1", USER), ("IDToken2", "wrong")]);
    assert_eq!(page.status, 401);
    assert_guarded(&page);
    assert!(page.text().contains("The user name or the password is wrong."));
    assert!(page.text().contains("Start again"));
    assert!(!page.text().contains("wrong\""), "the password is not shown again");

    for (path, status) in [
        ("/am/XUI/?authIndexType=service&authIndexValue=Unknown", 400),
        ("/am/XUI/?realm=/beta", 404),
        ("/am/XUI/?realm=/", 404),
        ("/am/XUI/?authIndexType=module&authIndexValue=x", 400),
        ("/am/XUI/nothing", 404),
    ] {
        let page = server.get(path);
        assert_eq!(page.status, status, "{path}");
        assert_guarded(&page);
    }
    for fields in [&[][..], &[("authId", "x")], &[("authId", "")]] {
        let page = server.post_form(PAGE, &[], fields);
        assert_eq!(page.status, 400);
        assert_guarded(&page);
    }
    let first = server.get(PAGE);
    server.clock.advance(15 * 60_000 + 1);
    let page = submit(&server, &first, &[("IDToken1", USER), ("IDToken2", PASSWORD)]);
    assert_eq!(page.status, 401);
    assert_guarded(&page);
}

#[test]
fn a_form_of_another_origin_is_refused_and_changes_nothing() {
    let server = start();
    let page = server.get(PAGE);
    let auth_id = auth_id(&page);
    let fields = [("authId", auth_id.as_str()), ("IDToken1", USER), ("IDToken2", PASSWORD)];
    let port = server.address.port();
    for origin in [
        "https://evil.example",
        "null",
        "",
        &format!("http://127.0.0.1:{}", port ^ 1),
        &format!("http://127.0.0.1:{port}.evil.example"),
    ] {
        let refused = server.post_form(PAGE, &[("Origin", origin)], &fields);
        assert_eq!(refused.status, 403, "{origin}");
        assert_guarded(&refused);
        let body = json!({"authId": auth_id}).to_string();
        let wait = server.request("POST", "/am/XUI/wait", &[("Origin", origin)], body.as_bytes());
        assert_eq!(wait.status, 403, "{origin}");
    }
    assert_eq!(server.count("journey"), 0);
    assert_eq!(submit(&server, &page, &fields[1..]).status, 200);
}

#[test]
fn without_a_session_the_profile_leads_to_the_default_journey() {
    let server = start();
    for headers in [
        &[][..],
        &[("Cookie", "iPlanetDirectoryPro=unknown")],
        &[("Cookie", "iPlanetDirectoryPro=")],
        &[("Cookie", "=;;x")],
    ] {
        let response = server.request("GET", "/am/XUI/profile", headers, b"");
        assert_eq!(response.status, 303);
        assert_eq!(response.header("location"), Some(PAGE));
    }
    for path in ["/", "/am", "/am/", "/am/XUI"] {
        assert_eq!(server.get(path).header("location"), Some(PAGE), "{path}");
    }
}

fn wait(server: &Server, auth_id: &str) -> Response {
    server.post_json("/am/XUI/wait", &json!({"authId": auth_id}))
}

#[test]
fn the_waiting_page_is_woken_at_once_by_the_phones_answer() {
    for deny in [false, true] {
        let server = Setup::new().running_clock().start();
        let phone = server.enrolled();
        let page = after_password(&server);
        let message = phone.only_message(&server);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait(&server, &auth_id(&page)));
            std::thread::sleep(Duration::from_millis(300));
            assert!(!waiting.is_finished());
            assert_eq!(
                phone.answer(&server, &message, json!({"deny": deny, "challengeResponse": "0"})).status,
                if deny { 200 } else { 400 }
            );
            assert_eq!(waiting.join().unwrap().json(), json!({"ready": true}));
        });
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}

#[test]
fn the_waiting_page_is_woken_by_a_registration_and_by_a_newer_sign_on() {
    let server = Setup::new().running_clock().start();
    let page = submit(&server, &after_password(&server), &[("IDToken2", "0")]);
    let phone = Phone::read(&attribute(&page.text(), "class=\"registration\"", "href"));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(&server, &auth_id(&page)));
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(phone.register(&server).status, 200);
        assert_eq!(waiting.join().unwrap().json(), json!({"ready": true}));
    });
    let older = after_password(&server);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(&server, &auth_id(&older)));
        std::thread::sleep(Duration::from_millis(200));
        after_password(&server);
        assert_eq!(waiting.join().unwrap().json(), json!({"ready": true}));
    });
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let page = submit(&server, &older, &[]);
    assert_eq!(page.status, 401);
    assert!(page.text().contains("newer sign-on"));
}

#[test]
fn the_waiting_page_is_woken_when_the_push_expires() {
    let server =
        Setup::new().with("PushAuthenticationSenderNode", "messageTimeout", json!(1000)).running_clock().start();
    let (_phone, step) = server.registered();
    let begun = Instant::now();
    assert_eq!(wait(&server, step["authId"].as_str().unwrap()).json(), json!({"ready": true}));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_wait_for_what_is_not_waited_for_is_answered_at_once() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let message = phone.only_message(&server);
    phone.accept(&server, &message, &step);
    assert_eq!(
        wait(&server, step["authId"].as_str().unwrap()).json(),
        json!({"ready": true}),
        "an answer is there already"
    );
    let exit = server.after_password();
    let next = server.next(&fill(&exit, 2, json!(0)));
    for step in [&exit, &next] {
        assert_eq!(wait(&server, step["authId"].as_str().unwrap()).json(), json!({"ready": true}));
    }
    wait(&server, "nonsense").refused(400);
    wait(&server, server.begin()["authId"].as_str().unwrap()).refused(400);
    server.post_bytes("/am/XUI/wait", b"{").refused(400);
    server.post_bytes("/am/XUI/wait", b"").refused(400);
}

#[test]
fn as_many_pages_wait_for_one_sign_on_as_the_setting_says() {
    let server = Setup::new().running_clock().configure(|settings| settings.requests.waits = 2).start();
    let phone = server.enrolled();
    let step = server.after_password();
    let auth_id = step["authId"].as_str().unwrap();
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::channel();
        for _ in 0..3 {
            let sender = sender.clone();
            let server = &server;
            scope.spawn(move || sender.send(wait(server, auth_id)).unwrap());
        }
        let first = receiver.recv().unwrap();
        let message = phone.only_message(&server);
        phone.accept(&server, &message, &step);
        [first].into_iter().chain(receiver.iter().take(2)).collect()
    });
    answers[0].refused(429);
    for answer in &answers[1..] {
        assert_eq!(answer.json(), json!({"ready": true}));
    }
    assert_eq!(server.count("audit WHERE event = 'request' AND outcome = 'too-often'"), 1);
}

#[test]
fn hostile_names_are_shown_as_text() {
    let hostile = "<script>alert(1)</script>\"'&";
    let server = Setup::new()
        .with("PushRegistrationNode", "issuer", json!(hostile))
        .with("PushRegistrationNode", "scanQRCodeMessage", json!({"en": hostile}))
        .with("PageNode", "pageDescription", json!({"en": hostile}))
        .with("PageNode", "pageHeader", json!({"en": hostile}))
        .with("GetAuthenticatorAppNode", "message", json!({"en": format!("{hostile} {{{{appleLink}}}}")}))
        .with("PushWaitNode", "exitMessage", json!({"en": hostile}))
        .with("PushWaitNode", "challengeMessage", json!({"en": hostile}))
        .start();
    server.add_user(hostile, PASSWORD, Some("<b onmouseover=x>bold</b>"));
    let check = |page: &Response| {
        let html = page.text();
        assert!(!html.contains("<script>") && !html.contains("<b ") && !html.contains("\"'&"), "{html}");
        page.clone()
    };
    let page = check(&server.get(PAGE));
    let page = check(&submit(&server, &page, &[("IDToken1", hostile), ("IDToken2", PASSWORD)]));
    assert_eq!(page.status, 200, "{}", page.text());
    let page = check(&submit(&server, &page, &[]));
    let phone = Phone::read(&attribute(&page.text(), "class=\"registration\"", "href"));
    assert_eq!(phone.register(&server).status, 200);
    let page = check(&submit(&server, &page, &[]));
    let page = check(&submit(&server, &page, &[]));
    let message = phone.only_message(&server);
    assert!(message.claims["m"].as_str().unwrap().contains(hostile), "the phone shows it as text, too");
    let html = page.text();
    let shown = html.split("class=\"number\"").nth(1).unwrap().split('>').nth(1).unwrap().split('<').next().unwrap();
    assert_eq!(phone.answer(&server, &message, json!({"challengeResponse": shown})).status, 200);
    let done = submit(&server, &page, &[]);
    let cookie = done.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let profile = check(&server.request("GET", "/am/XUI/profile", &[("Cookie", &cookie)], b""));
    assert_eq!(profile.status, 200);
    check(&server.get("/am/XUI/?authIndexType=service&authIndexValue=%3Cscript%3Ealert(1)%3C/script%3E"));
    check(&server.get("/am/XUI/?realm=%3Cscript%3E"));

    // In the REST text that web SDKs insert into the page as HTML, everything except our own links is escaped.
    let step = server.sign_on_as(hostile, PASSWORD);
    assert_eq!(step.status, 200);
    let step = server.after_password();
    let text = output(&step, "TextOutputCallback", "message").as_str().unwrap();
    assert!(!text.contains("<script>") && text.contains("<a "), "{text}");
}
