//! A full disk, and a file that cannot be written. The tests make their own file systems, which only root on Linux can
//! do; elsewhere they report that they did not run.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use push_authenticator::phone::{AccountState, CommunicationType, EventKind, Evidence, Phone, PhoneError, VaultError};
use push_authenticator::ports::Clock;
use serde_json::json;
use tempfile::TempDir;

use crate::support::*;

/// A small file system in memory; dropping the value removes it.
struct SmallDisk(TempDir);

impl SmallDisk {
    #[allow(clippy::print_stdout, reason = "says that the test was not run")]
    fn new(size: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={size}");
        if run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs"], folder.path()) {
            return Some(Self(folder));
        }
        println!("NOT RUN: this test makes a file system of its own, which only root on Linux can do");
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn make_read_only(&self) {
        assert!(run("mount", &["-o", "remount,ro"], self.path()));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run("umount", &["-l"], self.path());
    }
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> bool {
    Command::new(program).args(arguments).arg(folder).output().is_ok_and(|output| output.status.success())
}

fn open(world: &World, folder: &Path) -> Result<Phone, PhoneError> {
    Phone::open(&folder.join("vault"), &MaskKey(0x33), world.clock.clone(), world.entropy.clone())
}

#[test]
fn a_full_disk_is_a_named_error_and_loses_nothing() {
    let Some(disk) = SmallDisk::new("1500k") else { return };
    let filler = disk.path().join("filler");
    std::fs::write(&filler, vec![1; 600 * 1024]).unwrap();
    let world = World::new();
    let world = World { phone: open(&world, disk.path()).unwrap(), ..world };
    let credential = world.active();
    let full = PhoneError::Vault(VaultError::Full);
    assert_eq!(full.code(), "storage-full");
    let mut taken = vec![];
    let refused = loop {
        let number = u8::try_from(taken.len() + 1).expect("the disk was never full");
        match credential.send(&world.phone, number, json!({"p": "x".repeat(3000), "i": null})) {
            Ok(notification) => taken.push(notification.id),
            Err(error) => {
                assert_eq!(error, full);
                break number;
            }
        }
    };
    assert!(taken.len() > 3);
    // Smaller writes may still fit; once they do not either, larger ones certainly do not.
    let mut denied = 0;
    while world.phone.deny(&taken[denied]).is_ok() {
        denied += 1;
    }
    assert_eq!(world.phone.deny(&taken[denied]), Err(full.clone()));
    assert_eq!(world.phone.approve(&taken[denied], Evidence::Tap), Err(full.clone()));
    let error = world.enrol(&code_for("Ping:other", &[("m", Some("other"))])).unwrap_err();
    assert_eq!(error, full);
    // Nor does a change of token or key, once even its few pages do not fit.
    let mut tokens = 0;
    while world.phone.set_push_token(&format!("token {tokens}"), CommunicationType::Gcm).is_ok() {
        tokens += 1;
    }
    assert_eq!(world.phone.set_push_token("another", CommunicationType::Gcm), Err(full.clone()));
    let mut key = 0x33;
    while world.phone.rewrap(&MaskKey(key + 1)).is_ok() {
        key += 1;
    }
    assert_eq!(world.phone.rewrap(&MaskKey(key + 1)), Err(full));
    taken.drain(..denied);
    // Everything acknowledged is there, in this process and in another.
    taken.reverse();
    let ids = |phone: &Phone| -> Vec<String> { phone.pending().unwrap().into_iter().map(|each| each.id).collect() };
    assert_eq!(ids(&world.phone), taken);
    assert_eq!(only(world.phone.accounts().unwrap()).state, AccountState::Active);
    let changes = usize::from(tokens > 0);
    assert_eq!(world.phone.outbox().unwrap().len(), denied + changes);
    // With free space again, everything continues, and the rejected message is accepted when it is next delivered.
    std::fs::remove_file(&filler).unwrap();
    let file = disk.path().join("vault");
    let reopened = Phone::open(&file, &MaskKey(key), world.clock.clone(), world.entropy.clone()).unwrap();
    assert_eq!(ids(&reopened), taken, "under the last key that was acknowledged");
    let events = world.phone.events(100).unwrap();
    assert!(events.iter().all(|event| event.kind != EventKind::MessageRefused), "no message's fault");
    world.phone.approve(&taken[0], Evidence::Tap).unwrap();
    credential.send(&world.phone, refused, json!({"p": "x".repeat(3000), "i": null})).unwrap();
    assert_eq!(world.phone.due().unwrap().len(), denied + 1 + changes);
}

/// Opening, listing and time-based one-time passwords need no writes; operations that do report a full disk.
#[test]
fn a_vault_on_a_full_disk_is_opened_and_read() {
    let Some(disk) = SmallDisk::new("1m") else { return };
    let world = World::new();
    let world = World { phone: open(&world, disk.path()).unwrap(), ..world };
    let credential = world.active();
    let message = credential.send(&world.phone, 1, json!({})).unwrap();
    let late = credential.send(&world.phone, 2, json!({"t": "1"})).unwrap();
    let add = |kind: &str| {
        world
            .enrol(&format!("otpauth://{kind}/Acme:{kind}?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme"))
            .unwrap()
            .id
    };
    let (timed, counted) = (add("totp"), add("hotp"));
    let World { folder, clock, entropy, phone } = world;
    drop(phone);
    let filler = disk.path().join("filler");
    let mut rest = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write_all(&mut rest, &[1; 1024]).is_ok() {}
    drop(rest);
    clock.advance(70_000);
    let full = PhoneError::Vault(VaultError::Full);
    let reopen = || Phone::open(&disk.path().join("vault"), &MaskKey(0x33), clock.clone(), entropy.clone()).unwrap();
    let phone = reopen();
    phone.set_device_facts(clean_facts());
    assert_eq!(phone.accounts().unwrap().len(), 3);
    assert!(phone.code(&timed).is_ok());
    assert_eq!(phone.code(&counted), Err(full.clone()), "or the same code would come twice");
    assert_eq!(only(phone.pending().unwrap()).id, message.id, "the late one is left out, though nothing is stored");
    assert!(phone.history(10, 0).is_ok() && phone.notification(&late.id).is_ok());
    assert!(!phone.events(10).unwrap().is_empty());
    assert_eq!(phone.removal(&timed).unwrap().account, "totp");
    assert_eq!(phone.remove(&timed), Err(full.clone()));
    assert_eq!(phone.rename(&timed, Some("x"), None).err(), Some(full));
    assert_eq!(phone.accounts().unwrap().len(), 3);
    drop(phone);
    std::fs::remove_file(&filler).unwrap();
    let phone = reopen();
    phone.set_device_facts(clean_facts());
    assert!(phone.code(&counted).is_ok());
    phone.remove(&timed).unwrap();
    assert_eq!(phone.accounts().unwrap().len(), 2);
    drop(folder);
}

#[test]
fn a_disk_without_room_for_a_vault_is_a_named_error() {
    let Some(disk) = SmallDisk::new("24k") else { return };
    let world = World::new();
    assert_eq!(open(&world, disk.path()).err().map(|error| error.code()), Some("storage-full"));
}

#[test]
fn a_file_that_cannot_be_written_is_a_named_error_and_stays_as_it_is() {
    let Some(disk) = SmallDisk::new("4m") else { return };
    let world = World::new();
    let world = World { phone: open(&world, disk.path()).unwrap(), ..world };
    world.active();
    let World { folder, clock, entropy, phone } = world;
    drop(phone);
    let before = std::fs::read(disk.path().join("vault")).unwrap();
    disk.make_read_only();
    let opened = Phone::open(&disk.path().join("vault"), &MaskKey(0x33), clock, entropy);
    assert_eq!(opened.err(), Some(PhoneError::Vault(VaultError::NotWritable)));
    assert_eq!(std::fs::read(disk.path().join("vault")).unwrap(), before);
    drop(folder);
}

#[test]
fn a_file_whose_log_cannot_be_written_is_a_named_error_too() {
    let Some(disk) = SmallDisk::new("4m") else { return };
    let world = World::new();
    world.active();
    let names = ["vault", "vault-wal"];
    let before = names.map(|name| std::fs::read(world.folder.path().join(name)).unwrap());
    assert!(!before[1].is_empty());
    for (name, bytes) in names.iter().zip(&before) {
        std::fs::write(disk.path().join(name), bytes).unwrap();
    }
    disk.make_read_only();
    assert_eq!(open(&world, disk.path()).err(), Some(PhoneError::Vault(VaultError::NotWritable)));
    assert_eq!(names.map(|name| std::fs::read(disk.path().join(name)).unwrap()), before);
}

/// However much space there is, an older vault is upgraded or stays as it was.
#[test]
fn an_older_vault_on_a_full_disk_is_a_named_error_and_stays_as_it_is() {
    let Some(disk) = SmallDisk::new("400k") else { return };
    let world = World::new();
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/vault/version-1.sqlite");
    let (file, filler) = (disk.path().join("vault"), disk.path().join("filler"));
    let version = || -> i64 {
        let sql = rusqlite::Connection::open(&file).unwrap();
        sql.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    };
    let mut outcomes = [0, 0];
    for room in [8, 16, 40, 60, 80, 100, 120, 140, 160, 200] {
        for name in ["vault", "vault-wal", "vault-shm", "filler"] {
            let _ = std::fs::remove_file(disk.path().join(name));
        }
        let length = std::fs::copy(&frozen, &file).unwrap();
        let size = usize::try_from(400 * 1024 - length).unwrap() - room * 1024;
        std::fs::write(&filler, vec![1; size]).unwrap();
        match open(&world, disk.path()) {
            Ok(_) => outcomes[1] += 1,
            Err(error) => {
                assert_eq!(error, PhoneError::Vault(VaultError::Full), "{room}");
                outcomes[0] += 1;
                std::fs::remove_file(&filler).unwrap();
                assert_eq!(version(), 1, "{room}");
            }
        }
        let _ = std::fs::remove_file(&filler);
        assert_eq!(open(&world, disk.path()).unwrap().accounts().unwrap().len(), 2, "{room}");
        assert_eq!(version(), 5);
    }
    assert!(outcomes.iter().all(|count| *count > 0), "{outcomes:?}");
}

/// A clock that releases the vault when it is read for the second time.
struct LettingGo {
    asked: AtomicU32,
    holder: Mutex<rusqlite::Connection>,
}

impl Clock for LettingGo {
    fn now(&self) -> i64 {
        if self.asked.fetch_add(1, Ordering::SeqCst) == 1 {
            self.let_go();
        }
        NOW
    }
}

impl LettingGo {
    fn let_go(&self) {
        let holder = self.holder.lock().unwrap();
        if !holder.is_autocommit() {
            holder.execute_batch("ROLLBACK").unwrap();
        }
    }
}

#[test]
fn a_vault_that_somebody_holds_too_long_is_a_named_error_and_no_messages_fault() {
    let world = World::new();
    let credential = world.active();
    let clock = Arc::new(LettingGo { asked: AtomicU32::new(0), holder: Mutex::new(world.sql()) });
    let phone = Phone::open(&world.file(), &MaskKey(0x33), clock.clone(), world.entropy.clone()).unwrap();
    clock.holder.lock().unwrap().execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(credential.send(&phone, 1, json!({})), Err(PhoneError::Vault(VaultError::Busy)));
    // Recording the rejection would read the clock again, and by then the vault is free to write to.
    clock.let_go();
    assert!(phone.events(10).unwrap().iter().all(|event| event.kind != EventKind::MessageRefused));
    credential.send(&phone, 1, json!({})).unwrap();
}
