//! Placeholders in a journey's settings, `${env:NAME}`, `${file:PATH}` and `&{esv.name|default}`, which keep values out
//! of the journey file. The last form is AM's own, as are objects such as `{"$int": "&{esv.name}"}`, which give the
//! value a type.
//!
//! They are replaced when the file is read, in every string of the settings. An error names the missing variable or
//! file and never contains a value that was read.

use std::path::Path;

use serde_json::Value;

use crate::server::text_file::read_text;

/// Longest value of a placeholder, in bytes.
const LONGEST_VALUE: u64 = 64 * 1024;

/// Replaces the placeholders in these settings. Paths are relative to `folder`.
///
/// Appends the values to `filled`, so that messages can conceal them.
pub fn fill_in(settings: &mut Value, folder: &Path, filled: &mut Vec<String>) -> Result<(), String> {
    match settings {
        Value::String(text) => {
            if text.contains("${") {
                *text = resolve(text, folder, filled)?;
            } else if text.contains("&{") {
                *text = resolve_placeholders(text, filled)?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill_in(item, folder, filled)),
        Value::Object(members) => {
            members.values_mut().try_for_each(|member| fill_in(member, folder, filled))?;
            let mut only = members.iter();
            if let (Some((kind, value)), None) = (only.next(), only.next())
                && kind.starts_with('$')
            {
                *settings = coerce(kind, value)?;
            }
            Ok(())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Returns the message with all values of placeholders concealed.
pub fn conceal(message: &str, filled: &[String]) -> String {
    filled
        .iter()
        .filter(|value| !value.is_empty())
        .fold(message.to_owned(), |message, value| message.replace(value, "..."))
}

fn resolve(text: &str, folder: &Path, filled: &mut Vec<String>) -> Result<String, String> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        let (name, after) = reference.split_once('}').ok_or_else(|| format!("{text:?}: a ${{ is not closed"))?;
        resolved.push_str(before);
        let value = match name.split_once(':') {
            Some(("env", name)) => std::env::var(name)
                .map_err(|_| format!("the environment has no variable {name:?}, or it is no text"))?,
            Some(("file", path)) => read(&folder.join(path))?,
            _ => return Err(format!("${{{name}}} is neither ${{env:NAME}} nor ${{file:PATH}}")),
        };
        resolved.push_str(&value);
        filled.push(value);
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

/// Replaces AM's placeholders: `&{esv.name}` becomes the environment variable `ESV_NAME`, or the default after `|`.
fn resolve_placeholders(text: &str, filled: &mut Vec<String>) -> Result<String, String> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("&{") {
        let (inside, after) = reference.split_once('}').ok_or("a &{ is not closed")?;
        let (name, default) = match inside.split_once('|') {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        let variable = name.trim().replace(['.', '-'], "_").to_ascii_uppercase();
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_name(&variable) {
            return Err(format!("&{{{name}}} does not name a variable"));
        }
        resolved.push_str(before);
        match (std::env::var(&variable), default) {
            (Ok(value), _) => {
                resolved.push_str(&value);
                filled.push(value);
            }
            (Err(_), Some(default)) => resolved.push_str(default),
            (Err(_), None) => {
                return Err(format!(
                    "&{{{name}}} has no default, and the environment variable {variable} is not set; set it"
                ));
            }
        }
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

/// Converts a value to the type that its object names. The error does not contain the value.
fn coerce(kind: &str, value: &Value) -> Result<Value, String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    let wrong = |wanted: &str| format!("the value for {kind} is not {wanted}");
    match kind {
        "$int" | "$long" => text.parse::<i64>().map(Value::from).map_err(|_| wrong("a whole number")),
        "$number" | "$double" | "$float" => match serde_json::from_str(&text) {
            Ok(number @ Value::Number(_)) => Ok(number),
            _ => Err(wrong("a number")),
        },
        "$bool" => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong("true or false")),
        },
        "$string" => Ok(match value {
            Value::String(text) => Value::String(text.clone()),
            _ => Value::String(text),
        }),
        "$list" if value.is_array() => Ok(value.clone()),
        "$list" => Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(Value::from).collect()),
        "$array" => match serde_json::from_str(&text) {
            Ok(items @ Value::Array(_)) => Ok(items),
            _ => Err(wrong("a list in JSON")),
        },
        "$object" => match serde_json::from_str(&text) {
            Ok(members @ Value::Object(_)) => Ok(members),
            _ => Err(wrong("an object in JSON")),
        },
        other => {
            Err(format!("{other} is not known here; $int, $number, $bool, $string, $list, $array and $object are"))
        }
    }
}

/// Returns the text of a file, without the line break that editors add at its end.
fn read(file: &Path) -> Result<String, String> {
    let name = file.display();
    let length = std::fs::metadata(file).map_err(|error| format!("the file {name} cannot be read: {error}"))?.len();
    if length > LONGEST_VALUE {
        return Err(format!("the file {name} is larger than 64 KiB"));
    }
    let mut text = read_text(file).map_err(|error| format!("the file {name} cannot be read: {error}"))?;
    if text.ends_with('\n') {
        text.pop();
    }
    if text.ends_with('\r') {
        text.pop();
    }
    Ok(text)
}
