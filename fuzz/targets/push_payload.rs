//! Treats arbitrary bytes as a platform's push delivery. The first byte chooses between two modes: as they are, to a
//! phone with one account in a real vault; or as the claims of an honestly signed message, whose guarantees are then
//! checked.
#![no_main]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use push_authenticator::phone::{
    CommunicationType, Device, DeviceFacts, Enrolment, HttpResponse, KeyChoice, KeyEncryption, KeyError, Phone, Platform,
    Received,
};
use push_authenticator::ports::{Clock, Entropy, EntropyUnavailable};
use push_authenticator::protocol::message::{Ask, CUSTOM_PAYLOAD_LIMIT, LONGEST_TIME_TO_LIVE_SECONDS, PushMessage};
use push_authenticator::protocol::text;
use push_authenticator::secret::{Reason, SecretBytes};
use ring::{digest, hmac};

/// Registration URI of the recorded account; its secret signed the messages in the corpus.
const CODE: &str = include_str!("../corpus/registration_uri/recorded-pushauth");
/// When the messages of the corpus were recorded, in epoch milliseconds.
const RECORDED_AT: i64 = 1_795_539_004_000;

struct Recording;

impl Clock for Recording {
    fn now(&self) -> i64 {
        RECORDED_AT
    }
}

/// Entropy that counts, so that every run is identical. The first 16 bytes are the recorded mechanism uid.
struct Counting(Mutex<u64>);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyUnavailable> {
        let mut count = self.0.lock().unwrap();
        if buffer.len() == 16 && *count < 1_000_000 {
            *count += 1_000_000;
            buffer.copy_from_slice(&0x5b7f_ba25_109a_4d2e_8da5_73d6_5307_85b9_u128.to_be_bytes());
            return Ok(());
        }
        *count += 1;
        for (index, byte) in buffer.iter_mut().enumerate() {
            *byte = (*count >> (8 * (index % 8))) as u8;
        }
        Ok(())
    }
}

struct Bare;

impl KeyEncryption for Bare {
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        Ok(data_key.expose(Reason::Seal).to_vec())
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        Ok(SecretBytes::new(wrapped.to_vec()))
    }
}

/// A phone with the recorded account.
static PHONE: LazyLock<(Phone, tempfile::TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let entropy = Arc::new(Counting(Mutex::new(0)));
    let phone = Phone::open(&folder.path().join("vault"), &Bare, Arc::new(Recording), entropy).unwrap();
    let device = Device {
        name: "Fuzzed".into(),
        platform: Platform::Android,
        push_token: "token".into(),
        communication_type: CommunicationType::Gcm,
    };
    let facts = DeviceFacts { biometric_available: true, tamper_score: 0.0 };
    let preview = phone.preview(CODE).unwrap();
    phone.enrol(preview, Enrolment { device, facts, slot: None, replace: false, key: KeyChoice::None }).unwrap();
    for request in phone.due().unwrap() {
        phone.delivered(&request.id, HttpResponse { status: 200, date: None, body: b"{}".to_vec() }).unwrap();
    }
    (phone, folder)
});

/// How many messages were pending after the previous input.
static PENDING: AtomicUsize = AtomicUsize::new(0);

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((b'=', claims)) => read_claims(claims),
        Some(_) => {
            let received = PHONE.0.receive(data);
            let pending = PHONE.0.pending().map(|pending| pending.len()).unwrap();
            let before = PENDING.swap(pending, Ordering::Relaxed);
            match received {
                Ok(Received::Message(notification)) => assert!(PHONE.0.notification(&notification.id).is_ok()),
                Ok(Received::Hint(hinted)) => {
                    assert_eq!(before, pending, "a hint, and something is kept");
                    assert!(PHONE.0.pull_account(&hinted.account_id, 0).is_ok());
                }
                Err(_) => assert_eq!(before, pending, "refused, and kept"),
            }
        }
        None => {}
    }
});

/// Checks claims under an honest signature: rejected, or read as promised.
fn read_claims(claims: &[u8]) {
    let secret = digest::digest(&digest::SHA256, b"rig secret");
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(claims));
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_ref()), signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(code.as_ref()));
    let Ok(message) = PushMessage::verify(&SecretBytes::new(secret.as_ref().to_vec()), &token) else { return };
    let message = message.get();
    assert!((1..=LONGEST_TIME_TO_LIVE_SECONDS).contains(&message.time_to_live_seconds));
    assert!(message.custom_payload.as_ref().is_none_or(|payload| payload.len() <= CUSTOM_PAYLOAD_LIMIT));
    if let Some(shown) = &message.text {
        assert_eq!(*shown, text::clean(shown, text::MESSAGE_LIMIT), "text that was not cleaned");
    }
    if let Some(cookie) = &message.cookie {
        assert!(!cookie.as_str().chars().any(char::is_control));
    }
    if let Ask::Number(numbers) = &message.ask {
        assert!(numbers.iter().all(|number| number.bytes().all(|byte| byte.is_ascii_digit())));
    }
}
