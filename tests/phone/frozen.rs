//! Vault files as earlier versions of this code left them (tests/vectors/vault/README.md). The current code opens a
//! copy of each; none is ever regenerated.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use push_authenticator::phone::{
    AccountKey, AccountState, Ask, Enrolment, EventKind, Evidence, KeyChoice, KeyEncryption, KeyError, KeyLevel,
    NotificationState, Phone, PhoneError, RequestKind, UserPresence,
};
use push_authenticator::secret::{Reason, SecretBytes};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde_json::json;
use tempfile::TempDir;

use crate::support::*;

/// The command line's key encryption with a well-known key, so that docs/decrypt.py opens the files, too.
pub(crate) struct TestKey;

impl TestKey {
    fn bytes() -> Vec<u8> {
        (0..32).collect()
    }
    fn key() -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &Self::bytes()).unwrap())
    }
}

impl KeyEncryption for TestKey {
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        let mut sealed = data_key.expose(Reason::Seal).to_vec();
        let nonce = [7; NONCE_LEN];
        Self::key()
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
            .map_err(|_| KeyError::Invalid)?;
        Ok([&nonce[..], &sealed].concat())
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        let (nonce, sealed) = wrapped.split_first_chunk::<NONCE_LEN>().ok_or(KeyError::Invalid)?;
        let mut bytes = sealed.to_vec();
        let length = Self::key()
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut bytes)
            .map_err(|_| KeyError::Invalid)?
            .len();
        bytes.truncate(length);
        Ok(SecretBytes::new(bytes))
    }
}

const POLICIES: &str = r#"{"biometricAvailable": {}}"#;

/// Fills a vault as for every frozen file and leaves it as a single file.
#[test]
#[ignore = "makes a file to be frozen; run once for a new version of the vault, with FROZEN_VAULT naming the file"]
fn freeze() {
    let file = PathBuf::from(std::env::var_os("FROZEN_VAULT").unwrap());
    assert!(!file.exists(), "a frozen file is never made anew");
    let world = World::new();
    let phone = Phone::open(&file, &TestKey, world.clock.clone(), world.entropy.clone()).unwrap();
    let world = World { phone, ..world };
    let first = world.active_with(
        &code(&[
            ("policies", Some(&base64(POLICIES))),
            ("d", Some(&base64("id=demo"))),
            ("pid", Some(&base64("device"))),
        ]),
        Enrolment { slot: Some(&Finger), ..enrolment() },
    );
    first.send(&world.phone, 1, json!({"k": "challenge", "n": "34,43,57"})).unwrap();
    let approved = first.send(&world.phone, 2, json!({})).unwrap();
    world.phone.approve(&approved.id, Evidence::Tap).unwrap();
    world.phone.delivered(&only(world.phone.due().unwrap()).id, response(200)).unwrap();
    let second = world.active_with(
        &code_for(
            "Acme:ada",
            &[
                ("issuer", Some(&base64("Acme"))),
                ("r", Some(&base64("https://login.example.org/?_action=register"))),
                ("a", Some(&base64("https://login.example.org/?_action=authenticate"))),
            ],
        ),
        enrolment(),
    );
    // Since version 4: an account with its own signing key, in software.
    let label = [("issuer", Some(base64("Acme"))), ("v", Some("2".to_owned()))];
    let label: Vec<_> = label.iter().map(|(name, value)| (*name, value.as_deref())).collect();
    world.active_with(&code_for("Acme:keyed", &label), Enrolment { key: KeyChoice::Software, ..enrolment() });
    let answering = second.send(&world.phone, 3, json!({})).unwrap();
    world.phone.deny(&answering.id).unwrap();
    // Since version 2: one-time passwords, a counter that was used, and names given by the user.
    let codes = world.enrol("otpauth://hotp/Acme:codes?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme").unwrap();
    world.phone.code(&codes.id).unwrap();
    world.phone.rename(&codes.id, None, Some("my codes")).unwrap();
    drop(world);
    let rest = fs::read_dir(file.parent().unwrap()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        name.ends_with("-wal") || name.ends_with("-shm")
    });
    assert_eq!(rest.count(), 0, "everything is in the one file");
}

/// The account for the messages under tests/vectors/messages, in a vault that every language can copy: their mechanism
/// uid and secret, a biometric slot, and nothing else.
#[test]
#[ignore = "makes tests/vectors/messages/phone.sqlite, which stays as it is; FROZEN_VAULT names the file"]
fn freeze_for_messages() {
    let file = PathBuf::from(std::env::var_os("FROZEN_VAULT").unwrap());
    assert!(!file.exists(), "a frozen file is never made anew");
    let world = World::new();
    let phone = Phone::open(&file, &TestKey, world.clock.clone(), world.entropy.clone()).unwrap();
    let secret: Vec<u8> = (1..=32).collect();
    let code = code(&[("s", Some(&URL_SAFE_NO_PAD.encode(secret)))]);
    world.entropy.next_is(0x5b7f_ba25_109a_4d2e_8da5_73d6_5307_85b9_u128.to_be_bytes());
    phone.enrol(phone.preview(&code).unwrap(), Enrolment { slot: Some(&Finger), ..enrolment() }).unwrap();
    phone.delivered(&only(phone.due().unwrap()).id, response(200)).unwrap();
}

/// A copy of a frozen file in its own folder.
struct Thawed {
    folder: TempDir,
    world: World,
}

impl Thawed {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/vault").join(name);
        fs::copy(frozen, folder.path().join("vault")).unwrap();
        Self { folder, world: World::new() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    fn open(&self) -> Result<Phone, PhoneError> {
        Phone::open(&self.file(), &TestKey, self.world.clock.clone(), self.world.entropy.clone())
    }

    fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file()).unwrap()
    }

    fn count(&self, table: &str) -> i64 {
        self.sql().query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    fn version(&self) -> i64 {
        self.sql().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }
}

/// Checks what `freeze` puts into every file, besides other accounts with one-time passwords and with their own keys.
fn check_contents(thawed: &Thawed, others: i64, keyed: i64) {
    let phone = thawed.open().unwrap();
    phone.set_device_facts(clean_facts());
    let accounts = phone.accounts().unwrap();
    let [demo, ada, ..] = accounts.as_slice() else { panic!("{accounts:?}") };
    assert_eq!((demo.issuer.as_str(), demo.account.as_str(), demo.state), ("Ping", "demo", AccountState::Active));
    assert_eq!((demo.policies.as_slice(), demo.has_biometric_slot), (&["biometricAvailable".to_owned()][..], true));
    assert_eq!((ada.issuer.as_str(), ada.account.as_str(), ada.state), ("Acme", "ada", AccountState::Active));
    let tables = [
        ("account", 2 + others + keyed),
        ("credential", 2 + keyed),
        ("notification", 3),
        ("replay", 3),
        ("outbox", 1),
        ("meta", 1),
    ];
    for (table, rows) in tables {
        assert_eq!(thawed.count(table), rows, "{table}");
    }
    let approved: String = thawed
        .sql()
        .query_row("SELECT lower(hex(id)) FROM notification WHERE state = 'approved'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(phone.notification(&approved).unwrap().state, NotificationState::Approved);

    // Every sealed value opens: the answer in the outbox, the secrets, the messages, the biometric slot's verifier.
    let request = only(phone.due().unwrap());
    assert_eq!(request.kind, RequestKind::Answer);
    assert_eq!(claims_of(&request.body, &SECRET)["deny"], true);
    phone.delivered(&request.id, response(200)).unwrap();
    let pending = only(phone.pending().unwrap());
    assert_eq!(pending.ask, Ask::Number(["34", "43", "57"].map(str::to_owned)));
    let mechanism_uid: String = thawed
        .sql()
        .query_row("SELECT mechanism_uid FROM credential ORDER BY sequence LIMIT 1", [], |row| row.get(0))
        .unwrap();
    let demo = Credential { account_id: demo.id.clone(), mechanism_uid };
    // Delivered again, it is the same message.
    let message = demo.push(1, json!({"k": "challenge", "n": "34,43,57"}));
    let again =
        phone.receive_message("AUTHENTICATE:00000000-0000-4000-8000-0000000000011795539000000", &message).unwrap();
    assert_eq!(again.id, pending.id);
    phone.approve(&pending.id, Evidence::Number("43".into())).unwrap();
    let biometric = demo.send(&phone, 9, json!({"k": "biometric"})).unwrap().id;
    let slot = Finger.unwrap(&phone.biometric_challenge(&biometric).unwrap());
    phone.approve(&biometric, Evidence::Biometric(slot)).unwrap();
    // And a message received before is still a replay.
    assert_eq!(phone.receive_message("another", &demo.push(2, json!({}))), Err(PhoneError::Replayed));
}

#[test]
fn a_vault_of_version_1_is_brought_to_the_present_and_loses_nothing() {
    let thawed = Thawed::of("version-1.sqlite");
    assert_eq!(thawed.version(), 1);
    let columns_then: Vec<(&str, String)> = ["account", "credential", "notification", "replay", "outbox", "meta"]
        .into_iter()
        .map(|table| {
            let query =
                format!("SELECT group_concat('quote(' || name || ')', ' || ') FROM pragma_table_info('{table}')");
            (table, thawed.sql().query_row(&query, [], |row| row.get(0)).unwrap())
        })
        .collect();
    let rows = |thawed: &Thawed| -> Vec<String> {
        let sql = thawed.sql();
        let all = columns_then.iter().flat_map(|(table, columns)| {
            let mut statement = sql.prepare(&format!("SELECT {columns} FROM {table}")).unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect::<Vec<String>>()
        });
        all.collect()
    };
    let before = rows(&thawed);
    thawed.open().unwrap();
    assert_eq!(thawed.version(), 5);
    assert_eq!(rows(&thawed), before);
    assert_eq!(before.len(), 12);
    check_contents(&thawed, 0, 0);
}

#[test]
fn a_vault_of_version_1_is_brought_to_the_present_without_its_key() {
    let thawed = Thawed::of("version-1.sqlite");
    let phone =
        Phone::open(&thawed.file(), &MaskKey(1), thawed.world.clock.clone(), thawed.world.entropy.clone()).unwrap();
    assert_eq!(phone.accounts().unwrap()[0].state, AccountState::ReEnrolmentNeeded);
    drop(phone);
    check_contents(&thawed, 0, 0);
}

#[test]
fn two_processes_may_bring_a_vault_to_the_present_at_once() {
    let thawed = Thawed::of("version-1.sqlite");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(thawed.open().unwrap().accounts().unwrap().len(), 2));
        }
    });
    assert_eq!(thawed.version(), 5);
    check_contents(&thawed, 0, 0);
}

#[test]
fn vaults_of_later_versions_are_opened_with_their_codes() {
    for version in [2, 3, 4, 5] {
        let thawed = Thawed::of(&format!("version-{version}.sqlite"));
        assert_eq!(thawed.version(), version);
        // Earlier events are reported as before; the code that made version 2's file did not record them yet.
        let events = thawed.open().unwrap().events(100).unwrap();
        let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).take(2).collect();
        let expected = [EventKind::Enrolled, EventKind::Decided];
        assert_eq!(kinds, &expected[..if version == 2 { 0 } else { 2 }]);
        assert_eq!(thawed.version(), 5);
        check_codes(&thawed, i64::from(version >= 4));
    }
}

#[test]
fn a_vault_that_was_brought_to_the_present_is_made_like_a_new_one() {
    let definitions = |sql: &rusqlite::Connection| -> Vec<String> {
        let mut query = sql.prepare("SELECT type || name || coalesce(sql, '') FROM sqlite_schema ORDER BY 1").unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let numbers = |sql: &rusqlite::Connection| -> Vec<String> {
        let mut query = sql
            .prepare(
                "SELECT name || seq FROM sqlite_sequence WHERE name IN ('account', 'credential', 'oath') ORDER BY 1",
            )
            .unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let new = World::new();
    let new = definitions(&rusqlite::Connection::open(new.file()).unwrap());
    for version in 1..=4 {
        let thawed = Thawed::of(&format!("version-{version}.sqlite"));
        // The numbers of an account and its credential that are gone.
        thawed.sql().execute_batch("UPDATE sqlite_sequence SET seq = seq + 7").unwrap();
        let before = numbers(&thawed.sql());
        thawed.open().unwrap();
        assert_eq!(definitions(&thawed.sql()), new, "version {version}");
        assert_eq!(numbers(&thawed.sql()), before, "version {version}");
        let unnamed = "replay WHERE notification_id IS NULL OR notification_id NOT IN (SELECT id FROM notification)";
        assert_eq!(thawed.count(unnamed), 0, "version {version}");
    }
}

#[test]
fn an_older_vault_with_tables_of_another_make_is_refused_and_stays_as_it_is() {
    for edit in [
        "ALTER TABLE outbox ADD COLUMN more TEXT",
        "ALTER TABLE notification RENAME COLUMN message_id TO \"id) SELECT 1; DROP TABLE account; --\"",
        "ALTER TABLE outbox RENAME TO inbox",
        "CREATE TABLE notification_before (id BLOB)",
        "DROP TABLE replay",
    ] {
        let thawed = Thawed::of("version-3.sqlite");
        thawed.sql().execute_batch(edit).unwrap();
        let before = std::fs::read(thawed.file()).unwrap();
        assert!(thawed.open().is_err(), "{edit}");
        assert_eq!(thawed.version(), 3, "{edit}");
        drop(thawed.sql());
        assert!(std::fs::read(thawed.file()).unwrap() == before, "{edit}");
    }
}

#[test]
fn the_key_of_a_vault_of_version_4_signs() {
    let thawed = Thawed::of("version-4.sqlite");
    let phone = thawed.open().unwrap();
    phone.set_device_facts(clean_facts());
    let keyed = phone.accounts().unwrap().into_iter().find(|account| account.account == "keyed").unwrap();
    let key = AccountKey {
        jwk: thawed.sql().query_row("SELECT jwk FROM device_key", [], |row| row.get(0)).unwrap(),
        level: KeyLevel::Software,
        presence: UserPresence::None,
        is_software: true,
        is_invalidated: false,
    };
    assert_eq!(keyed.key, Some(key));
    let query = "SELECT mechanism_uid FROM credential WHERE id IN (SELECT credential_id FROM device_key)";
    let mechanism_uid: String = thawed.sql().query_row(query, [], |row| row.get(0)).unwrap();
    let keyed = Credential { account_id: keyed.id, mechanism_uid };
    let asked = keyed.send(&phone, 7, json!({})).unwrap();
    // The core checks what it signs against the stored public key before it stores the answer.
    phone.approve(&asked.id, Evidence::Tap).unwrap();
    let bodies: Vec<_> = phone.due().unwrap().iter().map(|request| claims_of(&request.body, &SECRET)).collect();
    assert_eq!(bodies.iter().filter(|claims| claims["proof"].is_string()).count(), 1);
}

fn check_codes(thawed: &Thawed, keyed: i64) {
    check_contents(thawed, 1, keyed);
    let phone = thawed.open().unwrap();
    let codes = phone.accounts().unwrap().into_iter().find(|account| account.account == "codes").unwrap();
    assert_eq!((codes.account.as_str(), codes.display_name.as_str()), ("codes", "my codes"));
    phone.set_device_facts(clean_facts());
    let code = phone.code(&codes.id).unwrap();
    assert_eq!(code.code.expose(Reason::HandOver), "287082");
}
