//! What the server stores on disk.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use rusqlite::Connection;
use serde_json::json;

use push_authenticator::ports::SystemEntropy;
use push_authenticator::protocol::device_key::KeyLevel;
use push_authenticator::secret::Reason;
use push_authenticator::server::configuration::Configuration;
use push_authenticator::server::keys::KeyError;
use push_authenticator::server::store::device_keys::{self, KeyPolicy};
use push_authenticator::server::store::fraud_reports::{self, Origin};
use push_authenticator::server::store::{StoreError, devices, pushes, registrations, users, webhook_events};
use push_authenticator::server::{StartError, open_data};

use crate::device_keys::{REGISTRATION, deny, enrolled};
use crate::harness::*;

/// A configuration for a copy of a database left by an earlier version (tests/vectors/store/README.md).
fn frozen(folder: &Path, version: u32) -> Configuration {
    let configuration = configuration(folder);
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/store");
    std::fs::create_dir(&configuration.data).unwrap();
    std::fs::copy(frozen.join(format!("version-{version}.db")), configuration.data.join("server.db")).unwrap();
    std::fs::copy(frozen.join(format!("version-{version}.key")), configuration.data.join("server.key")).unwrap();
    std::fs::set_permissions(configuration.data.join("server.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
    configuration
}

/// Fills a database as for every frozen file and leaves it as a single file beside its key.
#[test]
#[ignore = "makes a database to be frozen; run once for a new version of the schema, with FROZEN_STORE naming a folder"]
fn freeze() {
    let folder = std::path::PathBuf::from(std::env::var_os("FROZEN_STORE").unwrap());
    assert!(!folder.exists(), "a frozen file is never made anew");
    let server = Setup::new().with(REGISTRATION, "deviceKey", json!("preferred")).start();
    let (phone, key) = enrolled(&server, "tee", "biometric");
    server.after_password();
    assert_eq!(deny(&server, &phone, &key, &phone.only_message(&server), Some("not-me")).status, 200);
    server.clock.advance(3_600_000);
    let waiting = server.after_password();
    assert_eq!(phone.messages(&server).len(), 1, "{waiting}");
    server.add_user("other", PASSWORD, Some("The Other"));
    let step = server.next(&fill(&server.sign_on_as("other", PASSWORD).json(), 1, json!(0)));
    let other = Phone::scan(&step).with("communicationType", json!("gcm")).with("deviceId", json!("gcm-token"));
    assert_eq!(other.register(&server).status, 200);
    server.lock_user("other", true);
    let (_, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    let named: Result<(), StoreError> = store.run_blocking(|transaction| {
        let device = devices::of_user(transaction, USER)?.remove(0);
        devices::rename(transaction, &device.id, Some("my phone"))
    });
    named.unwrap();
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(server.configuration.data.join("server.key"), folder.join("store.key")).unwrap();
    server.database().execute("VACUUM INTO ?1", [folder.join("store.db").to_str().unwrap()]).unwrap();
}

#[test]
fn a_database_of_version_4_is_brought_to_the_present_one_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = frozen(folder.path(), 4);
    for _ in 0..2 {
        let (keys, store) = open_data(&configuration, &SystemEntropy::new()).unwrap();
        let opened: Result<(), StoreError> = store.run_blocking(move |transaction| {
            let users = users::list(transaction)?;
            assert_eq!([0, 1].map(|at: usize| users[at].frozen_until), [Some(START + 3_600_000), None]);
            assert_eq!(fraud_reports::last(transaction, "demo", &keys)?, None, "where it came from was not kept");
            let devices = devices::list(transaction)?;
            let levels: Vec<Option<(KeyLevel, bool)>> = devices
                .iter()
                .map(|device| {
                    let key = device_keys::of_device(transaction, &device.id)?;
                    Ok(key.map(|key| (key.claimed.level, key.attested.is_some())))
                })
                .collect::<Result<_, StoreError>>()?;
            assert_eq!(levels, [Some((KeyLevel::Tee, false)), None]);
            let waiting: String =
                transaction.query_row("SELECT id FROM push_request WHERE state = 'pending'", [], |row| row.get(0))?;
            assert_eq!(pushes::origin(transaction, &waiting, &keys)?, Origin::default());
            assert_eq!(webhook_events::first(transaction, &keys, START)?, None);
            let count = |table: &str| -> i64 {
                transaction.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
            };
            let tables = ["push_request", "push_message", "recovery_code", "session", "journey", "used_token", "audit"];
            assert_eq!(tables.map(count), [3, 3, 10, 1, 4, 1, 6]);
            let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            assert_eq!(version, 6);
            Ok(())
        });
        opened.unwrap();
    }
}

#[test]
fn a_database_of_version_3_is_brought_to_the_present_one_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = frozen(folder.path(), 3);
    for _ in 0..2 {
        let (keys, store) = open_data(&configuration, &SystemEntropy::new()).unwrap();
        let opened: Result<(), StoreError> = store.run_blocking(move |transaction| {
            let users = users::list(transaction)?;
            let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
            assert_eq!(names, ["demo", "other"]);
            assert_eq!([0, 1].map(|at: usize| users[at].locked_at.is_some()), [false, true]);
            assert!(users.iter().all(|user| user.frozen_until.is_none()));
            let devices = devices::list(transaction)?;
            assert_eq!([0, 1].map(|at: usize| devices[at].name.as_str()), ["my phone", "Pixel"]);
            for device in &devices {
                assert_eq!(devices::secret(transaction, &device.id, &keys)?.len(), 32);
                assert_eq!(device_keys::of_device(transaction, &device.id)?, None, "phones of before have no key");
            }
            let offered: Vec<String> = transaction
                .prepare("SELECT message_id FROM registration")?
                .query_map([], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            assert_eq!(offered.len(), 2);
            for message_id in offered {
                let registration = registrations::find(transaction, &message_id, &keys)?.unwrap();
                assert_eq!((registration.key_policy, registration.names), (KeyPolicy::default(), None));
            }
            let count = |table: &str| -> i64 {
                transaction.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
            };
            let tables = ["push_request", "push_message", "recovery_code", "session", "journey", "used_token", "audit"];
            assert_eq!(tables.map(count), [2, 2, 10, 1, 3, 2, 4]);
            let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            assert_eq!(version, 6);
            Ok(())
        });
        opened.unwrap();
    }
}

#[test]
fn a_database_of_version_2_is_brought_to_the_present_one_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = frozen(folder.path(), 2);
    for _ in 0..2 {
        let (keys, store) = open_data(&configuration, &SystemEntropy::new()).unwrap();
        let opened: Result<(), StoreError> = store.run_blocking(move |transaction| {
            let devices = devices::list(transaction)?;
            let users: Vec<&str> = devices.iter().map(|device| device.user.as_str()).collect();
            assert_eq!(users, ["demo", "other"]);
            assert_eq!([0, 1].map(|at: usize| devices[at].provisional_journey.is_some()), [false, true]);
            for (device, token) in devices.iter().zip([&b"token-of-this-phone"[..], b"gcm-token"]) {
                let address = devices::address(transaction, &device.id, &keys)?;
                assert_eq!(address.token.expose(Reason::HandOver), token);
                assert_eq!((address.endpoint, address.token_dead_at), (None, None), "SNS was never asked");
                assert_eq!(devices::secret(transaction, &device.id, &keys)?.len(), 32);
            }
            let count = |table: &str| -> i64 {
                transaction.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
            };
            let tables = ["push_request", "push_message", "recovery_code", "session", "journey", "used_token", "audit"];
            assert_eq!(tables.map(count), [2, 2, 10, 1, 3, 1, 4]);
            let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            assert_eq!(version, 6);
            Ok(())
        });
        opened.unwrap();
    }
}

#[test]
fn a_database_of_version_1_is_brought_to_the_present_one_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = frozen(folder.path(), 1);
    // The second opening finds the current version and does nothing more.
    for _ in 0..2 {
        let (keys, store) = open_data(&configuration, &SystemEntropy::new()).unwrap();
        let opened: Result<(), StoreError> = store.run_blocking(move |transaction| {
            let names: Vec<String> = users::list(transaction)?.into_iter().map(|user| user.name).collect();
            assert_eq!(names, ["demo", "other"]);
            let device = devices::list(transaction)?.remove(0);
            assert_eq!(device.user, "demo");
            assert_eq!(device.provisional_journey, None, "a phone of before is as good as it was");
            assert_eq!(devices::secret(transaction, &device.id, &keys)?.len(), 32);
            let count = |table: &str| -> i64 {
                transaction.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
            };
            let tables = ["push_request", "push_message", "recovery_code", "session", "journey", "used_token", "audit"];
            assert_eq!(tables.map(count), [2, 2, 10, 1, 2, 1, 0]);
            let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            assert_eq!(version, 6);
            Ok(())
        });
        opened.unwrap();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns all bytes of the data folder except the key.
fn everything_at_rest(server: &Server) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(&server.configuration.data).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() != "server.key" {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    assert!(contains(&all, USER.as_bytes()), "the search finds what is there");
    all
}

fn contains(all: &[u8], needle: &[u8]) -> bool {
    all.windows(needle.len()).any(|window| window == needle)
}

fn assert_absent(all: &[u8], name: &str, secret: &[u8]) {
    let mut needles = vec![secret.to_vec(), hex(secret).into_bytes(), hex(secret).to_uppercase().into_bytes()];
    // Surrounding text shifts the base64 letters: check all three alignments, without the letters at the edges.
    for shift in 0..3 {
        let shifted = [vec![0u8; shift], secret.to_vec()].concat();
        for text in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            let skipped = if shift == 0 { 0 } else { shift + 1 };
            needles.push(text.as_bytes()[skipped..text.len() - 1].to_vec());
        }
    }
    for needle in needles {
        assert!(!contains(all, &needle), "{name} lies on the disk as {}", String::from_utf8_lossy(&needle));
    }
}

#[test]
fn no_secret_lies_on_the_disk_in_any_form_at_any_time() {
    let server = start();
    let step = server.at_qr_code();
    let phone = Phone::scan(&step).with("deviceId", json!("push-token-0123456789-abcdefghij"));
    let uri = output(&step, "HiddenValueCallback", "value").as_str().unwrap().to_owned();
    let mut secrets = vec![
        ("secret", phone.secret.clone()),
        ("challenge", phone.challenge.clone()),
        ("uri", uri.into_bytes()),
        ("password", PASSWORD.as_bytes().to_vec()),
        ("push token", b"push-token-0123456789-abcdefghij".to_vec()),
    ];
    let check = |secrets: &[(&str, Vec<u8>)]| {
        let all = everything_at_rest(&server);
        for (name, secret) in secrets {
            assert_absent(&all, name, secret);
        }
    };
    check(&secrets);
    assert_eq!(phone.register(&server).status, 200);
    check(&secrets);
    let step = server.next(&step);
    let codes = recovery_codes(&step);
    secrets.extend(codes.iter().map(|code| ("recovery code", code.clone().into_bytes())));
    check(&secrets);
    let step = server.next(&step);
    let message = phone.only_message(&server);
    secrets.push(("push message", message.jwt.clone().into_bytes()));
    check(&secrets);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    let token = server.finish(&step);
    secrets.push(("session token", token.clone().into_bytes()));
    secrets.push(("session token's bytes", URL_SAFE_NO_PAD.decode(token).unwrap()));
    let step = server.after_password();
    let step = server.next(&fill(&step, 2, json!(0)));
    server.finish(&fill(&step, 0, json!(codes[0])));
    check(&secrets);
}

#[test]
fn users_phones_and_sign_ons_under_way_survive_a_restart() {
    let server = start();
    let phone = server.enrolled();
    let step = server.after_password();
    let first = fill_password(&server.begin(), USER, PASSWORD);
    let server = server.restart();
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
    server.next(&first);
}

pub fn configuration(folder: &Path) -> Configuration {
    Configuration { data: folder.join("data"), ..Configuration::default() }
}

fn open(configuration: &Configuration) -> Result<(), StartError> {
    open_data(configuration, &SystemEntropy::new()).map(|_| ())
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_key_is_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(folder.path());
    open(&configuration).unwrap();
    let key = configuration.data.join("server.key");
    assert_eq!(mode(&key), 0o600);
    assert_eq!(mode(&configuration.data), 0o700);
    let bytes = std::fs::read(&key).unwrap();
    assert_eq!(bytes.len(), 32);
    open(&configuration).unwrap();
    assert_eq!(std::fs::read(&key).unwrap(), bytes, "made once");

    for open_mode in [0o640, 0o604, 0o644, 0o620, 0o602, 0o610] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(open_mode)).unwrap();
        let refused = open(&configuration).unwrap_err();
        assert!(matches!(refused, StartError::Key(KeyError::TooOpen(_))), "{open_mode:o}");
        assert!(refused.to_string().contains("chmod 600"));
    }
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    open(&configuration).unwrap();
    for wrong in [&bytes[..31], &[&bytes[..], b"\n"].concat(), b""] {
        std::fs::write(&key, wrong).unwrap();
        assert!(matches!(open(&configuration).unwrap_err(), StartError::Key(KeyError::NotAKey(_))));
    }
}

#[test]
fn a_replaced_key_is_noticed_at_start_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = frozen(folder.path(), 2);
    let key = configuration.data.join("server.key");
    let right = std::fs::read(&key).unwrap();
    // While the database has no stored key check, a phone's secret exposes the wrong key; later, the stored check does.
    for _ in 0..2 {
        std::fs::write(&key, [7u8; 32]).unwrap();
        assert!(matches!(open(&configuration).unwrap_err(), StartError::Key(KeyError::AnotherKey)));
        std::fs::write(&key, &right).unwrap();
        open(&configuration).unwrap();
    }
    // Nor does the server make a new key if the right one is gone.
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(open(&configuration).unwrap_err(), StartError::Key(KeyError::Gone(_))));
    assert!(!key.exists());
}

#[test]
fn what_every_sign_on_and_the_sweeper_do_reads_no_whole_table() {
    let server = start();
    let database = server.database();
    for statement in [
        "UPDATE push_request SET state = 'superseded' WHERE journey = ?1 AND state = 'pending'",
        "SELECT id FROM push_request WHERE user = ?1 AND state = 'pending'",
        "SELECT id FROM device WHERE id IN (SELECT device FROM registration WHERE journey = ?1)",
        "DELETE FROM push_request WHERE expires_at < ?1",
        "DELETE FROM device WHERE retired_at < ?1",
        "DELETE FROM session WHERE expires_at < ?1",
        "DELETE FROM session WHERE user = ?1",
        "DELETE FROM audit WHERE sequence <= ?1",
        "DELETE FROM audit_seal WHERE sequence <= ?1",
        "SELECT sequence FROM audit_seal WHERE sequence <= ?1 ORDER BY sequence DESC LIMIT 1",
        "SELECT sequence FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT 1000",
        "DELETE FROM notice WHERE at < ?1",
        "SELECT id, state FROM journey WHERE expires_at < ?1",
        "SELECT origin FROM push_request WHERE id = ?1",
        "SELECT at, origin FROM denial WHERE user = ?1",
        "DELETE FROM denial WHERE at < ?1",
        "DELETE FROM familiar WHERE seen_at < ?1",
        "SELECT count(*) FROM familiar WHERE user = ?1 AND kind = 'agent' AND tag = ?1 AND seen_at > ?1",
        "DELETE FROM familiar WHERE user = ?1 AND kind = 'agent' AND tag IN
         (SELECT tag FROM familiar WHERE user = ?1 AND kind = 'agent' ORDER BY seen_at DESC LIMIT -1 OFFSET 16)",
        "DELETE FROM webhook_event WHERE created_at < ?1",
        "DELETE FROM journey WHERE expires_at < ?1",
        "DELETE FROM registration WHERE expires_at < ?1 AND (accepted_body IS NULL OR expires_at < ?1 - 5)",
    ] {
        let mut plan = database.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
        let plan: Vec<String> =
            plan.query_map([1], |row| row.get::<_, String>(3)).unwrap().map(Result::unwrap).collect();
        assert!(plan.iter().all(|step| !step.starts_with("SCAN")), "{statement}: {plan:?}");
    }
}

#[test]
fn the_database_is_ours_and_in_wal_mode() {
    let server = start();
    assert_eq!(server.text("PRAGMA journal_mode"), "wal");
    let number =
        |name: &str| -> i64 { server.database().query_row(&format!("PRAGMA {name}"), [], |row| row.get(0)).unwrap() };
    assert_eq!(number("user_version"), 6);
    assert_eq!(number("application_id"), 0x5041_7376);
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = configuration(folder.path());
    open(&configuration).unwrap();
    let file = configuration.data.join("server.db");
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let refused = open(&configuration).unwrap_err();
    let StartError::Store(StoreError::Newer { found: 99, known: 6, .. }) = refused else { panic!("{refused}") };
    let connection = Connection::open(&file).unwrap();
    let version: i32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn a_foreign_file_is_refused_and_left_untouched() {
    let make = |statements: &'static str| {
        move |file: &Path| Connection::open(file).unwrap().execute_batch(statements).unwrap()
    };
    type Maker = Box<dyn Fn(&Path)>;
    let makers: [(&str, Maker); 5] = [
        ("a table", Box::new(make("CREATE TABLE foreign_one (a)"))),
        ("a version", Box::new(make("CREATE TABLE foreign_one (a); PRAGMA user_version = 1"))),
        ("a high version", Box::new(make("CREATE TABLE foreign_one (a); PRAGMA user_version = 7"))),
        ("an owner", Box::new(make("PRAGMA application_id = 5; CREATE TABLE a (a); DROP TABLE a"))),
        (
            "no database",
            Box::new(|file| std::fs::write(file, "Dear diary, this is no database at all.".repeat(50)).unwrap()),
        ),
    ];
    for (name, make) in makers {
        let folder = tempfile::tempdir().unwrap();
        let configuration = configuration(folder.path());
        std::fs::create_dir(&configuration.data).unwrap();
        let file = configuration.data.join("server.db");
        make(&file);
        let before = std::fs::read(&file).unwrap();
        let refused = open(&configuration).unwrap_err();
        assert!(matches!(refused, StartError::Store(StoreError::NotOurs(_))), "{name}: {refused}");
        assert!(std::fs::read(&file).unwrap() == before, "{name}: the file was changed");
        assert!(!configuration.data.join("server.db-wal").exists(), "{name}");
    }
}
