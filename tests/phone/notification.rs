//! Messages: verified, timed, and accepted only once.

use push_authenticator::phone::{Ask, Evidence, HttpResponse, Location, NotificationState, PhoneError};
use push_authenticator::protocol::jws::JwsError;
use push_authenticator::protocol::message::MessageError;
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn a_message_is_shown_with_all_it_says() {
    let world = World::new();
    let credential = world.active();
    let context = r#"{"location": {"latitude": 49.2, "longitude": -123.1}, "userAgent": "UA", "platform": "Linux",
        "remoteIp": "203.0.113.7"}"#;
    let changes = json!({"k": "challenge", "n": "34,43,57", "x": context, "p": "{\"amount\":\"1\"}", "d": "demo"});
    world.clock.advance(2_000);
    let notification = credential.send(&world.phone, 1, changes).unwrap();
    assert_eq!(notification.account_id, credential.account_id);
    assert_eq!((notification.issuer.as_str(), notification.account.as_str()), ("Ping", "demo"));
    assert_eq!(notification.host, "am.example.com");
    assert_eq!(notification.ask, Ask::Number(["34".into(), "43".into(), "57".into()]));
    assert_eq!(notification.message.as_deref(), Some("Login attempt from demo at Ping"));
    let shown = notification.context.clone().unwrap();
    assert_eq!(shown.location, Some(Location { latitude: 49.2, longitude: -123.1 }));
    assert_eq!(shown.remote_ip.as_deref(), Some("203.0.113.7"));
    assert_eq!(notification.custom_payload.as_deref(), Some("{\"amount\":\"1\"}"));
    assert_eq!(notification.sent_at, Some(NOW));
    assert_eq!(notification.received_at, NOW + 2_000);
    assert_eq!(notification.expires_at, NOW + 120_000);
    assert_eq!(notification.state, NotificationState::Pending);
    assert_eq!(only(world.phone.pending().unwrap()), notification);
    assert_eq!(world.open().unwrap().notification(&notification.id).unwrap(), notification);
}

#[test]
fn a_message_without_optional_claims_and_one_with_numbers_for_strings_are_read() {
    let world = World::new();
    let credential = world.active();
    let bare = json!({"i": null, "t": null, "l": null, "k": null, "m": null});
    let notification = credential.send(&world.phone, 1, bare).unwrap();
    assert_eq!((notification.sent_at, notification.expires_at), (None, NOW + 120_000));
    let numbers = json!({"i": NOW, "t": 60, "d": 7});
    assert_eq!(credential.send(&world.phone, 2, numbers).unwrap().expires_at, NOW + 60_000);
}

#[test]
fn payloads_of_every_platform_are_taken_in() {
    let world = World::new();
    let credential = world.active();
    let message = |number: u8| credential.push(number, json!({}));
    for payload in [
        json!({"message": message(1), "messageId": message_id(1)}),
        json!({"priority": "high", "data": {"message": message(2), "messageId": message_id(2)}}),
        json!({"aps": {"data": message(3), "messageId": message_id(3), "alert": "Login", "content-available": "1"}}),
    ] {
        world.phone.receive(payload.to_string().as_bytes()).unwrap();
    }
    assert_eq!(world.phone.receive(message(4).as_bytes()), Err(PhoneError::MessageIdMissing));
    let no_id = json!({"messageId": "", "message": message(4)}).to_string();
    assert_eq!(world.phone.receive(no_id.as_bytes()), Err(PhoneError::MessageIdMissing));
    let bad_id = json!({"messageId": "a b", "message": message(4)}).to_string();
    assert_eq!(world.phone.receive(bad_id.as_bytes()), Err(PhoneError::MessageIdInvalid));
    let numbers: Vec<Option<String>> =
        world.phone.pending().unwrap().into_iter().map(|notification| notification.message).collect();
    assert_eq!(numbers.len(), 3);
}

#[test]
fn what_is_refused_has_its_own_error_and_changes_nothing() {
    let world = World::new();
    let credential = world.active();
    let before = dump(&world);
    for (changes, error) in [
        (json!({"u": "99999999-9999-4999-8999-999999999999"}), PhoneError::UnknownCredential),
        (json!({"k": "foo"}), PhoneError::Message(MessageError::UnknownPushType("foo".into()))),
        (json!({"c": "AAAA"}), PhoneError::Message(MessageError::BadChallenge)),
        (json!({"k": "challenge"}), PhoneError::Message(MessageError::BadNumbers)),
        (json!({"k": "challenge", "n": "1,1,2"}), PhoneError::Message(MessageError::BadNumbers)),
        (json!({"l": "!"}), PhoneError::Message(MessageError::BadCookie)),
        (json!({"t": "soon"}), PhoneError::Message(MessageError::BadTime)),
        (json!({"x": "[]"}), PhoneError::Message(MessageError::BadContext)),
        (json!({"p": "p".repeat(3073)}), PhoneError::Message(MessageError::PayloadTooLarge)),
        (json!({"c": 5}), PhoneError::Message(MessageError::Signature(JwsError::WrongClaims))),
        (json!({"u": null}), PhoneError::Message(MessageError::Signature(JwsError::Malformed))),
        (json!({"i": (NOW - 600_000).to_string()}), PhoneError::Expired),
        (json!({"i": (NOW + 400_000).to_string()}), PhoneError::FromTheFuture { seconds: 400 }),
    ] {
        assert_eq!(credential.send(&world.phone, 1, changes.clone()), Err(error), "{changes}");
    }
    let forged = sign(b"another secret of 32 bytes lengt", &credential.claims(1, json!({})));
    let error = PhoneError::Message(MessageError::Signature(JwsError::WrongSignature));
    assert_eq!(world.phone.receive_message(&message_id(1), &forged), Err(error));
    let large = "a".repeat(20_000);
    assert_eq!(world.phone.receive_message(&message_id(1), &large), Err(PhoneError::PayloadTooLarge));
    assert_eq!(dump(&world), before);
    credential.send(&world.phone, 1, json!({})).unwrap();
    assert_ne!(dump(&world), before);
}

/// Returns the row counts and states of everything that a message could change.
fn dump(world: &World) -> Value {
    let count = |query: &str| -> i64 { world.sql().query_row(query, [], |row| row.get(0)).unwrap() };
    json!([
        count("SELECT count(*) FROM notification"),
        count("SELECT count(*) FROM replay"),
        count("SELECT count(*) FROM outbox"),
        count("SELECT count(*) FROM credential WHERE state = 'active' AND clock_offset IS NULL"),
    ])
}

#[test]
fn the_same_message_again_is_the_same_notification_and_a_copy_is_a_replay() {
    let world = World::new();
    let credential = world.active();
    let first = credential.send(&world.phone, 1, json!({})).unwrap();
    assert_eq!(credential.send(&world.phone, 1, json!({})).unwrap(), first);
    assert_eq!(world.phone.pending().unwrap().len(), 1);

    let jwt = credential.push(1, json!({}));
    assert_eq!(world.phone.receive_message("another-id", &jwt), Err(PhoneError::Replayed));
    let other_text = credential.push(1, json!({"m": "Hi"}));
    assert_eq!(world.phone.receive_message(&message_id(1), &other_text), Err(PhoneError::Replayed));
    let other_challenge = credential.push(2, json!({}));
    assert_eq!(world.phone.receive_message(&message_id(1), &other_challenge), Err(PhoneError::Replayed));

    // Delivered again after the user answered it: still no second question.
    world.phone.approve(&first.id, push_authenticator::phone::Evidence::Tap).unwrap();
    assert_eq!(credential.send(&world.phone, 1, json!({})).unwrap().state, NotificationState::Answering);
    assert_eq!(world.phone.pending().unwrap(), []);

    // Delivered again after it expired: nothing waits for the user.
    let second = credential.send(&world.phone, 2, json!({})).unwrap();
    assert_eq!(second.state, NotificationState::Pending);
    world.clock.advance(180_001);
    assert_eq!(credential.send(&world.phone, 2, json!({})).unwrap().state, NotificationState::Expired);
}

#[test]
fn the_replay_ledger_keeps_a_message_for_a_day_after_its_expiry_and_one_without_time_for_good() {
    let world = World::new();
    let credential = world.active();
    let ledger = || -> i64 { world.sql().query_row("SELECT count(*) FROM replay", [], |row| row.get(0)).unwrap() };
    credential.send(&world.phone, 1, json!({})).unwrap();
    credential.send(&world.phone, 2, json!({"i": null})).unwrap();
    world.clock.set(NOW + 120_000 + 24 * 3_600_000);
    let sent = |later: i64| json!({"i": (NOW + 120_000 + 24 * 3_600_000 + later).to_string()});
    credential.send(&world.phone, 3, sent(0)).unwrap();
    assert_eq!(ledger(), 3);
    world.clock.advance(1_000_000);
    credential.send(&world.phone, 4, json!({"i": null})).unwrap();
    assert_eq!(ledger(), 4, "one that says no time shows none");
    credential.send(&world.phone, 5, sent(950_000)).unwrap();
    assert_eq!(ledger(), 4, "the first was forgotten, two without time are kept, two came");
    let copy = credential.push(2, json!({"i": null}));
    assert_eq!(world.phone.receive_message("another-id", &copy), Err(PhoneError::Replayed));
    assert_eq!(credential.send(&world.phone, 1, json!({})), Err(PhoneError::Expired), "too old anyway");
}

#[test]
fn clocks_may_differ_by_a_minute() {
    let world = World::new();
    let credential = world.active();
    let sent = |milliseconds: i64| json!({"i": (NOW + milliseconds).to_string()});
    assert!(credential.send(&world.phone, 1, sent(-180_000)).is_ok());
    assert_eq!(credential.send(&world.phone, 2, sent(-180_001)), Err(PhoneError::Expired));
    assert!(credential.send(&world.phone, 3, sent(300_000)).is_ok());
    let error = PhoneError::FromTheFuture { seconds: 301 };
    assert_eq!(credential.send(&world.phone, 4, sent(300_001)), Err(error));
}

#[test]
fn the_phone_learns_how_far_its_clock_is_off_from_the_servers_date() {
    let world = World::new();
    let account = world.enrol(&code(&[])).unwrap();
    let request = only(world.phone.due().unwrap());
    // NOW is Tue, 24 Nov 2026 16:50:00 GMT; the server says an hour later.
    let date = Some("Tue, 24 Nov 2026 17:50:00 GMT".to_owned());
    world.phone.delivered(&request.id, HttpResponse { date, ..response(200) }).unwrap();
    let credential = Credential { account_id: account.id, mechanism_uid: mechanism_uid(&request) };
    let hour = 3_600_000;
    assert_eq!(credential.send(&world.phone, 1, json!({})), Err(PhoneError::Expired), "sent an hour ago");
    let sent = json!({"i": (NOW + hour).to_string()});
    let notification = credential.send(&world.phone, 2, sent).unwrap();
    assert_eq!(notification.expires_at, NOW + 120_000, "by the phone's own clock, to count down by");
    let no_time = credential.send(&world.phone, 3, json!({"i": null})).unwrap();
    assert_eq!(no_time.expires_at, NOW + 120_000, "counts from receipt");
    world.phone.deny(&notification.id).unwrap();
    let answer = only(world.phone.due().unwrap());
    assert_eq!(answer.not_after, Some(NOW + 180_000), "by this phone's own clock");
}

#[test]
fn what_ran_out_is_no_longer_pending() {
    let world = World::new();
    let credential = world.active();
    let timed = credential.send(&world.phone, 1, json!({})).unwrap();
    let untimed = credential.send(&world.phone, 2, json!({"i": null})).unwrap();
    let order: Vec<String> = world.phone.pending().unwrap().into_iter().map(|each| each.id).collect();
    assert_eq!(order, [untimed.id.clone(), timed.id.clone()], "newest first");
    world.clock.advance(120_001);
    assert_eq!(only(world.phone.pending().unwrap()).id, timed.id);
    assert_eq!(world.phone.notification(&untimed.id).unwrap().state, NotificationState::Expired);
    world.clock.advance(60_000);
    assert_eq!(world.phone.notification(&timed.id).unwrap().state, NotificationState::Expired);
    assert_eq!(world.phone.pending().unwrap(), []);
    assert_eq!(world.phone.deny(&timed.id), Err(PhoneError::Expired));
}

#[test]
fn ids_that_are_none_are_not_found() {
    let world = World::new();
    for id in ["", "x", &"0".repeat(32)] {
        assert_eq!(world.phone.notification(id), Err(PhoneError::NotificationNotFound));
        assert_eq!(world.phone.deny(id), Err(PhoneError::NotificationNotFound));
        assert_eq!(world.phone.biometric_challenge(id), Err(PhoneError::NotificationNotFound));
    }
}

/// The ledger keeps messages by the times that their server signed, whatever a response does to the clock.
#[test]
fn a_wrong_date_does_not_let_a_message_in_twice() {
    let world = World::new();
    let credential = world.active();
    let first = credential.send(&world.phone, 1, json!({})).unwrap();
    world.phone.approve(&first.id, Evidence::Tap).unwrap();
    world.phone.delivered(&only(world.phone.due().unwrap()).id, response(200)).unwrap();
    let learn = |date: &str| {
        let answer = HttpResponse { date: Some(date.into()), ..response(404) };
        world.phone.pulled(&only(world.phone.pull(0).unwrap()), answer).unwrap();
    };
    for changes in [json!({"i": null}), json!({"i": (NOW + 2 * 86_400_000 - 60_000).to_string()})] {
        learn("Thu, 26 Nov 2026 16:50:00 GMT");
        if changes["i"].is_null() {
            credential.send(&world.phone, 2, changes).unwrap();
            learn("Tue, 24 Nov 2026 16:50:00 GMT");
            let again = world.phone.receive_message("another", &credential.push(1, json!({})));
            assert_eq!(again, Err(PhoneError::Replayed));
        } else {
            // The server itself says that two days have passed: by then the first message would have expired long ago.
            credential.send(&world.phone, 3, changes).unwrap();
            let left: i64 = world
                .sql()
                .query_row("SELECT count(*) FROM replay WHERE message_id = ?1", [message_id(1)], |row| row.get(0))
                .unwrap();
            assert_eq!(left, 0, "the ledger forgets");
        }
    }
}
