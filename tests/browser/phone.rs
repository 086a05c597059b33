//! A phone on the command line.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::harness::Browser;

pub struct Phone(tempfile::TempDir);

impl Phone {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn verb(&self, arguments: &[&str]) -> Value {
        let (success, value) = self.tried(arguments);
        assert!(success, "{arguments:?}: {value}");
        value
    }

    /// Runs a verb; returns whether it succeeded, and what it printed.
    pub fn tried(&self, arguments: &[&str]) -> (bool, Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_push-authenticator"))
            .args(["--json", "phone", "--vault"])
            .arg(self.0.path())
            .args(arguments)
            .output()
            .unwrap();
        let printed = String::from_utf8_lossy(&output.stdout);
        (output.status.success(), serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{arguments:?}: {printed}")))
    }

    /// Scans the QR code on a hosted page.
    pub async fn scan(&self, browser: &Browser, name: &str) {
        let uri = browser.find("a.registration").await.attr("href").await.unwrap().unwrap();
        self.verb(&["scan", &uri, "--device-name", name]);
    }

    /// Scans the QR code in a picture.
    pub fn scan_picture(&self, picture: &Path) {
        self.verb(&["scan", picture.to_str().unwrap()]);
    }

    /// Returns the newest message: its id and the three numbers that it offers.
    pub fn newest(&self) -> (String, Vec<String>) {
        let pending = self.verb(&["pending", "--wait", "10"]);
        let numbers = serde_json::from_value(pending[0]["numbers"].clone()).unwrap();
        (pending[0]["id"].as_str().unwrap().to_owned(), numbers)
    }

    /// Approves the newest message with the number that a hosted page shows.
    pub async fn approve(&self, browser: &Browser) {
        let number = browser.text(".number").await;
        self.verb(&["approve", &self.newest().0, "--number", &number]);
    }
}
