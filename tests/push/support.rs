//! A server with Amazon SNS, and phones that it reaches through SNS.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use push_authenticator::server::push::sns::SnsSettings;

use crate::harness::*;

pub const KEY_ID: &str = "AKIDBACKSTAGE";
pub const KEY_SECRET: &str = "backstage/secret+0123456789";
pub const GCM: &str = "arn:aws:sns:us-west-2:123456789012:app/GCM/demo";
pub const APNS: &str = "arn:aws:sns:us-west-2:123456789012:app/APNS/demo";

/// Runs a script in this folder.
pub fn python(script: &str) -> Command {
    let program = std::env::var_os("PUSH_TEST_PYTHON").unwrap_or_else(|| "python3".into());
    let mut command = Command::new(program);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/push").join(script));
    command
}

/// Writes a credentials file in the format that Backstage provides, readable only by its owner.
pub fn write_credentials(folder: &Path, gcm: &str, apns: &str) -> PathBuf {
    let content = json!({"accessKeyId": KEY_ID, "accessKeySecret": KEY_SECRET, "APNS": apns, "GCM": gcm});
    write_private(&folder.join("sns.json"), &content.to_string())
}

pub fn write_private(file: &Path, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    file.to_owned()
}

/// Returns a folder under `target` that stays: a server reads its files again at restart.
pub fn folder() -> PathBuf {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap().keep()
}

/// The shipped journey on a server that reaches SNS at this port.
pub fn setup(port: u16, gcm: &str, apns: &str) -> Setup {
    let credentials_file = write_credentials(&folder(), gcm, apns);
    Setup::new().running_clock().configure(|settings| {
        settings.push.sns = Some(SnsSettings {
            credentials_file,
            region: None,
            endpoint: Some(format!("http://127.0.0.1:{port}").parse().unwrap()),
            apns_sandbox: false,
            ca_file: None,
        });
    })
}

/// Returns a phone for a QR code that Google or Apple reaches.
pub fn pushed_phone(step: &Value, kind: &str, token: &str) -> Phone {
    let device = if kind == "apns" { "ios" } else { "android" };
    Phone::scan(step)
        .with("communicationType", json!(kind))
        .with("deviceType", json!(device))
        .with("deviceId", json!(token))
}

/// Registers such a phone and continues to where the first push was sent.
pub fn register(server: &Server, kind: &str, token: &str) -> (Phone, Value) {
    let step = server.at_qr_code();
    let phone = pushed_phone(&step, kind, token);
    let response = phone.register(server);
    assert_eq!(response.status, 200, "{}", response.text());
    let codes = server.next(&step);
    (phone, server.next(&codes))
}

/// Changes the phone's push token.
pub fn refresh(server: &Server, phone: &Phone, kind: &str, token: &str) {
    let claims = json!({
        "deviceId": token,
        "deviceName": "Pixel",
        "deviceType": if kind == "apns" { "ios" } else { "android" },
        "communicationType": kind,
    });
    let body = json!({"mechanismUid": phone.mechanism, "jwt": sign(&phone.secret, &claims)});
    let response = server.post_json(&format!("{PHONES}refresh"), &body);
    assert_eq!((response.status, response.text().as_str()), (200, "{}"));
}

/// Returns the push from what was published for Google.
pub fn google_push(published: &Value) -> Message {
    let inner: Value = serde_json::from_str(published["GCM"].as_str().unwrap()).unwrap();
    message(&inner["data"]["messageId"], &inner["data"]["message"])
}

/// Parses a message without checking its signature; the phone's own tests do that.
pub fn message(id: &Value, jwt: &Value) -> Message {
    let jwt = jwt.as_str().unwrap().to_owned();
    let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1).unwrap()).unwrap()).unwrap();
    Message { id: id.as_str().unwrap().to_owned(), jwt, claims }
}

/// Polls until there is something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} did not come");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Returns the outcomes of this audit event, oldest first.
pub fn outcomes(server: &Server, event: &str) -> Vec<String> {
    let database = server.database();
    let mut statement = database.prepare("SELECT outcome FROM audit WHERE event = ?1 ORDER BY sequence").unwrap();
    statement.query_map([event], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

/// Returns the stored endpoint of the only device.
pub fn stored_endpoint(server: &Server) -> Option<String> {
    server.database().query_row("SELECT endpoint FROM device", [], |row| row.get(0)).unwrap()
}

/// Moto's SNS as a process; it ends with the test.
pub struct Moto {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub port: u16,
}

impl Moto {
    pub fn start() -> Self {
        let mut process = python("sns.py").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let input = process.stdin.take();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let port = serde_json::from_str(&line).expect("moto runs: see tests/run.sh for what it needs");
        Self { process, input, output, port }
    }

    /// Runs a command of `sns.py`.
    pub fn ask(&mut self, command: &Value) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{command} failed"))
    }

    pub fn application(&mut self, platform: &str) -> String {
        self.ask(&json!(["application", platform, "demo"])).as_str().unwrap().to_owned()
    }

    pub fn endpoints(&mut self, application: &str) -> Vec<Value> {
        self.ask(&json!(["endpoints", application])).as_array().unwrap().clone()
    }

    /// Returns what was published to an endpoint, with the outer JSON parsed.
    pub fn published(&mut self, endpoint: &str) -> Vec<Value> {
        let messages = self.ask(&json!(["published", endpoint]));
        let messages = messages.as_array().unwrap().iter();
        messages.map(|message| serde_json::from_str(message.as_str().unwrap()).unwrap()).collect()
    }

    /// Returns the endpoint of this token, once there is one.
    pub fn endpoint_of(&mut self, application: &str, token: &str) -> String {
        wait_for("the endpoint", || {
            let endpoints = self.endpoints(application);
            let found = endpoints.iter().find(|endpoint| endpoint["token"] == token)?;
            Some(found["arn"].as_str().unwrap().to_owned())
        })
    }

    /// Returns the newest message, once there are exactly this many.
    pub fn nth_published(&mut self, endpoint: &str, count: usize) -> Value {
        wait_for("the message", || {
            let published = self.published(endpoint);
            (published.len() >= count).then(|| published[count - 1].clone())
        })
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
