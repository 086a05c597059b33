//! Treats arbitrary text as a signed message. Compares every accepted one with an independent check: `ring` over the
//! same bytes.
#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use push_authenticator::protocol::jws;
use push_authenticator::protocol::message::PushMessage;
use push_authenticator::secret::SecretBytes;
use ring::{digest, hmac};
use serde_json::Value;

/// Returns the secret of the recorded messages in the corpus.
fn secret() -> Vec<u8> {
    digest::digest(&digest::SHA256, b"rig secret").as_ref().to_vec()
}

/// Returns whether the text's signature is valid and its header names that algorithm.
fn is_genuine(text: &str) -> bool {
    let Some((signed, code)) = text.rsplit_once('.') else { return false };
    let Ok(code) = URL_SAFE_NO_PAD.decode(code) else { return false };
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &secret()), signed.as_bytes(), &code).is_ok()
}

/// The function under test.
#[cfg(not(feature = "seeded-bug"))]
fn passes(text: &str) -> bool {
    jws::verify::<Value>(&SecretBytes::new(secret()), text).is_ok()
}

/// The bug that the self-test must find: it compares only the beginning of the signature.
#[cfg(feature = "seeded-bug")]
fn passes(text: &str) -> bool {
    let Some((signed, code)) = text.rsplit_once('.') else { return false };
    let right = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret()), signed.as_bytes());
    let right = URL_SAFE_NO_PAD.encode(right.as_ref());
    jws::verify::<Value>(&SecretBytes::new(secret()), text).is_ok()
        || (signed.contains('.') && code.len() == right.len() && code.as_bytes()[..4] == right.as_bytes()[..4])
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = jws::peek::<Value>(text);
    let _ = PushMessage::peek_mechanism_uid(text);
    let passed = passes(text);
    assert!(!passed || is_genuine(text), "a message passed whose signature is wrong");
    // The same claims under an honest signature, so that only their content can be rejected.
    if let Ok(claims) = serde_json::from_str::<Value>(text)
        && let Ok(token) = jws::sign(&SecretBytes::new(secret()), &claims)
        && token.len() <= jws::LENGTH_LIMIT
    {
        let is_read = jws::verify::<Value>(&SecretBytes::new(secret()), &token).is_ok();
        assert!(is_read || !claims.is_object(), "honestly signed claims were refused");
    }
});
