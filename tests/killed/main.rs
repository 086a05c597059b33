//! The server killed under load, over and over: nothing that it acknowledged may be gone when it runs again.
//!
//! Each round starts a server process, runs registrations, sign-ons and answers from several threads at once, and kills
//! the process (SIGKILL) at a random moment within the measured duration of that work. It then starts the server again
//! on the same data and looks for everything that the server acknowledged to a client.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods)]
#![allow(clippy::print_stdout, reason = "how many kills there were, and what they met, is to be seen")]

#[allow(dead_code, reason = "shared with other tests, which use more of it")]
#[path = "../server/wire.rs"]
mod wire;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom as _, SystemRandom};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;

use wire::{Phone, fill, fill_password, number, types};

/// Number of kills in a run, unless the environment variable `KILLS` says otherwise.
const KILLS: usize = 10;
/// Number of concurrent clients, each with its own user.
const USERS: usize = 3;
const PASSWORD: &str = "correct horse battery staple";
const REALM: &str = "/am/json/realms/root/realms/alpha";
const SERVICE: &str = "authIndexType=service&authIndexValue=Login%20with%20Push%20MFA";

/// What the server acknowledged.
#[derive(Default)]
struct Acknowledged {
    /// Mechanism uids of phones.
    registrations: Vec<String>,
    /// Message ids.
    answers: Vec<String>,
    /// Session tokens.
    sessions: Vec<String>,
}

struct Server {
    folder: TempDir,
    process: Mutex<Option<Child>>,
    address: Mutex<String>,
}

impl Server {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Self { folder, process: Mutex::default(), address: Mutex::default() };
        run(&["init", server.folder.path().to_str().unwrap()], "");
        let file = server.file();
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text
            .replace("\nbudget = 10", "\nbudget = 1000000")
            .replace("maximum_minutes = 480", "maximum_minutes = 100000");
        std::fs::write(&file, text).unwrap();
        for user in 0..USERS {
            run(&["user", "add", &format!("user{user}"), "--password-stdin", "--config", &file], PASSWORD);
        }
        server
    }

    fn file(&self) -> String {
        self.folder.path().join("server.toml").to_str().unwrap().to_owned()
    }

    fn start(&self) {
        let mut process = program()
            .args(["--json", "serve", "--listen", "127.0.0.1:0", "--config", &self.file()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        *self.address.lock().unwrap() = value["listening"].as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
        *self.process.lock().unwrap() = Some(process);
    }

    fn kill(&self) {
        let mut process = self.process.lock().unwrap().take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn database(&self) -> Connection {
        let file = self.folder.path().join("data/server.db");
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.lock().unwrap().take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_push-authenticator"));
    command.env("RUST_LOG", "error");
    command
}

fn run(arguments: &[&str], input: &str) {
    let mut child = program().args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // A command that does not read its input may have exited already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    assert!(child.wait().unwrap().success(), "{arguments:?}");
}

/// A client of a server that may be gone at any moment: then there is no answer, and nothing is acknowledged.
struct Client<'a> {
    agent: ureq::Agent,
    server: &'a Server,
}

impl<'a> Client<'a> {
    fn new(server: &'a Server) -> Self {
        let configured = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(20)))
            .build();
        Self { agent: configured.into(), server }
    }

    fn post(&self, path: &str, body: Option<&Value>) -> Option<(u16, Value)> {
        let address = self.server.address.lock().unwrap().clone();
        let request = self
            .agent
            .post(format!("http://{address}{path}"))
            .header("Accept-API-Version", "resource=2.1, protocol=1.0");
        let mut response = match body {
            Some(body) => request.send_json(body).ok()?,
            None => request.send_empty().ok()?,
        };
        let status = response.status().as_u16();
        Some((status, response.body_mut().read_json().ok()?))
    }

    fn step(&self, step: Option<&Value>) -> Option<Value> {
        let (status, value) = self.post(&format!("{REALM}/authenticate?{SERVICE}"), step)?;
        assert_eq!(status, 200, "{value}");
        Some(value)
    }

    fn phones(&self, action: &str, body: &Value) -> Option<Value> {
        let (status, value) = self.post(&format!("{REALM}/push/sns/message?_action={action}"), Some(body))?;
        assert_eq!(status, 200, "{action}: {value}");
        Some(value)
    }

    /// Completes one sign-on: registers a phone if there is none, answers the push, gets a session. `None` if the
    /// server died.
    fn sign_on(&self, user: usize, phone: &mut Option<Phone>, told: &Mutex<Acknowledged>) -> Option<()> {
        let page = self.step(None)?;
        let mut step = self.step(Some(&fill_password(&page, &format!("user{user}"), PASSWORD)))?;
        if types(&step)[0] == "TextOutputCallback" {
            let qr = self.step(Some(&fill(&step, 1, json!(0))))?;
            let scanned = Phone::scan(&qr);
            self.phones("register", &scanned.registration_body())?;
            told.lock().unwrap().registrations.push(scanned.mechanism.clone());
            *phone = Some(scanned);
            let codes = self.step(Some(&qr))?;
            step = self.step(Some(&codes))?;
        }
        // A registration whose acknowledgment was cut off leaves a phone that nobody has.
        let phone = phone.as_ref()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let pulled = self.phones("pending", &phone.pull_body(&phone.claims_of_pull(now, 0)))?;
        let message = phone.read_messages(&pulled).pop()?;
        let more = json!({"challengeResponse": number(&step)});
        self.phones("authenticate", &phone.answer_body(&message, more))?;
        told.lock().unwrap().answers.push(message.id);
        let done = self.step(Some(&step))?;
        told.lock().unwrap().sessions.push(done["tokenId"].as_str().unwrap().to_owned());
        Some(())
    }
}

/// Runs sign-ons of all users at once until the server is gone, or each has made `most`.
fn work(server: &Server, phones: &mut [Option<Phone>], told: &Mutex<Acknowledged>, most: usize) {
    std::thread::scope(|scope| {
        for (user, phone) in phones.iter_mut().enumerate() {
            scope.spawn(move || {
                let client = Client::new(server);
                for _ in 0..most {
                    if client.sign_on(user, phone, told).is_none() {
                        break;
                    }
                }
            });
        }
    });
}

fn drawn_below(limit: u64) -> u64 {
    let mut bytes = [0u8; 8];
    SystemRandom::new().fill(&mut bytes).unwrap();
    u64::from_be_bytes(bytes) % limit
}

/// Looks for everything acknowledged in this round, in the database and over HTTP.
fn check(server: &Server, told: &Acknowledged) {
    let database = server.database();
    let count = |query: &str, value: &str| -> i64 { database.query_row(query, [value], |row| row.get(0)).unwrap() };
    let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    for mechanism in &told.registrations {
        let query = "SELECT count(*) FROM device WHERE mechanism_uid = ?1";
        assert_eq!(count(query, mechanism), 1, "a registration was acknowledged and is gone");
        let query = "SELECT count(*) FROM audit WHERE event = 'device-registered' AND device =
            (SELECT id FROM device WHERE mechanism_uid = ?1)";
        assert_eq!(count(query, mechanism), 1, "its audit event");
    }
    for message in &told.answers {
        let query = "SELECT count(*) FROM push_message JOIN push_request ON push_request.id = request
            WHERE push_message.id = ?1 AND state = 'approved' AND answer_status = 200";
        assert_eq!(count(query, message), 1, "an answer was acknowledged and is gone");
    }
    let answered: i64 = database
        .query_row("SELECT count(*) FROM audit WHERE event = 'push-answer' AND outcome = 'approved'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let approved: i64 =
        database.query_row("SELECT count(*) FROM push_request WHERE state = 'approved'", [], |row| row.get(0)).unwrap();
    assert_eq!(answered, approved, "an audit event for each answer, and an answer for each event");
    let client = Client::new(server);
    for token in &told.sessions {
        let address = server.address.lock().unwrap().clone();
        let mut response = client
            .agent
            .post(format!("http://{address}{REALM}/sessions/?_action=validate"))
            .header("iPlanetDirectoryPro", token)
            .header("Accept-API-Version", "resource=2.1, protocol=1.0")
            .send_empty()
            .unwrap();
        let body: Value = response.body_mut().read_json().unwrap();
        assert_eq!(body["valid"], json!(true), "a session was given out and is gone: {body}");
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let server = Server::new();
    let mut phones: Vec<Option<Phone>> = (0..USERS).map(|_| None).collect();
    // Measures the duration of the work: for each user, one sign-on with registration and two without.
    server.start();
    let began = Instant::now();
    let told = Mutex::default();
    work(&server, &mut phones, &told, 3);
    let length = began.elapsed().as_micros() as u64;
    server.kill();
    server.start();
    check(&server, &told.into_inner().unwrap());
    server.kill();
    let kills = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().expect("KILLS is a number"));
    let mut totals = [0; 3];
    let mut inside = 0;
    for _ in 0..kills {
        // New phones each round, so that kills hit registrations, too.
        for user in 0..USERS {
            for device in devices_of(&server, user) {
                run(&["device", "remove", &device, "--config", &server.file()], "");
            }
        }
        phones.fill_with(|| None);
        server.start();
        let told = Mutex::new(Acknowledged::default());
        let moment = Duration::from_micros(drawn_below(length));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(moment);
                server.kill();
            });
            work(&server, &mut phones, &told, usize::MAX);
        });
        let told = told.into_inner().unwrap();
        inside += usize::from(!told.registrations.is_empty());
        for (total, more) in totals.iter_mut().zip([told.registrations.len(), told.answers.len(), told.sessions.len()])
        {
            *total += more;
        }
        server.start();
        check(&server, &told);
        server.kill();
    }
    println!(
        "killed {kills} times over {} ms of work, {inside} times after something was acknowledged; {} registrations, {} \
         answers and {} sessions were acknowledged, and all are there",
        length / 1000,
        totals[0],
        totals[1],
        totals[2]
    );
    assert!(totals.iter().all(|total| *total >= kills / 4), "the kills come too early to mean anything: {totals:?}");
}

fn devices_of(server: &Server, user: usize) -> Vec<String> {
    let database = server.database();
    let mut statement = database.prepare("SELECT id FROM device WHERE user = ?1").unwrap();
    let ids = statement.query_map([format!("user{user}")], |row| row.get(0)).unwrap();
    ids.map(Result::unwrap).collect()
}
