//! The operations to kill: how each vault is prepared, what the child does and reports, and what must hold afterwards.

use std::path::Path;
use std::sync::Arc;

use push_authenticator::phone::{
    AccountState, CommunicationType, CredentialKind, Evidence, HttpRequest, KeyEncryption, KeyError, NotificationState,
    Phone, PhoneError, PushTokenState, RequestKind,
};
use push_authenticator::ports::{Clock, SystemEntropy};
use push_authenticator::secret::SecretBytes;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use serde_json::json;

use crate::support::*;

/// A child's work in a folder; it reports how far it got, in single words.
type Run = fn(&Path, &dyn Fn(&str));

/// One operation. The child's words are in the order it reported them, including `begin` and `end`.
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Makes the vault from which every kill starts.
    pub(crate) prepare: fn(&Path),
    /// The child's part. It must report `begin` and `end`.
    pub(crate) run: Run,
    /// Checks what must hold whenever the child was killed.
    pub(crate) check: fn(&Path, &[String]),
}

pub(crate) const OPERATIONS: [Operation; 7] = [
    Operation { name: "enrol", prepare: one_account, run: enrol, check: enrolled_or_not },
    Operation { name: "enrol both", prepare: one_account, run: enrol_both, check: both_enrolled_or_neither },
    Operation { name: "receive", prepare: one_account, run: receive, check: received_or_not },
    Operation { name: "answer", prepare: one_message, run: answer, check: answered_once },
    Operation { name: "token", prepare: one_account, run: change_token, check: token_is_told },
    Operation { name: "rewrap", prepare: one_message, run: rewrap, check: opens_with_one_key },
    Operation { name: "migrate", prepare: version_1, run: migrate, check: migrated_or_not },
];

/// A clock offset from [`NOW`], in milliseconds.
struct Later(i64);

impl Clock for Later {
    fn now(&self) -> i64 {
        NOW + self.0
    }
}

fn open_later(folder: &Path, milliseconds: i64) -> Phone {
    let entropy = Arc::new(SystemEntropy::new());
    Phone::open(&folder.join("vault"), &MaskKey(0x33), Arc::new(Later(milliseconds)), entropy).unwrap()
}

fn open(folder: &Path) -> Phone {
    let phone = open_later(folder, 0);
    phone.set_device_facts(clean_facts());
    phone
}

fn add(phone: &Phone, code: &str) -> HttpRequest {
    phone.enrol(phone.preview(code).unwrap(), enrolment()).unwrap();
    let request = only(phone.due().unwrap());
    phone.delivered(&request.id, response(200)).unwrap();
    request
}

/// Returns the only account with the mechanism uid by which the server knows it.
fn credential(folder: &Path) -> Credential {
    Credential {
        account_id: String::new(),
        mechanism_uid: std::fs::read_to_string(folder.join("mechanism-uid")).unwrap(),
    }
}

fn said(words: &[String], word: &str) -> bool {
    words.iter().any(|each| each == word)
}

fn one_account(folder: &Path) {
    let request = add(&open(folder), &code(&[]));
    std::fs::write(folder.join("mechanism-uid"), mechanism_uid(&request)).unwrap();
}

fn one_message(folder: &Path) {
    one_account(folder);
    credential(folder).send(&open(folder), 1, json!({})).unwrap();
}

fn other_code() -> String {
    code_for("Ping:other", &[("m", Some("other"))])
}

fn enrol(folder: &Path, say: &dyn Fn(&str)) {
    let phone = open(folder);
    say("begin");
    phone.enrol(phone.preview(&other_code()).unwrap(), enrolment()).unwrap();
    say("end");
}

/// The account comes with its registration, or neither is there and the account can be added.
fn enrolled_or_not(folder: &Path, words: &[String]) {
    let phone = open(folder);
    let accounts = phone.accounts().unwrap();
    assert_eq!(accounts[0].state, AccountState::Active, "the account that was there");
    let waiting = phone.outbox().unwrap();
    assert_eq!(accounts.len() - 1, waiting.len(), "account and registration together, or neither");
    if said(words, "end") {
        assert_eq!(accounts[1].state, AccountState::Enrolling);
    }
    if accounts.len() == 1 {
        add(&phone, &other_code());
    } else {
        let request = only(phone.due().unwrap());
        phone.delivered(&request.id, response(200)).unwrap();
    }
    assert_eq!(phone.accounts().unwrap()[1].state, AccountState::Active);
}

/// Returns a registration URI for push and one-time passwords.
fn code_for_both() -> String {
    format!("{}&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", other_code().replace("pushauth://push", "mfauth://totp"))
}

fn enrol_both(folder: &Path, say: &dyn Fn(&str)) {
    let phone = open(folder);
    say("begin");
    phone.enrol(phone.preview(&code_for_both()).unwrap(), enrolment()).unwrap();
    say("end");
}

/// Account, both halves and registration, or none of them.
fn both_enrolled_or_neither(folder: &Path, words: &[String]) {
    let phone = open(folder);
    let sql = rusqlite::Connection::open(folder.join("vault")).unwrap();
    let count =
        |table: &str| -> i64 { sql.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap() };
    let added = count("account") - 1;
    assert_eq!([count("credential") - 1, count("oath"), count("outbox")], [added; 3], "both halves, or neither");
    if said(words, "end") {
        assert_eq!(added, 1, "acknowledged, and lost");
    }
    if added == 0 {
        add(&phone, &code_for_both());
    } else {
        let request = only(phone.due().unwrap());
        phone.delivered(&request.id, response(200)).unwrap();
    }
    let account = phone.accounts().unwrap().remove(1);
    assert_eq!(
        (account.state, account.kinds),
        (AccountState::Active, vec![CredentialKind::Push, CredentialKind::Totp])
    );
    assert!(phone.code(&account.id).is_ok());
}

fn receive(folder: &Path, say: &dyn Fn(&str)) {
    let phone = open(folder);
    let credential = credential(folder);
    let message = credential.push(1, json!({}));
    say("begin");
    phone.receive_message(&message_id(1), &message).unwrap();
    say("end");
}

/// The message is there once or not at all; after another delivery it is there once, and its replay is rejected.
fn received_or_not(folder: &Path, words: &[String]) {
    let phone = open(folder);
    let pending = phone.pending().unwrap();
    assert!(pending.len() <= 1);
    if said(words, "end") {
        assert_eq!(pending.len(), 1, "acknowledged, and lost");
    }
    let credential = credential(folder);
    let again = phone.receive_message(&message_id(1), &credential.push(1, json!({}))).unwrap();
    assert_eq!(only(phone.pending().unwrap()).id, again.id);
    if let Some(first) = pending.first() {
        assert_eq!(first.id, again.id);
    }
    let replayed = phone.receive_message(&message_id(2), &credential.push(1, json!({})));
    assert_eq!(replayed.unwrap_err(), PhoneError::Replayed);
}

fn answer(folder: &Path, say: &dyn Fn(&str)) {
    let phone = open(folder);
    let id = only(phone.pending().unwrap()).id;
    say("begin");
    phone.approve(&id, Evidence::Tap).unwrap();
    say("approved");
    let request = only(phone.due().unwrap());
    say(&format!("sent {}", hexadecimal(&request.body)));
    phone.delivered(&request.id, response(200)).unwrap();
    say("end");
}

/// An acknowledged answer stands, and everything sent for the message has the same bytes as before.
fn answered_once(folder: &Path, words: &[String]) {
    let id = {
        let sql = rusqlite::Connection::open(folder.join("vault")).unwrap();
        let id: Vec<u8> = sql.query_row("SELECT id FROM notification", [], |row| row.get(0)).unwrap();
        hexadecimal(&id)
    };
    // The process that had leased it is dead; a minute later it is handed out again.
    let phone = open_later(folder, 60_000);
    phone.set_device_facts(clean_facts());
    let state = phone.notification(&id).unwrap().state;
    let sent = words.iter().find_map(|word| word.strip_prefix("sent "));
    match state {
        NotificationState::Pending => {
            assert!(!said(words, "approved"), "acknowledged, and lost");
            assert_eq!(phone.due().unwrap(), []);
            phone.approve(&id, Evidence::Tap).unwrap();
            only(phone.due().unwrap());
        }
        NotificationState::Answering => {
            assert!(!said(words, "end"), "settled, and open again");
            let request = only(phone.due().unwrap());
            assert!(sent.is_none_or(|sent| sent == hexadecimal(&request.body)), "answered twice, differently");
            assert_eq!(phone.deny(&id), Err(PhoneError::AlreadyAnswered));
        }
        NotificationState::Approved => {
            assert!(sent.is_some());
            assert_eq!(phone.due().unwrap(), []);
            assert_eq!(phone.deny(&id), Err(PhoneError::AlreadyAnswered));
        }
        other => panic!("{other:?}"),
    }
}

fn change_token(folder: &Path, say: &dyn Fn(&str)) {
    let phone = open(folder);
    say("begin");
    phone.set_push_token("new", CommunicationType::Gcm).unwrap();
    say("wanted");
    let request = only(phone.due().unwrap());
    phone.delivered(&request.id, response(200)).unwrap();
    say("end");
}

/// The phone tells the server a token that it accepted as wanted, one change at a time.
fn token_is_told(folder: &Path, words: &[String]) {
    let phone = open_later(folder, 60_000);
    let before = only(phone.push_tokens().unwrap()).state;
    let requests = phone.due().unwrap();
    assert!(requests.len() <= 1);
    assert_eq!(before == PushTokenState::Changing, requests.len() == 1);
    for request in requests {
        assert_eq!(request.kind, RequestKind::TokenRefresh);
        assert_eq!(claims_of(&request.body, &SECRET)["deviceId"], "new");
        phone.delivered(&request.id, response(200)).unwrap();
    }
    assert_eq!(only(phone.push_tokens().unwrap()).state, PushTokenState::Current);
    let sql = rusqlite::Connection::open(folder.join("vault")).unwrap();
    let token: String = sql.query_row("SELECT push_token FROM credential", [], |row| row.get(0)).unwrap();
    assert!(token == "new" || !said(words, "wanted"), "acknowledged, and lost");
}

fn rewrap(folder: &Path, say: &dyn Fn(&str)) {
    let phone = open(folder);
    say("begin");
    phone.rewrap(&MaskKey(0x77)).unwrap();
    say("end");
}

/// Either the old key or the new one opens the vault, and everything is there.
fn opens_with_one_key(folder: &Path, words: &[String]) {
    let with = |mask: u8| {
        let entropy = Arc::new(SystemEntropy::new());
        let phone = Phone::open(&folder.join("vault"), &MaskKey(mask), Arc::new(Later(0)), entropy).unwrap();
        phone.set_device_facts(clean_facts());
        let is_readable = only(phone.accounts().unwrap()).state == AccountState::Active;
        is_readable.then_some(phone)
    };
    let (old, new) = (with(0x33), with(0x77));
    assert!(old.is_some() != new.is_some(), "one key opens it");
    assert!(new.is_some() || !said(words, "end"), "acknowledged, and lost");
    let phone = old.or(new).unwrap();
    let id = only(phone.pending().unwrap()).id;
    phone.approve(&id, Evidence::Tap).unwrap();
    only(phone.due().unwrap());
}

/// The key of the frozen vaults (tests/vectors/vault/README.md).
struct FrozenKey;

impl KeyEncryption for FrozenKey {
    fn wrap(&self, _: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Invalid)
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        let bytes: Vec<u8> = (0..32).collect();
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &bytes).unwrap());
        let nonce = Nonce::try_assume_unique_for_key(&wrapped[..12]).unwrap();
        let mut opened = wrapped[12..].to_vec();
        let length = key.open_in_place(nonce, Aad::empty(), &mut opened).map_err(|_| KeyError::Invalid)?.len();
        opened.truncate(length);
        Ok(SecretBytes::new(opened))
    }
}

fn version_1(folder: &Path) {
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/vault/version-1.sqlite");
    std::fs::copy(frozen, folder.join("vault")).unwrap();
}

fn open_frozen(folder: &Path) -> Phone {
    let entropy = Arc::new(SystemEntropy::new());
    Phone::open(&folder.join("vault"), &FrozenKey, Arc::new(Later(0)), entropy).unwrap()
}

fn migrate(folder: &Path, say: &dyn Fn(&str)) {
    say("begin");
    open_frozen(folder);
    say("end");
}

/// The file is of one version or the other, and opens with everything that was in it.
fn migrated_or_not(folder: &Path, words: &[String]) {
    let version: i64 = {
        let sql = rusqlite::Connection::open(folder.join("vault")).unwrap();
        sql.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    };
    assert!(matches!(version, 1 | 5));
    assert!(version == 5 || !said(words, "end"), "acknowledged, and lost");
    let phone = open_frozen(folder);
    assert!(phone.accounts().unwrap().iter().all(|account| account.issuer == "Ping" || account.issuer == "Acme"));
    assert_eq!((phone.accounts().unwrap().len(), phone.pending().unwrap().len()), (2, 1));
    let request = only(phone.due().unwrap());
    assert_eq!(claims_of(&request.body, &SECRET)["deny"], true);
    assert_eq!(phone.push_tokens().unwrap().len(), 2);
    assert_eq!(phone.events(10).unwrap(), []);
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
