//! The webhook: what the server reports to a test receiver, over real HTTP.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_authenticator::secret::Reason;
use push_authenticator::server::configuration::Configuration;
use push_authenticator::server::webhook::{
    Device, Event, FactorChanged, NotMe, SECRET_VARIABLE, SecretError, WebhookSettings,
};
use serde_json::json;

use crate::device_keys::{Key, REGISTRATION, deny, enrolled, signing_pulls};
use crate::harness::*;
use crate::receiver::{Receiver, Seen, wait_for};
use crate::tls::{Authority, Front};

const SECRET: [u8; 32] = [7; 32];
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

pub fn write_secret(folder: &Path, secrets: &[&[u8]]) -> std::path::PathBuf {
    let lines: Vec<String> = secrets.iter().map(|secret| format!("whsec_{}\n", STANDARD.encode(secret))).collect();
    let file = folder.join("webhook.secret");
    std::fs::write(&file, lines.concat()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file
}

/// Starts a server with a webhook at this address, and a signed-in phone with a key.
fn start_at(url: &str, secrets: &[&[u8]], ca: Option<&Authority>) -> (Server, Phone, Key) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep();
    let settings = WebhookSettings {
        url: url.parse().unwrap(),
        secret_file: Some(write_secret(&folder, secrets)),
        give_up_hours: 72,
        ca_file: ca.map(|authority| {
            let file = folder.join("ca.pem");
            std::fs::write(&file, authority.pem()).unwrap();
            file
        }),
    };
    let server = Setup::new()
        .with(REGISTRATION, "deviceKey", json!("required"))
        .configure(|configuration| configuration.webhook = Some(settings))
        .start();
    let (phone, key) = enrolled(&server, "tee", "none");
    // The server also reports the new phone and its recovery codes; these tests are about later events.
    wait_for("two attempts", || (server.count("webhook_event WHERE attempts = 0") == 0).then_some(()));
    rusqlite::Connection::open(server.database_file()).unwrap().execute("DELETE FROM webhook_event", []).unwrap();
    (server, phone, key)
}

pub fn start_with(receiver: &Receiver) -> (Server, Phone, Key) {
    let started = start_at(&format!("http://{}/hook?key=1", receiver.address), &[&SECRET], None);
    receiver.forget();
    started
}

/// Starts a sign-on by somebody else, which the owner of the phone denies.
fn deny_a_strangers_sign_on(server: &Server, phone: &Phone, key: &Key) {
    server.after_password();
    assert_eq!(deny(server, phone, key, &phone.only_message(server), Some("not-me")).status, 200);
}

fn given_up(server: &Server) -> Vec<String> {
    let database = server.database();
    let mut statement = database.prepare("SELECT user || ' ' || outcome FROM audit WHERE event = 'webhook'").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_denial_as_somebody_elses_is_told_signed_and_once() {
    let receiver = Receiver::start();
    let (server, phone, key) = start_with(&receiver);
    deny_a_strangers_sign_on(&server, &phone, &key);
    let seen = receiver.wait_for(2);
    for each in &seen {
        assert_eq!(each.path, "/hook?key=1");
        assert_eq!(each.header("content-type"), "application/json");
        assert_eq!(each.header("webhook-timestamp"), (START / 1000).to_string());
        assert!(each.is_signed_with(&SECRET) && !each.is_signed_with(&[8; 32]));
        assert_eq!(each.json()["id"], each.header("webhook-id"));
        assert!(!each.header("webhook-id").contains('.'));
    }
    let device = server.text("SELECT id FROM device");
    let denied = seen[0].json();
    assert_eq!(
        denied,
        json!({
            "id": denied["id"],
            "type": "sign_on.not_me",
            "timestamp": "2030-01-01T00:00:00Z",
            "server": format!("http://{}", server.address),
            "data": {
                "user": USER,
                "device": {"id": device, "name": "Pixel"},
                "address": "127.0.0.1",
                "sentAt": "2030-01-01T00:00:00Z",
            },
        })
    );
    let frozen = seen[1].json();
    assert_eq!(frozen["type"], "pushes.frozen");
    assert_eq!(frozen["data"], json!({"user": USER, "reason": "not-me", "until": "2030-01-01T01:00:00Z"}));
    assert_ne!(frozen["id"], denied["id"]);
    wait_for("the end", || (server.count("webhook_event") == 0).then_some(()));
    server.clock.advance(24 * HOUR);
    deny_a_strangers_sign_on(&server, &phone, &key);
    assert_eq!(receiver.wait_for(4).len(), 4);
    assert_eq!(given_up(&server), Vec::<String>::new());
}

/// Waits until both waiting events have had this many attempts, and returns the milliseconds until the later one is
/// due.
fn waiting(server: &Server, attempts: i64) -> i64 {
    let tried = format!("webhook_event WHERE attempts = {attempts}");
    wait_for("the failure", || (server.count(&tried) == 2).then_some(()));
    let due: i64 = server.text("SELECT CAST(max(due_at) AS TEXT) FROM webhook_event").parse().unwrap();
    due - push_authenticator::ports::Clock::now(server.clock.as_ref())
}

#[test]
fn what_fails_is_tried_again_with_growing_delays_until_it_is_taken() {
    let receiver = Receiver::start();
    let (server, phone, key) = start_with(&receiver);
    let failures = [
        ("500 Broken", 5_000, 6_250),
        ("", 20_000, 25_000),
        ("302 Found\nLocation: /elsewhere", 80_000, 100_000),
        ("429 Slow\nRetry-After: 600", 600_000, 600_000),
        ("404 Not Found", 1_280_000, 1_600_000),
        ("503 Later\nRetry-After: soon", 5_120_000, 6_400_000),
        ("400 No", 20_480_000, 25_600_000),
        ("200", 0, 0),
    ];
    for (answer, _, _) in failures.iter().filter(|(answer, _, _)| *answer != "200") {
        receiver.answer(&[answer, answer]);
    }
    let endless = format!("200 OK\n\n{}", "x".repeat(2_000_000));
    receiver.answer(&[&endless]);
    deny_a_strangers_sign_on(&server, &phone, &key);
    for (attempts, (answer, least, most)) in (1..).zip(failures) {
        if answer == "200" {
            break;
        }
        let left = waiting(&server, attempts);
        assert!((least..=most).contains(&left), "{answer:?}: {left}");
        server.clock.advance(left);
    }
    wait_for("the end", || (server.count("webhook_event") == 0).then_some(()));
    let seen = receiver.seen();
    assert_eq!(seen.len(), 16);
    for kind in ["sign_on.not_me", "pushes.frozen"] {
        let of_kind: Vec<_> = seen.iter().filter(|each| each.json()["type"] == kind).collect();
        assert_eq!(of_kind.len(), 8, "{kind}");
        assert!(of_kind.iter().all(|each| each.body == of_kind[0].body && each.path == "/hook?key=1"));
        assert!(of_kind.iter().all(|each| each.is_signed_with(&SECRET)), "signed anew with each time");
        let times: Vec<i64> = of_kind.iter().map(|each| each.header("webhook-timestamp").parse().unwrap()).collect();
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    }
    assert_eq!(given_up(&server), Vec::<String>::new());
}

#[test]
fn events_outlive_a_receiver_that_is_down_and_a_restart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (server, phone, key) = start_at(&format!("http://{address}/"), &[&SECRET], None);
    deny_a_strangers_sign_on(&server, &phone, &key);
    waiting(&server, 1);
    let id = server.text("SELECT id FROM webhook_event ORDER BY rowid");
    let server = server.restart();
    server.clock.advance(HOUR);
    let left = waiting(&server, 2);
    let receiver = Receiver::listen(TcpListener::bind(address).unwrap());
    let server = server.restart();
    server.clock.advance(left);
    let seen = receiver.wait_for(2);
    let denied = seen.iter().find(|each| each.header("webhook-id") == id).unwrap().json();
    assert_eq!(denied["type"], "sign_on.not_me");
    assert_eq!(denied["timestamp"], "2030-01-01T00:00:00Z", "when it happened, not when it was told");
    assert!(seen.iter().all(|each| each.is_signed_with(&SECRET)));
    wait_for("the end", || (server.count("webhook_event") == 0).then_some(()));
}

#[test]
fn an_event_that_cannot_be_read_is_given_up_and_stands_in_nobodys_way() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (server, phone, key) = start_at(&format!("http://{address}/"), &[&SECRET], None);
    deny_a_strangers_sign_on(&server, &phone, &key);
    waiting(&server, 1);
    let change =
        "UPDATE webhook_event SET body = x'00', due_at = 0 WHERE rowid = (SELECT min(rowid) FROM webhook_event)";
    let database = rusqlite::Connection::open(server.database_file()).unwrap();
    assert_eq!(database.execute(change, []).unwrap(), 1);
    let receiver = Receiver::listen(TcpListener::bind(address).unwrap());
    let server = server.restart();
    server.clock.advance(HOUR);
    let server = server.restart();
    wait_for("the end", || (server.count("webhook_event") == 0).then_some(()));
    assert_eq!((given_up(&server), receiver.seen().len()), (vec!["demo damaged".to_owned()], 1));
}

#[test]
fn an_event_that_nobody_takes_is_given_up_and_noted() {
    let receiver = Receiver::start();
    let (server, phone, key) = start_with(&receiver);
    receiver.answer(&["500 Broken"; 4]);
    deny_a_strangers_sign_on(&server, &phone, &key);
    waiting(&server, 1);
    // However late it is, the server tries once more before giving up.
    server.clock.advance(72 * HOUR);
    wait_for("the note", || (given_up(&server) == ["demo given-up", "demo given-up"]).then_some(()));
    assert_eq!((server.count("webhook_event"), receiver.seen().len()), (0, 4));
    receiver.answer(&["410 Gone"; 2]);
    deny_a_strangers_sign_on(&server, &phone, &key);
    wait_for("the note", || (given_up(&server)[2..] == ["demo gone", "demo gone"]).then_some(()));
    assert_eq!((server.count("webhook_event"), receiver.seen().len()), (0, 6));
}

/// Retrying within seconds is pointless: somebody has to fix the certificate.
#[test]
fn an_event_waits_for_a_certificate_that_is_trusted() {
    let receiver = Receiver::start();
    let authority = Authority::new("Ours");
    let front = Front::start(Authority::new("Another").issue_good()).leading_to(receiver.address);
    let (server, phone, key) = start_at(&format!("https://{}/", front.address), &[&SECRET], Some(&authority));
    front.connections();
    deny_a_strangers_sign_on(&server, &phone, &key);
    let left = waiting(&server, 1);
    assert_eq!((left, front.connections(), receiver.seen().len()), (300_000, 2, 0));
    front.show(authority.issue_good());
    server.clock.advance(left);
    assert!(receiver.wait_for(2).iter().all(|each| each.is_signed_with(&SECRET)));
    wait_for("the end", || (server.count("webhook_event") == 0).then_some(()));
    assert_eq!(given_up(&server), Vec::<String>::new());

    front.show(authority.issue("127.0.0.1", 2020..2021));
    server.clock.advance(24 * HOUR);
    deny_a_strangers_sign_on(&server, &phone, &key);
    waiting(&server, 1);
    server.clock.advance(72 * HOUR);
    wait_for("the note", || {
        (given_up(&server) == ["demo certificate-expired", "demo certificate-expired"]).then_some(())
    });
    assert_eq!(receiver.seen().len(), 2);
}

#[test]
fn other_denials_are_not_told_nor_is_anything_without_a_webhook() {
    let receiver = Receiver::start();
    let (mut server, phone, key) = start_with(&receiver);
    for reason in [None, Some("mistake"), Some("other")] {
        server.after_password();
        assert_eq!(deny(&server, &phone, &key, &phone.only_message(&server), reason).status, 200);
        server.clock.advance(HOUR);
    }
    assert_eq!(server.count("webhook_event"), 0);
    server.configuration.webhook = None;
    let server = server.restart();
    // Another port means another server to sign for.
    let phone = signing_pulls(&server, phone, &key, "none");
    deny_a_strangers_sign_on(&server, &phone, &key);
    assert_eq!((server.count("webhook_event"), server.count("denial")), (0, 1));
    assert!(receiver.seen().is_empty());
}

#[test]
fn what_waits_where_there_is_no_webhook_any_more_goes_in_time() {
    let receiver = Receiver::start();
    let (mut server, phone, key) = start_with(&receiver);
    receiver.answer(&["500 Broken"; 2]);
    deny_a_strangers_sign_on(&server, &phone, &key);
    waiting(&server, 1);
    server.configuration.webhook = None;
    let server = server.restart();
    let sweep = |server: &Server| server.runtime.block_on(server.app.sweep()).unwrap();
    server.clock.advance(72 * HOUR);
    sweep(&server);
    assert_eq!(server.count("webhook_event"), 2);
    server.clock.advance(1);
    sweep(&server);
    assert_eq!(server.count("webhook_event"), 0);
    assert_eq!(given_up(&server), ["demo given-up", "demo given-up"]);
    assert_eq!(receiver.seen().len(), 2);
}

#[test]
fn while_the_secret_is_changed_events_are_signed_with_both() {
    let receiver = Receiver::start();
    let (server, phone, key) = start_at(&format!("http://{}/", receiver.address), &[&[1; 24], &[2; 64]], None);
    receiver.forget();
    deny_a_strangers_sign_on(&server, &phone, &key);
    for each in receiver.wait_for(2) {
        assert!(each.is_signed_with(&[1; 24]) && each.is_signed_with(&[2; 64]) && !each.is_signed_with(&SECRET));
    }
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let check = |text: &str| toml::from_str::<Configuration>(text).unwrap().check();
    let webhook = |url: &str| check(&format!("[webhook]\nurl = {url:?}"));
    assert_eq!(webhook("https://hooks.example.com/here?key=1"), Ok(()));
    assert_eq!(webhook("http://127.0.0.1:5000/"), Ok(()));
    assert!(webhook("http://hooks.example.com/").unwrap_err().contains("https"));
    for url in ["https://user@hooks.example.com/", "https://hooks.example.com/#part"] {
        assert!(webhook(url).unwrap_err().contains("webhook.url"), "{url}");
    }
    for hours in [0, 721] {
        let said = check(&format!("[webhook]\nurl = \"https://hooks.example.com\"\ngive_up_hours = {hours}"));
        assert!(said.unwrap_err().contains("webhook.give_up_hours"));
    }
}

#[test]
fn a_secret_that_is_none_is_refused_and_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let file = write_secret(folder.path(), &[&SECRET]);
    let settings = |secret_file| WebhookSettings {
        url: "https://hooks.example.com".parse().unwrap(),
        secret_file,
        give_up_hours: 72,
        ca_file: None,
    };
    let nothing = |_: &str| None;
    let of_file = settings(Some(file.clone()));
    assert_eq!(of_file.secrets(&nothing).unwrap().len(), 1);
    let in_environment = |name: &str| (name == SECRET_VARIABLE).then(|| format!("whsec_{}", STANDARD.encode([9; 24])));
    for settings in [&of_file, &settings(None)] {
        let secrets = settings.secrets(&in_environment).unwrap();
        assert_eq!(secrets[0].expose(Reason::Authenticate), [9; 24], "the environment comes first");
    }
    assert!(matches!(settings(None).secrets(&nothing), Err(SecretError::Missing)));
    assert!(matches!(settings(Some(folder.path().join("none"))).secrets(&nothing), Err(SecretError::Unreadable(..))));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(of_file.secrets(&nothing), Err(SecretError::TooOpen(_))));
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let secret = |length| format!("whsec_{}", STANDARD.encode(vec![7; length]));
    for wrong in [
        String::new(),
        STANDARD.encode(SECRET),
        secret(23),
        secret(65),
        "whsec_not-base64!".to_owned(),
        [24, 24, 24].map(secret).join("\n"),
        format!("{} more", secret(24)),
    ] {
        std::fs::write(&file, &wrong).unwrap();
        let refused = of_file.secrets(&nothing).err().unwrap();
        assert!(matches!(refused, SecretError::NotASecret(_)), "{wrong}");
        assert!(wrong.is_empty() || !refused.to_string().contains(wrong.trim_start_matches("whsec_")), "{refused}");
    }
}

/// Reproduces the frozen example of docs/wire.md byte for byte; `tests/verify_webhook.py` checks it independently.
#[test]
fn the_example_of_the_documentation_is_made_and_signed_as_it_stands() {
    let (_, section) = include_str!("../../docs/wire.md").split_once("## 13. Webhook").unwrap();
    let (_, example) = section.split_once("**An event**, signed with the secret `").unwrap();
    let (secret, rest) = example.split_once("`:\n\n```\n").unwrap();
    let (head, rest) = rest.split_once("\n\n").unwrap();
    let (body, _) = rest.split_once("\n```").unwrap();
    let headers = head.lines().map(|line| line.split_once(": ").unwrap());
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let seen = Seen { path: String::new(), headers, body: body.to_owned() };
    assert!(seen.is_signed_with(&STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap()));
    let event = Event::NotMe(NotMe {
        user: "ada".to_owned(),
        device: Device { id: "0b54a9b1-7c0e-4f8e-9d0c-2f1d6f3f8a11".to_owned(), name: "Pixel".to_owned() },
        address: Some("203.0.113.9".to_owned()),
        user_agent: Some("Mozilla/5.0".to_owned()),
        sent_at: "2026-11-30T12:01:00Z".to_owned(),
    });
    let id = seen.header("webhook-id");
    assert_eq!(event.body(id, "https://login.example.com", 1_796_040_080_000), body);

    let (_, example) = section.split_once("**A change of a user's phones** has the body\n\n```\n").unwrap();
    let (body, _) = example.split_once("\n```").unwrap();
    let added = Event::DeviceAdded(FactorChanged {
        user: "ada".to_owned(),
        device: Some(Device { id: "0b54a9b1-7c0e-4f8e-9d0c-2f1d6f3f8a11".to_owned(), name: "Pixel".to_owned() }),
        by: "user",
    });
    let id = "msg_0d9f5a52-6f0e-4d4b-8d5e-7f0a3f7b6c21";
    assert_eq!(added.body(id, "https://login.example.com", 1_796_040_190_000), body);
}
