//! If nothing may be sent to the phone, the owner still gets in: the wait step says why, and its exit leads on.

use std::sync::Arc;

use push_authenticator::ports::{Clock as _, SystemEntropy};
use push_authenticator::server::open_data;
use push_authenticator::server::push::{Budget, Kind, Outgoing, RequestContext, Sent, WithheldReason, send};
use push_authenticator::server::store::StoreError;
use push_authenticator::server::store::device_keys::{KeyDemand, KeyPolicy};
use push_authenticator::server::store::fraud_reports::Origin;
use serde_json::{Value, json};

use crate::device_keys::{deny, enrolled, scan_with};
use crate::harness::*;
use crate::pages::submit;

const SENDER: &str = "PushAuthenticationSenderNode";
const VERIFIER: &str = "PushResultVerifierNode";
const MINUTE: i64 = 60_000;

/// Returns the text of a wait step for which nothing was sent.
pub fn withheld(step: &Value) -> String {
    assert_eq!(types(step), ["PollingWaitCallback", "ConfirmationCallback"], "no number is shown: {step}");
    let text = output(step, "PollingWaitCallback", "message").as_str().unwrap().to_owned();
    assert!(text.contains("To go on in another way, choose \"Exit\"."), "{text}");
    assert!(!text.contains(['{', '}']), "{text}");
    text
}

/// Returns a server over its budget, with its user's phone and recovery codes.
fn over_budget() -> (Server, Phone, Vec<String>) {
    let server = Setup::new().configure(|settings| settings.push.budget = 2).start();
    let step = server.at_qr_code();
    let phone = Phone::scan(&step);
    assert_eq!(phone.register(&server).status, 200);
    let step = server.next(&step);
    let codes = recovery_codes(&step);
    let step = server.next(&step);
    assert_eq!(phone.accept(&server, &phone.only_message(&server), &step).status, 200);
    server.finish(&step);
    server.after_password();
    (server, phone, codes)
}

#[test]
fn over_budget_the_shipped_journey_says_until_when_and_a_recovery_code_signs_in() {
    let (server, _phone, codes) = over_budget();
    let step = server.after_password();
    let text = withheld(&step);
    assert!(text.starts_with("Too many sign-in requests were sent to your phone."), "{text}");
    assert!(text.contains("No more are sent until 00:10 UTC, in about 10 minutes."), "{text}");
    let collector = server.next(&fill(&step, 1, json!(0)));
    assert_eq!(types(&collector), ["NameCallback"]);
    server.finish(&fill(&collector, 0, json!(codes[0])));
    assert_eq!(server.count("push_request"), 2, "nothing was sent");
}

#[test]
fn the_wait_goes_on_without_success_expiry_or_message_until_the_user_starts_again() {
    let (server, phone, _) = over_budget();
    let mut step = server.after_password();
    for _ in 0..12 {
        server.clock.advance(5000);
        step = server.next(&step);
        assert!(withheld(&step).contains("Too many"));
    }
    assert!(withheld(&step).contains("in about 9 minutes"));
    // Early polls get the same step.
    assert!(withheld(&server.next(&step)).contains("Too many"));
    server.clock.advance(9 * MINUTE);
    for _ in 0..3 {
        step = server.next(&step);
        assert!(withheld(&step).contains("Requests can be sent again now. Start again to get one."));
        server.clock.advance(5 * MINUTE);
    }
    assert_eq!(server.count("push_request"), 2, "who left a sign-on open gets no message by that");
    assert!(phone.messages(&server).is_empty());
    assert_eq!(types(&server.after_password())[0], "HiddenValueCallback");
    assert_eq!(phone.messages(&server).len(), 1);
}

/// The failure text of the next node reveals which outcome the verifier left by.
#[test]
fn the_verifier_says_waiting_whatever_was_sent_before() {
    // A journey that sends again after an approval: the second message is over the budget.
    let shipped = Setup::new().journey;
    let [sender, collector] = [SENDER, "RecoveryCodeCollectorDecisionNode"].map(|kind| node_id(&shipped, kind));
    let server = Setup::new()
        .connect(VERIFIER, "TRUE", &sender)
        .connect(VERIFIER, "EXPIRED", &sender)
        .connect(VERIFIER, "WAITING", &collector)
        .configure(|settings| settings.push.budget = 1)
        .start();
    let step = server.at_qr_code();
    let phone = Phone::scan(&step);
    assert_eq!(phone.register(&server).status, 200);
    let step = server.next(&server.next(&step));
    assert_eq!(phone.accept(&server, &phone.only_message(&server), &step).status, 200);
    let step = server.next(&step);
    assert!(withheld(&step).contains("Too many"), "the approved message does not count twice");
    server.clock.advance(5000);
    assert_eq!(types(&server.next(&step)), ["NameCallback"], "left by WAITING");
}

#[test]
fn an_expired_message_that_may_not_be_sent_again_does_not_loop() {
    let (server, phone, _) = over_budget();
    server.clock.advance(11 * MINUTE);
    server.after_password();
    let step = server.after_password();
    assert_eq!(types(&step)[0], "HiddenValueCallback");
    server.clock.advance(2 * MINUTE);
    let step = server.next(&step);
    assert!(withheld(&step).contains("Too many"));
    assert!(phone.messages(&server).is_empty());
    server.clock.advance(2 * MINUTE);
    withheld(&server.next(&step));
}

#[test]
fn a_frozen_user_signs_in_by_recovery_code_with_the_shipped_journey() {
    let server = Setup::new().with("PushRegistrationNode", "deviceKey", json!("required")).start();
    let (step, key) = (server.at_qr_code(), crate::device_keys::Key::make());
    let phone = scan_with(&server, &step, &key, "tee", "none");
    assert_eq!(phone.register(&server).status, 200);
    let step = server.next(&step);
    let codes = recovery_codes(&step);
    let step = server.next(&step);
    assert_eq!(crate::device_keys::accept(&server, &phone, &key, &phone.only_message(&server), &step).status, 200);
    server.finish(&step);
    server.after_password();
    assert_eq!(deny(&server, &phone, &key, &phone.only_message(&server), Some("not-me")).status, 200);

    let step = server.after_password();
    let text = withheld(&step);
    assert!(text.contains("denied on your phone as not yours. No more are sent until 01:00 UTC, in about an hour."));
    let collector = server.next(&fill(&step, 1, json!("0")));
    server.finish(&fill(&collector, 0, json!(codes[0])));
}

#[test]
fn with_capture_failure_nothing_changes_and_failure_is_the_outcome() {
    let setup = Setup::new().with(SENDER, "captureFailure", json!(true));
    let collector = node_id(&setup.journey, "RecoveryCodeCollectorDecisionNode");
    let server = setup.connect(SENDER, "FAILURE", &collector).configure(|settings| settings.push.budget = 1).start();
    let _phone = server.enrolled();
    assert_eq!(types(&server.after_password()), ["NameCallback"]);
}

#[test]
fn the_page_says_why_and_until_when_and_waits_without_asking_again_and_again() {
    let (server, _phone, codes) = over_budget();
    let page = crate::pages::after_password(&server);
    let html = page.text();
    assert!(html.contains("<h1>No request was sent to your phone</h1>"), "{html}");
    assert!(html.contains("Too many sign-in requests were sent to your phone. No more are sent until "), "{html}");
    assert!(html.contains(r#"<time datetime="2030-01-01T00:10:00Z" data-near>00:10 UTC</time>, in about 10 minutes."#));
    assert!(html.contains("choose &#34;Exit&#34;") || html.contains("choose \"Exit\""), "{html}");
    assert!(!html.contains("class=\"number\"") && !html.contains("class=\"countdown\""), "{html}");
    assert!(html.contains(">Start again</a>"), "{html}");
    let collector = submit(&server, &page, &[("IDToken2", "0")]);
    let done = submit(&server, &collector, &[("IDToken1", &codes[0])]);
    assert_eq!(done.status, 303, "{}", done.text());
}

#[test]
fn the_waiting_page_is_told_once_that_the_reason_has_ended() {
    let server = Setup::new().configure(|settings| settings.push.budget = 1).start();
    let _phone = server.enrolled();
    let step = server.after_password();
    server.clock.advance(10 * MINUTE);
    let wait = |step: &Value| {
        let body = json!({"authId": step["authId"]});
        let headers = [("Content-Type", "application/json"), ("X-Requested-With", "page")];
        server.request("POST", "/am/XUI/wait", &headers, body.to_string().as_bytes())
    };
    assert_eq!(wait(&step).json()["ready"], true);
    let step = server.next(&step);
    assert!(withheld(&step).contains("can be sent again"));
    // Nothing more is coming, so the server holds the page instead of letting it post again and again.
    let waiting = std::thread::scope(|scope| {
        let held = scope.spawn(|| wait(&step));
        std::thread::sleep(std::time::Duration::from_millis(300));
        let waits = !held.is_finished();
        server.clock.advance(MINUTE);
        server.post(&fill(&step, 1, json!(0)));
        waits
    });
    assert!(waiting);
}

/// Sends as the node does, from a known browser or from another.
fn send_from(server: &Server, known: bool, budget: Budget) -> Option<WithheldReason> {
    let (keys, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    let entropy = Arc::new(SystemEntropy::new());
    let request_context =
        RequestContext { keys: Arc::new(keys), entropy, now: server.clock.now(), attestation: None, webhook: None };
    let sent: Result<Option<WithheldReason>, StoreError> = store.run_blocking(move |transaction| {
        let outgoing = Outgoing {
            user: USER,
            journey: b"0123456789abcdef",
            kind: Kind::Default,
            message: "Login".to_owned(),
            context: None,
            custom_payload: None,
            time_to_live: 120_000,
            only_to_added: false,
            from_known_browser: known,
            origin: Origin::default(),
            key_policy: KeyPolicy { demand: KeyDemand::Off, minimum: None },
            biometric_key: false,
        };
        Ok(match send(transaction, &outgoing, budget, &request_context)? {
            Sent::Sent(..) => None,
            Sent::Withheld(withheld) => Some(withheld.reason),
            Sent::NoDevice => panic!("the user has a phone"),
        })
    });
    sent.unwrap()
}

#[test]
fn part_of_the_budget_is_kept_for_browsers_that_signed_in_before() {
    let server = start();
    let _phone = server.enrolled();
    let budget = Budget { requests: 4, kept: 2, period: 10 * MINUTE, refusals: 3, cool_down: 10 * MINUTE };
    assert_eq!(send_from(&server, false, budget), None);
    for _ in 0..5 {
        assert_eq!(send_from(&server, false, budget), Some(WithheldReason::OverBudget), "a stranger gets no more");
    }
    assert_eq!(send_from(&server, true, budget), None);
    assert_eq!(send_from(&server, true, budget), None);
    assert_eq!(send_from(&server, true, budget), Some(WithheldReason::OverBudget), "the budget has an end for all");
    server.clock.advance(10 * MINUTE);
    assert_eq!(send_from(&server, false, budget), None);
}

#[test]
fn a_phone_whose_key_is_not_good_enough_leaves_the_way_by_recovery_code() {
    let server = Setup::new().with("PushRegistrationNode", "deviceKey", json!("preferred")).start();
    let _ = enrolled(&server, "tee", "none");
    let (folder, configuration) = (server.configuration.journeys.clone(), server.configuration.clone());
    let stricter =
        Setup::new().with(SENDER, "deviceKey", json!("required")).with(SENDER, "minimumKeyLevel", json!("strongbox"));
    std::fs::write(folder.join("journey.json"), stricter.journey.to_string()).unwrap();
    assert_eq!(configuration.journeys, folder);
    let server = server.restart();
    let step = server.after_password();
    let text = withheld(&step);
    assert!(text.contains("None of your phones has the key that is needed here. No request was sent."), "{text}");
    assert_eq!(types(&server.next(&fill(&step, 1, json!(0)))), ["NameCallback"]);
}
