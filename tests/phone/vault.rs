//! The vault's file: what is in it, what is not, and what happens if it has changed.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use push_authenticator::phone::{AccountState, Enrolment, Evidence, PhoneError, VaultError};
use push_authenticator::secret::Reason;
use serde_json::json;

use crate::support::*;

fn tampered(table: &'static str) -> PhoneError {
    PhoneError::Vault(VaultError::Tampered { table })
}

#[test]
fn a_vault_is_reopened_with_all_that_was_in_it() {
    let world = World::new();
    let credential = world.active();
    let notification = credential.send(&world.phone, 1, json!({})).unwrap();
    let again = world.open().unwrap();
    assert_eq!(again.accounts().unwrap(), world.phone.accounts().unwrap());
    assert_eq!(again.pending().unwrap(), [notification]);
}

#[cfg(unix)]
#[test]
fn the_files_are_their_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new();
    world.active();
    let mut files = 0;
    for entry in fs::read_dir(world.folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        files += 1;
    }
    assert_eq!(files, 3, "database, write-ahead log and its index");
}

#[test]
fn no_secret_is_readable_in_the_files() {
    let world = World::new();
    let credential = world.active_with(&code(&[]), Enrolment { slot: Some(&Finger), ..enrolment() });
    let biometric = credential.send(&world.phone, 1, json!({"k": "biometric"})).unwrap().id;
    let slot = Finger.unwrap(&world.phone.biometric_challenge(&biometric).unwrap());
    let mut secrets = vec![SECRET.to_vec(), slot.expose(Reason::Hash).to_vec()];
    world.phone.approve(&biometric, Evidence::Biometric(slot)).unwrap();
    // Answers not sent yet, and the registration of another account.
    world.enrol(&code_for("Ping:other", &[("m", Some("other"))])).unwrap();
    let requests = world.phone.due().unwrap();
    assert_eq!(requests.len(), 2);
    for request in requests {
        let claims = claims_of(&request.body, &SECRET);
        secrets.push(STANDARD.decode(claims["response"].as_str().unwrap()).unwrap());
        secrets.push(request.body);
    }
    let files: Vec<Vec<u8>> =
        fs::read_dir(world.folder.path()).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    let found = |needle: &[u8]| files.iter().any(|file| file.windows(needle.len()).any(|part| part == needle));
    assert!(found(b"am.example.com"), "the search itself works");
    for secret in secrets {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!found(&secret));
        for text in [&hex, &hex.to_uppercase(), &STANDARD.encode(&secret), &URL_SAFE_NO_PAD.encode(&secret)] {
            assert!(!found(text.trim_end_matches('=').as_bytes()), "{text}");
        }
    }
}

#[test]
fn a_removed_account_leaves_nothing_in_the_files() {
    let world = World::new();
    let credential = world.active_with(&code_for("Ping:removable-name", &[]), enrolment());
    let found = || {
        fs::read_dir(world.folder.path()).unwrap().any(|entry| {
            let file = fs::read(entry.unwrap().path()).unwrap();
            file.windows(14).any(|part| part == b"removable-name")
        })
    };
    assert!(found());
    world.phone.remove(&credential.account_id).unwrap();
    assert!(!found());
    assert_eq!(fs::metadata(world.folder.path().join("vault-wal")).unwrap().len(), 0);
}

#[test]
fn edited_credentials_are_refused() {
    for (column, value) in [
        ("authentication_endpoint", "'https://evil.example.com/?_action=authenticate'"),
        ("registration_endpoint", "'https://evil.example.com/?_action=register'"),
        ("algorithm", "'HS1'"),
        ("secret_sealed", "zeroblob(60)"),
    ] {
        let world = World::new();
        let credential = world.active();
        let id = credential.send(&world.phone, 1, json!({})).unwrap().id;
        world.sql().execute(&format!("UPDATE credential SET {column} = {value}"), []).unwrap();
        assert_eq!(world.phone.approve(&id, Evidence::Tap), Err(tampered("credential")), "{column}");
        assert_eq!(world.phone.deny(&id), Err(tampered("credential")));
        assert_eq!(credential.send(&world.phone, 2, json!({})), Err(tampered("credential")));
        assert_eq!(world.phone.pull(0).unwrap(), [], "{column}");
    }
}

#[test]
fn a_policy_cannot_be_edited_away() {
    let world = World::new();
    let policies = base64(r#"{"biometricAvailable": {}}"#);
    let credential = world.active_with(&code(&[("policies", Some(&policies))]), enrolment());
    let id = credential.send(&world.phone, 1, json!({})).unwrap().id;
    for value in ["NULL", "'{}'", "'nonsense'"] {
        world.sql().execute(&format!("UPDATE account SET policies = {value}"), []).unwrap();
        assert_eq!(world.phone.approve(&id, Evidence::Tap), Err(tampered("credential")), "{value}");
    }
}

#[test]
fn secrets_of_two_accounts_cannot_be_swapped() {
    let world = World::new();
    let first = world.active();
    world.active_with(&code_for("Ping:other", &[("m", Some("other"))]), enrolment());
    let id = first.send(&world.phone, 1, json!({})).unwrap().id;
    world
        .sql()
        .execute_batch(
            "CREATE TEMP TABLE swap AS SELECT sequence, secret_sealed FROM credential;
             UPDATE credential SET secret_sealed =
                 (SELECT swap.secret_sealed FROM swap WHERE swap.sequence <> credential.sequence);",
        )
        .unwrap();
    assert_eq!(world.phone.approve(&id, Evidence::Tap), Err(tampered("credential")));
}

#[test]
fn an_edited_message_is_not_answered() {
    for edit in [
        "UPDATE notification SET message_id = 'another'",
        "UPDATE notification SET received_at = received_at + 1000000",
        "UPDATE notification SET message_sealed = zeroblob(600)",
        "UPDATE notification SET message_sealed = (SELECT body_sealed FROM outbox)",
    ] {
        let world = World::new();
        let credential = world.active();
        world.enrol(&code_for("Ping:other", &[("m", Some("other"))])).unwrap();
        let id = credential.send(&world.phone, 1, json!({})).unwrap().id;
        world.sql().execute(edit, []).unwrap();
        assert_eq!(world.phone.approve(&id, Evidence::Tap), Err(tampered("notification")), "{edit}");
        assert_eq!(world.phone.notification(&id), Err(tampered("notification")), "{edit}");
        assert_eq!(world.phone.pending().unwrap(), [], "{edit}");
    }
}

#[test]
fn an_edited_biometric_verifier_is_refused() {
    let world = World::new();
    let credential = world.active_with(&code(&[]), Enrolment { slot: Some(&Finger), ..enrolment() });
    let id = credential.send(&world.phone, 1, json!({"k": "biometric"})).unwrap().id;
    let slot = || Finger.unwrap(&world.phone.biometric_challenge(&id).unwrap());
    world.sql().execute("UPDATE credential SET slot_verifier_sealed = secret_sealed", []).unwrap();
    assert_eq!(world.phone.approve(&id, Evidence::Biometric(slot())), Err(tampered("credential")));
    world.sql().execute("UPDATE credential SET slot_verifier_sealed = NULL", []).unwrap();
    assert_eq!(world.phone.approve(&id, Evidence::Biometric(slot())), Err(PhoneError::NoBiometricSlot));
}

#[test]
fn with_another_key_the_list_is_readable_and_the_accounts_need_to_be_enrolled_anew() {
    let world = World::new();
    let credential = world.active();
    let id = credential.send(&world.phone, 1, json!({})).unwrap().id;
    let lost = PhoneError::Vault(VaultError::KeyLost);
    assert_eq!(lost.code(), "re-enrolment-needed");
    let phone = world.open_with(&MaskKey(0x44)).unwrap();
    let account = only(phone.accounts().unwrap());
    assert_eq!((account.issuer.as_str(), account.state), ("Ping", AccountState::ReEnrolmentNeeded));
    assert_eq!(phone.approve(&id, Evidence::Tap), Err(lost.clone()));
    assert_eq!(phone.pending(), Err(lost.clone()));
    assert_eq!(phone.pull(0), Err(lost.clone()));
    assert_eq!(credential.send(&phone, 2, json!({})), Err(lost.clone()));
    assert_eq!(phone.outbox().unwrap(), []);
    // The right key still opens it.
    assert_eq!(only(world.open().unwrap().accounts().unwrap()).state, AccountState::Active);

    // The way back: remove, open again, enroll.
    phone.remove(&credential.account_id).unwrap();
    let phone = world.open_with(&MaskKey(0x44)).unwrap();
    let account = phone.enrol(phone.preview(&code(&[])).unwrap(), enrolment()).unwrap();
    assert_eq!(account.state, AccountState::Enrolling);
    // A process that has it open under the old key learns this before it writes anything under that key.
    let error = PhoneError::Vault(VaultError::KeyChanged);
    assert_eq!(world.enrol(&code_for("Ping:other", &[])), Err(error));
}

#[test]
fn a_key_that_unwraps_to_something_else_is_a_lost_key() {
    struct Liar;
    impl push_authenticator::phone::KeyEncryption for Liar {
        fn wrap(
            &self,
            _: &push_authenticator::secret::SecretBytes,
        ) -> Result<Vec<u8>, push_authenticator::phone::KeyError> {
            Ok(Vec::new())
        }
        fn unwrap(
            &self,
            _: &[u8],
        ) -> Result<push_authenticator::secret::SecretBytes, push_authenticator::phone::KeyError> {
            Ok(push_authenticator::secret::SecretBytes::new(vec![1; 32]))
        }
    }
    let world = World::new();
    world.active();
    let phone = world.open_with(&Liar).unwrap();
    assert_eq!(only(phone.accounts().unwrap()).state, AccountState::ReEnrolmentNeeded);
}

#[test]
fn a_key_store_that_is_not_available_is_an_error_and_changes_nothing() {
    let world = World::new();
    world.active();
    let result = world.open_with(&NoKey).err();
    assert_eq!(result, Some(PhoneError::Vault(VaultError::KeyUnavailable)));
    assert_eq!(only(world.open().unwrap().accounts().unwrap()).state, AccountState::Active);
}

#[test]
fn a_file_that_is_no_vault_is_reported_and_left_as_it_is() {
    let world = World::new();
    let file = world.folder.path().join("other");
    let open = |file: &Path| {
        push_authenticator::phone::Phone::open(file, &MaskKey(0x33), world.clock.clone(), world.entropy.clone())
            .err()
            .map(|error| error.code())
    };
    for bytes in [b"This is a letter to my bank, and not a vault.".repeat(100), vec![0; 8192]] {
        fs::write(&file, &bytes).unwrap();
        assert_eq!(open(&file), Some("vault-damaged"));
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    fs::remove_file(&file).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let bytes = fs::read(&file).unwrap();
    assert_eq!(open(&file), Some("not-a-vault"));
    assert_eq!(fs::read(&file).unwrap(), bytes);
    assert_eq!(open(&world.folder.path().join("no/such/folder/vault")), Some("vault-not-writable"));
}

#[test]
fn a_damaged_vault_is_reported_and_left_as_it_is() {
    let world = World::new();
    world.active();
    drop(world.open().unwrap());
    let World { folder, clock, entropy, phone } = world;
    drop(phone);
    let file = folder.path().join("vault");
    let whole = fs::read(&file).unwrap();
    let cut = whole[..whole.len() / 2].to_vec();
    let mut scrambled = whole.clone();
    scrambled[4096..].iter_mut().for_each(|byte| *byte ^= 0xff);
    let mut header = whole.clone();
    header[..100].fill(0x11);
    for bytes in [cut, scrambled, header] {
        fs::write(&file, &bytes).unwrap();
        let error = push_authenticator::phone::Phone::open(&file, &MaskKey(0x33), clock.clone(), entropy.clone())
            .and_then(|phone| phone.accounts())
            .unwrap_err();
        assert_eq!(error.code(), "vault-damaged");
        assert_eq!(fs::read(&file).unwrap(), bytes);
    }
    fs::write(&file, &whole).unwrap();
    let phone = push_authenticator::phone::Phone::open(&file, &MaskKey(0x33), clock, entropy).unwrap();
    assert_eq!(phone.accounts().unwrap().len(), 1);
}

#[test]
fn a_newer_vault_is_refused() {
    let world = World::new();
    world.active();
    world.sql().pragma_update(None, "user_version", 6).unwrap();
    let error = world.open().err().unwrap();
    assert_eq!(error, PhoneError::Vault(VaultError::NewerVersion { found: 6, known: 5 }));
    world.sql().pragma_update(None, "user_version", 5).unwrap();
    assert_eq!(only(world.open().unwrap().accounts().unwrap()).state, AccountState::Active);
}

#[test]
fn two_processes_share_one_vault() {
    let world = World::new();
    let credential = world.active();
    let extension = world.open().unwrap();
    let messages: Vec<String> = (1..=40).map(|number| credential.push(number, json!({}))).collect();
    std::thread::scope(|scope| {
        for phone in [&world.phone, &extension] {
            scope.spawn(|| {
                for (index, message) in messages.iter().enumerate() {
                    phone.receive_message(&message_id(u8::try_from(index).unwrap()), message).unwrap();
                }
            });
        }
    });
    assert_eq!(world.phone.pending().unwrap().len(), 40, "each message once");
    assert_eq!(extension.pending().unwrap(), world.phone.pending().unwrap());
    let id = world.phone.pending().unwrap()[0].id.clone();
    let answers = [world.phone.approve(&id, Evidence::Tap), extension.deny(&id)];
    assert_eq!(answers, [Ok(()), Err(PhoneError::AlreadyAnswered)]);
}

#[test]
fn two_processes_may_make_the_vault_at_once() {
    let world = World::new();
    for round in 0..8 {
        let file = world.folder.path().join(format!("new-{round}"));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let phone = push_authenticator::phone::Phone::open(
                        &file,
                        &MaskKey(0x33),
                        world.clock.clone(),
                        world.entropy.clone(),
                    );
                    phone.unwrap().accounts().unwrap();
                });
            }
        });
    }
}
