//! Failed deliveries: retried with growing delays if that may help, never waited for, always logged.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::fake::{Fake, Reply};
use crate::harness::*;
use crate::support::*;

/// Asserts that a sign-on can be completed with a recovery code, and that no part of it takes long.
fn sign_on_by_recovery_code(server: &Server, code: &str) {
    let began = Instant::now();
    let step = server.after_password();
    let recovery = server.next(&fill(&step, 2, json!(0)));
    server.finish(&fill(&recovery, 0, json!(code)));
    assert!(began.elapsed() < Duration::from_secs(5), "the sign-on waited for SNS: {:?}", began.elapsed());
}

/// Registers a phone; returns it with a recovery code, and leaves the sign-on where the first push was sent.
fn register_with_codes(server: &Server, token: &str) -> (Phone, String) {
    let step = server.at_qr_code();
    let phone = pushed_phone(&step, "gcm", token);
    assert_eq!(phone.register(server).status, 200);
    let codes = server.next(&step);
    server.next(&codes);
    (phone, recovery_codes(&codes).remove(0))
}

#[test]
fn errors_that_pass_are_tried_again_with_growing_delays() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    fake.next(
        "Publish",
        &[
            Reply::Error(500, "InternalError"),
            Reply::HangUp,
            Reply::Error(400, "Throttling"),
            Reply::Error(429, "Throttled"),
        ],
    );
    let (phone, step) = register(&server, "gcm", "token");
    let seen = fake.wait_for("Publish", 5);
    let gaps: Vec<Duration> = seen.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    for (gap, least) in gaps.iter().zip([500, 1000, 2000, 4000]) {
        assert!(*gap >= Duration::from_millis(least), "{gaps:?}");
    }
    // It is the same message each time, so a phone that gets it twice shows it once.
    assert!(seen.iter().all(|each| each.body == seen[0].body));
    assert_eq!(outcomes(&server, "push-delivery"), Vec::<String>::new());
    let push = google_push(&seen[4].published());
    assert_eq!(phone.accept(&server, &push, &step).status, 200);
    server.finish(&step);
}

#[test]
fn nothing_is_tried_after_the_message_has_expired() {
    let fake = Fake::start();
    let server =
        setup(fake.port, GCM, APNS).with("PushAuthenticationSenderNode", "messageTimeout", json!(2500)).start();
    fake.always("Publish", Reply::Error(503, "ServiceUnavailable"));
    let began = Instant::now();
    register(&server, "gcm", "token");
    wait_for("the end", || (outcomes(&server, "push-delivery") == ["busy"]).then_some(()));
    let seen = fake.seen("Publish");
    assert!((2..=3).contains(&seen.len()), "{}", seen.len());
    assert!(seen.iter().all(|each| each.at - began < Duration::from_millis(3500)));
}

#[test]
fn a_message_that_was_answered_or_replaced_is_not_sent_again() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    fake.next("Publish", &[Reply::Error(503, "ServiceUnavailable")]);
    register(&server, "gcm", "token");
    fake.wait_for("Publish", 1);
    // A newer sign-on supersedes the first before the server retries that.
    server.after_password();
    let seen = fake.wait_for("Publish", 2);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(fake.seen("Publish").len(), 2, "the first was tried again");
    assert_eq!(outcomes(&server, "push-delivery"), Vec::<String>::new(), "that is no failure");
    assert_ne!(google_push(&seen[0].published()).id, google_push(&seen[1].published()).id);
}

#[test]
fn a_refusal_is_final_and_the_recovery_code_works() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    fake.always("Publish", Reply::Error(403, "AuthorizationError"));
    let (_, code) = register_with_codes(&server, "token");
    wait_for("the failure", || (outcomes(&server, "push-delivery") == ["refused"]).then_some(()));
    let step = server.after_password();
    wait_for("the failure", || (outcomes(&server, "push-delivery") == ["refused", "refused"]).then_some(()));
    assert_eq!(fake.seen("Publish").len(), 2, "one attempt each");
    let recovery = server.next(&fill(&step, 2, json!(0)));
    server.finish(&fill(&recovery, 0, json!(code)));
    assert_eq!(server.count("device WHERE token_dead_at IS NULL"), 1, "the token is not to blame");
}

#[test]
fn an_endpoint_that_could_not_be_made_at_registration_is_made_before_the_first_push() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    fake.next("CreatePlatformEndpoint", &[Reply::Error(403, "AuthorizationError")]);
    let step = server.at_qr_code();
    let phone = pushed_phone(&step, "gcm", "token");
    assert_eq!(phone.register(&server).status, 200, "the registration stands");
    wait_for("the failure", || (outcomes(&server, "push-endpoint") == ["refused"]).then_some(()));
    assert_eq!(stored_endpoint(&server), None);
    let codes = server.next(&step);
    let step = server.next(&codes);
    let seen = fake.wait_for("Publish", 1);
    assert_eq!(fake.seen("CreatePlatformEndpoint").len(), 2);
    assert_eq!(stored_endpoint(&server).as_ref(), Some(&seen[0].parameters["TargetArn"]));
    let push = google_push(&seen[0].published());
    assert_eq!(phone.accept(&server, &push, &step).status, 200);
    server.finish(&step);
}

#[test]
fn a_service_that_never_answers_holds_nobody_up() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    let (first_step, second_step) = (server.at_qr_code(), server.at_qr_code());
    fake.always("CreatePlatformEndpoint", Reply::Silence);
    let pushed = pushed_phone(&first_step, "gcm", "token");
    let fetching = Phone::scan(&second_step);
    let began = Instant::now();
    assert_eq!((pushed.register(&server).status, fetching.register(&server).status), (200, 200));
    let code = recovery_codes(&server.next(&first_step)).remove(0);
    assert_eq!(fake.wait_for("CreatePlatformEndpoint", 1).len(), 1);

    // The other phone gets its message at once, and so does the page.
    let step = server.after_password();
    let message = fetching.only_message(&server);
    assert_eq!(fetching.accept(&server, &message, &step).status, 200);
    server.finish(&step);
    for _ in 0..3 {
        server.after_password();
    }
    sign_on_by_recovery_code(&server, &code);
    assert_eq!(server.get("/am/isAlive").status, 200);
    assert!(began.elapsed() < Duration::from_secs(9), "shorter than a request to SNS may take: {:?}", began.elapsed());
}

#[test]
fn a_network_that_is_down_fails_the_push_and_not_the_sign_on() {
    let fake = Fake::start();
    let port = fake.port;
    let server = setup(port, GCM, APNS).with("PushAuthenticationSenderNode", "messageTimeout", json!(1500)).start();
    fake.always("CreatePlatformEndpoint", Reply::HangUp);
    let (_, code) = register_with_codes(&server, "token");
    wait_for("the failure", || (outcomes(&server, "push-delivery") == ["unreachable"]).then_some(()));
    sign_on_by_recovery_code(&server, &code);
}

#[test]
fn a_message_over_the_limit_is_not_sent() {
    let fake = Fake::start();
    let text = "\u{1f980}".repeat(500);
    let server = setup(fake.port, GCM, APNS)
        .with("PushAuthenticationSenderNode", "userMessage", json!({"en": text}))
        .with("PushAuthenticationSenderNode", "contextInfo", json!(true))
        .start();
    let (_, step) = register(&server, "apns", "0123456789abcdef");
    wait_for("the failure", || (outcomes(&server, "push-delivery") == ["too-large"]).then_some(()));
    assert_eq!(types(&step), ["HiddenValueCallback", "PollingWaitCallback", "ConfirmationCallback"]);
    assert!(fake.seen("Publish").is_empty());
}

#[test]
fn subjects_are_what_sns_takes_and_texts_what_was_meant() {
    let fake = Fake::start();
    let long = format!("\u{202e}  Grüße, {{{{user}}}}\u{7}: {}", "x".repeat(200));
    let server =
        setup(fake.port, GCM, APNS).with("PushAuthenticationSenderNode", "userMessage", json!({"en": long})).start();
    register(&server, "gcm", "token");
    let seen = fake.wait_for("Publish", 1).remove(0);
    let subject = &seen.parameters["Subject"];
    assert_eq!(*subject, format!("Gr??e, {USER}: {}", "x".repeat(99 - 9 - USER.len())));
    assert!(subject.len() < 100 && subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    assert_eq!(seen.published()["default"], format!("Grüße, {USER}: {}", "x".repeat(200)));
    assert_eq!(seen.parameters["MessageStructure"], "json");
    assert_eq!((seen.parameters["Action"].as_str(), seen.parameters["Version"].as_str()), ("Publish", "2010-03-31"));
    let created = fake.wait_for("CreatePlatformEndpoint", 1).remove(0);
    assert_eq!(
        (created.parameters["Token"].as_str(), created.parameters["PlatformApplicationArn"].as_str()),
        ("token", GCM)
    );
    assert_eq!(created.parameters["Attributes.entry.1.key"], "Enabled");
    assert_eq!(created.parameters["Attributes.entry.1.value"], "true");
    assert_eq!(created.parameters["Attributes.entry.2.key"], "Token");
    assert_eq!(created.parameters["Attributes.entry.2.value"], "token");
}

#[test]
fn a_phone_that_may_fetch_is_woken_although_its_push_goes_nowhere() {
    let fake = Fake::start();
    fake.always("CreatePlatformEndpoint", Reply::Silence);
    let server = setup(fake.port, GCM, APNS).configure(|settings| settings.push.pull_for_all = true).start();
    let step = server.at_qr_code();
    let phone = pushed_phone(&step, "gcm", "token");
    assert_eq!(phone.register(&server).status, 200);
    let codes = server.next(&step);
    std::thread::scope(|scope| {
        let held = scope.spawn(|| {
            let began = Instant::now();
            (phone.pull(&server, 30), began.elapsed())
        });
        // The pull must be there first, or it would find the message without being woken.
        std::thread::sleep(Duration::from_millis(500));
        let step = server.next(&codes);
        let (response, held_for) = held.join().unwrap();
        assert!(held_for < Duration::from_secs(10), "not woken: {held_for:?}");
        let message = phone.read_messages(&response.json()).remove(0);
        assert_eq!(phone.accept(&server, &message, &step).status, 200);
        server.finish(&step);
    });
}

#[test]
fn a_server_with_a_certificate_that_nobody_vouches_for_gets_no_request() {
    let mut process = python("tls.py").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
    let port: u16 = lines.next().expect("tls.py runs: see tests/run.sh for what it needs").parse().unwrap();
    let server = setup(port, GCM, APNS).with("PushAuthenticationSenderNode", "messageTimeout", json!(1500)).configure(
        |settings| {
            settings.push.sns.as_mut().unwrap().endpoint = Some(format!("https://127.0.0.1:{port}").parse().unwrap());
        },
    );
    let server = server.start();
    register(&server, "gcm", "token");
    wait_for("the failure", || (outcomes(&server, "push-delivery") == ["certificate-unknown-issuer"]).then_some(()));
    process.kill().unwrap();
    process.wait().unwrap();
    let rest: Vec<String> = lines.collect();
    assert!(!rest.is_empty() && rest.iter().all(|line| line.starts_with("refused")), "{rest:?}");
}
