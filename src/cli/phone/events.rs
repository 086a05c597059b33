//! Commands about the past, `history` and `log`, and `token`, which sets where pushes go.

use std::io::Write as _;

use serde_json::{Value, json};

use super::device::{FolderPhone, failure};
use super::show_with_state;
use crate::cli::output::{Failure, Report, visible};
use crate::phone::{CommunicationType, Event, Notification, Retention};

/// Sets the push token, notifies the servers, and reports how far each of them is.
pub(super) fn token(
    phone: &FolderPhone,
    token: &str,
    communication_type: CommunicationType,
) -> Result<Report, Failure> {
    phone.phone.set_push_token(token, communication_type).map_err(failure)?;
    for cause in phone.ship()?.causes() {
        let _ = writeln!(std::io::stderr(), "{}", visible(&cause.to_string()));
    }
    let tokens = phone.phone.push_tokens().map_err(failure)?;
    let lines: Vec<String> =
        tokens.iter().map(|status| format!("{}  {}", status.account_id, status.state.name())).collect();
    let values = tokens
        .iter()
        .map(|status| {
            json!({"id": status.account_id, "state": status.state.name(), "confirmed_at": status.confirmed_at})
        })
        .collect();
    Ok(Report::new(lines.join("\n"), values))
}

/// Lists settled sign-on requests, after deleting all but the newest 100.
pub(super) fn history(phone: &FolderPhone, limit: u32, offset: u32) -> Result<Report, Failure> {
    phone.phone.clean_history(Retention::default()).map_err(failure)?;
    let found = phone.phone.history(limit, offset).map_err(failure)?;
    let lines: Vec<String> = found.iter().map(line).collect();
    let values = found
        .iter()
        .map(|notification| {
            let mut value = show_with_state(notification);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("received_at".to_owned(), json!(notification.received_at));
                fields.insert("settled_at".to_owned(), json!(notification.settled_at));
            }
            value
        })
        .collect();
    Ok(Report::new(lines.join("\n"), values))
}

fn line(notification: &Notification) -> String {
    format!(
        "{}  {}  {} at {}: {}",
        notification.id,
        notification.state.name(),
        notification.account,
        notification.issuer,
        notification.message.as_deref().unwrap_or("Sign-on")
    )
}

/// Lists past events.
pub(super) fn log(phone: &FolderPhone, limit: u32) -> Result<Report, Failure> {
    let events = phone.phone.events(limit).map_err(failure)?;
    let lines: Vec<String> = events
        .iter()
        .map(|event| {
            let about = [&event.account_id, &event.subject, &event.detail].into_iter().flatten();
            let words: Vec<&str> = std::iter::once(event.kind.name()).chain(about.map(String::as_str)).collect();
            format!("{}  {}", event.at, words.join("  "))
        })
        .collect();
    Ok(Report::new(lines.join("\n"), events.iter().map(show).collect()))
}

fn show(event: &Event) -> Value {
    json!({
        "at": event.at,
        "kind": event.kind.name(),
        "account": event.account_id,
        "subject": event.subject,
        "detail": event.detail,
    })
}
