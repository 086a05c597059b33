//! Against moto's SNS: endpoints, messages, dead tokens.

use serde_json::{Value, json};

use crate::harness::*;
use crate::support::*;

/// Starts moto with both applications, and a server that uses it.
fn start() -> (Moto, String, String, Server) {
    let mut moto = Moto::start();
    let (gcm, apns) = (moto.application("GCM"), moto.application("APNS"));
    let server = setup(moto.port, &gcm, &apns).start();
    (moto, gcm, apns, server)
}

/// Returns the endpoint in the store, once there is one.
fn endpoint_at_rest(server: &Server) -> String {
    wait_for("the stored endpoint", || stored_endpoint(server))
}

#[test]
fn a_sign_on_over_google_with_the_bodies_of_the_protocol() {
    let (mut moto, gcm, apns, server) = start();
    let (phone, step) = register(&server, "gcm", "google-token");
    let endpoint = moto.endpoint_of(&gcm, "google-token");
    let endpoints = moto.endpoints(&gcm);
    assert_eq!((endpoints.len(), &endpoints[0]["enabled"]), (1, &json!("true")));
    assert_eq!(moto.endpoints(&apns), Vec::<Value>::new());
    assert_eq!(endpoint_at_rest(&server), endpoint);

    let published = moto.nth_published(&endpoint, 1);
    let push = google_push(&published);
    let text = format!("Login attempt from {USER} at Ping");
    let google = json!({"priority": "high", "data": {"message": push.jwt, "messageId": push.id}});
    let apple = json!({"aps": {"alert": text, "sound": "default", "messageId": push.id, "data": push.jwt,
        "content-available": 1, "mutable-content": 1}});
    let read = |key: &str| -> Value { serde_json::from_str(published[key].as_str().unwrap()).unwrap() };
    assert_eq!(published["default"], text);
    assert_eq!((read("GCM"), read("APNS"), read("APNS_SANDBOX")), (google, apple.clone(), apple));
    assert_eq!(published.as_object().unwrap().len(), 4);
    assert_eq!(push.claims["m"], text);

    assert_eq!(phone.accept(&server, &push, &step).status, 200);
    server.finish(&step);
    assert_eq!(outcomes(&server, "push-delivery"), Vec::<String>::new(), "what went well is no event of its own");

    // The second sign-on goes to the same endpoint.
    let step = server.after_password();
    let push = google_push(&moto.nth_published(&endpoint, 2));
    assert_eq!(phone.accept(&server, &push, &step).status, 200);
    server.finish(&step);
    assert_eq!(moto.endpoints(&gcm).len(), 1);
}

#[test]
fn an_iphone_gets_its_own_application_and_a_development_build_the_sandbox() {
    let (mut moto, gcm, apns, server) = start();
    let (phone, step) = register(&server, "apns", "0123456789abcdef");
    let endpoint = moto.endpoint_of(&apns, "0123456789abcdef");
    assert_eq!(moto.endpoints(&gcm), Vec::<Value>::new());
    let push = google_push(&moto.nth_published(&endpoint, 1));
    assert_eq!(phone.accept(&server, &push, &step).status, 200);
    server.finish(&step);

    let sandbox = moto.application("APNS_SANDBOX");
    let server = setup(moto.port, &gcm, &apns).configure(|settings| {
        settings.push.sns.as_mut().unwrap().apns_sandbox = true;
    });
    let server = server.start();
    register(&server, "apns", "fedcba9876543210");
    let endpoint = moto.endpoint_of(&sandbox, "fedcba9876543210");
    assert!(endpoint.contains(":endpoint/APNS_SANDBOX/demo/"), "{endpoint}");
    moto.nth_published(&endpoint, 1);
    assert_eq!(moto.endpoints(&apns).len(), 1);
}

#[test]
fn the_same_token_has_the_same_endpoint_and_a_refresh_makes_a_new_one() {
    let (mut moto, gcm, apns, server) = start();
    server.add_user("other", PASSWORD, None);
    let (phone, _) = register(&server, "gcm", "one");
    let first = moto.endpoint_of(&gcm, "one");
    assert_eq!(endpoint_at_rest(&server), first);

    // Two accounts in the same app have the same token.
    let response = server.sign_on_as("other", PASSWORD);
    let step = server.next(&fill(&response.json(), 1, json!(0)));
    assert_eq!(pushed_phone(&step, "gcm", "one").register(&server).status, 200);
    wait_for("both endpoints", || (server.count("device WHERE endpoint IS NOT NULL") == 2).then_some(()));
    assert_eq!(server.count("(SELECT DISTINCT endpoint FROM device)"), 1);
    assert_eq!(moto.endpoints(&gcm).len(), 1);

    refresh(&server, &phone, "gcm", "two");
    let second = moto.endpoint_of(&gcm, "two");
    assert_ne!(first, second);
    wait_for("the new endpoint", || {
        (server.count(&format!("device WHERE user = 'demo' AND endpoint = '{second}'")) == 1).then_some(())
    });
    server.after_password();
    moto.nth_published(&second, 1);

    // A phone that moves to another platform gets an endpoint there.
    refresh(&server, &phone, "apns", "three");
    let third = moto.endpoint_of(&apns, "three");
    server.after_password();
    moto.nth_published(&third, 1);
}

#[test]
fn a_disabled_endpoint_is_a_dead_token_until_the_phone_reports_one() {
    let (mut moto, gcm, _, server) = start();
    let (phone, step) = register(&server, "gcm", "lost");
    let endpoint = moto.endpoint_of(&gcm, "lost");
    let push = google_push(&moto.nth_published(&endpoint, 1));
    assert_eq!(phone.accept(&server, &push, &step).status, 200);
    server.finish(&step);
    moto.ask(&json!(["disable", endpoint]));

    // Twice: the server does not even try the second, and never treats the phone as unregistered.
    for sends in 1..=2 {
        let step = server.after_password();
        assert_eq!(types(&step), ["HiddenValueCallback", "PollingWaitCallback", "ConfirmationCallback"]);
        wait_for("the failure", || (outcomes(&server, "push-delivery").len() == sends).then_some(()));
        let recovery = server.next(&fill(&step, 2, json!(0)));
        assert_eq!(types(&recovery), ["NameCallback"], "the recovery code is still there");
    }
    assert_eq!(outcomes(&server, "push-delivery"), ["dead-token", "dead-token"]);
    assert_eq!(server.count("device WHERE token_dead_at IS NOT NULL AND retired_at IS NULL"), 1);
    assert_eq!(
        server.text("SELECT user || ' ' || (device IS NOT NULL) FROM audit WHERE event = 'push-delivery'"),
        "demo 1"
    );

    // The app is installed again and has the same token as before: the server revives the endpoint.
    refresh(&server, &phone, "gcm", "lost");
    wait_for("the endpoint", || stored_endpoint(&server).filter(|stored| *stored == endpoint));
    assert_eq!(server.count("device WHERE token_dead_at IS NULL"), 1);
    let endpoints = moto.endpoints(&gcm);
    assert_eq!((endpoints.len(), &endpoints[0]["enabled"]), (1, &json!("true")));
    let step = server.after_password();
    let push = google_push(&moto.nth_published(&endpoint, 2));
    assert_eq!(phone.accept(&server, &push, &step).status, 200);
    server.finish(&step);
}

#[test]
fn an_endpoint_that_is_gone_is_a_dead_token_too() {
    let (mut moto, gcm, _, server) = start();
    let (phone, _) = register(&server, "gcm", "first");
    let endpoint = moto.endpoint_of(&gcm, "first");
    moto.nth_published(&endpoint, 1);
    moto.ask(&json!(["delete", endpoint]));
    server.after_password();
    wait_for("the failure", || (outcomes(&server, "push-delivery") == ["dead-token"]).then_some(()));
    assert_eq!(server.count("device WHERE token_dead_at IS NOT NULL"), 1);
    refresh(&server, &phone, "gcm", "second");
    let endpoint = moto.endpoint_of(&gcm, "second");
    server.after_password();
    moto.nth_published(&endpoint, 1);
}

#[test]
fn a_dead_phone_does_not_keep_a_message_from_the_others() {
    let (mut moto, gcm, _, server) = start();
    let (first_step, second_step) = (server.at_qr_code(), server.at_qr_code());
    let first = pushed_phone(&first_step, "gcm", "dead");
    let second = pushed_phone(&second_step, "gcm", "alive");
    assert_eq!((first.register(&server).status, second.register(&server).status), (200, 200));
    let (dead, alive) = (moto.endpoint_of(&gcm, "dead"), moto.endpoint_of(&gcm, "alive"));
    wait_for("both endpoints", || (server.count("device WHERE endpoint IS NOT NULL") == 2).then_some(()));
    moto.ask(&json!(["disable", dead]));
    let step = server.after_password();
    let push = google_push(&moto.nth_published(&alive, 1));
    wait_for("the failure", || (outcomes(&server, "push-delivery") == ["dead-token"]).then_some(()));
    assert_eq!(second.accept(&server, &push, &step).status, 200);
    server.finish(&step);
}

#[test]
fn other_credentials_mean_other_endpoints() {
    let (mut moto, gcm, apns, server) = start();
    let (_, _) = register(&server, "gcm", "token");
    let old = moto.endpoint_of(&gcm, "token");
    moto.nth_published(&old, 1);
    let own = moto.ask(&json!(["application", "GCM", "own-app"])).as_str().unwrap().to_owned();
    let file = server.configuration.push.sns.as_ref().unwrap().credentials_file.clone();
    // Moto knows each token once across all applications, SNS once per application.
    moto.ask(&json!(["delete", old]));
    write_credentials(file.parent().unwrap(), &own, &apns);
    let server = server.restart();
    server.after_password();
    let new = moto.endpoint_of(&own, "token");
    moto.nth_published(&new, 1);
    assert_eq!(stored_endpoint(&server), Some(new));
}
