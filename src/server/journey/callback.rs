//! Callbacks: what a step asks and what comes back, and their JSON form in AM's API (docs/wire.md, "Sign-on over
//! REST").
//!
//! Names and shapes are AM's, because web SDKs and sign-in pages written for AM read them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::protocol::text::is_hidden;
use crate::secret::{Reason, SecretText};

/// A piece of text, plain or a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Segment {
    /// Plain text.
    Text(String),
    /// A link.
    Link {
        /// Text of the link.
        label: String,
        /// Its target.
        url: String,
    },
}

/// One thing that a step asks or shows. Serialized only to be sealed, for a client that missed the response to a step.
#[derive(Serialize, Deserialize)]
pub enum Callback {
    /// A line of text to type.
    Name {
        /// Label of the field.
        prompt: String,
    },
    /// A password to type.
    Password {
        /// Label of the field.
        prompt: String,
    },
    /// Text to read.
    Text(Vec<Segment>),
    /// Recovery codes to keep; shown once.
    RecoveryCodes(#[serde(with = "sealed_texts")] Vec<SecretText>),
    /// The script that draws a registration URI as a QR code on AM's own pages.
    QrScript(#[serde(with = "sealed_text")] SecretText),
    /// A value for the page's script or an SDK.
    HiddenValue {
        /// Its name, which is also the default value of its input.
        id: String,
        /// The value.
        #[serde(with = "sealed_text")]
        value: SecretText,
    },
    /// A request to come back after a while.
    PollingWait {
        /// Milliseconds to wait.
        wait: i64,
        /// Text to show in the meantime.
        message: String,
    },
    /// A choice of buttons.
    Confirmation {
        /// Labels of the buttons.
        options: Vec<String>,
    },
    /// A description of the browser's device.
    DeviceProfile {
        /// Whether to ask for metadata about the device.
        metadata: bool,
        /// Whether to ask for the location.
        location: bool,
        /// The reason to show.
        message: String,
    },
}

/// Returns AM's type name of a callback. It is stored with the waiting step and checked when answers are posted.
pub fn type_name(callback: &Callback) -> &'static str {
    match callback {
        Callback::Name { .. } => "NameCallback",
        Callback::Password { .. } => "PasswordCallback",
        Callback::Text(_) | Callback::RecoveryCodes(_) | Callback::QrScript(_) => "TextOutputCallback",
        Callback::HiddenValue { .. } => "HiddenValueCallback",
        Callback::PollingWait { .. } => "PollingWaitCallback",
        Callback::Confirmation { .. } => "ConfirmationCallback",
        Callback::DeviceProfile { .. } => "DeviceProfileCallback",
    }
}

/// One posted input value.
pub enum Answer {
    /// No input, for a callback that has none.
    None,
    /// A text.
    Text(SecretText),
    /// A number, as sent for a ConfirmationCallback.
    Number(i64),
}

impl Answer {
    /// Returns a copy of the answer, because a step may have to run again after the password check.
    pub fn duplicate(&self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Text(text) => Self::Text(SecretText::new(text.expose(Reason::HandOver).to_owned())),
            Self::Number(number) => Self::Number(*number),
        }
    }
}

/// Serializes a secret inside a value that is sealed as a whole.
pub(in crate::server) mod sealed_text {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::secret::{Reason, SecretText};

    pub(in crate::server) fn serialize<S: Serializer>(text: &SecretText, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text.expose(Reason::Seal))
    }

    pub(in crate::server) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
        String::deserialize(deserializer).map(SecretText::new)
    }
}

mod sealed_texts {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::secret::{Reason, SecretText};

    pub(super) fn serialize<S: Serializer>(texts: &[SecretText], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(texts.iter().map(|text| text.expose(Reason::Seal)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<SecretText>, D::Error> {
        Vec::<String>::deserialize(deserializer).map(|texts| texts.into_iter().map(SecretText::new).collect())
    }
}

/// What was posted to a step: one answer per callback.
pub struct Answers(pub Vec<Answer>);

impl Answers {
    /// Returns the text for the callback with this index, counted from 0.
    pub fn text(&self, index: usize) -> Option<&SecretText> {
        match self.0.get(index) {
            Some(Answer::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Returns the option chosen for the callback with this index. Clients send it as a number or as its digits.
    pub fn choice(&self, index: usize) -> Option<i64> {
        match self.0.get(index)? {
            Answer::Number(number) => Some(*number),
            Answer::Text(text) => text.expose(Reason::HandOver).trim().parse().ok(),
            Answer::None => None,
        }
    }

    /// Returns the answers to the first `count` callbacks and keeps the rest.
    pub fn split_first(&mut self, count: usize) -> Self {
        let rest = self.0.split_off(count.min(self.0.len()));
        Self(std::mem::replace(&mut self.0, rest))
    }
}

/// Returns the callbacks of a step as AM's JSON. Recovery codes are shown with the name of the phone just added.
pub fn to_json(callbacks: &[Callback], added_phone: Option<&str>) -> Value {
    callbacks.iter().enumerate().map(|(index, callback)| one_to_json(index, callback, added_phone)).collect()
}

fn one_to_json(index: usize, callback: &Callback, added_phone: Option<&str>) -> Value {
    let output = |pairs: &[(&str, Value)]| -> Value {
        pairs.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    };
    let input = |value: Value| json!([{"name": format!("IDToken{}", index + 1), "value": value}]);
    let (output, input) = match callback {
        Callback::Name { prompt } | Callback::Password { prompt } => {
            (output(&[("prompt", json!(prompt))]), Some(input(json!(""))))
        }
        Callback::Text(segments) => {
            (output(&[("message", json!(segments_as_html(segments))), ("messageType", json!("0"))]), None)
        }
        Callback::RecoveryCodes(codes) => {
            (output(&[("message", json!(recovery_script(codes, added_phone))), ("messageType", json!("4"))]), None)
        }
        Callback::QrScript(uri) => (output(&[("message", json!(qr_script(uri))), ("messageType", json!("4"))]), None),
        Callback::HiddenValue { id, value } => {
            (output(&[("value", json!(value.expose(Reason::HandOver))), ("id", json!(id))]), Some(input(json!(id))))
        }
        Callback::PollingWait { wait, message } => {
            (output(&[("waitTime", json!(wait.to_string())), ("message", json!(message))]), None)
        }
        Callback::Confirmation { options } => (
            output(&[
                ("prompt", json!("")),
                ("messageType", json!(0)),
                ("options", json!(options)),
                ("optionType", json!(-1)),
                ("defaultOption", json!(0)),
            ]),
            Some(input(json!(100))),
        ),
        Callback::DeviceProfile { metadata, location, message } => (
            output(&[("metadata", json!(metadata)), ("location", json!(location)), ("message", json!(message))]),
            Some(input(json!(""))),
        ),
    };
    let mut object = json!({"type": type_name(callback), "output": output, "_id": index});
    if let (Some(input), Value::Object(members)) = (input, &mut object) {
        members.insert("input".to_owned(), input);
    }
    object
}

/// Returns text with links as HTML, as AM does: escaped, with links as anchors. Text without links is returned
/// unchanged.
fn segments_as_html(segments: &[Segment]) -> String {
    let [Segment::Text(only)] = segments else {
        return segments
            .iter()
            .map(|segment| match segment {
                Segment::Text(text) => escape(text),
                Segment::Link { label, url } => {
                    format!("<a target='_blank' href='{}'>{}</a>", escape(url), escape(label))
                }
            })
            .collect();
    };
    only.clone()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Returns the script that shows recovery codes on AM's own pages.
///
/// Web SDKs do not run it. They look for the words `Recovery Codes` and, for each code, for a source line of white
/// space, one character, a double quote, the recovery code, a backslash and `n`. They read the phone's name from
/// between `<em>` and `</em>`, and show "New Security Key" if there is none.
///
/// No line may begin with `+`: after the `+` that ends the line before, it would be a unary plus, and the page would
/// show `NaN`.
fn recovery_script(codes: &[SecretText], added_phone: Option<&str>) -> String {
    let mut script = String::from(
        "/*\n * Recovery Codes\n */\nvar newLocation = document.getElementById(\"wrapper\");\n\
         var oldHtml = newLocation.getElementsByTagName(\"fieldset\")[0].innerHTML;\n\
         newLocation.getElementsByTagName(\"fieldset\")[0].innerHTML = \"<h2>Your Recovery Codes</h2>\\n\" +\n",
    );
    for code in codes {
        let code = code.expose(Reason::HandOver);
        script.push_str(&format!("  \"<div>\\n\" +\n  \"{code}\\n\" +\n  \"</div>\\n\" +\n"));
    }
    // SDKs display the text as it is, so escapes would be visible. Leave out characters that would need escaping.
    let is_plain = |letter: &char| !matches!(letter, '<' | '>' | '&' | '"' | '\\') && !is_hidden(*letter);
    let name: String = added_phone.unwrap_or_default().chars().filter(is_plain).collect();
    if !name.trim().is_empty() {
        let name = name.trim();
        script.push_str(&format!("  \"<p>They are for when you lose your phone: <em>{name}</em></p>\\n\" +\n"));
    }
    script.push_str(" oldHtml;\n");
    script
}

/// Returns the script with which AM's own pages draw a registration URI as a QR code, in the element `callback_0`.
///
/// Everything except letters and digits is escaped.
fn qr_script(uri: &SecretText) -> String {
    let mut text = String::new();
    for unit in uri.expose(Reason::HandOver).encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            Ok(byte) => text.push_str(&format!("\\x{byte:02X}")),
            Err(_) => text.push_str(&format!("\\u{unit:04X}")),
        }
    }
    format!(
        "window.QRCodeReader.createCode({{\n  id: 'callback_0',\n  text: '{text}',\n  version: '20',\n  code: 'L'\n}});\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_have_the_shape_that_web_sdks_read() {
        let callbacks = [
            Callback::Name { prompt: "User Name".into() },
            Callback::Text(vec![Segment::Text("Hi & all".into())]),
            Callback::HiddenValue { id: "mfaDeviceRegistration".into(), value: SecretText::new("pushauth://x".into()) },
            Callback::PollingWait { wait: 5000, message: "m".into() },
            Callback::Confirmation { options: vec!["Exit".into()] },
        ];
        let value = to_json(&callbacks, None);
        assert_eq!(value[0]["input"][0], json!({"name": "IDToken1", "value": ""}));
        assert_eq!(value[1]["output"][1], json!({"name": "messageType", "value": "0"}));
        assert_eq!(value[1].get("input"), None);
        assert_eq!(value[2]["output"][0]["value"], "pushauth://x");
        assert_eq!(value[2]["input"][0], json!({"name": "IDToken3", "value": "mfaDeviceRegistration"}));
        assert_eq!(value[3]["output"][0], json!({"name": "waitTime", "value": "5000"}));
        assert_eq!(value[4]["input"][0], json!({"name": "IDToken5", "value": 100}));
        assert_eq!(value[4]["_id"], 4);
    }

    #[test]
    fn links_are_anchors_and_everything_else_is_escaped() {
        let segments = [
            Segment::Text("<b>".into()),
            Segment::Link { label: "Store".into(), url: "https://e.example/?a=1&b='".into() },
        ];
        assert_eq!(
            segments_as_html(&segments),
            "&lt;b&gt;<a target='_blank' href='https://e.example/?a=1&amp;b=&#39;'>Store</a>"
        );
    }

    #[test]
    fn recovery_codes_stand_where_the_web_sdk_looks() {
        let script = recovery_script(&[SecretText::new("AB12cd34EF".into())], None);
        assert!(!script.contains("<em>"));
        assert!(script.contains("Recovery Codes"));
        let lines: Vec<&str> = script.lines().skip_while(|line| !line.contains("<div>")).take(3).collect();
        assert_eq!(lines, ["  \"<div>\\n\" +", "  \"AB12cd34EF\\n\" +", "  \"</div>\\n\" +"]);
    }

    #[test]
    fn the_name_of_a_phone_stays_a_name() {
        let script = |name| recovery_script(&[SecretText::new("AB12cd34EF".into())], Some(name));
        assert!(script("Zoë's phone").contains("<em>Zoë's phone</em>"));
        let hostile = script(" \" + alert(1) + \"<img src=x>&amp;\n X\"CODE1\\n\u{2028}");
        assert!(hostile.contains("<em>+ alert(1) + img src=xamp; XCODE1n</em></p>\\n\" +"), "{hostile}");
        assert!(!script(" <\\> ").contains("<em>"));
    }
}
