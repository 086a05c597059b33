//! Outcomes of sent HTTP requests and how a command reports them.

use serde_json::json;

use crate::cli::output::{Failure, Report};
use crate::phone::Delivery;
use crate::server::ca_file::TlsFailure;

/// Outcomes of all HTTP requests that were sent.
#[derive(Default)]
pub(in crate::cli) struct Shipped(pub(super) Vec<Sent>);

/// Outcome of one HTTP request.
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) delivery: Delivery,
    /// Why the server is not trusted.
    pub(super) cause: Option<TlsFailure>,
}

impl Shipped {
    /// Returns the number of HTTP requests that were sent.
    pub(in crate::cli) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the reasons why servers are not trusted, without duplicates.
    pub(super) fn causes(&self) -> Vec<TlsFailure> {
        let mut causes: Vec<TlsFailure> = Vec::new();
        for cause in self.0.iter().filter_map(|sent| sent.cause.as_ref()) {
            if !causes.contains(cause) {
                causes.push(cause.clone());
            }
        }
        causes
    }

    /// Reports all outcomes; `waiting` is the number of outbox entries left.
    pub(super) fn report(&self, waiting: usize) -> Result<Report, Failure> {
        let count = |test: fn(&Delivery) -> bool| self.0.iter().filter(|sent| test(&sent.delivery)).count();
        let refused = count(|delivery| matches!(delivery, Delivery::Refused { .. }));
        let retried = count(|delivery| matches!(delivery, Delivery::Retry { .. }));
        let causes = self.causes();
        if refused > 0 {
            let refusal = format!("The server refused {refused} of {}.", self.len());
            let lines = std::iter::once(refusal).chain(causes.iter().map(ToString::to_string));
            return Err(Failure::new("refused", &lines.collect::<Vec<_>>().join("\n")));
        }
        if retried > 0 || waiting > 0 {
            return Err(queued(&causes));
        }
        Ok(Report::new(format!("Sent {}; nothing waits.", self.len()), json!({"sent": self.len(), "waiting": waiting})))
    }
}

/// Reports that unsent entries stay in the outbox; `causes` must be fixed first.
pub(super) fn queued(causes: &[TlsFailure]) -> Failure {
    let Some(first) = causes.first() else {
        return Failure::new(
            "queued",
            &"The server could not be reached. It stays in the outbox; run sync to send it.",
        );
    };
    let mut lines: Vec<String> = causes.iter().map(ToString::to_string).collect();
    lines.push("It stays in the outbox; run sync to send it once that is set right.".to_owned());
    Failure::new(first.name(), &lines.join("\n"))
}
