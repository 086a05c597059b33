//! A server process, a phone folder, and a sign-on over REST.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

pub const PASSWORD: &str = "correct horse battery staple";

/// The result of a run of the command line.
pub struct Ran {
    pub status: i32,
    pub value: Value,
}

impl Ran {
    /// Returns the value of a run that must have succeeded.
    pub fn done(self) -> Value {
        assert_eq!(self.status, 0, "{}", self.value);
        self.value
    }

    /// Returns exit status and error code of a run that must have failed.
    pub fn failed(self) -> (i32, String) {
        assert!(!self.value["error"]["message"].as_str().unwrap().is_empty(), "{}", self.value);
        (self.status, self.value["error"]["code"].as_str().unwrap().to_owned())
    }
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_push-authenticator"));
    command.env("RUST_LOG", "warn");
    command
}

/// Runs the command line with `--json`: standard output must hold exactly one JSON value, whatever happens.
pub fn run(arguments: &[&str], input: &str) -> Ran {
    run_trusting(None, arguments, input).0
}

/// Like [`run`], with this file as the machine's trusted authorities; also returns standard error.
pub fn run_trusting(roots: Option<&Path>, arguments: &[&str], input: &str) -> (Ran, String) {
    let mut command = program();
    if let Some(roots) = roots {
        command.env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR");
    }
    let mut child = command
        .arg("--json")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(if roots.is_some() { Stdio::piped() } else { Stdio::inherit() })
        .spawn()
        .unwrap();
    // A command that does not read its input may have exited already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {text:?}: {:?}", output.stderr));
    (Ran { status: output.status.code().unwrap(), value }, String::from_utf8(output.stderr).unwrap())
}

pub struct Server {
    pub folder: tempfile::TempDir,
    process: Option<Child>,
    pub address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Server {
    /// Starts a server with the user alice; `change` edits the journey's text, `settings` are appended to the
    /// configuration.
    pub fn start(change: impl FnOnce(String) -> String, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(&["init", folder.path().to_str().unwrap()], "").done();
        let journey = folder.path().join("journeys/Login with Push MFA.journey.json");
        std::fs::write(&journey, change(std::fs::read_to_string(&journey).unwrap())).unwrap();
        let file = folder.path().join("server.toml");
        let text = format!("{settings}\n{}", std::fs::read_to_string(&file).unwrap());
        std::fs::write(&file, text).unwrap();
        let mut server = Self { folder, process: None, address: "127.0.0.1:0".to_owned() };
        server.verb(&["user", "add", "alice", "--password-stdin"], PASSWORD).done();
        server.resume();
        server
    }

    /// Starts the process, on its previous address if it had one.
    pub fn resume(&mut self) {
        let mut child = program()
            .args(["--json", "serve", "--listen", &self.address, "--config"])
            .arg(self.configuration())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        self.address = value["listening"].as_str().unwrap_or_else(|| panic!("{value}")).to_owned();
        self.process = Some(child);
    }

    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("server.toml")
    }

    /// Runs a verb beside the running server.
    pub fn verb(&self, arguments: &[&str], input: &str) -> Ran {
        let configuration = self.configuration();
        run(&[arguments, &["--config", configuration.to_str().unwrap()]].concat(), input)
    }

    /// Posts a step of the sign-on; returns status and body.
    pub fn post(&self, step: Option<&Value>) -> (u16, Value) {
        let url = format!(
            "http://{}/am/json/realms/root/realms/alpha/authenticate?authIndexType=service&authIndexValue=Login%20with%20Push%20MFA",
            self.address
        );
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let request = agent.post(&url).header("Accept-API-Version", "resource=2.1, protocol=1.0");
        let mut response = match step {
            Some(step) => request.send_json(step).unwrap(),
            None => request.send_empty().unwrap(),
        };
        (response.status().as_u16(), response.body_mut().read_json().unwrap())
    }

    /// Returns the step after the right password.
    pub fn sign_on(&self) -> Value {
        let (_, mut step) = self.post(None);
        step["callbacks"][0]["input"][0]["value"] = json!("alice");
        step["callbacks"][1]["input"][0]["value"] = json!(PASSWORD);
        self.next(&step)
    }

    /// Returns the step after this one.
    pub fn next(&self, step: &Value) -> Value {
        let (status, next) = self.post(Some(step));
        assert_eq!(status, 200, "{next}");
        next
    }

    /// Returns the step that shows the QR code, and the registration URI.
    pub fn offer(&self) -> (Value, String) {
        let step = self.next(&self.sign_on());
        let uri = hidden_value(&step).unwrap();
        (step, uri)
    }

    /// Starts a sign-on and registers the phone; returns the step that waits for the first push.
    pub fn register(&self, phone: &Phone) -> Value {
        let (step, uri) = self.offer();
        phone.verb(&["scan", &uri]).done();
        let codes = self.next(&step);
        self.next(&codes)
    }
}

/// Returns the value of the step's hidden callback: a registration URI or a number.
pub fn hidden_value(step: &Value) -> Option<String> {
    let callbacks = step["callbacks"].as_array()?;
    let hidden = callbacks.iter().find(|callback| callback["type"] == "HiddenValueCallback")?;
    Some(hidden["output"][0]["value"].as_str()?.to_owned())
}

pub struct Phone(pub tempfile::TempDir);

impl Phone {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn verb(&self, arguments: &[&str]) -> Ran {
        self.verb_with(arguments, "")
    }

    /// Runs a verb that reads standard input.
    pub fn verb_with(&self, arguments: &[&str], input: &str) -> Ran {
        run(&[&["phone", "--vault", self.folder().to_str().unwrap()], arguments].concat(), input)
    }

    /// Returns the only pending message.
    pub fn only_pending(&self) -> Value {
        let pending = self.verb(&["pending", "--wait", "10"]).done();
        assert_eq!(pending.as_array().unwrap().len(), 1, "{pending}");
        pending[0].clone()
    }
}
