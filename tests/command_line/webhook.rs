//! The webhook of a separate server process, including a killed one, and the output of the commands for it.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::device_key::{confirm, deny_as_not_mine, server};
use crate::receiver::Receiver;
use crate::setup::*;

const SECRET: [u8; 32] = [0x55; 32];

/// Writes a webhook secret beside a server's configuration.
pub fn write_secret(server: &Server) {
    let secret = server.folder.path().join("webhook.secret");
    std::fs::write(&secret, "whsec_VVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVU=\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Adds a webhook to a server's configuration, with its secret beside it.
fn set_up(server: &Server, receiver: &Receiver) {
    write_secret(server);
    let mut file = std::fs::OpenOptions::new().append(true).open(server.configuration()).unwrap();
    writeln!(file, "[webhook]\nurl = \"http://{}/\"\nsecret_file = \"webhook.secret\"", receiver.address).unwrap();
}

#[test]
fn a_server_that_is_killed_while_it_tells_tells_again() {
    let receiver = Receiver::start();
    let (mut server, phone) = (server("required"), Phone::new());
    server.stop();
    set_up(&server, &receiver);
    server.resume();
    let waiting = server.register(&phone);
    confirm(&server, &phone, &waiting);
    // The new phone and its recovery codes.
    receiver.wait_for(2);
    receiver.forget();
    receiver.answer(&["silence"]);
    deny_as_not_mine(&server, &phone);
    receiver.wait_for(1);
    server.stop();
    server.resume();
    let seen = receiver.wait_for(3);
    assert!(seen.iter().all(|each| each.is_signed_with(&SECRET)));
    let kinds: Vec<Value> = seen.iter().map(|each| each.json()["type"].clone()).collect();
    assert_eq!(kinds, ["sign_on.not_me", "sign_on.not_me", "pushes.frozen"]);
    assert_eq!(seen[0].body, seen[1].body, "the same event under the same id");
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
}

#[test]
fn a_trial_says_what_came_back() {
    let receiver = Receiver::start();
    let server = Server::start(|journey| journey, "");
    assert_eq!(server.verb(&["webhook", "test"], "").failed(), (1, "not-set-up".to_owned()));
    set_up(&server, &receiver);
    let told = server.verb(&["webhook", "test"], "").done();
    assert_eq!((told["outcome"].as_str(), told["status"].as_u64()), (Some("success"), Some(204)));
    let seen = receiver.seen().remove(0);
    assert!(seen.is_signed_with(&SECRET) && seen.path == "/");
    let body = seen.json();
    assert_eq!((&body["type"], &body["data"], &body["id"]), (&json!("webhook.test"), &json!({}), &told["id"]));
    let answers = [("500 Broken", "refused", "500"), ("410 Gone", "gone", "410"), ("", "unreachable", "reached")];
    for (answer, outcome, said) in answers {
        receiver.answer(&[answer]);
        let ran = server.verb(&["webhook", "test"], "");
        assert_eq!((ran.status, ran.value["outcome"].as_str()), (1, Some(outcome)));
        assert!(ran.value["message"].as_str().unwrap().contains(said), "{}", ran.value);
    }
    assert_eq!(receiver.seen().len(), 4, "a trial is made once");
    let audit = server.verb(&["audit", "list"], "").done();
    let outcomes: Vec<&Value> = audit
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["event"] == "webhook-test")
        .map(|event| &event["outcome"])
        .collect();
    assert_eq!(outcomes, ["unreachable", "gone", "refused", "success"]);
}

/// What may be sent in the clear because it stays on this machine must really stay there.
#[test]
fn an_event_for_this_machine_does_not_go_to_a_proxy() {
    let (receiver, proxy) = (Receiver::start(), Receiver::start());
    let server = Server::start(|journey| journey, "");
    set_up(&server, &receiver);
    let mut command = program();
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, format!("http://{}", proxy.address));
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = command.args(["webhook", "test", "--config"]).arg(server.configuration()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(proxy.seen().is_empty(), "{:?}", proxy.seen());
    assert_eq!(receiver.seen().len(), 1);
}

#[test]
fn a_webhook_without_a_sound_secret_is_noticed_before_a_server_runs() {
    let receiver = Receiver::start();
    let mut server = Server::start(|journey| journey, "");
    set_up(&server, &receiver);
    server.verb(&["config", "check"], "").done();
    let secret = server.folder.path().join("webhook.secret");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    server.stop();
    for arguments in [&["config", "check"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let ran = server.verb(arguments, "");
        assert!(ran.value["error"]["message"].as_str().unwrap().contains("chmod 600"), "{}", ran.value);
        assert_eq!(ran.failed(), (1, "start".to_owned()));
    }
    assert_eq!(server.verb(&["webhook", "test"], "").failed(), (1, "configuration".to_owned()));
    assert!(receiver.seen().is_empty());
}
