//! `${env:NAME}` and `${file:PATH}` in a journey's settings: values that are not to stand in the file itself.
//!
//! They are filled in when the file is read, in every text of the settings. What is missing is an error that names it;
//! what was read is never part of one.

use std::path::Path;

use serde_json::Value;

use crate::server::text_file::read_text;

/// Longest value that is filled in, in bytes.
const LONGEST_VALUE: u64 = 64 * 1024;

/// Fills in the references of these settings. Paths are relative to the folder. `filled` gets what was read, so that it can be
/// kept out of messages.
pub fn fill_in(settings: &mut Value, folder: &Path, filled: &mut Vec<String>) -> Result<(), String> {
    match settings {
        Value::String(text) => {
            if text.contains("${") {
                *text = resolve(text, folder, filled)?;
            }
            Ok(())
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill_in(item, folder, filled)),
        Value::Object(members) => members.values_mut().try_for_each(|member| fill_in(member, folder, filled)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// The message without what was read from elsewhere.
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

/// The file's text, without the line end that editors put after it.
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
