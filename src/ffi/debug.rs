//! Debug output of records that contain secrets. By default, generated Kotlin and Swift code prints every field of a
//! record; these implementations replace that.

use std::fmt;

use super::codes::{Code, CodeValidity, ManualEntry};
use super::outbox::{HttpRequest, PullRequest};
use super::records::{Device, Evidence, Signed, ToSign};

impl fmt::Debug for ManualEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ManualEntry")
            .field("issuer", &self.issuer)
            .field("account", &self.account)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Code")
            .field("account_id", &self.account_id)
            .field("validity", &self.validity)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CodeValidity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timed { period_seconds, remaining_milliseconds, .. } => formatter
                .debug_struct("Timed")
                .field("period_seconds", period_seconds)
                .field("remaining_milliseconds", remaining_milliseconds)
                .finish_non_exhaustive(),
            Self::Counted { counter } => formatter.debug_struct("Counted").field("counter", counter).finish(),
        }
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tap => formatter.write_str("Tap"),
            Self::Number { .. } => formatter.debug_struct("Number").finish_non_exhaustive(),
            Self::Biometric { .. } => formatter.debug_struct("Biometric").finish_non_exhaustive(),
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Device")
            .field("name", &self.name)
            .field("platform", &self.platform)
            .field("communication_type", &self.communication_type)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpRequest")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("url", &self.url)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for PullRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("PullRequest")
            .field("account_id", &self.account_id)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The bytes contain the registration URI's challenge, which only the phone and the server may know.
impl fmt::Debug for ToSign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ToSign").finish_non_exhaustive()
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signed").finish_non_exhaustive()
    }
}
