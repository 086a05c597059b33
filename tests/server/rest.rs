//! The rules for signing in and out over REST.

use serde_json::{Value, json};

use push_authenticator::server::journey::{SHIPPED, SHIPPED_NAME};

use crate::harness::*;

const SESSIONS: &str = "/am/json/realms/root/realms/alpha/sessions";

#[test]
fn the_first_call_has_no_body_or_an_empty_object() {
    let server = start();
    for body in ["", "{}", " \r\n{ }\n", r#"{"authId": null}"#, r#"{"status": 200, "ok": true}"#] {
        for query in ["", JOURNEY_QUERY] {
            let response = server.post_bytes(&format!("{REST}{query}"), body.as_bytes());
            assert_eq!(response.status, 200, "{body:?}");
            assert_eq!(types(&response.json()), ["NameCallback", "PasswordCallback"]);
            assert_eq!(response.header("content-type"), Some("application/json"));
            assert_eq!(response.header("cache-control"), Some("no-store"));
            assert!(response.header("set-cookie").is_none());
        }
    }
}

#[test]
fn later_calls_go_by_the_auth_id_alone_and_unknown_members_are_ignored() {
    let server = start();
    let mut step = fill_password(&server.begin(), USER, PASSWORD);
    step["status"] = json!(200);
    step["ok"] = json!(true);
    step["callbacks"][0]["unknown"] = json!({"deep": []});
    let response = server.post_json(REST, &step);
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(types(&response.json()), ["TextOutputCallback", "ConfirmationCallback"]);
}

#[test]
fn what_is_not_a_step_is_a_bad_request() {
    let server = start();
    for body in [
        &b"{"[..],
        b"nonsense",
        b"\xff\xfe",
        b"[]",
        b"1",
        b"\"x\"",
        br#"{"authId": 5}"#,
        br#"{"authId":"a","callbacks":{}}"#,
        br#"{"authId":"a","callbacks":[{}]}"#,
        br#"{"authId":"a","authId":"b"}"#,
    ] {
        server.post_bytes(REST, body).refused(400);
    }
    let deep = "[".repeat(60_000);
    server.post_bytes(REST, deep.as_bytes()).refused(400);
}

#[test]
fn an_oversized_body_is_refused() {
    let server = start();
    let body = vec![b' '; 64 * 1024 + 1];
    for path in [REST.to_owned(), format!("{PHONES}register"), "/am/XUI/wait".to_owned()] {
        server.post_bytes(&path, &body).refused(413);
    }
    let fits = [vec![b' '; 64 * 1024 - 2], b"{}".to_vec()].concat();
    assert_eq!(server.post_bytes(REST, &fits).status, 200);
}

#[test]
fn broken_http_ends_in_a_bad_request_and_the_server_lives() {
    let server = start();
    assert_eq!(server.raw(b"POST nonsense\r\n\r\n").status, 400);
    let chunked = format!(
        "POST {REST} HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\n",
        server.address
    );
    assert_eq!(server.raw(chunked.as_bytes()).status, 400);
    assert_eq!(server.get("/am/isAlive").status, 200);
}

#[test]
fn callbacks_other_than_those_asked_change_nothing() {
    let server = start();
    let step = fill_password(&server.begin(), USER, PASSWORD);
    let mut fewer = step.clone();
    fewer["callbacks"].as_array_mut().unwrap().pop();
    let mut more = step.clone();
    let extra = more["callbacks"][0].clone();
    more["callbacks"].as_array_mut().unwrap().push(extra);
    let mut swapped = step.clone();
    swapped["callbacks"].as_array_mut().unwrap().reverse();
    let mut other = step.clone();
    other["callbacks"][1]["type"] = json!("TextOutputCallback");
    let mut none = step.clone();
    none.as_object_mut().unwrap().remove("callbacks");
    for wrong in [&fewer, &more, &swapped, &other, &none] {
        server.post(wrong).refused(400);
    }
    let next = server.next(&step);
    let mut wrong = next.clone();
    wrong["callbacks"] = json!([]);
    server.post(&wrong).refused(400);
    server.next(&next);
}

#[test]
fn inputs_of_the_wrong_kind_are_no_answer() {
    let server = start();
    for value in [json!(null), json!(1), json!(true), json!([]), json!({"a": 1}), json!(1.5)] {
        let step = fill(&fill(&server.begin(), 0, json!(USER)), 1, value.clone());
        server.post(&step).refused(401);
    }
    let mut step = fill_password(&server.begin(), USER, PASSWORD);
    step["callbacks"][1]["input"] = json!([]);
    server.post(&step).refused(401);
}

#[test]
fn nothing_is_stored_before_the_password_is_right() {
    let server = start();
    for _ in 0..3 {
        let step = server.begin();
        server.post(&fill_password(&step, USER, "wrong")).refused(401);
        server.post(&fill_password(&step, "nobody", PASSWORD)).refused(401);
    }
    let tables =
        ["journey", "session", "registration", "push_request", "push_message", "used_token", "retry", "device"];
    for table in tables {
        assert_eq!(server.count(table), 0, "{table}");
    }
    server.after_password();
    assert_eq!(server.count("journey"), 1);
}

#[test]
fn a_tampered_auth_id_is_refused_with_an_error_of_its_own() {
    let server = start();
    let step = fill_password(&server.begin(), USER, PASSWORD);
    let auth_id = step["authId"].as_str().unwrap();
    let mut messages = Vec::new();
    let flipped = |index: usize| {
        let mut bytes = auth_id.as_bytes().to_vec();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let tampered = [
        flipped(0),
        flipped(20),
        flipped(auth_id.len() / 2),
        auth_id[..auth_id.len() - 1].to_owned(),
        format!("{auth_id}="),
        format!("{auth_id}A"),
        String::new(),
        "null".to_owned(),
    ];
    for value in tampered {
        let mut changed = step.clone();
        changed["authId"] = json!(value);
        messages.push(server.post(&changed).refused(400));
    }
    messages.dedup();
    assert_eq!(messages.len(), 1);
    server.next(&step);
}

#[test]
fn an_auth_id_of_another_server_is_worth_nothing() {
    let (server, other) = (start(), start());
    let step = fill_password(&server.begin(), USER, PASSWORD);
    other.post(&step).refused(400);
}

#[test]
fn an_auth_id_of_another_journey_is_refused() {
    let setup = Setup::new();
    let mut second = setup.journey.clone();
    let mut tree = second["trees"][push_authenticator::server::journey::SHIPPED_NAME].take();
    tree["tree"]["_id"] = json!("Other");
    let mut setup = setup;
    setup.journey["trees"]["Other"] = tree;
    let server = setup.start();
    let step = fill_password(&server.begin(), USER, PASSWORD);
    let other = format!("{REST}?authIndexType=service&authIndexValue=Other");
    let message = server.post_json(&other, &step).refused(400);
    assert!(message.contains("another journey"), "{message}");
    assert_eq!(server.count("journey"), 0);
    server.next(&step);
}

#[test]
fn unknown_realms_journeys_and_indexes_are_refused() {
    let server = start();
    for realm in ["beta", "root", "Alpha", "%20", "%ff"] {
        let base = format!("/am/json/realms/root/realms/{realm}");
        for path in
            ["authenticate", "sessions/?_action=logout", "sessions?_action=logout", "push/sns/message?_action=register"]
        {
            server.post_bytes(&format!("{base}/{path}"), b"").refused(404);
        }
    }
    for query in [
        "?authIndexType=service&authIndexValue=Unknown",
        "?authIndexType=service",
        "?authIndexValue=Login%20with%20Push%20MFA",
        "?authIndexType=module&authIndexValue=x",
        "?authIndexType=composite_advice&authIndexValue=x",
        "?authIndexType=level&authIndexValue=1",
        "?service=Unknown",
        "?service=Login%20with%20Push%20MFA&authIndexType=service&authIndexValue=Other",
        "?service=Login%20with%20Push%20MFA&module=DataStore",
        "?user=demo",
        "?authlevel=2",
        "?suspendedId=eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
        "?resource=true",
        "?noSession=true",
        "?composite_advice=x",
    ] {
        server.post_bytes(&format!("{REST}{query}"), b"").refused(400);
    }
    server.get(REST).refused(405);
    server.get("/am/json/nothing").refused(404);
}

#[test]
fn service_and_auth_index_value_name_the_same_journey() {
    let mut setup = Setup::new();
    let mut other: Value = serde_json::from_str(SHIPPED).unwrap();
    let tree = other["trees"].as_object_mut().unwrap().remove(SHIPPED_NAME).unwrap();
    other["trees"]["StepUp"] = tree;
    other["trees"]["StepUp"]["tree"]["_id"] = json!("StepUp");
    setup.further_files = vec![("step-up.json", other.to_string())];
    let server = setup.start();
    for query in [
        "service=StepUp",
        "authIndexType=service&authIndexValue=StepUp",
        "service=StepUp&authIndexType=service&authIndexValue=StepUp",
        "service=StepUp&resource=false",
    ] {
        // A journey rejects the step of another, which shows which one has started.
        let step = server.post_bytes(&format!("{REST}?{query}"), b"").json();
        let filled = fill_password(&step, USER, PASSWORD);
        server.post_json(&format!("{REST}?service=Login%20with%20Push%20MFA"), &filled).refused(400);
        assert_eq!(server.post_json(&format!("{REST}?service=StepUp"), &filled).status, 200, "{query}");
        assert_eq!(server.get(&format!("/am/XUI/?realm=/alpha&{query}")).status, 200, "{query}");
    }
    let both = "service=StepUp&authIndexType=service&authIndexValue=Login%20with%20Push%20MFA";
    for query in ["service=NoSuchJourney", both] {
        assert_eq!(server.get(&format!("/am/XUI/?realm=/alpha&{query}")).status, 400, "{query}");
    }
}

#[test]
fn a_broken_query_or_path_gets_an_answer_in_the_same_form() {
    let server = start();
    let twice = "?authIndexType=service&authIndexType=service&authIndexValue=x";
    server.post_bytes(&format!("{REST}{twice}"), b"").refused(400);
    server.post_bytes(&format!("{SESSIONS}?_action=logout&_action=logout"), b"").refused(400);
    assert_mute(&server.post_bytes(&format!("{PHONES}register&_action=register"), b"{}"));
    let status = server.post_bytes("/am/json/realms/root/realms/%ff/authenticate", b"").status;
    assert!((400..500).contains(&status));
}

#[test]
fn a_step_posted_again_with_another_body_is_stale() {
    let server = start();
    let first = fill_password(&server.begin(), USER, PASSWORD);
    let second = server.next(&first);
    let mut changed = first.clone();
    changed["extra"] = json!(1);
    server.stale(&changed);
    server.stale(&fill_password(&first, USER, "wrong"));
    let third = server.next(&second);
    server.stale(&first);
    server.stale(&fill(&second, 1, json!(7)));
    server.next(&third);
}

#[test]
fn the_last_step_again_gets_the_same_answer_for_a_minute_without_a_second_effect() {
    let server = start();
    let phone = server.enrolled();
    let before = server.count("push_request");
    let step = fill_password(&server.begin(), USER, PASSWORD);
    let answer = server.post(&step);
    assert_eq!(server.count("push_request"), before + 1);
    server.clock.advance(59_999);
    let again = server.post(&step);
    assert_eq!(again.body, answer.body);
    assert_eq!(server.count("push_request"), before + 1, "no second push");
    server.clock.advance(1);
    server.stale(&step);

    // The same for the final answer, including the token.
    let step = answer.json();
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    let done = server.post(&step);
    assert!(done.json()["tokenId"].is_string());
    let sessions = server.count("session");
    let again = server.post(&step);
    assert_eq!(again.body, done.body);
    assert_eq!(again.header("set-cookie"), done.header("set-cookie"));
    assert_eq!(server.count("session"), sessions);
    server.clock.advance(60_000);
    server.stale(&step);
}

#[test]
fn a_failure_is_repeated_like_any_other_last_answer() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"deny": true})).status, 200);
    let first = server.fail(&step);
    assert_eq!(server.fail(&step), first);
    server.clock.advance(60_000);
    server.stale(&step);
}

#[test]
fn steps_of_a_finished_sign_on_stay_stale_the_first_one_too() {
    let server = start();
    let phone = server.enrolled();
    let first = fill_password(&server.begin(), USER, PASSWORD);
    let step = server.next(&first);
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
    let pushes = server.count("push_request");
    for _ in 0..4 {
        server.clock.advance(200_000);
        server.runtime.block_on(server.app.sweep()).unwrap();
        server.stale(&first);
        server.stale(&step);
    }
    assert_eq!(server.count("push_request"), pushes, "no push for a step that is over");
}

#[test]
fn a_step_is_stale_after_its_time_and_a_sign_on_after_its_own() {
    let server = Setup::new()
        .configure(|configuration| {
            configuration.sign_on.step_minutes = 5;
            configuration.sign_on.maximum_minutes = 8;
        })
        .start();
    let _phone = server.enrolled();
    let first = fill_password(&server.begin(), USER, PASSWORD);
    server.clock.advance(5 * 60_000 + 1);
    server.stale(&first);

    let step = server.after_password();
    server.clock.advance(5 * 60_000 + 1);
    server.stale(&step);

    let mut step = server.after_password();
    for _ in 0..3 {
        server.clock.advance(2 * 60_000);
        step = server.next(&step);
    }
    server.clock.advance(2 * 60_000);
    server.stale(&step);
}

#[test]
fn the_first_step_does_not_outlive_the_longest_sign_on() {
    let server = Setup::new()
        .configure(|configuration| {
            configuration.sign_on.step_minutes = 60;
            configuration.sign_on.maximum_minutes = 8;
        })
        .start();
    let first = fill_password(&server.begin(), USER, PASSWORD);
    server.clock.advance(8 * 60_000);
    server.stale(&first);
    let first = fill_password(&server.begin(), USER, PASSWORD);
    server.next(&first);
    server.clock.advance(8 * 60_000);
    server.stale(&first);
}

#[test]
fn an_early_poll_gets_the_same_step_with_the_remaining_time() {
    let server = start();
    let _phone = server.enrolled();
    let step = server.after_password();
    server.clock.advance(1_800);
    let again = server.next(&step);
    assert_eq!(again["authId"], step["authId"]);
    assert_eq!(output(&again, "PollingWaitCallback", "waitTime"), "3200");
    assert_eq!(number(&again), number(&step));
    server.clock.advance(3_199);
    let again = server.next(&again);
    assert_eq!(again["authId"], step["authId"]);
    assert_eq!(output(&again, "PollingWaitCallback", "waitTime"), "1");
    server.clock.advance(1);
    assert_ne!(server.next(&again)["authId"], step["authId"]);
}

#[test]
fn more_than_sixty_early_polls_a_minute_are_too_many_and_change_nothing() {
    let server = Setup::new().with("PushWaitNode", "secondsToWait", json!(100)).start();
    let phone = server.enrolled();
    let step = server.after_password();
    for _ in 0..60 {
        server.next(&step);
    }
    server.post(&step).refused(429);
    server.clock.advance(60_000);
    server.next(&step);
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
}

#[test]
fn an_answer_is_heard_after_too_many_early_polls() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    for _ in 0..61 {
        server.post(&step);
    }
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
}

#[test]
fn concurrent_posts_of_one_step_have_one_effect() {
    let server = start();
    let _phone = server.enrolled();
    let before = server.count("push_request");
    let step = fill_password(&server.begin(), USER, PASSWORD);
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let posts: Vec<_> = (0..6).map(|_| scope.spawn(|| server.post(&step))).collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
    assert_eq!(server.count("push_request"), before + 1);
}

/// Signs in and returns the token and the last response.
fn signed_on(server: &Server) -> (String, Response) {
    let (phone, step) = server.registered();
    let message = phone.only_message(server);
    assert_eq!(phone.accept(server, &message, &step).status, 200);
    let response = server.post(&step);
    (response.json()["tokenId"].as_str().unwrap().to_owned(), response)
}

#[test]
fn the_session_cookie_is_out_of_scripts_reach_and_secure_under_https() {
    let server = start();
    let (token, response) = signed_on(&server);
    let cookie = response.header("set-cookie").unwrap();
    assert_eq!(cookie, format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax"));
    assert_eq!(server.get("/am/XUI/profile").status, 303);

    let server = Setup::new()
        .configure(|configuration| configuration.public_url = Some("https://login.example.com/am".parse().unwrap()))
        .with("PushAuthenticationSenderNode", "mandatory", json!(false))
        .connect("PushAuthenticationSenderNode", "NOT_REGISTERED", "70e691a5-1e33-4ac3-a356-e7b6d60d92e0")
        .start();
    let response = server.sign_on_as(USER, PASSWORD);
    assert!(response.header("set-cookie").unwrap().ends_with("; Secure"), "{response:?}");
    // The server also accepts its own name, besides the address it listens on.
    assert_eq!(server.request("POST", REST, &[("Host", "login.example.com")], b"").status, 200);
}

fn is_live(server: &Server, token: &str) -> bool {
    let cookie = format!("{COOKIE}={token}");
    server.request("GET", "/am/XUI/profile", &[("Cookie", &cookie)], b"").status == 200
}

#[test]
fn sign_out_with_and_without_the_slash_by_header_and_by_cookie() {
    let server = start();
    let phone = server.enrolled();
    for path in [SESSIONS.to_owned(), format!("{SESSIONS}/")] {
        let path = format!("{path}?_action=logout");
        for header in ["X-Requested-With", "Accept-API-Version", COOKIE] {
            let step = server.after_password();
            let message = phone.only_message(&server);
            phone.accept(&server, &message, &step);
            let token = server.finish(&step);
            assert!(is_live(&server, &token));
            let cookie = format!("other=1; {COOKIE}={token}");
            if header == COOKIE {
                let response = server.request("POST", &path, &[(COOKIE, &token)], b"");
                assert_eq!(response.status, 200);
            } else {
                server.request("POST", &path, &[("Cookie", &cookie)], b"").refused(403);
                assert!(is_live(&server, &token), "a refused sign-out changes nothing");
                let response = server.request("POST", &path, &[("Cookie", &cookie), (header, "x")], b"");
                assert_eq!(response.status, 200);
                assert_eq!(response.header("content-type"), Some("application/json"));
                let ended = response.header("set-cookie").unwrap();
                assert!(ended.starts_with(&format!("{COOKIE}=;")) && ended.contains("Max-Age=0"), "{ended}");
            }
            assert!(!is_live(&server, &token));
            server.request("POST", &path, &[(COOKIE, &token)], b"").refused(401);
        }
        server.post_bytes(&path, b"").refused(401);
    }
    server.post_bytes(&format!("{SESSIONS}?_action=other"), b"").refused(400);
    server.post_bytes(SESSIONS, b"").refused(400);
}

#[test]
fn a_session_ends_when_idle_and_after_its_longest_time() {
    let server = start();
    let (token, _) = signed_on(&server);
    server.clock.advance(29 * 60_000);
    assert!(is_live(&server, &token));
    server.clock.advance(29 * 60_000);
    assert!(is_live(&server, &token), "use keeps it alive");
    server.clock.advance(30 * 60_000);
    assert!(!is_live(&server, &token));

    let server = start();
    let (token, _) = signed_on(&server);
    for _ in 0..23 {
        server.clock.advance(20 * 60_000);
        assert!(is_live(&server, &token));
    }
    server.clock.advance(20 * 60_000);
    assert!(!is_live(&server, &token), "eight hours in all");
}

#[test]
fn a_foreign_host_is_not_answered_wherever_it_asks() {
    let server = start();
    let port = server.address.port();
    let paths = [REST, "/am/XUI/", "/", "/am/nothing", "/am/XUI/assets/page.css"];
    for path in paths {
        for host in ["evil.example", &format!("evil.example:{port}"), "127.0.0.1", "127.0.0.1:1", "", "localhost"] {
            server.request("POST", path, &[("Host", host)], b"").refused(421);
        }
    }
    for host in [format!("localhost:{port}"), format!("LocalHost:{port}"), format!("127.0.0.1:{port}")] {
        assert_eq!(server.request("GET", "/am/XUI/assets/page.css", &[("Host", &host)], b"").status, 200);
    }
    // Probes use the machine's own address, whatever that is.
    for path in ["/am/isAlive", "/am/json/health/live", "/am/json/health/ready"] {
        assert_eq!(server.request("GET", path, &[("Host", "10.0.0.7:8080")], b"").status, 200);
    }
    let absolute =
        format!("GET http://evil.example/am/nothing HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", server.address);
    assert_eq!(server.raw(absolute.as_bytes()).status, 421);
    assert_eq!(server.raw(b"GET /am/nothing HTTP/1.0\r\n\r\n").status, 421);
}

#[test]
fn answers_hold_what_clients_read_and_nothing_of_the_servers_inside() {
    let server = start();
    let step: Value = server.begin();
    let members: Vec<&String> = step.as_object().unwrap().keys().collect();
    assert!(
        members.iter().all(|name| ["authId", "callbacks", "header", "description", "stage"].contains(&name.as_str()))
    );
    let auth_id = server.next(&fill_password(&step, USER, PASSWORD))["authId"].to_string();
    assert!(!auth_id.contains("demo"));
}

#[test]
fn the_phone_that_was_just_added_is_named_with_its_recovery_codes() {
    let server = start();
    let step = server.at_qr_code();
    let phone = Phone::scan(&step).with("deviceName", json!("Zoë's <b>\"phone\"</b>"));
    assert_eq!(phone.register(&server).status, 200);
    let step = server.next(&step);
    let script = output(&step, "TextOutputCallback", "message").as_str().unwrap();
    assert!(script.contains("<em>Zoë's bphone/b</em></p>\\n\" +\n oldHtml;"), "{script}");
    assert_eq!(recovery_codes(&step).len(), 10);
}

#[test]
fn a_step_is_taken_as_json_only_so_that_no_form_of_another_site_signs_its_visitor_on() {
    let server = start();
    let step = fill_password(&server.begin(), USER, PASSWORD).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let headers = [("Content-Type", kind)];
        server.request("POST", REST, &headers, step.as_bytes()).refused(415);
    }
    server.request("POST", REST, &[], step.as_bytes()).refused(415);
    for kind in ["application/json", "Application/JSON; charset=UTF-8"] {
        assert_eq!(server.request("POST", REST, &[("Content-Type", kind)], step.as_bytes()).status, 200);
    }
}
