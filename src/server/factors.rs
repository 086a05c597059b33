//! Changes of what a user signs in with: the user is told, and other sessions end.
//!
//! Anyone who took over an account adds a phone of their own or takes new codes. The owner learns of it on the
//! signed-in page and through the webhook. An owner who throws an intruder out also ends the sessions that the
//! intruder has, and the browsers that are known.

use super::push::RequestContext;
use super::store::devices::Device;
use super::store::notices::{self, Notice, NoticeKind};
use super::store::{StoreError, Transaction, known_browsers, sessions};
use super::webhook::{self, Event};

/// What changed.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// A phone was added.
    DeviceAdded(&'a Device),
    /// A phone was removed.
    DeviceRemoved(&'a Device),
    /// New recovery codes took the place of the old ones.
    RecoveryCodesMade,
    /// The password was changed.
    PasswordChanged,
}

/// Who changed it, which decides the sessions that end.
#[derive(Debug, Clone, Copy)]
pub enum Acting<'a> {
    /// The user, in the session of this digest: the others end.
    Session(&'a [u8]),
    /// The user, in a sign-on under way. It ends the other sessions when it succeeds.
    SignOn,
    /// An administrator, or someone with an administrator's invitation: all sessions end.
    Administrator,
}

/// Tells the user of a change, and ends the other sessions. Where [`RequestContext::webhook`] is set, the caller rings it after
/// the commit.
pub fn tell(
    transaction: &Transaction,
    user: &str,
    change: Change<'_>,
    acting: Acting<'_>,
    context: &RequestContext,
) -> Result<(), StoreError> {
    let by_administrator = matches!(acting, Acting::Administrator);
    let (kind, device) = match change {
        Change::DeviceAdded(device) => (NoticeKind::DeviceAdded, Some(device)),
        Change::DeviceRemoved(device) => (NoticeKind::DeviceRemoved, Some(device)),
        Change::RecoveryCodesMade => (NoticeKind::RecoveryCodesMade, None),
        Change::PasswordChanged => (NoticeKind::PasswordChanged, None),
    };
    // A phone that goes with its sign-on was never confirmed: nothing was lost.
    let is_lost = matches!(change, Change::DeviceRemoved(_)) && !matches!(acting, Acting::SignOn);
    if is_lost || matches!(change, Change::PasswordChanged) {
        known_browsers::forget_all(transaction, user)?;
    }
    let device = device.map(|device| (device.id.clone(), device.name.clone()));
    notices::add(transaction, user, &Notice { at: context.now, kind, device: device.clone(), by_administrator })?;
    match acting {
        Acting::Session(digest) => sessions::remove_others(transaction, user, Some(digest))?,
        Acting::Administrator => sessions::remove_others(transaction, user, None)?,
        Acting::SignOn => {}
    }
    let Some(server) = &context.webhook else { return Ok(()) };
    let device = device.map(|(id, name)| webhook::Device { id, name });
    let changed = webhook::FactorChanged {
        user: user.to_owned(),
        device,
        by: if by_administrator { "administrator" } else { "user" },
    };
    let event = match kind {
        NoticeKind::DeviceAdded => Event::DeviceAdded(changed),
        NoticeKind::DeviceRemoved => Event::DeviceRemoved(changed),
        NoticeKind::RecoveryCodesMade => Event::RecoveryCodesMade(changed),
        NoticeKind::PasswordChanged => Event::PasswordChanged(changed),
    };
    webhook::add(transaction, &event, user, server, context.now, &context.keys, context.entropy.as_ref())
}
