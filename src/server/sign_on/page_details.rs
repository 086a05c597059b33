//! What is known of a step beside its callbacks, which are as AM has them. Hosted pages show all of it.

use serde::{Deserialize, Serialize};

use crate::ports::EpochMilliseconds;
use crate::server::journey::callback::Callback;
use crate::server::journey::state::{Purpose, State};
use crate::server::push::Withheld;
use crate::server::store::{StoreError, Transaction, devices, pushes};

/// See the module.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct PageDetails {
    /// Until when the QR code or the push message that the step waits for is good.
    pub expires_at: Option<EpochMilliseconds>,
    /// The name of the device that was just added, with its recovery codes.
    pub added_device: Option<String>,
    /// What went wrong at the step before, for the person.
    pub problem: Option<String>,
    /// Why no message was sent, where the step waits for none.
    #[serde(default)]
    pub withheld: Option<Box<Withheld>>,
    /// What the journey is for, where it runs within a session.
    pub purpose: Option<Purpose>,
}

/// The details of the step that `state` is at, which asks `callbacks`. What went wrong before is told once.
pub(super) fn details(
    transaction: &Transaction,
    journey: &[u8],
    state: &mut State,
    callbacks: &[Callback],
) -> Result<PageDetails, StoreError> {
    let shared = &mut state.shared;
    let waits = callbacks.iter().any(|callback| matches!(callback, Callback::PollingWait { .. }));
    let shows_codes = callbacks.iter().any(|callback| matches!(callback, Callback::RecoveryCodes(_)));
    let expires_at = match (waits, &shared.registration, &shared.push_request) {
        (true, Some(offered), _) => Some(offered.expires_at),
        (true, None, Some(request)) => pushes::find_request(transaction, request)?.map(|request| request.expires_at),
        _ => None,
    };
    // A step that shows a code or a number waits for something else.
    let shows_value = callbacks.iter().any(|callback| matches!(callback, Callback::HiddenValue { .. }));
    let withheld = shared.push_withheld.filter(|_| waits && !shows_value).map(Box::new);
    let added = if shows_codes { devices::added_by(transaction, journey)? } else { None };
    Ok(PageDetails {
        expires_at,
        added_device: added.map(|device| device.name),
        problem: shared.failure.take(),
        withheld,
        purpose: shared.in_session.as_ref().map(|in_session| in_session.purpose),
    })
}
