//! Sending: leases, retries, rejections, and processes killed between sending and hearing the answer.

use push_authenticator::phone::{
    AccountState, Delivery, Evidence, HttpRequest, HttpResponse, NotificationState, Outcome, PhoneError, SendFailure,
};
use serde_json::json;

use crate::support::*;

const LEASE: i64 = 60_000;

fn answering(world: &World) -> (Credential, String) {
    let credential = world.active();
    let id = credential.send(&world.phone, 1, json!({})).unwrap().id;
    world.phone.approve(&id, Evidence::Tap).unwrap();
    (credential, id)
}

fn state(world: &World, id: &str) -> NotificationState {
    world.phone.notification(id).unwrap().state
}

fn settled(id: &str, state: NotificationState) -> Outcome {
    Outcome::Notification { notification_id: id.to_owned(), state }
}

#[test]
fn answers_taken_and_refused() {
    let world = World::new();
    let credential = world.active();
    for (number, status, approve, outcome) in [
        (1, 200, true, NotificationState::Approved),
        (2, 204, false, NotificationState::Denied),
        (3, 400, true, NotificationState::Failed),
        (4, 404, false, NotificationState::Failed),
    ] {
        let id = credential.send(&world.phone, number, json!({})).unwrap().id;
        if approve {
            world.phone.approve(&id, Evidence::Tap).unwrap()
        } else {
            world.phone.deny(&id).unwrap()
        }
        let request = only(world.phone.due().unwrap());
        let body = json!({"code": status, "message": "The number\u{202e} does not match."});
        let delivery = world.phone.delivered(&request.id, response_with(status, body)).unwrap();
        let outcome = settled(&id, outcome);
        let expected = if status < 300 {
            Delivery::Done(outcome)
        } else {
            Delivery::Refused { status, message: Some("The number does not match.".into()), outcome }
        };
        assert_eq!(delivery, expected);
        assert_eq!(world.phone.delivered(&request.id, response(200)), Err(PhoneError::RequestNotFound));
        assert_eq!(world.phone.failed(&request.id, SendFailure::NotSent), Err(PhoneError::RequestNotFound));
    }
}

#[test]
fn a_leased_request_is_not_handed_out_twice() {
    let world = World::new();
    answering(&world);
    let other = world.open().unwrap();
    assert_eq!(world.phone.due().unwrap().len(), 1);
    assert_eq!(world.phone.due().unwrap(), []);
    assert_eq!(other.due().unwrap(), []);
    other.retry_now().unwrap();
    assert_eq!(other.due().unwrap(), [], "still with its sender");
    world.clock.advance(LEASE - 1);
    assert_eq!(other.due().unwrap(), []);
    world.clock.advance(1);
    assert_eq!(other.due().unwrap().len(), 1);
}

#[test]
fn a_lease_from_a_clock_that_was_put_back_holds_nothing_up() {
    let world = World::new();
    world.enrol(&code(&[])).unwrap();
    let request = only(world.phone.due().unwrap());
    world.clock.advance(-3_600_000);
    assert_eq!(only(world.phone.due().unwrap()).body, request.body);
}

#[test]
fn delays_grow_and_the_person_can_cut_them_short() {
    let world = World::new();
    world.enrol(&code(&[])).unwrap();
    let mut delays = Vec::new();
    let mut first: Option<HttpRequest> = None;
    for status in [500, 503, 429, 408, 502, 500, 500, 500, 500, 500, 500] {
        let request = only(world.phone.due().unwrap());
        assert_eq!(&first.get_or_insert(request.clone()).body, &request.body);
        let now = push_authenticator::ports::Clock::now(&*world.clock);
        let Delivery::Retry { at, status: Some(heard) } = world.phone.delivered(&request.id, response(status)).unwrap()
        else {
            panic!("{status}")
        };
        assert_eq!(heard, status);
        delays.push((at - now) / 1000);
        world.clock.set(at - 1);
        assert_eq!(world.phone.due().unwrap(), []);
        world.clock.set(at);
    }
    assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    let request = only(world.phone.due().unwrap());
    assert!(matches!(
        world.phone.failed(&request.id, SendFailure::NotSent).unwrap(),
        Delivery::Retry { status: None, .. }
    ));
    assert_eq!(world.phone.due().unwrap(), []);
    world.phone.retry_now().unwrap();
    assert_eq!(world.phone.due().unwrap().len(), 1);
    assert_eq!(only(world.phone.accounts().unwrap()).state, AccountState::Enrolling);
}

#[test]
fn a_registration_refused_at_the_first_attempt_is_removed() {
    for failures in [&[][..], &[SendFailure::NotSent][..]] {
        let world = World::new();
        let account = world.enrol(&code(&[])).unwrap();
        for failure in failures {
            world.phone.failed(&only(world.phone.due().unwrap()).id, *failure).unwrap();
            world.phone.retry_now().unwrap();
        }
        let request = only(world.phone.due().unwrap());
        let delivery = world.phone.delivered(&request.id, response(400)).unwrap();
        let outcome = Outcome::AccountRemoved { account_id: account.id };
        assert_eq!(delivery, Delivery::Refused { status: 400, message: None, outcome });
        assert_eq!(world.phone.accounts().unwrap(), []);
    }
}

/// The process is killed between sending the registration and hearing the answer.
#[test]
fn a_registration_of_unknown_fate_is_sent_again_byte_for_byte() {
    // The server had accepted it: the same bytes get the same 200.
    let world = World::new();
    world.enrol(&code(&[])).unwrap();
    let sent = only(world.phone.due().unwrap());
    let World { folder, clock, entropy, phone } = world;
    drop(phone);
    let phone =
        push_authenticator::phone::Phone::open(&folder.path().join("vault"), &MaskKey(0x33), clock.clone(), entropy)
            .unwrap();
    assert_eq!(phone.due().unwrap(), []);
    clock.advance(LEASE);
    let again = only(phone.due().unwrap());
    assert_eq!((&again.id, &again.body, &again.headers), (&sent.id, &sent.body, &sent.headers));
    phone.delivered(&again.id, response(200)).unwrap();
    assert_eq!(only(phone.accounts().unwrap()).state, AccountState::Active);
}

#[test]
fn a_registration_refused_after_an_attempt_of_unknown_fate_is_kept_until_a_message_tells() {
    for fate in ["killed", "unheard", "gateway"] {
        let world = World::new();
        let account = world.enrol(&code(&[])).unwrap();
        let sent = only(world.phone.due().unwrap());
        match fate {
            "killed" => world.clock.advance(LEASE),
            "unheard" => drop(world.phone.failed(&sent.id, SendFailure::FateUnknown).unwrap()),
            _ => drop(world.phone.delivered(&sent.id, response(504)).unwrap()),
        }
        world.phone.retry_now().unwrap();
        let again = only(world.phone.due().unwrap());
        let delivery = world.phone.delivered(&again.id, response(400)).unwrap();
        let outcome = Outcome::AccountUnconfirmed { account_id: account.id.clone() };
        assert_eq!(delivery, Delivery::Refused { status: 400, message: None, outcome }, "{fate}");
        assert_eq!(only(world.phone.accounts().unwrap()).state, AccountState::Unconfirmed);
        assert_eq!(world.phone.outbox().unwrap(), []);

        let credential = Credential { account_id: account.id, mechanism_uid: mechanism_uid(&sent) };
        credential.send(&world.phone, 1, json!({"i": null})).unwrap();
        assert_eq!(only(world.phone.accounts().unwrap()).state, AccountState::Active);
    }
}

/// The process is killed between sending the answer and hearing what the server says.
#[test]
fn an_answer_of_unknown_fate_is_sent_again_byte_for_byte() {
    for (status, outcome) in [(200, NotificationState::Approved), (400, NotificationState::OutcomeUnknown)] {
        let world = World::new();
        let (_, id) = answering(&world);
        let sent = only(world.phone.due().unwrap());
        let restarted = world.open().unwrap();
        assert_eq!(restarted.due().unwrap(), []);
        world.clock.advance(LEASE);
        let again = only(restarted.due().unwrap());
        assert_eq!((&again.id, &again.body), (&sent.id, &sent.body));
        restarted.delivered(&again.id, response(status)).unwrap();
        assert_eq!(state(&world, &id), outcome);
        assert_eq!(restarted.approve(&id, Evidence::Tap), Err(PhoneError::AlreadyAnswered));
    }
}

#[test]
fn an_answer_is_never_sent_after_the_messages_time() {
    // Never sent: expired.
    let world = World::new();
    let (_, id) = answering(&world);
    world.clock.advance(180_001);
    assert_eq!(world.phone.due().unwrap(), []);
    assert_eq!(state(&world, &id), NotificationState::Expired);
    assert_eq!(world.phone.outbox().unwrap(), []);

    // Certainly not sent: also expired.
    let world = World::new();
    let (_, id) = answering(&world);
    world.phone.failed(&only(world.phone.due().unwrap()).id, SendFailure::NotSent).unwrap();
    world.clock.advance(180_001);
    assert_eq!(world.phone.due().unwrap(), []);
    assert_eq!(state(&world, &id), NotificationState::Expired);

    // Perhaps sent: unknown.
    let world = World::new();
    let (_, id) = answering(&world);
    only(world.phone.due().unwrap());
    world.clock.advance(180_001);
    assert_eq!(world.phone.due().unwrap(), []);
    assert_eq!(state(&world, &id), NotificationState::OutcomeUnknown);
}

/// A message without a sending time counts by this phone's clock, whatever the phone learns about it later.
#[test]
fn learning_the_servers_time_does_not_make_an_answer_late() {
    let world = World::new();
    let credential = world.active();
    for (number, changes, due) in [(1, json!({"i": null}), 1), (2, json!({}), 0)] {
        let id = credential.send(&world.phone, number, changes).unwrap().id;
        world.phone.deny(&id).unwrap();
        // An hour later than this phone's clock says.
        let date = Some("Tue, 24 Nov 2026 17:50:00 GMT".to_owned());
        world.phone.pulled(&world.phone.pull(0).unwrap()[0], HttpResponse { date, ..response(404) }).unwrap();
        let requests = world.phone.due().unwrap();
        assert_eq!(requests.len(), due, "message {number}");
        for request in requests {
            assert_eq!(request.not_after, Some(NOW + 120_000));
            let date = Some("Tue, 24 Nov 2026 16:50:00 GMT".to_owned());
            world.phone.delivered(&request.id, HttpResponse { date, ..response(200) }).unwrap();
        }
    }
}

/// The app was suspended between the answer and its report: the date is from some moment in between.
#[test]
fn a_late_report_does_not_set_the_clock() {
    let world = World::new();
    let credential = world.active();
    let dated = |status| HttpResponse { date: Some("Tue, 24 Nov 2026 16:50:00 GMT".into()), ..response(status) };
    let fresh = |number, seconds: i64| {
        credential.send(&world.phone, number, json!({"i": (NOW + seconds * 1000).to_string()})).map(|it| it.state)
    };
    let id = credential.send(&world.phone, 1, json!({})).unwrap().id;
    world.phone.deny(&id).unwrap();
    let request = only(world.phone.due().unwrap());
    let pull = only(world.phone.pull(30).unwrap());
    world.clock.advance(600_000);
    world.phone.delivered(&request.id, dated(200)).unwrap();
    assert_eq!(state(&world, &id), NotificationState::Denied, "the answer itself counts");
    assert_eq!(fresh(2, 600), Ok(NotificationState::Pending));
    world.phone.pulled(&pull, dated(404)).unwrap();
    assert_eq!(fresh(3, 600), Ok(NotificationState::Pending));
    // A report in time does: it shows that the phone's clock is ten minutes ahead, and half a minute of waiting is in
    // time.
    let pull = only(world.phone.pull(30).unwrap());
    world.clock.advance(30_000);
    world.phone.pulled(&pull, dated(404)).unwrap();
    assert_eq!(fresh(4, 600).unwrap_err().code(), "from-the-future");
}

#[test]
fn what_no_server_looked_at_proves_nothing() {
    // A proxy that demands authentication, a redirect, too many HTTP requests: sent again, and a rejection counts as
    // the first.
    for status in [407, 302, 429] {
        let world = World::new();
        let account = world.enrol(&code(&[])).unwrap();
        let request = only(world.phone.due().unwrap());
        let delivery = world.phone.delivered(&request.id, response(status)).unwrap();
        assert!(matches!(delivery, Delivery::Retry { status: Some(heard), .. } if heard == status), "{delivery:?}");
        world.phone.retry_now().unwrap();
        let delivery = world.phone.delivered(&only(world.phone.due().unwrap()).id, response(400)).unwrap();
        let outcome = Outcome::AccountRemoved { account_id: account.id };
        assert_eq!(delivery, Delivery::Refused { status: 400, message: None, outcome }, "{status}");
    }
}

#[test]
fn what_may_have_been_taken_once_stays_so() {
    for first in [None, Some(408), Some(503)] {
        let world = World::new();
        let account = world.enrol(&code(&[])).unwrap();
        let request = only(world.phone.due().unwrap());
        match first {
            None => world.phone.failed(&request.id, SendFailure::FateUnknown).unwrap(),
            Some(status) => world.phone.delivered(&request.id, response(status)).unwrap(),
        };
        world.phone.retry_now().unwrap();
        world.phone.failed(&only(world.phone.due().unwrap()).id, SendFailure::NotSent).unwrap();
        world.phone.retry_now().unwrap();
        world.phone.delivered(&only(world.phone.due().unwrap()).id, response(429)).unwrap();
        world.phone.retry_now().unwrap();
        let delivery = world.phone.delivered(&only(world.phone.due().unwrap()).id, response(400)).unwrap();
        let outcome = Outcome::AccountUnconfirmed { account_id: account.id };
        assert_eq!(delivery, Delivery::Refused { status: 400, message: None, outcome }, "{first:?}");
    }
}

#[test]
fn a_delay_from_a_clock_that_was_put_back_holds_nothing_up() {
    let world = World::new();
    world.enrol(&code(&[])).unwrap();
    let request = only(world.phone.due().unwrap());
    world.phone.failed(&request.id, SendFailure::NotSent).unwrap();
    assert_eq!(world.phone.due().unwrap(), []);
    world.clock.advance(-3_600_000);
    assert_eq!(only(world.phone.due().unwrap()).body, request.body);
}

#[test]
fn an_answer_whose_time_ran_out_is_settled_whoever_looks() {
    for (sent, outcome) in [(false, NotificationState::Expired), (true, NotificationState::OutcomeUnknown)] {
        for look in ["notification", "history"] {
            let world = World::new();
            let (_, id) = answering(&world);
            world.clock.advance(170_000);
            if sent {
                only(world.phone.due().unwrap());
            }
            world.clock.advance(10_001);
            let found = |world: &World| match look {
                "history" => world.phone.history(10, 0).unwrap().first().map(|first| first.state),
                _ => Some(state(world, &id)),
            };
            if sent {
                assert_ne!(found(&world), Some(outcome), "its sender may hear of it still");
                world.clock.advance(LEASE);
            }
            assert_eq!(found(&world), Some(outcome), "{look}");
            assert_eq!(world.phone.outbox().unwrap(), []);
        }
    }
}

#[test]
fn a_phone_may_be_shared_between_threads() {
    fn check<T: Send + Sync>() {}
    check::<push_authenticator::phone::Phone>();
}

#[test]
fn one_edited_request_does_not_hold_up_the_others() {
    let world = World::new();
    world.enrol(&code(&[])).unwrap();
    world.enrol(&code_for("Ping:other", &[("m", Some("other"))])).unwrap();
    let edit = |condition: &str| {
        world.sql().execute(&format!("UPDATE outbox SET url = 'https://evil.example.com/' {condition}"), []).unwrap()
    };
    assert_eq!(edit("WHERE sequence = 1"), 1);
    assert_eq!(only(world.phone.due().unwrap()).url, REGISTER);
    world.clock.advance(LEASE);
    edit("");
    assert_eq!(world.phone.due().unwrap_err().code(), "vault-tampered");
}

#[test]
fn answers_are_not_printed() {
    let world = World::new();
    answering(&world);
    let printed = format!("{:?}", world.phone.due().unwrap());
    assert!(printed.contains(AUTHENTICATE) && !printed.contains("body"), "{printed}");
}
