//! The envelope of a push (docs/wire.md, "The push message"): that of FCM, APNs or this project, around a message or a
//! hint that there is one. This module only unwraps it and does not verify the content.

use serde_json::Value;

use super::PhoneError;
use crate::protocol::pull::Hint;

/// Largest payload that is accepted, in bytes.
const PAYLOAD_LIMIT: usize = 16 * 1024;

/// The content of a payload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A signed message.
    Message {
        /// Id of the message.
        id: String,
        /// The signed message.
        jwt: String,
    },
    /// A hint about a message to pull.
    Hint(Hint),
}

/// The content before it is known whether there is an id beside it.
enum Inside {
    Message(String),
    Hint(String),
}

/// Unwraps a payload.
pub(super) fn read(payload: &[u8]) -> Result<Content, PhoneError> {
    if payload.len() > PAYLOAD_LIMIT {
        return Err(PhoneError::PayloadTooLarge);
    }
    let Ok(envelope) = serde_json::from_slice::<Value>(payload) else {
        // A signed message that came without an id is never given a made-up one.
        let is_bare_message = std::str::from_utf8(payload).is_ok_and(|text| is_signed_message(text.trim()));
        return Err(if is_bare_message { PhoneError::MessageIdMissing } else { PhoneError::PayloadUnreadable });
    };
    if envelope.as_str().is_some_and(is_signed_message) {
        return Err(PhoneError::MessageIdMissing);
    }
    let (fields, message_key) = match (envelope.get("aps"), envelope.get("data")) {
        (Some(aps), _) => (aps, "data"),
        (None, Some(data @ Value::Object(_))) => (data, "message"),
        (None, _) => (&envelope, "message"),
    };
    let inside = match (fields.get(message_key), fields.get("mechanismUid")) {
        (Some(Value::String(jwt)), _) => Inside::Message(jwt.clone()),
        (None, Some(Value::String(mechanism_uid))) => Inside::Hint(mechanism_uid.clone()),
        _ => return Err(PhoneError::PayloadUnreadable),
    };
    let id = match fields.get("messageId") {
        None | Some(Value::Null) => return Err(PhoneError::MessageIdMissing),
        Some(Value::String(id)) => id.clone(),
        Some(_) => return Err(PhoneError::MessageIdInvalid),
    };
    match inside {
        Inside::Message(jwt) => Ok(Content::Message { id, jwt }),
        Inside::Hint(mechanism_uid) => {
            let hint = Hint { message_id: id, mechanism_uid };
            if hint.is_well_formed() { Ok(Content::Hint(hint)) } else { Err(PhoneError::HintMalformed) }
        }
    }
}

fn is_signed_message(text: &str) -> bool {
    text.split('.').count() == 3
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_of_every_platform_are_read() {
        for payload in [
            r#"{"messageId": "id", "message": "a.b.c"}"#,
            r#"{"data": {"messageId": "id", "message": "a.b.c"}, "priority": "high"}"#,
            r#"{"aps": {"messageId": "id", "data": "a.b.c", "alert": "Login", "content-available": 1}}"#,
        ] {
            let expected = Content::Message { id: "id".to_owned(), jwt: "a.b.c".to_owned() };
            assert_eq!(read(payload.as_bytes()), Ok(expected), "{payload}");
        }
    }

    #[test]
    fn hints_of_every_platform_are_read_and_a_message_goes_before_one() {
        for payload in [
            r#"{"messageId": "id", "mechanismUid": "uid"}"#,
            r#"{"data": {"messageId": "id", "mechanismUid": "uid"}, "priority": "high"}"#,
            r#"{"aps": {"messageId": "id", "mechanismUid": "uid", "alert": "Sign-on", "mutable-content": 1}}"#,
        ] {
            let expected = Hint { message_id: "id".to_owned(), mechanism_uid: "uid".to_owned() };
            assert_eq!(read(payload.as_bytes()), Ok(Content::Hint(expected)), "{payload}");
        }
        let both = read(br#"{"messageId": "id", "mechanismUid": "uid", "message": "a.b.c"}"#);
        assert_eq!(both, Ok(Content::Message { id: "id".to_owned(), jwt: "a.b.c".to_owned() }));
        let long = format!(r#"{{"messageId": "id", "mechanismUid": "{}"}}"#, "u".repeat(129));
        for (payload, error) in [
            (r#"{"mechanismUid": "uid"}"#, PhoneError::MessageIdMissing),
            (r#"{"mechanismUid": "uid", "messageId": 5}"#, PhoneError::MessageIdInvalid),
            (r#"{"mechanismUid": 5, "messageId": "id"}"#, PhoneError::PayloadUnreadable),
            (r#"{"mechanismUid": null, "messageId": "id"}"#, PhoneError::PayloadUnreadable),
            (r#"{"mechanismUid": "uid", "messageId": "id", "message": null}"#, PhoneError::PayloadUnreadable),
            (r#"{"mechanismUid": "uid", "messageId": "id", "message": 5}"#, PhoneError::PayloadUnreadable),
            (r#"{"mechanismUid": "", "messageId": "id"}"#, PhoneError::HintMalformed),
            (r#"{"mechanismUid": "with space", "messageId": "id"}"#, PhoneError::HintMalformed),
            (r#"{"mechanismUid": "uid", "messageId": ""}"#, PhoneError::HintMalformed),
            (r#"{"mechanismUid": "uid", "messageId": "line\nbreak"}"#, PhoneError::HintMalformed),
            (&long, PhoneError::HintMalformed),
        ] {
            assert_eq!(read(payload.as_bytes()), Err(error), "{payload}");
        }
    }

    #[test]
    fn other_payloads_are_refused_by_name() {
        let large = format!(r#"{{"messageId": "id", "message": "{}"}}"#, "a".repeat(PAYLOAD_LIMIT));
        for (payload, error) in [
            ("a.b.c", PhoneError::MessageIdMissing),
            ("\"a.b.c\"", PhoneError::MessageIdMissing),
            (r#"{"message": "a.b.c"}"#, PhoneError::MessageIdMissing),
            (r#"{"message": "a.b.c", "messageId": null}"#, PhoneError::MessageIdMissing),
            (r#"{"aps": {"data": "a.b.c"}}"#, PhoneError::MessageIdMissing),
            (r#"{"message": "a.b.c", "messageId": 5}"#, PhoneError::MessageIdInvalid),
            (r#"{"messageId": "id"}"#, PhoneError::PayloadUnreadable),
            ("", PhoneError::PayloadUnreadable),
            ("[]", PhoneError::PayloadUnreadable),
            ("{", PhoneError::PayloadUnreadable),
            ("hello", PhoneError::PayloadUnreadable),
            (&large, PhoneError::PayloadTooLarge),
        ] {
            assert_eq!(read(payload.as_bytes()), Err(error), "{payload}");
        }
        assert_eq!(read(&[0xff, 0xfe]), Err(PhoneError::PayloadUnreadable));
    }
}
