//! A running server, a browser that speaks REST, and a phone.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use tempfile::TempDir;

use push_authenticator::ports::{Clock, SystemEntropy};
use push_authenticator::secret::SecretText;
use push_authenticator::server::configuration::Configuration;
use push_authenticator::server::journey::{SHIPPED, SHIPPED_NAME};
use push_authenticator::server::store::{StoreError, users};
use push_authenticator::server::{App, connections, open_data, password, router};

pub use crate::wire::*;

pub const USER: &str = "demo";
pub const PASSWORD: &str = "correct horse battery staple";
pub const REST: &str = "/am/json/realms/root/realms/alpha/authenticate";
pub const JOURNEY_QUERY: &str = "?authIndexType=service&authIndexValue=Login%20with%20Push%20MFA";
pub const PHONES: &str = "/am/json/realms/root/realms/alpha/push/sns/message?_action=";
pub const COOKIE: &str = "iPlanetDirectoryPro";
/// The time at which every test begins: 2030-01-01T00:00:00Z.
pub const START: i64 = 1_893_456_000_000;

/// A clock that stands still until a test moves it, or keeps running if the test is about waiting itself.
pub struct TestClock {
    now: AtomicI64,
    runs_since: Option<Instant>,
}

impl TestClock {
    pub fn advance(&self, milliseconds: i64) {
        self.now.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> i64 {
        let run = self.runs_since.map_or(0, |since| since.elapsed().as_millis() as i64);
        self.now.load(Ordering::SeqCst) + run
    }
}

/// Differences from the shipped journey and the default configuration.
pub struct Setup {
    pub journey: Value,
    pub configuration: Configuration,
    pub clock_runs: bool,
    /// Additional journey files: name and text.
    pub further_files: Vec<(&'static str, String)>,
}

impl Setup {
    pub fn new() -> Self {
        Self {
            journey: serde_json::from_str(SHIPPED).unwrap(),
            configuration: Configuration::default(),
            clock_runs: false,
            further_files: Vec::new(),
        }
    }

    /// Changes a setting of the only node of this type.
    pub fn with(mut self, node_type: &str, key: &str, value: Value) -> Self {
        let id = node_id(&self.journey, node_type);
        self.journey["trees"][SHIPPED_NAME]["nodes"][&id][key] = value;
        self
    }

    /// Connects an outcome of the only node of this type.
    pub fn connect(mut self, node_type: &str, outcome: &str, target: &str) -> Self {
        let id = node_id(&self.journey, node_type);
        self.journey["trees"][SHIPPED_NAME]["tree"]["nodes"][&id]["connections"][outcome] = json!(target);
        self
    }

    pub fn configure(mut self, change: impl FnOnce(&mut Configuration)) -> Self {
        change(&mut self.configuration);
        self
    }

    /// Trusts this machine's `X-Forwarded-For`.
    pub fn behind_a_proxy(self) -> Self {
        self.configure(|configuration| configuration.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()])
    }

    pub fn running_clock(mut self) -> Self {
        self.clock_runs = true;
        self
    }

    pub fn start(self) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let configuration = Configuration {
            data: folder.path().join("data"),
            journeys: folder.path().join("journeys"),
            ..self.configuration
        };
        std::fs::create_dir(&configuration.journeys).unwrap();
        std::fs::write(configuration.journeys.join("journey.json"), self.journey.to_string()).unwrap();
        for (name, text) in &self.further_files {
            std::fs::write(configuration.journeys.join(name), text).unwrap();
        }
        let clock = Arc::new(TestClock { now: AtomicI64::new(START), runs_since: self.clock_runs.then(Instant::now) });
        let server = Server::run(configuration, clock, folder);
        server.add_user(USER, PASSWORD, None);
        server
    }
}

impl Server {
    fn run(configuration: Configuration, clock: Arc<TestClock>, folder: TempDir) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (address, app) = runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let app = App::start(configuration.clone(), address, clock.clone(), Arc::new(SystemEntropy::new()), false)
                .unwrap();
            let (routes, limits) = (router(app.clone()), app.connection_limits());
            tokio::spawn(connections::serve(listener, routes, limits, std::future::pending()));
            (address, app)
        });
        Self { app, address, clock, configuration, runtime, folder }
    }

    /// Starts the same server again: another process on the same data.
    pub fn restart(self) -> Self {
        let Self { app, clock, configuration, runtime, folder, .. } = self;
        drop(app);
        runtime.shutdown_timeout(Duration::from_secs(5));
        Self::run(configuration, clock, folder)
    }
}

/// Returns the id of the only node of this type in the shipped journey.
pub fn node_id(journey: &Value, node_type: &str) -> String {
    let nodes = journey["trees"][SHIPPED_NAME]["nodes"].as_object().unwrap();
    nodes.iter().find(|(_, node)| node["_type"]["_id"] == node_type).unwrap().0.clone()
}

/// A running server; it ends with the test.
pub struct Server {
    pub app: App,
    pub address: SocketAddr,
    pub clock: Arc<TestClock>,
    pub configuration: Configuration,
    pub runtime: tokio::runtime::Runtime,
    pub folder: TempDir,
}

pub fn start() -> Server {
    Setup::new().start()
}

/// An HTTP response.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Asserts that the body is AM's error form and nothing else, and returns the message.
    pub fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        let body = self.json();
        assert_eq!(body["code"], status);
        assert!(body["reason"].is_string());
        assert_eq!(self.header("content-type"), Some("application/json"));
        body["message"].as_str().unwrap().to_owned()
    }
}

impl Server {
    pub fn add_user(&self, name: &str, password_text: &str, common_name: Option<&str>) {
        // Hashing is slow on purpose, and nearly all users here have the same password.
        static HASH: OnceLock<String> = OnceLock::new();
        let make = || password::make_hash(&SecretText::new(password_text.to_owned()), &SystemEntropy::new()).unwrap();
        let hash = if password_text == PASSWORD { HASH.get_or_init(make).clone() } else { make() };
        self.add_user_with(name, hash, common_name);
    }

    fn add_user_with(&self, name: &str, hash: String, common_name: Option<&str>) {
        let (_, store) = open_data(&self.configuration, &SystemEntropy::new()).unwrap();
        let (name, common_name) = (name.to_owned(), common_name.map(str::to_owned));
        let added: Result<bool, StoreError> =
            store.run_blocking(move |transaction| users::add(transaction, &name, common_name.as_deref(), &hash, START));
        assert!(added.unwrap());
    }

    /// Locks or unlocks a user from outside the server.
    pub fn lock_user(&self, name: &str, locked: bool) {
        let (_, store) = open_data(&self.configuration, &SystemEntropy::new()).unwrap();
        let name = name.to_owned();
        let changed: Result<bool, StoreError> = store.run_blocking(move |transaction| match locked {
            true => users::lock(transaction, &name, START),
            false => users::unlock(transaction, &name),
        });
        assert!(changed.unwrap());
    }

    /// Sends an HTTP request. A `Host` among the headers replaces the right one.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.raw(&[head.as_bytes(), body].concat())
    }

    /// Sends raw bytes and reads to the end.
    pub fn raw(&self, bytes: &[u8]) -> Response {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // A server that rejects early closes the connection before it has read everything.
        let _ = stream.write_all(bytes);
        let mut received = Vec::new();
        let _ = stream.read_to_end(&mut received);
        let end = received.windows(4).position(|four| four == b"\r\n\r\n").expect("a response head");
        let head = String::from_utf8(received[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines
            .map(|line| line.split_once(':').unwrap())
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        Response { status, headers, body: received[end + 4..].to_vec() }
    }

    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, &[], b"")
    }

    pub fn post_json(&self, path: &str, body: &Value) -> Response {
        self.post_bytes(path, body.to_string().as_bytes())
    }

    pub fn post_bytes(&self, path: &str, body: &[u8]) -> Response {
        let headers = [("Content-Type", "application/json"), ("Accept-API-Version", "resource=2.1, protocol=1.0")];
        self.request("POST", path, &headers, body)
    }

    /// Posts a form, with the session cookie if there is one.
    pub fn post_form(&self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Response {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let all: Vec<(&str, &str)> =
            headers.iter().copied().chain([("Content-Type", "application/x-www-form-urlencoded")]).collect();
        self.request("POST", path, &all, form.finish().as_bytes())
    }

    /// Requests the first step of a sign-on as the web SDK does: without a body.
    pub fn begin(&self) -> Value {
        let response = self.post_bytes(&format!("{REST}{JOURNEY_QUERY}"), b"");
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// Posts a step back.
    pub fn post(&self, step: &Value) -> Response {
        self.post_json(&format!("{REST}{JOURNEY_QUERY}"), step)
    }

    /// Posts a step back that leads to another.
    pub fn next(&self, step: &Value) -> Value {
        let response = self.post(step);
        assert_eq!(response.status, 200, "{}", response.text());
        let body = response.json();
        assert!(body["authId"].is_string(), "a step was expected: {body}");
        body
    }

    /// Posts a step back that completes the sign-on, and returns the session token.
    pub fn finish(&self, step: &Value) -> String {
        let response = self.post(step);
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()["tokenId"].as_str().expect("signed on").to_owned()
    }

    /// Posts a step back that fails the sign-on, and returns the message.
    pub fn fail(&self, step: &Value) -> String {
        let response = self.post(step);
        let message = response.refused(401);
        assert_eq!(response.json()["reason"], "Unauthorized");
        assert!(response.json().get("detail").is_none(), "a failure, not a stale step: {message}");
        message
    }

    /// Asserts that a step has expired.
    pub fn stale(&self, step: &Value) {
        let response = self.post(step);
        response.refused(401);
        assert_eq!(response.json()["detail"]["errorCode"], "110");
    }

    /// Starts a sign-on and submits name and password.
    pub fn sign_on_as(&self, user: &str, password_text: &str) -> Response {
        self.post(&fill_password(&self.begin(), user, password_text))
    }

    /// Returns the step after the right password.
    pub fn after_password(&self) -> Value {
        let response = self.sign_on_as(USER, PASSWORD);
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// Takes a sign-on up to the QR code.
    pub fn at_qr_code(&self) -> Value {
        let step = self.after_password();
        assert_eq!(types(&step), ["TextOutputCallback", "ConfirmationCallback"]);
        let step = self.next(&fill(&step, 1, json!(0)));
        assert_eq!(
            types(&step),
            ["TextOutputCallback", "TextOutputCallback", "HiddenValueCallback", "PollingWaitCallback"]
        );
        step
    }

    /// Registers a phone, and returns its sign-on while it still shows the QR code.
    pub fn at_qr_code_and_registered(&self) -> Value {
        let step = self.at_qr_code();
        assert_eq!(Phone::scan(&step).register(self).status, 200);
        step
    }

    /// Registers a phone and leaves its sign-on where it waits for the first push.
    pub fn registered(&self) -> (Phone, Value) {
        let step = self.at_qr_code();
        let phone = Phone::scan(&step);
        let response = phone.register(self);
        assert_eq!((response.status, response.text().as_str()), (200, "{}"));
        let step = self.next(&step);
        assert_eq!(types(&step), ["TextOutputCallback"]);
        let step = self.next(&step);
        (phone, step)
    }

    /// Returns a phone whose first sign-on is complete.
    pub fn enrolled(&self) -> Phone {
        let (phone, step) = self.registered();
        let message = phone.only_message(self);
        assert_eq!(phone.accept(self, &message, &step).status, 200);
        self.finish(&step);
        phone
    }

    /// Returns two phones of one user, both of which scanned before either was registered.
    pub fn two_phones(&self) -> (Phone, Phone) {
        let (first_step, second_step) = (self.at_qr_code(), self.at_qr_code());
        let (first, second) = (Phone::scan(&first_step), Phone::scan(&second_step));
        assert_eq!(first.register(self).status, 200);
        assert_eq!(second.register(self).status, 200);
        (first, second)
    }

    /// Reads the database from outside the server.
    pub fn database(&self) -> Connection {
        Connection::open_with_flags(self.database_file(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap()
    }

    pub fn database_file(&self) -> PathBuf {
        self.configuration.data.join("server.db")
    }

    pub fn count(&self, from: &str) -> i64 {
        self.database().query_row(&format!("SELECT count(*) FROM {from}"), [], |row| row.get(0)).unwrap()
    }

    /// Returns how many events matching this condition the audit log has counted so far.
    pub fn audited(&self, condition: &str) -> i64 {
        self.runtime.block_on(self.app.finish_audit()).unwrap();
        let query = format!("SELECT coalesce(sum(count), 0) FROM audit WHERE {condition}");
        self.database().query_row(&query, [], |row| row.get(0)).unwrap()
    }

    /// Changes a row directly, for effects that the tests cannot cause otherwise.
    pub fn change(&self, statement: &str) {
        Connection::open(self.database_file()).unwrap().execute_batch(statement).unwrap();
    }

    pub fn text(&self, query: &str) -> String {
        self.database().query_row(query, [], |row| row.get(0)).unwrap()
    }
}

/// A browser with an address and a user agent; the server must be behind a proxy.
pub struct Browser(pub &'static str, pub &'static str);

impl Browser {
    /// Posts a step back, or requests the first one if there is none.
    pub fn post(&self, server: &Server, step: Option<&Value>) -> Response {
        let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", self.0), ("User-Agent", self.1)];
        let body = step.map(Value::to_string).unwrap_or_default();
        server.request("POST", &format!("{REST}{JOURNEY_QUERY}"), &headers, body.as_bytes())
    }

    /// Returns the step after the right password.
    pub fn after_password(&self, server: &Server) -> Value {
        let first = self.post(server, None).json();
        let response = self.post(server, Some(&fill_password(&first, USER, PASSWORD)));
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    /// Posts a step back that completes the sign-on.
    pub fn finish(&self, server: &Server, step: &Value) {
        let response = self.post(server, Some(step));
        assert!(response.status == 200 && response.json()["tokenId"].is_string(), "{}", response.text());
    }
}

impl Phone {
    pub fn register(&self, server: &Server) -> Response {
        server.post_json(&self.registration_path, &self.registration_body())
    }

    pub fn pull_claims(&self, server: &Server, wait: i64) -> Value {
        self.claims_of_pull(server.clock.now(), wait)
    }

    pub fn pull_with(&self, server: &Server, claims: &Value) -> Response {
        server.post_json(&format!("{PHONES}pending"), &self.pull_body(claims))
    }

    pub fn pull(&self, server: &Server, wait: i64) -> Response {
        self.pull_with(server, &self.pull_claims(server, wait))
    }

    /// Returns all pending messages, after checking their signatures.
    pub fn messages(&self, server: &Server) -> Vec<Message> {
        let response = self.pull(server, 0);
        assert_eq!(response.status, 200, "{}", response.text());
        self.read_messages(&response.json())
    }

    pub fn only_message(&self, server: &Server) -> Message {
        let mut messages = self.messages(server);
        assert_eq!(messages.len(), 1, "{messages:?}");
        messages.remove(0)
    }

    pub fn answer(&self, server: &Server, message: &Message, more: Value) -> Response {
        server.post_json(&self.authentication_path, &self.answer_body(message, more))
    }

    /// Taps the number that the browser's step shows.
    pub fn accept(&self, server: &Server, message: &Message, step: &Value) -> Response {
        self.answer(server, message, json!({"challengeResponse": number(step)}))
    }
}

/// Returns one of the two wrong numbers.
pub fn wrong_number(message: &Message, step: &Value) -> String {
    let right = number(step);
    let numbers = message.claims["n"].as_str().unwrap();
    numbers.split(',').find(|number| *number != right).unwrap().to_owned()
}

/// Asserts the answer of the phones' endpoint to a caller who has proved nothing.
pub fn assert_mute(response: &Response) {
    assert_eq!(response.status, 400, "{}", response.text());
    assert_eq!(response.json(), json!({"code": 400, "reason": "Bad Request", "message": "Bad request."}));
}
