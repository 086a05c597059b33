//! Changes of push tokens as phones in the field send them: without a signing time, so that the message for a token
//! always has the same bytes.

use serde_json::{Value, json};

use crate::harness::*;

fn wish(server: &Server, phone: &Phone, token: &str) -> Response {
    let claims = json!({"deviceId": token, "deviceName": "Phone", "deviceType": "android", "communicationType": "gcm"});
    let body = json!({"mechanismUid": phone.mechanism, "jwt": sign(&phone.secret, &claims)});
    server.post_json(&format!("{PHONES}refresh"), &body)
}

/// Marks the current token as dead, as the server does when the push service says so.
fn die(server: &Server) {
    server.change("UPDATE device SET endpoint = 'arn', token_dead_at = 1");
}

fn dead(server: &Server) -> i64 {
    server.count("device WHERE token_dead_at IS NOT NULL")
}

#[test]
fn the_token_that_the_device_has_may_come_as_often_as_it_likes() {
    let server = start();
    let phone = server.enrolled();
    for _ in 0..50 {
        assert_eq!(wish(&server, &phone, "B").status, 200);
    }
    die(&server);
    assert_eq!(wish(&server, &phone, "B").status, 200);
    assert_eq!(dead(&server), 0, "it is alive again");
}

#[test]
fn a_new_name_of_the_phone_is_taken_with_the_present_token_too() {
    let server = start();
    let phone = server.enrolled();
    let tell = |name: &str| {
        let claims = json!({"deviceId": "B", "deviceName": name, "deviceType": "android", "communicationType": "gcm"});
        let body = json!({"mechanismUid": phone.mechanism, "jwt": sign(&phone.secret, &claims)});
        server.post_json(&format!("{PHONES}refresh"), &body).status
    };
    let name = || server.text("SELECT name FROM device");
    assert_eq!((tell("Phone"), name()), (200, "Phone".to_owned()));
    assert_eq!((tell("Ada's phone"), name()), (200, "Ada's phone".to_owned()));
    // An old message, sent again, counts as a lost reply for the token, and does not bring the old name back.
    assert_eq!((tell("Phone"), name()), (200, "Ada's phone".to_owned()));
}

#[test]
fn an_earlier_token_comes_back_only_where_the_present_one_is_dead() {
    let server = start();
    let phone = server.enrolled();
    assert_eq!(wish(&server, &phone, "B").status, 200);
    assert_eq!(wish(&server, &phone, "C").status, 200);
    let at_c = server.text("SELECT hex(token) FROM device");
    // Someone with the old message cannot divert pushes from a working token.
    assert_eq!(wish(&server, &phone, "B").refused(400), "replayed");
    assert_eq!(server.text("SELECT hex(token) FROM device"), at_c);
    die(&server);
    assert_eq!(wish(&server, &phone, "B").status, 200);
    assert_ne!(server.text("SELECT hex(token) FROM device"), at_c);
    assert_eq!(dead(&server), 0);
}

#[test]
fn a_message_with_a_time_never_comes_back() {
    let server = start();
    let phone = server.enrolled();
    let signed = |token: &str, iat: i64| -> Value {
        let claims = json!({"deviceId": token, "deviceName": "Phone", "deviceType": "android",
            "communicationType": "gcm", "iat": iat});
        json!({"mechanismUid": phone.mechanism, "jwt": sign(&phone.secret, &claims)})
    };
    let now = START / 1000;
    let old = signed("B", now);
    assert_eq!(server.post_json(&format!("{PHONES}refresh"), &old).status, 200);
    assert_eq!(server.post_json(&format!("{PHONES}refresh"), &old).status, 200, "a lost reply");
    assert_eq!(server.post_json(&format!("{PHONES}refresh"), &signed("C", now)).status, 200);
    die(&server);
    assert_eq!(server.post_json(&format!("{PHONES}refresh"), &old).refused(400), "replayed");
    assert_eq!(server.post_json(&format!("{PHONES}refresh"), &signed("B", now + 1)).status, 200);
}
