//! `push test` on the command line, and what a server's log says.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use push_authenticator::ports::{Clock as _, SystemClock};
use push_authenticator::server::push::HintOnly;
use push_authenticator::server::push::sns::credentials::{KEY_ID_VARIABLE, KEY_SECRET_VARIABLE};

use crate::fake::{Fake, Reply};
use crate::harness::*;
use crate::support::*;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_push-authenticator"));
    command.env_remove(KEY_ID_VARIABLE).env_remove(KEY_SECRET_VARIABLE);
    command
}

/// Writes a configuration file for the data of this running server.
fn configuration_file(server: &Server) -> String {
    let settings = server.configuration.push.sns.as_ref().unwrap();
    let text = format!(
        "data = {:?}\njourneys = {:?}\n[push.sns]\ncredentials_file = {:?}\nendpoint = {:?}\n",
        server.configuration.data,
        server.configuration.journeys,
        settings.credentials_file,
        settings.endpoint.as_ref().unwrap().as_str(),
    );
    let file = server.folder.path().join("server.toml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Runs `push test` with `--json`; returns exit status and value.
pub fn push_test(server: &Server, user: &str, environment: &[(&str, &str)]) -> (i32, Value) {
    let file = configuration_file(server);
    let output = program()
        .args(["--json", "push", "test", user, "--config", &file])
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}")))
}

#[test]
fn a_test_reaches_each_phone_and_says_what_came_of_it() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    let (status, value) = push_test(&server, USER, &[]);
    assert_eq!((status, value["error"]["code"].as_str()), (1, Some("no-device")));

    let (first_step, second_step) = (server.at_qr_code(), server.at_qr_code());
    let pushed = pushed_phone(&first_step, "gcm", "token").with("deviceName", json!("Pushed"));
    let fetching = Phone::scan(&second_step).with("deviceName", json!("Fetching"));
    assert_eq!((pushed.register(&server).status, fetching.register(&server).status), (200, 200));
    let (status, value) = push_test(&server, USER, &[]);
    assert_eq!(status, 0, "{value}");
    let outcome = |value: &Value, name: &str| -> String {
        let devices = value.as_array().unwrap();
        assert_eq!(devices.len(), 2);
        devices.iter().find(|device| device["name"] == name).unwrap()["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!((outcome(&value, "Pushed").as_str(), outcome(&value, "Fetching").as_str()), ("sent", "fetches"));
    let seen = fake.wait_for("Publish", 1);
    let push = google_push(&seen[0].published());
    assert_eq!(
        (push.claims["k"].as_str(), push.claims["u"].as_str()),
        (Some("default"), Some(pushed.mechanism.as_str()))
    );
    assert!(push.claims["m"].as_str().unwrap().contains("test"));

    // One failing phone is enough for exit status 1; the others get the message all the same.
    fake.next("Publish", &[Reply::Error(400, "EndpointDisabled")]);
    let (status, value) = push_test(&server, USER, &[]);
    assert_eq!(status, 1);
    assert_eq!((outcome(&value, "Pushed").as_str(), outcome(&value, "Fetching").as_str()), ("dead-token", "fetches"));
    assert_eq!(server.count("device WHERE token_dead_at IS NOT NULL"), 1);
    assert_eq!(outcomes(&server, "push-test").len(), 4);
}

#[test]
fn nobody_can_be_signed_on_by_a_test() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    let (phone, step) = register(&server, "gcm", "token");
    let live = google_push(&fake.wait_for("Publish", 1)[0].published());
    let before = ["push_request", "push_message", "journey"].map(|table| server.count(table));
    assert_eq!(push_test(&server, USER, &[]).0, 0);
    let test = google_push(&fake.wait_for("Publish", 2)[1].published());
    assert_eq!(["push_request", "push_message", "journey"].map(|table| server.count(table)), before);
    for more in [json!({}), json!({"challengeResponse": number(&step)}), json!({"deny": true})] {
        assert_mute(&phone.answer(&server, &test, more));
    }
    assert_eq!(server.count("device WHERE provisional_journey IS NOT NULL"), 1, "a test confirms no new phone");
    assert_eq!(server.count("push_request WHERE state = 'pending'"), 1, "the sign-on still waits for its own message");
    // And the answer to the test's message proves nothing under the live one's id.
    let swapped = Message { id: live.id.clone(), ..test };
    assert_eq!(phone.accept(&server, &swapped, &step).status, 400);
    assert_eq!(phone.accept(&server, &live, &step).status, 200);
    server.finish(&step);
}

#[test]
fn the_access_key_comes_from_the_environment() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    register(&server, "gcm", "token");
    fake.wait_for("Publish", 1);
    let environment = [(KEY_ID_VARIABLE, "AKIDENVIRONMENT"), (KEY_SECRET_VARIABLE, "another secret")];
    assert_eq!(push_test(&server, USER, &environment).0, 0);
    let seen = fake.wait_for("Publish", 2);
    assert!(seen[1].header("authorization").contains("Credential=AKIDENVIRONMENT/"));
    let (status, value) = push_test(&server, USER, &environment[..1]);
    assert_eq!((status, value["error"]["code"].as_str()), (1, Some("configuration")));
}

#[test]
fn without_the_transport_a_phone_that_needs_it_has_failed() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    register(&server, "gcm", "token");
    let file = configuration_file(&server);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.split("[push.sns]").next().unwrap()).unwrap();
    let output = program().args(["--json", "push", "test", USER, "--config", &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value[0]["outcome"], "not-set-up");
    let output = program().args(["push", "test", USER, "--config", &file]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("[push.sns]"));
}

#[test]
fn no_secret_and_no_token_comes_into_log_audit_or_error() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS).start();
    let token = "push-token-0123456789-abcdefghij";
    let step = server.at_qr_code();
    let phone = pushed_phone(&step, "gcm", token);
    assert_eq!(phone.register(&server).status, 200);
    fake.wait_for("CreatePlatformEndpoint", 1);
    wait_for("the endpoint", || stored_endpoint(&server));
    let file = configuration_file(&server);
    // Another process on the same data, with its log at the most detailed level.
    let mut process = program()
        .args(["--json", "serve", "--listen", "127.0.0.1:0", "--config", &file])
        .env("RUST_LOG", "trace")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut log = process.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    let address: Value = serde_json::from_str(&line).unwrap();
    let other = Server { address: address["listening"].as_str().unwrap().parse().unwrap(), ..server };
    fake.next("Publish", &[Reply::HangUp, Reply::Error(403, "AuthorizationError")]);
    other.after_password();
    wait_for("the failure", || (outcomes(&other, "push-delivery") == ["refused"]).then_some(()));
    let step = other.after_password();
    assert_eq!(types(&step), ["HiddenValueCallback", "PollingWaitCallback", "ConfirmationCallback"]);
    let seen = fake.wait_for("Publish", 3);
    refresh(&other, &phone, "gcm", "another-token-0123456789");
    wait_for("the new endpoint", || (fake.seen("CreatePlatformEndpoint").len() == 2).then_some(()));
    process.kill().unwrap();
    process.wait().unwrap();
    let log = reading.join().unwrap();
    assert!(log.contains("AuthorizationError") && log.contains("not sent yet"), "{log}");
    let (status, error) = push_test(&other, USER, &[(KEY_ID_VARIABLE, KEY_SECRET)]);
    assert_eq!(status, 1);
    let audit: String = other.text("SELECT group_concat(event || user || ifnull(device, '') || outcome) FROM audit");
    let jwt = google_push(&seen[2].published()).jwt;
    for secret in [token, "another-token-0123456789", KEY_SECRET, &jwt, jwt.rsplit('.').next().unwrap()] {
        for (name, text) in [("log", &log), ("audit", &audit), ("error", &error.to_string())] {
            assert!(!text.contains(secret), "{secret} is in the {name}");
        }
    }
}

/// Returns the output of a phone verb, which must succeed.
fn phone(vault: &Path, arguments: &[&str]) -> Value {
    let output =
        program().args(["--json", "phone", "--vault", vault.to_str().unwrap()]).args(arguments).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{arguments:?}: {text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_phones_half_takes_in_what_google_and_apple_deliver() {
    let fake = Fake::start();
    for (kind, member) in [("gcm", "GCM"), ("apns", "APNS")] {
        let server = setup(fake.port, GCM, APNS).start();
        // The phone on the command line uses the system clock.
        server.clock.advance(SystemClock.now() - server.clock.now());
        let folder = folder();
        let vault = folder.join("phone");
        let step = server.at_qr_code();
        let uri = output(&step, "HiddenValueCallback", "value").as_str().unwrap();
        phone(&vault, &["scan", uri, "--communication-type", kind, "--push-token", "0123456789abcdef"]);
        let codes = server.next(&step);
        let step = server.next(&codes);
        let pushed = wait_for("the push", || {
            let seen = fake.seen("Publish").pop()?;
            let of_this_one = seen.parameters["TargetArn"].contains(&format!(":endpoint/{member}/"));
            of_this_one.then(|| seen.published()[member].as_str().unwrap().to_owned())
        });
        let file = folder.join("push.json");
        std::fs::write(&file, pushed).unwrap();
        phone(&vault, &["receive", file.to_str().unwrap()]);
        // The phone also asks the server, which does not offer pulls; the message is there all the same.
        let pending = phone(&vault, &["pending"]);
        let id = pending[0]["id"].as_str().unwrap();
        phone(&vault, &["approve", id, "--number", &number(&step)]);
        server.finish(&step);
    }
}

#[test]
fn the_phones_half_fetches_what_a_hint_is_about() {
    let fake = Fake::start();
    let server = setup(fake.port, GCM, APNS)
        .with("PushRegistrationNode", "deviceKey", json!("required"))
        .configure(|settings| settings.push.hint_only = HintOnly::WhereKnown)
        .start();
    server.clock.advance(SystemClock.now() - server.clock.now());
    let folder = folder();
    let vault = folder.join("phone");
    let step = server.at_qr_code();
    let uri = output(&step, "HiddenValueCallback", "value").as_str().unwrap();
    phone(&vault, &["scan", uri, "--communication-type", "apns", "--push-token", "0123456789abcdef"]);
    let codes = server.next(&step);
    let step = server.next(&codes);
    let pushed = fake.wait_for("Publish", 1).remove(0).published()["APNS"].as_str().unwrap().to_owned();
    assert!(pushed.contains("mechanismUid") && !pushed.contains("Login"), "{pushed}");
    let file = folder.join("push.json");
    std::fs::write(&file, &pushed).unwrap();
    let received = phone(&vault, &["receive", file.to_str().unwrap()]);
    assert_eq!(received["kind"], "number");
    phone(&vault, &["approve", received["id"].as_str().unwrap(), "--number", &number(&step)]);
    server.finish(&step);
    assert_eq!(phone(&vault, &["receive", file.to_str().unwrap()])["id"], received["id"], "the same, settled");

    // A test is also a hint, but there is nothing to fetch.
    let settings = configuration_file(&server);
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, text.replace("[push.sns]", "[push]\nhint_only = \"where-known\"\n[push.sns]")).unwrap();
    let output = program().args(["--json", "push", "test", USER, "--config", &settings]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(value[0]["outcome"], "hinted");
    let tested = fake.wait_for("Publish", 2)[1].published()["APNS"].as_str().unwrap().to_owned();
    std::fs::write(&file, tested).unwrap();
    let receive = ["--json", "phone", "--vault", vault.to_str().unwrap(), "receive", file.to_str().unwrap()];
    let output = program().args(receive).output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), value["error"]["code"].as_str()), (Some(1), Some("nothing-waits")));
    // While the server is away, nobody can say whether a message is waiting.
    drop(server);
    let output = program().args(receive).output().unwrap();
    let value: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), value["error"]["code"].as_str()), (Some(1), Some("not-fetched")));
    assert!(value["error"]["message"].as_str().unwrap().contains("could not be reached"), "{value}");
}
