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
                print_line(&report.value.to_string());
            } else if !json && !report.text.is_empty() {
                print_line(&report.text);
            }
            ExitCode::from(report.status)
        }
        Err(failure) => {
            if json {
                print_line(&failure.value().to_string());
            } else {
                // A closed standard error leaves only the exit status, which is enough.
                let _ = writeln!(std::io::stderr(), "{}", failure.message);
            }
            ExitCode::from(failure.status)
        }
    }
}

/// Prints a line at once; a reader that went away is no error.
pub(super) fn print_line(line: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
