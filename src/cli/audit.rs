//! `audit`: who did what, from where, and with what outcome. Also works while the server runs.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::{Value, json};

use super::beside;
use super::output::{Failure, Report};
use super::user::{failed, open};
use crate::ports::{Clock as _, SystemClock};
use crate::server::configuration::Configuration;
use crate::server::rfc3339::rfc3339;
use crate::server::store::audit::{self, Entry};
use crate::server::store::audit_verify::{self, Checkpoint, Verification};

/// Largest checkpoint file, in bytes.
const CHECKPOINT_LIMIT: u64 = 16 * 1024;

/// Caveat to print when no checkpoint was compared.
const WITHOUT_CHECKPOINT: &str = "That the newest events were cut off together with their seals, or that an older copy of \
                                  the database was put back, shows only by comparing with a checkpoint that was \
                                  exported before: audit verify --checkpoint FILE.";

#[derive(Subcommand)]
pub(super) enum Verb {
    /// List events, newest first.
    List {
        /// List only events of this user.
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// List at most this many.
        #[arg(long, default_value_t = 100, value_name = "COUNT")]
        limit: u32,
    },
    /// Verify that no sealed event was removed, changed, inserted, or moved.
    Verify {
        /// Also verify that the log continues from this exported checkpoint.
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Seal the log and print a checkpoint. Store it where nobody who can change the database can change it.
    Checkpoint {
        /// Write the checkpoint to this file instead, replacing an older one.
        #[arg(long, value_name = "FILE")]
        export: Option<PathBuf>,
    },
}

pub(super) fn run(verb: Verb, configuration: &Configuration) -> Result<Report, Failure> {
    match verb {
        Verb::List { user, limit } => list(configuration, user, limit),
        Verb::Verify { checkpoint } => verify(configuration, checkpoint.as_deref()),
        Verb::Checkpoint { export } => checkpoint(configuration, export.as_deref()),
    }
}

fn list(configuration: &Configuration, user: Option<String>, limit: u32) -> Result<Report, Failure> {
    let entries = open(configuration)?
        .run_blocking(move |transaction| audit::list(transaction, user.as_deref(), limit))
        .map_err(failed)?;
    let lines: Vec<String> = entries.iter().map(line).collect();
    let values: Vec<Value> = entries
        .iter()
        .map(|Entry { sequence, event, actor, count }| {
            json!({
                "sequence": sequence,
                "at": event.at,
                "event": event.event,
                "outcome": event.outcome,
                "user": event.user,
                "address": event.address,
                "device": event.device,
                "actor": actor,
                "count": count,
            })
        })
        .collect();
    Ok(Report::new(lines.join("\n"), Value::Array(values)))
}

fn line(Entry { sequence, event, actor, count }: &Entry) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let more = if *count > 1 { format!("  (and {count} more of them)") } else { String::new() };
    let by = actor.as_ref().map(|actor| format!("  by {actor}")).unwrap_or_default();
    format!(
        "{sequence}  {}  {}  {}{more}  user {}  from {}  device {}{by}",
        rfc3339(event.at),
        event.event,
        event.outcome,
        shown(&event.user),
        shown(&event.address),
        shown(&event.device),
    )
}

fn verify(configuration: &Configuration, file: Option<&Path>) -> Result<Report, Failure> {
    let checkpoint = file.map(read_checkpoint).transpose()?;
    let compared = checkpoint.as_ref().map(|checkpoint| checkpoint.sequence);
    let (store, context) = beside::open(configuration)?;
    let found = audit_verify::verify(&store, &context.keys, checkpoint).map_err(failed)?;
    let report = Report::new(verification_text(&found, compared), verification_value(&found, compared));
    Ok(if found.findings.is_empty() { report } else { report.with_failures() })
}

fn verification_text(found: &Verification, compared: Option<i64>) -> String {
    let mut lines = vec![format!("{} sealed events, up to event {}.", found.sealed, found.head)];
    if found.start > 0 {
        lines.push(format!("Retention removed the events up to {}.", found.start));
    }
    if let Some((first, last, count)) = found.unsealed {
        lines.push(format!(
            "{count} newest events, {first} to {last}, are not sealed yet: they are not protected. The running server \
             seals every few seconds."
        ));
    }
    lines.extend(found.findings.iter().map(ToString::to_string));
    if found.further_findings > 0 {
        lines.push(format!("And {} more findings.", found.further_findings));
    }
    lines.push(match (found.findings.is_empty(), compared) {
        (false, _) => "The audit log was tampered with, or the checkpoint does not fit it.".to_owned(),
        (true, Some(row)) => {
            format!("Nothing was removed or changed, and the log continues the checkpoint at event {row}.")
        }
        (true, None) => format!("No sealed event was removed, changed, inserted or moved. {WITHOUT_CHECKPOINT}"),
    });
    lines.join("\n")
}

fn verification_value(found: &Verification, compared: Option<i64>) -> Value {
    let findings: Vec<Value> = found
        .findings
        .iter()
        .map(|finding| json!({"finding": finding.name(), "message": finding.to_string()}))
        .collect();
    json!({
        "intact": found.findings.is_empty(),
        "sealed": found.sealed,
        "head": found.head,
        "start": found.start,
        "unsealed": found.unsealed.map(|(first, last, count)| json!({"first": first, "last": last, "count": count})),
        "checkpoint": compared,
        "findings": findings,
        "further_findings": found.further_findings,
        "note": if compared.is_none() { Some(WITHOUT_CHECKPOINT) } else { None },
    })
}

fn read_checkpoint(file: &Path) -> Result<Checkpoint, Failure> {
    let unreadable = |problem: &dyn std::fmt::Display| {
        Failure::new("checkpoint", &format!("The checkpoint {} cannot be read: {problem}.", file.display()))
    };
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(CHECKPOINT_LIMIT).read_to_string(&mut text))
        .map_err(|error| unreadable(&error))?;
    serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .map_err(|_| unreadable(&"it is not what audit checkpoint writes"))
}

fn checkpoint(configuration: &Configuration, file: Option<&Path>) -> Result<Report, Failure> {
    let (store, context) = beside::open(configuration)?;
    let made = audit_verify::checkpoint(&store, &context.keys, SystemClock.now()).map_err(failed)?;
    let made = made.ok_or_else(|| {
        Failure::new(
            "tampered",
            &"The audit log was tampered with: its head is missing or was changed. Run audit verify.",
        )
    })?;
    let value = serde_json::to_value(&made).map_err(|error| Failure::new("checkpoint", &error))?;
    let Some(file) = file else { return Ok(Report::new(value.to_string(), value)) };
    std::fs::write(file, format!("{value}\n"))
        .map_err(|error| Failure::new("checkpoint", &format!("{} cannot be written: {error}.", file.display())))?;
    let text = format!("The checkpoint of event {} is in {}.", made.sequence, file.display());
    Ok(Report::new(text, value))
}
