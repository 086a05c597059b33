//! Pulls of phones with their own keys: which must be signed, and what a signature is good for.

use push_authenticator::ports::Clock as _;
use push_authenticator::server::push::HintOnly;
use serde_json::{Value, json};

use crate::device_keys::*;
use crate::harness::*;

/// Returns the phone without its key, as someone else who knows the shared secret has it.
fn copied(phone: &Phone) -> Phone {
    Phone { pull_signer: None, ..phone.clone() }
}

/// Pulls with a proof in which `change` has altered the correct claims.
fn pull_proved(
    server: &Server,
    phone: &Phone,
    key: &Key,
    change: impl FnOnce(&Value, &mut Value) -> Option<String>,
) -> Response {
    let mut pull = copied(phone).pull_claims(server, 0);
    let mut proof = pull_proof_claims(&origin(server), key, &pull);
    let token = change(&pull, &mut proof).unwrap_or_else(|| key.sign("pull", &proof));
    pull["proof"] = json!(token);
    phone.pull_with(server, &pull)
}

fn refusals(server: &Server) -> i64 {
    server.count("audit WHERE event = 'push-pull'")
}

#[test]
fn a_key_that_signs_without_a_person_has_to_sign_every_pull() {
    let server = start_with("required");
    let (phone, key, step) = registered(&server, "tee", "none");
    assert_mute(&copied(&phone).pull(&server, 0));
    assert_eq!(last_audit(&server), "push-pull proof-missing");
    assert_eq!(
        server.text("SELECT user || ' ' || (device IS NOT NULL) FROM audit WHERE event = 'push-pull'"),
        "demo 1"
    );
    // A phone that keeps asking is logged once a minute.
    assert_mute(&copied(&phone).pull(&server, 0));
    assert_eq!(refusals(&server), 1);
    server.clock.advance(60_001);
    assert_mute(&copied(&phone).pull(&server, 0));
    assert_eq!(refusals(&server), 2);
    assert_eq!(accept(&server, &phone, &key, &phone.only_message(&server), &step).status, 200);
    server.finish(&step);
}

/// A claim, a function from the time in epoch seconds to its value, and the name of the rejection.
type Alteration = (&'static str, fn(i64) -> Value, &'static str);

#[test]
fn every_claim_of_a_pulls_proof_that_is_altered_is_refused_by_name() {
    let server = start_with("required");
    let (phone, key, _) = registered(&server, "tee", "none");
    let altered: [Alteration; 11] = [
        ("sub", |_| json!("mechanism-of-another"), "proof-subject"),
        ("sub", |_| Value::Null, "proof-signature"),
        ("aud", |_| json!("https://login.example.com"), "proof-audience"),
        ("aud", |_| json!("pending"), "proof-audience"),
        ("iat", |now| json!(now - 1), "proof-times"),
        ("iat", |now| json!(now + 1), "proof-times"),
        ("exp", |now| json!(now), "proof-times"),
        ("exp", |now| json!(now + 301), "proof-times"),
        ("nonce", |_| json!("AAECAwQFBgcICQoLDA0ODw"), "proof-nonce"),
        ("jkt", |_| json!(sha256(&Key::make().jwk)), "proof-thumbprint"),
        ("wait", |_| json!(0), "proof-signature"),
    ];
    for (claim, value, name) in altered {
        // The same rejection is logged once a minute.
        server.clock.advance(60_001);
        let value = value(server.clock.now() / 1000);
        let response = pull_proved(&server, &phone, &key, |_, proof| {
            match value.clone() {
                Value::Null => drop(proof.as_object_mut().unwrap().remove(claim)),
                value => proof[claim] = value,
            }
            None
        });
        assert_mute(&response);
        assert_eq!(last_audit(&server), format!("push-pull {name}"), "{claim} {value}");
    }
    let by_another = |_: &Value, proof: &mut Value| Some(Key::make().sign("pull", proof));
    assert_mute(&pull_proved(&server, &phone, &key, by_another));
    for kind in ["answer", "registration"] {
        assert_mute(&pull_proved(&server, &phone, &key, |_, proof| Some(key.sign(kind, proof))));
    }
    assert_mute(&pull_proved(&server, &phone, &key, |_, _| Some(String::new())));
    // The same claims beside a pull with another time.
    let mut pull = copied(&phone).pull_claims(&server, 0);
    pull["proof"] = json!(key.sign("pull", &pull_proof_claims(&origin(&server), &key, &pull)));
    pull["iat"] = json!(server.clock.now() / 1000 - 5);
    assert_mute(&phone.pull_with(&server, &pull));
    assert_eq!(pull_proved(&server, &phone, &key, |_, _| None).status, 200);
}

#[test]
fn a_captured_proof_is_good_for_its_pull_device_and_server_only() {
    let server = start_with("required");
    let (phone, key, _) = registered(&server, "tee", "none");
    let pull = phone.pull_claims(&server, 0);
    assert_eq!(phone.pull_with(&server, &pull).status, 200);
    // The same pull again, and its proof with the same nonce in a pull made separately.
    assert_eq!(phone.pull_with(&server, &pull).refused(400), "replayed");
    let mut other = pull.clone();
    other["wait"] = json!(1);
    assert_eq!(phone.pull_with(&server, &other).refused(400), "replayed");
    // Its proof with another nonce; and, once the server has forgotten the nonce, with another time.
    let mut fresh = copied(&phone).pull_claims(&server, 0);
    fresh["proof"] = pull["proof"].clone();
    assert_mute(&phone.pull_with(&server, &fresh));
    assert_eq!(last_audit(&server), "push-pull proof-nonce");
    server.clock.advance(901_000);
    assert_eq!(phone.pull_with(&server, &pull).refused(400), "clock");
    let mut late = pull.clone();
    late["iat"] = json!(server.clock.now() / 1000);
    assert_mute(&phone.pull_with(&server, &late));
    assert_eq!(last_audit(&server), "push-pull proof-times");

    // Another phone with the same key at the same server.
    server.add_user("other", PASSWORD, None);
    let step = server.next(&fill(&server.sign_on_as("other", PASSWORD).json(), 1, json!(0)));
    let second = scan_with(&server, &step, &key, "tee", "none");
    assert_eq!(second.register(&server).status, 200);
    let mut pull = copied(&second).pull_claims(&server, 0);
    let mut proof = pull_proof_claims(&origin(&server), &key, &pull);
    proof["sub"] = json!(phone.mechanism);
    pull["proof"] = json!(key.sign("pull", &proof));
    assert_mute(&second.pull_with(&server, &pull));
    assert_eq!(last_audit(&server), "push-pull proof-subject");

    // The same key and the same mechanism uid at another server.
    let third = start_with("required");
    let step = third.at_qr_code();
    let phone = Phone::scan(&step).with("mechanismUid", json!(phone.mechanism));
    let proof = key.sign("registration", &registration_claims(&third, &phone, &key));
    assert_eq!(keyed(&phone, &key, &proof, "tee", "none").register(&third).status, 200);
    let mechanism = phone.claims["mechanismUid"].as_str().unwrap().to_owned();
    let phone = Phone { mechanism, ..phone };
    let mut pull = phone.pull_claims(&third, 0);
    pull["proof"] = json!(key.sign("pull", &pull_proof_claims(&origin(&server), &key, &pull)));
    assert_mute(&phone.pull_with(&third, &pull));
    assert_eq!(last_audit(&third), "push-pull proof-audience");
}

#[test]
fn a_phone_without_a_key_has_nothing_to_prove() {
    let server = start_with("preferred");
    let (phone, _) = server.registered();
    let response = pull_proved(&server, &phone, &Key::make(), |_, _| None);
    assert_mute(&response);
    assert_eq!(last_audit(&server), "push-pull proof-not-asked");
    assert_eq!(phone.messages(&server).len(), 1);
}

/// Asking for a fingerprint at every pull would train users to sign what they have not seen yet.
#[test]
fn a_key_that_takes_a_person_need_not_sign_pulls_and_what_it_signs_is_checked() {
    for presence in ["device", "biometric"] {
        let server = start_with("required");
        let (phone, key, step) = registered(&server, "strongbox", presence);
        assert!(phone.pull_signer.is_none());
        let wrong = |_: &Value, proof: &mut Value| {
            proof["aud"] = json!("https://login.example.com");
            None
        };
        assert_mute(&pull_proved(&server, &phone, &key, wrong));
        assert_eq!(last_audit(&server), "push-pull proof-audience");
        assert_eq!(pull_proved(&server, &phone, &key, |_, _| None).status, 200);
        assert_eq!(accept(&server, &phone, &key, &phone.only_message(&server), &step).status, 200);
        server.finish(&step);
    }
}

#[test]
fn who_gets_hints_may_fetch_and_nobody_else_whom_a_relay_reaches() {
    let setup = |hints| {
        Setup::new()
            .with("PushRegistrationNode", "deviceKey", json!("preferred"))
            .configure(move |settings| settings.push.hint_only = hints)
            .start()
    };
    for (hints, with_key) in [(HintOnly::WhereKnown, true), (HintOnly::WhereKnown, false), (HintOnly::Off, true)] {
        let server = setup(hints);
        let (step, key) = (server.at_qr_code(), Key::make());
        let plain = Phone::scan(&step).with("communicationType", json!("gcm"));
        let phone = if with_key {
            let proof = key.sign("registration", &registration_claims(&server, &plain, &key));
            signing_pulls(&server, keyed(&plain, &key, &proof, "tee", "none"), &key, "none")
        } else {
            plain
        };
        assert_eq!(phone.register(&server).status, 200);
        server.next(&server.next(&step));
        let may_fetch = hints == HintOnly::WhereKnown && with_key;
        assert_eq!(phone.pull(&server, 0).status, if may_fetch { 200 } else { 501 }, "{hints:?} {with_key}");
        if may_fetch {
            assert_eq!(phone.messages(&server).len(), 1);
            assert_mute(&copied(&phone).pull(&server, 0));
        }
    }
}

/// A phone woken by a hint while it waits gets its answer at once.
#[test]
fn a_waiting_pull_of_a_phone_that_gets_hints_is_woken() {
    let server = Setup::new()
        .with("PushRegistrationNode", "deviceKey", json!("preferred"))
        .configure(|settings| settings.push.hint_only = HintOnly::WhereKnown)
        .running_clock()
        .start();
    let (step, key) = (server.at_qr_code(), Key::make());
    let plain = Phone::scan(&step).with("communicationType", json!("gcm"));
    let proof = key.sign("registration", &registration_claims(&server, &plain, &key));
    let phone = signing_pulls(&server, keyed(&plain, &key, &proof, "tee", "none"), &key, "none");
    assert_eq!(phone.register(&server).status, 200);
    let codes = server.next(&step);
    std::thread::scope(|scope| {
        let began = std::time::Instant::now();
        let waiting = scope.spawn(|| phone.pull(&server, 30));
        while server.count("used_token") == 0 {
            std::thread::yield_now();
        }
        server.next(&codes);
        let response = waiting.join().unwrap();
        assert_eq!(phone.read_messages(&response.json()).len(), 1);
        assert!(began.elapsed() < std::time::Duration::from_secs(15), "{:?}", began.elapsed());
    });
}
