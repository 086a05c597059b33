//! What a push is wrapped in when a platform delivers it (docs/wire.md, "The push message"): FCM, APNs, or this
//! project's own. Only unwraps; whether the message inside is genuine is not known here.

use serde_json::Value;

use super::PhoneError;

/// Largest payload that is looked at, in bytes.
const PAYLOAD_LIMIT: usize = 16 * 1024;

/// Message id and signed message of a payload.
pub(super) fn read(payload: &[u8]) -> Result<(String, String), PhoneError> {
    if payload.len() > PAYLOAD_LIMIT {
        return Err(PhoneError::PayloadTooLarge);
    }
    let Ok(envelope) = serde_json::from_slice::<Value>(payload) else {
        // No id is ever made up for a signed message that came without one.
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
    let message = fields.get(message_key).and_then(Value::as_str).ok_or(PhoneError::PayloadUnreadable)?;
    match fields.get("messageId") {
        None | Some(Value::Null) => Err(PhoneError::MessageIdMissing),
        Some(Value::String(id)) => Ok((id.clone(), message.to_owned())),
        Some(_) => Err(PhoneError::MessageIdInvalid),
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
            assert_eq!(read(payload.as_bytes()), Ok(("id".to_owned(), "a.b.c".to_owned())), "{payload}");
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
