//! Other platform keys, and other processes on the vault while the keys change.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use push_authenticator::phone::{
    AccountState, Enrolment, EventKind, Evidence, KeyEncryption, KeyError, Phone, PhoneError, SlotWrapper, VaultError,
};
use push_authenticator::ports::SystemEntropy;
use push_authenticator::secret::{Reason, SecretBytes};
use serde_json::json;

use crate::support::*;

#[test]
fn a_rewrapped_vault_opens_with_the_new_key_only_and_has_lost_nothing() {
    let world = World::new();
    let credential = world.active_with(&code(&[]), Enrolment { slot: Some(&Finger), ..enrolment() });
    let pending = credential.send(&world.phone, 1, json!({})).unwrap();
    let extension = world.open().unwrap();
    world.phone.rewrap(&MaskKey(0x77)).unwrap();
    assert_eq!(world.phone.events(1).unwrap()[0].kind, EventKind::KeyRewrapped);
    assert_eq!(std::fs::metadata(world.folder.path().join("vault-wal")).map_or(0, |file| file.len()), 0);

    let lost = world.open().unwrap();
    assert_eq!(only(lost.accounts().unwrap()).state, AccountState::ReEnrolmentNeeded);
    let phone = world.open_with(&MaskKey(0x77)).unwrap();
    assert_eq!(phone.accounts().unwrap(), world.phone.accounts().unwrap());
    assert_eq!(phone.pending().unwrap(), std::slice::from_ref(&pending));
    // A process that had the vault open carries on.
    extension.approve(&pending.id, Evidence::Tap).unwrap();
    only(phone.due().unwrap());
    credential.send(&extension, 2, json!({})).unwrap();
    assert_eq!(world.phone.pending().unwrap(), phone.pending().unwrap());
}

#[test]
fn a_key_that_does_not_unwrap_what_it_wrapped_is_not_taken() {
    struct OneWay;
    impl KeyEncryption for OneWay {
        fn wrap(&self, _: &SecretBytes) -> Result<Vec<u8>, KeyError> {
            Ok(vec![1; 36])
        }
        fn unwrap(&self, _: &[u8]) -> Result<SecretBytes, KeyError> {
            Ok(SecretBytes::new(vec![1; 32]))
        }
    }
    let world = World::new();
    world.active();
    assert_eq!(world.phone.rewrap(&OneWay), Err(PhoneError::Vault(VaultError::KeyRefused)));
    assert_eq!(world.phone.rewrap(&NoKey), Err(PhoneError::Vault(VaultError::KeyUnavailable)));
    assert_eq!(only(world.open().unwrap().accounts().unwrap()).state, AccountState::Active);
    let lost = world.open_with(&MaskKey(0x44)).unwrap();
    assert_eq!(lost.rewrap(&MaskKey(0x55)), Err(PhoneError::Vault(VaultError::KeyLost)));
}

#[test]
fn a_vault_is_not_made_with_a_key_that_does_not_work() {
    struct Gone;
    impl KeyEncryption for Gone {
        fn wrap(&self, _: &SecretBytes) -> Result<Vec<u8>, KeyError> {
            Err(KeyError::Invalid)
        }
        fn unwrap(&self, _: &[u8]) -> Result<SecretBytes, KeyError> {
            Err(KeyError::Invalid)
        }
    }
    let world = World::new();
    let file = world.folder.path().join("new");
    let open = |key: &dyn KeyEncryption| Phone::open(&file, key, world.clock.clone(), world.entropy.clone());
    assert_eq!(open(&Gone).err(), Some(PhoneError::Vault(VaultError::KeyRefused)));
    open(&MaskKey(0x11)).unwrap();
    assert_eq!(only_state(&open(&MaskKey(0x11)).unwrap()), None);
}

fn only_state(phone: &Phone) -> Option<AccountState> {
    phone.accounts().unwrap().first().map(|account| account.state)
}

#[test]
fn of_two_that_rewrap_at_once_one_is_told_that_the_other_was_faster() {
    /// Lets another process rewrap while this key is being tried.
    struct Slow<'a>(&'a World);
    impl KeyEncryption for Slow<'_> {
        fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
            self.0.open().unwrap().rewrap(&MaskKey(0x77)).unwrap();
            MaskKey(0x55).wrap(data_key)
        }
        fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
            MaskKey(0x55).unwrap(wrapped)
        }
    }
    let world = World::new();
    world.active();
    assert_eq!(world.phone.rewrap(&Slow(&world)), Err(PhoneError::Vault(VaultError::KeyChanged)));
    let opened_with = |mask| only_state(&world.open_with(&MaskKey(mask)).unwrap());
    assert_eq!(opened_with(0x77), Some(AccountState::Active));
    assert_eq!(opened_with(0x55), Some(AccountState::ReEnrolmentNeeded));
}

#[test]
fn a_log_that_could_not_be_emptied_is_no_error_and_is_emptied_later() {
    let world = World::new();
    let id = world.active().account_id;
    let log = world.folder.path().join("vault-wal");
    let size = || std::fs::metadata(&log).map_or(0, |file| file.len());
    // Another process is reading.
    let sql = world.sql();
    sql.execute_batch("BEGIN; SELECT count(*) FROM account;").unwrap();
    world.phone.remove(&id).unwrap();
    assert_eq!(world.phone.accounts().unwrap(), []);
    assert!(size() > 0);
    sql.execute_batch("COMMIT").unwrap();
    world.phone.retry_now().unwrap();
    assert_eq!(size(), 0);
}

/// A biometric key other than [`Finger`].
struct OtherFinger;

impl SlotWrapper for OtherFinger {
    fn wrap(&self, slot: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        Ok(slot.expose(Reason::Seal).iter().map(|byte| byte ^ 0x77).collect())
    }
}

fn unwrap(wrapped: &[u8], mask: u8) -> SecretBytes {
    SecretBytes::new(wrapped.iter().map(|byte| byte ^ mask).collect())
}

#[test]
fn a_biometric_is_bound_anew_by_whoever_has_the_one_before() {
    let world = World::new();
    let credential = world.active_with(&code(&[]), Enrolment { slot: Some(&Finger), ..enrolment() });
    let account = &credential.account_id;
    let id = credential.send(&world.phone, 1, json!({"k": "biometric"})).unwrap().id;
    let old = || Finger.unwrap(&world.phone.biometric_slot(account).unwrap());
    let wrong = SecretBytes::new(vec![0; 32]);
    let rebind = |slot: &SecretBytes, wrapper: &dyn SlotWrapper| world.phone.rebind_biometric(account, slot, wrapper);
    assert_eq!(rebind(&wrong, &OtherFinger), Err(PhoneError::BiometricRefused));
    let before = old();
    rebind(&before, &OtherFinger).unwrap();
    assert_eq!(rebind(&before, &OtherFinger), Err(PhoneError::BiometricRefused), "the slot is another one");
    assert_eq!(world.phone.approve(&id, Evidence::Biometric(before)), Err(PhoneError::BiometricRefused));
    let slot = unwrap(&world.phone.biometric_challenge(&id).unwrap(), 0x77);
    world.phone.approve(&id, Evidence::Biometric(slot)).unwrap();
    assert!(world.phone.events(10).unwrap().iter().any(|event| event.kind == EventKind::BiometricRebound));
}

#[test]
fn an_invalidated_biometric_is_a_named_error_and_adding_the_account_again_is_the_way_back() {
    let world = World::new();
    let with_slot = || Enrolment { slot: Some(&Finger), replace: true, ..enrolment() };
    let credential = world.active_with(&code(&[]), with_slot());
    let account = &credential.account_id;
    let id = credential.send(&world.phone, 1, json!({"k": "biometric"})).unwrap().id;
    let slot = || Finger.unwrap(&world.phone.biometric_slot(account).unwrap());
    let kept = slot();
    world.phone.biometric_invalidated(account).unwrap();
    world.phone.biometric_invalidated(account).unwrap();
    let invalidated = PhoneError::BiometricInvalidated;
    assert_eq!(invalidated.code(), "biometric-invalidated");
    assert_eq!(world.phone.biometric_challenge(&id), Err(invalidated.clone()));
    assert_eq!(world.phone.biometric_slot(account), Err(invalidated.clone()));
    assert_eq!(world.phone.rebind_biometric(account, &kept, &OtherFinger), Err(invalidated.clone()));
    assert_eq!(world.phone.approve(&id, Evidence::Biometric(kept)), Err(invalidated));
    assert!(!only(world.phone.accounts().unwrap()).has_biometric_slot);
    // Denying, and messages that need no biometric, still work.
    world.phone.deny(&id).unwrap();
    let tap = credential.send(&world.phone, 2, json!({})).unwrap().id;
    world.phone.approve(&tap, Evidence::Tap).unwrap();
    for request in world.phone.due().unwrap() {
        world.phone.delivered(&request.id, response(200)).unwrap();
    }
    // The way back: the server registers the account again.
    let again = world.active_with(&code(&[("m", Some("again"))]), with_slot());
    let account = only(world.phone.accounts().unwrap());
    assert_eq!((account.id, account.has_biometric_slot), (again.account_id.clone(), true));
    let id = again.send(&world.phone, 3, json!({"k": "biometric"})).unwrap().id;
    let slot = Finger.unwrap(&world.phone.biometric_challenge(&id).unwrap());
    world.phone.approve(&id, Evidence::Biometric(slot)).unwrap();
}

#[test]
fn an_account_without_a_biometric_has_none_to_bind_anew() {
    let world = World::new();
    let account = world.active().account_id;
    let none = PhoneError::NoBiometricSlot;
    assert_eq!(world.phone.biometric_slot(&account), Err(none.clone()));
    assert_eq!(world.phone.biometric_invalidated(&account), Err(none.clone()));
    let slot = SecretBytes::new(vec![0; 32]);
    assert_eq!(world.phone.rebind_biometric(&account, &slot, &Finger), Err(none));
    assert_eq!(world.phone.biometric_slot("nonsense"), Err(PhoneError::AccountNotFound));
}

const VAULT: &str = "SECOND_PROCESS_VAULT";
const MECHANISM_UID: &str = "SECOND_PROCESS_MECHANISM_UID";

/// The notification extension as a separate process. On its own, it is not a test.
#[test]
fn second_process() {
    let (Some(file), Ok(mechanism_uid)) = (std::env::var_os(VAULT), std::env::var(MECHANISM_UID)) else { return };
    let clock = World::new().clock;
    let phone = Phone::open(file.as_ref(), &MaskKey(0x33), clock, Arc::new(SystemEntropy::new())).unwrap();
    let credential = Credential { account_id: String::new(), mechanism_uid };
    let mut output = std::io::stdout();
    output.write_all(b"\n@opened\n").unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    for number in 1..=40 {
        credential.send(&phone, number, json!({"i": null})).unwrap();
    }
    output.write_all(b"@received\n").unwrap();
    std::io::stdin().read_line(&mut line).unwrap();
    // Under the data key that it has, although the platform's key has changed in the meantime.
    credential.send(&phone, 41, json!({"i": null})).unwrap();
    output.write_all(b"@done\n").unwrap();
}

#[test]
fn two_real_processes_share_one_vault_while_its_key_is_rewrapped() {
    let world = World::new();
    let credential = world.active();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["rewrap::second_process", "--exact", "--nocapture"])
        .env(VAULT, world.file())
        .env(MECHANISM_UID, &credential.mechanism_uid)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut input = child.stdin.take().unwrap();
    let mut wait_for = |word: &str| while lines.next().expect("the other process ended").unwrap() != word {};
    wait_for("@opened");
    input.write_all(b"go\n").unwrap();
    for number in 1..=40 {
        credential.send(&world.phone, number, json!({"i": null})).unwrap();
    }
    wait_for("@received");
    assert_eq!(world.phone.pending().unwrap().len(), 40, "each message once");
    world.phone.rewrap(&MaskKey(0x77)).unwrap();
    input.write_all(b"go\n").unwrap();
    wait_for("@done");
    assert!(child.wait().unwrap().success());
    assert_eq!(world.open_with(&MaskKey(0x77)).unwrap().pending().unwrap().len(), 41);
}

/// A vault without accounts gets a new key only while it has none: here another process adds one at that very moment.
#[test]
fn an_account_that_is_added_meanwhile_keeps_its_key() {
    struct Late<'a>(&'a Phone);
    impl KeyEncryption for Late<'_> {
        fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
            self.0.enrol(self.0.preview(&code(&[])).unwrap(), enrolment()).unwrap();
            MaskKey(0x44).wrap(data_key)
        }
        fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
            MaskKey(0x44).unwrap(wrapped)
        }
    }
    let world = World::new();
    let opened = world.open_with(&Late(&world.phone));
    assert_eq!(opened.err(), Some(PhoneError::Vault(VaultError::KeyChanged)));
    assert_eq!(world.phone.due().unwrap().len(), 1, "its secret can be read still");
    assert_eq!(only(world.open().unwrap().accounts().unwrap()).state, AccountState::Enrolling);
}

#[test]
fn a_process_with_an_older_data_key_is_told_so_when_it_reads() {
    let world = World::new();
    world.open_with(&MaskKey(0x44)).unwrap();
    let changed = || PhoneError::Vault(VaultError::KeyChanged);
    assert_eq!(world.phone.accounts(), Err(changed()));
    assert_eq!(world.phone.pending(), Err(changed()));
    assert_eq!(world.phone.events(1), Err(changed()));
}
