//! `push`: tests whether pushes reach a user's phones. Also works while the server runs.

use std::sync::Arc;

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{Failure, Report};
use super::user::failed;
use crate::ports::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::server::configuration::Configuration;
use crate::server::push::sns::Sender;
use crate::server::push::{Reached, push_test};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Send a harmless message to each of a user's phones. Answering it signs nobody in.
    Test {
        /// The user's name.
        user: String,
    },
}

pub(super) fn run(verb: Verb, configuration: &Configuration) -> Result<Report, Failure> {
    let Verb::Test { user } = verb;
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
    let (keys, store) =
        crate::server::open_data(configuration, entropy.as_ref()).map_err(|error| Failure::new("store", &error))?;
    let keys = Arc::new(keys);
    let sender = configuration
        .push
        .sns
        .as_ref()
        .map(|settings| Sender::new(settings, configuration.push.hint_only, store.clone(), keys.clone(), clock.clone()))
        .transpose()
        .map_err(|error| Failure::new("configuration", &error))?;
    let results = push_test(&user, &super::actor::actor(), sender.as_ref(), &store, &keys, clock.as_ref(), &entropy)
        .map_err(failed)?;
    if results.is_empty() {
        return Err(Failure::new("no-device", &format!("There is no registered phone of a user {user:?}.")));
    }
    let mut lines = Vec::new();
    let mut values = Vec::new();
    for (device, reached) in &results {
        let message = match reached {
            Reached::Sent => "sent".to_owned(),
            Reached::Hinted => "sent as a hint; the phone asks, and finds nothing".to_owned(),
            Reached::Fetches => "asks for its messages; no push goes to it".to_owned(),
            Reached::Failed(failure) => failure.to_string(),
        };
        lines.push(format!("{}  {}  {}", device.id, device.name, message));
        values.push(json!({
            "id": device.id,
            "name": device.name,
            "communication_type": device.communication_type,
            "outcome": reached.name(),
            "message": message,
        }));
    }
    let report = Report::new(lines.join("\n"), Value::Array(values));
    let all_well = results.iter().all(|(_, reached)| !matches!(reached, Reached::Failed(_)));
    Ok(if all_well { report } else { report.with_failures() })
}
