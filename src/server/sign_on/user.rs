//! Whether a sign-on's user is still who they were, and did not deny one as somebody else's meanwhile.

use super::SignOnError;
use crate::ports::EpochMilliseconds;
use crate::server::journey::state::{Shared, State};
use crate::server::store::{StoreError, Transaction, fraud_reports, users};

/// What the person is told whose sign-on ends with one that was denied as somebody else's.
pub(super) const DENIED: &str =
    "A sign-on was denied on your phone as not yours. All that were under way have ended with it.";

/// Refuses a turn whose user was removed since, even if another one was added under the name; tells users of one name
/// apart by when they were added.
pub(super) fn check_user(
    transaction: &Transaction,
    state: &mut State,
    now: EpochMilliseconds,
) -> Result<(), SignOnError> {
    let Some(user) = &state.shared.user else { return Ok(()) };
    state.shared.user_since.get_or_insert(now);
    let added_at = users::find(transaction, user)?.ok_or(SignOnError::Stale)?.created_at;
    if *state.shared.user_added_at.get_or_insert(added_at) == added_at { Ok(()) } else { Err(SignOnError::Stale) }
}

/// Whether the user denied a sign-on as somebody else's when this one was past the password already: nobody can tell
/// which of those was whose.
pub(super) fn has_denied_since(transaction: &Transaction, shared: &Shared) -> Result<bool, StoreError> {
    let (Some(user), Some(since)) = (&shared.user, shared.user_since) else { return Ok(false) };
    Ok(fraud_reports::last_at(transaction, user)?.is_some_and(|denied_at| since < denied_at))
}
