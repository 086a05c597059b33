//! How often anyone may guess, and what a locked account can do.

use std::sync::Barrier;

use serde_json::{Value, json};

use push_authenticator::server::journey::SHIPPED_NAME;

use crate::harness::*;

const MINUTE: i64 = 60_000;
const RETRY_LIMIT: &str = include_str!("../vectors/journeys/frodo-cli_RetryLimit.journey.json");

#[test]
fn passwords_of_a_name_are_limited_alike_whether_there_is_such_a_user_or_not() {
    let server = Setup::new().configure(|settings| settings.sign_on.attempts_per_user = 3).start();
    for name in [USER, "nobody"] {
        for _ in 0..3 {
            assert_eq!(server.sign_on_as(name, "wrong").refused(401), "The user name or the password is wrong.");
        }
    }
    // A change of case does not make another name, and the right password comes too late.
    let known = server.sign_on_as("DEMO", PASSWORD);
    let unknown = server.sign_on_as("nobody", PASSWORD);
    assert_eq!(known.refused(429), "Too many sign-ons were tried. Wait 10 minutes, then start again.");
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    assert_eq!(server.sign_on_as(USER, PASSWORD).status, 429);
    let noted = "event = 'sign-on' AND outcome = 'too-many-attempts'";
    assert_eq!(server.audited(noted), 3);
    assert_eq!(server.audited(&format!("{noted} AND user IS NULL")), 1, "what is no user's name may be a password");
    server.clock.advance(10 * MINUTE);
    server.after_password();
}

#[test]
fn right_passwords_do_not_count() {
    let server = Setup::new()
        .configure(|settings| (settings.sign_on.attempts_per_user, settings.sign_on.attempts_per_address) = (2, 3))
        .start();
    for _ in 0..4 {
        server.after_password();
    }
    assert_eq!(server.sign_on_as(USER, "wrong").status, 401);
    server.after_password();
    // The right password canceled the wrong one before it, but not the tries of others at this address.
    assert_eq!(server.sign_on_as(USER, "wrong").status, 401);
    assert_eq!(server.sign_on_as("other", "wrong").status, 401);
    assert_eq!(server.sign_on_as(USER, PASSWORD).status, 429);
}

#[test]
fn passwords_from_an_address_are_limited_over_all_names() {
    let server = Setup::new().configure(|settings| settings.sign_on.attempts_per_address = 3).start();
    for name in ["one", "two", "three"] {
        assert_eq!(server.sign_on_as(name, "wrong").status, 401);
    }
    assert_eq!(server.sign_on_as("four", "wrong").status, 429);
    assert_eq!(server.audited("outcome = 'too-many-attempts' AND address = '127.0.0.1'"), 1);
    // The same on the page, with a way back.
    let page = server.get("/am/XUI/?realm=/alpha").text();
    let auth_id = page.split("name=\"authId\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let form = [("authId", auth_id.as_str()), ("IDToken1", USER), ("IDToken2", PASSWORD)];
    let refused = server.post_form("/am/XUI/?realm=/alpha", &[], &form);
    assert_eq!(refused.status, 429);
    assert!(
        refused.text().contains("Too many sign-ons were tried in 10 minutes.")
            && refused.text().contains("Start again")
    );
    server.clock.advance(10 * MINUTE);
    server.after_password();
}

#[test]
fn more_sign_ons_than_may_wait_for_the_password_check_are_turned_away() {
    // Passwords being checked count as tries until they turn out to be right.
    let server = Setup::new()
        .configure(|settings| (settings.sign_on.password_queue, settings.sign_on.attempts_per_user) = (1, 100))
        .start();
    let steps: Vec<Value> = (0..12).map(|_| fill_password(&server.begin(), USER, PASSWORD)).collect();
    let together = Barrier::new(steps.len());
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let posts: Vec<_> = steps
            .iter()
            .map(|step| {
                scope.spawn(|| {
                    together.wait();
                    server.post(step).status
                })
            })
            .collect();
        posts.into_iter().map(|post| post.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| matches!(status, 200 | 503)), "{statuses:?}");
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    let busy = statuses.iter().filter(|status| **status == 503).count() as i64;
    assert_eq!(server.audited("event = 'request' AND outcome = 'too-busy' AND address = '127.0.0.1'"), busy);
    // The 503 to a health probe does not count as a rejected HTTP request.
    server.app.begin_to_stop();
    server.clock.advance(10 * MINUTE);
    server.get("/am/json/health/ready").refused(503);
    assert_eq!(server.audited("outcome = 'too-busy'"), busy);
}

#[test]
fn a_locked_accounts_password_counts_like_a_wrong_one() {
    let server = Setup::new().configure(|settings| settings.sign_on.attempts_per_user = 3).start();
    server.lock_user(USER, true);
    for _ in 0..3 {
        assert_eq!(server.sign_on_as(USER, PASSWORD).status, 401);
    }
    assert_eq!(server.sign_on_as(USER, PASSWORD).status, 429);
}

#[test]
fn recovery_codes_of_a_user_are_limited_over_all_sign_ons() {
    let server = Setup::new().configure(|settings| settings.sign_on.recovery_code_attempts = 3).start();
    let step = server.next(&server.at_qr_code_and_registered());
    let codes = recovery_codes(&step);
    let collector = || {
        let wait = server.after_password();
        server.next(&fill(&wait, 2, json!(0)))
    };
    let mut step = collector();
    for _ in 0..2 {
        step = server.next(&fill(&step, 0, json!("WRONGCODE1")));
    }
    // Another sign-on does not reset the count.
    let step = server.next(&fill(&collector(), 0, json!("WRONGCODE1")));
    let refused = server.fail(&fill(&step, 0, json!(codes[0])));
    assert_eq!(refused, "Too many recovery codes were tried. Wait a while, then start again.");
    assert_eq!(server.audited("event = 'recovery-code' AND outcome = 'too-many-attempts'"), 1);
    server.clock.advance(10 * MINUTE);
    server.finish(&fill(&collector(), 0, json!(codes[0])));
}

/// Returns a server that has the real export beside the shipped journey, and the address of that export.
fn with_retry_limit() -> (Server, String) {
    let server = Setup { further_files: vec![("retry.json", RETRY_LIMIT.to_owned())], ..Setup::new() }.start();
    (server, format!("{REST}?authIndexType=service&authIndexValue=RetryLimit"))
}

#[test]
fn an_exported_journey_locks_the_account_after_too_many_passwords() {
    let (server, journey) = with_retry_limit();
    let post = |step: &Value| server.post_json(&journey, step);
    let mut step = server.post_bytes(&journey, b"").json();
    for round in 0..4 {
        step = post(&fill(&step, 0, json!(USER))).json();
        assert_eq!(types(&step), ["PasswordCallback"]);
        let answer = post(&fill(&step, 0, json!("wrong")));
        assert_eq!(answer.status, if round == 3 { 401 } else { 200 }, "{}", answer.text());
        step = answer.json();
    }
    assert_eq!(server.count("user WHERE locked_at IS NOT NULL"), 1);
    assert_eq!(server.count("audit WHERE event = 'user-locked' AND user = 'demo' AND address = '127.0.0.1'"), 1);
    // The server rejects the right password like a wrong one, so nobody learns that it is right.
    assert_eq!(server.sign_on_as(USER, PASSWORD).refused(401), "The user name or the password is wrong.");
}

#[test]
fn a_lock_ends_sessions_and_what_is_under_way() {
    let (server, _) = with_retry_limit();
    let phone = server.enrolled();
    assert_eq!(server.count("session"), 1);
    let step = server.after_password();
    let message = phone.only_message(&server);
    server.lock_user(USER, true);
    assert_eq!(server.count("session"), 0);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    assert_eq!(server.fail(&step), "This account is locked. Ask whoever runs this service.");
    server.lock_user(USER, false);
    server.after_password();
}

/// The shipped journey with another node that checks the password.
fn with_identity_store_decision() -> Setup {
    let mut setup = Setup::new();
    let id = node_id(&setup.journey, "DataStoreDecisionNode");
    let sender = node_id(&setup.journey, "PushAuthenticationSenderNode");
    let app = node_id(&setup.journey, "GetAuthenticatorAppNode");
    let tree = &mut setup.journey["trees"][SHIPPED_NAME];
    tree["nodes"][&id]["_type"]["_id"] = json!("IdentityStoreDecisionNode");
    tree["tree"]["nodes"][&id]["nodeType"] = json!("IdentityStoreDecisionNode");
    let failure = "e301438c-0bd0-429c-ab0c-66126501069a";
    tree["tree"]["nodes"][&id]["connections"] =
        json!({"TRUE": sender, "FALSE": failure, "LOCKED": app, "CANCELLED": failure, "EXPIRED": failure});
    setup
}

#[test]
fn the_identity_store_decision_tells_a_locked_account_to_who_knows_its_password() {
    let server = with_identity_store_decision().start();
    server.after_password();
    assert_eq!(server.sign_on_as(USER, "wrong").refused(401), "The user name or the password is wrong.");
    server.lock_user(USER, true);
    assert_eq!(server.sign_on_as(USER, "wrong").refused(401), "The user name or the password is wrong.");
    let step = server.after_password();
    assert_eq!(types(&step), ["TextOutputCallback", "ConfirmationCallback"], "left by LOCKED");
}

#[test]
fn without_self_registration_a_password_alone_adds_no_phone() {
    let server = Setup::new().configure(|settings| settings.sign_on.self_registration = false).start();
    let app = server.after_password();
    let message = server.fail(&fill(&app, 1, json!(0)));
    assert_eq!(message, "A phone cannot be added here with the password alone. Ask whoever runs this service.");
    assert_eq!(server.count("registration"), 0);
    assert_eq!(server.count("audit WHERE user = 'demo' AND outcome = 'self-registration-off'"), 1);
}
