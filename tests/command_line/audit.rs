//! The audit log from the command line: who did what, verification, checkpoints.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::receiver::wait_for;
use crate::setup::*;

fn database(server: &Server) -> rusqlite::Connection {
    let database = rusqlite::Connection::open(server.folder.path().join("data/server.db")).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    database
}

/// Returns the user of this process, as the system names it.
fn actor() -> String {
    let output = Command::new("id").arg("-un").output().unwrap();
    format!("cli:{}", String::from_utf8(output.stdout).unwrap().trim())
}

fn events(server: &Server) -> Vec<Value> {
    server.verb(&["audit", "list"], "").done().as_array().unwrap().clone()
}

#[test]
fn every_command_that_changes_something_is_an_event_with_its_administrator() {
    let mut server = Server::start(|journey| journey, "");
    let phone = Phone::new();
    server.register(&phone);
    server.stop();
    let id = server.verb(&["device", "list"], "").done()[0]["id"].as_str().unwrap().to_owned();
    server.verb(&["user", "add", "bob", "--password-stdin"], "secret").done();
    server.verb(&["user", "password", "bob", "--password-stdin"], "another").done();
    server.verb(&["user", "lock", "bob"], "").done();
    server.verb(&["user", "unlock", "bob"], "").done();
    server.verb(&["device", "invite", "bob"], "").done();
    let tested = server.verb(&["push", "test", "alice"], "");
    assert!(tested.value.is_array(), "{}", tested.value);
    server.verb(&["device", "remove", &id], "").done();
    database(&server).execute("UPDATE user SET frozen_until = 9223372036854775807 WHERE name = 'bob'", []).unwrap();
    server.verb(&["user", "unfreeze", "bob"], "").done();
    server.verb(&["user", "remove", "bob"], "").done();
    let events = events(&server);
    let by_command = [
        "user-removed",
        "pushes-unfrozen",
        "device-removed",
        "push-test",
        "device-invited",
        "user-unlocked",
        "user-locked",
        "password-changed",
        "user-added",
    ];
    let found: Vec<&str> = events[..by_command.len()].iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(found, by_command);
    assert!(events[..by_command.len()].iter().all(|event| event["actor"] == actor()), "{events:?}");
    assert_eq!(events.last().unwrap()["event"], "user-added");
    // Events of users and phones name no administrator, and a removed user's events stay.
    let registered = events.iter().find(|event| event["event"] == "device-registered").unwrap();
    assert_eq!((&registered["actor"], &registered["count"]), (&Value::Null, &json!(1)));
    assert_eq!(events.iter().filter(|event| event["user"] == "bob").count(), 7);
    // Commands seal what they wrote; no server is running here.
    let verified = server.verb(&["audit", "verify"], "").done();
    assert_eq!((&verified["intact"], &verified["unsealed"]), (&json!(true), &Value::Null));
    assert_eq!(verified["sealed"], events.len());
}

#[test]
fn behind_sudo_the_caller_is_named_and_no_one_else_is_believed() {
    let server = Server::start(|journey| journey, "");
    let status = program()
        .args(["user", "lock", "alice", "--config"])
        .arg(server.configuration())
        .env("SUDO_USER", "ada\u{202e}")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let me = actor();
    let expected = if me == "cli:root" { "cli:root (sudo ada)".to_owned() } else { me };
    assert_eq!(events(&server)[0]["actor"], expected);
}

#[test]
fn verification_tells_what_is_wrong_and_a_checkpoint_what_was_cut_off() {
    let server = Server::start(|journey| journey, "");
    for name in ["bob", "carol", "dave"] {
        server.verb(&["user", "add", name, "--password-stdin"], "secret").done();
    }
    let verified = server.verb(&["audit", "verify"], "").done();
    assert_eq!(verified["intact"], true);
    assert!(verified["note"].as_str().unwrap().contains("only by comparing with a checkpoint"), "{verified}");
    let file = server.folder.path().join("audit.checkpoint");
    let path = file.to_str().unwrap();
    let exported = server.verb(&["audit", "checkpoint", "--export", path], "").done();
    assert_eq!(serde_json::from_slice::<Value>(&std::fs::read(&file).unwrap()).unwrap(), exported);
    assert_eq!(server.verb(&["audit", "checkpoint"], "").done()["sequence"], 4);
    let verified = server.verb(&["audit", "verify", "--checkpoint", path], "").done();
    assert_eq!(
        (&verified["intact"], &verified["checkpoint"], &verified["note"]),
        (&json!(true), &json!(4), &Value::Null)
    );

    // The newest row with its seal, and the head from before it: nothing in the database reveals it.
    let database = database(&server);
    let head: (i64, Vec<u8>, Vec<u8>) = database
        .query_row("SELECT sequence, tag, mac FROM audit_mark WHERE kind = 'head'", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .unwrap();
    server.verb(&["user", "remove", "dave"], "").done();
    server.verb(&["audit", "checkpoint", "--export", path], "").done();
    database.execute_batch("DELETE FROM audit WHERE sequence > 4; DELETE FROM audit_seal WHERE sequence > 4").unwrap();
    let cut = server.verb(&["audit", "verify"], "");
    assert_eq!((cut.status, &cut.value["findings"][0]["finding"]), (1, &json!("cut-off")));
    database.execute("UPDATE audit_mark SET sequence = ?1, tag = ?2, mac = ?3 WHERE kind = 'head'", head).unwrap();
    assert_eq!(server.verb(&["audit", "verify"], "").done()["intact"], true);
    let cut = server.verb(&["audit", "verify", "--checkpoint", path], "");
    assert_eq!((cut.status, &cut.value["findings"][0]["finding"]), (1, &json!("other-than-checkpoint")));

    database.execute_batch("UPDATE audit SET user = 'mallory' WHERE sequence = 2").unwrap();
    let changed = server.verb(&["audit", "verify"], "");
    assert_eq!((changed.status, &changed.value["intact"]), (1, &json!(false)));
    assert_eq!(changed.value["findings"][0]["message"], "Event 2 was changed, moved, or put in the place of another.");
    database.execute_batch("DELETE FROM audit_mark").unwrap();
    assert_eq!(server.verb(&["audit", "checkpoint"], "").failed(), (1, "tampered".to_owned()));

    std::fs::write(&file, "{}").unwrap();
    assert_eq!(server.verb(&["audit", "verify", "--checkpoint", path], "").failed(), (1, "checkpoint".to_owned()));
    assert_eq!(server.verb(&["audit", "verify", "--checkpoint", "gone"], "").failed(), (1, "checkpoint".to_owned()));
}

#[test]
fn a_running_server_seals_and_one_that_was_killed_leaves_its_tail_to_the_next() {
    let mut server = Server::start(|journey| journey, "");
    let fail = |server: &Server| {
        let (_, mut step) = server.post(None);
        step["callbacks"][0]["input"][0]["value"] = json!("alice");
        step["callbacks"][1]["input"][0]["value"] = json!("wrong");
        assert_eq!(server.post(Some(&step)).0, 401);
    };
    fail(&server);
    let is_sealed = |server: &Server| {
        let verified = server.verb(&["audit", "verify"], "").done();
        (verified["unsealed"].is_null() && verified["sealed"] == 2).then_some(())
    };
    wait_for("the seal", || is_sealed(&server));
    fail(&server);
    wait_for("the row", || (events(&server).len() == 3).then_some(()));
    server.stop();
    let verified = server.verb(&["audit", "verify"], "").done();
    assert_eq!(verified["intact"], true);
    let sealed = verified["sealed"].as_u64().unwrap();
    // If killed right after the write, it is not sealed, unless the sealer ran just then.
    assert!(sealed == 3 || verified["unsealed"] == json!({"first": 3, "last": 3, "count": 1}), "{verified}");
    assert_eq!(server.verb(&["audit", "checkpoint"], "").done()["sequence"], 3);
    assert_eq!(events(&server)[0]["outcome"], "wrong-password");
}

#[test]
fn a_new_password_ends_all_sessions_and_is_told() {
    let server = Server::start(|journey| journey, "");
    let unknown = server.verb(&["user", "password", "nobody", "--password-stdin"], "x");
    assert_eq!(unknown.failed(), (1, "unknown-user".to_owned()));
    assert_eq!(
        server.verb(&["user", "password", "alice", "--password-stdin"], "").failed(),
        (1, "password".to_owned())
    );
    let database = database(&server);
    let session =
        "INSERT INTO session (token_digest, user, created_at, used_at, expires_at) VALUES (x'01', 'alice', 1, 1, 2)";
    database.execute(session, []).unwrap();
    let changed = server.verb(&["user", "password", "ALICE", "--password-stdin"], "a new one\n").done();
    assert_eq!(changed["name"], "alice");
    let count = |from: &str| -> i64 {
        database.query_row(&format!("SELECT count(*) FROM {from}"), [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("session"), 0);
    assert_eq!(count("notice WHERE user = 'alice' AND kind = 'password-changed' AND by_administrator = 1"), 1);
    let sign_on = |password: &str| {
        let (_, mut step) = server.post(None);
        step["callbacks"][0]["input"][0]["value"] = json!("alice");
        step["callbacks"][1]["input"][0]["value"] = json!(password);
        server.post(Some(&step)).0
    };
    assert_eq!((sign_on(PASSWORD), sign_on("a new one")), (401, 200));
}

#[test]
fn events_of_a_user_are_found_however_the_name_is_written() {
    let server = Server::start(|journey| journey, "");
    for name in ["J\u{f6}rg", "jo\u{308}rg2"] {
        server.verb(&["user", "add", name, "--password-stdin"], "secret secret secret").done();
    }
    for name in ["j\u{f6}rg", "JO\u{308}RG", "\u{ff2a}\u{d6}rg"] {
        let found = server.verb(&["audit", "list", "--user", name], "").done();
        assert_eq!(found.as_array().unwrap().len(), 1, "{name}: {found}");
    }
    let limited = server.verb(&["audit", "list", "--user", "jorg", "--limit", "1"], "").done();
    assert_eq!(limited, Value::Array(vec![]), "a name without its dots is another one");
}
