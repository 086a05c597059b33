//! A whole sign-on over REST and the command line, in each variant.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::relay::Relay;
use crate::setup::{Phone, Server, hidden_value};

/// Draws the QR code as a picture.
fn picture(text: &str, file: &std::path::Path) {
    let code = qrcode::QrCode::new(text).unwrap();
    let (width, scale, border) = (code.width(), 4, 4);
    let side = (width + 2 * border) * scale;
    let colours = code.to_colors();
    let dark = |x: usize, y: usize| {
        let (column, row) = ((x / scale).checked_sub(border), (y / scale).checked_sub(border));
        matches!((column, row), (Some(column), Some(row)) if column < width && row < width
            && colours[row * width + column] == qrcode::Color::Dark)
    };
    let pixels: Vec<u8> =
        (0..side * side).map(|index| if dark(index % side, index / side) { 0 } else { 255 }).collect();
    image::save_buffer(file, &pixels, side as u32, side as u32, image::ColorType::L8).unwrap();
}

#[test]
fn number_matching_with_the_code_read_from_a_picture() {
    let (server, phone) = (Server::start(|journey| journey, ""), Phone::new());
    let (step, uri) = server.offer();
    let preview = phone.verb(&["preview", &uri]).done();
    assert_eq!(preview["issuer"], "Ping");
    assert_eq!(preview["account"], "alice");
    assert_eq!(preview["host"], json!(server.address));
    assert_eq!(preview["kinds"], json!(["push"]));
    assert_eq!(preview["policies"], json!([]));
    assert_eq!(phone.verb(&["accounts"]).done(), json!([]), "a preview stores nothing");

    let file = phone.folder().join("code.png");
    picture(&uri, &file);
    let account = phone.verb(&["scan", file.to_str().unwrap()]).done();
    assert_eq!(account["state"], "active");
    let accounts = phone.verb(&["accounts"]).done();
    assert_eq!(accounts[0]["id"], account["id"]);
    assert_eq!(accounts[0]["kind"], "push");

    let codes = server.next(&step);
    assert!(codes["callbacks"][0]["output"][0]["value"].as_str().unwrap().contains("Recovery Codes"));
    let waiting = server.next(&codes);
    let number = hidden_value(&waiting).unwrap();
    let message = phone.only_pending();
    let members: Vec<&str> = message.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["account", "context", "expires_at", "id", "issuer", "kind", "message", "numbers", "sent_at"]);
    assert_eq!((&message["kind"], &message["message"]), (&json!("number"), &json!("Login attempt from alice at Ping")));
    // Measured by two clocks; the phone knows their difference from a date in whole seconds.
    let life = message["expires_at"].as_i64().unwrap() - message["sent_at"].as_i64().unwrap();
    assert!((119_000..123_000).contains(&life), "{life}");
    assert_eq!(message["context"]["remoteIp"], "127.0.0.1");
    assert_eq!(message["context"]["browser"], "a browser");
    let numbers: Vec<String> = serde_json::from_value(message["numbers"].clone()).unwrap();
    assert!(numbers.len() == 3 && numbers.contains(&number), "{numbers:?} {number}");

    let id = message["id"].as_str().unwrap();
    assert_eq!(phone.verb(&["approve", id]).failed().0, 2, "a number is needed");
    let other = (10..100).map(|other| other.to_string()).find(|other| !numbers.contains(other)).unwrap();
    assert_eq!(phone.verb(&["approve", id, "--number", &other]).failed(), (1, "number-not-offered".to_owned()));
    let approved = phone.verb(&["approve", id, "--number", &number]).done();
    assert_eq!(approved, json!({"id": id, "state": "approved"}));
    assert_eq!(phone.verb(&["approve", id, "--number", &number]).failed(), (1, "already-answered".to_owned()));
    assert_eq!(phone.verb(&["deny", id]).failed(), (1, "already-answered".to_owned()));
    assert_eq!(phone.verb(&["pending"]).done(), json!([]));

    let signed_on = server.next(&waiting);
    assert_eq!(signed_on["realm"], "/alpha");
    assert!(signed_on["tokenId"].as_str().unwrap().len() > 30);
}

#[test]
fn tap_and_biometric() {
    for (push_type, kind, flags) in [("DEFAULT", "tap", &[][..]), ("BIOMETRIC", "biometric", &["--biometric"][..])] {
        let server = Server::start(|journey| journey.replace("\"CHALLENGE\"", &format!("{push_type:?}")), "");
        let phone = Phone::new();
        let waiting = server.register(&phone);
        assert_eq!(hidden_value(&waiting), None, "no number is shown");
        let message = phone.only_pending();
        assert_eq!((&message["kind"], &message["numbers"]), (&json!(kind), &json!([])));
        let id = message["id"].as_str().unwrap();
        if kind == "biometric" {
            assert_eq!(phone.verb(&["approve", id]).failed(), (1, "biometric-needed".to_owned()));
            let (file, away) = (phone.folder().join("biometric.key"), phone.folder().join("away"));
            std::fs::rename(&file, &away).unwrap();
            assert_eq!(phone.verb(&["approve", id, "--biometric"]).failed(), (1, "biometric-unavailable".to_owned()));
            std::fs::rename(&away, &file).unwrap();
        } else {
            assert_eq!(phone.verb(&["approve", id, "--number", "10"]).failed(), (1, "number-not-asked".to_owned()));
        }
        phone.verb(&[&["approve", id], flags].concat()).done();
        assert!(server.next(&waiting)["tokenId"].is_string(), "{push_type}");
    }
}

#[test]
fn denied_and_wrong_number_end_in_failure() {
    let (server, phone) = (Server::start(|journey| journey, ""), Phone::new());
    // A phone counts once it has approved a sign-on; the server removes one that denies its first.
    let waiting = server.register(&phone);
    let (number, message) = (hidden_value(&waiting).unwrap(), phone.only_pending());
    phone.verb(&["approve", message["id"].as_str().unwrap(), "--number", &number]).done();
    server.next(&waiting);

    let waiting = server.sign_on();
    let message = phone.only_pending();
    let denied = phone.verb(&["deny", message["id"].as_str().unwrap()]).done();
    assert_eq!(denied["state"], "denied");
    let (status, body) = server.post(Some(&waiting));
    assert_eq!((status, &body["message"]), (401, &json!("The sign-on was refused on the phone.")));

    let waiting = server.sign_on();
    let number = hidden_value(&waiting).unwrap();
    let message = phone.only_pending();
    let wrong = message["numbers"].as_array().unwrap().iter().find(|each| **each != json!(number)).unwrap();
    let id = message["id"].as_str().unwrap();
    let refused = phone.verb(&["approve", id, "--number", wrong.as_str().unwrap()]);
    assert_eq!(refused.value["error"], json!({"code": "refused", "message": "The number does not match."}));
    let (status, body) = server.post(Some(&waiting));
    assert_eq!((status, &body["message"]), (401, &json!("A wrong number was tapped on the phone.")));
}

#[test]
fn what_cannot_be_sent_stays_queued_and_is_sent_by_sync() {
    let (mut server, phone) = (Server::start(|journey| journey, ""), Phone::new());
    let waiting = server.register(&phone);
    let number = hidden_value(&waiting).unwrap();
    let message = phone.only_pending();
    server.stop();
    let id = message["id"].as_str().unwrap();
    assert_eq!(phone.verb(&["approve", id, "--number", &number]).failed(), (1, "queued".to_owned()));
    assert_eq!(phone.verb(&["sync"]).failed(), (1, "queued".to_owned()));
    server.resume();
    assert_eq!(phone.verb(&["sync"]).done(), json!({"sent": 1, "waiting": 0}));
    assert!(server.next(&waiting)["tokenId"].is_string(), "a sign-on outlives a restart of the server");
}

#[test]
fn messages_and_answers_are_right_by_an_independent_script() {
    let relay = Relay::start();
    let server = Server::start(|journey| journey, &format!("public_url = \"http://{}/am\"", relay.address));
    relay.lead_to(&server.address);
    let phone = Phone::new();
    let (step, uri) = server.offer();
    phone.verb(&["scan", &uri]).done();
    let waiting = server.next(&server.next(&step));
    let number = hidden_value(&waiting).unwrap();
    let message = phone.only_pending();
    phone.verb(&["approve", message["id"].as_str().unwrap(), "--number", &number]).done();
    server.next(&waiting);
    server.sign_on();
    phone.verb(&["deny", phone.only_pending()["id"].as_str().unwrap()]).done();

    let seen = relay.seen();
    let of = |action: &str| seen.iter().filter(|seen| seen.path.ends_with(action)).collect::<Vec<_>>();
    let messages: Vec<Value> = of("_action=pending")
        .iter()
        .flat_map(|seen| serde_json::from_str::<Value>(&seen.response).unwrap()["messages"].as_array().unwrap().clone())
        .collect();
    let answers = of("_action=authenticate");
    assert_eq!((of("_action=register").len(), answers.len()), (1, 2));
    assert!(of("_action=register")[0].head.contains("amlbcookie=01"), "the registration's cookie is sent back");
    let mut record = json!({
        "uri": uri,
        "registration": of("_action=register")[0].body,
        "messages": messages,
        "answers": [{"body": answers[0].body, "number": number}, {"body": answers[1].body, "deny": true}],
    });
    assert_eq!(verify(&record), (true, "verified 1 registration, 2 messages, 2 answers\n".to_owned()));
    record["answers"][0]["number"] = json!("100");
    assert_eq!(verify(&record), (false, "wrong: answer: claims\n".to_owned()), "the script can say no");
}

fn verify(record: &Value) -> (bool, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_messages.py");
    let mut child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(record.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}
