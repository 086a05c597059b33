//! Files and rows that changed after the phone left them, with a log beside the file as after a kill.

use std::fs;
use std::path::{Path, PathBuf};

use push_authenticator::phone::{AccountState, Evidence, Phone, PhoneError, PushTokenState, VaultError};
use serde_json::json;

use crate::support::*;

/// A vault, or another database, and its log, as a kill leaves them: copied while a process has them open.
struct Left {
    file: PathBuf,
    bytes: [Vec<u8>; 2],
}

impl Left {
    fn copy(from: &Path, to: PathBuf, edit: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut file = fs::read(from).unwrap();
        edit(&mut file);
        let log = fs::read(log_of(from)).unwrap();
        assert!(!log.is_empty());
        fs::write(&to, &file).unwrap();
        fs::write(log_of(&to), &log).unwrap();
        Self { file: to, bytes: [file, log] }
    }

    fn is_as_it_was(&self) -> bool {
        [fs::read(&self.file).ok(), fs::read(log_of(&self.file)).ok()] == self.bytes.clone().map(Some)
    }

    fn open(&self, world: &World) -> Result<Phone, PhoneError> {
        Phone::open(&self.file, &MaskKey(0x33), world.clock.clone(), world.entropy.clone())
    }
}

fn log_of(file: &Path) -> PathBuf {
    file.with_file_name(format!("{}-wal", file.file_name().unwrap().to_str().unwrap()))
}

fn empty_log(world: &World) {
    world.sql().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

#[test]
fn a_refused_file_and_its_log_are_left_as_they_are() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("foreign");
    let sql = rusqlite::Connection::open(&foreign).unwrap();
    sql.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (1)").unwrap();
    let left = Left::copy(&foreign, folder.path().join("foreign-copy"), |_| {});
    assert_eq!(left.open(&world).err().map(|error| error.code()), Some("not-a-vault"));
    assert!(left.is_as_it_was());

    world.active();
    world.sql().pragma_update(None, "user_version", 6).unwrap();
    let left = Left::copy(&world.file(), folder.path().join("newer-copy"), |_| {});
    assert_eq!(left.open(&world).err().map(|error| error.code()), Some("vault-newer-version"));
    assert!(left.is_as_it_was());
}

#[test]
fn a_vault_that_turns_out_to_be_damaged_is_left_as_it_is_with_its_log() {
    let world = World::new();
    world.active();
    empty_log(&world);
    world.enrol(&code_for("Ping:other", &[("m", Some("other"))])).unwrap();
    let folder = tempfile::tempdir().unwrap();
    // Damages one page that is read late and that no page in the log replaces.
    let query = "SELECT (rootpage - 1) * 2048 FROM sqlite_schema WHERE name = 'notification'";
    let page: u32 = world.sql().query_row(query, [], |row| row.get(0)).unwrap();
    let scramble = |bytes: &mut Vec<u8>| {
        bytes.iter_mut().skip(page as usize).take(2048).for_each(|byte| *byte ^= 0xff);
    };
    let left = Left::copy(&world.file(), folder.path().join("copy"), scramble);
    let damaged = Some(PhoneError::Vault(VaultError::Damaged));
    let phone = left.open(&world).unwrap();
    assert_eq!(phone.accounts().unwrap().len(), 2);
    assert_eq!(phone.history(100, 0).err(), damaged);
    drop(phone);
    assert!(left.is_as_it_was());
    // An intact one is tidied up as usual.
    let left = Left::copy(&world.file(), folder.path().join("whole"), |_| {});
    assert_eq!(left.open(&world).unwrap().accounts().unwrap().len(), 2);
    assert!(!log_of(&left.file).exists());
}

/// An unknown word, a number out of range, an invalid address: each affects only the account that it belongs to.
#[test]
fn a_damaged_row_costs_its_account_only() {
    for damage in [
        "UPDATE credential SET authentication_endpoint = 'x' WHERE sequence = 1",
        "UPDATE credential SET state = 'x' WHERE sequence = 1",
        "UPDATE credential SET replaces = 1000 WHERE sequence = 1",
        "UPDATE credential SET communication_type = 'x' WHERE sequence = 1",
        "UPDATE credential SET clock_offset = 0, token_refused = 7 WHERE sequence = 1",
        "UPDATE outbox SET kind = 'x' WHERE sequence = 1",
        "UPDATE outbox SET attempts = -1 WHERE sequence = 1",
        "UPDATE notification SET state = 'x' WHERE id = (SELECT notification_id FROM outbox WHERE sequence = 1)",
    ] {
        let world = World::new();
        let first = world.active();
        let second = world.active_with(&code_for("Ping:other", &[("m", Some("other"))]), enrolment());
        for (number, credential) in [(1, &first), (2, &second)] {
            let id = credential.send(&world.phone, number, json!({})).unwrap().id;
            world.phone.approve(&id, Evidence::Tap).unwrap();
            credential.send(&world.phone, number + 2, json!({})).unwrap();
        }
        world.sql().execute(damage, []).unwrap();
        let accounts = world.phone.accounts().unwrap();
        assert_eq!(accounts.len(), 2, "{damage}");
        assert_eq!((&accounts[1].id, accounts[1].state), (&second.account_id, AccountState::Active), "{damage}");
        let pending = world.phone.pending().unwrap();
        assert!(pending.iter().any(|each| each.account_id == second.account_id), "{damage}");
        let tokens = world.phone.push_tokens().unwrap();
        let told = tokens.iter().find(|each| each.account_id == second.account_id).unwrap();
        assert_eq!(told.state, PushTokenState::Current, "{damage}");
        assert!(world.phone.pull(0).unwrap().iter().any(|each| each.account_id == second.account_id), "{damage}");
        assert!(world.phone.outbox().unwrap().iter().any(|each| each.account_id == second.account_id), "{damage}");
        let answers = world.phone.due().unwrap();
        assert!(answers.iter().any(|each| world.phone.delivered(&each.id, response(200)).is_ok()), "{damage}");
        world.phone.set_push_token("new", push_authenticator::phone::CommunicationType::Gcm).unwrap();
        assert!(!world.phone.due().unwrap().is_empty(), "{damage}");
        // The damaged account is still there to be removed.
        world.phone.removal(&first.account_id).unwrap();
        world.phone.remove(&first.account_id).unwrap();
        assert_eq!(only(world.phone.accounts().unwrap()).id, second.account_id);
    }
    let world = World::new();
    world.active();
    world.sql().execute("UPDATE credential SET authentication_endpoint = 'x'", []).unwrap();
    let account = only(world.phone.accounts().unwrap());
    assert_eq!((account.state, account.host), (AccountState::ReEnrolmentNeeded, None));
}
