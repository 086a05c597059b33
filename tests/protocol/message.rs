//! Signed messages, accepted and rejected, each signed here with `ring` itself.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use push_authenticator::protocol::jws::{self, JwsError};
use push_authenticator::protocol::message::{
    Ask, CommunicationType, Context, DeviceBody, Location, MessageError, PushMessage, RefreshClaims,
};
use push_authenticator::secret::SecretBytes;
use ring::hmac;
use serde_json::{Value, json};

const SECRET: &[u8] = b"shared secret of 32 bytes length";

fn secret() -> SecretBytes {
    SecretBytes::new(SECRET.to_vec())
}

fn sign(claims: &str) -> String {
    let body = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(claims));
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), body.as_bytes());
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(code.as_ref()))
}

fn read(changes: &Value) -> Result<PushMessage, MessageError> {
    let mut claims = json!({"c": STANDARD.encode([7u8; 32]), "u": "uid"});
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims.as_object_mut().unwrap().retain(|_, value| *value != json!("absent"));
    PushMessage::verify(&secret(), &sign(&claims.to_string()))
        .map(push_authenticator::protocol::jws::Verified::into_inner)
}

#[test]
fn what_is_missing_takes_its_default() {
    let message = read(&json!({})).unwrap();
    assert_eq!((message.mechanism_uid.as_str(), message.challenge), ("uid", [7; 32]));
    assert_eq!((message.time_to_live_seconds, message.sent_at), (120, None));
    assert_eq!((message.ask, message.text, message.cookie), (Ask::Tap, None, None));
    assert_eq!((message.context, message.custom_payload, message.user_id), (None, None, None));
    let nulls =
        json!({"l": null, "t": null, "i": null, "m": null, "k": null, "n": null, "x": null, "p": null, "d": null});
    assert!(read(&nulls).is_ok());
    let empty = read(&json!({"l": "", "x": "", "m": " "})).unwrap();
    assert_eq!((empty.cookie, empty.context, empty.text), (None, None, None));
}

#[test]
fn claims_come_as_strings_or_as_numbers() {
    let strings = read(&json!({"t": "60", "i": "1795539006190", "d": "7", "u": "5"})).unwrap();
    let numbers = read(&json!({"t": 60, "i": 1_795_539_006_190_i64, "d": 7, "u": 5})).unwrap();
    assert_eq!(strings, numbers);
    assert_eq!((numbers.time_to_live_seconds, numbers.sent_at), (60, Some(1_795_539_006_190)));
    assert_eq!(PushMessage::peek_mechanism_uid(&sign("{\"u\":5}")).unwrap(), "5");
}

#[test]
fn times_are_clamped_or_refused() {
    for (text, seconds) in [("-5", 1), ("0", 1), (" 1 ", 1), ("3600", 3600), ("86400", 3600)] {
        assert_eq!(read(&json!({"t": text})).unwrap().time_to_live_seconds, seconds, "{text}");
    }
    for changes in [
        json!({"t": "soon"}),
        json!({"t": ""}),
        json!({"t": 1.5}),
        json!({"t": "9223372036854775808"}),
        json!({"i": "yesterday"}),
        json!({"i": -1}),
        json!({"i": "253402300800000"}),
    ] {
        assert_eq!(read(&changes), Err(MessageError::BadTime), "{changes}");
    }
}

#[test]
fn a_challenge_is_standard_base64_of_32_bytes_and_nothing_else() {
    for challenge in [
        URL_SAFE_NO_PAD.encode([0xff; 32]),
        STANDARD.encode([7; 31]),
        STANDARD.encode([7; 33]),
        String::new(),
        // With this challenge, the answer's MAC would be the signature of a message that the attacker chose.
        STANDARD.encode(sign("{}").rsplit_once('.').unwrap().0),
    ] {
        assert_eq!(read(&json!({ "c": challenge })), Err(MessageError::BadChallenge), "{challenge}");
    }
}

#[test]
fn push_types() {
    assert_eq!(read(&json!({"k": "default"})).unwrap().ask, Ask::Tap);
    assert_eq!(read(&json!({"k": "biometric"})).unwrap().ask, Ask::Biometric);
    let ask = read(&json!({"k": "challenge", "n": "34, 43 ,7"})).unwrap().ask;
    assert_eq!(ask, Ask::Number(["34".into(), "43".into(), "7".into()]));
    for name in ["foo", "", "Challenge", "default "] {
        let error = MessageError::UnknownPushType(name.trim().to_owned());
        assert_eq!(read(&json!({ "k": name })), Err(error), "{name}");
    }
    for numbers in ["", "1", "1,2", "1,2,3,4", "1,2,2", "a,b,c", "1,2,", "1,2,-3", "12345,1,2", "1;2;3"] {
        let changes = json!({"k": "challenge", "n": numbers});
        assert_eq!(read(&changes), Err(MessageError::BadNumbers), "{numbers}");
    }
    assert_eq!(read(&json!({"k": "challenge"})), Err(MessageError::BadNumbers));
}

#[test]
fn cookies_that_could_carry_something_else_into_the_request_are_refused() {
    let cookie = |text: &str| json!({"l": STANDARD.encode(text)});
    assert_eq!(read(&cookie("amlbcookie=01")).unwrap().cookie.unwrap().as_str(), "amlbcookie=01");
    assert_eq!(read(&cookie("a=1; b=2")).unwrap().cookie.unwrap().as_str(), "a=1; b=2");
    for text in ["a=1\r\nHost: evil", "a=1\n", "novalue", "=1", "a b=1", "a=1;b=2", "a=1,2", "a=\\", "a=\u{e9}"] {
        assert_eq!(read(&cookie(text)), Err(MessageError::BadCookie), "{text:?}");
    }
    assert_eq!(read(&json!({"l": "!!!"})), Err(MessageError::BadCookie));
    assert_eq!(read(&json!({"l": URL_SAFE_NO_PAD.encode("a=12")})), Err(MessageError::BadCookie), "not padded");
}

#[test]
fn context_is_an_object_and_is_cleaned() {
    let context = |value: Value| read(&json!({"x": value.to_string()}));
    let full = json!({
        "location": {"latitude": 49.2, "longitude": -123.1}, "userAgent": "U\u{202e}A", "platform": "Linux",
        "remoteIp": "203.0.113.7", "more": 1,
    });
    assert_eq!(
        context(full).unwrap().context,
        Some(Context {
            location: Some(Location { latitude: 49.2, longitude: -123.1 }),
            user_agent: Some("UA".into()),
            platform: Some("Linux".into()),
            remote_ip: Some("203.0.113.7".into()),
        })
    );
    let far = context(json!({"location": {"latitude": 91, "longitude": 0}})).unwrap();
    assert_eq!(far.context, Some(Context::default()), "there is no such place");
    for value in [json!([]), json!(5), json!("x"), json!({"location": "here"}), json!({"userAgent": 5})] {
        assert_eq!(context(value.clone()), Err(MessageError::BadContext), "{value}");
    }
    assert_eq!(read(&json!({"x": "{"})), Err(MessageError::BadContext));
}

#[test]
fn text_is_cleaned_and_the_payload_is_capped() {
    let message = read(&json!({"m": format!("a\u{202e}b\r\n{}", "x".repeat(600)), "p": "p".repeat(3072)})).unwrap();
    let text = message.text.unwrap();
    assert!(text.starts_with("abx") && text.chars().count() == 500);
    assert_eq!(message.custom_payload.unwrap().len(), 3072);
    assert_eq!(read(&json!({"p": "p".repeat(3073)})), Err(MessageError::PayloadTooLarge));
}

#[test]
fn what_is_no_push_message_is_refused_although_it_is_signed() {
    for changes in [json!({"c": "absent"}), json!({"u": "absent"}), json!({"c": 5}), json!({"u": {}}), json!({"m": 5})]
    {
        let error = MessageError::Signature(JwsError::WrongClaims);
        assert_eq!(read(&changes), Err(error), "{changes}");
    }
    let verify = |token: &str| PushMessage::verify(&secret(), token).err();
    for token in [&sign("5"), &sign("[]"), &sign("{"), "a.b.c"] {
        assert_eq!(verify(token), Some(MessageError::Signature(JwsError::Malformed)), "{token}");
    }
}

#[test]
fn a_message_of_another_kind_is_no_refresh() {
    let read = |json: &str| serde_json::from_str::<RefreshClaims>(json).unwrap();
    let base = r#""deviceType":"android","communicationType":"gcm","deviceId":"t","deviceName":"n""#;
    assert!(!read(&format!("{{{base}}}")).is_of_another_kind());
    for extra in ["response", "c", "u"] {
        assert!(read(&format!("{{{base},\"{extra}\":\"x\"}}")).is_of_another_kind(), "{extra}");
    }
}

/// The recorded refresh of a real phone SDK: we read it like ours, and write ours with equal claims.
#[test]
fn a_recorded_refresh_has_the_claims_that_we_write() {
    let file: Value = serde_json::from_str(include_str!("../vectors/captures/legacy-android-sdk.json")).unwrap();
    let case = file["cases"].as_array().unwrap().iter().find(|case| case["case"] == "device token update").unwrap();
    let body: DeviceBody = serde_json::from_str(case["sent"][0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(body.mechanism_uid, "5b7fba25-109a-4d2e-8da5-73d6530785b9");
    let rig = SecretBytes::new(ring::digest::digest(&ring::digest::SHA256, b"rig secret").as_ref().to_vec());
    let recorded = jws::verify::<RefreshClaims>(&rig, &body.jwt).ok().unwrap().into_inner();
    assert!(!recorded.is_of_another_kind());
    let ours = RefreshClaims::new(
        "android".to_owned(),
        CommunicationType::Gcm,
        "new-fcm-token-9876".to_owned(),
        "Google Pixel 8".to_owned(),
        None,
    );
    assert_eq!(serde_json::to_value(ours).unwrap(), case["claims"]);
    assert_eq!(serde_json::to_value(recorded).unwrap(), case["claims"]);
}

/// Not a sample but all of them, including the unused bits at the end of base64 and bytes that are no longer text.
#[test]
fn every_changed_bit_of_a_message_is_refused() {
    let claims = json!({
        "c": STANDARD.encode([7u8; 32]), "u": "uid", "k": "challenge", "n": "34,43,57", "i": "1795539006190", "t": "120",
        "x": r#"{"remoteIp":"203.0.113.7"}"#,
    });
    let token = sign(&claims.to_string());
    assert!(PushMessage::verify(&secret(), &token).is_ok());
    for position in 0..token.len() {
        for bit in 0..8 {
            let mut bytes = token.clone().into_bytes();
            bytes[position] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let refused = PushMessage::verify(&secret(), &changed).err();
            assert!(matches!(refused, Some(MessageError::Signature(_))), "bit {bit} of byte {position}");
        }
    }
}

proptest! {
    #[test]
    fn a_signed_message_is_read_as_it_was_written(
        challenge in any::<[u8; 32]>(),
        time_to_live_seconds in 1u32..=3600,
        sent_at in proptest::option::of(0i64..=253_402_300_799_999),
        text in proptest::option::of("[a-zA-Z][ -~]{0,40}[a-zA-Z]"),
        kind in 0usize..3,
    ) {
        let message = PushMessage {
            mechanism_uid: "5b7fba25-109a-4d2e-8da5-73d6530785b9".into(),
            challenge,
            cookie: None,
            time_to_live_seconds,
            sent_at,
            text,
            ask: [Ask::Tap, Ask::Biometric, Ask::Number(["1".into(), "22".into(), "0".into()])][kind].clone(),
            context: None,
            custom_payload: Some("{}".into()),
            user_id: Some("demo".into()),
        };
        let token = message.sign(&secret()).unwrap();
        let read = PushMessage::verify(&secret(), &token).ok().unwrap().into_inner();
        prop_assert_eq!(read, message);
    }

    #[test]
    fn a_changed_bit_anywhere_is_refused(position in any::<prop::sample::Index>(), bit in 0u8..8) {
        let token = sign(&json!({"c": STANDARD.encode([7u8; 32]), "u": "uid"}).to_string());
        let mut bytes = token.clone().into_bytes();
        bytes[position.index(token.len())] ^= 1 << bit;
        let changed = String::from_utf8_lossy(&bytes).into_owned();
        prop_assert!(PushMessage::verify(&secret(), &changed).is_err());
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,200}", claims in "\\PC{0,200}") {
        let _ = PushMessage::verify(&secret(), &text);
        let _ = PushMessage::peek_mechanism_uid(&text);
        let _ = PushMessage::verify(&secret(), &sign(&claims));
    }
}
