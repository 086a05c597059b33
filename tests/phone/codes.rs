//! Accounts with one-time passwords: adding them, alone or with a push half, and the passwords they show.

use push_authenticator::phone::{
    Account, AccountState, Algorithm, Code, CodeSettings, CodeValidity, CredentialKind, Delivery, DeviceFacts,
    Enrolment, HttpResponse, ManualEntry, Moving, Outcome, PhoneError, VaultError,
};
use push_authenticator::secret::{Reason, SecretText};
use serde_json::json;

use crate::support::*;

/// The secret of the test vectors in RFC 4226 and RFC 6238.
const CODE_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const HOTP: [&str; 3] = ["755224", "287082", "359152"];

fn otpauth(kind: &str, more: &str) -> String {
    format!("otpauth://{kind}/Acme:ada?secret={CODE_SECRET}&issuer=Acme{more}")
}

/// Returns a registration URI with both halves.
fn both(kind: &str, more: &str) -> String {
    format!("{}&secret={CODE_SECRET}{more}", code(&[]).replace("pushauth://push", &format!("mfauth://{kind}")))
}

fn replacing() -> Enrolment<'static> {
    Enrolment { replace: true, ..enrolment() }
}

fn add(world: &World, code: &str) -> Account {
    let account = world.enrol(code).unwrap();
    assert_eq!(world.phone.due().unwrap(), [], "nobody is contacted");
    account
}

fn digits(code: &Code) -> &str {
    code.code.expose(Reason::HandOver)
}

fn show(world: &World, account: &Account) -> String {
    digits(&world.phone.code(&account.id).unwrap()).to_owned()
}

#[test]
fn a_preview_says_how_codes_would_be_made_and_that_nobody_is_contacted() {
    let world = World::new();
    let preview = world.phone.preview(&otpauth("totp", "&digits=8&period=60&algorithm=SHA256&b=519387")).unwrap();
    assert_eq!((preview.issuer.as_str(), preview.account.as_str(), preview.host), ("Acme", "ada", None));
    assert_eq!(preview.kinds, [CredentialKind::Totp]);
    let moving = Moving::Time { period_seconds: 60 };
    assert_eq!(preview.codes, Some(CodeSettings { algorithm: Algorithm::Sha256, digits: 8, moving }));
    assert_eq!(preview.colour.as_deref(), Some("519387"));
    let preview = world.phone.preview(&both("hotp", "&counter=7")).unwrap();
    assert_eq!(preview.kinds, [CredentialKind::Push, CredentialKind::Hotp]);
    assert_eq!(preview.host.as_deref(), Some("am.example.com"));
    assert_eq!(preview.codes.unwrap().moving, Moving::Counter { next: 7 });
    assert_eq!(world.phone.accounts().unwrap(), []);
}

#[test]
fn a_code_of_time_is_the_rfcs_and_says_what_is_left_and_what_comes_next() {
    let world = World::new();
    let account = add(&world, &otpauth("totp", "&digits=8"));
    assert_eq!(
        (account.state, account.kind, account.host.as_deref()),
        (AccountState::Active, CredentialKind::Totp, None)
    );
    assert_eq!(only(world.phone.accounts().unwrap()), account);
    world.clock.set(1_111_111_109_250);
    let code = world.phone.code(&account.id).unwrap();
    assert_eq!((digits(&code), code.account_id.as_str()), ("07081804", account.id.as_str()));
    let CodeValidity::Timed { period_seconds, remaining_milliseconds, next } = &code.validity else { panic!() };
    assert_eq!((*period_seconds, *remaining_milliseconds), (30, 750));
    assert_eq!(next.expose(Reason::HandOver), "14050471");
    assert!(!format!("{code:?}").contains("0708") && !format!("{code:?}").contains("1405"), "{code:?}");
    world.clock.set(1_111_111_110_000);
    assert_eq!(show(&world, &account), "14050471");
}

#[test]
fn a_counter_is_stored_before_its_code_is_shown() {
    let world = World::new();
    let account = add(&world, &otpauth("hotp", ""));
    let code = world.phone.code(&account.id).unwrap();
    assert_eq!((digits(&code), &code.validity), (HOTP[0], &CodeValidity::Counted { counter: 0 }));
    let stored: i64 = world.sql().query_row("SELECT counter FROM oath", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 1);
    // Another process, or the same one after being killed, never shows it again.
    let again = world.open().unwrap();
    again.set_device_facts(clean_facts());
    assert_eq!(digits(&again.code(&account.id).unwrap()), HOTP[1]);
    assert_eq!(show(&world, &account), HOTP[2]);
    world.sql().execute("UPDATE oath SET counter = 9223372036854775807", []).unwrap();
    assert_eq!(world.phone.code(&account.id), Err(PhoneError::CounterExhausted));
}

#[test]
fn what_cannot_be_written_shows_no_code() {
    let world = World::new();
    let account = add(&world, &otpauth("hotp", ""));
    world
        .sql()
        .execute_batch("CREATE TRIGGER refuse BEFORE UPDATE ON oath BEGIN SELECT RAISE(ABORT, 'no'); END")
        .unwrap();
    assert!(world.phone.code(&account.id).is_err());
    world.sql().execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(show(&world, &account), HOTP[0]);
}

#[test]
fn two_processes_never_show_the_same_counted_code() {
    let world = World::new();
    let account = add(&world, &otpauth("hotp", ""));
    let extension = world.open().unwrap();
    extension.set_device_facts(clean_facts());
    let shown = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for phone in [&world.phone, &extension] {
            let (shown, account) = (&shown, &account);
            scope.spawn(move || {
                for _ in 0..10 {
                    let CodeValidity::Counted { counter } = phone.code(&account.id).unwrap().validity else { panic!() };
                    shown.lock().unwrap().push(counter);
                }
            });
        }
    });
    let mut shown = shown.into_inner().unwrap();
    shown.sort_unstable();
    assert_eq!(shown, (0..20).collect::<Vec<u64>>());
}

#[test]
fn both_halves_come_and_go_together() {
    let world = World::new();
    // Rejected at the first attempt: neither half is left.
    let account = world.enrol(&both("totp", "&digits=8")).unwrap();
    assert_eq!(account.kinds, [CredentialKind::Push, CredentialKind::Totp]);
    assert_eq!((account.kind, account.state), (CredentialKind::Push, AccountState::Enrolling));
    let request = only(world.phone.due().unwrap());
    world.phone.delivered(&request.id, response(400)).unwrap();
    assert_eq!(world.phone.accounts().unwrap(), []);
    let rows: i64 = world.sql().query_row("SELECT count(*) FROM oath", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 0);
    // Accepted: both halves work.
    let account = world.enrol(&both("totp", "&digits=8")).unwrap();
    let request = only(world.phone.due().unwrap());
    let delivery = world.phone.delivered(&request.id, response(200)).unwrap();
    assert_eq!(delivery, Delivery::Done(Outcome::AccountActive { account_id: account.id.clone() }));
    let credential = Credential { account_id: account.id.clone(), mechanism_uid: mechanism_uid(&request) };
    credential.send(&world.phone, 1, json!({})).unwrap();
    assert_eq!(show(&world, &account).len(), 8);
    // Replaced: the new account has both halves, and the old one is gone with both.
    let new = world.active_with(&both("hotp", ""), replacing());
    let account = only(world.phone.accounts().unwrap());
    assert_eq!(
        (&account.id, account.kinds.as_slice()),
        (&new.account_id, &[CredentialKind::Push, CredentialKind::Hotp][..])
    );
    let rows: i64 = world.sql().query_row("SELECT count(*) FROM oath", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 1);
}

#[test]
fn codes_go_over_to_an_account_that_replaces_theirs_and_brings_none() {
    let world = World::new();
    let hotp = |world: &World| world.active_with(&both("hotp", ""), replacing()).account_id;
    let old = hotp(&world);
    let shown = |id: &str| digits(&world.phone.code(id).unwrap()).to_owned();
    assert_eq!(shown(&old), HOTP[0]);
    // Other policies also change what the secret is bound to.
    let policies = base64(r#"{"biometricAvailable":{}}"#);
    let plain = code(&[("m", Some("again")), ("policies", Some(&policies))]);
    let new = world.active_with(&plain, replacing()).account_id;
    let account = only(world.phone.accounts().unwrap());
    assert_eq!(account.id, new);
    assert_eq!(account.kinds, [CredentialKind::Push, CredentialKind::Hotp]);
    assert_eq!(shown(&new), HOTP[1], "and its counter goes on");
    // An edited entry is useless, but does not hold up the new account.
    world.sql().execute("UPDATE oath SET digits = 8", []).unwrap();
    let last = world.active_with(&code(&[("m", Some("third"))]), replacing()).account_id;
    let account = only(world.phone.accounts().unwrap());
    assert_eq!((account.id, account.kinds), (last, vec![CredentialKind::Push]));
}

#[test]
fn a_damaged_half_refuses_the_whole_code() {
    let world = World::new();
    for (more, code) in
        [("&digits=9", "not-supported"), ("&period=0", "bad-parameter"), ("&algorithm=MD5", "not-supported")]
    {
        assert_eq!(world.enrol(&both("totp", more)).unwrap_err().code(), code, "{more}");
    }
    assert_eq!(world.phone.accounts().unwrap(), []);
    assert_eq!(world.phone.outbox().unwrap(), []);
}

#[test]
fn the_clock_of_the_servers_date_header_counts_for_codes_too() {
    let world = World::new();
    world.clock.set(0);
    let account = world.enrol(&both("totp", "&digits=8")).unwrap();
    let request = only(world.phone.due().unwrap());
    // This phone's clock says 1970; the server says 2005-03-18 01:58:29.
    let date = Some("Fri, 18 Mar 2005 01:58:29 GMT".to_owned());
    world.phone.delivered(&request.id, HttpResponse { status: 200, date, body: b"{}".to_vec() }).unwrap();
    assert_eq!(show(&world, &account), "07081804");
    let alone = add(&world, &otpauth("totp", "&digits=8"));
    assert_eq!(show(&world, &alone), "84755224", "without a server this phone's clock counts");
}

#[test]
fn a_locked_account_shows_no_code() {
    let world = World::new();
    let policies = base64(r#"{"biometricAvailable": {}}"#);
    let account = add(&world, &otpauth("hotp", &format!("&policies={policies}")));
    assert_eq!(account.policies, ["biometricAvailable"]);
    world.phone.set_device_facts(DeviceFacts { biometric_available: false, tamper_score: 0.0 });
    assert_eq!(only(world.phone.accounts().unwrap()).state, AccountState::Locked);
    assert_eq!(world.phone.code(&account.id), Err(PhoneError::Locked { policy: "biometricAvailable".into() }));
    assert!(world.open().unwrap().code(&account.id).is_err(), "until the shell has looked, nothing counts as met");
    world.phone.set_device_facts(clean_facts());
    assert_eq!(show(&world, &account), HOTP[0], "and no code was used up meanwhile");
    let unmet = DeviceFacts { biometric_available: false, tamper_score: 0.0 };
    let preview = world.phone.preview(&otpauth("totp", &format!("&policies={policies}"))).unwrap();
    let refused = world.phone.enrol(preview, Enrolment { facts: unmet, ..replacing() });
    assert_eq!(refused, Err(PhoneError::PolicyUnmet { policy: "biometricAvailable".into() }));
}

#[test]
fn what_is_bound_to_the_secret_cannot_be_edited() {
    for edit in [
        "UPDATE oath SET kind = 'hotp', counter = 0",
        "UPDATE oath SET algorithm = 'SHA256'",
        "UPDATE oath SET digits = 6",
        "UPDATE oath SET period = 86400",
        "UPDATE oath SET secret_sealed = zeroblob(48)",
        "UPDATE account SET policies = '{}'",
        "UPDATE oath SET id = randomblob(16)",
    ] {
        let world = World::new();
        let account = add(&world, &otpauth("totp", "&digits=8"));
        world.sql().execute(edit, []).unwrap();
        let tampered = PhoneError::Vault(VaultError::Tampered { table: "oath" });
        assert_eq!(world.phone.code(&account.id), Err(tampered), "{edit}");
    }
}

#[test]
fn accounts_without_codes_and_unknown_ones_have_errors_of_their_own() {
    let world = World::new();
    let push = world.active();
    assert_eq!(world.phone.code(&push.account_id), Err(PhoneError::NoCodes));
    assert_eq!(world.phone.code("nonsense"), Err(PhoneError::AccountNotFound));
    assert_eq!(world.phone.code(&"0".repeat(32)), Err(PhoneError::AccountNotFound));
    let account = add(&world, &otpauth("totp", ""));
    let phone = world.open_with(&MaskKey(0x44)).unwrap();
    phone.set_device_facts(clean_facts());
    assert_eq!(phone.code(&account.id), Err(PhoneError::Vault(VaultError::KeyLost)));
    assert_eq!(phone.accounts().unwrap()[1].state, AccountState::ReEnrolmentNeeded);
}

#[test]
fn the_same_account_of_codes_is_a_conflict_and_is_replaced_at_once() {
    let world = World::new();
    let old = add(&world, &otpauth("hotp", ""));
    world.phone.code(&old.id).unwrap();
    let preview = world.phone.preview(&otpauth("hotp", "")).unwrap();
    let conflict = preview.conflict.clone().unwrap();
    assert_eq!((&conflict.account_id, conflict.host), (&old.id, None), "where its counter is does not matter");
    let error = world.phone.enrol(preview, enrolment()).unwrap_err();
    assert_eq!(error, PhoneError::AccountExists { issuer: "Acme".into(), account: "ada".into(), host: None });
    world.phone.rename(&old.id, None, Some("mine")).unwrap();
    let preview = world.phone.preview(&otpauth("totp", "")).unwrap();
    assert_eq!((&preview.conflict, &preview.namesakes[0].account_id), (&None, &old.id), "other codes, other account");
    let new = world.phone.enrol(preview, replacing()).unwrap();
    assert_eq!(only(world.phone.accounts().unwrap()), new);
    assert_eq!(new.display_name, "mine", "what the person called it stays");
    assert_eq!(new.kind, CredentialKind::Totp);
    // An account with a server is a different account, both ways round.
    let push = world.phone.preview(&code_for("Acme:ada", &[("issuer", Some(&base64("Acme")))])).unwrap();
    assert_eq!(push.conflict, None);
    assert_eq!(only(push.namesakes).account_id, new.id);
}

#[test]
fn accounts_of_one_name_with_other_secrets_are_both_kept() {
    let world = World::new();
    let first = add(&world, &otpauth("totp", ""));
    world.phone.rename(&first.id, Some("First mail"), None).unwrap();
    let other = "otpauth://totp/Acme:ada?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Acme";
    let second = add(&world, other);
    assert_ne!(world.phone.code(&first.id).unwrap().code, world.phone.code(&second.id).unwrap().code);
    assert_eq!((second.display_issuer.as_str(), second.display_name.as_str()), ("Acme", "ada"));
    let third = add(&world, &otpauth("totp", "&digits=8"));
    assert_eq!(world.phone.accounts().unwrap().len(), 3);
    for code in [other, &otpauth("totp", "&digits=8"), &otpauth("totp", "")] {
        let exists = world.phone.enrol(world.phone.preview(code).unwrap(), enrolment()).unwrap_err();
        assert_eq!(exists.code(), "account-exists", "{code}");
    }
    let replaced = world.phone.enrol(world.phone.preview(other).unwrap(), replacing()).unwrap();
    let ids: Vec<String> = world.phone.accounts().unwrap().into_iter().map(|account| account.id).collect();
    assert_eq!(ids, [first.id, third.id, replaced.id], "only the same one gives way");
    let preview = world.phone.preview(&otpauth("totp", "&period=60")).unwrap();
    assert_eq!(preview.namesakes.len(), 3);
    let error = world.phone.enrol(preview, replacing()).unwrap_err();
    assert_eq!(error.code(), "account-exists", "which of them is meant, is not said");
}

#[test]
fn an_account_is_typed_in() {
    let world = World::new();
    let entry = |secret: &str, digits: u8| ManualEntry {
        issuer: "Acme".into(),
        account: "ada".into(),
        secret: SecretText::new(secret.into()),
        settings: CodeSettings { algorithm: Algorithm::Sha1, digits, moving: Moving::Counter { next: 1 } },
    };
    let preview = world.phone.preview_entry(&entry("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", 6)).unwrap();
    let account = world.phone.enrol(preview, enrolment()).unwrap();
    assert_eq!(show(&world, &account), HOTP[1]);
    assert!(world.phone.preview_entry(&entry(CODE_SECRET, 6)).unwrap().conflict.is_some());
    for refused in [entry("not a secret!", 6), entry(CODE_SECRET, 5)] {
        assert_eq!(world.phone.preview_entry(&refused).err().map(|error| error.code()), Some("bad-entry"));
    }
}

#[test]
fn no_secret_for_codes_is_readable_in_the_files() {
    let world = World::new();
    let account = add(&world, &otpauth("hotp", ""));
    let shown = show(&world, &account);
    let bytes = b"12345678901234567890";
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let file = std::fs::read(entry.unwrap().path()).unwrap();
        let found = |needle: &[u8]| file.windows(needle.len()).any(|part| part == needle);
        assert!(!found(bytes) && !found(CODE_SECRET.as_bytes()) && !found(hex.as_bytes()));
        assert!(!found(base64("12345678901234567890").as_bytes()) && !found(shown.as_bytes()));
    }
}
