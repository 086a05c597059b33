//! The phone's process is killed between sending an HTTP request and hearing the answer. Registrations and answers both
//! end well.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use push_authenticator::phone::{
    AccountState, Delivery, HttpResponse, KeyEncryption, KeyError, NotificationState, Outcome, Phone as Core,
};
use push_authenticator::ports::{Clock, EpochMilliseconds, SystemClock, SystemEntropy};
use push_authenticator::secret::SecretBytes;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::relay::Relay;
use crate::setup::{Phone, Server, hidden_value, program};

/// The vault key of the command line's phone: a nonce of 12 bytes, then AES-256-GCM under the key in the file.
struct FileKey(PathBuf);

impl KeyEncryption for FileKey {
    fn wrap(&self, _data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        panic!("the vault is there already")
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &std::fs::read(&self.0).unwrap()).unwrap());
        let mut bytes = wrapped[12..].to_vec();
        let nonce = Nonce::try_assume_unique_for_key(&wrapped[..12]).unwrap();
        let length = key.open_in_place(nonce, Aad::empty(), &mut bytes).map_err(|_| KeyError::Invalid)?.len();
        bytes.truncate(length);
        Ok(SecretBytes::new(bytes))
    }
}

/// A clock past the lease of whatever was sent a moment ago.
struct Later;

impl Clock for Later {
    fn now(&self) -> EpochMilliseconds {
        SystemClock.now() + 61_000
    }
}

/// Opens the phone core, a minute after the kill.
fn reopen(phone: &Phone) -> Core {
    let key = FileKey(phone.folder().join("vault.key"));
    Core::open(&phone.folder().join("vault.db"), &key, Arc::new(Later), Arc::new(SystemEntropy::new())).unwrap()
}

/// Runs a verb and kills its process after the server has the HTTP request and before the phone has the answer.
fn run_and_kill(phone: &Phone, relay: &Relay, arguments: &[&str]) {
    relay.fall_silent(true);
    let mut child = program()
        .args(["phone", "--vault", phone.folder().to_str().unwrap()])
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    relay.wait_for_one();
    child.kill().unwrap();
    child.wait().unwrap();
    relay.fall_silent(false);
}

/// Sends what is due and reports the answers; the bodies must be those of the killed process.
fn send_again(core: &Core, relay: &Relay) -> Delivery {
    let killed = relay.seen().pop().unwrap();
    assert_eq!(killed.status, 200, "the server took the killed process's request");
    let due = core.due().unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].body, killed.body.as_bytes(), "the very same bytes");
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.post(&due[0].url);
    for (name, value) in &due[0].headers {
        request = request.header(name, value);
    }
    let mut response = request.send(&due[0].body[..]).unwrap();
    relay.wait_for_one();
    let body = response.body_mut().read_to_vec().unwrap();
    core.delivered(&due[0].id, HttpResponse { status: response.status().as_u16(), date: None, body }).unwrap()
}

fn start() -> (Relay, Server, Phone) {
    let relay = Relay::start();
    let server = Server::start(|journey| journey, &format!("public_url = \"http://{}/am\"", relay.address));
    relay.lead_to(&server.address);
    (relay, server, Phone::new())
}

#[test]
fn a_registration() {
    let (relay, server, phone) = start();
    let (step, uri) = server.offer();
    run_and_kill(&phone, &relay, &["scan", &uri]);
    let core = reopen(&phone);
    assert_eq!(core.accounts().unwrap()[0].state, AccountState::Enrolling);
    assert!(matches!(send_again(&core, &relay), Delivery::Done(Outcome::AccountActive { .. })));
    assert_eq!(core.accounts().unwrap()[0].state, AccountState::Active);
    let codes = server.next(&step);
    assert!(codes["callbacks"][0]["output"][0]["value"].as_str().unwrap().contains("Recovery Codes"));
    let devices = server.verb(&["device", "list"], "").done();
    assert_eq!(devices.as_array().unwrap().len(), 1, "registered once");
}

#[test]
fn an_answer() {
    let (relay, server, phone) = start();
    let (step, uri) = server.offer();
    phone.verb(&["scan", &uri]).done();
    // The registration, and the query whether the server hands out messages.
    relay.wait_for_one();
    relay.wait_for_one();
    let waiting = server.next(&server.next(&step));
    let number = hidden_value(&waiting).unwrap();
    let message = phone.only_pending();
    while relay.seen().last().unwrap().response.len() < 20 {
        relay.wait_for_one();
    }
    relay.wait_for_one();
    let id = message["id"].as_str().unwrap();
    run_and_kill(&phone, &relay, &["approve", id, "--number", &number]);
    assert!(server.next(&waiting)["tokenId"].is_string(), "the server heard the answer");
    let core = reopen(&phone);
    assert_eq!(core.notification(id).unwrap().state, NotificationState::Answering);
    let delivery = send_again(&core, &relay);
    assert_eq!(
        delivery,
        Delivery::Done(Outcome::Notification { notification_id: id.to_owned(), state: NotificationState::Approved })
    );
}
