//! The host application's log. Gives it the core's events as lines of text, and knows no logger.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::phone::{Event, EventKind};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// What is to be expected.
    Information,
    /// Something was refused, or does not count any more.
    Warning,
}

/// The host's logger did not take a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum LogSinkError {
    /// It threw something; made by the generated code.
    #[error("{reason}")]
    Unexpected {
        /// What the exception said.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for LogSinkError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unexpected { reason: error.reason }
    }
}

/// The host application's logger. It gets a line for each event once that is durable, on the thread of the call that
/// brought it about, and may call back. What it throws is swallowed: a log that is full keeps nobody from signing on.
#[uniffi::export(with_foreign)]
pub trait LogSink: Send + Sync {
    /// Takes one line: the event's name, then what it is about. Accounts and sign-on requests are named by their ids.
    /// No line holds a secret.
    fn log(&self, level: LogLevel, line: String) -> Result<(), LogSinkError>;
}

/// What hands events to the sink.
pub(super) fn listener(sink: Arc<dyn LogSink>) -> impl Fn(&Event) + Send + Sync + 'static {
    move |event| drop(sink.log(level(event.kind), line(event)))
}

fn level(kind: EventKind) -> LogLevel {
    match kind {
        EventKind::RegistrationRefused
        | EventKind::MessageRefused
        | EventKind::DecisionRefused
        | EventKind::EnrolmentRefused
        | EventKind::TokenRefused
        | EventKind::TokenNotOffered
        | EventKind::BiometricInvalidated
        | EventKind::DeviceKeyInvalidated => LogLevel::Warning,
        EventKind::Enrolled
        | EventKind::RegistrationConfirmed
        | EventKind::Removed
        | EventKind::MessageReceived
        | EventKind::Decided
        | EventKind::Settled
        | EventKind::TokenChanged
        | EventKind::KeyRewrapped
        | EventKind::BiometricRebound => LogLevel::Information,
    }
}

fn line(event: &Event) -> String {
    let mut line = event.kind.name().to_owned();
    let about = [("account", &event.account_id), ("request", &event.subject), ("detail", &event.detail)];
    for (name, value) in about {
        if let Some(value) = value {
            // Writing to a string does not fail.
            let _: Result<(), std::fmt::Error> = write!(line, " {name}={value}");
        }
    }
    line
}
