//! `journey`: lists, checks, and draws journeys.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};
use url::Url;

use super::output::{Failure, Report};
use crate::server::configuration::Configuration;
use crate::server::journey::{Journeys, read_file};
use crate::server::preview_url;

#[derive(Subcommand)]
pub(super) enum Verb {
    /// List the journeys with the URLs of their sign-on pages.
    List,
    /// Check an exported journey file.
    Check {
        /// The file to check.
        file: PathBuf,
    },
    /// Draw a journey as a Mermaid flowchart.
    Graph {
        /// The journey's name.
        name: String,
    },
}

pub(super) fn run(
    verb: Verb,
    configuration: impl FnOnce() -> Result<Configuration, Failure>,
) -> Result<Report, Failure> {
    match verb {
        Verb::Check { file } => check(&file),
        Verb::List => list(&configuration()?),
        Verb::Graph { name } => {
            let journeys = load(&configuration()?)?;
            let journey = journeys
                .get(&name)
                .ok_or_else(|| Failure::new("unknown-journey", &format!("There is no journey {name:?}.")))?;
            let chart = journey.graph();
            Ok(Report::new(chart.trim_end().to_owned(), json!({"name": name, "mermaid": chart})))
        }
    }
}

fn load(configuration: &Configuration) -> Result<Journeys, Failure> {
    Journeys::load(&configuration.journeys).map_err(|error| Failure::new("journeys", &error))
}

/// Returns the server's public URL when it listens at the configured address.
pub(super) fn public_url(configuration: &Configuration) -> Result<Url, Failure> {
    match &configuration.public_url {
        Some(url) => Ok(url.clone()),
        None => Url::parse(&format!("http://{}/am", configuration.listen))
            .map_err(|error| Failure::new("configuration", &error)),
    }
}

fn list(configuration: &Configuration) -> Result<Report, Failure> {
    let base = public_url(configuration)?;
    let (mut lines, mut values) = (Vec::new(), Vec::<Value>::new());
    for journey in load(configuration)?.iter() {
        let url = preview_url(&base, &configuration.realm, &journey.name);
        lines.push(match &journey.not_runnable {
            None => format!("{}\n    {url}", journey.name),
            Some(reason) => format!("{}\n    does not run here: {reason}", journey.name),
        });
        values.push(json!({
            "name": journey.name,
            "description": journey.description,
            "url": journey.not_runnable.is_none().then_some(url),
            "not_runnable": journey.not_runnable,
        }));
    }
    Ok(Report::new(lines.join("\n"), Value::Array(values)))
}

/// Reports every reason why a journey in the file cannot run.
fn check(file: &std::path::Path) -> Result<Report, Failure> {
    let journeys = read_file(file).map_err(|error| Failure::new("journey", &error))?;
    let (mut lines, mut values) = (Vec::new(), Vec::<Value>::new());
    for journey in &journeys {
        lines.push(match &journey.not_runnable {
            None => format!("{:?}: sound, {} nodes", journey.name, journey.nodes.len()),
            Some(reason) => format!("{:?} does not run here: {reason}", journey.name),
        });
        lines.extend(journey.warnings.iter().map(|warning| format!("warning: {warning}")));
        values.push(json!({
            "name": journey.name,
            "nodes": journey.nodes.len(),
            "warnings": journey.warnings,
            "not_runnable": journey.not_runnable,
        }));
    }
    if journeys.iter().any(|journey| journey.not_runnable.is_some()) {
        return Err(Failure::new("journey", &lines.join("\n")));
    }
    Ok(Report::new(lines.join("\n"), Value::Array(values)))
}
