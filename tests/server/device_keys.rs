//! Phones with their own keys, against the server. The phone here is a second implementation, written from
//! docs/wire.md.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use push_authenticator::ports::Clock as _;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::harness::*;
use crate::withheld::withheld;

pub const REGISTRATION: &str = "PushRegistrationNode";
pub const SENDER: &str = "PushAuthenticationSenderNode";

/// A key pair and its public description.
#[derive(Clone)]
pub struct Key {
    pub pair: Arc<EcdsaKeyPair>,
    pub jwk: Value,
}

impl Key {
    pub fn make() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let point = pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        Self { jwk: json!({"crv": "P-256", "kty": "EC", "x": x, "y": y}), pair: Arc::new(pair) }
    }

    pub fn sign(&self, kind: &str, claims: &Value) -> String {
        let header = format!(r#"{{"alg":"ES256","typ":"push-{kind}-proof+jwt"}}"#);
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// `serde_json` sorts members by name, so its output is canonical for the values used here.
pub fn sha256(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, value.to_string().as_bytes()))
}

pub fn origin(server: &Server) -> String {
    format!("http://{}", server.address)
}

pub fn registration_claims(server: &Server, phone: &Phone, key: &Key) -> Value {
    json!({
        "messageId": phone.message_id,
        "challenge": STANDARD.encode(&phone.challenge),
        "aud": origin(server),
        "iat": server.clock.now() / 1000,
        "exp": server.clock.now() / 1000 + 300,
        "jkt": sha256(&key.jwk),
    })
}

pub fn keyed(phone: &Phone, key: &Key, proof: &str, level: &str, presence: &str) -> Phone {
    phone
        .with("jwk", key.jwk.clone())
        .with("keyLevel", json!(level))
        .with("userPresence", json!(presence))
        .with("proof", json!(proof))
}

/// Returns the claims of a correct proof for a pull.
pub fn pull_proof_claims(origin: &str, key: &Key, pull: &Value) -> Value {
    let iat = pull["iat"].as_i64().unwrap();
    json!({
        "sub": pull["sub"],
        "aud": origin,
        "iat": iat,
        "exp": iat + 300,
        "nonce": pull["nonce"],
        "jkt": sha256(&key.jwk),
    })
}

/// Makes the phone sign its pulls if its key can sign without the user.
pub fn signing_pulls(server: &Server, phone: Phone, key: &Key, presence: &str) -> Phone {
    let (origin, key) = (origin(server), key.clone());
    let sign: PullSigner = Arc::new(move |pull| key.sign("pull", &pull_proof_claims(&origin, &key, pull)));
    Phone { pull_signer: (presence == "none").then_some(sign), ..phone }
}

/// Returns a phone that scanned this step's QR code, with a key and a correct proof.
pub fn scan_with(server: &Server, step: &Value, key: &Key, level: &str, presence: &str) -> Phone {
    let phone = Phone::scan(step);
    let proof = key.sign("registration", &registration_claims(server, &phone, key));
    signing_pulls(server, keyed(&phone, key, &proof, level, presence), key, presence)
}

fn uri(step: &Value) -> String {
    output(step, "HiddenValueCallback", "value").as_str().unwrap().to_owned()
}

pub fn start_with(demand: &str) -> Server {
    Setup::new().with(REGISTRATION, "deviceKey", json!(demand)).start()
}

/// Returns the claims of a correct proof for an answer to this message.
pub fn answer_claims(server: &Server, message: &Message, number: Option<&str>) -> Value {
    let now = server.clock.now() / 1000;
    let mut shown = json!({"account": USER, "issuer": "Ping"});
    for (member, claim) in [("text", "m"), ("payload", "p")] {
        if let Some(text) = message.claims.get(claim) {
            shown[member] = text.clone();
        }
    }
    if let Some(context) = message.claims.get("x") {
        shown["context"] = serde_json::from_str(context.as_str().unwrap()).unwrap();
    }
    let mut claims = json!({
        "messageId": message.id,
        "challenge": message.claims["c"],
        "aud": origin(server),
        "iat": now,
        "exp": now + 180,
        "decision": if number.is_some() { "approve" } else { "deny" },
        "shown": sha256(&shown),
    });
    if let Some(number) = number {
        claims["number"] = json!(number);
    }
    claims
}

pub fn accept(server: &Server, phone: &Phone, key: &Key, message: &Message, step: &Value) -> Response {
    let number = number(step);
    let proof = key.sign("answer", &answer_claims(server, message, Some(&number)));
    phone.answer(server, message, json!({"challengeResponse": number, "proof": proof}))
}

pub fn deny(server: &Server, phone: &Phone, key: &Key, message: &Message, reason: Option<&str>) -> Response {
    let mut claims = answer_claims(server, message, None);
    if let Some(reason) = reason {
        claims["reason"] = json!(reason);
    }
    phone.answer(server, message, json!({"deny": true, "proof": key.sign("answer", &claims)}))
}

/// Returns a phone with a key, and the step where its first sign-on waits.
pub fn registered(server: &Server, level: &str, presence: &str) -> (Phone, Key, Value) {
    let (step, key) = (server.at_qr_code(), Key::make());
    let phone = scan_with(server, &step, &key, level, presence);
    let response = phone.register(server);
    assert_eq!((response.status, response.text().as_str()), (200, "{}"));
    let step = server.next(&server.next(&step));
    (phone, key, step)
}

/// Like [`registered`], with the first sign-on completed.
pub fn enrolled(server: &Server, level: &str, presence: &str) -> (Phone, Key) {
    let (phone, key, _) = signed_on(server, level, presence);
    (phone, key)
}

/// Like [`enrolled`], with the session's token.
pub fn signed_on(server: &Server, level: &str, presence: &str) -> (Phone, Key, String) {
    let (phone, key, step) = registered(server, level, presence);
    assert_eq!(accept(server, &phone, &key, &phone.only_message(server), &step).status, 200);
    let token = server.finish(&step);
    (phone, key, token)
}

pub fn last_audit(server: &Server) -> String {
    server.text("SELECT event || ' ' || outcome FROM audit ORDER BY sequence DESC LIMIT 1")
}

/// Returns the last event and deletes it, so that the same rejection is logged again within the minute.
pub fn take_last_audit(server: &Server) -> String {
    let last = last_audit(server);
    rusqlite::Connection::open(server.database_file()).unwrap().execute("DELETE FROM audit", []).unwrap();
    last
}

#[test]
fn a_key_is_asked_for_where_the_journey_says_so_and_nowhere_else() {
    for (demand, asks) in [("off", false), ("preferred", true), ("required", true)] {
        let step = start_with(demand).at_qr_code();
        assert_eq!(uri(&step).ends_with("&v=2"), asks, "{demand}");
        assert_eq!(uri(&step).contains("&v="), asks, "{demand}");
    }
    assert!(!uri(&start().at_qr_code()).contains("&v="), "as shipped");
}

#[test]
fn a_phone_with_a_key_registers_answers_and_denies_with_it() {
    let server = start_with("required");
    let (phone, key) = enrolled(&server, "strongbox", "biometric");
    assert_eq!(server.text("SELECT level || ' ' || presence FROM device_key"), "strongbox biometric");
    let stored: Value = serde_json::from_str(&server.text("SELECT jwk FROM device_key")).unwrap();
    assert_eq!(stored, key.jwk);
    let step = server.after_password();
    let message = phone.only_message(&server);
    let first = deny(&server, &phone, &key, &message, Some("mistake"));
    assert_eq!(first.status, 200);
    assert_eq!(last_audit(&server), "push-answer denied-mistake");
    assert_eq!(server.count("user WHERE frozen_until IS NOT NULL"), 0, "that was no stranger");
    server.fail(&step);
}

#[test]
fn a_repeated_answer_is_answered_alike_although_its_proof_is_over() {
    let server = start_with("required");
    let (phone, key, step) = registered(&server, "software", "none");
    let message = phone.only_message(&server);
    let number = number(&step);
    let proof = key.sign("answer", &answer_claims(&server, &message, Some(&number)));
    let body = phone.answer_body(&message, json!({"challengeResponse": number, "proof": proof}));
    for _ in 0..2 {
        assert_eq!(server.post_json(&phone.authentication_path, &body).status, 200);
        server.clock.advance(600_000);
    }
    assert_eq!(server.count("audit WHERE event = 'push-answer'"), 1);
}

#[test]
fn every_claim_of_a_registration_that_is_altered_is_refused_by_name() {
    let server = start_with("required");
    let key = Key::make();
    let phone = Phone::scan(&server.at_qr_code());
    let right = registration_claims(&server, &phone, &key);
    let now = server.clock.now() / 1000;
    let altered = [
        ("messageId", json!("REGISTER:other"), "proof-message-id"),
        ("challenge", json!(STANDARD.encode([0; 32])), "proof-challenge"),
        ("aud", json!("https://login.example.com"), "proof-audience"),
        ("iat", json!(now + 301), "proof-times"),
        ("exp", json!(now - 61), "proof-times"),
        ("exp", json!(now + 4000), "proof-times"),
        ("jkt", json!(sha256(&Key::make().jwk)), "proof-thumbprint"),
        ("more", json!(1), "proof-signature"),
    ];
    for (claim, value, name) in altered {
        let mut claims = right.clone();
        claims[claim] = value;
        assert_mute(&keyed(&phone, &key, &key.sign("registration", &claims), "tee", "none").register(&server));
        assert_eq!(take_last_audit(&server), format!("device-registered {name}"), "{claim}");
    }
    let by_another = Key::make().sign("registration", &right);
    let of_another_kind = key.sign("answer", &right);
    for proof in [by_another, of_another_kind, String::new()] {
        assert_mute(&keyed(&phone, &key, &proof, "tee", "none").register(&server));
        assert_eq!(take_last_audit(&server), "device-registered proof-signature");
    }
    let proof = key.sign("registration", &right);
    let whole = keyed(&phone, &key, &proof, "tee", "none");
    for part in ["jwk", "keyLevel", "userPresence", "proof"] {
        assert_mute(&whole.with(part, Value::Null).register(&server));
        assert_eq!(take_last_audit(&server), "device-registered proof-bad-key", "{part}");
    }
    for bad in [json!("granite"), json!(1)] {
        assert_mute(&whole.with("keyLevel", bad).register(&server));
    }
    let mut off_the_curve = key.jwk.clone();
    off_the_curve["y"] = off_the_curve["x"].clone();
    assert_mute(&whole.with("jwk", off_the_curve).register(&server));
    assert_eq!(server.count("device"), 0);
    assert_eq!(whole.register(&server).status, 200, "nothing of it used the code up");
    assert_eq!(server.count("device_key"), 1);
}

#[test]
fn every_claim_of_an_answer_that_is_altered_is_refused_by_name_and_settles_nothing() {
    let server = Setup::new()
        .with(REGISTRATION, "deviceKey", json!("preferred"))
        .with(SENDER, "contextInfo", json!(true))
        .with(SENDER, "customPayload", json!(["user"]))
        .start();
    let (phone, key, step) = registered(&server, "tee", "device");
    let message = phone.only_message(&server);
    assert!(message.claims["x"].is_string() && message.claims["p"].is_string(), "{}", message.claims);
    let number = number(&step);
    let right = answer_claims(&server, &message, Some(&number));
    let now = server.clock.now() / 1000;
    let altered = [
        ("messageId", json!("AUTHENTICATE:other"), "proof-message-id"),
        ("challenge", json!(STANDARD.encode([0; 32])), "proof-challenge"),
        ("aud", json!("http://127.0.0.1"), "proof-audience"),
        ("iat", json!(now + 301), "proof-times"),
        ("exp", json!(now - 61), "proof-times"),
        ("decision", json!("deny"), "proof-decision"),
        ("number", json!(wrong_number(&message, &step)), "proof-number"),
        ("number", Value::Null, "proof-number"),
        ("reason", json!("not-me"), "proof-reason"),
        ("shown", json!(sha256(&json!({"account": USER, "issuer": "Ping"}))), "proof-shown"),
        ("more", json!(1), "proof-signature"),
    ];
    let answer = |proof: &str| phone.answer(&server, &message, json!({"challengeResponse": number, "proof": proof}));
    for (claim, value, name) in altered {
        let mut claims = right.clone();
        claims[claim] = value;
        assert_mute(&answer(&key.sign("answer", &claims)));
        assert_eq!(take_last_audit(&server), format!("push-answer {name}"), "{claim}");
    }
    let mut past = right.clone();
    (past["iat"], past["exp"]) = (json!(now - 100), json!(now - 60));
    assert_mute(&answer(&key.sign("answer", &past)));
    assert_eq!(last_audit(&server), "push-answer proof-expired");
    let mut early = right.clone();
    (early["iat"], early["exp"]) = (json!(now + 301), json!(now + 400));
    assert_mute(&answer(&key.sign("answer", &early)));
    assert_eq!(last_audit(&server), "push-answer proof-from-the-future");
    assert_mute(&answer(&Key::make().sign("answer", &right)));
    assert_eq!(take_last_audit(&server), "push-answer proof-signature");
    assert_mute(&answer(&key.sign("registration", &right)));
    assert_eq!(last_audit(&server), "push-answer proof-signature");
    assert_eq!(server.count("push_request WHERE state = 'pending'"), 1);
    assert_eq!(answer(&key.sign("answer", &right)).status, 200);
    server.finish(&step);
}

/// Otherwise someone with a shared secret and no key could fill the audit log.
#[test]
fn the_same_refusal_is_written_down_once_a_minute() {
    let server = start_with("required");
    server.add_user("other", PASSWORD, None);
    let step = server.at_qr_code();
    let others = server.next(&fill_password(&server.begin(), "other", PASSWORD));
    let others = server.next(&fill(&others, 1, json!(0)));
    let count = |event: &str| server.count(&format!("audit WHERE event = '{event}' AND outcome <> 'success-tee-none'"));
    for (minute, step) in [(1, &step), (1, &step), (2, &others)] {
        for _ in 0..20 {
            Phone::scan(step).register(&server).refused(400);
        }
        assert_eq!(count("device-registered"), minute, "one a user");
    }
    let key = Key::make();
    let phone = scan_with(&server, &step, &key, "tee", "none");
    assert_eq!(phone.register(&server).status, 200);
    server.next(&server.next(&step));
    let message = phone.only_message(&server);
    for minute in 1..=3 {
        for _ in 0..20 {
            assert_mute(&phone.answer(&server, &message, json!({"deny": true})));
        }
        assert_eq!(count("push-answer"), minute);
        // By the third time the message has expired; an answer without a proof is still the same rejection.
        server.clock.advance(60_000);
    }
}

#[test]
fn a_proof_is_good_for_its_message_device_and_server_only() {
    let server = start_with("required");
    let (phone, key) = enrolled(&server, "tee", "none");
    let first_step = server.after_password();
    let first = phone.only_message(&server);
    let captured = key.sign("answer", &answer_claims(&server, &first, Some(&number(&first_step))));
    // The next message, even with the same number.
    let step = server.after_password();
    let second = phone.only_message(&server);
    let replay = json!({"challengeResponse": number(&step), "proof": captured});
    assert_mute(&phone.answer(&server, &second, replay.clone()));
    assert_eq!(last_audit(&server), "push-answer proof-message-id");
    // Another device of another server: the attacker knows its shared secret, but not its key.
    let other = start_with("required");
    let (other_phone, _, _) = registered(&other, "tee", "none");
    let message = other_phone.only_message(&other);
    assert_mute(&other_phone.answer(&other, &message, replay));
    assert_eq!(last_audit(&other), "push-answer proof-signature");
    // The same key at another server, which expects another audience.
    let third = start_with("required");
    let step = third.at_qr_code();
    let phone = scan_with(&third, &step, &key, "tee", "none");
    assert_eq!(phone.register(&third).status, 200);
    let step = third.next(&third.next(&step));
    let message = phone.only_message(&third);
    let mut claims = answer_claims(&third, &message, Some(&number(&step)));
    claims["aud"] = json!(origin(&server));
    let more = json!({"challengeResponse": number(&step), "proof": key.sign("answer", &claims)});
    assert_mute(&phone.answer(&third, &message, more));
    assert_eq!(last_audit(&third), "push-answer proof-audience");
}

#[test]
fn there_is_no_way_down_for_a_phone_with_a_key_nor_up_for_one_without() {
    let server = start_with("preferred");
    let (phone, _) = enrolled(&server, "tee", "none");
    let step = server.after_password();
    let message = phone.only_message(&server);
    assert_mute(&phone.accept(&server, &message, &step));
    assert_eq!(last_audit(&server), "push-answer proof-missing");
    assert_mute(&phone.answer(&server, &message, json!({"deny": true})));
    assert_mute(&phone.answer(&server, &message, json!({"challengeResponse": number(&step), "proof": ""})));
    assert_eq!(server.count("push_request WHERE state = 'pending'"), 1);

    let plain = start_with("preferred");
    let (phone, step) = plain.registered();
    let message = phone.only_message(&plain);
    let key = Key::make();
    assert_mute(&accept(&plain, &phone, &key, &message, &step));
    assert_eq!(last_audit(&plain), "push-answer proof-not-asked");
    assert_eq!(phone.accept(&plain, &message, &step).status, 200, "a plain phone notices nothing");
    plain.finish(&step);
}

#[test]
fn a_journey_without_keys_takes_none_and_one_that_requires_them_takes_nothing_else() {
    let server = start();
    let (step, key) = (server.at_qr_code(), Key::make());
    assert_mute(&scan_with(&server, &step, &key, "tee", "none").register(&server));
    assert_eq!(last_audit(&server), "device-registered proof-not-asked");
    assert_eq!(Phone::scan(&step).register(&server).status, 200);

    let server = start_with("required");
    let step = server.at_qr_code();
    assert!(Phone::scan(&step).register(&server).refused(400).contains("a key of their own"));
    assert_eq!(last_audit(&server), "device-registered key-missing");
    assert_eq!(server.count("device"), 0);
}

#[test]
fn a_level_below_the_minimum_is_refused() {
    for (minimum, level, is_taken) in [
        ("software", "software", true),
        ("tee", "software", false),
        ("tee", "tee", true),
        ("strongbox", "tee", false),
        ("strongbox", "secure-enclave", true),
        ("secure-enclave", "strongbox", true),
    ] {
        let server = Setup::new()
            .with(REGISTRATION, "deviceKey", json!("preferred"))
            .with(REGISTRATION, "minimumKeyLevel", json!(minimum))
            .start();
        let response = scan_with(&server, &server.at_qr_code(), &Key::make(), level, "none").register(&server);
        if is_taken {
            assert_eq!(response.status, 200, "{minimum} {level}");
        } else {
            assert!(response.refused(400).contains("as well as this service asks"), "{minimum} {level}");
            assert_eq!(last_audit(&server), "device-registered key-level");
        }
    }
}

#[test]
fn a_sender_that_asks_for_keys_reaches_no_phone_without() {
    let setup = || {
        Setup::new().with(REGISTRATION, "deviceKey", json!("preferred")).with(SENDER, "deviceKey", json!("required"))
    };
    let server = setup().start();
    let step = server.at_qr_code();
    assert_eq!(Phone::scan(&step).register(&server).status, 200);
    let message = withheld(&server.next(&server.next(&step)));
    assert!(message.contains("None of your phones has the key"), "{message}");
    assert_eq!(last_audit(&server), "push-sent no-device-key");
    assert_eq!(server.count("audit WHERE event = 'push-sent' AND outcome = 'no-device-key'"), 1);
    assert_eq!(server.count("push_message"), 0);
}

/// A key that requires no user would approve biometric requests on behalf of any code that can sign with it.
#[test]
fn a_biometric_is_never_asked_of_a_key_that_takes_none() {
    for demand in ["off", "preferred", "required"] {
        for (presence, is_asked) in [("none", false), ("device", false), ("biometric", true)] {
            let server = Setup::new()
                .with(REGISTRATION, "deviceKey", json!("preferred"))
                .with(SENDER, "deviceKey", json!(demand))
                .with(SENDER, "pushType", json!("BIOMETRIC"))
                .start();
            let (step, key) = (server.at_qr_code(), Key::make());
            let phone = scan_with(&server, &step, &key, "tee", presence);
            assert_eq!(phone.register(&server).status, 200);
            let waiting = server.next(&server.next(&step));
            if !is_asked {
                withheld(&waiting);
            }
            assert_eq!(server.count("push_message"), i64::from(is_asked), "{demand} {presence}");
            let refused = server.count("audit WHERE event = 'push-sent' AND outcome = 'no-device-key'");
            assert_eq!(refused, i64::from(!is_asked), "{demand} {presence}");
        }
        // A phone without a key still has its own biometric check.
        let server = Setup::new().with(SENDER, "deviceKey", json!(demand)).with(SENDER, "pushType", json!("BIOMETRIC"));
        let server = server.start();
        let step = server.at_qr_code();
        assert_eq!(Phone::scan(&step).register(&server).status, 200);
        server.next(&server.next(&step));
        assert_eq!(server.count("push_message") == 1, demand != "required", "{demand}");
    }
}

#[test]
fn a_sender_that_prefers_keys_asks_the_phones_that_have_one() {
    let server = Setup::new()
        .with(REGISTRATION, "deviceKey", json!("preferred"))
        .with(SENDER, "deviceKey", json!("preferred"))
        .start();
    let (first, second) = (server.at_qr_code(), server.at_qr_code());
    let (plain, key) = (Phone::scan(&first), Key::make());
    let with_key = scan_with(&server, &second, &key, "tee", "none");
    assert_eq!((plain.register(&server).status, with_key.register(&server).status), (200, 200));
    let step = server.next(&server.next(&first));
    assert!(plain.messages(&server).is_empty());
    assert_eq!(accept(&server, &with_key, &key, &with_key.only_message(&server), &step).status, 200);
    server.finish(&step);
}

#[test]
fn it_was_not_me_stops_pushes_until_the_time_is_over_or_somebody_lifts_it() {
    let server = Setup::new()
        .with(REGISTRATION, "deviceKey", json!("required"))
        .configure(|configuration| configuration.push.freeze_minutes = 30)
        .start();
    let (phone, key, token) = signed_on(&server, "tee", "none");
    let profile = || {
        let cookie = format!("{COOKIE}={token}");
        server.request("GET", "/am/XUI/profile", &[("Cookie", &cookie)], b"").text()
    };
    assert!(!profile().contains("No sign-on is sent"));
    let step = server.after_password();
    let message = phone.only_message(&server);
    assert_eq!(deny(&server, &phone, &key, &message, Some("not-me")).status, 200);
    assert_eq!(last_audit(&server), "pushes-frozen success");
    assert_eq!(server.count("audit WHERE event = 'push-answer' AND outcome = 'denied-not-me'"), 1);
    server.fail(&step);
    assert!(profile().contains("No sign-on is sent to your phones"), "{}", profile());
    let frozen = |server: &Server| {
        let message = withheld(&server.after_password());
        assert!(message.contains("denied on your phone as not yours"), "{message}");
        assert_eq!(server.count("push_request WHERE state = 'pending'"), 0);
    };
    frozen(&server);
    assert_eq!(server.count("audit WHERE event = 'push-sent' AND outcome = 'frozen'"), 1);
    server.clock.advance(30 * 60_000 - 1);
    frozen(&server);
    server.clock.advance(1);
    server.after_password();
    assert_eq!(phone.messages(&server).len(), 1);
}

/// A user who signs in later by another factor learns of it on the first page that they see.
#[test]
fn the_owner_sees_when_and_from_where_a_sign_on_was_denied_as_somebody_elses() {
    let server = Setup::new().with(REGISTRATION, "deviceKey", json!("required")).behind_a_proxy().start();
    let (step, key) = (server.at_qr_code(), Key::make());
    let phone = scan_with(&server, &step, &key, "tee", "none");
    assert_eq!(phone.register(&server).status, 200);
    let step = server.next(&step);
    let codes = recovery_codes(&step);
    let step = server.next(&step);
    assert_eq!(accept(&server, &phone, &key, &phone.only_message(&server), &step).status, 200);
    server.finish(&step);

    let own = server.after_password();
    server.clock.advance(600_000);
    Browser("203.0.113.9", "<b>Strange</b> 1.0").after_password(&server);
    assert_eq!(deny(&server, &phone, &key, &phone.only_message(&server), Some("not-me")).status, 200);
    assert_eq!(server.count("audit WHERE event = 'pushes-frozen' AND address = '203.0.113.9'"), 1);
    let at_rest = std::fs::read(server.database_file()).unwrap();
    assert!(!at_rest.windows(7).any(|window| window == b"Strange"), "sealed");

    // It ends the earlier sign-on; the way in is a recovery code.
    assert!(server.fail(&own).contains("denied on your phone"));
    server.clock.advance(3_600_000);
    let step = server.next(&fill(&server.after_password(), 2, json!(0)));
    let cookie = format!("{COOKIE}={}", server.finish(&fill(&step, 0, json!(codes[0]))));
    for path in ["/am/XUI/profile", "/am/XUI/lost-phone"] {
        let page = server.request("GET", path, &[("Cookie", &cookie)], b"").text();
        assert!(page.contains("A sign-on was denied as not yours"), "{page}");
        assert!(
            page.contains(r#"<time datetime="2030-01-01T00:10:00Z">2030-01-01 00:10 UTC</time> from 203.0.113.9."#)
        );
        assert!(page.contains("Their browser: a browser."), "{page}");
        let (_, details) = page.split_once("<summary>What the browser says about itself</summary>").unwrap();
        assert!(details.contains("Strange") && !page.contains("<b>Strange"), "{page}");
        assert_eq!(page.matches("Strange").count(), 1, "only where it is asked for: {page}");
    }
    // The notice stays for thirty days.
    let sweep = || server.runtime.block_on(server.app.sweep()).unwrap();
    server.clock.advance(30 * 24 * 3_600_000 - 3_600_000);
    sweep();
    assert_eq!(server.count("denial"), 1);
    server.clock.advance(1);
    sweep();
    assert_eq!(server.count("denial"), 0);
}

/// If the journey captures the failure to send, the owner gets in by another factor while pushes are stopped.
#[test]
fn while_pushes_are_stopped_a_journey_may_let_the_owner_in_by_a_recovery_code() {
    let setup =
        Setup::new().with(REGISTRATION, "deviceKey", json!("required")).with(SENDER, "captureFailure", json!(true));
    let collector = node_id(&setup.journey, "RecoveryCodeCollectorDecisionNode");
    let server = setup.connect(SENDER, "FAILURE", &collector).start();
    let (step, key) = (server.at_qr_code(), Key::make());
    let phone = scan_with(&server, &step, &key, "tee", "none");
    assert_eq!(phone.register(&server).status, 200);
    let step = server.next(&step);
    let codes = recovery_codes(&step);
    let step = server.next(&step);
    assert_eq!(accept(&server, &phone, &key, &phone.only_message(&server), &step).status, 200);
    server.finish(&step);
    server.after_password();
    assert_eq!(deny(&server, &phone, &key, &phone.only_message(&server), Some("not-me")).status, 200);
    let step = server.after_password();
    let cookie = format!("{COOKIE}={}", server.finish(&fill(&step, 0, json!(codes[0]))));
    let page = server.request("GET", "/am/XUI/profile", &[("Cookie", &cookie)], b"").text();
    assert!(page.contains("No sign-on is sent to your phones") && page.contains("A sign-on was denied as not yours"));
}

#[test]
fn it_was_not_me_ends_a_code_that_waits_for_a_phone() {
    let server = start_with("required");
    let (step, waiting) = (server.at_qr_code(), server.at_qr_code());
    let key = Key::make();
    let phone = scan_with(&server, &step, &key, "tee", "none");
    assert_eq!(phone.register(&server).status, 200);
    let step = server.next(&server.next(&step));
    assert_eq!(accept(&server, &phone, &key, &phone.only_message(&server), &step).status, 200);
    server.after_password();
    let strangers = Key::make();
    let stranger = scan_with(&server, &waiting, &strangers, "tee", "none");
    assert_eq!(deny(&server, &phone, &key, &phone.only_message(&server), Some("not-me")).status, 200);
    assert_mute(&stranger.register(&server));
    assert_eq!(server.count("device"), 1);
    assert!(server.fail(&waiting).contains("with the password alone"));
}

#[test]
fn a_freeze_without_end_waits_for_an_administrator() {
    use push_authenticator::ports::SystemEntropy;
    use push_authenticator::server::open_data;
    use push_authenticator::server::store::{StoreError, users};
    let server = Setup::new()
        .with(REGISTRATION, "deviceKey", json!("required"))
        .configure(|configuration| configuration.push.freeze_minutes = 0)
        .start();
    let (phone, key) = enrolled(&server, "tee", "none");
    server.after_password();
    assert_eq!(deny(&server, &phone, &key, &phone.only_message(&server), Some("not-me")).status, 200);
    server.clock.advance(400 * 24 * 3_600_000);
    assert!(withheld(&server.after_password()).contains("until an administrator allows it"));
    let (_, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    let now = server.clock.now();
    let lifted: Result<bool, StoreError> = store.run_blocking(move |sql| users::unfreeze(sql, USER, now));
    assert!(lifted.unwrap());
    server.after_password();
    assert_eq!(phone.messages(&server).len(), 1);
}

#[test]
fn settings_that_would_do_nothing_are_refused() {
    use push_authenticator::server::journey::tree;
    for (node, key, value, said) in [
        (REGISTRATION, "minimumKeyLevel", json!("tee"), "minimumKeyLevel"),
        (SENDER, "minimumKeyLevel", json!("tee"), "minimumKeyLevel"),
        (REGISTRATION, "deviceKey", json!("maybe"), "maybe"),
        (SENDER, "deviceKey", json!("REQUIRED"), "REQUIRED"),
        (SENDER, "minimumKeyLevel", json!("granite"), "granite"),
    ] {
        let journey = Setup::new().with(node, key, value).journey.to_string();
        let read = tree::read(&journey, std::path::Path::new("")).ok().unwrap().remove(0);
        let refused = read.not_runnable.unwrap();
        assert!(refused.contains(said), "{refused}");
    }
}

/// An invitation must require what the journey requires, or it would be a way around it.
#[test]
fn an_invitation_asks_for_what_the_journey_asks() {
    use push_authenticator::server::journey::tree;
    use push_authenticator::server::store::device_keys::KeyDemand;
    for (demand, expected) in [("off", KeyDemand::Off), ("required", KeyDemand::Required)] {
        let journey = Setup::new().with(REGISTRATION, "deviceKey", json!(demand)).journey.to_string();
        let journey = tree::read(&journey, std::path::Path::new("")).ok().unwrap().remove(0);
        assert_eq!(journey.key_policy.demand, expected);
    }
}
