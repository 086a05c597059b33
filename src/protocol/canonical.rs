//! The subset of canonical JSON (RFC 8785) that the protocol needs: objects, text, and integers that every parser
//! represents exactly.
//!
//! A digest needs the same bytes on every phone and server. Values that two programs might write differently
//! (fractions, lists, `null`, booleans) are therefore an error. Independent of the messages.

use serde_json::{Map, Value};

/// Largest integer up to which an IEEE 754 double represents every integer exactly.
const LARGEST_INTEGER: u64 = (1 << 53) - 1;

/// The value contains something that has no canonical form here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Only objects, text and whole numbers have a canonical form here.")]
pub struct NotCanonical;

/// Writes an object in canonical form: members sorted by the UTF-16 code units of their names, no whitespace between
/// tokens, text escaped only where JSON requires it.
pub fn canonical(object: &Map<String, Value>) -> Result<String, NotCanonical> {
    let mut text = String::new();
    write_object(object, &mut text)?;
    Ok(text)
}

fn write_object(object: &Map<String, Value>, out: &mut String) -> Result<(), NotCanonical> {
    let mut members: Vec<(&String, &Value)> = object.iter().collect();
    members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    out.push('{');
    for (index, (name, value)) in members.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_text(name, out)?;
        out.push(':');
        match value {
            Value::Object(object) => write_object(object, out)?,
            Value::String(text) => write_text(text, out)?,
            Value::Number(number) => {
                let magnitude = number.as_u64().or(number.as_i64().map(i64::unsigned_abs)).ok_or(NotCanonical)?;
                if magnitude > LARGEST_INTEGER {
                    return Err(NotCanonical);
                }
                out.push_str(&number.to_string());
            }
            Value::Null | Value::Bool(_) | Value::Array(_) => return Err(NotCanonical),
        }
    }
    out.push('}');
    Ok(())
}

/// Writes a JSON string. `serde_json` escapes as RFC 8785 section 3.2.2.2 requires: the short forms, `\u00xx` in
/// lowercase for other control characters, and nothing else.
fn write_text(text: &str, out: &mut String) -> Result<(), NotCanonical> {
    out.push_str(&serde_json::to_string(text).map_err(|_| NotCanonical)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<String, NotCanonical> {
        canonical(&serde_json::from_str(json).unwrap())
    }

    /// The names from RFC 8785 section 3.2.3; their values are text there, too.
    #[test]
    fn members_are_sorted_by_utf_16_code_units() {
        let json = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh",
            "1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
        let expected = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
            \"\u{f6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20ac}\":\"Euro Sign\",\
            \"\u{1f600}\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
        assert_eq!(of(json).unwrap(), expected);
    }

    /// The string from RFC 8785 section 3.2.2.
    #[test]
    fn text_is_escaped_where_json_demands_it() {
        let json = r#"{"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/"}"#;
        assert_eq!(of(json).unwrap(), "{\"string\":\"\u{20ac}$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
        assert_eq!(of(r#"{"a":"\b\t\f\r\u007f\u2028"}"#).unwrap(), "{\"a\":\"\\b\\t\\f\\r\u{7f}\u{2028}\"}");
    }

    #[test]
    fn whole_numbers_are_written_and_what_could_be_written_twice_is_refused() {
        assert_eq!(of(r#"{"b": {"z": -0, "a": -5}, "a": 9007199254740991}"#), Err(NotCanonical), "minus zero");
        assert_eq!(of(r#"{"b": {"a": -5}, "a": 9007199254740991}"#).unwrap(), r#"{"a":9007199254740991,"b":{"a":-5}}"#);
        for bad in ["9007199254740992", "-9007199254740992", "1.0", "1e3", "null", "true", "[]"] {
            assert_eq!(of(&format!(r#"{{"a":{bad}}}"#)), Err(NotCanonical), "{bad}");
        }
    }
}
