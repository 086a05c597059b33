//! `server`: commands for the server as a whole. They do not work while it runs.

use clap::Subcommand;
use serde_json::json;

use super::beside::add_event;
use super::output::{Failure, Report};
use crate::ports::{Clock as _, SystemClock, SystemEntropy};
use crate::server::configuration::Configuration;
use crate::server::keys::{KEY_VARIABLE, NEW_KEY_VARIABLE};
use crate::server::rotation::{Rotated, RotationError, rotate_key};
use crate::server::store::audit;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// The key that encrypts the store.
    #[command(subcommand)]
    Key(KeyVerb),
}

#[derive(Subcommand)]
pub(super) enum KeyVerb {
    /// Create a new key and re-encrypt the whole store with it. Stop the server first.
    ///
    /// Older backups of the database need the old key: keep it as long as them. If the key comes from the environment
    /// (PUSH_AUTHENTICATOR_SERVER_KEY), the new one is read from PUSH_AUTHENTICATOR_NEW_SERVER_KEY.
    Rotate,
}

pub(super) fn run(verb: Verb, configuration: &Configuration) -> Result<Report, Failure> {
    let Verb::Key(KeyVerb::Rotate) = verb;
    let event = audit::Event {
        at: SystemClock.now(),
        event: "server-key-rotated".to_owned(),
        outcome: "success".to_owned(),
        ..audit::Event::default()
    };
    let rotated = rotate_key(configuration, &SystemEntropy::new(), |transaction| add_event(transaction, &event))
        .map_err(|error| Failure::new(code(&error), &error))?;
    let text = text(&rotated);
    let file = rotated.file.map(|file| file.display().to_string());
    Ok(Report::new(text, json!({"rotated": rotated.values.is_some(), "values": rotated.values, "key_file": file})))
}

fn code(error: &RotationError) -> &'static str {
    match error {
        RotationError::Lock(_) => "start",
        RotationError::NoDatabase(_) => "no-database",
        RotationError::NoNewKey | RotationError::NoOldKey | RotationError::SameKey => "new-key",
        RotationError::Start(_) => "store",
    }
}

fn text(Rotated { values, file }: &Rotated) -> String {
    let done = match values {
        Some(1) => "1 stored value is sealed under the new key.".to_owned(),
        Some(values) => format!("{values} stored values are sealed under the new key."),
        None => "The store was sealed under the new key before. Nothing was changed.".to_owned(),
    };
    let next = match file {
        Some(file) => format!(
            "The new key is in {}, in the place of the old one. Back it up now, apart from the database.",
            file.display()
        ),
        None => format!(
            "Before you start the server, set {KEY_VARIABLE} to the key that is in {NEW_KEY_VARIABLE}, and unset the latter."
        ),
    };
    format!("{done}\n{next}\nBackups of the database made before this need the old key: keep it as long as them.")
}
