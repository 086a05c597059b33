//! `man`: man pages, generated from the command definitions.

use std::path::Path;

use serde_json::json;

use super::output::{Failure, Report};

/// Writes the pages to a folder.
pub(super) fn run(folder: &Path, commands: clap::Command) -> Result<Report, Failure> {
    let failed = |error| Failure::new("man", &format!("{} cannot be written: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(commands, folder).map_err(failed)?;
    let text = format!("Wrote the man pages into {}.", folder.display());
    Ok(Report::new(text, json!({"folder": folder.display().to_string()})))
}
