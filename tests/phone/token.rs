//! Where pushes should go: the phone tells every server independently, until it knows.

use push_authenticator::phone::{
    AccountState, CommunicationType, Delivery, EventKind, HttpRequest, HttpResponse, Outcome, PhoneError,
    PushTokenState, RequestKind, SendFailure, VaultError,
};
use serde_json::{Value, json};

use crate::support::*;

const LEASE: i64 = 60_000;
const DAY: i64 = 24 * 3_600_000;

fn want(world: &World, token: &str) {
    world.phone.set_push_token(token, CommunicationType::Gcm).unwrap();
}

fn states(world: &World) -> Vec<PushTokenState> {
    world.phone.push_tokens().unwrap().into_iter().map(|status| status.state).collect()
}

fn token_of(request: &HttpRequest) -> Value {
    assert_eq!(request.kind, RequestKind::TokenRefresh);
    claims_of(&request.body, &SECRET)["deviceId"].clone()
}

fn other_account(world: &World) -> Credential {
    world.active_with(&code_for("Ping:other", &[("m", Some("other"))]), enrolment())
}

#[test]
fn a_new_token_is_told_to_every_server() {
    let world = World::new();
    let (first, second) = (world.active(), other_account(&world));
    assert_eq!(states(&world), [PushTokenState::Current; 2]);
    want(&world, "new");
    assert_eq!(states(&world), [PushTokenState::Changing; 2]);
    world.clock.advance(7_000);
    let requests = world.phone.due().unwrap();
    assert_eq!(requests.len(), 2);
    for (request, credential) in requests.iter().zip([first, second]) {
        assert_eq!(request.url, AUTHENTICATE.replace("=authenticate", "=refresh"));
        assert!(request.headers.iter().all(|(name, _)| name != "Cookie"));
        assert_eq!(request.not_after, None);
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["jwt", "mechanismUid"]);
        assert_eq!(body["mechanismUid"], credential.mechanism_uid);
        let claims = json!({
            "deviceType": "android", "communicationType": "gcm", "deviceId": "new", "deviceName": "Google Pixel 8",
            "iat": (NOW + 7_000) / 1000,
        });
        assert_eq!(claims_of(&request.body, &SECRET), claims);
        let account_id = credential.account_id;
        let delivery = world.phone.delivered(&request.id, response(200)).unwrap();
        assert_eq!(delivery, Delivery::Done(Outcome::TokenChanged { account_id }));
    }
    let tokens = world.phone.push_tokens().unwrap();
    assert!(tokens.iter().all(|each| each.state == PushTokenState::Current && each.confirmed_at == Some(NOW + 7_000)));
    want(&world, "new");
    assert_eq!((world.phone.due().unwrap(), world.phone.outbox().unwrap()), (vec![], vec![]));
}

#[test]
fn a_token_has_to_be_one() {
    let world = World::new();
    for token in ["", &"t".repeat(4097)] {
        let error = world.phone.set_push_token(token, CommunicationType::Apns);
        assert_eq!(error, Err(PhoneError::BadDevice("push token")));
    }
}

#[test]
fn only_the_last_wanted_token_is_told() {
    let world = World::new();
    world.active();
    want(&world, "first");
    want(&world, "second");
    assert_eq!(token_of(&only(world.phone.due().unwrap())), "second");

    // Back to what the server has before anything was handed out: nothing to report.
    let world = World::new();
    world.active();
    want(&world, "first");
    want(&world, "fcm-token-0123456789");
    assert_eq!((world.phone.due().unwrap(), states(&world)), (vec![], vec![PushTokenState::Current]));
}

#[test]
fn a_token_that_is_wanted_while_another_is_on_its_way_follows_it() {
    for next in ["second", "fcm-token-0123456789"] {
        for status in [200, 400] {
            let world = World::new();
            world.active();
            want(&world, "first");
            let sent = only(world.phone.due().unwrap());
            want(&world, next);
            assert_eq!(world.phone.due().unwrap(), [], "one at a time");
            world.phone.delivered(&sent.id, response(status)).unwrap();
            world.phone.retry_now().unwrap();
            let request = only(world.phone.due().unwrap());
            assert_eq!(token_of(&request), next, "{status}");
            world.phone.delivered(&request.id, response(200)).unwrap();
            assert_eq!(states(&world), [PushTokenState::Current]);
        }
    }
}

#[test]
fn a_token_of_unknown_fate_is_not_taken_for_untold() {
    let world = World::new();
    world.active();
    want(&world, "first");
    let sent = only(world.phone.due().unwrap());
    world.phone.failed(&sent.id, SendFailure::FateUnknown).unwrap();
    want(&world, "fcm-token-0123456789");
    assert_eq!(token_of(&only(world.phone.due().unwrap())), "fcm-token-0123456789", "the server may have the first");
}

#[test]
fn what_may_have_been_taken_is_remembered_over_several_changes() {
    let world = World::new();
    world.active();
    want(&world, "first");
    let sent = only(world.phone.due().unwrap());
    world.phone.failed(&sent.id, SendFailure::FateUnknown).unwrap();
    want(&world, "second");
    want(&world, "fcm-token-0123456789");
    assert_eq!(token_of(&only(world.phone.due().unwrap())), "fcm-token-0123456789", "the server may have the first");
}

#[test]
fn a_late_report_does_not_count_for_another_token_than_was_sent() {
    let world = World::new();
    world.active();
    want(&world, "first");
    let late = only(world.phone.due().unwrap());
    want(&world, "second");
    world.clock.advance(LEASE + 1);
    let sent = only(world.phone.due().unwrap());
    assert_eq!((token_of(&late), token_of(&sent)), (json!("first"), json!("second")));
    assert_eq!(world.phone.delivered(&late.id, response(200)), Err(PhoneError::RequestNotFound));
    world.phone.failed(&sent.id, SendFailure::NotSent).unwrap();
    assert_eq!(states(&world), [PushTokenState::Changing]);
    world.phone.retry_now().unwrap();
    assert_eq!(token_of(&only(world.phone.due().unwrap())), "second");
}

#[test]
fn each_attempt_is_signed_anew_and_delays_grow() {
    let world = World::new();
    world.active();
    want(&world, "new");
    let (mut delays, mut signed_at) = (vec![], vec![]);
    for status in [500, 503, 429, 408] {
        let request = only(world.phone.due().unwrap());
        let now = push_authenticator::ports::Clock::now(&*world.clock);
        signed_at.push(claims_of(&request.body, &SECRET)["iat"].as_i64().unwrap() * 1000);
        assert_eq!(signed_at.last(), Some(&now));
        let Delivery::Retry { at, .. } = world.phone.delivered(&request.id, response(status)).unwrap() else {
            panic!("{status}")
        };
        delays.push((at - now) / 1000);
        world.clock.set(at);
    }
    assert_eq!(delays, [1, 2, 4, 8]);
    // The process is killed while sending one; a restart carries on.
    only(world.phone.due().unwrap());
    let restarted = world.open().unwrap();
    assert_eq!(restarted.due().unwrap(), []);
    world.clock.advance(LEASE);
    assert_eq!(token_of(&only(restarted.due().unwrap())), "new");
}

#[test]
fn a_server_that_finds_the_time_wrong_is_asked_again_by_its_own_clock() {
    let world = World::new();
    world.active();
    want(&world, "new");
    let request = only(world.phone.due().unwrap());
    let refusal = HttpResponse {
        date: Some("Tue, 24 Nov 2026 17:50:00 GMT".to_owned()),
        ..response_with(400, json!({"code": 400, "message": "clock"}))
    };
    assert!(matches!(world.phone.delivered(&request.id, refusal).unwrap(), Delivery::Retry { .. }));
    world.phone.retry_now().unwrap();
    let again = only(world.phone.due().unwrap());
    assert_eq!(claims_of(&again.body, &SECRET)["iat"], (NOW + 3_600_000) / 1000);
    world.phone.delivered(&again.id, response(200)).unwrap();
    assert_eq!(states(&world), [PushTokenState::Current]);
}

#[test]
fn a_refused_token_is_named_and_not_told_again_soon_unless_another_is_wanted() {
    for (status, state, kind) in [
        (400, PushTokenState::Refused, EventKind::TokenRefused),
        (403, PushTokenState::Refused, EventKind::TokenRefused),
        (404, PushTokenState::NotOffered, EventKind::TokenNotOffered),
        (501, PushTokenState::NotOffered, EventKind::TokenNotOffered),
    ] {
        let world = World::new();
        let Credential { account_id, .. } = world.active();
        want(&world, "new");
        let request = only(world.phone.due().unwrap());
        let delivery =
            world.phone.delivered(&request.id, response_with(status, json!({"message": "No\u{202e}."}))).unwrap();
        let outcome = match state {
            PushTokenState::NotOffered => Outcome::TokenNotOffered { account_id },
            _ => Outcome::TokenRefused { account_id },
        };
        assert_eq!(delivery, Delivery::Refused { status, message: Some("No.".into()), outcome });
        assert_eq!(states(&world), [state], "{status}");
        let event = world.phone.events(1).unwrap().remove(0);
        assert_eq!((event.kind, event.detail), (kind, Some(format!("{status} No."))));
        world.clock.advance(30 * DAY);
        want(&world, "new");
        assert_eq!(world.open().unwrap().due().unwrap(), []);
        want(&world, "newer");
        assert_eq!(token_of(&only(world.phone.due().unwrap())), "newer");
    }
}

#[test]
fn one_accounts_trouble_is_not_anothers() {
    let world = World::new();
    let (first, _) = (world.active(), other_account(&world));
    let id = first.account_id;
    world
        .sql()
        .execute(
            "UPDATE credential SET secret_sealed = zeroblob(60)
             WHERE sequence = (SELECT min(sequence) FROM credential)",
            [],
        )
        .unwrap();
    want(&world, "new");
    let request = only(world.phone.due().unwrap());
    world.phone.delivered(&request.id, response(200)).unwrap();
    assert_eq!(states(&world), [PushTokenState::Changing, PushTokenState::Current]);
    assert_eq!(world.phone.push_tokens().unwrap()[0].account_id, id);
    assert_eq!(world.phone.due().unwrap(), []);

    // Edited in the outbox: it gets its own error, once there is nothing else to send.
    let world = World::new();
    world.active();
    other_account(&world);
    want(&world, "new");
    world.sql().execute("UPDATE credential SET secret_sealed = zeroblob(60) WHERE sequence = 1", []).unwrap();
    only(world.phone.due().unwrap());
    assert_eq!(world.phone.due(), Err(PhoneError::Vault(VaultError::Tampered { table: "credential" })));
}

#[test]
fn an_account_that_is_being_added_is_told_once_its_server_has_it() {
    let world = World::new();
    world.enrol(&code(&[])).unwrap();
    want(&world, "new");
    let registration = only(world.phone.due().unwrap());
    assert_eq!(registration.kind, RequestKind::Registration);
    assert_eq!(states(&world), [PushTokenState::Changing]);
    world.phone.delivered(&registration.id, response(200)).unwrap();
    assert_eq!(token_of(&only(world.phone.due().unwrap())), "new");
}

#[test]
fn what_was_told_long_ago_is_told_again() {
    let world = World::new();
    world.active();
    world.clock.advance(30 * DAY);
    assert_eq!(world.phone.due().unwrap(), []);
    world.clock.advance(1);
    let request = only(world.phone.due().unwrap());
    assert_eq!(token_of(&request), "fcm-token-0123456789");
    world.phone.delivered(&request.id, response(200)).unwrap();
    assert!(world.phone.events(5).unwrap().iter().all(|event| event.kind != EventKind::TokenChanged), "no change");
    world.clock.advance(29 * DAY);
    assert_eq!(world.phone.due().unwrap(), []);

    // An `embedded` phone asks its server anyway.
    let world = World::new();
    let device = push_authenticator::phone::Device { communication_type: CommunicationType::Embedded, ..device() };
    world.active_with(&code(&[]), push_authenticator::phone::Enrolment { device, ..enrolment() });
    world.clock.advance(40 * DAY);
    assert_eq!(world.phone.due().unwrap(), []);
}

#[test]
fn without_the_key_a_token_can_be_wanted_and_is_told_later() {
    let world = World::new();
    world.active();
    let phone = world.open_with(&MaskKey(0x44)).unwrap();
    phone.set_push_token("new", CommunicationType::Gcm).unwrap();
    assert_eq!(phone.due().unwrap(), []);
    assert_eq!(token_of(&only(world.phone.due().unwrap())), "new");
}

/// Returns the registration of an unconfirmed account: rejected, but perhaps accepted by an earlier attempt.
fn unconfirmed(world: &World) -> HttpRequest {
    world.enrol(&code(&[])).unwrap();
    let registration = only(world.phone.due().unwrap());
    world.phone.failed(&registration.id, SendFailure::FateUnknown).unwrap();
    world.phone.retry_now().unwrap();
    world.phone.delivered(&only(world.phone.due().unwrap()).id, response(400)).unwrap();
    registration
}

/// Hands out the waiting change this many times without a network.
fn without_network(world: &World, times: usize) {
    for _ in 0..times {
        world.phone.retry_now().unwrap();
        world.phone.failed(&only(world.phone.due().unwrap()).id, SendFailure::NotSent).unwrap();
    }
    world.phone.retry_now().unwrap();
}

#[test]
fn a_token_that_was_never_sent_is_not_refused() {
    let world = World::new();
    world.active();
    want(&world, "first");
    without_network(&world, 20);
    let sent = only(world.phone.due().unwrap());
    want(&world, "second");
    assert!(matches!(world.phone.delivered(&sent.id, response(400)).unwrap(), Delivery::Retry { .. }));
    assert_eq!(states(&world), [PushTokenState::Changing]);
    assert_eq!(token_of(&only(world.phone.due().unwrap())), "second", "its delays begin anew");

    // Nor is one finally rejected because a wrong clock signed it.
    let world = World::new();
    world.active();
    want(&world, "first");
    without_network(&world, 20);
    let sent = only(world.phone.due().unwrap());
    let date = Some("Tue, 24 Nov 2026 17:50:00 GMT".to_owned());
    let refusal = HttpResponse { date, ..response_with(400, json!({"message": "clock"})) };
    assert!(matches!(world.phone.delivered(&sent.id, refusal).unwrap(), Delivery::Retry { .. }));
    world.phone.retry_now().unwrap();
    world.phone.delivered(&only(world.phone.due().unwrap()).id, response(200)).unwrap();
    assert_eq!(states(&world), [PushTokenState::Current]);
}

#[test]
fn a_server_that_may_know_this_phone_is_told_and_shows_by_it_that_it_does() {
    let world = World::new();
    unconfirmed(&world);
    assert_eq!(world.phone.due().unwrap(), [], "what was registered needs not be told");
    want(&world, "rotated");
    let request = only(world.phone.due().unwrap());
    assert_eq!(token_of(&request), "rotated");
    world.phone.delivered(&request.id, response(200)).unwrap();
    assert_eq!(states(&world), [PushTokenState::Current]);
    assert_eq!(only(world.phone.accounts().unwrap()).state, AccountState::Active);

    // The phone tells a server again that did not know the account then, but does now.
    let world = World::new();
    let registration = unconfirmed(&world);
    want(&world, "rotated");
    world.phone.delivered(&only(world.phone.due().unwrap()).id, response(404)).unwrap();
    assert_eq!(only(world.phone.accounts().unwrap()).state, AccountState::Unconfirmed);
    assert_eq!(world.phone.due().unwrap(), []);
    let credential = Credential { account_id: String::new(), mechanism_uid: mechanism_uid(&registration) };
    credential.send(&world.phone, 1, json!({})).unwrap();
    assert_eq!(token_of(&only(world.phone.due().unwrap())), "rotated");
}

#[test]
fn a_server_that_refused_is_asked_again_after_a_month() {
    for status in [400, 404, 501] {
        let world = World::new();
        world.active();
        world.clock.advance(30 * DAY + 1);
        let request = only(world.phone.due().unwrap());
        world.phone.delivered(&request.id, response(status)).unwrap();
        let refused = only(world.phone.push_tokens().unwrap());
        assert!(matches!(refused.state, PushTokenState::Refused | PushTokenState::NotOffered));
        assert_eq!(refused.confirmed_at, None);
        world.clock.advance(30 * DAY);
        assert_eq!(world.phone.due().unwrap(), [], "{status}");
        world.clock.advance(1);
        let again = only(world.phone.due().unwrap());
        world.phone.delivered(&again.id, response(200)).unwrap();
        assert_eq!(states(&world), [PushTokenState::Current], "a stray refusal ends nothing");
        assert_eq!(world.phone.due().unwrap(), []);
    }
}

#[test]
fn a_clock_that_was_far_ahead_does_not_keep_a_server_from_being_told() {
    let world = World::new();
    world.clock.set(NOW + 400 * DAY);
    world.active();
    world.clock.set(NOW);
    let request = only(world.phone.due().unwrap());
    world.phone.delivered(&request.id, response(200)).unwrap();
    world.clock.advance(-3_600_000);
    assert_eq!(world.phone.due().unwrap(), [], "a small step is nothing");
    world.clock.set(NOW + 31 * DAY);
    only(world.phone.due().unwrap());
}
