//! `webhook`: tests whether another server receives this server's events. Also works while the server runs.

use std::sync::Arc;

use clap::Subcommand;
use serde_json::json;

use super::beside;
use super::output::{Failure, Report};
use super::user::{failed, open};
use crate::ports::{Clock as _, SystemClock, SystemEntropy};
use crate::server::configuration::Configuration;
use crate::server::store::audit;
use crate::server::webhook::{Event, Sender, make_id};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Post a test event to the webhook URL and print the response.
    Test,
}

pub(super) fn run(verb: Verb, configuration: &Configuration) -> Result<Report, Failure> {
    let Verb::Test = verb;
    let settings = configuration
        .webhook
        .as_ref()
        .ok_or_else(|| Failure::new("not-set-up", &"There is no webhook: server.toml has no [webhook]."))?;
    let clock = Arc::new(SystemClock);
    let sender = Sender::new(settings, clock.clone()).map_err(|error| Failure::new("configuration", &error))?;
    let store = open(configuration)?;
    let id = make_id(&SystemEntropy::new()).map_err(|error| Failure::new("entropy", &error))?;
    let now = clock.now();
    let server = beside::origin(configuration);
    let told = sender.send(&id, &Event::Test {}.body(&id, &server, now));
    let outcome = told.as_ref().map_or_else(|failure| failure.name(), |_| "success").to_owned();
    let event =
        audit::Event { at: now, event: "webhook-test".to_owned(), outcome: outcome.clone(), ..audit::Event::default() };
    store.run_blocking(move |transaction| beside::add_event(transaction, &event)).map_err(failed)?;
    let message = match &told {
        Ok(status) => format!("The receiver took it, with status {status}."),
        Err(failure) => failure.to_string(),
    };
    let value = json!({"id": id, "outcome": outcome, "status": told.as_ref().ok(), "message": message});
    let report = Report::new(message, value);
    Ok(if told.is_ok() { report } else { report.with_failures() })
}
