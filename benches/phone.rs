//! The cost of the phone core, next to a lower bound: the same work with `ring` and SQLite alone, measured in the same
//! run. Prints the ratios at the end and asserts no times.
//!
//! `cargo bench --no-default-features --bench phone`
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::print_stdout, reason = "the ratios are what this is for")]

#[allow(dead_code, unused_imports, reason = "shared with the tests of the phone, which use more of it")]
#[path = "../tests/phone/support.rs"]
mod support;

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use push_authenticator::phone::{Evidence, Phone};
use push_authenticator::ports::{Clock, SystemEntropy};
use push_authenticator::protocol::device_key::PublicKey;
use push_authenticator::protocol::message::PushMessage;
use push_authenticator::protocol::proof::{AnswerProof, Binding, ExpectedAnswer, ProvedDecision};
use push_authenticator::protocol::pull::{ExpectedPull, PullProof};
use push_authenticator::secret::SecretBytes;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use ring::{digest, hmac};
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tempfile::TempDir;

use support::*;

/// Accounts in the vault that the benchmark opens and lists.
const ACCOUNTS: usize = 200;
/// Rows of history in the vault for the receiving benchmark.
const SHORT_HISTORY: usize = 100;
const LONG_HISTORY: usize = 100_000;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> i64 {
        NOW
    }
}

fn open(folder: &Path) -> Phone {
    let phone =
        Phone::open(&folder.join("vault"), &MaskKey(0x33), Arc::new(Fixed), Arc::new(SystemEntropy::new())).unwrap();
    phone.set_device_facts(clean_facts());
    phone
}

/// Returns a folder on disk.
fn disk() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| disk())
}

fn add(phone: &Phone, number: usize) -> Credential {
    let code = code_for(&format!("Ping:user{number}"), &[("m", Some(&format!("registration{number}")))]);
    let account = phone.enrol(phone.preview(&code).unwrap(), enrolment()).unwrap();
    let request = only(phone.due().unwrap());
    phone.delivered(&request.id, response(200)).unwrap();
    Credential { account_id: account.id, mechanism_uid: mechanism_uid(&request) }
}

/// Messages, each with a different challenge, signed before the clock starts.
struct Messages {
    credential: Credential,
    sent: u64,
}

impl Messages {
    fn new(credential: Credential) -> Self {
        Self { credential, sent: 0 }
    }

    fn next(&mut self) -> (String, String) {
        self.sent += 1;
        let mut challenge = [0u8; 32];
        challenge[..8].copy_from_slice(&self.sent.to_be_bytes());
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, challenge);
        let changes = json!({
            "c": text, "k": "challenge", "n": "34,43,57",
            "x": r#"{"remoteIp":"203.0.113.7","userAgent":"Mozilla/5.0","platform":"Linux"}"#,
        });
        let id = format!("AUTHENTICATE:00000000-0000-4000-8000-{:012}1795539000000", self.sent);
        (id, sign(&SECRET, &self.credential.claims(0, changes)))
    }
}

/// Computes MACs with the bare key over about as many bytes as a push has.
fn bare_codes(key: &hmac::Key, count: usize) {
    for _ in 0..count {
        black_box(hmac::sign(key, black_box(&[0x61; 512])));
    }
}

fn take_without_storage(criterion: &mut Criterion) {
    let credential = Credential { account_id: String::new(), mechanism_uid: "5b7fba25-109a-4d2e".into() };
    let (id, message) = Messages::new(credential).next();
    let payload = json!({"messageId": id, "message": message}).to_string();
    let secret = SecretBytes::new(SECRET.to_vec());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    let mut group = criterion.benchmark_group("take");
    group.bench_function("push", |bencher| {
        bencher.iter(|| {
            // Everything that precedes the vault: envelope and ID, signature and claims, time in both directions.
            let envelope: Value = serde_json::from_slice(black_box(payload.as_bytes())).unwrap();
            let (id, message) = (envelope["messageId"].as_str().unwrap(), envelope["message"].as_str().unwrap());
            assert!(push_authenticator::protocol::uri::is_message_id(id));
            let uid = PushMessage::peek_mechanism_uid(message).unwrap();
            let verified = PushMessage::verify(&secret, message).ok().unwrap();
            let push = verified.get();
            let lasts = i64::from(push.time_to_live_seconds) * 1000;
            let in_time = |sent: i64| sent <= NOW + 300_000 && NOW <= sent + lasts + 60_000;
            assert!(push.mechanism_uid == uid && push.sent_at.is_some_and(in_time));
            // The lookup key of the replay ledger.
            let mut ledger = digest::Context::new(&digest::SHA256);
            ledger.update(uid.as_bytes());
            ledger.update(&push.challenge);
            black_box((ledger.finish(), digest::digest(&digest::SHA256, message.as_bytes())));
        });
    });
    group.bench_function("floor", |bencher| bencher.iter(|| bare_codes(&key, 1)));
    group.finish();
}

/// Verifies an answer's proof as the server does: framing, signature, every claim.
fn verify_proof(criterion: &mut Criterion) {
    let case: Value = serde_json::from_str(include_str!("../tests/vectors/proofs/answer-number.json")).unwrap();
    let (expected, token) = (&case["expected"], case["token"].as_str().unwrap());
    let text = |name: &str| expected[name].as_str().unwrap();
    let challenge: Vec<u8> = (0..32).collect();
    let binding = Binding { message_id: text("message_id"), challenge: &challenge, audience: text("audience") };
    let answer =
        ExpectedAnswer { decision: ProvedDecision::Approve, number: Some(text("number")), shown: text("shown") };
    let (jwk, now) = (case["jwk"].to_string(), expected["now"].as_i64().unwrap());
    let key = PublicKey::parse(&jwk).unwrap();
    let mut group = criterion.benchmark_group("proof");
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            let key = PublicKey::parse(black_box(&jwk)).unwrap();
            AnswerProof::verify(&key, black_box(token), binding, answer, now).ok().unwrap()
        });
    });
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature).unwrap();
    let bare = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.point());
    group.bench_function("floor", |bencher| {
        bencher.iter(|| bare.verify(black_box(input.as_bytes()), black_box(&signature)).unwrap());
    });
    group.finish();
}

/// Verifies a pull's proof in the same way.
fn verify_pull(criterion: &mut Criterion) {
    let case: Value = serde_json::from_str(include_str!("../tests/vectors/proofs/pull.json")).unwrap();
    let (expected, token) = (&case["expected"], case["token"].as_str().unwrap());
    let text = |name: &str| expected[name].as_str().unwrap();
    let now = expected["now"].as_i64().unwrap();
    let pull = ExpectedPull {
        mechanism_uid: text("mechanism_uid"),
        audience: text("audience"),
        iat: expected["iat"].as_i64().unwrap(),
        nonce: text("nonce"),
    };
    let jwk = case["jwk"].to_string();
    let key = PublicKey::parse(&jwk).unwrap();
    let mut group = criterion.benchmark_group("pull");
    group.bench_function("verify", |bencher| {
        bencher.iter(|| {
            let key = PublicKey::parse(black_box(&jwk)).unwrap();
            PullProof::verify(&key, black_box(token), pull, now).unwrap();
        });
    });
    let (input, signature) = token.rsplit_once('.').unwrap();
    let signature = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, signature).unwrap();
    let bare = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.point());
    group.bench_function("floor", |bencher| {
        bencher.iter(|| bare.verify(black_box(input.as_bytes()), black_box(&signature)).unwrap());
    });
    group.finish();
}

/// Creates a bare file with the vault's pragmas.
fn bare_file(folder: &Path) -> Connection {
    let sql = Connection::open(folder.join("bare")).unwrap();
    sql.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    sql.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
         CREATE TABLE row (sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, content BLOB NOT NULL) STRICT;",
    )
    .unwrap();
    sql
}

fn bare_commit(sql: &mut Connection, number: u64) {
    let transaction = sql.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    transaction
        .prepare_cached("INSERT INTO row (id, content) VALUES (?1, ?2)")
        .unwrap()
        .execute(params![digest::digest(&digest::SHA256, &number.to_be_bytes()).as_ref(), [0x61u8; 512]])
        .unwrap();
    transaction.commit().unwrap();
}

/// Receives and approves: two durable commits, two signature checks, one MAC, and one signature.
fn receive_and_answer(criterion: &mut Criterion, name: &str, folder: &TempDir) {
    let phone = open(folder.path());
    let mut messages = Messages::new(add(&phone, 0));
    let mut group = criterion.benchmark_group(name);
    group.bench_function("phone", |bencher| {
        bencher.iter_batched(
            || messages.next(),
            |(id, message)| {
                let notification = phone.receive_message(&id, &message).unwrap();
                phone.approve(&notification.id, Evidence::Number("43".into())).unwrap();
            },
            BatchSize::PerIteration,
        );
    });
    let mut sql = bare_file(folder.path());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &SECRET);
    let mut number = 0;
    group.bench_function("floor", |bencher| {
        bencher.iter_batched(
            || (),
            |()| {
                bare_codes(&key, 4);
                for _ in 0..2 {
                    number += 1;
                    bare_commit(&mut sql, number);
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn open_and_list(criterion: &mut Criterion) {
    let folder = disk();
    let phone = open(folder.path());
    (0..ACCOUNTS).for_each(|number| drop(add(&phone, number)));
    drop(phone);
    let mut group = criterion.benchmark_group("open");
    group.bench_function("phone", |bencher| {
        bencher.iter(|| assert_eq!(open(folder.path()).accounts().unwrap().len(), ACCOUNTS));
    });
    group.bench_function("floor", |bencher| {
        bencher.iter(|| {
            let sql = Connection::open(folder.path().join("vault")).unwrap();
            let mut rows = 0;
            let mut statement = sql
                .prepare(
                    "SELECT account.*, credential.* FROM credential JOIN account ON account.id = account_id
                     ORDER BY account.sequence",
                )
                .unwrap();
            let columns = statement.column_count();
            let mut found = statement.query([]).unwrap();
            while let Some(row) = found.next().unwrap() {
                for column in 0..columns {
                    black_box(row.get::<_, rusqlite::types::Value>(column).unwrap());
                }
                rows += 1;
            }
            assert_eq!(rows, ACCOUNTS);
        });
    });
    group.finish();
}

/// Creates a vault with the given number of settled messages.
fn with_history(rows: usize) -> (TempDir, Phone, Messages) {
    let folder = memory();
    let phone = open(folder.path());
    let messages = Messages::new(add(&phone, 0));
    let mut sql = Connection::open(folder.path().join("vault")).unwrap();
    let credential: Vec<u8> = sql.query_row("SELECT id FROM credential", [], |row| row.get(0)).unwrap();
    let transaction = sql.transaction().unwrap();
    for number in 0..rows {
        let digest = digest::digest(&digest::SHA256, &number.to_be_bytes());
        let message_id = format!("old{number}");
        transaction
            .prepare_cached(
                "INSERT INTO notification (id, credential_id, message_id, message_sealed, received_at, state, verdict)
                 VALUES (?1, ?2, ?3, zeroblob(700), ?4, 'approved', 'approve')",
            )
            .unwrap()
            .execute(params![&digest.as_ref()[..16], credential, message_id, NOW - 1])
            .unwrap();
        transaction
            .prepare_cached("INSERT INTO replay VALUES (?1, ?2, ?3, ?1, ?4, substr(?1, 1, 16))")
            .unwrap()
            .execute(params![digest.as_ref(), credential, message_id, NOW + 86_400_000])
            .unwrap();
    }
    transaction.commit().unwrap();
    sql.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    (folder, phone, messages)
}

fn receive_with_history(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("history");
    for (name, rows) in [("long", LONG_HISTORY), ("short", SHORT_HISTORY)] {
        let (_folder, phone, mut messages) = with_history(rows);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || messages.next(),
                |(id, message)| drop(phone.receive_message(&id, &message).unwrap()),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Returns the median of the measured times, in nanoseconds.
fn median(group: &str, function: &str) -> Option<f64> {
    let home = std::env::var_os("CRITERION_HOME").map(PathBuf::from).or_else(|| {
        // The benchmark binary is in the target folder under `release/deps`.
        Some(std::env::current_exe().ok()?.ancestors().nth(3)?.join("criterion"))
    })?;
    let file = home.join(group).join(function).join("new/estimates.json");
    let estimates: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

fn print_ratios() {
    println!("\nratio   limit  what");
    for (group, function, floor, limit, what) in [
        ("take", "push", "floor", 15.0, "take a push without storage / one HMAC-SHA256 of 512 bytes"),
        ("proof", "verify", "floor", 1.3, "verify the proof of an answer / one ECDSA verification by ring"),
        ("pull", "verify", "floor", 1.3, "verify the proof of a pull / one ECDSA verification by ring"),
        ("disk", "phone", "floor", 1.5, "receive and answer on a disk / bare codes and commits"),
        ("memory", "phone", "floor", 3.0, "receive and answer in memory / bare codes and commits"),
        ("open", "phone", "floor", 2.0, "open and list 200 accounts / bare SQLite reading the rows"),
        ("history", "long", "short", 1.2, "receive with 100000 rows of history / with 100"),
    ] {
        let (Some(ours), Some(floor)) = (median(group, function), median(group, floor)) else { continue };
        let ratio = ours / floor;
        let missed = if ratio > limit { "   MISSED" } else { "" };
        println!("{ratio:>5.2}   {limit:>5}  {what} ({:.1} / {:.1} us){missed}", ours / 1000.0, floor / 1000.0);
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(60)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .configure_from_args();
    // Skip the preparation of filtered benchmarks, which takes longer than measuring.
    let filters: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |group: &str| filters.is_empty() || filters.iter().any(|filter| filter.contains(group));
    if wanted("take") {
        take_without_storage(&mut criterion);
    }
    if wanted("proof") {
        verify_proof(&mut criterion);
    }
    if wanted("pull") {
        verify_pull(&mut criterion);
    }
    if wanted("disk") {
        receive_and_answer(&mut criterion, "disk", &disk());
    }
    if wanted("memory") {
        receive_and_answer(&mut criterion, "memory", &memory());
    }
    if wanted("open") {
        open_and_list(&mut criterion);
    }
    if wanted("history") {
        receive_with_history(&mut criterion);
    }
    criterion.final_summary();
    print_ratios();
}
