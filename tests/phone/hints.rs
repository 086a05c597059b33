//! Hints, and pulls signed by an account's own key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use push_authenticator::phone::{
    Ask, Enrolment, EventKind, Hinted, KeySignature, PhoneError, PullRequest, Pulled, Received, Signed, ToSign,
    UserPresence,
};
use push_authenticator::protocol::proof::ProofError;
use serde_json::{Value, json};

use crate::device_key::*;
use crate::support::*;

fn hint(credential: &Credential, number: u8) -> Vec<u8> {
    json!({"messageId": message_id(number), "mechanismUid": credential.mechanism_uid}).to_string().into_bytes()
}

fn hinted(received: Result<Received, PhoneError>) -> Hinted {
    match received {
        Ok(Received::Hint(hinted)) => hinted,
        other => panic!("{other:?}"),
    }
}

/// Returns everything in the vault that a push could change.
fn state(world: &World) -> Vec<Vec<String>> {
    let sql = world.sql();
    ["notification", "replay", "outbox", "event"]
        .iter()
        .map(|table| {
            let mut statement = sql.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = statement.column_count();
            let row = |row: &rusqlite::Row<'_>| {
                Ok((0..columns).map(|index| format!("{:?}", row.get_ref(index).unwrap())).collect::<Vec<_>>().join(" "))
            };
            statement.query_map([], row).unwrap().map(Result::unwrap).collect()
        })
        .collect()
}

#[test]
fn a_hint_says_which_account_to_ask_for_and_changes_nothing() {
    let world = World::new();
    let credential = world.active_with(&keyed_code(), software());
    let other = world.active_with(&code_for("Ping:other", &[("m", Some("other"))]), enrolment());
    let before = state(&world);
    let expected = Hinted { account_id: credential.account_id.clone(), message_id: message_id(1) };
    for _ in 0..3 {
        assert_eq!(hinted(world.phone.receive(&hint(&credential, 1))), expected);
    }
    assert_eq!(hinted(world.phone.receive(&hint(&other, 1))).account_id, other.account_id);
    assert_eq!(state(&world), before);

    let pull = world.phone.pull_account(&expected.account_id, 0).unwrap();
    assert_eq!(pull.account_id, credential.account_id);
    let listed = json!({"messages": [{"messageId": message_id(1), "message": credential.push(1, json!({}))}]});
    world.phone.pulled(&pull, response_with(200, listed)).unwrap();
    // From now on, the same hint is the sign-on request, and stays so after the user answers it.
    let request = match world.phone.receive(&hint(&credential, 1)).unwrap() {
        Received::Message(request) => *request,
        Received::Hint(hinted) => panic!("{hinted:?}"),
    };
    assert_eq!((request.ask, request.account_id), (Ask::Tap, credential.account_id.clone()));
    world.phone.deny(&request.id).unwrap();
    let after = state(&world);
    assert!(matches!(world.phone.receive(&hint(&credential, 1)), Ok(Received::Message(_))));
    assert_eq!(state(&world), after);
    // The same id at another account is another message.
    hinted(world.phone.receive(&hint(&other, 1)));
}

#[test]
fn hints_that_lead_nowhere_are_refused_by_name() {
    let world = World::new();
    let credential = world.active();
    for (uid, id, error) in [
        (json!("another"), json!("id"), PhoneError::UnknownCredential),
        (json!(""), json!("id"), PhoneError::HintMalformed),
        (json!("with space"), json!("id"), PhoneError::HintMalformed),
        (json!("u".repeat(129)), json!("id"), PhoneError::HintMalformed),
        (json!(credential.mechanism_uid), json!(""), PhoneError::HintMalformed),
        (json!(credential.mechanism_uid), json!("i".repeat(257)), PhoneError::HintMalformed),
        (json!(credential.mechanism_uid), json!(5), PhoneError::MessageIdInvalid),
        (json!(credential.mechanism_uid), Value::Null, PhoneError::MessageIdMissing),
        (json!(5), json!("id"), PhoneError::PayloadUnreadable),
    ] {
        let payload = json!({"data": {"mechanismUid": uid, "messageId": id}}).to_string();
        assert_eq!(world.phone.receive(payload.as_bytes()), Err(error), "{payload}");
    }
    let details: Vec<String> = world
        .phone
        .events(20)
        .unwrap()
        .into_iter()
        .filter_map(|event| (event.kind == EventKind::MessageRefused).then(|| event.detail.unwrap()))
        .collect();
    assert!(details.contains(&"hint-malformed".to_owned()) && details.contains(&"unknown-credential".to_owned()));
    assert_eq!(world.phone.pending().unwrap(), []);
}

#[test]
fn a_hint_reaches_an_account_whose_registration_is_not_confirmed() {
    let world = World::new();
    let account = world.enrol(&code(&[])).unwrap();
    let request = only(world.phone.due().unwrap());
    let credential = Credential { account_id: account.id, mechanism_uid: mechanism_uid(&request) };
    assert_eq!(world.phone.pull(0).unwrap(), []);
    let account = hinted(world.phone.receive(&hint(&credential, 1))).account_id;
    assert_eq!(world.phone.pull_account(&account, 0).unwrap().account_id, credential.account_id);
    assert_eq!(world.phone.pull_account("nonsense", 0), Err(PhoneError::AccountNotFound));
    assert_eq!(world.phone.pull_account(&"0".repeat(32), 0), Err(PhoneError::AccountNotFound));
}

/// Returns the claims of a pull, and of its proof if it has one.
fn claims(pull: &PullRequest) -> Value {
    claims_of(&pull.body, &SECRET)
}

fn expected_proof(credential: &Credential, jwk: &Value, pull: &Value, iat: i64) -> Value {
    json!({
        "sub": credential.mechanism_uid,
        "aud": "https://am.example.com",
        "iat": iat,
        "exp": iat + 300,
        "nonce": pull["nonce"],
        "jkt": sha256(jwk),
    })
}

#[test]
fn a_key_in_software_signs_every_pull_by_itself() {
    let world = World::new();
    let account = world.phone.enrol(world.phone.preview(&keyed_code()).unwrap(), software()).unwrap();
    let request = only(world.phone.due().unwrap());
    let jwk = claims_of(&request.body, &SECRET)["jwk"].clone();
    world.phone.delivered(&request.id, response(200)).unwrap();
    let credential = Credential { account_id: account.id, mechanism_uid: mechanism_uid(&request) };
    let pulls = [only(world.phone.pull(7).unwrap()), world.phone.pull_account(&credential.account_id, 7).unwrap()];
    for pull in &pulls {
        let claims = claims(pull);
        assert_eq!((&claims["sub"], &claims["wait"]), (&json!(credential.mechanism_uid), &json!(7)));
        assert_eq!(URL_SAFE_NO_PAD.decode(claims["nonce"].as_str().unwrap()).unwrap().len(), 16);
        let proof = proved(&jwk, "pull", &claims["proof"]);
        assert_eq!(proof, expected_proof(&credential, &jwk, &claims, NOW / 1000));
    }
    assert_ne!(claims(&pulls[0])["nonce"], claims(&pulls[1])["nonce"]);
    assert_eq!(world.phone.pulls_to_sign().unwrap(), []);
    let signed = Signed { bytes: Vec::new(), signature: KeySignature::Fixed(vec![0; 64]) };
    assert_eq!(world.phone.pull_signed(&credential.account_id, 0, &signed), Err(PhoneError::NoDeviceKey));
}

#[test]
fn a_key_in_hardware_that_needs_nobody_signs_pulls_outside_of_the_core() {
    let world = World::new();
    let (credential, chip) = with_chip(&world, UserPresence::None);
    assert_eq!(world.phone.pull(0).unwrap(), [], "not without its signature");
    assert_eq!(world.phone.pull_account(&credential.account_id, 0), Err(PhoneError::SignatureNeeded));
    let to_sign = only(world.phone.pulls_to_sign().unwrap());
    assert_eq!(to_sign.account_id, credential.account_id);
    let signed = chip.sign(&to_sign.to_sign);
    world.clock.advance(10_000);
    let pull = world.phone.pull_signed(&credential.account_id, 99, &signed).unwrap();
    assert_eq!(pull.url, "https://am.example.com/am/push/sns/message?_action=pending");
    let claims = claims(&pull);
    assert_eq!((&claims["iat"], &claims["wait"]), (&json!(NOW / 1000), &json!(30)));
    let proof = proved(&chip.jwk(), "pull", &claims["proof"]);
    assert_eq!(proof, expected_proof(&credential, &chip.jwk(), &claims, NOW / 1000));
    let listed = json!({"messages": [{"messageId": message_id(1), "message": credential.push(1, json!({}))}]});
    assert!(matches!(world.phone.pulled(&pull, response_with(200, listed)), Ok(Pulled::Messages { .. })));
    assert_eq!(world.phone.pending().unwrap().len(), 1);
}

#[test]
fn what_was_signed_for_something_else_makes_no_pull() {
    let world = World::new();
    let (credential, chip) = with_chip(&world, UserPresence::None);
    let to_sign = only(world.phone.pulls_to_sign().unwrap()).to_sign;
    let refused = |signed: &Signed, error: ProofError| {
        let result = world.phone.pull_signed(&credential.account_id, 0, signed);
        assert_eq!(result, Err(PhoneError::SignatureRefused(error)));
    };
    let input = String::from_utf8(to_sign.bytes.clone()).unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let right: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let with = |claim: &str, value: Value| {
        let mut claims = right.clone();
        claims[claim] = value;
        let bytes = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string())).into_bytes();
        chip.sign(&ToSign { bytes })
    };
    refused(&with("sub", json!("another")), ProofError::Subject);
    refused(&with("aud", json!("https://other.example.com")), ProofError::Audience);
    refused(&with("exp", json!(NOW / 1000 + 301)), ProofError::Times);
    refused(&with("jkt", json!("another")), ProofError::Thumbprint);
    refused(&with("iat", json!(NOW / 1000 + 301)), ProofError::Times);
    let another = Chip::make().sign(&to_sign);
    let result = world.phone.pull_signed(&credential.account_id, 0, &another).unwrap_err();
    assert_eq!(result.code(), "signature-refused");
    credential.send(&world.phone, 1, json!({})).unwrap();
    let request = only(world.phone.pending().unwrap());
    let answer = chip.sign(&world.phone.approval_to_sign(&request.id, None).unwrap());
    assert_eq!(
        world.phone.pull_signed(&credential.account_id, 0, &answer).unwrap_err().code(),
        "signature-refused",
        "an answer is no pull"
    );
    // And a pull's signature is no answer.
    let pull = chip.sign(&to_sign);
    let denied = world.phone.deny_signed(&request.id, None, &pull).unwrap_err();
    assert_eq!(denied.code(), "signature-refused");
    world.phone.pull_signed(&credential.account_id, 0, &pull).unwrap();
    world.clock.advance(361_000);
    refused(&pull, ProofError::Expired);
}

#[test]
fn a_key_that_takes_a_person_signs_no_pull_and_the_account_is_asked_for_all_the_same() {
    for presence in [UserPresence::Device, UserPresence::Biometric] {
        let world = World::new();
        let (credential, chip) = with_chip(&world, presence);
        let pull = only(world.phone.pull(0).unwrap());
        assert!(claims(&pull).get("proof").is_none());
        assert!(claims(&world.phone.pull_account(&credential.account_id, 0).unwrap()).get("proof").is_none());
        assert_eq!(world.phone.pulls_to_sign().unwrap(), []);
        let signed = chip.sign(&ToSign { bytes: b"a.b".to_vec() });
        assert_eq!(world.phone.pull_signed(&credential.account_id, 0, &signed), Err(PhoneError::NoDeviceKey));
    }
}

#[test]
fn an_invalidated_key_asks_for_nothing() {
    let world = World::new();
    let (credential, chip) = with_chip(&world, UserPresence::None);
    let signed = chip.sign(&only(world.phone.pulls_to_sign().unwrap()).to_sign);
    world.phone.device_key_invalidated(&credential.account_id).unwrap();
    assert_eq!((world.phone.pull(0).unwrap(), world.phone.pulls_to_sign().unwrap()), (Vec::new(), Vec::new()));
    let account = &credential.account_id;
    assert_eq!(world.phone.pull_account(account, 0), Err(PhoneError::DeviceKeyInvalidated));
    assert_eq!(world.phone.pull_signed(account, 0, &signed), Err(PhoneError::DeviceKeyInvalidated));
}

#[test]
fn an_edited_key_signs_no_pull_and_holds_up_no_other() {
    let world = World::new();
    let (edited, _) = with_chip(&world, UserPresence::None);
    let other = world.active_with(&code_for("Ping:other", &[("m", Some("other"))]), Enrolment { ..enrolment() });
    // As if nothing had to be signed.
    world.sql().execute("UPDATE device_key SET presence = 'none', level = 'tee'", []).unwrap();
    assert_eq!(world.phone.pulls_to_sign().unwrap(), []);
    assert_eq!(only(world.phone.pull(0).unwrap()).account_id, other.account_id);
    assert_eq!(world.phone.pull_account(&edited.account_id, 0).unwrap_err().code(), "vault-tampered");
    world.sql().execute("UPDATE device_key SET presence = 'biometric', level = 'strongbox'", []).unwrap();
    assert_eq!(only(world.phone.pull(0).unwrap()).account_id, other.account_id);
    assert_eq!(world.phone.pull_account(&edited.account_id, 0).unwrap_err().code(), "vault-tampered");
}
