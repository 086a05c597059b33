//! `phone preview`: shows what a registration URI would add.

use serde_json::{Value, json};

use super::device::{FolderPhone, failure};
use super::input::read_code;
use super::place;
use crate::cli::output::{Failure, Report};
use crate::phone::{CodeSettings, Conflict, Moving, Preview};
use crate::secret::Reason;

/// Shows what a registration URI would add, without storing anything.
pub(super) fn preview(phone: &FolderPhone, code: &str) -> Result<Report, Failure> {
    let preview = phone.phone.preview(read_code(code)?.expose(Reason::HandOver)).map_err(failure)?;
    let policies = if preview.policies.is_empty() { "none".to_owned() } else { preview.policies.join(", ") };
    let kinds: Vec<_> = preview.kinds.iter().map(|kind| kind.name()).collect();
    let mut text = format!(
        "Issuer:   {}\nAccount:  {}\nHost:     {}\nAdds:     {}\nPolicies: {policies}",
        preview.issuer,
        preview.account,
        place(preview.host.as_deref()),
        kinds.join(", "),
    );
    if let Some(host) = &preview.unicode_host {
        text.push_str(&format!("\nThat is:  {}", host.name));
        if host.mixes_scripts {
            text.push_str("\nBeware:   this name mixes letters of different scripts, as names do that imitate another");
        }
    }
    for (name, value) in [("Colour:", &preview.colour), ("Logo:", &preview.logo)] {
        if let Some(value) = value {
            text.push_str(&format!("\n{name:<9} {value}"));
        }
    }
    if let Some(codes) = &preview.codes {
        let moving = match codes.moving {
            Moving::Time { period_seconds } => format!("a new one every {period_seconds} seconds"),
            Moving::Counter { next } => format!("counted, the next is number {next}"),
        };
        text.push_str(&format!("\nCodes:    {} digits, {}, {moving}", codes.digits, codes.algorithm.name()));
    }
    if preview.conflict.is_some() {
        text.push_str("\nConflict: this account is on the phone already; --replace puts the new one in its place");
    }
    for namesake in &preview.namesakes {
        text.push_str(&match (&preview.host, &namesake.host) {
            (None, None) => format!(
                "\nBeware:   there is an account of this name with another secret ({}); both are kept, unless you give \
                 --replace",
                namesake.account_id
            ),
            (_, host) => format!("\nBeware:   there is an account of this name at {}", place(host.as_deref())),
        });
    }
    Ok(Report::new(text, show_preview(&preview)))
}

/// Converts a preview to JSON.
pub(in crate::cli) fn show_preview(preview: &Preview) -> Value {
    json!({
        "issuer": preview.issuer,
        "account": preview.account,
        "host": preview.host,
        "unicode_host": preview.unicode_host.as_ref().map(|host| {
            json!({"name": host.name, "mixes_scripts": host.mixes_scripts})
        }),
        "kinds": preview.kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>(),
        "codes": preview.codes.as_ref().map(show_settings),
        "colour": preview.colour,
        "logo": preview.logo,
        "policies": preview.policies,
        "takes_device_key": preview.takes_device_key,
        "conflict": preview.conflict.as_ref().map(show_conflict),
        "namesakes": preview.namesakes.iter().map(show_conflict).collect::<Vec<_>>(),
    })
}

fn show_settings(codes: &CodeSettings) -> Value {
    let (period, counter) = match codes.moving {
        Moving::Time { period_seconds } => (Some(period_seconds), None),
        Moving::Counter { next } => (None, Some(next)),
    };
    json!({"algorithm": codes.algorithm.name(), "digits": codes.digits, "period": period, "counter": counter})
}

fn show_conflict(conflict: &Conflict) -> Value {
    json!({"id": conflict.account_id, "host": conflict.host})
}
