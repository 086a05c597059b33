//! Commands for accounts that need no server: `add`, `rename`, `code`, `removal`.

use std::io::Read as _;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::device::{Description, FolderPhone, failure};
use super::{added, show_account};
use crate::cli::output::{Failure, Report};
use crate::phone::{Algorithm, Code, CodeSettings, CodeValidity, ManualEntry, Moving};
use crate::secret::{Reason, SecretText};

/// Longest secret to read from standard input, in bytes.
const SECRET_LIMIT: u64 = 4096;

/// A manually entered account.
#[derive(Args)]
pub(super) struct Entry {
    /// Issuer of the account.
    #[arg(long)]
    issuer: String,
    /// Account name at the issuer.
    #[arg(long)]
    name: String,
    /// Read the base32 secret from standard input, so that it never appears on a command line.
    #[arg(long, required = true)]
    secret_stdin: bool,
    /// Time-based (totp) or counter-based (hotp).
    #[arg(long, value_enum, default_value_t = Kind::Totp)]
    kind: Kind,
    /// SHA1, SHA256, or SHA512.
    #[arg(long, default_value = "SHA1")]
    algorithm: String,
    /// Number of digits, 6 to 8.
    #[arg(long, default_value_t = 6)]
    digits: u8,
    /// How long a one-time password is valid, in seconds; for totp.
    #[arg(long, default_value_t = 30)]
    period: u32,
    /// Counter value of the first one-time password; for hotp.
    #[arg(long, default_value_t = 0)]
    counter: u64,
    /// Replace the same account.
    #[arg(long)]
    replace: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Totp,
    Hotp,
}

/// `add`: adds a manually entered account.
pub(super) fn add(phone: &FolderPhone, entry: Entry) -> Result<Report, Failure> {
    let algorithm = Algorithm::parse(&entry.algorithm)
        .ok_or_else(|| Failure::usage("The algorithm is SHA1, SHA256 or SHA512.".to_owned()))?;
    let moving = match entry.kind {
        Kind::Totp => Moving::Time { period_seconds: entry.period },
        Kind::Hotp => Moving::Counter { next: entry.counter },
    };
    let typed = ManualEntry {
        issuer: entry.issuer,
        account: entry.name,
        secret: read_secret()?,
        settings: CodeSettings { algorithm, digits: entry.digits, moving },
    };
    let preview = phone.phone.preview_entry(&typed).map_err(failure)?;
    Ok(added(&phone.enrol(preview, Description::of_nobody(), entry.replace)?))
}

/// `rename`: changes the displayed names of an account.
pub(super) fn rename(
    phone: &FolderPhone,
    account: &str,
    issuer: Option<&str>,
    name: Option<&str>,
) -> Result<Report, Failure> {
    if issuer.is_none() && name.is_none() {
        return Err(Failure::usage("Give --issuer, --name or both.".to_owned()));
    }
    let renamed = phone.phone.rename(account, issuer, name).map_err(failure)?;
    Ok(Report::new(
        format!("It is shown as {} at {} now.", renamed.display_name, renamed.display_issuer),
        show_account(&renamed),
    ))
}

/// `code`: shows the account's one-time password.
pub(super) fn code(phone: &FolderPhone, account: &str) -> Result<Report, Failure> {
    let code = phone.phone.code(account).map_err(failure)?;
    let digits = code.code.expose(Reason::HandOver);
    let text = match &code.validity {
        CodeValidity::Timed { remaining_milliseconds, .. } => {
            format!("{digits}  (good for {} s)", remaining_milliseconds.div_ceil(1000))
        }
        CodeValidity::Counted { counter } => format!("{digits}  (number {counter})"),
    };
    Ok(Report::new(text, show_code(&code)))
}

/// Converts a one-time password to JSON.
fn show_code(code: &Code) -> Value {
    let digits = code.code.expose(Reason::HandOver);
    match &code.validity {
        CodeValidity::Timed { period_seconds, remaining_milliseconds, next } => json!({
            "id": code.account_id,
            "kind": "totp",
            "code": digits,
            "next": next.expose(Reason::HandOver),
            "period_seconds": period_seconds,
            "remaining_milliseconds": remaining_milliseconds,
        }),
        CodeValidity::Counted { counter } => {
            json!({"id": code.account_id, "kind": "hotp", "code": digits, "counter": counter})
        }
    }
}

/// `removal`: shows the consequences of removing an account.
pub(super) fn removal(phone: &FolderPhone, account: &str) -> Result<Report, Failure> {
    let removal = phone.phone.removal(account).map_err(failure)?;
    let consequences: Vec<String> = removal.consequences.iter().map(ToString::to_string).collect();
    Ok(Report::new(
        format!("Removing {} at {}:\n{}", removal.account, removal.issuer, consequences.join("\n")),
        json!({
            "id": removal.account_id,
            "issuer": removal.issuer,
            "account": removal.account,
            "consequences": consequences,
        }),
    ))
}

/// `remove`: removes an account and shows the consequences.
pub(super) fn remove(phone: &FolderPhone, account: &str) -> Result<Report, Failure> {
    let removal = phone.phone.removal(account).map_err(failure)?;
    phone.phone.remove(account).map_err(failure)?;
    let consequences: Vec<String> = removal.consequences.iter().map(ToString::to_string).collect();
    Ok(Report::new(
        format!("Removed {} at {}.\n{}", removal.account, removal.issuer, consequences.join("\n")),
        json!({"id": account, "consequences": consequences}),
    ))
}

fn read_secret() -> Result<SecretText, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(SECRET_LIMIT + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::new("secret", &format!("The secret could not be read: {error}")))?;
    if text.len() as u64 > SECRET_LIMIT {
        return Err(Failure::new(
            "bad-entry",
            &"Standard input holds more than a secret. Give the base32 letters alone.",
        ));
    }
    let length = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(length);
    Ok(SecretText::new(text))
}
