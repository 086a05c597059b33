//! Denials of a sign-on as somebody else's, and what they end.

use push_authenticator::ports::SystemEntropy;
use push_authenticator::server::open_data;
use push_authenticator::server::store::{StoreError, devices};
use serde_json::json;

use crate::device_keys::{
    Key, REGISTRATION, SENDER, accept, answer_claims, deny, enrolled, last_audit, registered, scan_with, start_with,
};
use crate::harness::*;
use crate::receiver::Receiver;
use crate::webhook::start_with as start_with_webhook;
use crate::withheld::withheld;

/// What happened to a message before its owner reports that the sign-on was somebody else's.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Exited,
    Superseded,
    Expired,
    DeniedElsewhere,
}

/// Someone who knows the password must not escape by moving on to another step.
#[test]
fn it_was_not_me_counts_whatever_became_of_the_sign_on_since() {
    for fate in [Fate::Exited, Fate::Superseded, Fate::Expired, Fate::DeniedElsewhere] {
        let receiver = Receiver::start();
        let (server, phone, key) = start_with_webhook(&receiver);
        let step = server.after_password();
        let message = phone.only_message(&server);
        match fate {
            Fate::Exited => drop(server.next(&fill(&step, 2, json!(0)))),
            Fate::Superseded => drop(server.after_password()),
            Fate::Expired => server.clock.advance(125_000),
            // As if another phone of the user had answered.
            Fate::DeniedElsewhere => {
                let database = rusqlite::Connection::open(server.database_file()).unwrap();
                database.execute("UPDATE push_request SET state = 'denied' WHERE state = 'pending'", []).unwrap();
            }
        }
        let states = |server: &Server| server.text("SELECT group_concat(state) FROM push_request");
        let before = states(&server);
        for reason in [None, Some("mistake")] {
            assert_eq!(
                deny(&server, &phone, &key, &message, reason).status,
                400,
                "{fate:?}: too late for anything else"
            );
        }
        let mut claims = answer_claims(&server, &message, None);
        claims["reason"] = json!("not-me");
        let body = phone.answer_body(&message, json!({"deny": true, "proof": key.sign("answer", &claims)}));
        for _ in 0..2 {
            let answered = server.post_json(&phone.authentication_path, &body);
            assert_eq!((answered.status, answered.text().as_str()), (200, "{}"), "{fate:?}");
        }
        assert_eq!(server.count("user WHERE frozen_until IS NOT NULL"), 1, "{fate:?}");
        assert_eq!(server.count("denial"), 1, "{fate:?}");
        assert_eq!(server.count("audit WHERE event = 'push-answer' AND outcome = 'denied-not-me'"), 1, "{fate:?}");
        assert_eq!(last_audit(&server), "pushes-frozen success", "{fate:?}");
        let kinds: Vec<_> = receiver.wait_for(2).iter().map(|seen| seen.json()["type"].clone()).collect();
        assert_eq!(kinds, ["sign_on.not_me", "pushes.frozen"], "{fate:?}");
        // Settled messages stay settled; waiting ones end, including a newer one.
        assert_eq!(states(&server), before.replace("pending", "superseded"), "{fate:?}");
        assert!(withheld(&server.after_password()).contains("as not yours"), "{fate:?}");
    }
}

/// A denial captured earlier must not count on another day.
#[test]
fn it_was_not_me_has_an_end() {
    let server = start_with("required");
    let (phone, key) = enrolled(&server, "tee", "none");
    server.after_password();
    let message = phone.only_message(&server);
    server.clock.advance(25 * 3_600_000);
    server.runtime.block_on(server.app.sweep()).unwrap();
    assert_mute(&deny(&server, &phone, &key, &message, Some("not-me")));
    assert_eq!(server.count("user WHERE frozen_until IS NOT NULL"), 0);
}

/// The stranger has the password, and perhaps more: a recovery code, or an approval given by mistake.
#[test]
fn it_was_not_me_ends_what_is_past_the_password_and_nothing_else() {
    let setup = Setup::new().with(REGISTRATION, "deviceKey", json!("required"));
    let collector = node_id(&setup.journey, "RecoveryCodeCollectorDecisionNode");
    let server = setup.with(SENDER, "captureFailure", json!(true)).connect(SENDER, "FAILURE", &collector).start();
    let (step, key) = (server.at_qr_code(), Key::make());
    let phone = scan_with(&server, &step, &key, "tee", "none");
    assert_eq!(phone.register(&server).status, 200);
    let step = server.next(&step);
    let codes = recovery_codes(&step);
    let step = server.next(&step);
    assert_eq!(accept(&server, &phone, &key, &phone.only_message(&server), &step).status, 200);
    let token = server.finish(&step);

    let at_code = server.next(&fill(&server.after_password(), 2, json!(0)));
    let approved = server.after_password();
    assert_eq!(accept(&server, &phone, &key, &phone.only_message(&server), &approved).status, 200);
    let before_password = server.begin();
    let denied = server.after_password();
    server.clock.advance(1);
    assert_eq!(deny(&server, &phone, &key, &phone.only_message(&server), Some("not-me")).status, 200);
    server.clock.advance(1);

    for step in [fill(&at_code, 0, json!(codes[0])), approved, denied] {
        let message = server.fail(&step);
        assert!(message.contains("denied on your phone as not yours"), "{message}");
    }
    assert_eq!(server.count("session"), 1, "that of before goes on");
    assert_eq!(server.count("audit WHERE event = 'sign-on' AND outcome = 'failure'"), 3);
    let cookie = format!("{COOKIE}={token}");
    assert_eq!(server.request("GET", "/am/XUI/profile", &[("Cookie", &cookie)], b"").status, 200);
    // The owner starts over, or continues from a page where no password was entered yet.
    for step in [before_password, server.begin()] {
        let step = server.next(&fill_password(&step, USER, PASSWORD));
        assert_eq!(types(&step), types(&at_code));
    }
    let step = server.next(&fill_password(&server.begin(), USER, PASSWORD));
    server.finish(&fill(&step, 0, json!(codes[0])));
}

#[test]
fn after_it_was_not_me_the_password_alone_brings_in_no_phone() {
    let server = start_with("required");
    let (phone, key) = enrolled(&server, "tee", "none");
    server.after_password();
    assert_eq!(deny(&server, &phone, &key, &phone.only_message(&server), Some("not-me")).status, 200);
    // Now the user has no phone.
    let (_, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    let device = server.text("SELECT id FROM device");
    let removed: Result<bool, StoreError> = store.run_blocking(move |sql| devices::remove(sql, &device));
    assert!(removed.unwrap());
    let step = server.after_password();
    let message = server.fail(&fill(&step, 1, json!(0)));
    assert!(message.contains("with the password alone"), "{message}");
    assert_eq!(server.count("audit WHERE event = 'device-registered' AND outcome = 'frozen'"), 1);
    assert_eq!(server.count("registration WHERE accepted_body IS NULL"), 0);
}

/// Otherwise, anyone with the password could keep the owner from registering a phone, again and again.
#[test]
fn a_phone_that_was_only_just_added_stops_nothing() {
    for is_late in [false, true] {
        let server = start_with("required");
        let (phone, key, step) = registered(&server, "tee", "none");
        let message = phone.only_message(&server);
        server.clock.advance(if is_late { 125_000 } else { 1 });
        assert_eq!(deny(&server, &phone, &key, &message, Some("not-me")).status, 200);
        assert_eq!(server.count("audit WHERE event = 'push-answer' AND outcome = 'denied-not-me'"), 1);
        assert_eq!(server.count("device WHERE retired_at IS NULL"), 0, "it goes by it");
        assert_eq!(server.count("user WHERE frozen_until IS NOT NULL"), 0);
        assert_eq!(server.count("denial"), 0);
        if !is_late {
            server.fail(&step);
        }
        // The owner's own phone.
        enrolled(&server, "tee", "none");
    }
}

/// The phone got the message of another sign-on while it belonged to the user.
#[test]
fn a_phone_that_was_removed_answers_nothing_more() {
    let server = start_with("required");
    let (step, parallel) = (server.at_qr_code(), server.at_qr_code());
    let (key, others) = (Key::make(), Key::make());
    let phone = scan_with(&server, &step, &key, "tee", "none");
    assert_eq!(phone.register(&server).status, 200);
    let other = scan_with(&server, &parallel, &others, "tee", "none");
    assert_eq!(other.register(&server).status, 200);
    server.after_password();
    let of_another = phone.only_message(&server);
    server.next(&server.next(&step));
    let first = phone.only_message(&server);
    assert_ne!(first.id, of_another.id);
    let mut claims = answer_claims(&server, &first, None);
    claims["reason"] = json!("other");
    let body = phone.answer_body(&first, json!({"deny": true, "proof": key.sign("answer", &claims)}));
    assert_eq!(server.post_json(&phone.authentication_path, &body).status, 200);
    assert_eq!(server.count("device WHERE retired_at IS NULL"), 1);
    assert_mute(&deny(&server, &phone, &key, &of_another, Some("not-me")));
    assert_eq!(server.count("user WHERE frozen_until IS NOT NULL"), 0);
    assert_eq!(server.post_json(&phone.authentication_path, &body).status, 200, "the same again is answered alike");
}
