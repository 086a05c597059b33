//! Pull: asking for pending messages.

use push_authenticator::phone::{HttpResponse, NotificationState, PhoneError, Pulled};
use serde_json::{Value, json};

use crate::support::*;

fn listing(credential: &Credential, numbers: &[u8]) -> HttpResponse {
    let messages: Vec<Value> = numbers
        .iter()
        .map(|number| json!({"messageId": message_id(*number), "message": credential.push(*number, json!({}))}))
        .collect();
    response_with(200, json!({ "messages": messages }))
}

#[test]
fn a_pull_is_signed_and_addressed() {
    let world = World::new();
    world.enrol(&code_for("Ping:enrolling", &[])).unwrap();
    assert_eq!(world.phone.pull(0).unwrap(), [], "the server does not know this one yet");
    let request = only(world.phone.due().unwrap());
    world.phone.delivered(&request.id, response(200)).unwrap();
    let pull = only(world.phone.pull(99).unwrap());
    assert_eq!(pull.url, "https://am.example.com/am/push/sns/message?_action=pending");
    assert!(pull.headers.contains(&("Content-Type".into(), "application/json".into())));
    let body: Value = serde_json::from_slice(&pull.body).unwrap();
    assert_eq!(body["mechanismUid"], mechanism_uid(&request));
    let claims = claims_of(&pull.body, &SECRET);
    assert_eq!(claims["sub"], body["mechanismUid"]);
    assert_eq!(claims["aud"], "pending");
    assert_eq!(claims["iat"], NOW / 1000);
    assert_eq!(claims["wait"], 30);
    assert_eq!(claims["nonce"].as_str().unwrap().len(), 22);
    let again = claims_of(&only(world.phone.pull(0).unwrap()).body, &SECRET);
    assert_ne!(again["nonce"], claims["nonce"]);
}

#[test]
fn what_is_listed_is_taken_in_and_what_is_no_longer_listed_is_withdrawn() {
    let world = World::new();
    let credential = world.active();
    let pull = only(world.phone.pull(0).unwrap());
    let Pulled::Messages { notifications, refused, withdrawn } =
        world.phone.pulled(&pull, listing(&credential, &[1, 2])).unwrap()
    else {
        panic!()
    };
    assert_eq!((notifications.len(), refused.len(), withdrawn.len()), (2, 0, 0));
    // A push of the same message finds it there already.
    assert_eq!(credential.send(&world.phone, 1, json!({})).unwrap().id, notifications[0].id);

    // A third message is pushed during the next pull, whose answer cannot list it.
    let pull = only(world.phone.pull(0).unwrap());
    let third = credential.send(&world.phone, 3, json!({})).unwrap();
    let answer = world.phone.pulled(&pull, listing(&credential, &[2])).unwrap();
    let Pulled::Messages { notifications: listed, withdrawn, .. } = answer else { panic!() };
    assert_eq!(only(listed).id, notifications[1].id);
    assert_eq!(withdrawn, [notifications[0].id.clone()]);
    assert_eq!(world.phone.notification(&withdrawn[0]).unwrap().state, NotificationState::Withdrawn);
    assert_eq!(world.phone.deny(&withdrawn[0]), Err(PhoneError::Withdrawn));
    let pending: Vec<String> = world.phone.pending().unwrap().into_iter().map(|each| each.id).collect();
    assert_eq!(pending, [third.id, notifications[1].id.clone()]);
}

#[test]
fn a_message_that_comes_after_the_newest_was_removed_is_not_withdrawn() {
    let world = World::new();
    let other = world.active_with(&code_for("Ping:other", &[]), enrolment());
    let credential = world.active();
    other.send(&world.phone, 1, json!({})).unwrap();
    let pull = world.phone.pull(0).unwrap().into_iter().find(|each| each.account_id == credential.account_id).unwrap();
    world.phone.remove(&other.account_id).unwrap();
    // Whatever the clock does.
    world.clock.advance(-2_000);
    let late = credential.send(&world.phone, 2, json!({})).unwrap();
    let answer = world.phone.pulled(&pull, listing(&credential, &[])).unwrap();
    assert_eq!(answer, Pulled::Messages { notifications: vec![], refused: vec![], withdrawn: vec![] });
    assert_eq!(only(world.phone.pending().unwrap()).id, late.id);
}

#[test]
fn what_is_answered_is_not_withdrawn() {
    let world = World::new();
    let credential = world.active();
    let id = credential.send(&world.phone, 1, json!({})).unwrap().id;
    world.phone.deny(&id).unwrap();
    let pull = only(world.phone.pull(0).unwrap());
    world.phone.pulled(&pull, listing(&credential, &[])).unwrap();
    assert_eq!(world.phone.notification(&id).unwrap().state, NotificationState::Answering);
}

#[test]
fn a_refused_message_in_a_listing_is_reported_and_the_others_are_taken_in() {
    let world = World::new();
    let credential = world.active();
    let other = world.active_with(&code_for("Ping:other", &[("m", Some("other"))]), enrolment());
    let pull = world.phone.pull(0).unwrap().remove(0);
    let messages = json!({"messages": [
        {"messageId": "foreign", "message": other.push(1, json!({}))},
        {"messageId": "forged", "message": sign(b"0123456789abcdef", &credential.claims(2, json!({})))},
        {"messageId": "nonsense", "message": "x"},
        {"messageId": message_id(3), "message": credential.push(3, json!({}))},
    ]});
    let Pulled::Messages { notifications, refused, .. } =
        world.phone.pulled(&pull, response_with(200, messages)).unwrap()
    else {
        panic!()
    };
    assert_eq!(notifications.len(), 1);
    let codes: Vec<(&str, &str)> = refused.iter().map(|each| (each.message_id.as_str(), each.error.code())).collect();
    assert_eq!(
        codes,
        [("foreign", "unknown-credential"), ("forged", "wrong-signature"), ("nonsense", "malformed-message")]
    );
}

/// The phone concludes nothing from a listing that it could not accept in full, or about a message that is listed but
/// rejected.
#[test]
fn what_is_listed_is_not_withdrawn_whatever_becomes_of_it() {
    let world = World::new();
    let credential = world.active();
    let id = credential.send(&world.phone, 1, json!({})).unwrap().id;
    let pull = only(world.phone.pull(0).unwrap());
    let forged = json!({"messages": [{"messageId": message_id(1), "message": sign(b"0123456789abcdef", &json!({}))}]});
    let Pulled::Messages { refused, withdrawn, .. } = world.phone.pulled(&pull, response_with(200, forged)).unwrap()
    else {
        panic!()
    };
    assert_eq!((refused.len(), withdrawn), (1, vec![]));

    // The vault cannot open the secret: message 2 is not accepted, and message 1, which is not listed, is not
    // withdrawn.
    let sealed = |value: &[u8]| {
        let sql = world.sql();
        let before: Vec<u8> = sql.query_row("SELECT secret_sealed FROM credential", [], |row| row.get(0)).unwrap();
        sql.execute("UPDATE credential SET secret_sealed = ?1", [value]).unwrap();
        before
    };
    let whole = sealed(&[0; 60]);
    let error = world.phone.pulled(&pull, listing(&credential, &[2])).unwrap_err();
    assert_eq!(error.code(), "vault-tampered");
    sealed(&whole);
    assert_eq!(only(world.phone.pending().unwrap()).id, id);
}

#[test]
fn other_answers_change_nothing() {
    let world = World::new();
    let credential = world.active();
    credential.send(&world.phone, 1, json!({})).unwrap();
    let pull = only(world.phone.pull(0).unwrap());
    for status in [404, 501] {
        assert_eq!(world.phone.pulled(&pull, response(status)).unwrap(), Pulled::NotOffered);
    }
    let refusal = response_with(400, json!({"message": "Bad request."}));
    let error = PhoneError::PullRefused { status: 400, message: Some("Bad request.".into()) };
    assert_eq!(world.phone.pulled(&pull, refusal), Err(error));
    for status in [302, 429, 500, 503] {
        assert_eq!(world.phone.pulled(&pull, response(status)), Err(PhoneError::PullUnavailable { status }));
    }
    for body in ["", "[]", "{}", "{\"messages\": [{}]}"] {
        let broken = HttpResponse { body: body.into(), ..response(200) };
        assert_eq!(world.phone.pulled(&pull, broken), Err(PhoneError::ResponseUnreadable), "{body}");
    }
    let large = HttpResponse { body: vec![b' '; 64 * 1024 + 1], ..response(200) };
    assert_eq!(world.phone.pulled(&pull, large), Err(PhoneError::ResponseUnreadable));
    assert_eq!(world.phone.pending().unwrap().len(), 1, "nothing was withdrawn");
    world.phone.remove(&credential.account_id).unwrap();
    assert_eq!(world.phone.pulled(&pull, response(200)), Err(PhoneError::AccountNotFound));
}

#[test]
fn a_wrong_clock_is_learnt_and_the_pull_made_again() {
    let world = World::new();
    world.active();
    let pull = only(world.phone.pull(0).unwrap());
    for word in ["clock", "replayed"] {
        let refusal = HttpResponse {
            date: Some("Tue, 24 Nov 2026 17:50:00 GMT".into()),
            ..response_with(400, json!({"code": 400, "reason": "Bad Request", "message": word}))
        };
        assert_eq!(world.phone.pulled(&pull, refusal).unwrap(), Pulled::AskAgain);
    }
    let claims = claims_of(&only(world.phone.pull(0).unwrap()).body, &SECRET);
    assert_eq!(claims["iat"], NOW / 1000 + 3600);
}
