//! What SNS is given to pass on: the message, or a hint of it, in each platform's form, and a subject.
//!
//! Pure: text in, JSON out (docs/wire.md, "Over Amazon SNS").

use serde_json::{Value, json};

use super::SendFailure;
use crate::protocol::message::CommunicationType;
use crate::protocol::pull::Hint;

/// Largest push of one phone, in bytes: what Apple and Google take.
pub const ENVELOPE_LIMIT: usize = 4096;
/// What a phone shows of a hint by itself, where no app takes it in first.
const HINT_TEXT: &str = "A sign-on waits for your answer";
/// Longest subject, in characters. SNS wants fewer than 100.
const SUBJECT_LIMIT: usize = 99;

/// A message ready to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The subject, where something of the text can be one.
    pub subject: Option<String>,
    /// The JSON that `MessageStructure=json` announces.
    pub message: String,
}

impl Envelope {
    /// Puts a message for a phone of this kind into its envelope.
    pub fn new(kind: CommunicationType, text: &str, message_id: &str, jwt: &str) -> Result<Self, SendFailure> {
        let google = json!({"priority": "high", "data": {"message": jwt, "messageId": message_id}}).to_string();
        // `mutable-content`: or a notification extension never runs on iOS.
        let apple = json!({"aps": {
            "alert": text,
            "sound": "default",
            "messageId": message_id,
            "data": jwt,
            "content-available": 1,
            "mutable-content": 1,
        }})
        .to_string();
        let of_this_phone = if kind == CommunicationType::Apns { &apple } else { &google };
        if of_this_phone.len() > ENVELOPE_LIMIT {
            return Err(SendFailure::TooLarge);
        }
        Ok(Self::of(text, &google, &apple))
    }

    /// Puts a hint into its envelope. It says the same of every message but for the two ids.
    pub fn of_hint(hint: &Hint) -> Self {
        let Hint { message_id, mechanism_uid } = hint;
        let google = json!({"priority": "high", "data": hint}).to_string();
        let apple = json!({"aps": {
            "alert": HINT_TEXT,
            "sound": "default",
            "messageId": message_id,
            "mechanismUid": mechanism_uid,
            "content-available": 1,
            "mutable-content": 1,
        }})
        .to_string();
        Self::of(HINT_TEXT, &google, &apple)
    }

    fn of(text: &str, google: &str, apple: &str) -> Self {
        let message: Value = json!({"default": text, "GCM": google, "APNS": apple, "APNS_SANDBOX": apple});
        Self { subject: subject(text), message: message.to_string() }
    }
}

/// The text as SNS takes a subject (API reference of `Publish`): ASCII without line breaks and control characters, fewer
/// than 100 of them, the first a letter, a digit or a punctuation mark.
fn subject(text: &str) -> Option<String> {
    let ascii: String = text
        .chars()
        .map(|character| match character {
            ' '..='~' => character,
            character if character.is_whitespace() || character.is_control() => ' ',
            _ => '?',
        })
        .collect();
    let subject: String = ascii.trim_start().chars().take(SUBJECT_LIMIT).collect();
    let subject = subject.trim_end();
    (!subject.is_empty()).then(|| subject.to_owned())
}
