//! The endpoint that phones call.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use push_authenticator::ports::Clock as _;

use crate::harness::*;

fn post(server: &Server, action: &str, body: &Value) -> Response {
    server.post_json(&format!("{PHONES}{action}"), body)
}

#[test]
fn unknown_actions_are_not_offered() {
    let server = start();
    for action in ["unknown", "", "Register", "register%20"] {
        server.post_bytes(&format!("{PHONES}{action}"), b"{}").refused(501);
    }
    let path = PHONES.split('?').next().unwrap();
    server.post_bytes(path, b"{}").refused(501);
    server.get(path).refused(405);
}

#[test]
fn until_the_signature_verifies_every_action_answers_the_same_bytes() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let message = phone.only_message(&server);
    server.add_user("other", PASSWORD, None);
    let offered = Phone::scan(&server.next(&server.sign_on_as("other", PASSWORD).json()));
    let none = r#"{"typ":"JWT","alg":"none"}"#;
    let unsigned =
        |claims: &Value| format!("{}.{}.", URL_SAFE_NO_PAD.encode(none), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut answers = Vec::new();

    for action in ["register", "authenticate", "refresh", "pending"] {
        for body in [&b""[..], b"{", b"[]", b"null", b"{}", b"\xff", br#"{"messageId":1,"jwt":2}"#] {
            answers.push(server.post_bytes(&format!("{PHONES}{action}"), body));
        }
    }
    for (action, id, claims) in [
        ("register", &offered.message_id, offered.claims.clone()),
        (
            "authenticate",
            &message.id,
            json!({"response": phone.response_to(&message), "challengeResponse": number(&step)}),
        ),
    ] {
        let secret = if action == "register" { &offered.secret } else { &phone.secret };
        let right = sign(secret, &claims);
        let cut = right[..right.len() - 1].to_owned();
        let with = |header: &str| sign_with_header(secret, header, &claims);
        let jwts = [
            sign(b"another secret of this length...", &claims),
            sign(b"", &claims),
            unsigned(&claims),
            with(none),
            with(r#"{"alg":"HS512"}"#),
            with(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#),
            cut,
            format!("{right}A"),
            format!("{right}.x"),
            String::new(),
        ];
        for jwt in jwts {
            answers.push(post(&server, action, &json!({"messageId": id, "jwt": jwt})));
        }
        for unknown in ["REGISTER:unknown", "", "' OR 1=1 --"] {
            answers.push(post(&server, action, &json!({"messageId": unknown, "jwt": right})));
        }
    }
    let pull = phone.pull_claims(&server, 0);
    let refresh =
        json!({"deviceType": "android", "communicationType": "embedded", "deviceId": "new", "deviceName": "n"});
    for (action, claims) in [("pending", &pull), ("refresh", &refresh)] {
        for jwt in [sign(b"another secret", claims), unsigned(claims), String::new()] {
            answers.push(post(&server, action, &json!({"mechanismUid": phone.mechanism, "jwt": jwt})));
        }
        let right = sign(&phone.secret, claims);
        answers.push(post(&server, action, &json!({"mechanismUid": "unknown", "jwt": right})));
    }
    for (claim, value) in [("sub", json!("another")), ("aud", json!("refresh"))] {
        let mut claims = phone.pull_claims(&server, 0);
        claims[claim] = value;
        answers.push(phone.pull_with(&server, &claims));
    }
    for answer in &answers {
        assert_mute(answer);
        assert_eq!(answer.body, answers[0].body);
    }
    // And none of it changed anything.
    assert_eq!(server.count("device"), 1);
    assert_eq!(offered.register(&server).status, 200);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
}

#[test]
fn a_registration_is_used_once_and_its_identical_body_is_answered_alike() {
    let server = start();
    let step = server.at_qr_code();
    let phone = Phone::scan(&step);
    let body = phone.registration_body().to_string();
    let send = |body: &str| server.post_bytes(&phone.registration_path, body.as_bytes());
    for _ in 0..3 {
        let response = send(&body);
        assert_eq!((response.status, response.text().as_str()), (200, "{}"));
    }
    assert_eq!(server.count("device"), 1);
    // The same claims in other bytes are another body.
    let message = send(&format!("{body} ")).refused(400);
    assert!(message.contains("used already"), "{message}");
    let message = phone.with("deviceId", json!("thief")).register(&server).refused(400);
    assert!(message.contains("used already"), "{message}");
    assert_eq!(server.count("device"), 1);
    // Also after the sign-on has moved on, before the message expires.
    let step = server.next(&step);
    server.next(&step);
    server.clock.advance(59_999);
    assert_eq!(send(&body).status, 200);
    server.clock.advance(1);
    send(&body).refused(400);
    assert_eq!(server.count("device"), 1);
}

#[test]
fn an_expired_registration_is_refused() {
    let server = start();
    let phone = Phone::scan(&server.at_qr_code());
    server.clock.advance(60_000);
    let message = phone.register(&server).refused(400);
    assert!(message.contains("expired"), "{message}");
    assert_eq!(server.count("device"), 0);
}

#[test]
fn a_sign_on_that_ends_leaves_the_registrations_of_others_alone() {
    let server = Setup::new().with("RetryLimitDecisionNode", "retryLimit", json!(0)).start();
    let abandoned = Phone::scan(&server.at_qr_code());
    let (_, step) = server.registered();
    let step = server.next(&fill(&step, 2, json!(0)));
    server.fail(&fill(&step, 0, json!("wrong")));
    assert_eq!(server.count("registration WHERE accepted_body IS NULL"), 1, "only the other sign-on's");
    assert_eq!(abandoned.register(&server).status, 200);
}

#[test]
fn a_registration_that_does_not_prove_the_secret_or_describes_no_phone_is_refused_and_may_be_repeated_right() {
    let server = start();
    let phone = Phone::scan(&server.at_qr_code());
    let other_challenge = STANDARD.encode(hmac_sha_256(&phone.secret, b"other"));
    let unpadded = phone.claims["response"].as_str().unwrap().trim_end_matches('=').to_owned();
    let url_safe = URL_SAFE_NO_PAD.encode(hmac_sha_256(&phone.secret, &phone.challenge));
    for (claim, value) in [
        ("response", json!(other_challenge)),
        ("response", json!("")),
        ("response", json!(unpadded)),
        ("response", json!(url_safe)),
        ("response", json!(null)),
        ("deviceType", json!("toaster")),
        ("communicationType", json!("pigeon")),
        ("mechanismUid", json!("")),
        ("mechanismUid", json!("with space")),
        ("mechanismUid", json!("x".repeat(129))),
        ("mechanismUid", json!("\u{202e}")),
        ("deviceId", json!("t".repeat(4097))),
        ("deviceId", json!(5)),
    ] {
        phone.with(claim, value.clone()).register(&server).refused(400);
        assert_eq!(server.count("device"), 0, "{claim} {value}");
    }
    assert_eq!(phone.register(&server).status, 200);
}

#[test]
fn a_mechanism_uid_that_another_device_has_is_refused() {
    let server = start();
    let first = server.enrolled();
    server.add_user("other", PASSWORD, None);
    let step = server.next(&server.sign_on_as("other", PASSWORD).json());
    let second = Phone::scan(&step);
    second.with("mechanismUid", json!(first.mechanism)).register(&server).refused(400);
    assert_eq!(server.count("device"), 1);
    assert_eq!(second.register(&server).status, 200, "the refusal did not use it up");
    assert_eq!(first.messages(&server).len(), 0);
}

#[test]
fn the_devices_name_is_cleaned_before_it_is_stored() {
    for (given, stored) in [
        ("Ev\u{202e}il\u{0007}\r\n phone\u{200b}\u{feff}", "Evil phone".to_owned()),
        ("\u{202e}", "Unnamed phone".to_owned()),
        ("", "Unnamed phone".to_owned()),
        (&"ä".repeat(300), "ä".repeat(100)),
    ] {
        let server = start();
        let phone = Phone::scan(&server.at_qr_code());
        assert_eq!(phone.with("deviceName", json!(given)).register(&server).status, 200);
        assert_eq!(server.text("SELECT name FROM device"), stored);
    }
}

/// Returns a phone and a sign-on that waits for it.
fn waiting() -> (Server, Phone, Value, Message) {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let message = phone.only_message(&server);
    (server, phone, step, message)
}

#[test]
fn only_the_boolean_true_is_a_refusal() {
    for deny in [json!(false), json!(null)] {
        let (server, phone, step, message) = waiting();
        let more = json!({"deny": deny, "challengeResponse": number(&step)});
        assert_eq!(phone.answer(&server, &message, more).status, 200, "{deny}");
        server.finish(&step);
    }
    for deny in [json!("true"), json!(1), json!("false"), json!([])] {
        let (server, phone, step, message) = waiting();
        let more = json!({"deny": deny, "challengeResponse": number(&step)});
        phone.answer(&server, &message, more).refused(400);
        assert_eq!(phone.accept(&server, &message, &step).status, 200, "{deny} changed nothing");
        server.finish(&step);
    }
    let (server, phone, step, message) = waiting();
    let more = json!({"deny": true, "challengeResponse": number(&step)});
    assert_eq!(phone.answer(&server, &message, more).status, 200);
    server.fail(&step);
}

#[test]
fn a_wrong_number_or_none_burns_the_message_and_its_identical_body_gets_the_same_answer() {
    for tapped in [Some("wrong"), Some("other"), Some(""), None] {
        let (server, phone, step, message) = waiting();
        let more = match tapped {
            Some("wrong") => json!({"challengeResponse": wrong_number(&message, &step)}),
            Some(text) => json!({"challengeResponse": text}),
            None => json!({}),
        };
        let body = phone.answer_body(&message, more);
        for _ in 0..2 {
            assert_eq!(post(&server, "authenticate", &body).refused(400), "The number does not match.");
        }
        let late = phone.accept(&server, &message, &step).refused(400);
        assert_ne!(late, "The number does not match.");
        assert!(phone.messages(&server).is_empty());
        server.fail(&step);
        assert_eq!(server.count("session"), 1, "only that of the enrolment");
    }
}

#[test]
fn the_right_number_counts_as_text_and_as_a_number_but_not_with_anything_added() {
    let (server, phone, step, message) = waiting();
    let right: i64 = number(&step).parse().unwrap();
    assert_eq!(phone.answer(&server, &message, json!({"challengeResponse": right})).status, 200);
    server.finish(&step);
    for changed in [format!(" {right}"), format!("{right},"), format!("0{right}"), message.claims["n"].to_string()] {
        // Past the pause after denials.
        server.clock.advance(10 * 60_000);
        let step = server.after_password();
        let message = phone.only_message(&server);
        let shown = number(&step);
        let tapped = changed.replace(&right.to_string(), &shown);
        phone.answer(&server, &message, json!({"challengeResponse": tapped})).refused(400);
        server.fail(&step);
    }
}

#[test]
fn a_verified_answer_settles_for_good() {
    let (server, phone, step, message) = waiting();
    let body = phone.answer_body(&message, json!({"challengeResponse": number(&step)}));
    for _ in 0..3 {
        let response = post(&server, "authenticate", &body);
        assert_eq!((response.status, response.text().as_str()), (200, "{}"));
    }
    phone.answer(&server, &message, json!({"deny": true})).refused(400);
    phone.answer(&server, &message, json!({"challengeResponse": number(&step), "extra": 1})).refused(400);
    server.finish(&step);
    // The killed phone asks again much later and still gets the same answer.
    server.clock.advance(600_000);
    assert_eq!(post(&server, "authenticate", &body).status, 200);
    assert_eq!(server.count("session"), 2);
}

#[test]
fn an_answer_to_an_expired_message_changes_nothing() {
    let (server, phone, step, message) = waiting();
    server.clock.advance(120_000);
    let text = phone.accept(&server, &message, &step).refused(400);
    assert!(text.contains("expired"), "{text}");
    phone.answer(&server, &message, json!({"deny": true})).refused(400);
    let next = server.next(&step);
    assert_eq!(types(&next).len(), 3, "expired, so sent again");
}

#[test]
fn an_answer_with_a_wrong_response_changes_nothing() {
    let (server, phone, step, message) = waiting();
    let right = phone.response_to(&message);
    let wrong = [
        STANDARD.encode([0u8; 32]),
        String::new(),
        right.trim_end_matches('=').to_owned(),
        STANDARD.encode(hmac_sha_256(&phone.secret, message.claims["c"].as_str().unwrap().as_bytes())),
        message.claims["c"].as_str().unwrap().to_owned(),
    ];
    for response in wrong {
        for more in [json!({"deny": true}), json!({"challengeResponse": number(&step)})] {
            let more = [("response", json!(response))].into_iter().fold(more, |mut more, (key, value)| {
                more[key] = value;
                more
            });
            phone.answer(&server, &message, more).refused(400);
        }
    }
    let without = json!({"messageId": message.id, "jwt": sign(&phone.secret, &json!({"deny": true}))});
    post(&server, "authenticate", &without).refused(400);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
}

#[test]
fn a_device_can_answer_its_own_message_only() {
    let server = start();
    let (first, second) = server.two_phones();
    let step = server.after_password();
    let (one, two) = (first.only_message(&server), second.only_message(&server));
    // Signed by one phone, for the other's message.
    let mut mixed = two.clone();
    mixed.claims = one.claims.clone();
    assert_mute(&first.accept(&server, &two, &step));
    assert_mute(&first.accept(&server, &mixed, &step));
    let swapped = Message { id: two.id.clone(), ..one.clone() };
    assert_mute(&first.answer(&server, &swapped, json!({"deny": true})));
    assert_eq!(first.accept(&server, &one, &step).status, 200);
    server.finish(&step);
}

#[test]
fn a_registration_or_a_pull_cannot_serve_as_an_answer() {
    let (server, phone, step, message) = waiting();
    for claims in [&phone.claims, &phone.pull_claims(&server, 0)] {
        let body = json!({"messageId": message.id, "jwt": sign(&phone.secret, claims)});
        post(&server, "authenticate", &body).refused(400);
    }
    let echoed = json!({"messageId": message.id, "jwt": message.jwt});
    post(&server, "authenticate", &echoed).refused(400);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
}

pub fn refresh_claims(token: &str) -> Value {
    json!({
        "deviceType": "ios",
        "communicationType": "embedded",
        "deviceId": token,
        "deviceName": "New \u{202e}name",
    })
}

pub fn refresh(server: &Server, phone: &Phone, claims: &Value) -> Response {
    let body = json!({"mechanismUid": phone.mechanism, "username": USER, "jwt": sign(&phone.secret, claims)});
    post(server, "refresh", &body)
}

fn sealed_token(server: &Server) -> Vec<u8> {
    server.database().query_row("SELECT token FROM device", [], |row| row.get(0)).unwrap()
}

#[test]
fn a_refresh_changes_token_name_and_type_once() {
    let server = start();
    let phone = server.enrolled();
    let before = sealed_token(&server);
    let claims = refresh_claims("a new token");
    assert_eq!(refresh(&server, &phone, &claims).status, 200);
    let after = sealed_token(&server);
    assert_ne!(before, after);
    assert_eq!(server.text("SELECT name || '/' || device_type FROM device"), "New name/ios");
    assert_eq!(refresh(&server, &phone, &claims).status, 200, "a lost reply, repeated");
    assert_eq!(sealed_token(&server), after, "changes nothing");
    // Nor in a spelling that decodes to the same signature.
    let jwt = sign(&phone.secret, &claims);
    let last = jwt.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let index = alphabet.find(last).unwrap();
    for other in ((index / 4 * 4)..(index / 4 * 4 + 4)).filter(|other| *other != index) {
        let spelt = format!("{}{}", &jwt[..jwt.len() - 1], &alphabet[other..=other]);
        post(&server, "refresh", &json!({"mechanismUid": phone.mechanism, "jwt": spelt})).refused(400);
    }
    for spelt in [format!("{jwt}="), format!(" {jwt}"), format!("{jwt}\n")] {
        post(&server, "refresh", &json!({"mechanismUid": phone.mechanism, "jwt": spelt})).refused(400);
    }
    assert_eq!(sealed_token(&server), after);
    // The secret stays: the phone still answers.
    let step = server.after_password();
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
}

#[test]
fn messages_of_another_kind_do_not_pass_for_a_refresh() {
    let server = start();
    let phone = server.enrolled();
    let before = sealed_token(&server);
    refresh(&server, &phone, &phone.claims).refused(400);
    for foreign in ["response", "c", "u"] {
        let mut claims = refresh_claims("stolen");
        claims[foreign] = json!("x");
        refresh(&server, &phone, &claims).refused(400);
    }
    refresh(&server, &phone, &phone.pull_claims(&server, 0)).refused(400);
    for (claim, value) in [("deviceType", json!("toaster")), ("deviceId", json!("t".repeat(4097)))] {
        let mut claims = refresh_claims("x");
        claims[claim] = value;
        refresh(&server, &phone, &claims).refused(400);
    }
    assert_eq!(sealed_token(&server), before);
}

#[test]
fn a_stale_refresh_is_told_of_the_clock() {
    let server = start();
    let phone = server.enrolled();
    let now = server.clock.now() / 1000;
    for iat in [now - 301, now + 301, 0, i64::MIN, i64::MIN + now, i64::MAX] {
        let mut claims = refresh_claims("x");
        claims["iat"] = json!(iat);
        let response = refresh(&server, &phone, &claims);
        assert_eq!(response.refused(400), "clock", "{iat}");
        assert!(response.header("date").is_some());
    }
    for iat in [now - 300, now + 300] {
        let mut claims = refresh_claims("x");
        claims["iat"] = json!(iat);
        assert_eq!(refresh(&server, &phone, &claims).status, 200);
    }
}

#[test]
fn a_refresh_does_not_make_a_pushed_device_one_that_pulls() {
    let server = start();
    let step = server.at_qr_code();
    let phone = Phone::scan(&step).with("communicationType", json!("gcm"));
    assert_eq!(phone.register(&server).status, 200);
    phone.pull(&server, 0).refused(501);
    refresh(&server, &phone, &refresh_claims("x")).refused(400);
    phone.pull(&server, 0).refused(501);
}

#[test]
fn a_pull_gives_the_messages_as_sent_and_settles_nothing() {
    let (server, phone, step, message) = waiting();
    for _ in 0..3 {
        assert_eq!(phone.only_message(&server), message);
    }
    let body = phone.pull(&server, 0).json();
    assert_eq!(body, json!({"messages": [{"messageId": message.id, "message": message.jwt}]}));
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    assert_eq!(phone.pull(&server, 0).json(), json!({"messages": []}));
    server.finish(&step);
}

#[test]
fn a_pull_with_a_stale_time_is_told_of_the_clock() {
    let server = start();
    let phone = server.enrolled();
    let now = server.clock.now() / 1000;
    for iat in [now - 301, now + 301, 0, -1, i64::MIN, i64::MIN + now, i64::MAX] {
        let mut claims = phone.pull_claims(&server, 0);
        claims["iat"] = json!(iat);
        let response = phone.pull_with(&server, &claims);
        assert_eq!(response.refused(400), "clock", "{iat}");
        assert!(response.header("date").unwrap().ends_with(" GMT"));
    }
    for iat in [now - 300, now + 300] {
        let mut claims = phone.pull_claims(&server, 0);
        claims["iat"] = json!(iat);
        assert_eq!(phone.pull_with(&server, &claims).status, 200);
    }
}

#[test]
fn a_nonce_is_used_once_for_as_long_as_its_time_is_good() {
    let server = start();
    let phone = server.enrolled();
    let mut claims = phone.pull_claims(&server, 0);
    claims["iat"] = json!(server.clock.now() / 1000 + 300);
    assert_eq!(phone.pull_with(&server, &claims).status, 200);
    for _ in 0..3 {
        let response = phone.pull_with(&server, &claims);
        assert_eq!(response.refused(400), "replayed");
        assert!(response.header("date").is_some());
        // Signing it again does not change the nonce.
        claims["extra"] = json!(claims["extra"].as_i64().unwrap_or(0) + 1);
        server.clock.advance(200_000);
    }
    claims["iat"] = json!(server.clock.now() / 1000);
    for nonce in ["", "AAAA", "not base64!", &"A".repeat(24)] {
        claims["nonce"] = json!(nonce);
        phone.pull_with(&server, &claims).refused(400);
    }
}

#[test]
fn the_same_nonce_of_two_devices_is_two_nonces() {
    let server = start();
    let (first, second) = server.two_phones();
    let claims = first.pull_claims(&server, 0);
    assert_eq!(first.pull_with(&server, &claims).status, 200);
    let mut other = claims.clone();
    other["sub"] = json!(second.mechanism);
    assert_eq!(second.pull_with(&server, &other).status, 200);
}

#[test]
fn devices_that_are_pushed_to_are_served_only_where_the_operator_allows_it() {
    for (for_all, status) in [(false, 501), (true, 200)] {
        let server = Setup::new().configure(|configuration| configuration.push.pull_for_all = for_all).start();
        let step = server.at_qr_code();
        for communication in ["gcm", "apns"] {
            let step = if communication == "gcm" { step.clone() } else { continue };
            let phone = Phone::scan(&step).with("communicationType", json!(communication));
            assert_eq!(phone.register(&server).status, 200);
            assert_eq!(phone.pull(&server, 0).status, status);
            // A stranger learns nothing from it.
            let claims = phone.pull_claims(&server, 0);
            let body = json!({"mechanismUid": phone.mechanism, "jwt": sign(b"wrong", &claims)});
            assert_mute(&post(&server, "pending", &body));
        }
    }
}

#[test]
fn a_held_pull_is_woken_by_a_push_at_once() {
    let server = Setup::new().running_clock().start();
    let phone = server.enrolled();
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        let held = scope.spawn(|| phone.pull(&server, 30));
        std::thread::sleep(std::time::Duration::from_millis(300));
        assert!(!held.is_finished(), "nothing is there yet");
        server.after_password();
        let messages = phone.read_messages(&held.join().unwrap().json());
        assert_eq!(messages.len(), 1);
    });
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn a_held_pull_ends_empty_when_its_time_is_over() {
    let server = Setup::new().running_clock().start();
    let phone = server.enrolled();
    let begun = std::time::Instant::now();
    let response = phone.pull(&server, 1);
    assert_eq!(response.json(), json!({"messages": []}));
    assert!((1000..20_000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
}

#[test]
fn two_pulls_of_a_device_are_held_and_a_third_is_refused() {
    let server = Setup::new().running_clock().start();
    let phone = server.enrolled();
    let mut answers: Vec<Response> = std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::channel();
        for _ in 0..3 {
            let sender = sender.clone();
            let (server, phone) = (&server, &phone);
            scope.spawn(move || sender.send(phone.pull(server, 30)).unwrap());
        }
        let first = receiver.recv().unwrap();
        assert_eq!(phone.pull(&server, 0).status, 200, "one that does not wait takes no place");
        server.after_password();
        [first].into_iter().chain(receiver.iter().take(2)).collect()
    });
    answers.remove(0).refused(429);
    for answer in answers {
        assert_eq!(phone.read_messages(&answer.json()).len(), 1);
    }
    assert_eq!(phone.pull(&server, 0).status, 200, "the places are free again");
}

#[test]
fn a_phone_that_hangs_up_gives_its_place_back() {
    use std::io::Write as _;
    let server = Setup::new().running_clock().start();
    let phone = server.enrolled();
    for _ in 0..3 {
        let body = json!({
            "mechanismUid": phone.mechanism,
            "jwt": sign(&phone.secret, &phone.pull_claims(&server, 30)),
        })
        .to_string();
        let mut stream = std::net::TcpStream::connect(server.address).unwrap();
        let head = format!(
            "POST {PHONES}pending HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            server.address,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(stream);
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(phone.pull(&server, 0).status, 200);
}

#[test]
fn a_wait_out_of_range_is_cut_or_refused_and_never_an_accident() {
    let server = start();
    let phone = server.enrolled();
    server.after_password();
    for (wait, status) in
        [(json!(4_294_967_295u64), 200), (json!(31), 200), (json!(-1), 400), (json!(1.5), 400), (json!("0"), 400)]
    {
        let mut claims = phone.pull_claims(&server, 0);
        claims["wait"] = wait.clone();
        assert_eq!(phone.pull_with(&server, &claims).status, status, "{wait}");
    }
}
