//! Output of a command: text for a human or one JSON value for a program.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};

/// Result of a command.
pub(super) struct Report {
    text: String,
    value: Value,
    status: u8,
}

impl Report {
    /// Creates a report from the text for a human and the same content for a program.
    pub(super) fn new(text: String, value: Value) -> Self {
        Self { text, value, status: 0 }
    }

    /// Returns the same report with exit status 1, because not everything in it succeeded.
    pub(super) fn with_failures(self) -> Self {
        Self { status: 1, ..self }
    }

    /// Returns an empty report, for a command that printed its value at the start.
    pub(super) fn silent() -> Self {
        Self { text: String::new(), value: Value::Null, status: 0 }
    }
}

/// Why a command failed.
pub(super) struct Failure {
    code: String,
    message: String,
    status: u8,
}

impl Failure {
    /// Rejected or failed: exit status 1.
    pub(super) fn new(code: &str, message: &impl ToString) -> Self {
        Self { code: code.to_owned(), message: message.to_string(), status: 1 }
    }

    /// Wrong usage: exit status 2.
    pub(super) fn usage(message: String) -> Self {
        Self { code: "usage".to_owned(), message, status: 2 }
    }

    /// Returns the failure as JSON.
    pub(super) fn value(&self) -> Value {
        json!({"error": {"code": self.code, "message": self.message}})
    }
}

/// Prints the result of a command and returns the exit status.
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
                // If standard error is closed, the exit status has to be enough.
                let _ = writeln!(std::io::stderr(), "{}", visible(&failure.message));
            }
            ExitCode::from(failure.status)
        }
    }
}

/// Escapes everything in the text that a terminal would act on or that would reverse or hide surrounding text. Keeps
/// line ends.
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

/// Serializes the value, escaping the same characters. They can occur only inside strings.
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

/// Returns whether the character is a control character or one of the Unicode characters that change writing direction
/// or hide text.
fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Prints a line immediately. A closed reader is not an error.
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
