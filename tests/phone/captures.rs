//! Messages recorded from a real phone SDK: what it received and what it sent back. Our answers have the same bytes.

use push_authenticator::phone::{CommunicationType, CredentialKind, Device, Enrolment, Evidence, Phone, PhoneError};
use push_authenticator::protocol::jws::JwsError;
use push_authenticator::protocol::message::MessageError;
use ring::digest;
use serde_json::Value;

use crate::support::*;

fn cases() -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../vectors/captures/legacy-android-sdk.json")).unwrap();
    file["cases"].as_array().unwrap().clone()
}

fn case(name: &str) -> Value {
    cases().into_iter().find(|case| case["case"] == name).unwrap_or_else(|| panic!("no case {name}"))
}

fn sha256(text: &str) -> Vec<u8> {
    digest::digest(&digest::SHA256, text.as_bytes()).as_ref().to_vec()
}

fn sent_body(case: &Value) -> &[u8] {
    case["sent"][0]["body"].as_str().unwrap().as_bytes()
}

/// A time at which every recorded message except the expired one is fresh.
const RECORDED_AT: i64 = 1_795_539_004_000;

/// Returns a phone with the recorded account, whose mechanism uid comes from the scripted entropy.
fn recorded() -> World {
    let world = World::new();
    world.clock.set(RECORDED_AT);
    let register = case("register (pushauth, 200 {})");
    let uid = register["claims"]["mechanismUid"].as_str().unwrap().replace('-', "");
    world.entropy.next_is(u128::from_str_radix(&uid, 16).unwrap().to_be_bytes());
    let device = Device {
        name: "Google Pixel 8".into(),
        push_token: "fcm-token-legacy-0123456789".into(),
        communication_type: CommunicationType::Gcm,
        ..device()
    };
    let preview = world.phone.preview(register["uri"].as_str().unwrap()).unwrap();
    world.phone.enrol(preview, Enrolment { device, slot: Some(&Finger), ..enrolment() }).unwrap();
    let request = only(world.phone.due().unwrap());

    assert_eq!(request.url, format!("http://127.0.0.1:19081{}", path(&register)));
    for name in ["Accept-API-Version", "Cookie"] {
        let recorded = register["sent"][0]["headers"][name].as_str().unwrap();
        assert!(request.headers.contains(&(name.to_owned(), recorded.to_owned())), "{name}");
    }
    // Claims of a registration are equal as values; their order is that of the SDK's hash map.
    assert_eq!(claims_of(&request.body, &sha256("rig secret")), register["claims"]);
    let (ours, theirs): (Value, Value) =
        (serde_json::from_slice(&request.body).unwrap(), serde_json::from_slice(sent_body(&register)).unwrap());
    assert_eq!(ours["messageId"], theirs["messageId"]);
    assert_eq!(ours["jwt"].as_str().unwrap().len(), theirs["jwt"].as_str().unwrap().len());
    world.phone.delivered(&request.id, response(200)).unwrap();
    world
}

fn path(case: &Value) -> String {
    let request = case["sent"][0]["request"].as_str().unwrap();
    request.split(' ').nth(1).unwrap().to_owned()
}

fn receive(phone: &Phone, name: &str) -> Result<String, PhoneError> {
    let message = case(name);
    phone
        .receive_message(message["messageId"].as_str().unwrap(), message["message"].as_str().unwrap())
        .map(|notification| notification.id)
}

/// Answers the recorded message and compares the result with the recorded HTTP request.
fn answer(world: &World, message: &str, recorded: &str, act: impl FnOnce(&Phone, &str)) {
    let id = receive(&world.phone, message).unwrap();
    act(&world.phone, &id);
    let request = only(world.phone.due().unwrap());
    let recorded = case(recorded);
    assert_eq!(String::from_utf8_lossy(&request.body), String::from_utf8_lossy(sent_body(&recorded)), "{message}");
    assert_eq!(request.url, format!("http://127.0.0.1:19081{}", path(&recorded)));
    let cookie = request.headers.iter().find(|(name, _)| name == "Cookie").map(|(_, value)| value.as_str());
    assert_eq!(cookie, recorded["sent"][0]["headers"]["Cookie"].as_str(), "{message}");
    world.phone.delivered(&request.id, response(200)).unwrap();
}

#[test]
fn answers_are_the_recorded_bytes() {
    let world = recorded();
    let tap = |phone: &Phone, id: &str| phone.approve(id, Evidence::Tap).unwrap();
    let deny = |phone: &Phone, id: &str| phone.deny(id).unwrap();
    answer(&world, "message default", "accept", tap);
    answer(&world, "message default 2", "deny", deny);
    answer(&world, "message challenge n=34,43,57", "accept with number 43", |phone, id| {
        phone.approve(id, Evidence::Number("43".into())).unwrap();
    });
    answer(&world, "message challenge, denied", "deny a challenge", deny);
    answer(&world, "message biometric", "accept biometric", |phone, id| {
        let slot = Finger.unwrap(&phone.biometric_challenge(id).unwrap());
        phone.approve(id, Evidence::Biometric(slot)).unwrap();
    });
    answer(&world, "message full context", "accept full", tap);
    answer(&world, "message without i, t, l, k, m", "accept minimal (no cookie in message)", tap);
    answer(&world, "header without typ", "accept no-typ", tap);
    answer(&world, "server says 400", "accept, server 400", tap);
}

#[test]
fn what_the_sdk_mistook_or_refused_is_refused_by_name() {
    let world = recorded();
    let id = receive(&world.phone, "message challenge, accepted without number").unwrap();
    assert_eq!(world.phone.approve(&id, Evidence::Tap), Err(PhoneError::NumberNeeded));
    for (name, error) in [
        ("wrong signature", PhoneError::Message(MessageError::Signature(JwsError::WrongSignature))),
        ("unknown mechanism u", PhoneError::UnknownCredential),
        ("expired (i 10 min ago, t 120)", PhoneError::Expired),
        ("unknown push type k=foo", PhoneError::Message(MessageError::UnknownPushType("foo".into()))),
        ("challenge c in base64url unpadded", PhoneError::Message(MessageError::BadChallenge)),
    ] {
        assert_eq!(receive(&world.phone, name), Err(error), "{name}");
    }
}

/// The SDK crashes on claims that are JSON numbers; this core reads them.
#[test]
fn claims_as_numbers_are_read() {
    let world = recorded();
    let numbers = cases().into_iter().find(|case| {
        let name = case["case"].as_str().unwrap();
        case["message"].is_string() && name.contains("number") && !name.contains("challenge")
    });
    let name = numbers.unwrap()["case"].as_str().unwrap().to_owned();
    assert!(receive(&world.phone, &name).is_ok(), "{name}");
}

#[test]
fn every_recorded_registration_code_is_previewed_or_refused_by_name() {
    let phone = World::new().phone;
    let mut seen = 0;
    for case in cases().iter().filter(|case| case["uri"].is_string()) {
        let (name, uri) = (case["case"].as_str().unwrap(), case["uri"].as_str().unwrap());
        let read = phone.preview(uri).map(|preview| preview.kinds).map_err(|error| error.code());
        let expected = match uri.split_once("://").unwrap().0 {
            "pushauth" if name == "register without c and m" => Err("missing-parameter"),
            "pushauth" => Ok(vec![CredentialKind::Push]),
            "mfauth" => Ok(vec![CredentialKind::Push, CredentialKind::Totp]),
            _ => Ok(vec![CredentialKind::Totp]),
        };
        assert_eq!(read, expected, "{name}");
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
    let openam = case("register: OpenAM label forgerock:user, issuer differs");
    let preview = phone.preview(openam["uri"].as_str().unwrap()).unwrap();
    assert_eq!((preview.issuer.as_str(), preview.account.as_str()), ("Acme", "bob"), "the parameter wins");
}

#[test]
fn a_changed_token_is_told_with_the_recorded_claims_and_the_time_of_signing() {
    let world = recorded();
    let recorded = case("device token update");
    world.phone.set_push_token("new-fcm-token-9876", CommunicationType::Gcm).unwrap();
    let request = only(world.phone.due().unwrap());
    let mut claims = claims_of(&request.body, &sha256("rig secret"));
    assert_eq!(claims.as_object_mut().unwrap().remove("iat"), Some((RECORDED_AT / 1000).into()));
    assert_eq!(claims, recorded["claims"]);
    assert_eq!(request.url, format!("http://127.0.0.1:19081{}", path(&recorded)));
    let (ours, theirs): (Value, Value) =
        (serde_json::from_slice(&request.body).unwrap(), serde_json::from_slice(sent_body(&recorded)).unwrap());
    assert_eq!(ours["mechanismUid"], theirs["mechanismUid"]);
    assert!(request.headers.iter().all(|(name, _)| name != "Cookie"));
}
