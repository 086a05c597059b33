//! The examples of docs/wire.md, read from there and reproduced byte for byte.

use serde_json::Value;

use push_authenticator::protocol::device_key::{KeyLevel, PublicKey, UserPresence};
use push_authenticator::protocol::display_digest::{shown_digest, shown_text};
use push_authenticator::protocol::jws::{sign, verify};
use push_authenticator::protocol::message::{
    AnswerClaims, Ask, Decision, DeviceBody, PushMessage, RefreshClaims, RegistrationClaims, SignedBody,
    response_is_right, sign_answer, sign_proved_answer,
};
use push_authenticator::protocol::proof::{
    AnswerProof, Binding, DenyReason, ExpectedAnswer, ProvedDecision, RegistrationProof, sign_keyed_registration,
    verify_registration,
};
use push_authenticator::protocol::pull::{ExpectedPull, Hint, PullClaims, PullProof};
use push_authenticator::protocol::uri::{Registration, parse, print};
use push_authenticator::secret::{Reason, SecretBytes};

const DOCUMENT: &str = include_str!("../../docs/wire.md");

fn secret() -> SecretBytes {
    SecretBytes::new((1..=32).collect())
}

/// The key of RFC 6979, appendix A.2.5.
fn key() -> PublicKey {
    let jwk = r#"{"kty":"EC","crv":"P-256","x":"YP7UuiVanTHJYet0xjVtaMBJuJI7Yfps5mliLmDyn7Y","y":"eQP-EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk"}"#;
    PublicKey::parse(jwk).unwrap()
}

/// Returns the block under this bold line in the section with the examples.
fn example(name: &str) -> &'static str {
    let (_, section) = DOCUMENT.split_once("## 12. Examples").unwrap();
    let (_, after) = section.split_once(&format!("**{name}**")).unwrap_or_else(|| panic!("{name} is missing"));
    let (_, after) = after.split_once("\n\n```\n").unwrap();
    after.split_once("\n```").unwrap().0
}

fn signed(name: &str) -> SignedBody {
    let body: SignedBody = serde_json::from_str(example(name)).unwrap();
    assert_eq!(serde_json::to_string(&body).unwrap(), example(name));
    body
}

fn of_device(name: &str) -> DeviceBody {
    let body: DeviceBody = serde_json::from_str(example(name)).unwrap();
    assert_eq!(serde_json::to_string(&body).unwrap(), example(name));
    assert_eq!(body.mechanism_uid, "5b7fba25-109a-4d2e-8da5-73d6530785b9");
    body
}

#[test]
fn the_registration_code_is_read_and_written_as_it_stands() {
    let text = example("Registration URI");
    let Registration::Push(registration) = parse(text).unwrap() else { panic!("another kind") };
    assert_eq!((registration.issuer.as_str(), registration.account.as_str()), ("Example Bank", "ada"));
    assert_eq!(registration.host(), "login.example.com");
    assert!(registration.secret == secret());
    assert_eq!(print(&registration).expose(Reason::HandOver), text);
}

#[test]
fn the_registration_is_signed_as_it_stands() {
    let body = signed("Registration body");
    let claims = verify::<RegistrationClaims>(&secret(), &body.jwt).ok().unwrap().into_inner();
    let challenge: Vec<u8> = (0x20..0x40).collect();
    assert!(response_is_right(&secret(), &challenge, &claims.response));
    assert_eq!(sign(&secret(), &claims).unwrap(), body.jwt);
}

#[test]
fn the_push_message_and_its_answers_are_signed_as_they_stand() {
    let text = example("Push message");
    let message = PushMessage::verify(&secret(), text).ok().unwrap();
    assert_eq!(message.get().ask, Ask::Number(["34", "43", "57"].map(str::to_owned)));
    assert_eq!(message.get().sign(&secret()).unwrap(), text);
    let delivered: Value = serde_json::from_str(example("FCM data")).unwrap();
    assert_eq!(delivered["data"]["message"], text);
    for (name, decision) in [("Answer that taps 43", Decision::Number("43")), ("Answer that denies", Decision::Deny)] {
        let body = signed(name);
        assert_eq!(body.message_id, delivered["data"]["messageId"].as_str().unwrap());
        assert_eq!(sign_answer(&secret(), &message, decision).unwrap(), body.jwt, "{name}");
    }
}

#[test]
fn refresh_and_pull_are_signed_as_they_stand() {
    let jwt = of_device("Token refresh body").jwt;
    let claims = verify::<RefreshClaims>(&secret(), &jwt).ok().unwrap().into_inner();
    assert!(!claims.is_of_another_kind());
    assert_eq!(sign(&secret(), &claims).unwrap(), jwt);
    let jwt = of_device("Pull body").jwt;
    let claims = verify::<PullClaims>(&secret(), &jwt).ok().unwrap().into_inner();
    assert_eq!((claims.aud.as_str(), claims.wait), ("pending", 0));
    assert_eq!(sign(&secret(), &claims).unwrap(), jwt);
}

/// Every proof has a new signature, so this test uses the example's proof unchanged.
#[test]
fn the_pull_with_a_proof_is_signed_as_it_stands_and_its_proof_holds() {
    let jwt = of_device("Pull body with a proof").jwt;
    let claims = verify::<PullClaims>(&secret(), &jwt).ok().unwrap().into_inner();
    assert_eq!(sign(&secret(), &claims).unwrap(), jwt);
    let plain = verify::<PullClaims>(&secret(), &of_device("Pull body").jwt).ok().unwrap().into_inner();
    assert!(PullClaims { proof: None, ..claims.clone() } == plain, "the same pull");
    let pull = ExpectedPull {
        mechanism_uid: &claims.sub,
        audience: "https://login.example.com",
        iat: claims.iat,
        nonce: &claims.nonce,
    };
    let proof = claims.proof.as_deref().unwrap();
    assert_eq!(PullProof::verify(&key(), proof, pull, claims.iat), Ok(()));
}

/// As for the pull, this test uses the example's proof unchanged.
#[test]
fn the_registration_with_a_key_is_signed_as_it_stands_and_its_proof_holds() {
    let body = signed("Registration body with a key");
    let (claims, found) = verify_registration(&secret(), &body.jwt).ok().unwrap();
    let found = found.unwrap().unwrap();
    assert_eq!(sign_keyed_registration(&secret(), &claims, &found).unwrap(), body.jwt);
    let plain = verify::<RegistrationClaims>(&secret(), &signed("Registration body").jwt).ok().unwrap().into_inner();
    assert!(claims == plain, "the same registration");
    assert_eq!((found.jwk, found.key_level, found.user_presence), (key(), KeyLevel::Tee, UserPresence::Biometric));
    let challenge: Vec<u8> = (0x20..0x40).collect();
    let audience = "https://login.example.com";
    let binding = Binding { message_id: &body.message_id, challenge: &challenge, audience };
    assert!(RegistrationProof::verify(&key(), &found.proof, binding, 1_796_040_010).is_ok());
}

#[test]
fn answers_with_a_proof_are_signed_as_they_stand_and_their_proofs_hold() {
    let message = PushMessage::verify(&secret(), example("Push message")).ok().unwrap();
    let (text, shown) = example("What was displayed").split_once('\n').unwrap();
    assert_eq!(shown_text(message.get(), "Example Bank", "ada").unwrap(), text);
    assert_eq!(shown_digest(message.get(), "Example Bank", "ada").unwrap(), shown);
    let (approve, deny) = (ProvedDecision::Approve, ProvedDecision::Deny);
    for (name, plain, decision, number, reason) in [
        ("Answer that taps 43, with a proof", Decision::Number("43"), approve, Some("43"), None),
        ("Answer that denies as not-me, with a proof", Decision::Deny, deny, None, Some(DenyReason::NotMe)),
    ] {
        let body = signed(name);
        let proof = verify::<AnswerClaims>(&secret(), &body.jwt).ok().unwrap().into_inner().proof.unwrap();
        assert_eq!(sign_proved_answer(&secret(), &message, plain, Some(proof.clone())).unwrap(), body.jwt, "{name}");
        let (challenge, audience) = (&message.get().challenge, "https://login.example.com");
        let binding = Binding { message_id: &body.message_id, challenge, audience };
        let expected = ExpectedAnswer { decision, number, shown };
        let found = AnswerProof::verify(&key(), &proof, binding, expected, 1_796_040_070).unwrap();
        assert_eq!(found.get().reason, reason, "{name}");
    }
}

#[test]
fn hints_are_written_as_they_stand() {
    let message: Value = serde_json::from_str(example("FCM data")).unwrap();
    let google: Value = serde_json::from_str(example("Hint, FCM data")).unwrap();
    let hint: Hint = serde_json::from_value(google["data"].clone()).unwrap();
    assert!(hint.is_well_formed());
    assert_eq!(hint.mechanism_uid, "5b7fba25-109a-4d2e-8da5-73d6530785b9");
    assert_eq!(hint.message_id, message["data"]["messageId"].as_str().unwrap());
    let written = format!(r#"{{"data":{}}}"#, serde_json::to_string(&hint).unwrap());
    assert_eq!(written, example("Hint, FCM data"));
}

/// What the server hands to Amazon SNS is what the document says.
#[cfg(feature = "server")]
#[test]
fn the_envelope_of_a_hint_is_written_as_it_stands() {
    use push_authenticator::server::push::sns::envelope::Envelope;
    let google: Value = serde_json::from_str(example("Hint, FCM data")).unwrap();
    let hint: Hint = serde_json::from_value(google["data"].clone()).unwrap();
    let envelope = Envelope::of_hint(&hint);
    let published: Value = serde_json::from_str(&envelope.message).unwrap();
    assert_eq!(published["APNS"], example("Hint, APNs payload"));
    assert_eq!(published["APNS_SANDBOX"], published["APNS"]);
    let sent: Value = serde_json::from_str(published["GCM"].as_str().unwrap()).unwrap();
    assert_eq!(sent, serde_json::json!({"priority": "high", "data": google["data"]}));
    assert_eq!(envelope.subject.as_deref(), published["default"].as_str());
}
