//! The records and enums that cross the border, one subject a file, and how the core's types become them. Knows no rule
//! about any of them but how large foreign ones may be.
//!
//! ```text
//! account        accounts, and those that stand in the way of a new one
//! device_key     keys of accounts' own: what describes one, what it has to sign, and what it signed
//! enrolment      this phone, and how an account is to be added
//! notification   sign-on requests, and what the person did to approve one
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

/// Converts each.
pub(super) fn all<F, T: From<F>>(from: Vec<F>) -> Vec<T> {
    from.into_iter().map(T::from).collect()
}
