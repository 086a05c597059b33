//! Resident memory of the phone core with 200 accounts, compared with an empty process. A separate process creates the
//! vault, so that creating it is not measured. Linux only.
//!
//! `cargo bench --no-default-features --bench memory`
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, reason = "the figure is what this is for")]

#[allow(dead_code, unused_imports, reason = "shared with the tests of the phone, which use more of it")]
#[path = "../tests/phone/support.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;

use push_authenticator::phone::Phone;
use push_authenticator::ports::{SystemClock, SystemEntropy};
use support::*;

const ACCOUNTS: usize = 200;
const LIMIT_KIBIBYTES: u64 = 8 * 1024;
/// Names the folder in which the other process creates the vault.
const MAKE: &str = "MEMORY_BENCH_MAKE";

fn open(folder: &Path) -> Phone {
    Phone::open(&folder.join("vault"), &MaskKey(0x33), Arc::new(SystemClock), Arc::new(SystemEntropy::new())).unwrap()
}

fn make(folder: &Path) {
    let phone = open(folder);
    for number in 0..ACCOUNTS {
        let code = code_for(&format!("Ping:user{number}"), &[("m", Some(&format!("registration{number}")))]);
        phone.enrol(phone.preview(&code).unwrap(), enrolment()).unwrap();
        phone.delivered(&only(phone.due().unwrap()).id, response(200)).unwrap();
    }
}

/// Returns `VmRSS` of this process, in KiB.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn main() {
    if let Some(folder) = std::env::var_os(MAKE) {
        return make(Path::new(&folder));
    }
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new(std::env::current_exe().unwrap()).env(MAKE, folder.path()).status().unwrap();
    assert!(made.success());
    let Some(before) = resident() else { return println!("resident memory: this system does not tell") };
    let phone = open(folder.path());
    phone.set_device_facts(clean_facts());
    let accounts = phone.accounts().unwrap();
    let pulls = phone.pull(0).unwrap();
    assert_eq!((accounts.len(), pulls.len()), (ACCOUNTS, ACCOUNTS));
    let after = resident().unwrap();
    let missed = if after - before > LIMIT_KIBIBYTES { "   MISSED" } else { "" };
    println!(
        "resident memory: {before} KiB empty, {after} KiB with {ACCOUNTS} accounts listed and asked for; {} of at most \
         {LIMIT_KIBIBYTES} KiB{missed}",
        after - before
    );
}
