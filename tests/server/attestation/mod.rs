//! Attested keys, against the server, with chains made here.

mod accepted;
mod apple;
mod garbage;
mod maker;
mod refused;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use push_authenticator::server::attestation::AttestationSettings;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::device_keys::{Key, REGISTRATION, last_audit, origin, scan_with, take_last_audit};
use crate::harness::*;
use maker::*;

/// A vendor, and the folder with its root, which a server trusts.
struct Trusted {
    maker: Maker,
    folder: TempDir,
}

impl Trusted {
    fn new(maker: Maker) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("roots.pem"), maker.root.pem()).unwrap();
        Self { maker, folder }
    }

    fn settings(&self) -> AttestationSettings {
        AttestationSettings {
            android_roots: Some(self.file("roots.pem")),
            android_revoked: None,
            android_packages: Vec::new(),
            android_signing_digests: Vec::new(),
            android_verified_boot: true,
            apple_roots: None,
            apple_app_ids: Vec::new(),
            apple_development: false,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn server(&self) -> Server {
        self.server_with(|_| {}, Setup::new())
    }

    fn server_with(&self, change: impl FnOnce(&mut AttestationSettings), setup: Setup) -> Server {
        let mut settings = self.settings();
        change(&mut settings);
        setup
            .with(REGISTRATION, "deviceKey", json!("required"))
            .configure(|configuration| configuration.push.attestation = Some(settings))
            .start()
    }
}

fn encoded(chain: &[Vec<u8>]) -> Value {
    chain.iter().map(|certificate| STANDARD.encode(certificate)).collect()
}

/// Returns a phone at this step with a key attested by the chain that `chain` builds from the registration's challenge.
fn attested(
    server: &Server,
    step: &Value,
    level: &str,
    presence: &str,
    chain: impl FnOnce(&Key, &[u8]) -> Vec<Vec<u8>>,
) -> Phone {
    let key = Key::make();
    let phone = scan_with(server, step, &key, level, presence);
    let challenge = challenge(&origin(server), &phone.message_id, &phone.challenge);
    phone.with("attestation", encoded(&chain(&key, &challenge)))
}
