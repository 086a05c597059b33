//! The outcome of earlier sign-on requests, the events on the phone, and what is hidden while it is locked.

use std::sync::{Arc, mpsc};

use push_authenticator::phone::{
    Ask, EVENT_LIMIT, EventKind, Evidence, NotificationState, PhoneError, Retention, SendFailure,
};
use serde_json::json;

use crate::support::*;

const DAY: i64 = 24 * 3_600_000;

/// Approves a message and returns its id on this phone.
fn approved(world: &World, credential: &Credential, number: u8) -> String {
    let id = credential.send(&world.phone, number, json!({"i": null})).unwrap().id;
    world.phone.approve(&id, Evidence::Tap).unwrap();
    world.phone.delivered(&only(world.phone.due().unwrap()).id, response(200)).unwrap();
    id
}

fn ids(world: &World, limit: u32, offset: u32) -> Vec<String> {
    world.phone.history(limit, offset).unwrap().into_iter().map(|each| each.id).collect()
}

fn kinds(world: &World) -> Vec<EventKind> {
    world.phone.events(100).unwrap().into_iter().rev().map(|event| event.kind).collect()
}

#[test]
fn history_tells_what_was_asked_and_what_became_of_it() {
    let world = World::new();
    let credential = world.active();
    let first = approved(&world, &credential, 1);
    world.clock.advance(1_000);
    let context = json!({"x": json!({"remoteIp": "203.0.113.7"}).to_string(), "k": "challenge", "n": "34,43,57"});
    let second = credential.send(&world.phone, 2, context).unwrap().id;
    assert_eq!(ids(&world, 10, 0), [first.as_str()], "what is pending is no history");
    world.phone.deny(&second).unwrap();
    assert_eq!(ids(&world, 10, 0), [first.as_str()], "nor what is being answered");
    world.phone.delivered(&only(world.phone.due().unwrap()).id, response(200)).unwrap();
    let third = credential.send(&world.phone, 3, json!({})).unwrap().id;
    world.clock.advance(200_000);
    let history = world.phone.history(10, 0).unwrap();
    let states: Vec<(&str, NotificationState)> = history.iter().map(|each| (each.id.as_str(), each.state)).collect();
    assert_eq!(
        states,
        [
            (third.as_str(), NotificationState::Expired),
            (&second, NotificationState::Denied),
            (&first, NotificationState::Approved)
        ]
    );
    assert_eq!(history[1].ask, Ask::Number(["34", "43", "57"].map(str::to_owned)));
    assert_eq!(history[1].message.as_deref(), Some("Login attempt from demo at Ping"));
    assert_eq!(history[1].context.as_ref().unwrap().remote_ip.as_deref(), Some("203.0.113.7"));
    assert_eq!((history[1].received_at, history[1].settled_at), (NOW + 1_000, Some(NOW + 1_000)));
    assert_eq!(history[0].settled_at, Some(NOW + 201_000));
    assert_eq!(ids(&world, 1, 1), [second]);
    assert_eq!(ids(&world, 0, 0), Vec::<String>::new());
}

#[test]
fn history_is_cleaned_by_count_by_age_or_both() {
    let world = World::new();
    let credential = world.active();
    let mut all: Vec<String> = (1..=6)
        .map(|number| {
            world.clock.set(NOW + i64::from(number) * DAY);
            approved(&world, &credential, number)
        })
        .collect();
    all.reverse();
    let clean = |count, days| world.phone.clean_history(Retention { count, days }).unwrap();
    assert_eq!(clean(None, None), 0);
    assert_eq!(clean(Some(6), Some(5)), 0, "the oldest was settled five days ago to the millisecond");
    assert_eq!(clean(Some(5), Some(30)), 1);
    assert_eq!(ids(&world, 10, 0), all[..5]);
    assert_eq!(clean(None, Some(2)), 2);
    assert_eq!(ids(&world, 10, 0), all[..3]);
    assert_eq!(clean(Some(0), None), 3);
    assert_eq!(Retention::default(), Retention { count: Some(100), days: None });
}

#[test]
fn cleaning_touches_nothing_that_waits_and_the_replay_ledger_outlives_it() {
    let world = World::new();
    let credential = world.active();
    let settled = approved(&world, &credential, 1);
    let answering = credential.send(&world.phone, 2, json!({})).unwrap().id;
    world.phone.approve(&answering, Evidence::Tap).unwrap();
    let pending = credential.send(&world.phone, 3, json!({})).unwrap().id;
    assert_eq!(world.phone.clean_history(Retention { count: Some(0), days: Some(0) }).unwrap(), 1);
    assert_eq!(world.phone.notification(&settled), Err(PhoneError::NotificationNotFound));
    assert_eq!(world.phone.notification(&answering).unwrap().state, NotificationState::Answering);
    assert_eq!(only(world.phone.pending().unwrap()).id, pending);
    only(world.phone.due().unwrap());
    assert_eq!(credential.send(&world.phone, 1, json!({"i": null})), Err(PhoneError::Replayed));
}

#[test]
fn the_log_tells_what_happened() {
    let world = World::new();
    let credential = world.active();
    let id = approved(&world, &credential, 1);
    let denied = credential.send(&world.phone, 2, json!({})).unwrap().id;
    world.phone.deny(&denied).unwrap();
    world.phone.failed(&only(world.phone.due().unwrap()).id, SendFailure::NotSent).unwrap();
    credential.send(&world.phone, 3, json!({})).unwrap();
    assert_eq!(credential.send(&world.phone, 3, json!({"m": "other"})), Err(PhoneError::Replayed));
    world.clock.advance(200_000);
    world.phone.pending().unwrap();
    world.phone.due().unwrap();
    world.phone.remove(&credential.account_id).unwrap();
    use EventKind as Kind;
    assert_eq!(
        kinds(&world),
        [
            Kind::Enrolled,
            Kind::RegistrationConfirmed,
            Kind::MessageReceived,
            Kind::Decided,
            Kind::Settled,
            Kind::MessageReceived,
            Kind::Decided,
            Kind::MessageReceived,
            Kind::MessageRefused,
            Kind::Settled,
            Kind::Settled,
            Kind::Removed,
        ]
    );
    let events = world.phone.events(100).unwrap();
    assert!(events.iter().all(|event| event.account_id.as_ref() == Some(&credential.account_id)));
    let of = |index: usize| &events[events.len() - 1 - index];
    assert_eq!((of(4).subject.as_ref(), of(4).detail.as_deref()), (Some(&id), Some("approved")));
    assert_eq!((of(6).subject.as_ref(), of(6).detail.as_deref()), (Some(&denied), Some("deny")));
    assert_eq!((of(8).at, of(8).detail.as_deref()), (NOW, Some("replayed")));
    assert_eq!(of(10).detail.as_deref(), Some("expired"));
    assert_eq!(world.phone.events(1).unwrap()[0].kind, Kind::Removed);
}

#[test]
fn a_refused_registration_and_a_replaced_account_are_in_the_log() {
    let world = World::new();
    world.enrol(&code(&[])).unwrap();
    let refusal = response_with(400, json!({"message": "Too late."}));
    world.phone.delivered(&only(world.phone.due().unwrap()).id, refusal).unwrap();
    let event = world.phone.events(1).unwrap().remove(0);
    assert_eq!((event.kind, event.detail.as_deref()), (EventKind::RegistrationRefused, Some("400 Too late.")));

    let old = world.active().account_id;
    let replace = push_authenticator::phone::Enrolment { replace: true, ..enrolment() };
    world.active_with(&code(&[("m", Some("again"))]), replace);
    let event = world.phone.events(1).unwrap().remove(0);
    assert_eq!((event.kind, event.account_id, event.detail), (EventKind::Removed, Some(old), Some("replaced".into())));
}

#[test]
fn forged_messages_do_not_fill_the_log() {
    let world = World::new();
    let credential = world.active();
    let before = kinds(&world).len();
    for number in 0..50 {
        let forged = sign(b"another secret", &credential.claims(number, json!({})));
        world.phone.receive_message(&message_id(number), &forged).unwrap_err();
        world.phone.receive(b"nonsense").unwrap_err();
    }
    assert_eq!(kinds(&world)[before..], [EventKind::MessageRefused; 2]);
    world.clock.advance(60_000);
    world.phone.receive(b"nonsense").unwrap_err();
    assert_eq!(kinds(&world).len(), before + 3);
    assert_eq!(world.phone.events(1).unwrap()[0].detail.as_deref(), Some("payload-unreadable"));
}

#[test]
fn a_listener_is_told_what_is_durable_and_may_call_back() {
    let world = World::new();
    let other = world.open().unwrap();
    let (told, listener) = mpsc::channel();
    assert!(other.listen(move |event| told.send(event.clone()).unwrap()));
    assert!(!other.listen(|_| panic!("there is one listener at most")));
    let preview = other.preview(&code(&[])).unwrap();
    let account = other.enrol(preview, enrolment()).unwrap();
    let event = listener.recv().unwrap();
    assert_eq!((event.kind, event.account_id.as_ref()), (EventKind::Enrolled, Some(&account.id)));
    assert_eq!(world.phone.events(1).unwrap(), [event], "it is in the vault by then");
    world.phone.remove(&account.id).unwrap();
    assert!(other.rename(&account.id, None, Some("x")).is_err());
    assert!(listener.try_recv().is_err(), "neither another's change nor what was not done is told");

    let calling_back = Arc::new(world.open().unwrap());
    let (weak, (told, listener)) = (Arc::downgrade(&calling_back), mpsc::channel());
    calling_back.listen(move |_| told.send(weak.upgrade().unwrap().accounts().unwrap().len()).unwrap());
    calling_back.enrol(calling_back.preview(&code(&[])).unwrap(), enrolment()).unwrap();
    assert_eq!(listener.recv().unwrap(), 1);
}

#[test]
fn the_log_is_bounded() {
    let world = World::new();
    world
        .sql()
        .execute_batch(
            "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1500)
             INSERT INTO event (at, kind) SELECT n, 'enrolled' FROM numbers",
        )
        .unwrap();
    world.enrol(&code(&[])).unwrap();
    let events = world.phone.events(5000).unwrap();
    assert_eq!(events.len(), EVENT_LIMIT as usize);
    assert_eq!(events.last().unwrap().at, 502, "the oldest went");
    // In the file, too: never more than the 64 that are removed at once.
    let limit = i64::from(EVENT_LIMIT);
    for number in 0..150 {
        world.enrol(&code_for(&format!("Ping:{number}"), &[])).unwrap();
        let rows: i64 = world.sql().query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
        assert!((limit..limit + 64).contains(&rows) || number < 64, "{rows} after {number}");
    }
}

#[test]
fn what_a_sign_on_is_about_is_hidden_while_the_app_says_so() {
    let world = World::new();
    let credential = world.active();
    world.phone.set_concealed(true);
    let changes = json!({
        "k": "challenge", "n": "34,43,57", "x": json!({"remoteIp": "203.0.113.7"}).to_string(), "p": "{}",
    });
    let received = credential.send(&world.phone, 1, changes).unwrap();
    for hidden in [&received, &only(world.phone.pending().unwrap()), &world.phone.notification(&received.id).unwrap()] {
        assert!(hidden.concealed);
        assert_eq!(hidden.ask, Ask::Number([const { String::new() }; 3]));
        assert_eq!((&hidden.message, &hidden.context, &hidden.custom_payload), (&None, &None, &None));
        assert_eq!((hidden.issuer.as_str(), hidden.account.as_str()), ("Ping", "demo"));
    }
    for guess in ["43", ""] {
        let evidence = Evidence::Number(guess.into());
        assert_eq!(world.phone.approve(&received.id, evidence), Err(PhoneError::DeviceLocked));
    }
    world.phone.set_concealed(false);
    let shown = only(world.phone.pending().unwrap());
    assert_eq!((shown.concealed, shown.ask), (false, Ask::Number(["34", "43", "57"].map(str::to_owned))));
    world.phone.approve(&received.id, Evidence::Number("43".into())).unwrap();
    // A hidden message can be denied.
    let other = credential.send(&world.phone, 2, json!({})).unwrap().id;
    world.phone.set_concealed(true);
    assert!(world.phone.history(10, 0).unwrap().iter().all(|each| each.concealed));
    world.phone.deny(&other).unwrap();
}

#[test]
fn what_this_phone_refuses_is_in_the_log_and_says_why() {
    let world = World::new();
    let with_slot = push_authenticator::phone::Enrolment { slot: Some(&Finger), ..enrolment() };
    let policies = base64(r#"{"biometricAvailable": {}}"#);
    let code = code(&[("policies", Some(&policies))]);
    let credential = world.active_with(&code, with_slot);
    let send = |number, changes| credential.send(&world.phone, number, changes).unwrap().id;
    let biometric = send(1, json!({"k": "biometric"}));
    let number = send(2, json!({"k": "challenge", "n": "34,43,57"}));
    let last = || world.phone.events(1).unwrap().remove(0);
    let wrong = || Evidence::Biometric(push_authenticator::secret::SecretBytes::new(vec![0; 32]));
    let refused = |id: &str, evidence, code: &str| {
        assert_eq!(world.phone.approve(id, evidence).unwrap_err().code(), code);
        let event = last();
        assert_eq!((event.kind, event.detail.as_deref()), (EventKind::DecisionRefused, Some(code)));
        assert_eq!((event.account_id.as_ref(), event.subject.as_deref()), (Some(&credential.account_id), Some(id)));
    };
    refused(&biometric, wrong(), "biometric-refused");
    refused(&biometric, Evidence::Tap, "biometric-needed");
    refused(&number, Evidence::Number("35".into()), "number-not-offered");
    world.phone.set_concealed(true);
    refused(&number, Evidence::Number("34".into()), "device-locked");
    world.phone.set_concealed(false);
    let bad = push_authenticator::phone::DeviceFacts { biometric_available: false, tamper_score: 0.0 };
    world.phone.set_device_facts(bad);
    refused(&number, Evidence::Number("34".into()), "locked");
    let before = world.phone.events(100).unwrap().len();
    world.phone.approve(&number, Evidence::Number("34".into())).unwrap_err();
    assert_eq!(world.phone.events(100).unwrap().len(), before, "once a minute is enough");
    // An error that is not a rejected decision is not logged as one.
    world.phone.approve(&"0".repeat(32), Evidence::Tap).unwrap_err();
    assert_eq!(world.phone.events(100).unwrap().len(), before);

    let enrolment = push_authenticator::phone::Enrolment { facts: bad, replace: true, ..enrolment() };
    world.phone.enrol(world.phone.preview(&code).unwrap(), enrolment).unwrap_err();
    let event = last();
    assert_eq!((event.kind, event.account_id), (EventKind::EnrolmentRefused, None));
    assert_eq!(event.detail.as_deref(), Some("policy-unmet biometricAvailable"));
}
