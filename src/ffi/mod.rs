//! The FFI boundary: the part of the [`phone`](crate::phone) that Kotlin and Swift see.
//!
//! It has one object, [`Authenticator`], whose methods here and in `signing` delegate to [`Phone`]; separate records
//! and enums, so that the core can change its types without breaking an app; one error enum; and limits on the size of
//! input. Keep [`Authenticator`] the only object: generated Kotlin checks that an object is still open when you call
//! it, but not when you pass it as an argument. Rules about accounts and messages belong in the core, not here.
//! Independent of the database, the server, and the command line; no other module imports this one.
//!
//! All calls are synchronous, so the apps run them on a background thread. Foreign code runs during
//! [`Authenticator::open`], [`Authenticator::enrol`], [`Authenticator::rewrap`], and
//! [`Authenticator::rebind_biometric`], and a [`LogSink`] whenever there is an event; it never runs while a vault lock
//! is held. The generated code catches panics, and a foreign exception surfaces as [`AuthenticatorError::Platform`].

mod codes;
mod debug;
mod error;
mod events;
mod keys;
mod limits;
mod log;
mod outbox;
mod preview;
mod pulls;
mod records;
mod signing;

use std::path::Path;
use std::sync::Arc;

pub use codes::{Code, CodeAlgorithm, CodeMoving, CodeSettings, CodeValidity, Consequence, ManualEntry, Removal};
pub use error::AuthenticatorError;
pub use events::{Event, PushTokenState, PushTokenStatus, Retention};
pub use keys::{PlatformKeyError, PlatformKeys, SlotWrapper};
pub use log::{LogLevel, LogSink, LogSinkError};
pub use outbox::{
    Delivery, HttpHeader, HttpRequest, HttpResponse, Outcome, PullRequest, Pulled, Received, RefusedMessage,
    RequestKind, SendFailure, Waiting,
};
pub use preview::EnrolmentPreview;
pub use pulls::PullToSign;
pub use records::{
    Account, AccountKey, AccountState, Ask, CommunicationType, Conflict, Context, CredentialKind, DenyReason, Device,
    DeviceFacts, DeviceKey, Enrolment, Evidence, KeyChoice, KeyLevel, KeySignature, Location, Notification,
    NotificationState, Platform, Signed, ToSign, UserPresence,
};

use crate::phone::Phone;
use crate::ports::{SystemClock, SystemEntropy};
use crate::secret::{Reason, SecretBytes, SecretText};
use keys::{ForeignKeys, ForeignSlot, explain};
use limits::{check_bytes, check_text};
use records::all;

/// The phone core on top of one vault. Safe to use from several threads at once; once closed, it rejects every call.
#[derive(uniffi::Object)]
pub struct Authenticator {
    phone: Phone,
}

#[uniffi::export]
impl Authenticator {
    /// Opens the vault, or creates one if the file does not exist; its folder must exist. `keys` is called before this
    /// returns and never afterwards. `log` receives events for as long as this object lives.
    ///
    /// The vault opens even if the key is lost or wrong. You can then list and remove accounts, but everything that
    /// needs a secret fails with the error code `re-enrolment-needed`. After the last account is removed, the next call
    /// to open gives the vault a new key.
    #[uniffi::constructor]
    pub fn open(
        vault_file: String,
        keys: Arc<dyn PlatformKeys>,
        log: Option<Arc<dyn LogSink>>,
    ) -> Result<Arc<Self>, AuthenticatorError> {
        check_text("path of the vault", &vault_file, limits::PATH)?;
        let keys = ForeignKeys::new(keys);
        let opened = Phone::open(Path::new(&vault_file), &keys, Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
        let phone = opened.map_err(|error| keys.explain(error))?;
        if let Some(sink) = log {
            phone.listen(log::listener(sink));
        }
        Ok(Arc::new(Self { phone }))
    }

    /// Parses a registration URI and returns what it would add. Stores nothing and contacts no server.
    pub fn preview(&self, code: String) -> Result<EnrolmentPreview, AuthenticatorError> {
        let code = SecretText::new(code);
        check_text("registration code", code.expose(Reason::HandOver), limits::REGISTRATION_CODE)?;
        Ok(self.phone.preview(code.expose(Reason::HandOver))?.into())
    }

    /// Returns what a manually entered account would add: one that shows one-time passwords. Otherwise the same as
    /// `preview`.
    pub fn preview_entry(&self, entry: ManualEntry) -> Result<EnrolmentPreview, AuthenticatorError> {
        Ok(self.phone.preview_entry(&entry.into_checked()?)?.into())
    }

    /// Adds the account of a registration URI after the user has confirmed its `preview`. The registration is signed
    /// and placed in the outbox. `slot_wrapper` binds the account to the platform's biometric. Without it, the user can
    /// only deny messages that ask for a biometric, unless the account's signing key (`key` in `Enrolment`) requires
    /// one itself.
    pub fn enrol(
        &self,
        code: String,
        enrolment: Enrolment,
        slot_wrapper: Option<Arc<dyn SlotWrapper>>,
    ) -> Result<Account, AuthenticatorError> {
        let code = SecretText::new(code);
        check_text("registration code", code.expose(Reason::HandOver), limits::REGISTRATION_CODE)?;
        enrolment.check()?;
        let preview = self.phone.preview(code.expose(Reason::HandOver))?;
        let slot = slot_wrapper.map(ForeignSlot::new);
        let enrolled = self.phone.enrol(preview, enrolment.into_core(slot.as_ref()));
        enrolled.map(Account::from).map_err(|error| explain(slot.as_ref(), error))
    }

    /// Adds a manually entered account. Contacts no server.
    pub fn enrol_entry(&self, entry: ManualEntry, enrolment: Enrolment) -> Result<Account, AuthenticatorError> {
        enrolment.check()?;
        let preview = self.phone.preview_entry(&entry.into_checked()?)?;
        Ok(self.phone.enrol(preview, enrolment.into_core(None))?.into())
    }

    /// Returns all accounts in the order they were added. Works without the key, too.
    pub fn accounts(&self) -> Result<Vec<Account>, AuthenticatorError> {
        Ok(all(self.phone.accounts()?))
    }

    /// Records what the app observed about the device. Until the first call, no policy counts as met.
    pub fn set_device_facts(&self, facts: DeviceFacts) {
        self.phone.set_device_facts(facts.into());
    }

    /// Changes the displayed names of an account. Omit a name to leave it unchanged; pass an empty one to restore the
    /// registered name.
    pub fn rename(
        &self,
        account_id: String,
        issuer: Option<String>,
        name: Option<String>,
    ) -> Result<Account, AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        check_text("name", issuer.as_deref().unwrap_or_default(), limits::NAME)?;
        check_text("name", name.as_deref().unwrap_or_default(), limits::NAME)?;
        Ok(self.phone.rename(&account_id, issuer.as_deref(), name.as_deref())?.into())
    }

    /// Returns the account's current one-time password. For a counter-based account, every call uses up a password.
    pub fn code(&self, account_id: String) -> Result<Code, AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.code(&account_id)?.into())
    }

    /// Returns the consequences of removing the account, so that the app can show them first.
    pub fn removal(&self, account_id: String) -> Result<Removal, AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.removal(&account_id)?.into())
    }

    /// Removes an account, its messages, and its outbox entries. Does not notify the server.
    pub fn remove(&self, account_id: String) -> Result<(), AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.remove(&account_id)?)
    }

    /// Accepts a push as the platform delivered it, as JSON: FCM's data map, APNs' user info, or `{"messageId",
    /// "message"}`. Receiving the same push again returns the same notification. A rejected push changes nothing, and
    /// neither does a hint: after a hint, pull for its account.
    pub fn receive(&self, payload: Vec<u8>) -> Result<Received, AuthenticatorError> {
        check_bytes("push message", &payload, limits::PAYLOAD)?;
        Ok(self.phone.receive(&payload)?.into())
    }

    /// Accepts a signed message with its ID. Otherwise the same as `receive`, except that it never returns a hint.
    pub fn receive_message(&self, message_id: String, jwt: String) -> Result<Notification, AuthenticatorError> {
        check_text("message id", &message_id, limits::MESSAGE_ID)?;
        check_text("push message", &jwt, limits::SIGNED_MESSAGE)?;
        Ok(self.phone.receive_message(&message_id, &jwt)?.into())
    }

    /// Returns the sign-on requests that can be answered now, newest first.
    pub fn pending(&self) -> Result<Vec<Notification>, AuthenticatorError> {
        Ok(all(self.phone.pending()?))
    }

    /// Returns one sign-on request, whatever its state.
    pub fn notification(&self, id: String) -> Result<Notification, AuthenticatorError> {
        check_text("id", &id, limits::ID)?;
        Ok(self.phone.notification(&id)?.into())
    }

    /// Returns the biometric slot of the sign-on request's account, wrapped with the platform's biometric key. The app
    /// unwraps it in its own prompt and passes the bytes back as biometric `Evidence`.
    pub fn biometric_challenge(&self, notification_id: String) -> Result<Vec<u8>, AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.biometric_challenge(&notification_id)?)
    }

    /// Approves a sign-on request with the evidence it asks for and places the answer in the outbox. If the account has
    /// a hardware key, use a signed approval instead.
    pub fn approve(&self, notification_id: String, evidence: Evidence) -> Result<(), AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.approve(&notification_id, evidence.into_checked()?)?)
    }

    /// Denies a sign-on request and places the answer in the outbox. Works for locked accounts, too. If the account has
    /// a hardware key, use a signed denial instead.
    pub fn deny(&self, notification_id: String) -> Result<(), AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.deny(&notification_id)?)
    }

    /// Returns the HTTP requests that are due now, oldest first, and leaves each to the caller for 60 seconds. Send
    /// them by POST, do not follow redirects, and report each outcome with `delivered` or `failed`.
    pub fn due(&self) -> Result<Vec<HttpRequest>, AuthenticatorError> {
        Ok(all(self.phone.due()?))
    }

    /// Records the server's response to an HTTP request from `due`.
    pub fn delivered(&self, request_id: String, response: HttpResponse) -> Result<Delivery, AuthenticatorError> {
        check_text("id", &request_id, limits::ID)?;
        Ok(self.phone.delivered(&request_id, response.into_capped())?.into())
    }

    /// Records that an HTTP request from `due` got no response.
    pub fn failed(&self, request_id: String, failure: SendFailure) -> Result<Delivery, AuthenticatorError> {
        check_text("id", &request_id, limits::ID)?;
        Ok(self.phone.failed(&request_id, failure.into())?.into())
    }

    /// Makes every outbox entry due now, because the user asked for it or the network is back.
    pub fn retry_now(&self) -> Result<(), AuthenticatorError> {
        Ok(self.phone.retry_now()?)
    }

    /// Sets the push token for all accounts. The updates to the servers come out of `due`.
    pub fn set_push_token(
        &self,
        token: String,
        communication_type: CommunicationType,
    ) -> Result<(), AuthenticatorError> {
        check_text("push token", &token, limits::PUSH_TOKEN)?;
        Ok(self.phone.set_push_token(&token, communication_type.into())?)
    }

    /// Returns where the pushes of every account go, in the order the accounts were added.
    pub fn push_tokens(&self) -> Result<Vec<PushTokenStatus>, AuthenticatorError> {
        Ok(all(self.phone.push_tokens()?))
    }

    /// Returns what happened on this phone, newest first, at most `limit` events.
    pub fn events(&self, limit: u32) -> Result<Vec<Event>, AuthenticatorError> {
        Ok(all(self.phone.events(limit)?))
    }

    /// Returns settled sign-on requests, newest first: at most `limit` after skipping the first `offset`.
    pub fn history(&self, limit: u32, offset: u32) -> Result<Vec<Notification>, AuthenticatorError> {
        Ok(all(self.phone.history(limit, offset)?))
    }

    /// Deletes the history that exceeds the retention and returns the number of sign-on requests deleted.
    pub fn clean_history(&self, retention: Retention) -> Result<u64, AuthenticatorError> {
        Ok(self.phone.clean_history(retention.into())?.try_into().unwrap_or(u64::MAX))
    }

    /// Records whether the device is locked. While it is, sign-on requests leave out what only the user may see, and
    /// they can be denied but not approved.
    pub fn set_concealed(&self, concealed: bool) {
        self.phone.set_concealed(concealed);
    }

    /// Wraps the vault's data key with another platform key. From now on, only that key opens the vault.
    pub fn rewrap(&self, keys: Arc<dyn PlatformKeys>) -> Result<(), AuthenticatorError> {
        let keys = ForeignKeys::new(keys);
        self.phone.rewrap(&keys).map_err(|error| keys.explain(error))
    }

    /// Returns the account's biometric slot, wrapped with the platform's biometric key, for binding it to another one.
    pub fn biometric_slot(&self, account_id: String) -> Result<Vec<u8>, AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.biometric_slot(&account_id)?)
    }

    /// Binds the account to another biometric key. `slot` is the account's biometric slot, unwrapped in the app's
    /// prompt.
    pub fn rebind_biometric(
        &self,
        account_id: String,
        slot: Vec<u8>,
        slot_wrapper: Arc<dyn SlotWrapper>,
    ) -> Result<(), AuthenticatorError> {
        let slot = SecretBytes::new(slot);
        check_text("id", &account_id, limits::ID)?;
        check_bytes("biometric slot", slot.expose(Reason::HandOver), limits::KEY_MATERIAL)?;
        let wrapper = ForeignSlot::new(slot_wrapper);
        self.phone.rebind_biometric(&account_id, &slot, &wrapper).map_err(|error| wrapper.explain(error))
    }

    /// Records that the platform has permanently invalidated its biometric key. Until the account is added again,
    /// sign-on requests that ask for a biometric can only be denied.
    pub fn biometric_invalidated(&self, account_id: String) -> Result<(), AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.biometric_invalidated(&account_id)?)
    }

    /// Returns the outbox entries that are not settled, for display to the user.
    pub fn outbox(&self) -> Result<Vec<Waiting>, AuthenticatorError> {
        Ok(all(self.phone.outbox()?))
    }

    /// Creates one pull for every account that the server may know, except those whose hardware key must sign first.
    /// Send each by POST and pass the response to `pulled`. `wait_seconds` (at most 30) is how long the server may hold
    /// the HTTP request until there is a message. Discard a pull that could not be sent.
    pub fn pull(&self, wait_seconds: u32) -> Result<Vec<PullRequest>, AuthenticatorError> {
        Ok(all(self.phone.pull(wait_seconds)?))
    }

    /// Processes the server's response to a pull.
    pub fn pulled(&self, pull: PullRequest, response: HttpResponse) -> Result<Pulled, AuthenticatorError> {
        Ok(self.phone.pulled(&pull.into_checked()?, response.into_capped())?.into())
    }
}
