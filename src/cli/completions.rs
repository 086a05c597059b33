//! `completions`: shell completion scripts, generated from the command definitions.

use std::string::FromUtf8Error;

use clap_complete::Shell;
use serde_json::json;

use super::output::{Failure, Report};

/// Returns the script for a shell.
pub(super) fn run(shell: Shell, commands: clap::Command) -> Result<Report, Failure> {
    let script = script(shell, commands).map_err(|error| Failure::new("completions", &error))?;
    let value = json!({"shell": shell.to_string(), "script": script});
    Ok(Report::new(script.trim_end().to_owned(), value))
}

fn script(shell: Shell, mut commands: clap::Command) -> Result<String, FromUtf8Error> {
    let name = commands.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut commands, &name, &mut script);
    // Up to version 4.6, clap_complete spells names with a hyphen in two ways, so bash completes no subcommand of such
    // a command (clap-rs/clap#6421).
    let (wrong, right) = (name.replace('-', "__subcmd__"), name.replace('-', "__"));
    Ok(String::from_utf8(script)?.replace(&wrong, &right))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, ValueEnum as _};

    use super::*;
    use crate::cli::{Arguments, output};

    #[test]
    fn scripts_are_printed_as_they_are() {
        for &shell in Shell::value_variants() {
            let script = script(shell, Arguments::command()).unwrap();
            assert_eq!(output::visible(&script), script, "{shell}");
        }
    }
}
