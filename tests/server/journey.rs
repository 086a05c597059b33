//! The shipped journey over REST, one connection after another.

use push_authenticator::ports::SystemEntropy;
use push_authenticator::server::open_data;
use push_authenticator::server::store::{StoreError, recovery};
use serde_json::{Value, json};

use crate::harness::*;

const SENDER: &str = "PushAuthenticationSenderNode";
const WAIT: &str = "PushWaitNode";
pub const SUCCESS: &str = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0";
const FAILURE: &str = "e301438c-0bd0-429c-ab0c-66126501069a";
const WAIT_TYPES: [&str; 3] = ["HiddenValueCallback", "PollingWaitCallback", "ConfirmationCallback"];

#[test]
fn the_first_page_asks_name_and_password() {
    let server = start();
    let step = server.begin();
    assert_eq!(types(&step), ["NameCallback", "PasswordCallback"]);
    assert_eq!(step["header"], "Sign In");
    assert_eq!(step["callbacks"][0]["input"], json!([{"name": "IDToken1", "value": ""}]));
    assert_eq!(step["callbacks"][1]["input"], json!([{"name": "IDToken2", "value": ""}]));
    assert_eq!(step["callbacks"][1]["_id"], 1);
}

#[test]
fn a_wrong_password_and_an_unknown_user_get_the_same_answer() {
    let server = start();
    let wrong = server.sign_on_as(USER, "wrong");
    let unknown = server.sign_on_as("nobody", PASSWORD);
    let empty = server.sign_on_as("", "");
    let long = server.sign_on_as(USER, &PASSWORD.repeat(100));
    assert_eq!(wrong.refused(401), "The user name or the password is wrong.");
    for other in [&unknown, &empty, &long] {
        assert_eq!((other.status, &other.body), (wrong.status, &wrong.body));
    }
    let names = |response: &Response| response.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&wrong), names(&unknown));
}

#[test]
fn a_user_without_a_phone_is_led_through_registration_to_the_push() {
    let server = start();
    let step = server.after_password();
    assert_eq!(types(&step), ["TextOutputCallback", "ConfirmationCallback"]);
    assert_eq!(output(&step, "TextOutputCallback", "messageType"), "0");
    let text = output(&step, "TextOutputCallback", "message").as_str().unwrap();
    assert!(text.contains("https://apps.apple.com/us/app/pingid/id891247102"), "{text}");
    assert!(text.contains("https://play.google.com/store/apps/details?id=prod.com.pingidentity.pingid"), "{text}");
    assert_eq!(output(&step, "ConfirmationCallback", "options"), &json!(["Continue"]));
    assert_eq!(step["callbacks"][1]["input"][0]["value"], 100);

    // Any post continues, even with the default unchanged.
    let step = server.next(&step);
    assert_eq!(
        types(&step),
        ["TextOutputCallback", "TextOutputCallback", "HiddenValueCallback", "PollingWaitCallback"]
    );
    assert_eq!(step["callbacks"][2]["input"][0], json!({"name": "IDToken3", "value": "mfaDeviceRegistration"}));
    let uri = output(&step, "HiddenValueCallback", "value").as_str().unwrap();
    assert!(uri.starts_with("pushauth://push/Ping:demo?"), "{uri}");
    assert!(output(&step, "PollingWaitCallback", "waitTime").is_string());

    let phone = Phone::scan(&step);
    assert_eq!(phone.register(&server).status, 200);
    let step = server.next(&step);
    let codes = recovery_codes(&step);
    assert_eq!(codes.len(), 10);
    assert_eq!(codes.iter().collect::<std::collections::BTreeSet<_>>().len(), 10, "all different");
    assert!(codes.iter().all(|code| code.len() >= 10));

    let step = server.next(&step);
    assert_eq!(types(&step), WAIT_TYPES);
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    let response = server.post(&step);
    assert_eq!(response.json()["realm"], "/alpha");
    assert!(response.json()["successUrl"].is_string());
    assert!(response.json()["tokenId"].as_str().unwrap().len() >= 40);
}

#[test]
fn the_push_carries_what_phones_read_and_the_number_shown_is_one_of_its_three() {
    let server = start();
    let phone = server.enrolled();
    let headers =
        [("User-Agent", "Browser 1"), ("Sec-CH-UA-Platform", "\"Linux\""), ("Content-Type", "application/json")];
    let first = server.request("POST", REST, &headers, b"").json();
    let body = fill_password(&first, USER, PASSWORD).to_string();
    let step = server.request("POST", REST, &headers, body.as_bytes()).json();
    assert_eq!(types(&step), WAIT_TYPES);
    let shown = number(&step);
    assert_eq!(
        output(&step, "PollingWaitCallback", "message"),
        &json!(format!("Tap the number [{shown}] on the Push Notification to continue."))
    );
    assert_eq!(output(&step, "PollingWaitCallback", "waitTime"), "5000");
    assert_eq!(output(&step, "ConfirmationCallback", "options"), &json!(["Exit"]));
    assert_eq!(step["callbacks"][0]["input"][0]["value"], "pushChallengeNumber");

    let message = phone.only_message(&server);
    assert!(message.id.starts_with("AUTHENTICATE:"), "{}", message.id);
    let claims = message.claims.as_object().unwrap();
    assert!(claims.values().all(Value::is_string), "numbers crash phones in the field: {claims:?}");
    assert_eq!(claims["k"], "challenge");
    assert_eq!(claims["t"], "120");
    assert_eq!(claims["i"], START.to_string());
    assert_eq!(claims["m"], "Login attempt from demo at Ping");
    assert_eq!(claims["d"], "demo");
    let numbers: Vec<&str> = claims["n"].as_str().unwrap().split(',').collect();
    assert_eq!(numbers.len(), 3);
    assert!(numbers.iter().all(|number| number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())));
    assert!(numbers[0] != numbers[1] && numbers[1] != numbers[2] && numbers[0] != numbers[2]);
    assert!(numbers.contains(&shown.as_str()));
    let context: Value = serde_json::from_str(claims["x"].as_str().unwrap()).unwrap();
    assert_eq!(context["remoteIp"], "127.0.0.1");
    assert_eq!(context["platform"], "Linux");
}

#[test]
fn a_second_sign_on_goes_straight_to_the_push() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    assert_eq!(types(&step), WAIT_TYPES);
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
}

#[test]
fn refusals_end_the_sign_on_each_with_its_own_text() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"deny": true})).status, 200);
    let denied = server.fail(&step);

    let step = server.after_password();
    let message = phone.only_message(&server);
    let tapped = wrong_number(&message, &step);
    assert_eq!(phone.answer(&server, &message, json!({"challengeResponse": tapped})).status, 400);
    let failed = server.fail(&step);
    assert_ne!(denied, failed);
}

#[test]
fn a_wait_without_an_answer_goes_through_the_verifier_and_waits_on() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let message = phone.only_message(&server);
    server.clock.advance(5000);
    let later = server.next(&step);
    assert_ne!(later["authId"], step["authId"], "a new step");
    assert_eq!(number(&later), number(&step), "the same push");
    assert_eq!(phone.only_message(&server), message, "no second push");
    assert_eq!(phone.accept(&server, &message, &later).status, 200);
    server.finish(&later);
}

#[test]
fn an_expired_push_is_sent_again_and_the_old_one_is_void() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let old = phone.only_message(&server);
    server.clock.advance(120_000);
    assert!(phone.messages(&server).is_empty(), "an expired message is not offered");
    let step = server.next(&step);
    assert_eq!(types(&step), WAIT_TYPES);
    let new = phone.only_message(&server);
    assert_ne!(new.id, old.id);
    assert_ne!(new.claims["c"], old.claims["c"]);
    assert_eq!(phone.accept(&server, &old, &step).status, 400);
    assert_eq!(phone.accept(&server, &new, &step).status, 200);
    server.finish(&step);
}

#[test]
fn the_sixth_message_of_a_sign_on_ends_it_as_a_failure() {
    let server = start();
    let _phone = server.enrolled();
    let mut step = server.after_password();
    for _ in 1..5 {
        server.clock.advance(120_000);
        step = server.next(&step);
    }
    server.clock.advance(120_000);
    assert!(server.fail(&step).contains("Too many messages"));
    assert_eq!(server.count("push_request WHERE created_at > 0"), 1 + 5);
}

#[test]
fn the_message_limit_is_a_failure_even_where_failures_are_captured() {
    let server = Setup::new()
        .with(SENDER, "captureFailure", json!(true))
        .connect(SENDER, "FAILURE", &node_id(&Setup::new().journey, "RecoveryCodeCollectorDecisionNode"))
        .configure(|configuration| configuration.sign_on.message_limit = 1)
        .start();
    let _phone = server.enrolled();
    let step = server.after_password();
    server.clock.advance(120_000);
    assert!(server.fail(&step).contains("Too many messages"));
}

/// Registers a phone and returns it with its recovery codes; its sign-on is denied, so that nothing has succeeded yet.
fn with_codes(server: &Server) -> (Phone, Vec<String>) {
    let step = server.at_qr_code();
    let phone = Phone::scan(&step);
    assert_eq!(phone.register(server).status, 200);
    let step = server.next(&step);
    let codes = recovery_codes(&step);
    let step = server.next(&step);
    let message = phone.only_message(server);
    assert_eq!(phone.accept(server, &message, &step).status, 200);
    server.finish(&step);
    (phone, codes)
}

/// Starts a new sign-on and leaves its wait step by *Exit*.
fn at_recovery(server: &Server) -> Value {
    let step = server.after_password();
    let step = server.next(&fill(&step, 2, json!(0)));
    assert_eq!(types(&step), ["NameCallback"]);
    assert_eq!(output(&step, "NameCallback", "prompt"), "Recovery Code");
    step
}

#[test]
fn exit_leads_to_the_recovery_code_which_works_once() {
    let server = start();
    let (phone, codes) = with_codes(&server);
    let step = at_recovery(&server);
    assert!(phone.messages(&server).is_empty(), "who left no longer waits for the push");
    server.finish(&fill(&step, 0, json!(codes[0])));
    let step = at_recovery(&server);
    let again = server.next(&fill(&step, 0, json!(codes[0])));
    assert_eq!(types(&again), ["NameCallback"], "a used code is a wrong one");
    // As a user copies it from paper: grouped, in lower case.
    let typed = format!("{}-{} {}", &codes[1][..3], &codes[1][3..6], &codes[1][6..]).to_lowercase();
    server.finish(&fill(&again, 0, json!(typed)));
    // Full-width letters, with the dash of a Japanese keyboard and one of a word processor.
    let wide: String = codes[2].chars().map(|letter| char::from_u32(u32::from(letter) + 0xFEE0).unwrap()).collect();
    let letters: Vec<char> = wide.chars().collect();
    let part = |range: std::ops::Range<usize>| letters[range].iter().collect::<String>();
    let typed = format!("\u{3000}{}\u{30fc}{}\u{2013}{}", part(0..5), part(5..10), part(10..letters.len()));
    server.finish(&fill(&at_recovery(&server), 0, json!(typed)));
}

#[test]
fn a_code_of_ten_letters_of_an_earlier_version_still_signs_in() {
    let server = start();
    let _phone = with_codes(&server);
    let (keys, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    let stored: Result<(), StoreError> = store.run_blocking(move |transaction| {
        recovery::replace(transaction, USER, &[keys.recovery_code_tag(USER, "ABCDEFGHJK")])
    });
    stored.unwrap();
    server.finish(&fill(&at_recovery(&server), 0, json!("abcde-fghjk")));
}

#[test]
fn recovery_codes_of_another_user_are_worth_nothing() {
    let server = start();
    let (_phone, codes) = with_codes(&server);
    server.add_user("other", PASSWORD, None);
    let other = server.sign_on_as("other", PASSWORD).json();
    let step = server.next(&other);
    let phone = Phone::scan(&step);
    assert_eq!(phone.register(&server).status, 200);
    let step = server.next(&server.next(&step));
    let step = server.next(&fill(&step, 2, json!(0)));
    assert_eq!(types(&server.next(&fill(&step, 0, json!(codes[0])))), ["NameCallback"]);
}

#[test]
fn four_wrong_codes_are_refused_and_the_count_stays_with_the_user_until_a_success() {
    let server = start();
    let (phone, codes) = with_codes(&server);
    let mut step = at_recovery(&server);
    for _ in 0..3 {
        step = server.next(&fill(&step, 0, json!("WRONGCODE1")));
        assert_eq!(types(&step), ["NameCallback"]);
    }
    assert!(server.fail(&fill(&step, 0, json!("WRONGCODE1"))).contains("Too many"));
    assert_eq!(server.text("SELECT CAST(count AS TEXT) FROM retry"), "3");

    // A new sign-on does not reset the count.
    let step = at_recovery(&server);
    server.fail(&fill(&step, 0, json!("WRONGCODE1")));

    // A success by another factor does.
    let step = server.after_password();
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
    assert_eq!(server.count("retry"), 0);
    let step = at_recovery(&server);
    let step = server.next(&fill(&step, 0, json!("WRONGCODE1")));
    server.finish(&fill(&step, 0, json!(codes[0])));
    assert_eq!(server.count("retry"), 0);
}

#[test]
fn a_retry_count_of_the_sign_on_alone_is_not_stored() {
    let server = Setup::new().with("RetryLimitDecisionNode", "incrementUserAttributeOnFailure", json!(false)).start();
    with_codes(&server);
    for _ in 0..2 {
        let mut step = at_recovery(&server);
        for _ in 0..3 {
            step = server.next(&fill(&step, 0, json!("WRONGCODE1")));
        }
        server.fail(&fill(&step, 0, json!("WRONGCODE1")));
    }
    assert_eq!(server.count("retry"), 0);
}

#[test]
fn an_answer_that_is_already_there_goes_before_exit() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&fill(&step, 2, json!(0)));
}

#[test]
fn exit_is_heard_after_the_push_expired() {
    let server = start();
    let _phone = server.enrolled();
    let step = server.after_password();
    server.clock.advance(120_000);
    let step = server.next(&fill(&step, 2, json!(0)));
    assert_eq!(types(&step), ["NameCallback"], "the person wanted out, not another push");
}

#[test]
fn exit_is_read_as_a_number_and_as_its_digits_and_nothing_else_is_exit() {
    let server = start();
    let _phone = server.enrolled();
    for (value, exits) in [
        (json!(0), true),
        (json!("0"), true),
        (json!(100), false),
        (json!(1), false),
        (json!(""), false),
        (json!(null), false),
        (json!(false), false),
    ] {
        let step = server.after_password();
        let next = server.next(&fill(&step, 2, value.clone()));
        assert_eq!(types(&next) == ["NameCallback"], exits, "{value}");
    }
}

#[test]
fn a_registration_that_times_out_leads_back_to_the_app_and_its_code_is_void() {
    let server = start();
    let step = server.at_qr_code();
    let phone = Phone::scan(&step);
    server.clock.advance(60_000);
    let step = server.next(&step);
    assert_eq!(types(&step), ["TextOutputCallback", "ConfirmationCallback"], "Get Authenticator App");
    assert_eq!(phone.register(&server).status, 400);
    assert_eq!(server.count("device"), 0);
    let step = server.next(&step);
    let second = Phone::scan(&step);
    assert_ne!(second.secret, phone.secret);
    assert_ne!(second.message_id, phone.message_id);
    assert_eq!(second.register(&server).status, 200);
    recovery_codes(&server.next(&step));
}

#[test]
fn a_phone_that_registered_in_time_counts_although_the_browser_comes_late() {
    let server = start();
    let step = server.at_qr_code();
    assert_eq!(Phone::scan(&step).register(&server).status, 200);
    server.clock.advance(61_000);
    server.runtime.block_on(server.app.sweep()).unwrap();
    assert_eq!(recovery_codes(&server.next(&step)).len(), 10);
}

#[test]
fn a_registration_that_was_taken_away_is_a_failure() {
    let server = start();
    let step = server.at_qr_code();
    let writer = rusqlite::Connection::open(server.database_file()).unwrap();
    writer.execute("DELETE FROM registration", []).unwrap();
    server.fail(&step);
}

#[test]
fn early_polls_show_the_same_qr_code() {
    let server = start();
    let step = server.at_qr_code();
    server.clock.advance(58_000);
    let again = server.next(&step);
    assert_eq!(again["authId"], step["authId"]);
    assert_eq!(output(&again, "HiddenValueCallback", "value"), output(&step, "HiddenValueCallback", "value"));
    assert_eq!(output(&again, "PollingWaitCallback", "waitTime"), "2000");
}

#[test]
fn without_recovery_codes_there_is_nothing_to_display() {
    let server = Setup::new().with("PushRegistrationNode", "generateRecoveryCodes", json!(false)).start();
    let step = server.at_qr_code();
    assert_eq!(Phone::scan(&step).register(&server).status, 200);
    assert_eq!(types(&server.next(&step)), WAIT_TYPES);
}

#[test]
fn tap_and_biometric_pushes_have_no_number() {
    for (push_type, wire_name) in [("DEFAULT", "default"), ("BIOMETRIC", "biometric")] {
        let server = Setup::new().with(SENDER, "pushType", json!(push_type)).start();
        let (phone, step) = server.registered();
        assert_eq!(types(&step), ["PollingWaitCallback", "ConfirmationCallback"]);
        assert_eq!(output(&step, "PollingWaitCallback", "message"), "Waiting for response...");
        let message = phone.only_message(&server);
        assert_eq!(message.claims["k"], wire_name);
        assert!(message.claims.get("n").is_none());
        assert_eq!(phone.answer(&server, &message, json!({})).status, 200);
        server.finish(&step);

        // Without a number, *Exit* is the second callback.
        let step = server.after_password();
        assert_eq!(types(&server.next(&fill(&step, 1, json!(0)))), ["NameCallback"]);

        let step = server.after_password();
        let message = phone.only_message(&server);
        assert_eq!(phone.answer(&server, &message, json!({"deny": true})).status, 200);
        server.fail(&step);
    }
}

#[test]
fn a_push_that_is_not_mandatory_may_be_skipped() {
    let server = Setup::new().with(SENDER, "mandatory", json!(false)).connect(SENDER, "SKIPPED", SUCCESS).start();
    let step = server.at_qr_code();
    let phone = Phone::scan(&step);
    assert_eq!(phone.register(&server).status, 200);
    let asked = server.next(&server.next(&step));
    assert_eq!(types(&asked), ["ConfirmationCallback"]);
    assert_eq!(output(&asked, "ConfirmationCallback", "options"), &json!(["Send", "Skip"]));
    assert!(phone.messages(&server).is_empty(), "nothing is sent before the choice");
    let sent = server.next(&fill(&asked, 0, json!(0)));
    assert_eq!(types(&sent), WAIT_TYPES);
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &sent).status, 200);
    server.finish(&sent);

    let asked = server.after_password();
    server.finish(&fill(&asked, 0, json!(1)));
    assert!(phone.messages(&server).is_empty());

    let asked = server.after_password();
    assert_eq!(types(&server.next(&asked)), WAIT_TYPES, "the untouched default sends");
}

#[test]
fn custom_payload_names_what_of_the_shared_state_goes_along() {
    let server = Setup::new().with(SENDER, "customPayload", json!(["user", "password", "no such key"])).start();
    let (phone, _) = server.registered();
    let payload = phone.only_message(&server).claims["p"].clone();
    assert_eq!(serde_json::from_str::<Value>(payload.as_str().unwrap()).unwrap(), json!({"user": "demo"}));
}

#[test]
fn a_failure_to_send_ends_the_sign_on_or_leaves_by_its_outcome_where_it_is_captured() {
    // With a wrong password nobody is signed in, so the sender cannot send.
    let sender = node_id(&Setup::new().journey, SENDER);
    let base = || Setup::new().connect("DataStoreDecisionNode", "false", &sender);
    let server = base().start();
    assert!(server.sign_on_as(USER, "wrong").refused(401).contains("no push can be sent"));
    let app = node_id(&Setup::new().journey, "GetAuthenticatorAppNode");
    let server = base().with(SENDER, "captureFailure", json!(true)).connect(SENDER, "FAILURE", &app).start();
    let step = server.sign_on_as(USER, "wrong").json();
    assert_eq!(types(&step), ["TextOutputCallback", "ConfirmationCallback"]);
    assert!(server.fail(&step).contains("Nobody is signed on"), "nor is a phone registered");
    assert_eq!(server.count("registration"), 0);
}

#[test]
fn a_newer_sign_on_takes_the_older_ones_place_which_fails_with_its_own_text() {
    let server = start();
    let phone = server.enrolled();
    let older = server.after_password();
    let old_message = phone.only_message(&server);
    let newer = server.after_password();
    let new_message = phone.only_message(&server);
    assert_ne!(old_message.id, new_message.id, "one live message a user");
    assert_eq!(phone.accept(&server, &old_message, &older).status, 400);
    // Even if the older one has expired, too: two browsers must not keep displacing each other.
    server.clock.advance(60_000);
    assert_eq!(phone.accept(&server, &new_message, &newer).status, 200);
    server.clock.advance(70_000);
    let text = server.fail(&older);
    assert!(text.contains("newer sign-on"), "{text}");
    server.finish(&newer);
}

#[test]
fn sign_ons_of_other_users_do_not_disturb() {
    let server = start();
    let phone = server.enrolled();
    server.add_user("other", PASSWORD, None);
    let step = server.after_password();
    let other = server.sign_on_as("other", PASSWORD).json();
    server.next(&other);
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
}

#[test]
fn every_device_gets_the_same_numbers_under_its_own_challenge_and_the_first_answer_settles_all() {
    let server = start();
    let (first, second) = server.two_phones();
    let step = server.after_password();
    assert_eq!(types(&step), WAIT_TYPES);
    let (one, two) = (first.only_message(&server), second.only_message(&server));
    assert_eq!(one.claims["n"], two.claims["n"]);
    assert_ne!(one.claims["c"], two.claims["c"]);
    assert_ne!(one.id, two.id);
    assert_eq!(second.answer(&server, &two, json!({"deny": true})).status, 200);
    assert!(first.messages(&server).is_empty());
    assert_eq!(first.accept(&server, &one, &step).status, 400, "settled is settled");
    server.fail(&step);

    let step = server.after_password();
    let (one, two) = (first.only_message(&server), second.only_message(&server));
    assert_eq!(first.accept(&server, &one, &step).status, 200);
    assert_eq!(second.answer(&server, &two, json!({"deny": true})).status, 400);
    server.finish(&step);
}

#[test]
fn texts_are_chosen_by_the_browsers_languages() {
    let server = Setup::new()
        .with(WAIT, "exitMessage", json!({"en": "Leave", "de": "Abbrechen", "fr_CA": "Sortir"}))
        .with(WAIT, "challengeMessage", json!({"de": "Nummer {{challenge}}, noch {{time}} s"}))
        .with(SENDER, "userMessage", json!({"en": "{{user}} wants in at {{issuer}}", "de": "{{user}} bei {{issuer}}"}))
        .start();
    let phone = server.enrolled();
    let ask = |language: &str| {
        let headers = [("Accept-Language", language), ("Content-Type", "application/json")];
        let first = server.request("POST", REST, &headers, b"").json();
        let body = fill_password(&first, USER, PASSWORD).to_string();
        server.request("POST", REST, &headers, body.as_bytes()).json()
    };
    for (language, exit, message) in [
        ("de-CH, en;q=0.5", "Abbrechen", "demo bei Ping"),
        ("fr, de;q=0.9", "Sortir", "demo bei Ping"),
        ("it", "Leave", "demo wants in at Ping"),
        ("en;q=0.1, de;q=0.2", "Abbrechen", "demo bei Ping"),
        ("!!, ;;;q=x, de;q=abc", "Leave", "demo wants in at Ping"),
    ] {
        let step = ask(language);
        assert_eq!(output(&step, "ConfirmationCallback", "options"), &json!([exit]), "{language}");
        assert_eq!(phone.only_message(&server).claims["m"], message, "{language}");
        let text = output(&step, "PollingWaitCallback", "message").as_str().unwrap();
        assert_eq!(text, format!("Nummer {}, noch 5 s", number(&step)));
    }
}

#[test]
fn an_unconnected_outcome_is_a_failure() {
    let mut setup = Setup::new();
    let id = node_id(&setup.journey, SENDER);
    let name = push_authenticator::server::journey::SHIPPED_NAME;
    let connections = setup.journey["trees"][name]["tree"]["nodes"][&id]["connections"].as_object_mut().unwrap();
    connections.remove("NOT_REGISTERED");
    let server = setup.start();
    assert_eq!(server.sign_on_as(USER, PASSWORD).refused(401), "Sign-on failed.");
}

#[test]
fn success_without_a_known_user_is_none() {
    let setup = Setup::new().connect("DataStoreDecisionNode", "false", SUCCESS);
    let server = setup.start();
    assert_eq!(server.sign_on_as(USER, "wrong").status, 401);
    assert_eq!(server.count("session"), 0);
}

#[test]
fn not_registered_may_lead_to_failure() {
    let server = Setup::new().connect(SENDER, "NOT_REGISTERED", FAILURE).start();
    assert_eq!(server.sign_on_as(USER, PASSWORD).refused(401), "Sign-on failed.");
}

#[test]
fn a_user_who_is_removed_in_the_middle_does_not_sign_on() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let message = phone.only_message(&server);
    let writer = rusqlite::Connection::open(server.database_file()).unwrap();
    writer.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM user").unwrap();
    assert_mute(&phone.accept(&server, &message, &step));
    server.stale(&step);
    assert_eq!(server.count("session"), 0);
}

#[test]
fn what_else_the_phone_sent_lands_in_shared_state() {
    let sender = node_id(&serde_json::from_str(push_authenticator::server::journey::SHIPPED).unwrap(), SENDER);
    let server = Setup::new()
        .with(SENDER, "customPayload", json!(["user", "pushContent"]))
        .connect("PushResultVerifierNode", "TRUE", &sender)
        .start();
    let (phone, step) = server.registered();
    let message = phone.only_message(&server);
    let payload = |message: &Message| serde_json::from_str::<Value>(message.claims["p"].as_str().unwrap()).unwrap();
    assert_eq!(payload(&message), json!({"user": "demo", "pushContent": null}));
    let more = json!({"challengeResponse": number(&step), "screen": {"locked": false}});
    assert_eq!(phone.answer(&server, &message, more).status, 200);
    let step = server.next(&step);
    let message = phone.only_message(&server);
    assert_eq!(payload(&message), json!({"user": "demo", "pushContent": {"screen": {"locked": false}}}));
    // Data beyond the limit is dropped, and the answer still approves.
    let more = json!({"challengeResponse": number(&step), "large": "x".repeat(4000)});
    assert_eq!(phone.answer(&server, &message, more).status, 200);
    let step = server.next(&step);
    assert_eq!(
        payload(&phone.only_message(&server)),
        json!({"user": "demo", "pushContent": {"screen": {"locked": false}}})
    );
    assert!(!number(&step).is_empty());
}

#[test]
fn another_user_of_the_same_name_does_not_inherit_a_sign_on() {
    let server = start();
    let step = server.at_qr_code();
    let writer = rusqlite::Connection::open(server.database_file()).unwrap();
    writer.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM user").unwrap();
    let added = "INSERT INTO user (name, password_hash, created_at) VALUES ('demo', 'x', ?1)";
    writer.execute(added, [START + 1]).unwrap();
    server.stale(&step);
    assert_mute(&Phone::scan(&step).register(&server));
}

#[test]
fn the_users_name_is_compared_without_case_and_stored_as_it_was_added() {
    let server = start();
    let step = server.sign_on_as("DEMO", PASSWORD).json();
    server.next(&step);
    assert_eq!(server.text("SELECT user FROM registration"), "demo");
}
