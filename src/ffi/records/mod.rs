//! Records and enums that cross the FFI boundary, one subject per file, and their conversions from the core's types.
//! The only rules here are size limits for foreign input.
//!
//! ```text
//! account        accounts, and those that conflict with a new one
//! device_key     accounts' own keys: how to describe one, what it must sign, and its signatures
//! enrolment      this phone, and how to add an account
//! notification   sign-on requests, and the user's evidence for an approval
//! ```

mod account;
mod device_key;
mod enrolment;
mod notification;

pub use account::{Account, AccountState, Conflict, CredentialKind};
pub use device_key::{
    AccountKey, DenyReason, DeviceKey, KeyChoice, KeyLevel, KeySignature, Signed, ToSign, UserPresence,
};
pub use enrolment::{CommunicationType, Device, DeviceFacts, Enrolment, Platform};
pub use notification::{Ask, Context, Evidence, Location, Notification, NotificationState};

/// Converts each element.
pub(super) fn all<F, T: From<F>>(from: Vec<F>) -> Vec<T> {
    from.into_iter().map(T::from).collect()
}
