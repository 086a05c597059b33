//! Approving and denying: which evidence is accepted, and what is signed.

use push_authenticator::phone::{
    AccountState, DeviceFacts, Enrolment, Evidence, NotificationState, PhoneError, RequestKind,
};
use push_authenticator::secret::SecretBytes;
use serde_json::{Value, json};

use crate::support::*;

fn number(text: &str) -> Evidence {
    Evidence::Number(text.to_owned())
}

fn challenge() -> Value {
    json!({"k": "challenge", "n": "34,43,57"})
}

#[test]
fn an_answer_is_signed_and_addressed() {
    let world = World::new();
    let credential = world.active();
    let notification = credential.send(&world.phone, 1, json!({})).unwrap();
    world.phone.approve(&notification.id, Evidence::Tap).unwrap();
    assert_eq!(world.phone.notification(&notification.id).unwrap().state, NotificationState::Answering);
    let request = only(world.phone.due().unwrap());
    assert_eq!((request.kind, request.url.as_str()), (RequestKind::Answer, AUTHENTICATE));
    assert!(request.headers.contains(&("Cookie".into(), "amlbcookie=02".into())), "the message's own cookie");
    assert_eq!(request.not_after, Some(NOW + 180_000));
    let claims = claims_of(&request.body, &SECRET);
    assert_eq!(claims.as_object().unwrap().keys().collect::<Vec<_>>(), ["response"]);
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(body["messageId"], message_id(1));
}

#[test]
fn a_message_without_cookie_is_answered_without() {
    let world = World::new();
    let credential = world.active();
    let notification = credential.send(&world.phone, 1, json!({"l": null})).unwrap();
    world.phone.deny(&notification.id).unwrap();
    let request = only(world.phone.due().unwrap());
    assert!(request.headers.iter().all(|(name, _)| name != "Cookie"));
    assert_eq!(claims_of(&request.body, &SECRET)["deny"], true);
}

#[test]
fn a_number_has_to_be_one_of_those_shown_and_a_plain_accept_is_not_enough() {
    let world = World::new();
    let credential = world.active_with(&code(&[]), Enrolment { slot: Some(&Finger), ..enrolment() });
    let id = credential.send(&world.phone, 1, challenge()).unwrap().id;
    let slot = || Finger.unwrap(&world.phone.biometric_challenge(&id).unwrap());
    assert_eq!(world.phone.approve(&id, Evidence::Tap), Err(PhoneError::NumberNeeded));
    assert_eq!(world.phone.approve(&id, Evidence::Biometric(slot())), Err(PhoneError::NumberNeeded));
    for wrong in ["", "35", "34,43", "034", " 34"] {
        assert_eq!(world.phone.approve(&id, number(wrong)), Err(PhoneError::NumberNotOffered), "{wrong}");
    }
    assert_eq!(world.phone.outbox().unwrap(), []);
    world.phone.approve(&id, number("43")).unwrap();
    let claims = claims_of(&only(world.phone.due().unwrap()).body, &SECRET);
    assert_eq!(claims["challengeResponse"], "43");
}

#[test]
fn a_tap_message_takes_a_tap_or_a_biometric_and_no_number() {
    let world = World::new();
    let credential = world.active_with(&code(&[]), Enrolment { slot: Some(&Finger), ..enrolment() });
    let first = credential.send(&world.phone, 1, json!({})).unwrap().id;
    assert_eq!(world.phone.approve(&first, number("43")), Err(PhoneError::NumberNotAsked));
    world.phone.approve(&first, Evidence::Tap).unwrap();
    let second = credential.send(&world.phone, 2, json!({})).unwrap().id;
    let slot = Finger.unwrap(&world.phone.biometric_challenge(&second).unwrap());
    world.phone.approve(&second, Evidence::Biometric(slot)).unwrap();
}

#[test]
fn a_biometric_message_takes_the_right_slot_only() {
    let world = World::new();
    let credential = world.active_with(&code(&[]), Enrolment { slot: Some(&Finger), ..enrolment() });
    assert!(only(world.phone.accounts().unwrap()).has_biometric_slot);
    let id = credential.send(&world.phone, 1, json!({"k": "biometric"})).unwrap().id;
    let wrapped = world.phone.biometric_challenge(&id).unwrap();
    assert_eq!(world.phone.approve(&id, Evidence::Tap), Err(PhoneError::BiometricNeeded));
    assert_eq!(world.phone.approve(&id, number("1")), Err(PhoneError::BiometricNeeded));
    for wrong in [Vec::new(), vec![0; 32], wrapped.clone()] {
        let evidence = Evidence::Biometric(SecretBytes::new(wrong));
        assert_eq!(world.phone.approve(&id, evidence), Err(PhoneError::BiometricRefused));
    }
    world.phone.approve(&id, Evidence::Biometric(Finger.unwrap(&wrapped))).unwrap();
    let claims = claims_of(&only(world.phone.due().unwrap()).body, &SECRET);
    assert_eq!(claims.as_object().unwrap().len(), 1);
}

#[test]
fn without_a_slot_a_biometric_message_can_only_be_denied() {
    let world = World::new();
    let credential = world.active();
    let id = credential.send(&world.phone, 1, json!({"k": "biometric"})).unwrap().id;
    assert_eq!(world.phone.biometric_challenge(&id), Err(PhoneError::NoBiometricSlot));
    let evidence = Evidence::Biometric(SecretBytes::new(vec![0; 32]));
    assert_eq!(world.phone.approve(&id, evidence), Err(PhoneError::NoBiometricSlot));
    world.phone.deny(&id).unwrap();
}

#[test]
fn the_slot_of_another_account_is_refused() {
    let world = World::new();
    let slot = || Enrolment { slot: Some(&Finger), ..enrolment() };
    let first = world.active_with(&code(&[]), slot());
    let second = world.active_with(&code_for("Ping:other", &[("m", Some("other"))]), slot());
    let one = first.send(&world.phone, 1, json!({"k": "biometric"})).unwrap().id;
    let other = second.send(&world.phone, 2, json!({"k": "biometric"})).unwrap().id;
    let evidence = Evidence::Biometric(Finger.unwrap(&world.phone.biometric_challenge(&one).unwrap()));
    assert_eq!(world.phone.approve(&other, evidence), Err(PhoneError::BiometricRefused));
}

#[test]
fn a_second_answer_is_refused_whatever_became_of_the_first() {
    let world = World::new();
    let credential = world.active();
    let id = credential.send(&world.phone, 1, json!({})).unwrap().id;
    world.phone.approve(&id, Evidence::Tap).unwrap();
    assert_eq!(world.phone.approve(&id, Evidence::Tap), Err(PhoneError::AlreadyAnswered));
    assert_eq!(world.phone.deny(&id), Err(PhoneError::AlreadyAnswered));
    let request = only(world.phone.due().unwrap());
    world.phone.delivered(&request.id, response(200)).unwrap();
    assert_eq!(world.phone.notification(&id).unwrap().state, NotificationState::Approved);
    assert_eq!(world.phone.deny(&id), Err(PhoneError::AlreadyAnswered));
    assert_eq!(world.phone.outbox().unwrap(), []);
}

#[test]
fn an_expired_message_is_not_answered() {
    let world = World::new();
    let credential = world.active();
    let id = credential.send(&world.phone, 1, json!({})).unwrap().id;
    world.clock.advance(180_001);
    assert_eq!(world.phone.approve(&id, Evidence::Tap), Err(PhoneError::Expired));
    assert_eq!(world.phone.deny(&id), Err(PhoneError::Expired));
    assert_eq!(world.phone.outbox().unwrap(), []);
}

#[test]
fn a_locked_account_denies_and_does_not_approve_until_its_policy_holds_again() {
    let world = World::new();
    let policies = base64(r#"{"deviceTampering": {"score": 0.8}}"#);
    let credential = world.active_with(&code(&[("policies", Some(&policies))]), enrolment());
    assert_eq!(only(world.phone.accounts().unwrap()).state, AccountState::Active);
    let one = credential.send(&world.phone, 1, json!({})).unwrap().id;
    let two = credential.send(&world.phone, 2, json!({})).unwrap().id;
    let locked = Err(PhoneError::Locked { policy: "deviceTampering".into() });

    world.phone.set_device_facts(DeviceFacts { biometric_available: true, tamper_score: 0.9 });
    let account = only(world.phone.accounts().unwrap());
    assert_eq!((account.state, account.unmet_policy.as_deref()), (AccountState::Locked, Some("deviceTampering")));
    assert_eq!(world.phone.approve(&one, Evidence::Tap), locked);
    world.phone.deny(&one).unwrap();

    // After a restart, nothing is known about the device: locked until the shell has reported its facts.
    let restarted = world.open().unwrap();
    assert_eq!(only(restarted.accounts().unwrap()).state, AccountState::Locked);
    assert_eq!(restarted.approve(&two, Evidence::Tap), locked);
    restarted.set_device_facts(clean_facts());
    assert_eq!(only(restarted.accounts().unwrap()).state, AccountState::Active);
    restarted.approve(&two, Evidence::Tap).unwrap();
}

#[test]
fn policies_that_are_not_understood_lock_the_account_and_are_named() {
    let world = World::new();
    let policies = base64(r#"{"biometricAvailable": {}}"#);
    world.active_with(&code(&[("policies", Some(&policies))]), enrolment());
    let account = || only(world.phone.accounts().unwrap());
    assert_eq!((account().state, account().unmet_policy), (AccountState::Active, None));
    for (json, named) in [
        (r#"{"biometricAvailable": {}, "moonPhase": {}}"#, "moonPhase"),
        (r#"{"biometricAvailable": {}, "deviceTampering": {"score": "high"}}"#, "deviceTampering"),
        ("[]", "policies"),
    ] {
        world.sql().execute("UPDATE account SET policies = ?1", [json]).unwrap();
        assert_eq!((account().state, account().unmet_policy.as_deref()), (AccountState::Locked, Some(named)), "{json}");
    }
}
