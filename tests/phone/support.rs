//! A phone with a fixed clock, scripted randomness and a simulated server. `ring` itself signs what the server signs,
//! not the code under test.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use push_authenticator::phone::{
    Account, AccountState, CommunicationType, Delivery, Device, DeviceFacts, Enrolment, HttpRequest, HttpResponse,
    KeyChoice, KeyEncryption, KeyError, Notification, Outcome, Phone, PhoneError, Platform, SlotWrapper,
};
use push_authenticator::ports::{Clock, Entropy, EntropyUnavailable, SystemEntropy};
use push_authenticator::secret::{Reason, SecretBytes};
use ring::hmac;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const NOW: i64 = 1_795_539_000_000;
pub(crate) const SECRET: [u8; 32] = *b"shared secret of 32 bytes length";
pub(crate) const REGISTER: &str = "https://am.example.com/am/push/sns/message?_action=register";
pub(crate) const AUTHENTICATE: &str = "https://am.example.com/am/push/sns/message?_action=authenticate";

pub(crate) struct FixedClock(AtomicI64);

impl FixedClock {
    pub(crate) fn set(&self, time: i64) {
        self.0.store(time, Ordering::SeqCst);
    }
    pub(crate) fn advance(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// Random, except for the 16-byte values that a test supplies beforehand.
pub(crate) struct ScriptedEntropy {
    system: SystemEntropy,
    script: Mutex<VecDeque<[u8; 16]>>,
}

impl ScriptedEntropy {
    pub(crate) fn next_is(&self, bytes: [u8; 16]) {
        self.script.lock().unwrap().push_back(bytes);
    }
}

impl Entropy for ScriptedEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyUnavailable> {
        if buffer.len() == 16
            && let Some(scripted) = self.script.lock().unwrap().pop_front()
        {
            buffer.copy_from_slice(&scripted);
            return Ok(());
        }
        self.system.fill(buffer)
    }
}

/// A key encryption key that is just good enough to tell right from wrong: it masks, and checks a marker.
pub(crate) struct MaskKey(pub(crate) u8);

impl KeyEncryption for MaskKey {
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        let marked = [&[0u8; 4], data_key.expose(Reason::Seal)].concat();
        Ok(marked.iter().map(|byte| byte ^ self.0).collect())
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        let bytes: Vec<u8> = wrapped.iter().map(|byte| byte ^ self.0).collect();
        match bytes.split_at_checked(4) {
            Some(([0, 0, 0, 0], data_key)) => Ok(SecretBytes::new(data_key.to_vec())),
            _ => Err(KeyError::Invalid),
        }
    }
}

/// A key store that is currently unavailable.
pub(crate) struct NoKey;

impl KeyEncryption for NoKey {
    fn wrap(&self, _: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        Err(KeyError::Unavailable)
    }
    fn unwrap(&self, _: &[u8]) -> Result<SecretBytes, KeyError> {
        Err(KeyError::Unavailable)
    }
}

/// A biometric key; [`Finger::unwrap`] unwraps what it wraps.
pub(crate) struct Finger;

impl Finger {
    pub(crate) fn unwrap(&self, wrapped: &[u8]) -> SecretBytes {
        SecretBytes::new(wrapped.iter().map(|byte| byte ^ 0x5a).collect())
    }
}

impl SlotWrapper for Finger {
    fn wrap(&self, slot: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        Ok(slot.expose(Reason::Seal).iter().map(|byte| byte ^ 0x5a).collect())
    }
}

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) entropy: Arc<ScriptedEntropy>,
    pub(crate) phone: Phone,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock(AtomicI64::new(NOW)));
        let entropy = Arc::new(ScriptedEntropy { system: SystemEntropy::new(), script: Mutex::new(VecDeque::new()) });
        let phone = Phone::open(&folder.path().join("vault"), &MaskKey(0x33), clock.clone(), entropy.clone()).unwrap();
        Self { folder, clock, entropy, phone }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    /// Opens the same vault as another process would, or the same one after being killed.
    pub(crate) fn open(&self) -> Result<Phone, PhoneError> {
        self.open_with(&MaskKey(0x33))
    }

    pub(crate) fn open_with(&self, key: &dyn KeyEncryption) -> Result<Phone, PhoneError> {
        Phone::open(&self.file(), key, self.clock.clone(), self.entropy.clone())
    }

    pub(crate) fn sql(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file()).unwrap()
    }

    pub(crate) fn enrol(&self, code: &str) -> Result<Account, PhoneError> {
        self.phone.enrol(self.phone.preview(code)?, enrolment())
    }

    /// Returns an active account and the mechanism uid by which the server knows it.
    pub(crate) fn active(&self) -> Credential {
        self.active_with(&code(&[]), enrolment())
    }

    pub(crate) fn active_with(&self, code: &str, enrolment: Enrolment<'_>) -> Credential {
        let account = self.phone.enrol(self.phone.preview(code).unwrap(), enrolment).unwrap();
        assert_eq!(account.state, AccountState::Enrolling);
        let request = only(self.phone.due().unwrap());
        let delivery = self.phone.delivered(&request.id, response(200)).unwrap();
        assert_eq!(delivery, Delivery::Done(Outcome::AccountActive { account_id: account.id.clone() }));
        Credential { account_id: account.id, mechanism_uid: mechanism_uid(&request) }
    }
}

pub(crate) struct Credential {
    pub(crate) account_id: String,
    pub(crate) mechanism_uid: String,
}

impl Credential {
    /// Returns the claims of a plain message sent now, with changes (`null` removes a claim).
    pub(crate) fn claims(&self, number: u8, changes: Value) -> Value {
        let mut claims = json!({
            "c": STANDARD.encode([number; 32]), "l": STANDARD.encode("amlbcookie=02"), "t": "120",
            "u": self.mechanism_uid, "i": NOW.to_string(), "m": "Login attempt from demo at Ping", "k": "default",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        claims
    }

    pub(crate) fn push(&self, number: u8, changes: Value) -> String {
        sign(&SECRET, &self.claims(number, changes))
    }

    /// Sends message `number` to the phone.
    pub(crate) fn send(&self, phone: &Phone, number: u8, changes: Value) -> Result<Notification, PhoneError> {
        phone.receive_message(&message_id(number), &self.push(number, changes))
    }
}

pub(crate) fn message_id(number: u8) -> String {
    format!("AUTHENTICATE:00000000-0000-4000-8000-{number:012}")
}

pub(crate) fn sign(secret: &[u8], claims: &Value) -> String {
    let body = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body.as_bytes());
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(code.as_ref()))
}

/// Returns the claims of the signed message in a body, after checking its signature.
pub(crate) fn claims_of(body: &[u8], secret: &[u8]) -> Value {
    let body: Value = serde_json::from_slice(body).unwrap();
    let (signed, code) = body["jwt"].as_str().unwrap().rsplit_once('.').unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(code).unwrap()).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap()).unwrap()
}

pub(crate) fn mechanism_uid(registration: &HttpRequest) -> String {
    claims_of(&registration.body, &SECRET)["mechanismUid"].as_str().unwrap().to_owned()
}

/// Returns a registration URI; changes replace a parameter with this value or remove it.
pub(crate) fn code(changes: &[(&str, Option<&str>)]) -> String {
    code_for("Ping:demo", changes)
}

pub(crate) fn code_for(label: &str, changes: &[(&str, Option<&str>)]) -> String {
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let mut parameters = vec![
        ("l", encode("amlbcookie=01")),
        ("issuer", encode("Ping")),
        ("m", "REGISTER:11111111-2222-3333-4444-5555555555551700000000000".to_owned()),
        ("s", URL_SAFE_NO_PAD.encode(SECRET)),
        ("c", URL_SAFE_NO_PAD.encode([9u8; 32])),
        ("r", encode(REGISTER)),
        ("a", encode(AUTHENTICATE)),
        ("b", "519387".to_owned()),
    ];
    for (key, value) in changes {
        parameters.retain(|(name, _)| name != key);
        parameters.extend(value.map(|value| (*key, value.to_owned())));
    }
    let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("pushauth://push/{label}?{}", query.join("&"))
}

pub(crate) fn base64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

pub(crate) fn enrolment() -> Enrolment<'static> {
    Enrolment { device: device(), facts: clean_facts(), slot: None, replace: false, key: KeyChoice::None }
}

pub(crate) fn device() -> Device {
    Device {
        name: "Google Pixel 8".into(),
        platform: Platform::Android,
        push_token: "fcm-token-0123456789".into(),
        communication_type: CommunicationType::Gcm,
    }
}

pub(crate) fn clean_facts() -> DeviceFacts {
    DeviceFacts { biometric_available: true, tamper_score: 0.0 }
}

pub(crate) fn response(status: u16) -> HttpResponse {
    HttpResponse { status, date: None, body: b"{}".to_vec() }
}

pub(crate) fn response_with(status: u16, body: Value) -> HttpResponse {
    HttpResponse { status, date: None, body: body.to_string().into_bytes() }
}

pub(crate) fn only<T: std::fmt::Debug>(mut items: Vec<T>) -> T {
    assert_eq!(items.len(), 1, "{items:?}");
    items.remove(0)
}
