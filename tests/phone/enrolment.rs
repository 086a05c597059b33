//! Registration URIs: previewed, rejected, enrolled, registered.

use push_authenticator::phone::{
    AccountState, CredentialKind, Delivery, DeviceFacts, Enrolment, EventKind, KeyError, Outcome, PhoneError,
    RequestKind, SlotWrapper, VaultError,
};
use push_authenticator::protocol::policy::PolicyError;
use push_authenticator::protocol::uri::UriError;
use push_authenticator::secret::SecretBytes;
use serde_json::json;

use crate::support::*;

const POLICIES: &str = r#"{"biometricAvailable": {}, "deviceTampering": {"score": 0.8}}"#;

#[test]
fn a_preview_says_what_would_be_stored_and_changes_nothing() {
    let world = World::new();
    let preview = world.phone.preview(&code(&[("policies", Some(&base64(POLICIES)))])).unwrap();
    assert_eq!((preview.issuer.as_str(), preview.account.as_str()), ("Ping", "demo"));
    assert_eq!(preview.host.as_deref(), Some("am.example.com"));
    assert_eq!(preview.kinds, [CredentialKind::Push]);
    assert_eq!(preview.policies, ["biometricAvailable", "deviceTampering"]);
    assert_eq!(preview.conflict, None);
    assert_eq!(world.phone.accounts().unwrap(), []);
    assert_eq!(world.phone.outbox().unwrap(), []);
}

#[test]
fn a_confirmed_preview_is_registered_and_becomes_active() {
    let world = World::new();
    let account = world.enrol(&code(&[])).unwrap();
    assert_eq!(account.state, AccountState::Enrolling);
    assert_eq!(account.colour.as_deref(), Some("519387"));
    assert_eq!(account.created_at, NOW);
    assert_eq!(only(world.phone.accounts().unwrap()), account);
    let waiting = only(world.phone.outbox().unwrap());
    assert_eq!((waiting.kind, &waiting.account_id, waiting.attempts), (RequestKind::Registration, &account.id, 0));

    let request = only(world.phone.due().unwrap());
    assert_eq!(request.id, waiting.id);
    assert_eq!(request.url, REGISTER);
    assert_eq!(
        request.headers,
        [
            ("Accept-API-Version".to_owned(), "resource=1.0, protocol=1.0".to_owned()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Cookie".to_owned(), "amlbcookie=01".to_owned()),
        ]
    );
    assert_eq!(request.not_after, None);
    let claims = claims_of(&request.body, &SECRET);
    assert_eq!(claims["deviceId"], "fcm-token-0123456789");
    assert_eq!(claims["communicationType"], "gcm");

    let delivery = world.phone.delivered(&request.id, response(200)).unwrap();
    assert_eq!(delivery, Delivery::Done(Outcome::AccountActive { account_id: account.id }));
    assert_eq!(only(world.phone.accounts().unwrap()).state, AccountState::Active);
    assert_eq!(world.phone.outbox().unwrap(), []);
    assert_eq!(world.phone.delivered(&request.id, response(200)), Err(PhoneError::RequestNotFound));
}

#[test]
fn without_a_cookie_none_is_sent() {
    let world = World::new();
    world.enrol(&code(&[("l", None)])).unwrap();
    assert!(only(world.phone.due().unwrap()).headers.iter().all(|(name, _)| name != "Cookie"));
}

#[test]
fn codes_that_are_refused_have_their_own_error_and_change_nothing() {
    let world = World::new();
    let elsewhere = base64("https://evil.example.com/?_action=register");
    let open_text = base64("http://am.example.com/?_action=register");
    for (code, error) in [
        ("hello".to_owned(), "not-a-registration-code"),
        ("https://example.com/".to_owned(), "unknown-scheme"),
        (code(&[]).replace("pushauth://push", "pushauth://pull"), "unknown-type"),
        (code(&[("s", None)]), "missing-parameter"),
        (code(&[("m", None)]), "missing-parameter"),
        (code(&[("s", Some("!!!"))]), "bad-parameter"),
        (code(&[("s", Some("AAAA"))]), "bad-parameter"),
        (format!("{}&s=AAAA", code(&[])), "duplicate-parameter"),
        (code(&[("r", Some(&open_text))]), "insecure-endpoint"),
        (code(&[("r", Some(&elsewhere))]), "different-origins"),
        (code(&[("l", Some(&base64("a=b\r\nHost: x")))]), "bad-parameter"),
        (code(&[("policies", Some(&base64("{\"moonPhase\": {}}")))]), "unknown-policy"),
        (code(&[("policies", Some(&base64("[]")))]), "malformed-policies"),
    ] {
        assert_eq!(world.phone.preview(&code).err().map(|error| error.code()), Some(error), "{code}");
    }
    let error = world.phone.preview(&code(&[("policies", Some(&base64("{\"moonPhase\": {}}")))])).err().unwrap();
    assert_eq!(error, PhoneError::Code(UriError::Policies(PolicyError::Unknown("moonPhase".into()))));
    assert_eq!(world.phone.accounts().unwrap(), []);
}

#[test]
fn an_unmet_policy_is_named_and_nothing_is_stored() {
    let world = World::new();
    let code = code(&[("policies", Some(&base64(POLICIES)))]);
    for (facts, policy) in [
        (DeviceFacts { biometric_available: false, tamper_score: 0.0 }, "biometricAvailable"),
        (DeviceFacts { biometric_available: true, tamper_score: 0.8 }, "deviceTampering"),
        (DeviceFacts { biometric_available: true, tamper_score: f64::NAN }, "deviceTampering"),
    ] {
        let result = world.phone.enrol(world.phone.preview(&code).unwrap(), Enrolment { facts, ..enrolment() });
        assert_eq!(result, Err(PhoneError::PolicyUnmet { policy: policy.into() }));
    }
    assert_eq!(world.phone.accounts().unwrap(), []);
    assert!(world.enrol(&code).is_ok());
}

#[test]
fn a_device_that_cannot_be_described_is_refused() {
    let world = World::new();
    for (name, token) in [("", "token"), (&*"n".repeat(101), "token"), ("name", ""), ("name", &"t".repeat(4097))] {
        let mut device = device();
        (device.name, device.push_token) = (name.to_owned(), token.to_owned());
        let result = world.phone.enrol(world.phone.preview(&code(&[])).unwrap(), Enrolment { device, ..enrolment() });
        assert!(matches!(result, Err(PhoneError::BadDevice(_))), "{name} {token}");
    }
}

#[test]
fn the_same_account_is_a_conflict_and_another_host_is_another_account() {
    let world = World::new();
    let first = world.active();
    let conflict = world.phone.preview(&code(&[])).unwrap().conflict.unwrap();
    assert_eq!(conflict.account_id, first.account_id);
    assert_eq!(conflict.host.as_deref(), Some("am.example.com"));
    let error = world.enrol(&code(&[])).unwrap_err();
    assert_eq!(error.code(), "account-exists");
    assert_eq!(world.phone.accounts().unwrap().len(), 1);

    let other_host = code(&[
        ("r", Some(&base64("https://other.example.com/?_action=register"))),
        ("a", Some(&base64("https://other.example.com/?_action=authenticate"))),
    ]);
    let preview = world.phone.preview(&other_host).unwrap();
    assert_eq!((preview.conflict, preview.host.as_deref()), (None, Some("other.example.com")));
    assert_eq!(preview.namesakes, [conflict], "but the one that it looks like is named, with its host");
    let replacing = Enrolment { replace: true, ..enrolment() };
    world.active_with(&other_host, replacing);
    let hosts: Vec<String> = world.phone.accounts().unwrap().into_iter().filter_map(|account| account.host).collect();
    assert_eq!(hosts, ["am.example.com", "other.example.com"], "another host is never replaced");
}

#[test]
fn a_replaced_account_goes_when_the_server_has_the_new_one_and_not_before() {
    let world = World::new();
    let old = world.active();
    let replacing = || Enrolment { replace: true, ..enrolment() };

    // The server rejects: the old account stays.
    let account = world.phone.enrol(world.phone.preview(&code(&[])).unwrap(), replacing()).unwrap();
    assert_eq!(world.phone.accounts().unwrap().len(), 2);
    let request = only(world.phone.due().unwrap());
    let delivery = world.phone.delivered(&request.id, response_with(400, json!({"message": "Bad request."}))).unwrap();
    let outcome = Outcome::AccountRemoved { account_id: account.id };
    assert_eq!(delivery, Delivery::Refused { status: 400, message: Some("Bad request.".into()), outcome });
    assert_eq!(only(world.phone.accounts().unwrap()).id, old.account_id);

    // The server accepts. The user's name for the account stays.
    world.phone.rename(&old.account_id, Some("My bank"), None).unwrap();
    let new = world.active_with(&code(&[]), replacing());
    let left = only(world.phone.accounts().unwrap());
    assert_eq!((left.id, left.display_issuer.as_str()), (new.account_id, "My bank"));
}

#[test]
fn a_replaced_account_goes_when_a_message_proves_that_the_server_has_the_new_one() {
    let world = World::new();
    let old = world.active();
    let replacing = Enrolment { replace: true, ..enrolment() };
    let account = world.phone.enrol(world.phone.preview(&code(&[])).unwrap(), replacing).unwrap();
    let request = only(world.phone.due().unwrap());
    let new = Credential { account_id: account.id, mechanism_uid: mechanism_uid(&request) };
    new.send(&world.phone, 1, json!({})).unwrap();
    let left = only(world.phone.accounts().unwrap());
    assert_ne!(left.id, old.account_id);
    assert_eq!((left.id, left.state), (new.account_id.clone(), AccountState::Active));
    // The response to the registration arrives later; whatever it says, the account stays.
    let delivery = world.phone.delivered(&request.id, response(400)).unwrap();
    assert_eq!(delivery, Delivery::Done(Outcome::AccountActive { account_id: new.account_id }));
}

#[test]
fn removal_takes_everything_of_the_account_along() {
    let world = World::new();
    let credential = world.active();
    let notification = credential.send(&world.phone, 1, json!({})).unwrap();
    world.phone.deny(&notification.id).unwrap();
    world.phone.remove(&credential.account_id).unwrap();
    assert_eq!(world.phone.accounts().unwrap(), []);
    assert_eq!(world.phone.outbox().unwrap(), []);
    assert_eq!(world.phone.notification(&notification.id), Err(PhoneError::NotificationNotFound));
    assert_eq!(world.phone.remove(&credential.account_id), Err(PhoneError::AccountNotFound));
    assert_eq!(world.phone.remove("nonsense"), Err(PhoneError::AccountNotFound));
    for table in ["account", "credential", "notification", "replay", "outbox"] {
        let rows: i64 = world.sql().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 0, "{table}");
    }
    assert_eq!(credential.send(&world.phone, 2, json!({})), Err(PhoneError::UnknownCredential));
}

#[test]
fn without_the_key_nothing_is_enrolled() {
    let world = World::new();
    world.active();
    let phone = world.open_with(&MaskKey(0x44)).unwrap();
    let other = code_for("Ping:other", &[]);
    struct Unasked;
    impl SlotWrapper for Unasked {
        fn wrap(&self, _: &SecretBytes) -> Result<Vec<u8>, KeyError> {
            panic!("the platform is asked for nothing")
        }
    }
    let with_slot = Enrolment { slot: Some(&Unasked), ..enrolment() };
    let result = phone.enrol(phone.preview(&other).unwrap(), with_slot);
    assert_eq!(result, Err(PhoneError::Vault(VaultError::KeyLost)));
}

/// Two accounts were added to replace the first. Whichever the server confirms replaces those before it, never one
/// after.
#[test]
fn an_account_never_takes_the_place_of_a_later_one() {
    let world = World::new();
    let first = world.active();
    let replace = || {
        let replacing = Enrolment { replace: true, ..enrolment() };
        world.phone.enrol(world.phone.preview(&code(&[])).unwrap(), replacing).unwrap().id
    };
    let (second, third) = (replace(), replace());
    let requests = world.phone.due().unwrap();
    world.phone.delivered(&requests[0].id, response(200)).unwrap();
    let left: Vec<String> = world.phone.accounts().unwrap().into_iter().map(|account| account.id).collect();
    assert_eq!(left, [second, third.clone()]);
    assert!(!left.contains(&first.account_id));
    world.phone.delivered(&requests[1].id, response(200)).unwrap();
    assert_eq!(only(world.phone.accounts().unwrap()).id, third);
    // It has replaced what it should; whatever happens to the vault later, it replaces nothing more.
    let replaces: i64 = world.sql().query_row("SELECT replaces FROM credential", [], |row| row.get(0)).unwrap();
    assert_eq!(replaces, 0);
}

#[test]
fn a_registration_that_a_message_confirmed_is_confirmed_once() {
    let world = World::new();
    let account = world.enrol(&code(&[])).unwrap();
    let request = only(world.phone.due().unwrap());
    let credential = Credential { account_id: account.id.clone(), mechanism_uid: mechanism_uid(&request) };
    credential.send(&world.phone, 1, json!({})).unwrap();
    let delivery = world.phone.delivered(&request.id, response(200)).unwrap();
    assert_eq!(delivery, Delivery::Done(Outcome::AccountActive { account_id: account.id }));
    let events = world.phone.events(10).unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == EventKind::RegistrationConfirmed).count(), 1);
}
