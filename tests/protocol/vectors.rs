//! The cases under tests/vectors/uris, tests/vectors/codes and tests/vectors/messages, one file each.

use std::fs;
use std::path::Path;

use push_authenticator::phone::PhoneError;
use push_authenticator::protocol::message::{Ask, Decision, PushMessage, sign_answer};
use push_authenticator::protocol::oath::{Algorithm, Moving, derive_code, period_at};
use push_authenticator::protocol::uri::{OathRegistration, PushRegistration, Registration, parse};
use push_authenticator::secret::{Reason, SecretBytes};
use serde_json::{Value, json};

pub fn cases(folder: &str) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(folder);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|file| {
            let case: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            assert_eq!(case["name"].as_str().unwrap(), file.file_stem().unwrap());
            case
        })
        .collect()
}

fn hex(secret: &SecretBytes) -> String {
    secret.expose(Reason::Authenticate).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> SecretBytes {
    let bytes = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap());
    SecretBytes::new(bytes.collect())
}

fn show_push(push: &PushRegistration) -> Value {
    json!({
        "registration_endpoint": push.registration_endpoint.as_str(),
        "authentication_endpoint": push.authentication_endpoint.as_str(),
        "secret": hex(&push.secret),
        "challenge": hex(&push.challenge),
        "message_id": push.message_id,
        "cookie": push.cookie.as_ref().map(|cookie| cookie.as_str()),
        "device_id": push.device_id,
    })
}

fn show_oath(oath: &OathRegistration) -> Value {
    let (period, counter) = match oath.settings.moving {
        Moving::Time { period_seconds } => (Some(period_seconds), None),
        Moving::Counter { next } => (None, Some(next)),
    };
    json!({
        "secret": hex(&oath.secret),
        "algorithm": oath.settings.algorithm.name(),
        "digits": oath.settings.digits,
        "period": period,
        "counter": counter,
        "device_id": oath.device_id,
    })
}

fn show(registration: &Registration) -> Value {
    let (push, oath) = (registration.push(), registration.oath());
    let codes = oath.map(|oath| match oath.settings.moving {
        Moving::Time { .. } => "totp",
        Moving::Counter { .. } => "hotp",
    });
    // If both halves state a value, they must agree.
    macro_rules! both {
        ($field:ident) => {{
            let values = [push.map(|push| json!(push.$field)), oath.map(|oath| json!(oath.$field))];
            let mut values = values.into_iter().flatten();
            let first = values.next().unwrap();
            assert!(values.all(|other| other == first), "{}", stringify!($field));
            first
        }};
    }
    json!({
        "issuer": both!(issuer),
        "account": both!(account),
        "host": push.map(PushRegistration::host),
        "kinds": push.map(|_| "push").into_iter().chain(codes).collect::<Vec<_>>(),
        "user_id": both!(user_id),
        "colour": both!(colour),
        "logo": both!(logo),
        "policies": match registration {
            Registration::Push(push) | Registration::Both { push, .. } => &push.policies,
            Registration::Oath(oath) => &oath.policies,
        }.iter().map(|policy| policy.name()).collect::<Vec<_>>(),
        "push": push.map(show_push),
        "oath": oath.map(show_oath),
    })
}

#[test]
fn registration_codes_are_read_or_refused_as_the_vectors_say() {
    let cases = cases("uris");
    let accepted = cases.iter().filter(|case| case["accepted"] == true).count();
    assert!(accepted > 50 && cases.len() - accepted > 50, "the vectors were found");
    let mut wrong = Vec::new();
    for case in cases {
        let read = match parse(case["input"].as_str().unwrap()) {
            Ok(registration) => json!({"accepted": true, "expected": show(&registration)}),
            Err(error) => json!({"accepted": false, "error": error.code()}),
        };
        let same = ["accepted", "expected", "error"].iter().all(|member| read.get(member) == case.get(member));
        if !same {
            wrong.push(format!("{}: {read}", case["name"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn show_message(message: &PushMessage) -> Value {
    let (ask, numbers) = match &message.ask {
        Ask::Tap => ("tap", None),
        Ask::Number(numbers) => ("number", Some(numbers)),
        Ask::Biometric => ("biometric", None),
    };
    json!({
        "mechanism_uid": message.mechanism_uid,
        "challenge": hex(&SecretBytes::new(message.challenge.to_vec())),
        "time_to_live_seconds": message.time_to_live_seconds,
        "sent_at": message.sent_at,
        "ask": ask,
        "numbers": numbers,
        "text": message.text,
        "context": message.context,
        "cookie": message.cookie.as_ref().map(|cookie| cookie.as_str()),
        "custom_payload": message.custom_payload,
        "user_id": message.user_id,
    })
}

/// Returns the content of the message and both answers to it, or why it was rejected.
fn read_message(case: &Value) -> Value {
    let secret = unhex(case["secret"].as_str().unwrap());
    let message = match PushMessage::verify(&secret, case["input"].as_str().unwrap()) {
        Ok(message) => message,
        Err(error) => return json!({"accepted": false, "error": PhoneError::Message(error).code()}),
    };
    let number = case["answers"]["number"].as_str();
    let mut answers = json!({
        "accept": sign_answer(&secret, &message, number.map_or(Decision::Accept, Decision::Number)).unwrap(),
        "deny": sign_answer(&secret, &message, Decision::Deny).unwrap(),
    });
    if let Some(number) = number {
        answers["number"] = json!(number);
    }
    json!({"accepted": true, "expected": show_message(message.get()), "answers": answers})
}

#[test]
fn push_messages_are_read_and_answered_or_refused_as_the_vectors_say() {
    let cases = cases("messages");
    let accepted = cases.iter().filter(|case| case["accepted"] == true).count();
    assert!(accepted > 20 && cases.len() - accepted > 30, "the vectors were found");
    let mut wrong = Vec::new();
    for case in cases {
        let read = read_message(&case);
        if ["accepted", "expected", "answers", "error"].iter().any(|member| read.get(member) != case.get(member)) {
            wrong.push(format!("{}: {read}", case["name"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn codes_are_those_of_the_rfcs() {
    let cases = cases("codes");
    assert_eq!(cases.len(), 10 + 18);
    for case in cases {
        let secret = unhex(case["secret"].as_str().unwrap());
        let algorithm = Algorithm::parse(case["algorithm"].as_str().unwrap()).unwrap();
        let counter = match case["time"].as_i64() {
            Some(time) => period_at(time * 1000, u32::try_from(case["period"].as_u64().unwrap()).unwrap()).0,
            None => case["counter"].as_u64().unwrap(),
        };
        let code = |digits: u8| derive_code(&secret, algorithm, digits, counter).expose(Reason::HandOver).to_owned();
        let digits = u8::try_from(case["digits"].as_u64().unwrap()).unwrap();
        assert_eq!(code(digits), case["code"].as_str().unwrap(), "{}", case["name"]);
        if let Some(truncated) = case["truncated"].as_u64() {
            assert_eq!(code(7), format!("{:07}", truncated % 10_000_000), "{}", case["name"]);
            assert_eq!(code(8), format!("{:08}", truncated % 100_000_000), "{}", case["name"]);
        }
    }
}
