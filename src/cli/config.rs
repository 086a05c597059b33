//! `config`: checks a configuration before a server runs with it.

use clap::Subcommand;
use serde_json::json;

use super::output::{Failure, Report};
use crate::server::attestation::AttestationCheck;
use crate::server::configuration::Configuration;
use crate::server::journey::Journeys;
use crate::server::key_of_environment;
use crate::server::push::sns::credentials::Credentials;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Check the configuration and every journey in it, without creating or changing anything.
    Check,
}

pub(super) fn run(verb: Verb, configuration: &Configuration) -> Result<Report, Failure> {
    match verb {
        Verb::Check => check(configuration),
    }
}

/// Loading the configuration has already checked the file itself.
fn check(configuration: &Configuration) -> Result<Report, Failure> {
    key_of_environment().map_err(|error| Failure::new("start", &error))?;
    if let Some(settings) = &configuration.push.sns {
        let environment = |name: &str| std::env::var(name).ok();
        Credentials::load(&settings.credentials_file, settings.apns_sandbox, &environment)
            .map_err(|error| Failure::new("start", &error))?;
    }
    if let Some(settings) = &configuration.webhook {
        let environment = |name: &str| std::env::var(name).ok();
        settings.secrets(&environment).map_err(|error| Failure::new("start", &error))?;
    }
    if let Some(settings) = &configuration.push.attestation {
        AttestationCheck::load(settings).map_err(|error| Failure::new("start", &error))?;
    }
    let unbelieved = configuration.trust_warnings().map_err(|error| Failure::new("start", &error))?;
    let journeys = Journeys::load(&configuration.journeys).map_err(|error| Failure::new("journeys", &error))?;
    journeys.check_default(&configuration.default_journey).map_err(|error| Failure::new("journeys", &error))?;
    let mut warnings: Vec<String> = journeys.iter().flat_map(|journey| journey.warnings.clone()).collect();
    warnings.extend(configuration.warnings(journeys.ask_for_keys()));
    warnings.extend(unbelieved);
    let off = journeys.off();
    let names: Vec<&String> =
        journeys.iter().filter(|journey| journey.not_runnable.is_none()).map(|journey| &journey.name).collect();
    let mut lines = vec![format!("The configuration is sound; journeys: {}.", names.len())];
    lines.extend(off.iter().cloned());
    lines.extend(warnings.iter().map(|warning| format!("warning: {warning}")));
    Ok(Report::new(lines.join("\n"), json!({"journeys": names, "off": off, "warnings": warnings})))
}
