//! Risk rules of a Push Sender, each alone and together, and what the server remembers for them.

use push_authenticator::ports::SystemEntropy;
use push_authenticator::server::journey::Journeys;
use push_authenticator::server::journey::risk::Finding;
use push_authenticator::server::open_data;
use push_authenticator::server::push::Kind;
use push_authenticator::server::store::{StoreError, users};
use serde_json::{Value, json};

use crate::device_keys::{Key, REGISTRATION, SENDER, answer_claims, scan_with};
use crate::harness::*;
use crate::rotation::rotate;
use crate::withheld::withheld;

const SUCCESS: &str = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0";
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

const HOME: Browser = Browser("192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0");
const HOME_NEXT_DOOR: Browser = Browser("192.0.2.200", "Mozilla/5.0 (X11; Linux x86_64) Firefox/141.0.1");
const ELSEWHERE: Browser = Browser("203.0.113.9", "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0");
const OTHER_AGENT: Browser = Browser("192.0.2.7", "curl/8.5.0");

fn setup(push_type: &str, rules: Value) -> Setup {
    Setup::new().with(SENDER, "pushType", json!(push_type)).with(SENDER, "riskRules", rules).behind_a_proxy()
}

fn rule(when: &str, force: &str) -> Value {
    match when {
        "newAddress" | "newAgent" => json!({"when": when, "force": force, "days": 30}),
        "deniedLately" => json!({"when": when, "force": force, "minutes": 60}),
        _ => json!({"when": when, "force": force, "count": 3, "minutes": 10}),
    }
}

/// Answers a message as it asks, and completes the sign-on.
fn approve(server: &Server, browser: &Browser, phone: &Phone, step: &Value) {
    let message = phone.only_message(server);
    let more = if message.claims["k"] == "challenge" { json!({"challengeResponse": number(step)}) } else { json!({}) };
    assert_eq!(phone.answer(server, &message, more).status, 200);
    browser.finish(server, step);
}

/// Returns a phone whose first sign-on came from home.
fn enrolled(server: &Server) -> Phone {
    let step = HOME.after_password(server);
    let step = HOME.post(server, Some(&fill(&step, 1, json!(0)))).json();
    let phone = Phone::scan(&step);
    assert_eq!(phone.register(server).status, 200);
    let codes = HOME.post(server, Some(&step)).json();
    let step = HOME.post(server, Some(&codes)).json();
    approve(server, &HOME, &phone, &step);
    phone
}

fn newest_type(server: &Server) -> String {
    server.text("SELECT push_type FROM push_request ORDER BY rowid DESC LIMIT 1")
}

/// Completes a sign-on and returns the type of its message.
fn sign_on(server: &Server, browser: &Browser, phone: &Phone) -> String {
    let step = browser.after_password(server);
    let kind = newest_type(server);
    assert_eq!(phone.only_message(server).claims["k"], kind.as_str());
    assert_eq!(types(&step)[0] == "HiddenValueCallback", kind == "challenge", "the page shows the number");
    approve(server, browser, phone, &step);
    // Past the limit on messages.
    server.clock.advance(11 * MINUTE);
    kind
}

/// Returns the explanations in the audit log, oldest first.
fn explained(server: &Server) -> Vec<String> {
    let database = server.database();
    let mut statement = database
        .prepare("SELECT outcome || ' from ' || address FROM audit WHERE event = 'push-sent' ORDER BY sequence")
        .unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_new_address_asks_for_the_number_until_a_sign_on_from_there_succeeded() {
    let server = setup("DEFAULT", json!([rule("newAddress", "CHALLENGE")])).start();
    let phone = enrolled(&server);
    assert_eq!(newest_type(&server), "challenge", "nobody signed on from anywhere before");
    assert_eq!(sign_on(&server, &HOME, &phone), "default");
    assert_eq!(sign_on(&server, &HOME_NEXT_DOOR, &phone), "default", "the same network");
    assert_eq!(sign_on(&server, &OTHER_AGENT, &phone), "default", "nobody asks for the agent");
    // A sign-on that is denied or not answered makes nothing familiar.
    let step = ELSEWHERE.after_password(&server);
    assert_eq!(newest_type(&server), "challenge");
    assert_eq!(phone.answer(&server, &phone.only_message(&server), json!({"deny": true})).status, 200);
    assert_eq!(ELSEWHERE.post(&server, Some(&step)).status, 401);
    ELSEWHERE.after_password(&server);
    server.clock.advance(11 * MINUTE);
    assert_eq!(sign_on(&server, &ELSEWHERE, &phone), "challenge");
    assert_eq!(sign_on(&server, &ELSEWHERE, &phone), "default");
    assert_eq!(
        explained(&server),
        [
            "challenge new-address from 192.0.2.7",
            "challenge new-address from 203.0.113.9",
            "challenge new-address from 203.0.113.9",
            "challenge new-address from 203.0.113.9",
        ]
    );
    server.clock.advance(30 * DAY - 11 * MINUTE - 1);
    assert_eq!(sign_on(&server, &ELSEWHERE, &phone), "default");
    server.clock.advance(30 * DAY - 11 * MINUTE);
    assert_eq!(sign_on(&server, &ELSEWHERE, &phone), "challenge", "too long ago");
}

#[test]
fn a_network_is_what_addresses_begin_with() {
    let server = setup("DEFAULT", json!([rule("newAddress", "CHALLENGE")])).start();
    let phone = enrolled(&server);
    let agent = "Mozilla/5.0";
    for (address, kind) in [
        ("192.0.3.7", "challenge"),
        ("2001:db8:1:2::1", "challenge"),
        ("2001:db8:1:ffff::2", "default"),
        ("2001:db8:2::1", "challenge"),
        ("::ffff:192.0.2.9", "default"),
    ] {
        assert_eq!(sign_on(&server, &Browser(address, agent), &phone), kind, "{address}");
    }
}

#[test]
fn a_new_browser_asks_for_the_number_and_an_updated_one_is_not_new() {
    let server = setup("DEFAULT", json!([rule("newAgent", "CHALLENGE")])).start();
    let phone = enrolled(&server);
    assert_eq!(sign_on(&server, &HOME_NEXT_DOOR, &phone), "default", "the next version");
    assert_eq!(sign_on(&server, &ELSEWHERE, &phone), "default", "nobody asks for the address");
    assert_eq!(sign_on(&server, &OTHER_AGENT, &phone), "challenge");
    assert_eq!(sign_on(&server, &OTHER_AGENT, &phone), "default");
    assert_eq!(explained(&server)[1..], ["challenge new-agent from 192.0.2.7"]);
}

#[test]
fn a_refusal_asks_for_the_number_for_a_while() {
    let server = setup("DEFAULT", json!([rule("deniedLately", "CHALLENGE")])).start();
    let phone = enrolled(&server);
    assert_eq!(sign_on(&server, &HOME, &phone), "default");
    HOME.after_password(&server);
    assert_eq!(phone.answer(&server, &phone.only_message(&server), json!({"deny": true})).status, 200);
    server.clock.advance(60 * MINUTE - 1);
    let step = HOME.after_password(&server);
    assert_eq!(newest_type(&server), "challenge");
    // A wrong number counts as a denial, too.
    let message = phone.only_message(&server);
    let wrong = json!({"challengeResponse": wrong_number(&message, &step)});
    assert_eq!(phone.answer(&server, &message, wrong).status, 400);
    server.clock.advance(59 * MINUTE);
    assert_eq!(sign_on(&server, &HOME, &phone), "challenge");
    assert_eq!(sign_on(&server, &HOME, &phone), "default");
    assert_eq!(
        explained(&server),
        ["challenge denied-lately from 192.0.2.7", "challenge denied-lately from 192.0.2.7"]
    );
    assert_eq!(server.count("familiar"), 0, "nobody asks for it");
}

#[test]
fn many_messages_ask_for_the_number() {
    let server = setup("DEFAULT", json!([rule("manyPushes", "CHALLENGE")])).start();
    let phone = enrolled(&server);
    server.clock.advance(10 * MINUTE);
    for kind in ["default", "default", "default", "challenge", "challenge"] {
        HOME.after_password(&server);
        assert_eq!(newest_type(&server), kind);
        server.clock.advance(MINUTE);
    }
    assert_eq!(explained(&server), ["challenge many-pushes from 192.0.2.7"; 2]);
    server.clock.advance(10 * MINUTE);
    assert_eq!(sign_on(&server, &HOME, &phone), "default");
}

/// Registers a phone with a key, and returns both with the response that contains the waiting step or the rejection.
fn register_with_key(server: &Server, presence: &str) -> (Phone, Key, Response) {
    let step = HOME.after_password(server);
    let step = HOME.post(server, Some(&fill(&step, 1, json!(0)))).json();
    let key = Key::make();
    let phone = scan_with(server, &step, &key, "tee", presence);
    assert_eq!(phone.register(server).status, 200);
    let codes = HOME.post(server, Some(&step)).json();
    let response = HOME.post(server, Some(&codes));
    (phone, key, response)
}

fn approve_with_key(server: &Server, phone: &Phone, key: &Key, step: &Value) {
    let message = phone.only_message(server);
    let asks_number = message.claims["k"] == "challenge";
    let number = asks_number.then(|| number(step));
    let mut claims = answer_claims(server, &message, number.as_deref());
    claims["decision"] = json!("approve");
    let mut more = json!({"proof": key.sign("answer", &claims)});
    if let Some(number) = number {
        more["challengeResponse"] = json!(number);
    }
    assert_eq!(phone.answer(server, &message, more).status, 200);
    HOME.finish(server, step);
}

#[test]
fn a_biometric_is_asked_of_the_phones_own_key() {
    let start = |rules| setup("DEFAULT", rules).with(REGISTRATION, "deviceKey", json!("preferred")).start();
    let forced = || json!([rule("newAddress", "BIOMETRIC")]);
    // No phone has such a key: the server sends nothing, but does not act as if there were no phone.
    for presence in ["none", "device"] {
        let server = start(forced());
        let (_, _, response) = register_with_key(&server, presence);
        assert!(withheld(&response.json()).contains("None of your phones has the key"), "{}", response.text());
        assert_eq!(explained(&server), ["no-device-key new-address from 192.0.2.7"]);
        assert_eq!(server.count("push_message"), 0);
    }
    let server = start(forced());
    let (phone, key, response) = register_with_key(&server, "biometric");
    assert_eq!(newest_type(&server), "biometric");
    assert_eq!(explained(&server), ["biometric-key new-address from 192.0.2.7"]);
    approve_with_key(&server, &phone, &key, &response.json());
    HOME.after_password(&server);
    assert_eq!(newest_type(&server), "default");
}

#[test]
fn rules_add_up() {
    let rules = json!([
        rule("newAddress", "CHALLENGE"),
        rule("newAgent", "BIOMETRIC"),
        rule("deniedLately", "BIOMETRIC"),
        rule("manyPushes", "CHALLENGE"),
        {"when": "manyPushes", "force": "BIOMETRIC", "count": 2, "minutes": 10},
    ]);
    let server = setup("DEFAULT", rules).with(REGISTRATION, "deviceKey", json!("preferred")).start();
    // A second phone, without a key: it gets none of the messages that require one.
    let at_code = HOME.after_password(&server);
    let at_code = HOME.post(&server, Some(&fill(&at_code, 1, json!(0)))).json();
    let (phone, key, response) = register_with_key(&server, "biometric");
    let plain = Phone::scan(&at_code);
    assert_eq!(plain.register(&server).status, 200);
    assert_eq!(newest_type(&server), "challenge", "the number is asked for, and the key that takes a biometric");
    approve_with_key(&server, &phone, &key, &response.json());
    server.clock.advance(11 * MINUTE);
    ELSEWHERE.after_password(&server);
    assert_eq!(newest_type(&server), "challenge");
    let only_new_agent = HOME.0;
    Browser(only_new_agent, "curl/8.5.0").after_password(&server);
    assert_eq!(newest_type(&server), "biometric");
    assert_eq!(plain.messages(&server).len(), 0);
    assert_eq!(phone.only_message(&server).claims["k"], "biometric");
    Browser(only_new_agent, "curl/8.5.0").after_password(&server);
    assert_eq!(phone.answer(&server, &phone.only_message(&server), json!({})).status, 400, "without the key's proof");
    Browser("198.51.100.1", "Other").after_password(&server);
    assert_eq!(
        explained(&server),
        [
            "challenge+biometric-key new-address new-agent from 192.0.2.7",
            "challenge new-address from 203.0.113.9",
            "biometric-key new-agent from 192.0.2.7",
            "biometric-key new-agent many-pushes from 192.0.2.7",
            "challenge+biometric-key new-address new-agent many-pushes from 198.51.100.1",
        ]
    );
}

#[test]
fn where_a_biometric_is_asked_for_anyway_a_number_does_not_take_its_place() {
    let rules = json!([rule("newAddress", "CHALLENGE")]);
    let server = setup("BIOMETRIC", rules.clone()).start();
    let step = server.at_qr_code();
    assert_eq!(Phone::scan(&step).register(&server).status, 200);
    let text = withheld(&server.next(&server.next(&step)));
    assert!(text.contains("None of your phones has the key"), "it could only be a tap of a number: {text}");
    let server = setup("BIOMETRIC", rules).with(REGISTRATION, "deviceKey", json!("preferred")).start();
    let (phone, key, response) = register_with_key(&server, "biometric");
    assert_eq!(newest_type(&server), "challenge");
    assert_eq!(explained(&server), ["challenge+biometric-key new-address from 192.0.2.7"]);
    approve_with_key(&server, &phone, &key, &response.json());
    HOME.after_password(&server);
    assert_eq!(newest_type(&server), "biometric", "as the node says");
}

#[test]
fn nothing_is_ever_weaker_than_the_node_says_or_a_rule_asks() {
    for configured in [Kind::Default, Kind::Challenge, Kind::Biometric] {
        for (number, biometric_key) in [(false, false), (false, true), (true, false), (true, true)] {
            let finding = Finding { names: Vec::new(), number, biometric_key };
            let (kind, with_key) = finding.applied_to(configured);
            let case = format!("{configured:?} {finding:?} {kind:?} {with_key}");
            assert!(kind == Kind::Challenge || !(number || configured == Kind::Challenge), "{case}");
            assert!(with_key || !biometric_key, "{case}");
            let takes_biometric = with_key || kind == Kind::Biometric;
            assert!(takes_biometric || configured != Kind::Biometric, "{case}");
            if !number && !biometric_key {
                assert!((kind, with_key) == (configured, false), "{case}: without a rule nothing changes");
            }
        }
    }
}

#[test]
fn settings_that_make_no_sense_keep_the_journey_from_running_and_name_the_node() {
    let refused = |push_type: &str, rules: Value| {
        let journey = setup(push_type, rules).with(SENDER, "deviceKey", json!("required")).journey.to_string();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("risky.json"), journey).unwrap();
        let said = Journeys::load(folder.path()).ok().unwrap().off().join(" ");
        assert!(said.contains("Login with Push MFA") && said.contains("Push Sender"), "{said}");
        said
    };
    for rules in [
        json!([{"when": "newAddress", "force": "CHALLENGE"}]),
        json!([{"when": "newAddress", "force": "CHALLENGE", "days": 0}]),
        json!([{"when": "newAgent", "force": "CHALLENGE", "days": 366}]),
        json!([{"when": "newAgent", "force": "CHALLENGE", "minutes": 5}]),
        json!([{"when": "newAgent", "force": "CHALLENGE", "days": 5, "count": 5}]),
        json!([{"when": "deniedLately", "force": "CHALLENGE", "minutes": 1441}]),
        json!([{"when": "deniedLately", "force": "CHALLENGE", "days": 1}]),
        json!([{"when": "manyPushes", "force": "CHALLENGE", "minutes": 5}]),
        json!([{"when": "manyPushes", "force": "CHALLENGE", "minutes": 5, "count": 0}]),
        json!(vec![rule("newAddress", "CHALLENGE"); 17]),
        json!({"when": "newAddress"}),
    ] {
        assert!(refused("DEFAULT", rules.clone()).contains("riskRules"), "{rules}");
    }
    let named = |rules| {
        let said = refused("DEFAULT", rules);
        assert!(said.contains("riskRules"), "{said}");
        said
    };
    assert!(named(json!([{"when": "fullMoon", "force": "CHALLENGE"}])).contains("fullMoon"));
    assert!(named(json!([{"when": "newAgent", "force": "DEFAULT", "days": 5}])).contains("DEFAULT"));
    assert!(named(json!([{"when": "newAgent", "force": "CHALLENGE", "day": 5}])).contains("day"));
    for (push_type, force) in [("CHALLENGE", "CHALLENGE"), ("BIOMETRIC", "BIOMETRIC")] {
        let said = refused(push_type, json!([rule("newAddress", "CHALLENGE"), rule("newAgent", force)]));
        assert!(said.contains("no effect"), "{said}");
    }
}

#[test]
fn what_is_remembered_is_small_unreadable_and_goes_with_its_time_and_user() {
    let server = setup("DEFAULT", json!([rule("newAddress", "CHALLENGE"), rule("newAgent", "CHALLENGE")])).start();
    let phone = enrolled(&server);
    assert_eq!(server.count("familiar"), 2);
    let from = |number: u8| Browser(Box::leak(format!("198.51.{number}.77").into_boxed_str()), "Zebra/1.0");
    for number in 0..17 {
        assert_eq!(sign_on(&server, &from(number), &phone), "challenge");
    }
    let per_kind = |kind: &str| server.count(&format!("familiar WHERE kind = '{kind}'"));
    assert_eq!((per_kind("network"), per_kind("agent")), (16, 2));
    assert_eq!(sign_on(&server, &from(16), &phone), "default", "the newest stay");
    assert_eq!(sign_on(&server, &from(0), &phone), "challenge", "the oldest went");
    let sealed: String = server.text("SELECT group_concat(hex(tag)) FROM familiar");
    assert_eq!(sealed.split(',').filter(|tag| tag.len() == 64).count(), 18);
    for file in std::fs::read_dir(&server.configuration.data).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(5).any(|window| window == b"Zebra"), "the agent lies on the disk");
    }
    let sweep = || server.runtime.block_on(server.app.sweep()).unwrap();
    server.clock.advance(30 * DAY - 11 * MINUTE);
    sweep();
    assert_eq!(server.count("familiar"), 2, "those of the last sign-on");
    sign_on(&server, &HOME, &phone);
    let (_, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    let removed: Result<bool, StoreError> = store.run_blocking(|transaction| users::remove(transaction, USER));
    assert!(removed.unwrap());
    assert_eq!(server.count("familiar"), 0);
}

#[test]
fn a_password_alone_makes_nothing_familiar_and_without_rules_nothing_is_kept() {
    let server = setup("DEFAULT", json!([rule("newAddress", "CHALLENGE")]))
        .with(SENDER, "mandatory", json!(false))
        .connect(SENDER, "SKIPPED", SUCCESS)
        .start();
    let step = HOME.after_password(&server);
    let step = HOME.post(&server, Some(&fill(&step, 1, json!(0)))).json();
    let phone = Phone::scan(&step);
    assert_eq!(phone.register(&server).status, 200);
    let step = ELSEWHERE.after_password(&server);
    assert_eq!(types(&step), ["ConfirmationCallback"]);
    ELSEWHERE.finish(&server, &fill(&step, 0, json!(1)));
    assert_eq!(server.count("familiar"), 0);
    let step = ELSEWHERE.after_password(&server);
    let waiting = ELSEWHERE.post(&server, Some(&fill(&step, 0, json!(0)))).json();
    assert_eq!(newest_type(&server), "challenge");
    approve(&server, &ELSEWHERE, &phone, &waiting);
    assert_eq!(server.count("familiar"), 2);

    let plain = Setup::new().start();
    plain.enrolled();
    assert_eq!((plain.count("familiar"), explained(&plain)), (0, Vec::new()));
}

#[test]
fn what_is_familiar_stays_so_when_the_servers_key_is_rotated() {
    let rules = json!([rule("newAddress", "CHALLENGE"), rule("newAgent", "CHALLENGE")]);
    let mut server = setup("DEFAULT", rules).start();
    let phone = enrolled(&server);
    for _ in 0..2 {
        rotate(&server.configuration).unwrap();
        server = server.restart();
        assert_eq!(sign_on(&server, &HOME_NEXT_DOOR, &phone), "default");
    }
    assert_eq!(sign_on(&server, &ELSEWHERE, &phone), "challenge");
}
