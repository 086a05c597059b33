//! What a signed-in user may do to devices: find, rename, remove; only the user's own, and written down.
//!
//! REST and pages share it. Whether the session may change anything is asked before, with
//! [`Session::may_change_devices`](super::store::sessions::Session::may_change_devices).

use super::factors::{self, Acting, Change};
use super::names::user_key;
use super::push::RequestContext;
use super::store::devices::{self, Device};
use super::store::{StoreError, Transaction, audit};
use crate::ports::EpochMilliseconds;
use crate::protocol::text;

/// The user's device of this id.
pub fn find(transaction: &Transaction, user: &str, id: &str) -> Result<Option<Device>, StoreError> {
    Ok(devices::find(transaction, id)?.filter(|device| user_key(&device.user) == user_key(user)))
}

/// Removes the user's device of this id in the session of this digest, and tells the user; gives what it was, or
/// nothing when there is none.
pub fn remove(
    transaction: &Transaction,
    user: &str,
    id: &str,
    address: Option<String>,
    session: &[u8],
    context: &RequestContext,
) -> Result<Option<Device>, StoreError> {
    let Some(device) = find(transaction, user, id)? else { return Ok(None) };
    audit::device_removed(transaction, context.now, &device, address)?;
    factors::tell(transaction, &device.user, Change::DeviceRemoved(&device), Acting::Session(session), context)?;
    devices::remove(transaction, &device.id)?;
    Ok(Some(device))
}

/// Calls the user's device by this name from now on, or by its own again when the name is empty; gives what it was
/// called before, or nothing when there is none.
pub fn rename(
    transaction: &Transaction,
    user: &str,
    id: &str,
    name: &str,
    address: Option<String>,
    now: EpochMilliseconds,
) -> Result<Option<Device>, StoreError> {
    let Some(device) = find(transaction, user, id)? else { return Ok(None) };
    let name = Some(text::clean(name, text::NAME_LIMIT)).filter(|name| !name.is_empty());
    devices::rename(transaction, &device.id, name.as_deref())?;
    audit::add(
        transaction,
        &audit::Event {
            at: now,
            event: "device-renamed".to_owned(),
            user: Some(device.user.clone()),
            address,
            device: Some(device.id.clone()),
            outcome: "success".to_owned(),
        },
    )?;
    Ok(Some(device))
}
