//! `phone`: a phone on the command line, with the real core and a vault in a folder.

mod accounts;
mod choices;
pub(super) mod device;
mod events;
mod input;
pub(super) mod keys;
mod origin;
pub(super) mod picture;
mod preview;
mod shipped;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{Failure, Report, visible};
use crate::phone::{
    Account, Ask, CommunicationType, CredentialKind, Evidence, Notification, NotificationState, Received,
};
use crate::ports::{Clock as _, SystemClock};
use crate::protocol::pull::LONGEST_PULL_WAIT_SECONDS;
use crate::secret::Reason;
use choices::{Communication, Key, Why};
use device::{Description, FolderPhone, failure};
use input::{read_code, read_payload};
pub(super) use preview::show_preview;

#[derive(Args)]
pub(super) struct PhoneArguments {
    /// The folder for the vault and its keys, created if it does not exist.
    #[arg(long, value_name = "DIR")]
    vault: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show what a registration URI would add, without storing or contacting anything.
    Preview {
        /// The registration URI, or a picture of its QR code.
        code: String,
    },
    /// Add the account of a registration URI.
    Scan {
        /// The registration URI, or a picture of its QR code: PNG, JPEG, WebP, GIF, or BMP.
        code: String,
        /// Replace the same account from the same server.
        #[arg(long)]
        replace: bool,
        /// Push token of FCM or APNs.
        #[arg(long)]
        push_token: Option<String>,
        /// How pushes reach this phone.
        #[arg(long, value_enum, default_value_t = Communication::Embedded)]
        communication_type: Communication,
        /// The name in the user's list of devices.
        #[arg(long, default_value = "Command line phone")]
        device_name: String,
        /// The signing key to give the account, if its server accepts one.
        #[arg(long, value_enum, default_value_t = Key::Software)]
        device_key: Key,
    },
    /// Add an account that shows one-time passwords, entered manually.
    Add(accounts::Entry),
    /// List the accounts.
    Accounts,
    /// Show an account's one-time password; a counter-based account uses it up.
    Code {
        /// The account ID, as listed.
        account: String,
    },
    /// Change the displayed names of an account.
    Rename {
        /// The account ID, as listed.
        account: String,
        /// Name of the issuer; empty to restore the registered one.
        #[arg(long)]
        issuer: Option<String>,
        /// Account name at the issuer; empty to restore the registered one.
        #[arg(long)]
        name: Option<String>,
    },
    /// Pull new messages and list the sign-on requests that can be answered, newest first.
    Pending {
        /// Wait at most this many seconds for a message.
        #[arg(long, default_value_t = 0)]
        wait: u32,
    },
    /// Receive a push message as FCM or APNs delivered it.
    Receive {
        /// A file with the message as JSON.
        file: PathBuf,
    },
    /// Approve a sign-on request.
    Approve {
        /// The message ID, as listed.
        id: String,
        /// The number that the browser shows.
        #[arg(long)]
        number: Option<String>,
        /// Approve with the biometric key.
        #[arg(long)]
        biometric: bool,
    },
    /// Deny a sign-on request.
    Deny {
        /// The message ID, as listed.
        id: String,
        /// The reason; only for accounts with a signing key.
        #[arg(long, value_enum)]
        reason: Option<Why>,
    },
    /// Send everything in the outbox.
    Sync,
    /// Change the push token for all accounts.
    Token {
        /// Push token of FCM or APNs, or one of your choice for embedded delivery.
        token: String,
        /// How pushes reach this phone.
        #[arg(long, value_enum, default_value_t = Communication::Embedded)]
        communication_type: Communication,
    },
    /// List settled sign-on requests, newest first.
    History {
        /// List at most this many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Skip this many of the newest.
        #[arg(long, default_value_t = 0)]
        offset: u32,
    },
    /// List past events on this phone, newest first.
    Log {
        /// List at most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show the consequences of removing an account, without changing anything.
    Removal {
        /// The account ID, as listed.
        account: String,
    },
    /// Remove an account from this phone. This does not notify the server: remove the device there, too.
    Remove {
        /// The account ID, as listed.
        account: String,
    },
}

pub(super) fn run(arguments: PhoneArguments) -> Result<Report, Failure> {
    let phone = FolderPhone::open(&arguments.vault)?;
    match arguments.verb {
        Verb::Preview { code } => preview::preview(&phone, &code),
        Verb::Scan { code, replace, push_token, communication_type, device_name, device_key } => {
            let (communication_type, key) = (communication_type.into(), device_key.into());
            scan(&phone, &code, replace, Description { name: device_name, push_token, communication_type, key })
        }
        Verb::Add(entry) => accounts::add(&phone, entry),
        Verb::Accounts => accounts(&phone),
        Verb::Code { account } => accounts::code(&phone, &account),
        Verb::Rename { account, issuer, name } => {
            accounts::rename(&phone, &account, issuer.as_deref(), name.as_deref())
        }
        Verb::Pending { wait } => pending(&phone, wait),
        Verb::Receive { file } => receive(&phone, &file),
        Verb::Approve { id, number, biometric } => approve(&phone, &id, number, biometric),
        Verb::Deny { id, reason } => {
            let denied = match reason {
                Some(reason) => phone.phone.deny_for(&id, reason.into()),
                None => phone.phone.deny(&id),
            };
            denied.map_err(failure)?;
            answered(&phone, &id)
        }
        Verb::Sync => sync(&phone),
        Verb::Token { token, communication_type } => events::token(&phone, &token, communication_type.into()),
        Verb::History { limit, offset } => events::history(&phone, limit, offset),
        Verb::Log { limit } => events::log(&phone, limit),
        Verb::Removal { account } => accounts::removal(&phone, &account),
        Verb::Remove { account } => accounts::remove(&phone, &account),
    }
}

/// Returns an account's host, or a note that it has none.
fn place(host: Option<&str>) -> &str {
    host.unwrap_or("codes only")
}

fn scan(phone: &FolderPhone, code: &str, replace: bool, description: Description) -> Result<Report, Failure> {
    let text = read_code(code)?;
    let preview = phone.phone.preview(text.expose(Reason::HandOver)).map_err(failure)?;
    let is_embedded = description.communication_type == CommunicationType::Embedded;
    let enrolled = phone.enrol(preview, description, replace)?;
    if enrolled.kind != CredentialKind::Push {
        return Ok(added(&enrolled));
    }
    let id = enrolled.id;
    phone.ship_for(&id)?;
    let account = phone
        .phone
        .accounts()
        .map_err(failure)?
        .into_iter()
        .find(|account| account.id == id)
        .ok_or_else(|| Failure::new("refused", &"The server refused the registration."))?;
    if is_embedded {
        // Report now whether this phone can receive sign-on requests, rather than when the first one fails to arrive.
        for problem in phone.pull(0, Some(&id))? {
            let _ = writeln!(std::io::stderr(), "{}", visible(&problem));
        }
    }
    Ok(added(&account))
}

fn added(account: &Account) -> Report {
    Report::new(
        format!("Added {} at {} ({}).", account.account, account.issuer, place(account.host.as_deref())),
        show_account(account),
    )
}

/// Converts an account to JSON.
pub(super) fn show_account(account: &Account) -> Value {
    json!({
        "id": account.id,
        "issuer": account.issuer,
        "account": account.account,
        "display_issuer": account.display_issuer,
        "display_name": account.display_name,
        "host": account.host,
        "kind": account.kind.name(),
        "kinds": account.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
        "state": account.state.name(),
        "key_level": account.key.as_ref().map(|key| key.level.name()),
    })
}

fn accounts(phone: &FolderPhone) -> Result<Report, Failure> {
    let accounts = phone.phone.accounts().map_err(failure)?;
    let lines: Vec<String> = accounts
        .iter()
        .map(|account| {
            format!(
                "{}  {}  {} ({})  {}{}",
                account.id,
                account.display_issuer,
                account.display_name,
                place(account.host.as_deref()),
                account.state.name(),
                account.key.as_ref().map(|key| format!("  (key: {})", key.level.name())).unwrap_or_default()
            )
        })
        .collect();
    Ok(Report::new(lines.join("\n"), accounts.iter().map(show_account).collect()))
}

fn pending(phone: &FolderPhone, wait: u32) -> Result<Report, Failure> {
    let until = SystemClock.now() + i64::from(wait) * 1000;
    let found = loop {
        let left = u32::try_from((until - SystemClock.now()).max(0) / 1000).unwrap_or(0);
        let already = !phone.pending()?.is_empty();
        let hold = if already { 0 } else { left.min(LONGEST_PULL_WAIT_SECONDS) };
        for problem in phone.pull(hold, None)? {
            let _ = writeln!(std::io::stderr(), "{}", visible(&problem));
        }
        let found = phone.pending()?;
        if !found.is_empty() || SystemClock.now() + 1000 > until || !phone.may_pull()? {
            break found;
        }
        // Avoid polling a server that does not hold pulls without a pause.
        std::thread::sleep(std::time::Duration::from_millis(500));
    };
    let lines: Vec<String> = found.iter().map(describe).collect();
    Ok(Report::new(lines.join("\n"), found.iter().map(show_notification).collect()))
}

fn describe(notification: &Notification) -> String {
    let ask = match &notification.ask {
        Ask::Tap => "approve".to_owned(),
        Ask::Number(numbers) => format!("approve with --number, one of {}", numbers.join(", ")),
        Ask::Biometric => "approve with --biometric".to_owned(),
    };
    format!(
        "{}  {} at {}: {}  ({ask}){}",
        notification.id,
        notification.account,
        notification.issuer,
        notification.message.as_deref().unwrap_or("Sign-on"),
        origin::describe(notification.context.as_ref())
    )
}

/// Converts a notification to JSON, including its state.
pub(super) fn show_with_state(notification: &Notification) -> Value {
    let mut value = show_notification(notification);
    if let Some(fields) = value.as_object_mut() {
        fields.insert("state".to_owned(), json!(notification.state.name()));
    }
    value
}

/// Converts a notification to JSON.
pub(super) fn show_notification(notification: &Notification) -> Value {
    let (kind, numbers) = match &notification.ask {
        Ask::Tap => ("tap", Vec::new()),
        Ask::Number(numbers) => ("number", numbers.to_vec()),
        Ask::Biometric => ("biometric", Vec::new()),
    };
    json!({
        "id": notification.id,
        "account": notification.account,
        "issuer": notification.issuer,
        "kind": kind,
        "numbers": numbers,
        "message": notification.message,
        "context": notification.context.as_ref().map(origin::show),
        "sent_at": notification.sent_at,
        "expires_at": notification.expires_at,
    })
}

fn receive(phone: &FolderPhone, file: &Path) -> Result<Report, Failure> {
    let payload = read_payload(file)?;
    let mut received = phone.phone.receive(&payload).map_err(failure)?;
    let mut problems = Vec::new();
    if let Received::Hint(hinted) = &received {
        problems = phone.pull(0, Some(&hinted.account_id))?;
        received = phone.phone.receive(&payload).map_err(failure)?;
    }
    match received {
        Received::Message(notification) => {
            let text = match notification.state {
                NotificationState::Pending => describe(&notification),
                state => format!("This sign-on is settled already: it is {}.  {}", state.name(), notification.id),
            };
            Ok(Report::new(text, show_with_state(&notification)))
        }
        Received::Hint(_) if !problems.is_empty() => Err(Failure::new(
            "not-fetched",
            &format!("The push says that a message waits, and it was not fetched. {}", problems.join("\n")),
        )),
        Received::Hint(_) => {
            Err(Failure::new("nothing-waits", &"The push says that a message waits, and the server has none."))
        }
    }
}

fn approve(phone: &FolderPhone, id: &str, number: Option<String>, biometric: bool) -> Result<Report, Failure> {
    let evidence = match (number, biometric) {
        (Some(_), true) => return Err(Failure::usage("Give --number or --biometric, not both.".to_owned())),
        (Some(number), false) => Evidence::Number(number),
        (None, true) => phone.biometric_evidence(id)?,
        (None, false) => Evidence::Tap,
    };
    phone.phone.approve(id, evidence).map_err(|error| match error {
        crate::phone::PhoneError::NumberNeeded => Failure::usage(error.to_string()),
        other => failure(other),
    })?;
    answered(phone, id)
}

/// Sends an answer and reports the outcome.
fn answered(phone: &FolderPhone, id: &str) -> Result<Report, Failure> {
    phone.ship_for(id)?;
    let state = phone.phone.notification(id).map_err(failure)?.state.name();
    Ok(Report::new(format!("The sign-on is {state}."), json!({"id": id, "state": state})))
}

fn sync(phone: &FolderPhone) -> Result<Report, Failure> {
    phone.phone.retry_now().map_err(failure)?;
    let shipped = phone.ship()?;
    shipped.report(phone.phone.outbox().map_err(failure)?.len())
}
