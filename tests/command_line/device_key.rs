//! A phone with its own signing key, from the registration URI to a denial, as separate processes.

use serde_json::{Value, json};

use crate::setup::*;

/// Returns a server whose journey has this `deviceKey` setting.
pub fn server(demand: &str) -> Server {
    let change = |journey: String| {
        let mut file: Value = serde_json::from_str(&journey).unwrap();
        let tree = file["trees"].as_object_mut().unwrap().values_mut().next().unwrap();
        let nodes = tree["nodes"].as_object_mut().unwrap().values_mut();
        for node in nodes.filter(|node| node["_type"]["_id"] == "PushRegistrationNode") {
            node["deviceKey"] = json!(demand);
        }
        file.to_string()
    };
    Server::start(change, "")
}

fn only_account(phone: &Phone) -> Value {
    phone.verb(&["accounts"]).done()[0].clone()
}

/// Approves the first sign-on.
pub fn confirm(server: &Server, phone: &Phone, waiting: &Value) {
    let (number, message) = (hidden_value(waiting).unwrap(), phone.only_pending());
    phone.verb(&["approve", message["id"].as_str().unwrap(), "--number", &number]).done();
    assert!(server.next(waiting)["tokenId"].is_string());
}

pub fn deny_as_not_mine(server: &Server, phone: &Phone) {
    let waiting = server.sign_on();
    let message = phone.only_pending();
    let denied = phone.verb(&["deny", message["id"].as_str().unwrap(), "--reason", "not-me"]).done();
    assert_eq!(denied["state"], "denied");
    assert_eq!(server.post(Some(&waiting)).0, 401);
}

#[test]
fn a_phone_with_a_key_signs_on_and_says_that_it_was_not_me() {
    let (server, phone) = (server("required"), Phone::new());
    let waiting = server.register(&phone);
    assert_eq!(only_account(&phone)["key_level"], "software");
    let devices = server.verb(&["device", "list"], "").done();
    let key = json!({
        "level": "software",
        "user_presence": "none",
        "attestation": "none",
        "claimed_level": "software",
        "claimed_user_presence": "none",
    });
    assert_eq!(devices[0]["key"], key);
    confirm(&server, &phone, &waiting);
    deny_as_not_mine(&server, &phone);

    let frozen = || server.verb(&["user", "list"], "").done()[0]["frozen"].clone();
    assert_eq!(frozen(), true);
    let (_, mut step) = server.post(None);
    step["callbacks"][0]["input"][0]["value"] = json!("alice");
    step["callbacks"][1]["input"][0]["value"] = json!(PASSWORD);
    let (status, step) = server.post(Some(&step));
    let text = step["callbacks"][0]["output"][1]["value"].as_str().unwrap();
    assert!(status == 200 && text.contains("denied on your phone as not yours"), "no push is sent: {step}");
    let outcomes: Vec<String> = server
        .verb(&["audit", "list"], "")
        .done()
        .as_array()
        .unwrap()
        .iter()
        .map(|event| format!("{} {}", event["event"].as_str().unwrap(), event["outcome"].as_str().unwrap()))
        .collect();
    for event in ["push-answer denied-not-me", "pushes-frozen success", "push-sent frozen"] {
        assert!(outcomes.iter().any(|outcome| outcome == event), "{event}: {outcomes:?}");
    }

    assert_eq!(server.verb(&["user", "unfreeze", "alice"], "").done(), json!({"name": "alice", "changed": true}));
    assert_eq!(server.verb(&["user", "unfreeze", "alice"], "").done()["changed"], false);
    assert_eq!(server.verb(&["user", "unfreeze", "nobody"], "").failed(), (1, "unknown-user".to_owned()));
    assert_eq!(frozen(), false);
    confirm(&server, &phone, &server.sign_on());
}

#[test]
fn a_phone_without_a_key_is_taken_where_keys_are_preferred_and_not_where_they_are_required() {
    for (demand, is_taken) in [("preferred", true), ("required", false)] {
        let (server, phone) = (server(demand), Phone::new());
        let (step, uri) = server.offer();
        assert_eq!(phone.verb(&["preview", &uri]).done()["takes_device_key"], true);
        let scanned = phone.verb(&["scan", &uri, "--device-key", "none"]);
        if is_taken {
            assert_eq!(scanned.done()["key_level"], Value::Null);
            let codes = server.next(&step);
            confirm(&server, &phone, &server.next(&codes));
            server.sign_on();
            let message = phone.only_pending();
            let refused = phone.verb(&["deny", message["id"].as_str().unwrap(), "--reason", "other"]);
            assert_eq!(refused.failed(), (1, "reason-not-taken".to_owned()));
        } else {
            assert_eq!(scanned.failed(), (1, "refused".to_owned()));
            assert_eq!(phone.verb(&["accounts"]).done(), json!([]));
        }
    }
}

#[test]
fn a_plain_server_is_registered_with_as_ever() {
    let (server, phone) = (Server::start(|journey| journey, ""), Phone::new());
    let waiting = server.register(&phone);
    assert_eq!(only_account(&phone)["key_level"], Value::Null);
    assert_eq!(server.verb(&["device", "list"], "").done()[0]["key"], Value::Null);
    confirm(&server, &phone, &waiting);
}

/// What counts of a key depends on whether the server checks attestations; a listing says on whose word.
#[test]
fn a_listing_says_what_counts_of_a_key_and_on_whose_word() {
    let (server, phone) = (server("required"), Phone::new());
    let waiting = server.register(&phone);
    confirm(&server, &phone, &waiting);
    let database = rusqlite::Connection::open(server.folder.path().join("data/server.db")).unwrap();
    let listed = || {
        let configuration = server.configuration();
        let output = program().args(["device", "list", "--config"]).arg(configuration).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let key = server.verb(&["device", "list"], "").done()[0]["key"].clone();
        let key = ["level", "user_presence", "attestation"].map(|name| key[name].as_str().unwrap().to_owned());
        (text.trim_end().rsplit_once("  (").unwrap().1.to_owned(), key.join(" "))
    };
    // As phones with keys in hardware leave it; this machine has none.
    database.execute_batch("UPDATE device_key SET level = 'strongbox', presence = 'device'").unwrap();
    let found = |text: &str, key: &str| assert_eq!(listed(), (format!("key: {text})"), key.to_owned()));
    found("strongbox, as the phone says", "strongbox device none");
    database.execute_batch("UPDATE device_key SET attestation = '[]'").unwrap();
    found("strongbox, as the phone says", "strongbox device unchecked");

    let text = std::fs::read_to_string(server.configuration()).unwrap();
    let section = "[push.attestation]\nandroid_roots = \"roots.pem\"\n";
    std::fs::write(server.configuration(), format!("{text}\n{section}")).unwrap();
    found("software, not attested; the phone says strongbox", "software none unchecked");
    database.execute_batch("UPDATE device_key SET level = 'software'").unwrap();
    found("software, not attested", "software none unchecked");
    database.execute_batch("UPDATE device_key SET attested_level = 'tee', attested_presence = 'biometric'").unwrap();
    found("tee, attested", "tee biometric verified");
    assert_eq!(server.verb(&["config", "check"], "").failed(), (1, "start".to_owned()), "there is no such file");
    let roots = include_str!("../vectors/attestation/phone-of-2023.pem");
    let root = roots.rsplit_once("-----BEGIN").unwrap().1;
    std::fs::write(server.folder.path().join("roots.pem"), format!("-----BEGIN{root}")).unwrap();
    let warnings = server.verb(&["config", "check"], "").done()["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().contains("android_revoked"), "{warnings}");
    assert!(warnings[1].as_str().unwrap().contains("android_signing_digests"), "{warnings}");
    let section = format!("{section}android_packages = [\"com.example.authenticator\"]\n");
    std::fs::write(server.configuration(), format!("{text}\n{section}")).unwrap();
    assert_eq!(server.verb(&["config", "check"], "").failed(), (1, "configuration".to_owned()));
}
