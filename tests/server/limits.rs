//! Limits that keep users from being worn down by pushes, and new phones from being trusted too early.

use serde_json::{Value, json};

use crate::harness::*;
use crate::withheld::withheld;

const SENDER: &str = "PushAuthenticationSenderNode";
const MINUTE: i64 = 60_000;

/// Starts a sign-on, takes it as far as the push, and leaves it there.
fn send(server: &Server) -> Value {
    let step = server.after_password();
    assert_eq!(step["callbacks"][0]["type"], "HiddenValueCallback", "{step}");
    step
}

#[test]
fn strangers_browsers_get_eight_of_ten_messages_in_ten_minutes_and_no_more() {
    let server = start();
    let _phone = server.enrolled();
    for _ in 0..7 {
        send(&server);
    }
    let message = withheld(&server.after_password());
    assert!(message.contains("Too many"), "{message}");
    assert_eq!(server.count("push_request"), 8, "nothing was sent");
    assert_eq!(server.count("audit WHERE event = 'push-sent' AND outcome = 'over-budget' AND user = 'demo'"), 1);
    server.clock.advance(10 * MINUTE);
    send(&server);
}

#[test]
fn the_budget_is_a_setting_and_counts_each_user_apart() {
    let server = Setup::new().configure(|settings| settings.push.budget = 2).start();
    let _phone = server.enrolled();
    send(&server);
    withheld(&server.after_password());
    server.add_user("other", PASSWORD, None);
    assert_eq!(server.sign_on_as("other", PASSWORD).status, 200);
}

#[test]
fn a_live_request_stays_alive_when_the_budget_refuses_the_next() {
    let server = Setup::new().configure(|settings| settings.push.budget = 2).start();
    let phone = server.enrolled();
    let step = send(&server);
    withheld(&server.after_password());
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
}

#[test]
fn over_budget_leaves_by_failure_where_the_node_captures_failures() {
    let journey: Value = serde_json::from_str(push_authenticator::server::journey::SHIPPED).unwrap();
    let app = node_id(&journey, "GetAuthenticatorAppNode");
    let server = Setup::new()
        .with(SENDER, "captureFailure", json!(true))
        .connect(SENDER, "FAILURE", &app)
        .configure(|settings| settings.push.budget = 1)
        .start();
    let _phone = server.enrolled();
    let step = server.after_password();
    assert_eq!(types(&step), ["TextOutputCallback", "ConfirmationCallback"]);
}

#[test]
fn three_refusals_stop_further_messages_for_ten_minutes() {
    let server = start();
    let phone = server.enrolled();
    for round in 0..3 {
        let step = send(&server);
        let message = phone.only_message(&server);
        if round == 1 {
            let wrong = wrong_number(&message, &step);
            assert_eq!(phone.answer(&server, &message, json!({"challengeResponse": wrong})).status, 400);
        } else {
            assert_eq!(phone.answer(&server, &message, json!({"deny": true})).status, 200);
        }
        server.fail(&step);
        server.clock.advance(MINUTE);
    }
    let message = withheld(&server.after_password());
    assert!(message.contains("denied on your phone"), "{message}");
    assert!(message.contains("until 00:10 UTC, in about 7 minutes"), "{message}");
    // Ten minutes after the first of the three, which was three minutes ago.
    server.clock.advance(7 * MINUTE);
    send(&server);
}

#[test]
fn a_new_phone_that_refuses_its_first_message_is_not_registered_any_more() {
    let server = start();
    for wrong in [false, true] {
        let (phone, step) = server.registered();
        assert_eq!(server.count("device WHERE provisional_journey IS NOT NULL AND retired_at IS NULL"), 1);
        let message = phone.only_message(&server);
        let (answer, status) = if wrong {
            (json!({"challengeResponse": wrong_number(&message, &step)}), 400)
        } else {
            (json!({"deny": true}), 200)
        };
        let body = phone.answer_body(&message, answer);
        assert_eq!(server.post_json(&phone.authentication_path, &body).status, status);
        // The same body again gets the same answer, although the phone is as good as removed.
        assert_eq!(server.post_json(&phone.authentication_path, &body).status, status);
        server.fail(&step);
        assert_mute(&phone.pull(&server, 0));
        // The next sign-on asks for a phone again.
        assert_eq!(types(&server.after_password()), ["TextOutputCallback", "ConfirmationCallback"]);
    }
}

#[test]
fn a_new_phone_that_refuses_a_strangers_sign_on_stays() {
    let server = start();
    let (phone, _) = server.registered();
    let stranger = send(&server);
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"deny": true})).status, 200);
    server.fail(&stranger);
    send(&server);
    assert_eq!(server.count("device WHERE retired_at IS NULL"), 1);
}

#[test]
fn a_phone_that_approved_once_stays_when_it_refuses() {
    let server = start();
    let phone = server.enrolled();
    assert_eq!(server.count("device WHERE provisional_journey IS NULL"), 1);
    let step = send(&server);
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"deny": true})).status, 200);
    server.fail(&step);
    send(&server);
}

#[test]
fn an_unconfirmed_phone_is_not_asked_where_there_is_a_confirmed_one() {
    let server = start();
    // Both QR codes were scanned; only the first phone approves its sign-on.
    let (first_step, second_step) = (server.at_qr_code(), server.at_qr_code());
    let (first, second) = (Phone::scan(&first_step), Phone::scan(&second_step));
    assert_eq!(first.register(&server).status, 200);
    assert_eq!(second.register(&server).status, 200);
    let step = server.next(&server.next(&first_step));
    let message = first.only_message(&server);
    assert_eq!(first.accept(&server, &message, &step).status, 200);
    server.finish(&step);

    send(&server);
    assert_eq!(first.messages(&server).len(), 1);
    assert!(second.messages(&server).is_empty());
    // Nor does its own sign-on continue: with the password alone, no second phone is added.
    let refused = server.fail(&second_step);
    assert_eq!(refused, "This account has a phone. Sign on with it; it can add further ones.");
    assert_mute(&second.pull(&server, 0));
    assert_eq!(server.count("audit WHERE outcome = 'has-a-phone' AND device IS NOT NULL"), 1);
    send(&server);
    assert_eq!(first.messages(&server).len(), 1);
}

#[test]
fn a_sign_on_that_waited_since_before_the_first_phone_adds_no_second_one() {
    let server = start();
    let parked = server.after_password();
    server.enrolled();
    let refused = server.fail(&fill(&parked, 1, json!(0)));
    assert_eq!(refused, "This account has a phone. Sign on with it; it can add further ones.");
    assert_eq!(server.count("registration WHERE accepted_body IS NULL"), 0);
}

#[test]
fn what_happens_is_written_down_and_swept_in_the_end() {
    let server = start();
    // Text entered as a name may be a password, so the server stores users' names only.
    server.sign_on_as(USER, "wrong").refused(401);
    server.sign_on_as(PASSWORD, "").refused(401);
    let phone = server.enrolled();
    let events = |event: &str| -> Vec<String> {
        let database = server.database();
        let mut statement = database
            .prepare(
                "SELECT outcome || ' ' || coalesce(user, '-') || ' ' || coalesce(address, '-') FROM audit
                      WHERE event = ?1 ORDER BY sequence",
            )
            .unwrap();
        statement.query_map([event], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let wrong = ["wrong-password demo 127.0.0.1", "wrong-password - 127.0.0.1"];
    assert_eq!(events("sign-on"), [&wrong[..], &["success demo 127.0.0.1"]].concat());
    assert_eq!(events("device-registered"), ["success demo -"]);
    assert_eq!(events("push-answer"), ["approved demo -"]);
    let step = send(&server);
    let asked = server.next(&fill(&step, 2, json!(0)));
    server.next(&fill(&asked, 0, json!("WRONGCODE0")));
    assert_eq!(events("recovery-code"), ["failure demo 127.0.0.1"]);
    let step = send(&server);
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"deny": true})).status, 200);
    server.fail(&step);
    assert_eq!(events("sign-on")[2..], ["success demo 127.0.0.1", "failure demo 127.0.0.1"]);
    assert_eq!(events("push-answer"), ["approved demo -", "denied demo -"]);
    let secret = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &phone.secret);
    assert_eq!(server.count(&format!("audit WHERE outcome LIKE '%{secret}%' OR user LIKE '%{PASSWORD}%'")), 0);

    server.clock.advance(366 * 24 * 60 * MINUTE);
    server.runtime.block_on(server.app.sweep()).unwrap();
    // What remains is the sign-on that nobody finished, logged when it expired.
    assert_eq!(events("sign-on"), ["expired demo 127.0.0.1"]);
    assert_eq!(server.count("audit"), 1);
}
