//! A disk that is full, a file that cannot be written. On file systems of their own, made for the test: only root on Linux
//! can do that, elsewhere these say that they were not run.

use std::path::Path;
use std::process::Command;

use push_authenticator::phone::{AccountState, Evidence, Phone, PhoneError, VaultError};
use serde_json::json;
use tempfile::TempDir;

use crate::support::*;

/// A small file system in memory, gone with this value.
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
    // What is smaller may find room still; then it has none either, and what is larger least of all.
    let mut denied = 0;
    while world.phone.deny(&taken[denied]).is_ok() {
        denied += 1;
    }
    assert_eq!(world.phone.deny(&taken[denied]), Err(full.clone()));
    assert_eq!(world.phone.approve(&taken[denied], Evidence::Tap), Err(full.clone()));
    let error = world.enrol(&code_for("Ping:other", &[("m", Some("other"))])).unwrap_err();
    assert_eq!(error, full);
    taken.drain(..denied);
    // What was acknowledged is there, in this process and in another.
    taken.reverse();
    let ids = |phone: &Phone| -> Vec<String> { phone.pending().unwrap().into_iter().map(|each| each.id).collect() };
    assert_eq!(ids(&world.phone), taken);
    assert_eq!(only(world.phone.accounts().unwrap()).state, AccountState::Active);
    assert_eq!(world.phone.outbox().unwrap().len(), denied);
    // With room again, everything goes on, and what was refused comes in at its next delivery.
    std::fs::remove_file(&filler).unwrap();
    assert_eq!(ids(&open(&world, disk.path()).unwrap()), taken);
    world.phone.approve(&taken[0], Evidence::Tap).unwrap();
    credential.send(&world.phone, refused, json!({"p": "x".repeat(3000), "i": null})).unwrap();
    assert_eq!(world.phone.due().unwrap().len(), denied + 1);
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
