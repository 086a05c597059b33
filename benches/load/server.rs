//! A server process with users and their phones already in its database, and the system's figures about it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use argon2::password_hash::PasswordHasher as _;
use argon2::{Algorithm, Argon2, Params, Version};
use push_authenticator::ports::SystemEntropy;
use push_authenticator::protocol::message::CommunicationType;
use push_authenticator::secret::SecretBytes;
use push_authenticator::server::configuration::Configuration;
use push_authenticator::server::open_data;
use push_authenticator::server::store::{StoreError, devices, users};
use rusqlite::Connection;
use tempfile::TempDir;

pub const PASSWORD: &str = "correct horse battery staple";
/// Clock ticks per second in /proc; Linux fixes this value for programs.
const TICKS: f64 = 100.0;

/// Which users are in the database; each has one phone.
pub struct Users {
    pub count: usize,
    /// Whether checking a password takes as long as in production.
    pub costly_password: bool,
}

pub struct Server {
    process: Child,
    pub address: String,
    _folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub fn name(number: usize) -> String {
    format!("user{number}")
}

pub fn mechanism(number: usize) -> String {
    format!("mechanism-{number}")
}

/// Returns the secret that phone and server share.
pub fn secret(number: usize) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, &number.to_be_bytes()).as_ref().to_vec()
}

impl Server {
    pub fn start(wanted: &Users) -> Self {
        // Use a disk, so that durable commits have their real cost.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let file = folder.path().join("server.toml");
        let program = env!("CARGO_BIN_EXE_push-authenticator");
        let made = Command::new(program).args(["--json", "init"]).arg(folder.path()).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        // Raise the budgets and limits out of the way: the server itself is under test.
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text
            .replace("attempts_per_user = 10", "attempts_per_user = 1000000")
            .replace("attempts_per_address = 100", "attempts_per_address = 1000000000")
            .replace("password_queue = 64", "password_queue = 100000")
            .replace("\nbudget = 10", "\nbudget = 1000000");
        std::fs::write(&file, text).unwrap();
        tokio::task::block_in_place(|| fill(&file, wanted));
        let mut process = Command::new(program)
            .args(["--json", "serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = value["listening"].as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
        Self { process, address, _folder: folder }
    }

    /// Returns the resident memory, in KiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Returns the CPU time used so far.
    pub fn cpu(&self) -> Duration {
        cpu_of(&self.process.id().to_string())
    }
}

/// Returns the CPU time that this process has used so far.
pub fn own_cpu() -> Duration {
    cpu_of("self")
}

fn cpu_of(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Skip the name, which may contain anything.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    Duration::from_secs_f64(ticks / TICKS)
}

fn hash(costly: bool) -> String {
    let cheap = || Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let hasher = if costly { Argon2::default() } else { cheap() };
    hasher.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]).unwrap().to_string()
}

/// Measures how long one production-strength password check takes.
pub fn password_cost() -> Duration {
    let began = Instant::now();
    (0..10).for_each(|_| drop(hash(true)));
    began.elapsed() / 10
}

fn fill(file: &Path, wanted: &Users) {
    let configuration = Configuration::load(file).unwrap();
    let (keys, store) = open_data(&configuration, &SystemEntropy::new()).unwrap();
    let (keys, hash) = (std::sync::Arc::new(keys), hash(wanted.costly_password));
    for chunk in (0..wanted.count).collect::<Vec<_>>().chunks(5_000) {
        let (chunk, keys, hash) = (chunk.to_vec(), keys.clone(), hash.clone());
        let added: Result<(), StoreError> = store.run_blocking(move |transaction| {
            for number in chunk {
                users::add(transaction, &name(number), None, &hash, 0)?;
                let device = devices::Device {
                    id: format!("device-{number}"),
                    user: name(number),
                    mechanism_uid: mechanism(number),
                    name: "Phone".to_owned(),
                    device_type: "android".to_owned(),
                    communication_type: CommunicationType::Embedded,
                    registered_at: 0,
                    provisional_journey: None,
                };
                let secret = SecretBytes::new(secret(number));
                devices::add(transaction, &device, "token", &secret, &keys, &SystemEntropy::new())?;
            }
            Ok(())
        });
        added.unwrap();
    }
}

/// Measures `count` durable commits of one small row, one after another. Returns the times, sorted.
pub fn bare_commits(count: usize) -> Vec<Duration> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let sql = Connection::open(folder.path().join("bare")).unwrap();
    sql.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).unwrap();
    sql.execute_batch("PRAGMA synchronous = FULL; CREATE TABLE row (content BLOB NOT NULL) STRICT").unwrap();
    let mut taken: Vec<Duration> = (0..count)
        .map(|_| {
            let began = Instant::now();
            sql.execute("INSERT INTO row VALUES (?1)", [[0x61u8; 512]]).unwrap();
            began.elapsed()
        })
        .collect();
    taken.sort();
    taken
}
