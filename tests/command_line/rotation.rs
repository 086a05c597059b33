//! `server key rotate`: what keeps working, what is rejected, and a kill at any moment.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::Connection;
use serde_json::{Value, json};

use push_authenticator::ports::SystemEntropy;
use push_authenticator::server::configuration::Configuration;
use push_authenticator::server::keys::{KEY_VARIABLE, NEW_KEY_VARIABLE};
use push_authenticator::server::open_data;
use push_authenticator::server::store::{StoreError, webhook_events};

use crate::setup::{PASSWORD, Phone, Server, hidden_value, program, run};
use crate::unsealed::{Values, opened};
use crate::wire::{fill, recovery_codes};

const REALM: &str = "/am/json/realms/root/realms/alpha";
pub const ROTATE: [&str; 3] = ["server", "key", "rotate"];

fn data(server: &Server) -> PathBuf {
    server.folder.path().join("data")
}

/// Returns the server key as its file holds it.
pub fn key(server: &Server) -> Vec<u8> {
    std::fs::read(data(server).join("server.key")).unwrap()
}

fn next_key(server: &Server) -> PathBuf {
    data(server).join("server.key.new")
}

fn write_key(file: &Path, bytes: &[u8]) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(file, bytes).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// Posts with headers; returns status, body, and the cookies that were set.
fn post(server: &Server, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> (u16, Value, Vec<String>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent
        .post(format!("http://{}{path}", server.address))
        .header("Accept-API-Version", "resource=2.1, protocol=1.0");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut response = match body {
        Some(body) => request.send_json(body).unwrap(),
        None => request.send_empty().unwrap(),
    };
    let cookies = response.headers().get_all("set-cookie").iter();
    let cookies = cookies.map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
    (response.status().as_u16(), response.body_mut().read_json().unwrap(), cookies)
}

/// Tries a password in a browser with this cookie.
fn try_password(server: &Server, password: &str, cookie: &str) -> u16 {
    let (_, mut step) = server.post(None);
    step["callbacks"][0]["input"][0]["value"] = json!("alice");
    step["callbacks"][1]["input"][0]["value"] = json!(password);
    let path = format!("{REALM}/authenticate?authIndexType=service&authIndexValue=Login%20with%20Push%20MFA");
    post(server, &path, &[("Cookie", cookie)], Some(&step)).0
}

fn approve(server: &Server, phone: &Phone, waiting: &Value) -> (Value, Vec<String>) {
    let (number, message) = (hidden_value(waiting).unwrap(), phone.only_pending());
    phone.verb(&["approve", message["id"].as_str().unwrap(), "--number", &number]).done();
    let path = format!("{REALM}/authenticate?authIndexType=service&authIndexValue=Login%20with%20Push%20MFA");
    let (status, body, cookies) = post(server, &path, &[], Some(waiting));
    assert_eq!(status, 200, "{body}");
    (body, cookies)
}

fn use_code(server: &Server, code: &str) {
    let step = server.next(&fill(&server.sign_on(), 2, json!(0)));
    let done = server.next(&fill(&step, 0, json!(code)));
    assert!(done["tokenId"].is_string(), "{done}");
}

fn is_valid(server: &Server, session: &str) -> bool {
    let path = format!("{REALM}/sessions/?_action=validate");
    post(server, &path, &[("iPlanetDirectoryPro", session)], None).1["valid"] == true
}

#[test]
fn phones_recovery_codes_sessions_and_known_browsers_outlive_two_rotations() {
    let mut server = Server::start(|journey| journey, "");
    let file = server.configuration();
    let text = std::fs::read_to_string(&file).unwrap();
    let text =
        text.replace("\nattempts_per_user = 10", "\nattempts_per_user = 2").replace("\nbudget = 10", "\nbudget = 50");
    std::fs::write(&file, text).unwrap();
    let phone = Phone::new();
    let (step, uri) = server.offer();
    phone.verb(&["scan", &uri]).done();
    let step = server.next(&step);
    let codes = recovery_codes(&step);
    let (done, cookies) = approve(&server, &phone, &server.next(&step));
    let session = done["tokenId"].as_str().unwrap().to_owned();
    let known = cookies.iter().find(|cookie| cookie.starts_with("known-browser=")).unwrap().clone();
    let checkpoint = server.folder.path().join("audit.checkpoint");
    server.verb(&["audit", "checkpoint", "--export", checkpoint.to_str().unwrap()], "").done();
    for code in &codes[..2] {
        let under_way = server.sign_on();
        server.stop();
        let before = key(&server);
        let rotated = server.verb(&ROTATE, "").done();
        assert_eq!((&rotated["rotated"], rotated["values"].as_u64() > Some(3)), (&json!(true), true), "{rotated}");
        assert_eq!(rotated["key_file"], data(&server).join("server.key").to_str().unwrap());
        assert_ne!(key(&server), before);
        assert!(!next_key(&server).exists());
        server.resume();

        assert!(is_valid(&server, &session));
        assert_eq!(try_password(&server, "wrong", ""), 401);
        assert_eq!(try_password(&server, "wrong", ""), 401);
        assert_eq!(try_password(&server, PASSWORD, ""), 429);
        assert_eq!(try_password(&server, PASSWORD, &known), 200, "the browser is known");
        server.stop();
        server.resume();
        // The next sign-on ends the message of the sign-on in the known browser.
        let waiting = server.sign_on();
        approve(&server, &phone, &waiting);
        use_code(&server, code);
        let (status, body) = server.post(Some(&under_way));
        assert_eq!(status, 400, "who was in the middle of a sign-on starts again: {body}");
    }
    // Used recovery codes are used up.
    let step = server.next(&fill(&server.sign_on(), 2, json!(0)));
    assert!(server.next(&fill(&step, 0, json!(codes[0])))["tokenId"].is_null());

    let listed = server.verb(&["audit", "list"], "").done();
    let mut rotations = listed.as_array().unwrap().iter().filter(|event| event["event"] == "server-key-rotated");
    let event = rotations.next().unwrap();
    assert_eq!(event["outcome"], "success");
    assert!(event["actor"].as_str().unwrap().starts_with("cli:"), "{event}");
    assert_eq!(rotations.count(), 1);
    let verified = server.verb(&["audit", "verify", "--checkpoint", checkpoint.to_str().unwrap()], "").done();
    assert_eq!(verified["intact"], true, "{verified}");
}

#[test]
fn a_running_server_keeps_its_key() {
    let server = Server::start(|journey| journey, "");
    let before = key(&server);
    let rejected = server.verb(&ROTATE, "");
    assert!(rejected.value["error"]["message"].as_str().unwrap().contains("Another server (process "));
    assert_eq!(rejected.failed(), (1, "start".to_owned()));
    assert!(key(&server) == before && !next_key(&server).exists());
    server.sign_on();
}

#[test]
fn another_key_than_the_databases_rotates_nothing() {
    let mut server = Server::start(|journey| journey, "");
    server.register(&Phone::new());
    server.stop();
    let (right, before) = (key(&server), values(&server));
    let file = data(&server).join("server.key");
    for (wrong, what) in [(&[7; 32][..], "not the one"), (&[7; 31][..], "32 bytes")] {
        write_key(&file, wrong);
        let rejected = server.verb(&ROTATE, "");
        assert!(rejected.value["error"]["message"].as_str().unwrap().contains(what), "{}", rejected.value);
        assert_eq!(rejected.failed(), (1, "store".to_owned()));
        assert!(key(&server) == wrong && !next_key(&server).exists());
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(server.verb(&ROTATE, "").failed(), (1, "store".to_owned()));
    assert!(!file.exists() && !next_key(&server).exists());
    let elsewhere = server.folder.path().join("elsewhere.key");
    write_key(&elsewhere, &right);
    std::os::unix::fs::symlink(&elsewhere, &file).unwrap();
    let rejected = server.verb(&ROTATE, "");
    assert!(rejected.value["error"]["message"].as_str().unwrap().contains("is a link"), "{}", rejected.value);
    assert_eq!(std::fs::read(&elsewhere).unwrap(), right);
    assert_eq!(values(&server), before, "nothing was changed");
    server.verb(&["audit", "verify"], "").done();

    let folder = tempfile::tempdir().unwrap();
    run(&["init", folder.path().to_str().unwrap()], "").done();
    let file = folder.path().join("server.toml");
    let nothing = run(&[&ROTATE[..], &["--config", file.to_str().unwrap()]].concat(), "");
    assert_eq!(nothing.failed(), (1, "no-database".to_owned()));
}

/// Returns the store's contents, opened with the key from the data folder. Everything must open.
pub fn values(server: &Server) -> Values {
    let configuration = Configuration::load(&server.configuration()).unwrap();
    let (keys, _store) = open_data(&configuration, &SystemEntropy::new()).unwrap();
    let (values, closed) = opened(&Connection::open(data(server).join("server.db")).unwrap(), &keys);
    assert_eq!(closed, 0);
    values
}

/// Adds this many sealed values of some 500 bytes.
pub fn add_events(server: &Server, count: usize) {
    let configuration = Configuration::load(&server.configuration()).unwrap();
    let (keys, store) = open_data(&configuration, &SystemEntropy::new()).unwrap();
    let filled: Result<(), StoreError> = store.run_blocking(move |transaction| {
        for number in 0..count {
            let (id, body) = (format!("event-{number}"), "body ".repeat(100));
            let event = webhook_events::WaitingEvent { id, user: None, body, created_at: 1, attempts: 0 };
            webhook_events::add(transaction, &event, &keys, &SystemEntropy::new())?;
        }
        Ok(())
    });
    filled.unwrap();
}

/// Runs a command with keys in the environment; returns exit status and everything it printed.
fn run_with(server: &Server, arguments: &[&str], keys: [Option<&str>; 2]) -> (i32, String) {
    let mut command = program();
    command.args(arguments).arg("--config").arg(server.configuration());
    for (name, value) in [KEY_VARIABLE, NEW_KEY_VARIABLE].into_iter().zip(keys) {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    let output = command.stdin(Stdio::null()).output().unwrap();
    let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    (output.status.code().unwrap(), printed)
}

#[test]
fn a_key_in_the_environment_is_followed_by_one_in_the_environment() {
    let mut server = Server::start(|journey| journey, "");
    server.register(&Phone::new());
    server.stop();
    let file = data(&server).join("server.key");
    let old = STANDARD.encode(key(&server));
    std::fs::remove_file(&file).unwrap();
    let (new, other) = (STANDARD.encode([9; 32]), STANDARD.encode([8; 32]));
    let rotate = |keys| {
        let (status, printed) = run_with(&server, &ROTATE, keys);
        assert!(!printed.contains(&old) && !printed.contains(&new), "a key was printed");
        (status, printed)
    };
    let verify = |key: &str| run_with(&server, &["audit", "verify"], [Some(key), None]).0;
    for (keys, expected) in [
        ([Some(&*old), None], "set PUSH_AUTHENTICATOR_NEW_SERVER_KEY to it"),
        ([None, Some(&*new)], "PUSH_AUTHENTICATOR_SERVER_KEY is not set"),
        ([Some(&*old), Some(&*old)], "holds the same key"),
        ([Some(&*old), Some("short")], "PUSH_AUTHENTICATOR_NEW_SERVER_KEY is not base64 of 32 bytes"),
        ([Some(&*other), Some(&*new)], "not the one that the database was made with"),
    ] {
        let (status, printed) = rotate(keys);
        assert_eq!(status, 1, "{printed}");
        assert!(printed.contains(expected), "{printed}");
        assert_eq!(verify(&old), 0);
    }
    let (status, printed) = rotate([Some(&old), Some(&new)]);
    assert_eq!(status, 0, "{printed}");
    assert!(printed.contains("set PUSH_AUTHENTICATOR_SERVER_KEY to the key"), "{printed}");
    assert_eq!((verify(&old), verify(&new)), (1, 0));
    let (status, printed) = rotate([Some(&old), Some(&new)]);
    assert_eq!(status, 0);
    assert!(printed.contains("before. Nothing was changed."), "{printed}");
    assert_eq!(verify(&new), 0);
    assert!(!file.exists() && !next_key(&server).exists(), "no key lies on the disk");
    write_key(&file, &[9; 32]);
    assert!(values(&server).keys().any(|(kind, _)| *kind == "device.secret"));
}

#[test]
fn a_rotation_that_was_cut_off_between_two_steps_did_not_happen_or_is_brought_to_its_end() {
    let mut server = Server::start(|journey| journey, "");
    server.register(&Phone::new());
    server.stop();
    let before = values(&server);
    let file = data(&server).join("server.key");
    // Before the commit: the next key is there, complete or not.
    for next in [&[][..], &[1; 31], &[2; 32]] {
        let old = key(&server);
        write_key(&next_key(&server), next);
        assert_eq!(values(&server), before);
        assert!(key(&server) == old && next_key(&server).exists(), "its rotation may be going on");
        server.verb(&ROTATE, "").done();
        assert!(key(&server) != old && key(&server) != next && !next_key(&server).exists());
        assert_eq!(values(&server), before);
    }
    // After the commit, before the rename; found by the server, a command, another rotation, and with the old key gone.
    let halfway = |server: &Server, keep_old: bool| {
        let old = key(server);
        server.verb(&ROTATE, "").done();
        let new = key(server);
        std::fs::rename(&file, next_key(server)).unwrap();
        if keep_old {
            write_key(&file, &old);
        }
        new
    };
    for keep_old in [true, false] {
        let new = halfway(&server, keep_old);
        server.resume();
        assert!(key(&server) == new && !next_key(&server).exists());
        server.sign_on();
        server.stop();
        let new = halfway(&server, keep_old);
        assert_eq!(server.verb(&["audit", "verify"], "").done()["intact"], true);
        assert!(key(&server) == new && !next_key(&server).exists());
        let new = halfway(&server, keep_old);
        server.verb(&ROTATE, "").done();
        assert!(key(&server) != new && !next_key(&server).exists());
    }
    assert!(before.iter().all(|value| values(&server).get(value.0) == Some(value.1) || value.0.0.starts_with("push")));
    // Neither fits: nothing is changed.
    let right = key(&server);
    write_key(&file, &[3; 32]);
    write_key(&next_key(&server), &[4; 32]);
    assert_eq!(server.verb(&ROTATE, "").failed(), (1, "store".to_owned()));
    assert_eq!(server.verb(&["user", "list"], "").failed(), (1, "store".to_owned()));
    assert!(key(&server) == [3; 32] && std::fs::read(next_key(&server)).unwrap() == [4; 32]);
    write_key(&file, &right);
    assert_eq!(server.verb(&["audit", "verify"], "").done()["intact"], true);
}

/// Enough for a rotation to last a while.
const EVENTS: usize = 4_000;
const KILLS: usize = 12;

#[test]
#[allow(clippy::print_stdout, reason = "where the kills met the rotation is to be seen")]
fn a_rotation_that_is_killed_at_any_moment_loses_nothing() {
    let mut server = Server::start(|journey| journey, "");
    server.register(&Phone::new());
    server.stop();
    add_events(&server, EVENTS);
    let before = values(&server);
    let began = Instant::now();
    server.verb(&ROTATE, "").done();
    let length = began.elapsed().as_micros() as u64;
    let (mut done, mut begun) = (0, 0);
    for _ in 0..KILLS {
        let (old, left) = (key(&server), std::fs::read(next_key(&server)).ok());
        let mut child =
            program().args(ROTATE).arg("--config").arg(server.configuration()).stdout(Stdio::null()).spawn().unwrap();
        let mut bytes = [0u8; 8];
        SystemRandom::new().fill(&mut bytes).unwrap();
        std::thread::sleep(Duration::from_micros(u64::from_be_bytes(bytes) % length));
        child.kill().unwrap();
        child.wait().unwrap();
        let next = std::fs::read(next_key(&server)).ok();
        begun += usize::from(next.is_some() && next != left);
        assert_eq!(values(&server), before);
        done += usize::from(key(&server) != old);
    }
    println!("killed {KILLS} times over {} ms: {begun} in the middle, {done} times it was done", length / 1000);
    server.verb(&ROTATE, "").done();
    assert_eq!(values(&server), before);
    assert_eq!(server.verb(&["audit", "verify"], "").done()["intact"], true);
    server.resume();
    server.sign_on();
}
