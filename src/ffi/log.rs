//! The host application's log, which receives the core's events as lines of text.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::phone::{Event, EventKind};

/// Severity of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// An expected event.
    Information,
    /// Something was rejected or became invalid.
    Warning,
}

/// The host's logger failed to record a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum LogSinkError {
    /// The logger threw an exception. The generated code creates this variant.
    #[error("{reason}")]
    Unexpected {
        /// Message of the exception.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for LogSinkError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Unexpected { reason: error.reason }
    }
}

/// The host application's logger. It receives one line per event, once the event is durable, on the thread of the call
/// that caused it, and it may call back. Its exceptions are ignored: a full log must not keep anyone from signing in.
#[uniffi::export(with_foreign)]
pub trait LogSink: Send + Sync {
    /// Records one line: the event's name, followed by what it concerns. Accounts and sign-on requests appear by ID.
    /// Lines never contain secrets.
    fn log(&self, level: LogLevel, line: String) -> Result<(), LogSinkError>;
}

/// Returns a listener that passes events to the sink.
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
