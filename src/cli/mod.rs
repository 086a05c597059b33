//! The command line: one file per command. It may import every module; no module imports it.

mod actor;
mod audit;
mod beside;
mod completions;
mod config;
mod demo;
mod device;
mod http;
mod init;
mod journey;
mod manual;
mod output;
mod phone;
mod push;
mod serve;
mod server;
mod user;
mod user_password;
mod webhook;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::server::configuration::Configuration;
use output::{Failure, Report};

/// A push authenticator: the server, and a phone on the command line.
///
/// Without a command, runs the demo.
#[derive(Parser)]
#[command(name = "push-authenticator", version, arg_required_else_help = false)]
struct Arguments {
    /// Print exactly one JSON value on standard output, including for errors.
    #[arg(long, global = true)]
    json: bool,
    /// Configuration file of the server, for serve, server, user, device, audit, push, webhook, and journey.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run a server with a user and a simulated phone next to the sign-on page.
    Demo(demo::Demo),
    /// Write a configuration and the default journey to a folder.
    Init {
        /// The folder, created if it does not exist.
        folder: PathBuf,
    },
    /// Run the server.
    Serve {
        /// Listen here instead of at the configured address.
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Rotate the server's key.
    #[command(subcommand)]
    Server(server::Verb),
    /// Check a configuration.
    #[command(subcommand)]
    Config(config::Verb),
    /// Add, list, lock, unlock, and remove users.
    #[command(subcommand)]
    User(user::Verb),
    /// List, invite, and remove registered phones.
    #[command(subcommand)]
    Device(device::Verb),
    /// List audit events and verify that nobody has altered the log.
    #[command(subcommand)]
    Audit(audit::Verb),
    /// Test whether pushes reach a user's phones.
    #[command(subcommand)]
    Push(push::Verb),
    /// Test whether the webhook receiver can be reached.
    #[command(subcommand)]
    Webhook(webhook::Verb),
    /// List, check, and draw journeys.
    #[command(subcommand)]
    Journey(journey::Verb),
    /// A phone on the command line.
    Phone(phone::PhoneArguments),
    /// Print a shell completion script.
    Completions {
        /// The shell to print it for.
        shell: clap_complete::Shell,
    },
    /// Write a man page for each command to a folder.
    Man {
        /// The folder, created if it does not exist.
        folder: PathBuf,
    },
}

/// Runs the command line. Exit status: 0 success, 1 rejected or failed, 2 wrong usage.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let result = match Arguments::try_parse_from(&arguments) {
        Ok(arguments) => execute(arguments),
        Err(error) if error.use_stderr() => Err(Failure::usage(error.render().to_string().trim_end().to_owned())),
        Err(help) => {
            let text = help.render().to_string();
            Ok(Report::new(text.trim_end().to_owned(), serde_json::json!({ "help": text })))
        }
    };
    output::finish(result, json)
}

fn execute(arguments: Arguments) -> Result<Report, Failure> {
    let json = arguments.json;
    match arguments.command.unwrap_or_else(|| Command::Demo(demo::Demo::default())) {
        Command::Demo(demo) => demo::run(demo, json),
        Command::Init { folder } => init::run(&folder),
        Command::Serve { listen } => serve::run(configuration(arguments.config)?, listen, json),
        Command::Server(verb) => server::run(verb, &configuration(arguments.config)?),
        Command::Config(verb) => config::run(verb, &configuration(arguments.config)?),
        Command::User(verb) => {
            sealing(&configuration(arguments.config)?, |configuration| user::run(verb, configuration))
        }
        Command::Device(verb) => {
            sealing(&configuration(arguments.config)?, |configuration| device::run(verb, configuration))
        }
        Command::Audit(verb) => audit::run(verb, &configuration(arguments.config)?),
        Command::Push(verb) => {
            sealing(&configuration(arguments.config)?, |configuration| push::run(verb, configuration))
        }
        Command::Webhook(verb) => {
            sealing(&configuration(arguments.config)?, |configuration| webhook::run(verb, configuration))
        }
        Command::Journey(verb) => journey::run(verb, || configuration(arguments.config)),
        Command::Phone(phone) => phone::run(phone),
        Command::Completions { shell } => completions::run(shell, Arguments::command()),
        Command::Man { folder } => manual::run(&folder, Arguments::command()),
    }
}

/// Runs a command that writes to the audit log, then seals its events.
fn sealing(
    configuration: &Configuration,
    run: impl FnOnce(&Configuration) -> Result<Report, Failure>,
) -> Result<Report, Failure> {
    let report = run(configuration)?;
    // The command succeeded even if its event could not be sealed yet.
    let _ = beside::seal(configuration);
    Ok(report)
}

fn configuration(file: Option<PathBuf>) -> Result<Configuration, Failure> {
    let file = file.ok_or_else(|| Failure::usage("This command needs --config FILE.".to_owned()))?;
    Configuration::load(&file).map_err(|error| Failure::new("configuration", &error))
}
