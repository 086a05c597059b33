//! Treats arbitrary bytes as a device's public key, a proof, a DER signature, or an object to serialize canonically.
//! Each is either rejected or serializes to the same value again, and no proof passes that the key did not sign.
#![no_main]

use libfuzzer_sys::fuzz_target;
use push_authenticator::protocol::canonical::canonical;
use push_authenticator::protocol::device_key::PublicKey;
use push_authenticator::protocol::jws::es256::{self, signature_from_der};
use push_authenticator::protocol::proof::{ANSWER_TYPE, AnswerProof};
use serde_json::{Map, Value};

/// A case of the project's vectors: its key, and its one valid proof.
const CASE: &str = include_str!("../../tests/vectors/proofs/answer-approve.json");

fuzz_target!(|data: &[u8]| {
    if let Some(signature) = signature_from_der(data) {
        assert!(data.len() <= 72, "longer than two integers of 33 bytes: {}", signature.len());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(key) = PublicKey::parse(text) {
        assert_eq!(PublicKey::parse(&key.jwk()).as_ref(), Ok(&key));
        assert_eq!(PublicKey::from_point(key.point()), Ok(key));
    }
    if let Ok(object) = serde_json::from_str::<Map<String, Value>>(text)
        && let Ok(written) = canonical(&object)
    {
        let again: Map<String, Value> = serde_json::from_str(&written).expect("canonical text is JSON");
        assert_eq!(again, object, "the canonical text says something else");
        assert_eq!(canonical(&again).as_deref(), Ok(written.as_str()), "it is written twice in two ways");
    }
    let case: Value = serde_json::from_str(CASE).expect("the vector");
    let key = PublicKey::parse(&case["jwk"].to_string()).expect("its key");
    if es256::verify::<AnswerProof>(&key, ANSWER_TYPE, text).is_ok() {
        let (header_and_claims, _) = text.rsplit_once('.').expect("three parts");
        assert!(case["token"].as_str().is_some_and(|token| token.starts_with(header_and_claims)), "a forged proof passed");
    }
});
