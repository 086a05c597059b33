//! What a command prints: text for a person or one JSON value for a program.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

/// What a command came to.
pub(super) struct Report {
    text: String,
    value: Value,
    status: u8,
}

impl Report {
    /// Text for a person, and the same for a program.
    pub(super) fn new(text: String, value: Value) -> Self {
        Self { text, value, status: 0 }
    }

    /// The same with exit status 1: what is reported did not all succeed.
    pub(super) fn with_failures(self) -> Self {
        Self { status: 1, ..self }
    }

    /// Nothing more to print: the command printed its value when it began.
    pub(super) fn silent() -> Self {
        Self { text: String::new(), value: Value::Null, status: 0 }
    }
}

/// Why a command did not do what it was asked to.
pub(super) struct Failure {
    code: String,
    message: String,
    status: u8,
}

impl Failure {
    /// Refused or failed: exit status 1.
    pub(super) fn new(code: &str, message: &impl ToString) -> Self {
        Self { code: code.to_owned(), message: message.to_string(), status: 1 }
    }

    /// Wrong usage: exit status 2.
    pub(super) fn usage(message: String) -> Self {
        Self { code: "usage".to_owned(), message, status: 2 }
    }

    /// The failure as a program reads it.
    pub(super) fn value(&self) -> Value {
        json!({"error": {"code": self.code, "message": self.message}})
    }
}

/// Prints what a command came to and gives its exit status.
pub(super) fn finish(result: Result<Report, Failure>, json: bool) -> ExitCode {
    match result {
        Ok(report) => {
            if json && !report.value.is_null() {
                print_line(&escaped(&report.value));
            } else if !json && !report.text.is_empty() {
                print_line(&visible(&report.text));
            }
            ExitCode::from(report.status)
        }
        Err(failure) => {
            if json {
                print_line(&escaped(&failure.value()));
            } else {
                // A closed standard error leaves only the exit status, which is enough.
                let _ = writeln!(std::io::stderr(), "{}", visible(&failure.message));
            }
            ExitCode::from(failure.status)
        }
    }
}

/// The text with whatever a terminal would act on, or that would turn or hide what stands around it, written as an
/// escape. Line ends stay.
pub(super) fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        match character {
            character if character != '\n' && is_active(character) => {
                shown.extend(character.escape_unicode());
            }
            character => shown.push(character),
        }
        shown
    })
}

/// The value as JSON, with the same characters as escapes of JSON: they only stand in texts.
fn escaped(value: &Value) -> String {
    value.to_string().chars().fold(String::new(), |mut shown, character| {
        if is_active(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(character);
        }
        shown
    })
}

/// Control characters, and what Unicode has to turn the direction of writing or to hide text.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Prints a line at once; a reader that went away is no error.
pub(super) fn print_line(line: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_written_as_an_escape() {
        assert_eq!(visible("a\u{1b}[31mb\u{9b}c\u{202e}d\ne\r"), "a\\u{1b}[31mb\\u{9b}c\\u{202e}d\ne\\u{d}");
        let value = json!({"name": "a\u{1b}\u{9b}\u{202e}\u{e0001}ü"});
        let line = escaped(&value);
        assert!(!line.contains(is_active), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }
}
