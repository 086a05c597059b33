//! The audit event of a sign-on that failed before its password was right, or that nobody finished.
//!
//! Strangers cause the first kind, so those are counted and bounded. What was typed as a name is stored only where it
//! is a user's: it may be a password.

use super::{audit_event, in_session, read_state};
use crate::ports::EpochMilliseconds;
use crate::server::journey::engine::Progress;
use crate::server::journey::state::{PasswordVerdict, Shared};
use crate::server::keys::Keys;
use crate::server::push::Effect;
use crate::server::store::{StoreError, Transaction, audit, sign_ons, users};

/// The outcome of a password that signs nobody in.
pub(super) fn rejection(verdict: Option<&PasswordVerdict>) -> Option<&'static str> {
    match verdict? {
        PasswordVerdict { user: Some(_), .. } => None,
        PasswordVerdict { locked: true, .. } => Some("locked"),
        PasswordVerdict { .. } => Some("wrong-password"),
    }
}

/// The event of a turn in which a password was rejected, or which ends a sign-on of nobody known.
pub(super) fn count(
    transaction: &Transaction,
    shared: &Shared,
    rejected: Option<&'static str>,
    progress: &Progress,
    event: &str,
    now: EpochMilliseconds,
) -> Result<Option<Effect>, StoreError> {
    let has_failed = matches!(progress, Progress::Failure { .. });
    let outcome = match rejected {
        // The journey's end is a row of its own then.
        _ if shared.user.is_some() => return Ok(None),
        Some(outcome) => outcome,
        None if has_failed => "failure",
        None => return Ok(None),
    };
    let typed = shared.user_name.as_deref().unwrap_or_default();
    let user = users::find(transaction, typed)?.map(|user| user.name);
    let (address, outcome, event) = (shared.browser.address.clone(), outcome.to_owned(), event.to_owned());
    Ok(Some(Effect::Count(audit::Event { at: now, event, user, address, device: None, outcome })))
}

/// Writes an event for each sign-on past the password whose time is over and that nobody finished, and removes it.
pub(super) fn sweep(transaction: &Transaction, now: EpochMilliseconds, keys: &Keys) -> Result<(), StoreError> {
    for sealed in sign_ons::expired(transaction, now, keys)? {
        // One that cannot be read goes like the others: it must not keep the sweep from its work.
        let Ok(Some(state)) = read_state(&sealed) else { continue };
        if let Some(user) = &state.shared.user {
            let event = in_session::event(&state.shared);
            audit_event(transaction, now, event, user, state.shared.browser.address.clone(), "expired")?;
        }
    }
    sign_ons::sweep(transaction, now)
}
