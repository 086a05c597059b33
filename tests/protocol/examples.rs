//! The examples of docs/wire.md, read from there and made again byte for byte.

use serde_json::Value;

use push_authenticator::protocol::jws::{sign, verify};
use push_authenticator::protocol::message::{
    Ask, Decision, DeviceBody, PushMessage, RefreshClaims, RegistrationClaims, SignedBody, response_is_right,
    sign_answer,
};
use push_authenticator::protocol::pull::PullClaims;
use push_authenticator::protocol::uri::{Registration, parse, print};
use push_authenticator::secret::{Reason, SecretBytes};

const DOCUMENT: &str = include_str!("../../docs/wire.md");

fn secret() -> SecretBytes {
    SecretBytes::new((1..=32).collect())
}

/// The block under this bold line of the section about examples.
fn example(name: &str) -> &'static str {
    let (_, section) = DOCUMENT.split_once("## 12. Examples").unwrap();
    let (_, after) = section.split_once(&format!("**{name}**\n\n```\n")).unwrap_or_else(|| panic!("{name} is missing"));
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
