//! `audit`: who did what, from where, with which outcome. Works also while the server runs.

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{Failure, Report};
use super::user::{failed, open};
use crate::server::configuration::Configuration;
use crate::server::store::audit;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// List events, newest first.
    List {
        /// Only those of this user.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// At most so many.
        #[arg(long, default_value_t = 100, value_name = "COUNT")]
        limit: u32,
    },
}

pub(super) fn run(verb: Verb, configuration: &Configuration) -> Result<Report, Failure> {
    let store = open(configuration)?;
    let Verb::List { user, limit } = verb;
    let events =
        store.run_blocking(move |transaction| audit::list(transaction, user.as_deref(), limit)).map_err(failed)?;
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let lines: Vec<String> = events
        .iter()
        .map(|event| {
            format!(
                "{}  {}  {}  user {}  from {}  device {}",
                event.at,
                event.event,
                event.outcome,
                shown(&event.user),
                shown(&event.address),
                shown(&event.device),
            )
        })
        .collect();
    let values: Vec<Value> = events
        .iter()
        .map(|event| {
            json!({
                "at": event.at,
                "event": event.event,
                "outcome": event.outcome,
                "user": event.user,
                "address": event.address,
                "device": event.device,
            })
        })
        .collect();
    Ok(Report::new(lines.join("\n"), Value::Array(values)))
}
