//! The audit log: it records failed sign-ons without letting them flood it, and its chain reveals tampering.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_authenticator::ports::SystemEntropy;
use push_authenticator::secret::SecretText;
use push_authenticator::server::configuration::Configuration;
use push_authenticator::server::keys::Keys;
use push_authenticator::server::open_data;
use push_authenticator::server::store::audit_verify::{self, Checkpoint, Finding, Verification};
use push_authenticator::server::store::{Store, StoreError, audit, audit_chain};
use serde_json::json;

use crate::harness::*;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Returns the log's rows: outcome, user, address and count, oldest first.
fn rows(server: &Server, event: &str) -> Vec<String> {
    // The store works in order: everything requested before this is written by then.
    server.begin();
    let database = server.database();
    let mut statement = database
        .prepare(
            "SELECT outcome || ' ' || coalesce(user, '-') || ' ' || coalesce(address, '-') || ' ' || count FROM audit
             WHERE event = ?1 ORDER BY sequence",
        )
        .unwrap();
    statement.query_map([event], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn sweep(server: &Server) {
    server.runtime.block_on(server.app.sweep()).unwrap();
}

fn seal(server: &Server) {
    server.runtime.block_on(server.app.seal_audit()).unwrap();
}

/// Opens the store and the keys as a command beside the server does.
fn beside(server: &Server) -> (Store, Arc<Keys>) {
    let (keys, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    (store, Arc::new(keys))
}

fn verify(server: &Server) -> Verification {
    verify_with(server, None)
}

fn verify_with(server: &Server, checkpoint: Option<Checkpoint>) -> Verification {
    let (store, keys) = beside(server);
    audit_verify::verify(&store, &keys, checkpoint).unwrap()
}

fn checkpoint(server: &Server) -> Checkpoint {
    let (store, keys) = beside(server);
    audit_verify::checkpoint(&store, &keys, START).unwrap().unwrap()
}

/// Does what an attacker can do who can write to the database but has no key.
fn tamper(server: &Server, statements: &str) {
    rusqlite::Connection::open(server.database_file()).unwrap().execute_batch(statements).unwrap();
}

/// Writes this many events, the first at `START`, each a second after the previous one.
fn write_events(server: &Server, count: i64) {
    let (store, _) = beside(server);
    let written: Result<(), StoreError> = store.run_blocking(move |transaction| {
        (0..count).try_for_each(|number| {
            let event = audit::Event {
                at: START + number * 1000,
                event: "test".to_owned(),
                user: Some(USER.to_owned()),
                outcome: format!("outcome-{number}"),
                ..audit::Event::default()
            };
            audit::add(transaction, &event)
        })
    });
    written.unwrap();
}

#[test]
fn every_failed_sign_on_leaves_one_event_and_no_typed_text() {
    let server = Setup::new().behind_a_proxy().start();
    let fail = |from: &'static str, user: &str, password: &str| {
        let browser = Browser(from, "Test");
        let step = browser.post(&server, None).json();
        browser.post(&server, Some(&fill_password(&step, user, password))).refused(401);
    };
    fail("192.0.2.1", USER, "wrong");
    fail("192.0.2.2", PASSWORD, "");
    fail("2001:db8::7", "nobody-here", PASSWORD);
    server.lock_user(USER, true);
    fail("192.0.2.3", &USER.to_uppercase(), PASSWORD);
    let expected = [
        "wrong-password demo 192.0.2.1 1",
        "wrong-password - 192.0.2.2 1",
        "wrong-password - 2001:db8::7 1",
        "locked demo 192.0.2.3 1",
    ];
    assert_eq!(rows(&server, "sign-on"), expected);
    for typed in [PASSWORD, "nobody-here"] {
        let dump = server.count(&format!(
            "audit WHERE coalesce(user, '') || outcome || event || coalesce(device, '') LIKE '%{typed}%'"
        ));
        assert_eq!(dump, 0, "{typed}");
    }
}

#[test]
fn a_flood_of_failures_is_counted_in_one_row_written_when_its_window_closes() {
    // The limits on attempts would end this much earlier.
    let server = Setup::new().configure(|configuration| configuration.sign_on.attempts_per_address = 10_000).start();
    for number in 0..12 {
        server.sign_on_as(&format!("nobody{number}"), "wrong").refused(401);
    }
    let single = "wrong-password - 127.0.0.1 1";
    assert_eq!(rows(&server, "sign-on"), [single; 5]);
    server.clock.advance(11 * MINUTE);
    sweep(&server);
    assert_eq!(rows(&server, "sign-on")[5..], ["wrong-password - 127.0.0.1 7"]);
    // A user's own name is still written, and the next window begins.
    server.sign_on_as(USER, "wrong").refused(401);
    assert_eq!(rows(&server, "sign-on")[6..], ["wrong-password demo 127.0.0.1 1"]);
    // A stopped server loses no count.
    for number in 0..7 {
        server.sign_on_as(&format!("other{number}"), "wrong").refused(401);
    }
    server.runtime.block_on(server.app.finish_audit()).unwrap();
    assert_eq!(rows(&server, "sign-on").last().unwrap(), "wrong-password - 127.0.0.1 2");
    let found = verify(&server);
    assert!(found.findings.is_empty() && found.unsealed.is_none(), "{found:?}");
}

#[test]
fn a_sign_on_past_the_password_that_nobody_finishes_is_an_event_once_its_time_is_over() {
    let server = start();
    server.after_password();
    assert_eq!(rows(&server, "sign-on"), Vec::<String>::new());
    server.clock.advance(2 * 60 * MINUTE);
    sweep(&server);
    sweep(&server);
    assert_eq!(rows(&server, "sign-on"), ["expired demo 127.0.0.1 1"]);
}

#[test]
fn sealing_is_apart_from_sign_ons_and_unsealed_rows_are_named() {
    let server = start();
    server.enrolled();
    let written = server.count("audit");
    assert!(written > 2);
    assert_eq!(server.count("audit_seal"), 0, "no sign-on seals");
    assert_eq!(verify(&server).unsealed, Some((1, written, written as u64)));
    seal(&server);
    let found = verify(&server);
    assert_eq!((found.sealed as i64, found.head, found.unsealed), (written, written, None));
    assert!(found.findings.is_empty(), "{found:?}");
    server.sign_on_as(USER, "wrong").refused(401);
    // Nothing waits for that row, so the server may write it after the answer.
    while server.count("audit") == written {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(verify(&server).unsealed, Some((written + 1, written + 1, 1)));
    // A server killed between a write and its seal seals it after the next start.
    let server = server.restart();
    seal(&server);
    assert_eq!(verify(&server).unsealed, None);
}

#[test]
fn removed_changed_inserted_and_moved_rows_are_found() {
    use Finding::{Changed, CutOff, Head, Inserted, Removed};
    let cases: [(&str, &[Finding]); 13] = [
        ("UPDATE audit SET outcome = 'success' WHERE sequence = 3", &[Changed(3)]),
        ("UPDATE audit SET at = at + 1 WHERE sequence = 1", &[Changed(1)]),
        ("UPDATE audit SET user = NULL WHERE sequence = 8", &[Changed(8)]),
        ("UPDATE audit SET user = 'DEMO' WHERE sequence = 8", &[Changed(8)]),
        ("UPDATE audit SET address = '' WHERE sequence = 8", &[Changed(8)]),
        ("UPDATE audit SET actor = 'cli:root' WHERE sequence = 8", &[Changed(8)]),
        ("UPDATE audit SET count = 2 WHERE sequence = 8", &[Changed(8)]),
        ("DELETE FROM audit WHERE sequence = 4", &[Removed(4, 4)]),
        (
            "DELETE FROM audit WHERE sequence IN (4, 5); DELETE FROM audit_seal WHERE sequence IN (4, 5)",
            &[Removed(4, 5)],
        ),
        // Two rows swapped, with or without their tags.
        (
            "UPDATE audit SET sequence = 99 WHERE sequence = 4; UPDATE audit SET sequence = 4 WHERE sequence = 5;
             UPDATE audit SET sequence = 5 WHERE sequence = 99",
            &[Changed(4), Changed(5)],
        ),
        ("DELETE FROM audit_seal WHERE sequence = 6", &[Inserted(6), Removed(6, 6)]),
        ("DELETE FROM audit WHERE sequence > 7; DELETE FROM audit_seal WHERE sequence > 7", &[CutOff(7)]),
        ("DELETE FROM audit_mark", &[Head]),
    ];
    for (statements, findings) in cases {
        let server = start();
        write_events(&server, 10);
        seal(&server);
        tamper(&server, statements);
        let found = verify(&server).findings;
        match statements.contains("audit_seal WHERE sequence = 6") {
            // The next row's tag continues a tag that is gone.
            true => assert!(found.contains(&Inserted(6)) && found.len() == 2, "{found:?}"),
            false => assert_eq!(found, findings, "{statements}"),
        }
        // Rows written and sealed afterwards hide none of it.
        write_events(&server, 2);
        sweep(&server);
        assert!(!verify(&server).findings.is_empty(), "{statements}");
    }
}

#[test]
fn a_log_that_was_put_back_shows_only_against_an_exported_checkpoint() {
    let server = start();
    write_events(&server, 5);
    seal(&server);
    let earlier = std::fs::read(server.database_file()).unwrap();
    let wal = server.database_file().with_extension("db-wal");
    let earlier_wal = std::fs::read(&wal).unwrap();
    write_events(&server, 5);
    let exported = checkpoint(&server);
    assert_eq!(exported.sequence, 10);
    write_events(&server, 1);
    let found = verify_with(&server, Some(exported.clone()));
    assert!(found.findings.is_empty() && found.unsealed == Some((11, 11, 1)), "{found:?}");

    // An older copy of the whole database, with its own head.
    let Server { app, clock, configuration, runtime, folder, address } = server;
    drop(app);
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    std::thread::sleep(std::time::Duration::from_millis(200));
    let file = configuration.data.join("server.db");
    std::fs::write(&file, earlier).unwrap();
    std::fs::write(&wal, earlier_wal).unwrap();
    let _ = std::fs::remove_file(file.with_extension("db-shm"));
    let (keys, store) = open_data(&configuration, &SystemEntropy::new()).unwrap();
    let keys = Arc::new(keys);
    let alone = audit_verify::verify(&store, &keys, None).unwrap();
    assert!(alone.findings.is_empty() && alone.head == 5, "{alone:?}");
    let compared = audit_verify::verify(&store, &keys, Some(exported)).unwrap();
    assert_eq!(compared.findings, [Finding::OtherThanCheckpoint(10)]);
    drop((clock, folder, address));
}

#[test]
fn a_checkpoint_that_was_changed_or_is_of_another_server_is_rejected() {
    let (server, other) = (start(), start());
    write_events(&server, 3);
    write_events(&other, 3);
    let exported = checkpoint(&server);
    for (member, value) in
        [("sequence", json!(2)), ("exported_at", json!(1)), ("format", json!("x")), ("tag", json!("AA"))]
    {
        let mut text = serde_json::to_value(&exported).unwrap();
        text[member] = value;
        let changed: Checkpoint = serde_json::from_value(text).unwrap();
        assert_eq!(verify_with(&server, Some(changed)).findings, [Finding::ForgedCheckpoint], "{member}");
    }
    assert_eq!(verify_with(&other, Some(exported)).findings, [Finding::ForgedCheckpoint]);
}

#[test]
fn retention_keeps_a_signed_start_and_removed_users_events_stay() {
    let server = Setup::new().configure(|configuration| configuration.audit_days = 30).start();
    write_events(&server, 3_000);
    seal(&server);
    let before = checkpoint(&server);
    server.clock.advance(29 * DAY);
    server.sign_on_as(USER, "wrong").refused(401);
    server.clock.advance(2 * DAY);
    sweep(&server);
    assert_eq!((server.count("audit"), server.count("audit_seal")), (1, 1));
    let found = verify(&server);
    assert!(found.findings.is_empty() && found.start == 3_000 && found.sealed == 1, "{found:?}");
    assert!(verify_with(&server, Some(before)).findings.is_empty(), "the checkpoint is where the log now starts");
    let (store, _) = beside(&server);
    let removed: Result<bool, StoreError> =
        store.run_blocking(|transaction| push_authenticator::server::store::users::remove(transaction, USER));
    assert!(removed.unwrap());
    assert_eq!(rows(&server, "sign-on"), ["wrong-password demo 127.0.0.1 1"]);
    assert!(verify(&server).findings.is_empty());
    // Nobody can remove the first remaining row, or move the start, unnoticed.
    write_events(&server, 2);
    seal(&server);
    tamper(&server, "DELETE FROM audit WHERE sequence = 3001; DELETE FROM audit_seal WHERE sequence = 3001");
    assert_eq!(verify(&server).findings, [Finding::Removed(3_001, 3_001)]);
    tamper(&server, "UPDATE audit_mark SET sequence = 3001 WHERE kind = 'start'");
    assert!(verify(&server).findings.contains(&Finding::Start));
}

#[test]
fn a_log_of_before_there_was_a_chain_is_sealed_as_it_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let frozen = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/store");
    for (from, to) in [("version-5.db", "server.db"), ("version-5.key", "server.key")] {
        std::fs::copy(frozen.join(from), folder.path().join(to)).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(folder.path().join(to), private).unwrap();
    }
    let configuration = Configuration { data: folder.path().to_owned(), ..Configuration::default() };
    let (keys, store) = open_data(&configuration, &SystemEntropy::new()).unwrap();
    let keys = Arc::new(keys);
    let found = audit_verify::verify(&store, &keys, None).unwrap();
    let (first, last, waiting) = found.unsealed.unwrap();
    assert!(found.findings.is_empty() && first == 1 && last as u64 == waiting, "{found:?}");
    audit_verify::seal_batches(&store, &keys, 1).unwrap();
    let found = audit_verify::verify(&store, &keys, None).unwrap();
    assert!(found.findings.is_empty() && found.sealed == waiting && found.unsealed.is_none(), "{found:?}");
}

#[test]
fn a_row_from_a_wrong_clock_does_not_keep_those_after_it_for_good() {
    let server = Setup::new().configure(|configuration| configuration.audit_days = 30).start();
    write_events(&server, 3);
    tamper(&server, "UPDATE audit SET at = 4102444800000 WHERE sequence = 2");
    seal(&server);
    server.clock.advance(31 * DAY);
    write_events(&server, 1);
    sweep(&server);
    assert_eq!(server.count("audit"), 0);
    assert!(verify(&server).findings.is_empty());
}

#[test]
fn a_checkpoint_from_before_what_retention_removed_says_so() {
    let server = Setup::new().configure(|configuration| configuration.audit_days = 30).start();
    write_events(&server, 3);
    let before = checkpoint(&server);
    write_events(&server, 3);
    server.clock.advance(31 * DAY);
    sweep(&server);
    assert_eq!(verify_with(&server, Some(before)).findings, [Finding::OldCheckpoint(3)]);
}

#[test]
fn several_processes_seal_one_chain() {
    let server = start();
    let (server_ref, threads) = (&server, 4);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(move || {
                let (store, keys) = beside(server_ref);
                for number in 0..50 {
                    let written: Result<(), StoreError> = store.run_blocking(move |transaction| {
                        let outcome = number.to_string();
                        audit::add(transaction, &audit::Event { at: START, outcome, ..audit::Event::default() })
                    });
                    written.unwrap();
                    audit_verify::seal_batches(&store, &keys, 1).unwrap();
                }
            });
        }
    });
    let found = verify(&server);
    assert!(found.findings.is_empty() && found.sealed == 200 && found.unsealed.is_none(), "{found:?}");
}

#[test]
fn the_chain_survives_rotations_of_the_servers_key() {
    let server = start();
    write_events(&server, 1_500);
    let exported = checkpoint(&server);
    let (store, first) = beside(&server);
    let key = |byte| Arc::new(Keys::from_text(&SecretText::new(STANDARD.encode([byte; 32]))).unwrap());
    let rotate = |old: &Arc<Keys>, new: &Arc<Keys>| {
        let (old, new) = (old.clone(), new.clone());
        let done: Result<(), StoreError> = store
            .run_blocking(move |transaction| audit_chain::hand_over(transaction, &old, &new, &SystemEntropy::new()));
        done.unwrap();
    };
    let (second, third) = (key(2), key(3));
    let check = |keys: &Arc<Keys>| audit_verify::verify(&store, keys, Some(exported.clone())).unwrap();
    // Rows that were still waiting are sealed under the old key.
    write_events(&server, 3);
    rotate(&first, &second);
    assert_eq!(check(&second).sealed, 1_503);
    write_events(&server, 5);
    rotate(&second, &third);
    write_events(&server, 2);
    audit_verify::seal_batches(&store, &third, 1).unwrap();
    let found = check(&third);
    assert!(found.findings.is_empty() && found.sealed == 1_510 && found.unsealed.is_none(), "{found:?}");
    assert!(check(&second).findings.contains(&Finding::FormerKeys), "the old key is no longer the log's");
    // Anyone who has the first key, and can write to the database, cannot change what it sealed.
    tamper(&server, "UPDATE audit SET outcome = 'x' WHERE sequence IN (7, 1503, 1506, 1510)");
    let findings = check(&third).findings;
    assert_eq!(findings, [7, 1_503, 1_506, 1_510].map(Finding::Changed));
    tamper(&server, "UPDATE audit_key SET sealed = x'00' WHERE until = 1503");
    assert!(check(&third).findings.contains(&Finding::FormerKeys));
}
