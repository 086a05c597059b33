//! `user`: the users who may sign in. Also works while the server runs.

use std::io::Read as _;

use clap::Subcommand;
use serde_json::{Value, json};

use super::beside::add_event;
use super::output::{Failure, Report};
use crate::ports::{Clock as _, EpochMilliseconds, SystemClock, SystemEntropy};
use crate::protocol::text;
use crate::secret::SecretText;
use crate::server::configuration::Configuration;
use crate::server::password::make_hash;
use crate::server::store::{Store, StoreError, audit, known_browsers, user_names, users};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// Add a user.
    Add {
        /// The name to sign in with.
        name: String,
        /// Read the password from standard input, so that it never appears on a command line.
        #[arg(long, required = true)]
        password_stdin: bool,
        /// The name to display.
        #[arg(long)]
        common_name: Option<String>,
    },
    /// List the users.
    List,
    /// Lock a user: no sign-on succeeds any longer, and all sessions end.
    Lock {
        /// The user's name.
        name: String,
    },
    /// Let a user sign in again who is locked, or whose password is accepted only in known browsers.
    Unlock {
        /// The user's name.
        name: String,
    },
    /// Resume push messages to a user who reported a sign-on as fraudulent.
    Unfreeze {
        /// The user's name.
        name: String,
    },
    /// Set a new password for a user. All of the user's sessions end.
    Password {
        /// The user's name.
        name: String,
        /// Read the password from standard input, so that it never appears on a command line.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Change a user's name. Works on a database that cannot be opened because names collide; stop the server first.
    Rename {
        /// The name exactly as spelled; \u{301} and the like stand for characters that are hard to type.
        old: String,
        /// The new name.
        new: String,
    },
    /// Remove a user along with their devices, recovery codes, and sessions.
    Remove {
        /// The user's name.
        name: String,
    },
}

pub(super) fn run(verb: Verb, configuration: &Configuration) -> Result<Report, Failure> {
    if let Verb::Rename { old, new } = verb {
        return rename(configuration, &old, &new);
    }
    let store = open(configuration)?;
    match verb {
        // Handled above, because it must not open the store.
        Verb::Rename { .. } => Ok(Report::silent()),
        Verb::Add { name, common_name, .. } => {
            let password = read_password()?;
            add(&store, &name, common_name.as_deref(), &password)?;
            Ok(Report::new(format!("Added {name}."), json!({"name": name})))
        }
        Verb::List => {
            let users = store
                .run_blocking(|transaction| {
                    let with_restriction = |user: users::User| {
                        known_browsers::is_restricted(transaction, &user.name).map(|restricted| (user, restricted))
                    };
                    users::list(transaction)?.into_iter().map(with_restriction).collect::<Result<Vec<_>, StoreError>>()
                })
                .map_err(failed)?;
            let now = SystemClock.now();
            let lines: Vec<String> = users
                .iter()
                .map(|(user, restricted)| {
                    let restricted = if *restricted { "  (known browsers only)" } else { "" };
                    let locked = if user.locked_at.is_some() { "  (locked)" } else { "" };
                    let frozen = if user.is_frozen(now) { "  (no pushes)" } else { "" };
                    format!("{}{locked}{frozen}{restricted}", user.name)
                })
                .collect();
            let values: Vec<Value> = users
                .iter()
                .map(|(user, restricted)| {
                    json!({
                        "name": user.name,
                        "common_name": user.common_name,
                        "created_at": user.created_at,
                        "locked_at": user.locked_at,
                        "known_browsers_only": restricted,
                        "frozen": user.is_frozen(now),
                        "frozen_until": user.frozen_until.filter(|until| *until != users::UNTIL_LIFTED),
                    })
                })
                .collect();
            Ok(Report::new(lines.join("\n"), Value::Array(values)))
        }
        Verb::Lock { name } => set_locked(&store, name, true),
        Verb::Unlock { name } => set_locked(&store, name, false),
        Verb::Unfreeze { name } => unfreeze(&store, name),
        Verb::Password { name, .. } => super::user_password::change(configuration, name, &read_password()?),
        Verb::Remove { name } => {
            let wanted = name.clone();
            let removed = store.run_blocking(move |transaction| {
                let Some(user) = users::find(transaction, &wanted)? else { return Ok(false) };
                add_event(transaction, &by_command("user-removed", &user.name, SystemClock.now()))?;
                users::remove(transaction, &user.name)
            });
            if removed.map_err(failed)? {
                // The password hash must not linger in the write-ahead log either.
                user_names::empty_log(&configuration.data.join("server.db")).map_err(failed)?;
                Ok(Report::new(format!("Removed {name}."), json!({"name": name})))
            } else {
                Err(Failure::new("unknown-user", &format!("There is no user {name:?}.")))
            }
        }
    }
}

/// Changes a name in a database of any version.
fn rename(configuration: &Configuration, old: &str, new: &str) -> Result<Report, Failure> {
    check_name(new)?;
    let file = configuration.data.join("server.db");
    let old = read_escapes(old);
    match user_names::rename(&file, &old, new).map_err(failed)? {
        user_names::Renamed::Done => Ok(Report::new(
            format!(
                "{old} is called {new} from now on. The recovery codes are void: new ones are made on the profile page."
            ),
            json!({"old": old, "name": new}),
        )),
        user_names::Renamed::NoSuchUser => {
            let message = format!("There is no user spelt {old:?} ({}).", old.escape_unicode());
            Err(Failure::new("unknown-user", &message))
        }
        user_names::Renamed::Taken => Err(Failure::new("user-exists", &format!("There is a user {new:?} already."))),
    }
}

/// Replaces each `\u{...}` with the character it stands for, so that names from the list of collisions can be pasted.
fn read_escapes(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut read = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let character = part
            .split_once('}')
            .and_then(|(hex, rest)| Some((u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?, rest)));
        match character {
            Some((character, rest)) => {
                read.push(character);
                read.push_str(rest);
            }
            None => {
                read.push_str("\\u{");
                read.push_str(part);
            }
        }
    }
    read
}

fn check_name(name: &str) -> Result<(), Failure> {
    if name.is_empty() || text::clean(name, text::NAME_LIMIT) != name {
        return Err(Failure::new(
            "bad-name",
            &"A user name has 1 to 100 visible characters, without spaces at its ends.",
        ));
    }
    Ok(())
}

/// Creates the audit event for something the administrator did to a user.
pub(super) fn by_command(event: &str, user: &str, at: EpochMilliseconds) -> audit::Event {
    audit::Event {
        at,
        event: event.to_owned(),
        user: Some(user.to_owned()),
        outcome: "success".to_owned(),
        ..audit::Event::default()
    }
}

fn set_locked(store: &Store, name: String, locked: bool) -> Result<Report, Failure> {
    let (wanted, now) = (name.clone(), SystemClock.now());
    let changed = store.run_blocking(move |transaction| -> Result<Option<bool>, StoreError> {
        let Some(user) = users::find(transaction, &wanted)? else { return Ok(None) };
        let changed = match locked {
            true => users::lock(transaction, &user.name, now)?,
            false => {
                let was_restricted = known_browsers::lift_restriction(transaction, &user.name)?;
                users::unlock(transaction, &user.name)? || was_restricted
            }
        };
        if changed {
            let event = if locked { "user-locked" } else { "user-unlocked" };
            let event = by_command(event, &user.name, now);
            add_event(transaction, &event)?;
        }
        Ok(Some(changed))
    });
    let what = if locked { "locked" } else { "unlocked" };
    match changed.map_err(failed)? {
        None => Err(Failure::new("unknown-user", &format!("There is no user {name:?}."))),
        Some(changed) => {
            let text = if changed { format!("{name} is {what}.") } else { format!("{name} was {what} already.") };
            Ok(Report::new(text, json!({"name": name, "changed": changed})))
        }
    }
}

fn unfreeze(store: &Store, name: String) -> Result<Report, Failure> {
    let (wanted, now) = (name.clone(), SystemClock.now());
    let changed = store.run_blocking(move |transaction| -> Result<Option<bool>, StoreError> {
        let Some(user) = users::find(transaction, &wanted)? else { return Ok(None) };
        let changed = users::unfreeze(transaction, &user.name, now)?;
        if changed {
            let event = audit::Event {
                event: "pushes-unfrozen".to_owned(),
                at: now,
                user: Some(user.name),
                outcome: "success".to_owned(),
                ..audit::Event::default()
            };
            add_event(transaction, &event)?;
        }
        Ok(Some(changed))
    });
    match changed.map_err(failed)? {
        None => Err(Failure::new("unknown-user", &format!("There is no user {name:?}."))),
        Some(changed) => {
            let text = if changed {
                format!("{name} gets push messages again.")
            } else {
                format!("Nothing held push messages to {name} back.")
            };
            Ok(Report::new(text, json!({"name": name, "changed": changed})))
        }
    }
}

/// Adds a user to the store.
pub(super) fn add(store: &Store, name: &str, common_name: Option<&str>, password: &SecretText) -> Result<(), Failure> {
    check_name(name)?;
    let hash = make_hash(password, &SystemEntropy::new()).map_err(|error| Failure::new("password", &error))?;
    let (name, common_name) = (name.to_owned(), common_name.map(|name| text::clean(name, text::NAME_LIMIT)));
    let shown = name.clone();
    let added = store
        .run_blocking(move |transaction| {
            let now = SystemClock.now();
            let added = users::add(transaction, &name, common_name.as_deref(), &hash, now)?;
            if added {
                add_event(transaction, &by_command("user-added", &name, now))?;
            }
            Ok(added)
        })
        .map_err(failed)?;
    if added { Ok(()) } else { Err(Failure::new("user-exists", &format!("There is a user {shown:?} already."))) }
}

/// Opens the server's store while the server may be running.
pub(super) fn open(configuration: &Configuration) -> Result<Store, Failure> {
    crate::server::open_data(configuration, &SystemEntropy::new())
        .map(|(_, store)| store)
        .map_err(|error| Failure::new("store", &error))
}

pub(super) fn failed(error: StoreError) -> Failure {
    Failure::new("store", &error)
}

fn read_password() -> Result<SecretText, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(4096)
        .read_to_string(&mut text)
        .map_err(|error| Failure::new("password", &format!("The password could not be read: {error}")))?;
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    Ok(SecretText::new(text))
}
