//! Proofs of device keys: the cases under tests/vectors/proofs, one file each, and Project Wycheproof's signatures.

use push_authenticator::protocol::attestation::client_data_hash;
use push_authenticator::protocol::device_key::PublicKey;
use push_authenticator::protocol::display_digest::{shown_digest, shown_text};
use push_authenticator::protocol::jws::es256;
use push_authenticator::protocol::message::{CommunicationType, PushMessage, RegistrationClaims};
use push_authenticator::protocol::proof::{
    AnswerProof, Binding, DenyReason, ExpectedAnswer, KeyClaims, ProofError, ProvedDecision, RegistrationProof,
    sign_keyed_registration, verify_registration,
};
use push_authenticator::protocol::pull::{ExpectedPull, PullProof};
use push_authenticator::protocol::{device_key, jws};
use push_authenticator::secret::{Reason, SecretBytes};
use serde_json::{Value, json};
use wycheproof::TestResult;
use wycheproof::ecdsa::{TestName, TestSet};

use crate::vectors::{cases, unhex};

fn judge(case: &Value) -> Value {
    let expected = &case["expected"];
    let (token, now) = (case["token"].as_str().unwrap(), expected["now"].as_i64().unwrap());
    let key = PublicKey::parse(&case["jwk"].to_string()).unwrap();
    let refused = |error: ProofError| json!({"accepted": false, "error": error.code()});
    if case["kind"] == "pull" {
        let pull = ExpectedPull {
            mechanism_uid: expected["mechanism_uid"].as_str().unwrap(),
            audience: expected["audience"].as_str().unwrap(),
            iat: expected["iat"].as_i64().unwrap(),
            nonce: expected["nonce"].as_str().unwrap(),
        };
        return PullProof::verify(&key, token, pull, now).map_or_else(refused, |()| json!({"accepted": true}));
    }
    let challenge = unhex(expected["challenge"].as_str().unwrap());
    let binding = Binding {
        message_id: expected["message_id"].as_str().unwrap(),
        challenge: challenge.expose(Reason::Authenticate),
        audience: expected["audience"].as_str().unwrap(),
    };
    if case["kind"] == "registration" {
        return RegistrationProof::verify(&key, token, binding, now)
            .map_or_else(refused, |_| json!({"accepted": true}));
    }
    let answer = ExpectedAnswer {
        decision: if expected["decision"] == "deny" { ProvedDecision::Deny } else { ProvedDecision::Approve },
        number: expected["number"].as_str(),
        shown: expected["shown"].as_str().unwrap(),
    };
    match AnswerProof::verify(&key, token, binding, answer, now) {
        Ok(proof) => json!({"accepted": true, "reason": proof.get().reason.map(DenyReason::name)}),
        Err(error) => refused(error),
    }
}

#[test]
fn proofs_are_accepted_or_refused_as_the_vectors_say() {
    let (attestations, others): (Vec<_>, Vec<_>) =
        cases("proofs").into_iter().partition(|case| case["kind"] == "attestation");
    let (shown, proofs): (Vec<_>, Vec<_>) = others.into_iter().partition(|case| case["kind"] == "shown");
    assert_eq!(attestations.len(), 2);
    for case in attestations {
        let [message_id, audience] = ["message_id", "audience"].map(|name| case[name].as_str().unwrap());
        let [registration, attested, client_data] =
            ["challenge", "attestation_challenge", "client_data_hash"].map(|name| unhex(case[name].as_str().unwrap()));
        let binding = Binding { message_id, challenge: registration.expose(Reason::Authenticate), audience };
        let challenge = binding.attestation_challenge();
        assert_eq!(challenge.as_slice(), attested.expose(Reason::Authenticate), "{}", case["name"]);
        let key = PublicKey::parse(&case["jwk"].to_string()).unwrap();
        let hash = client_data_hash(&challenge, &key);
        assert_eq!(hash.as_slice(), client_data.expose(Reason::Authenticate), "{}", case["name"]);
    }
    let accepted = proofs.iter().filter(|case| case["accepted"] == true).count();
    assert!(proofs.iter().filter(|case| case["kind"] == "pull").count() >= 25, "those of pulls, too");
    assert!(shown.len() >= 5 && accepted >= 10 && proofs.len() - accepted > 40, "the vectors were found");
    let mut wrong = Vec::new();
    for case in proofs {
        let found = judge(&case);
        if ["accepted", "reason", "error"].iter().any(|member| found.get(member) != case.get(member)) {
            wrong.push(format!("{}: {found}", case["name"]));
        }
    }
    for case in shown {
        let message = PushMessage::verify(&unhex(case["secret"].as_str().unwrap()), case["message"].as_str().unwrap());
        let message = message.ok().unwrap().into_inner();
        let [issuer, account] = ["issuer", "account"].map(|name| case[name].as_str().unwrap());
        assert_eq!(shown_text(&message, issuer, account).unwrap(), case["text"], "{}", case["name"]);
        assert_eq!(shown_digest(&message, issuer, account).unwrap(), case["digest"], "{}", case["name"]);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Project Wycheproof, `ecdsa_secp256r1_sha256_p1363_test`: signatures as r and s.
#[test]
fn signatures_are_judged_as_project_wycheproof_says() {
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256P1363).unwrap();
    let (mut right, mut wrong) = (0, 0);
    for group in &set.test_groups {
        let key = PublicKey::from_point(&group.key.key).unwrap();
        assert_eq!(PublicKey::parse(&key.jwk()), Ok(key.clone()), "every key comes back from its JWK");
        for test in &group.tests {
            let taken = es256::signature_is_right(&key, &test.msg, &test.sig);
            assert_eq!(taken, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            if taken { right += 1 } else { wrong += 1 }
        }
    }
    assert!(right > 100 && wrong > 50, "{right} right and {wrong} wrong signatures");
}

/// The same signatures in DER, as hardware returns them, converted to r and s.
#[test]
fn der_signatures_of_project_wycheproof_are_judged_alike() {
    let set = TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap();
    let mut right = 0;
    for group in &set.test_groups {
        let key = PublicKey::from_point(&group.key.key).unwrap();
        for test in &group.tests {
            let signature = es256::signature_from_der(&test.sig);
            let taken = signature.is_some_and(|signature| es256::signature_is_right(&key, &test.msg, &signature));
            assert_eq!(taken, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
            right += usize::from(taken);
        }
    }
    assert!(right > 100, "{right} right signatures");
}

/// RFC 6979 appendix A.2.5, SHA-256 over "sample": r and s.
#[test]
fn the_signature_of_rfc_6979_is_right() {
    let key = cases("proofs").into_iter().find(|case| case["name"] == "answer-approve").unwrap()["jwk"].to_string();
    let signature = unhex(
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716\
         F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    );
    let key = PublicKey::parse(&key).unwrap();
    assert!(es256::signature_is_right(&key, b"sample", signature.expose(Reason::Authenticate)));
    assert!(!es256::signature_is_right(&key, b"Sample", signature.expose(Reason::Authenticate)));
}

/// The phone produces what the vectors hold, except for the signature, which is new each time.
#[test]
fn the_claims_of_a_pull_are_written_as_the_vector_says() {
    let case = cases("proofs").into_iter().find(|case| case["name"] == "pull").unwrap();
    let pull = ExpectedPull {
        mechanism_uid: "5b7fba25-109a-4d2e-8da5-73d6530785b9",
        audience: "https://login.example.com",
        iat: 1_893_456_000,
        nonce: "AAECAwQFBgcICQoLDA0ODw",
    };
    let key = PublicKey::parse(&case["jwk"].to_string()).unwrap();
    let input = PullProof::new(pull, &key).signing_input().unwrap();
    let (signed, _) = case["token"].as_str().unwrap().rsplit_once('.').unwrap();
    assert_eq!(String::from_utf8_lossy(input.as_bytes()), signed);
}

fn registration() -> RegistrationClaims {
    RegistrationClaims {
        device_type: "android".to_owned(),
        mechanism_uid: "uid".to_owned(),
        response: "code".to_owned(),
        communication_type: CommunicationType::Embedded,
        device_id: "token".to_owned(),
        device_name: "phone".to_owned(),
    }
}

#[test]
fn a_registration_says_all_of_its_key_or_nothing() {
    let secret = SecretBytes::new(vec![7; 32]);
    let case = cases("proofs").into_iter().find(|case| case["name"] == "registration").unwrap();
    let key = KeyClaims {
        jwk: PublicKey::parse(&case["jwk"].to_string()).unwrap(),
        key_level: device_key::KeyLevel::Strongbox,
        user_presence: device_key::UserPresence::Biometric,
        attestation: Some(vec!["AQID".to_owned()]),
        proof: case["token"].as_str().unwrap().to_owned(),
    };
    let jwt = sign_keyed_registration(&secret, &registration(), &key).unwrap();
    let (read, found) = verify_registration(&secret, &jwt).unwrap();
    assert!(read == registration());
    let printed = format!("{key:?}");
    assert!(printed.contains("Strongbox") && !printed.contains(&key.proof), "{printed}");
    assert_eq!(found, Ok(Some(key)));
    let claims: serde_json::Map<String, Value> = jws::peek(&jwt).unwrap();
    let read = |claims: &serde_json::Map<String, Value>| {
        verify_registration(&secret, &jws::sign(&secret, claims).unwrap()).unwrap().1
    };
    let names = ["jwk", "keyLevel", "userPresence", "proof"];
    for name in names {
        let mut fewer = claims.clone();
        fewer.remove(name);
        assert_eq!(read(&fewer), Err(ProofError::BadKey), "without {name}");
        let mut null = claims.clone();
        null.insert(name.to_owned(), Value::Null);
        assert_eq!(read(&null), Err(ProofError::BadKey), "{name} is null");
        let mut alone = claims.clone();
        alone.retain(|other, _| other == name || !names.contains(&other.as_str()));
        assert_eq!(read(&alone), Err(ProofError::BadKey), "{name} alone");
    }
    for chain in [json!(["not base64"]), json!("AQID"), json!(vec!["AQID"; 11])] {
        let mut other = claims.clone();
        other.insert("attestation".to_owned(), chain.clone());
        assert_eq!(read(&other), Err(ProofError::BadKey), "{chain}");
    }
    let mut empty = claims.clone();
    empty.insert("attestation".to_owned(), json!([]));
    assert_eq!(read(&empty).unwrap().unwrap().attestation, None, "which attests nothing");
    let mut plain = claims;
    plain.retain(|name, _| !names.contains(&name.as_str()) && name != "attestation");
    assert_eq!(read(&plain), Ok(None));
}
