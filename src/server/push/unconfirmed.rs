//! What becomes of phones that were registered and have not approved anything yet.
//!
//! An unconfirmed phone was brought in by a sign-on, often by its password alone. It is confirmed by its first approval in
//! any sign-on. When the sign-on that registered it ends or expires first, it goes (docs/states.md).

use super::RequestContext;
use crate::server::factors::{self, Acting, Change};
use crate::server::store::devices::{self, Device};
use crate::server::store::{StoreError, Transaction, audit};

/// Settles the unconfirmed phones of a sign-on that ends. One that was never asked is confirmed by a success: a journey that
/// registers a phone and ends there vouches for it. All others go.
pub fn settle_unconfirmed(
    transaction: &Transaction,
    journey: &[u8],
    succeeded: bool,
    context: &RequestContext,
) -> Result<(), StoreError> {
    for device in devices::unconfirmed_of(transaction, journey)? {
        if succeeded && !devices::was_asked(transaction, &device.id)? {
            devices::confirm(transaction, &device.id)?;
        } else {
            remove(transaction, &device, context)?;
        }
    }
    Ok(())
}

/// Removes the unconfirmed phones whose sign-on has expired; those of one user where one is named.
pub fn remove_abandoned(
    transaction: &Transaction,
    user: Option<&str>,
    context: &RequestContext,
) -> Result<(), StoreError> {
    for device in devices::abandoned(transaction, user, context.now)? {
        remove(transaction, &device, context)?;
    }
    Ok(())
}

fn remove(transaction: &Transaction, device: &Device, context: &RequestContext) -> Result<(), StoreError> {
    tracing::info!(user = device.user, device = device.id, "an unconfirmed phone was removed with its sign-on");
    audit::device_removed(transaction, context.now, device, None)?;
    factors::tell(transaction, &device.user, Change::DeviceRemoved(device), Acting::SignOn, context)?;
    devices::retire(transaction, &device.id, context.now)
}
