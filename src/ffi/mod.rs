//! The border: what Kotlin and Swift see of the [`phone`](crate::phone).
//!
//! One object, [`Authenticator`], whose methods here and in `signing` hand on to [`Phone`]; records and enums of its own, so that the core may
//! change its types without changing an app; one error enum; and the limits of what is taken in. It stays the only
//! object: the Kotlin that is generated checks that an object is open when it is called, and not when it is an argument. No rule about accounts
//! or messages is made here. This room knows neither the database, nor the server half, nor the command line, and nobody
//! imports it.
//!
//! Everything is synchronous: the shells put it on a thread of their own. Foreign code is called while
//! [`Authenticator::open`], [`Authenticator::enrol`], [`Authenticator::rewrap`] and
//! [`Authenticator::rebind_biometric`] run, and a [`LogSink`] whenever something happened; never while a lock of the
//! vault is held. A panic is caught by the generated code, and a foreign exception comes back as
//! [`AuthenticatorError::Platform`].

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

/// The phone core over one vault. May be used from several threads at once; a closed one refuses every call.
#[derive(uniffi::Object)]
pub struct Authenticator {
    phone: Phone,
}

#[uniffi::export]
impl Authenticator {
    /// Opens the vault, or makes a new one where there is no file (its folder must be there). `keys` is called before
    /// this returns and not afterwards; `log` is told what happens as long as this object lives.
    ///
    /// With a lost or wrong key the vault opens all the same: accounts can be listed and removed, whatever needs a
    /// secret ends with the code `re-enrolment-needed`, and once the last account is removed the next opening gives the
    /// vault a new key.
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

    /// Reads a registration code and says what it would add. Nothing is stored, nobody is contacted.
    pub fn preview(&self, code: String) -> Result<EnrolmentPreview, AuthenticatorError> {
        let code = SecretText::new(code);
        check_text("registration code", code.expose(Reason::HandOver), limits::REGISTRATION_CODE)?;
        Ok(self.phone.preview(code.expose(Reason::HandOver))?.into())
    }

    /// Says what an account that was typed in would add: one that shows codes. Otherwise like [`preview`](Self::preview).
    pub fn preview_entry(&self, entry: ManualEntry) -> Result<EnrolmentPreview, AuthenticatorError> {
        Ok(self.phone.preview_entry(&entry.into_checked()?)?.into())
    }

    /// Adds the account of a registration code that the person confirmed after its [`preview`](Self::preview): the
    /// registration is signed and waits in the outbox. `slot_wrapper` binds the account to the platform's biometric;
    /// without one, messages that ask for a biometric can only be denied, unless the account's own key
    /// ([`Enrolment::key`]) takes a biometric.
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

    /// Adds an account that was typed in. Nobody is contacted.
    pub fn enrol_entry(&self, entry: ManualEntry, enrolment: Enrolment) -> Result<Account, AuthenticatorError> {
        enrolment.check()?;
        let preview = self.phone.preview_entry(&entry.into_checked()?)?;
        Ok(self.phone.enrol(preview, enrolment.into_core(None))?.into())
    }

    /// All accounts, in the order of adding. Works without the key too.
    pub fn accounts(&self) -> Result<Vec<Account>, AuthenticatorError> {
        Ok(all(self.phone.accounts()?))
    }

    /// Tells what the shell observed about the device. Until it is told, no policy counts as met.
    pub fn set_device_facts(&self, facts: DeviceFacts) {
        self.phone.set_device_facts(facts.into());
    }

    /// Changes how an account is shown. Nothing given leaves a name as it is, an empty one brings the registered one back.
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

    /// The account's one-time code now. For an account that counts, every call uses up a code.
    pub fn code(&self, account_id: String) -> Result<Code, AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.code(&account_id)?.into())
    }

    /// Says what [`remove`](Self::remove) would mean for the account, before it is done.
    pub fn removal(&self, account_id: String) -> Result<Removal, AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.removal(&account_id)?.into())
    }

    /// Removes an account with its messages and whatever waits to be sent for it. The server is not told.
    pub fn remove(&self, account_id: String) -> Result<(), AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.remove(&account_id)?)
    }

    /// Takes in a push as the platform delivered it, as JSON: FCM's data map, APNs' user info, or
    /// `{"messageId", "message"}`. The same push again gives the same notification. A refused one changes nothing, and
    /// neither does a hint: pull for its account then.
    pub fn receive(&self, payload: Vec<u8>) -> Result<Received, AuthenticatorError> {
        check_bytes("push message", &payload, limits::PAYLOAD)?;
        Ok(self.phone.receive(&payload)?.into())
    }

    /// Takes in a signed message with its id; otherwise like [`receive`](Self::receive), and never a hint.
    pub fn receive_message(&self, message_id: String, jwt: String) -> Result<Notification, AuthenticatorError> {
        check_text("message id", &message_id, limits::MESSAGE_ID)?;
        check_text("push message", &jwt, limits::SIGNED_MESSAGE)?;
        Ok(self.phone.receive_message(&message_id, &jwt)?.into())
    }

    /// The sign-on requests that can be answered now, newest first.
    pub fn pending(&self) -> Result<Vec<Notification>, AuthenticatorError> {
        Ok(all(self.phone.pending()?))
    }

    /// One sign-on request, whatever its state.
    pub fn notification(&self, id: String) -> Result<Notification, AuthenticatorError> {
        check_text("id", &id, limits::ID)?;
        Ok(self.phone.notification(&id)?.into())
    }

    /// The biometric slot of the request's account, wrapped under the platform's biometric key. The shell unwraps it
    /// inside its own prompt and gives the bytes back as [`Evidence::Biometric`].
    pub fn biometric_challenge(&self, notification_id: String) -> Result<Vec<u8>, AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.biometric_challenge(&notification_id)?)
    }

    /// Approves a sign-on request with the evidence that it asks for. The answer waits in the outbox afterwards. Where the
    /// account has a key in hardware, [`approve_signed`](Self::approve_signed) takes its place.
    pub fn approve(&self, notification_id: String, evidence: Evidence) -> Result<(), AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.approve(&notification_id, evidence.into_checked()?)?)
    }

    /// Denies a sign-on request; a locked account can do that too. The answer waits in the outbox afterwards. Where the
    /// account has a key in hardware, [`deny_signed`](Self::deny_signed) takes its place.
    pub fn deny(&self, notification_id: String) -> Result<(), AuthenticatorError> {
        check_text("id", &notification_id, limits::ID)?;
        Ok(self.phone.deny(&notification_id)?)
    }

    /// The requests that are to be sent now, oldest first; each is left to the caller for 60 seconds. They are sent by
    /// POST, follow no redirects, and what came of them goes to [`delivered`](Self::delivered) or
    /// [`failed`](Self::failed).
    pub fn due(&self) -> Result<Vec<HttpRequest>, AuthenticatorError> {
        Ok(all(self.phone.due()?))
    }

    /// Tells what the server answered to a request of [`due`](Self::due).
    pub fn delivered(&self, request_id: String, response: HttpResponse) -> Result<Delivery, AuthenticatorError> {
        check_text("id", &request_id, limits::ID)?;
        Ok(self.phone.delivered(&request_id, response.into_capped())?.into())
    }

    /// Tells that there was no answer to a request of [`due`](Self::due).
    pub fn failed(&self, request_id: String, failure: SendFailure) -> Result<Delivery, AuthenticatorError> {
        check_text("id", &request_id, limits::ID)?;
        Ok(self.phone.failed(&request_id, failure.into())?.into())
    }

    /// Makes everything that waits for its next attempt due now: the person asked for it, or the network is back.
    pub fn retry_now(&self) -> Result<(), AuthenticatorError> {
        Ok(self.phone.retry_now()?)
    }

    /// Wants pushes for all accounts to go to this token from now on; every server is told by way of
    /// [`due`](Self::due).
    pub fn set_push_token(
        &self,
        token: String,
        communication_type: CommunicationType,
    ) -> Result<(), AuthenticatorError> {
        check_text("push token", &token, limits::PUSH_TOKEN)?;
        Ok(self.phone.set_push_token(&token, communication_type.into())?)
    }

    /// Where the pushes of every account go, in the order of adding.
    pub fn push_tokens(&self) -> Result<Vec<PushTokenStatus>, AuthenticatorError> {
        Ok(all(self.phone.push_tokens()?))
    }

    /// What happened on this phone, newest first, at most `limit`.
    pub fn events(&self, limit: u32) -> Result<Vec<Event>, AuthenticatorError> {
        Ok(all(self.phone.events(limit)?))
    }

    /// Settled sign-on requests, newest first: at most `limit` of them after leaving out the first `offset`.
    pub fn history(&self, limit: u32, offset: u32) -> Result<Vec<Notification>, AuthenticatorError> {
        Ok(all(self.phone.history(limit, offset)?))
    }

    /// Takes away the history that exceeds the retention; how many sign-on requests that were.
    pub fn clean_history(&self, retention: Retention) -> Result<u64, AuthenticatorError> {
        Ok(self.phone.clean_history(retention.into())?.try_into().unwrap_or(u64::MAX))
    }

    /// Tells whether the device is locked: while it is, sign-on requests are shown without what only the person may see,
    /// and can be denied but not approved.
    pub fn set_concealed(&self, concealed: bool) {
        self.phone.set_concealed(concealed);
    }

    /// Wraps the vault's data key by another key of the platform, which has to open the vault from now on.
    pub fn rewrap(&self, keys: Arc<dyn PlatformKeys>) -> Result<(), AuthenticatorError> {
        let keys = ForeignKeys::new(keys);
        self.phone.rewrap(&keys).map_err(|error| keys.explain(error))
    }

    /// The account's biometric slot, wrapped under the platform's biometric key, for
    /// [`rebind_biometric`](Self::rebind_biometric).
    pub fn biometric_slot(&self, account_id: String) -> Result<Vec<u8>, AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.biometric_slot(&account_id)?)
    }

    /// Binds the account to another biometric key. `slot` is what the shell's prompt unwrapped of
    /// [`biometric_slot`](Self::biometric_slot).
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

    /// Tells that the platform invalidated its biometric key for good. Sign-ons that ask for a biometric can only be
    /// denied until the account was added again.
    pub fn biometric_invalidated(&self, account_id: String) -> Result<(), AuthenticatorError> {
        check_text("id", &account_id, limits::ID)?;
        Ok(self.phone.biometric_invalidated(&account_id)?)
    }

    /// The requests that are not settled, as shown to a person.
    pub fn outbox(&self) -> Result<Vec<Waiting>, AuthenticatorError> {
        Ok(all(self.phone.outbox()?))
    }

    /// Makes one pull for every account that the server may know, but for those whose hardware key has to sign first
    /// ([`pulls_to_sign`](Self::pulls_to_sign)); each is sent by POST, and what came back goes to
    /// [`pulled`](Self::pulled). `wait_seconds` (at most 30) is how long the server may hold it until a message is
    /// there. A pull that could not be sent is forgotten.
    pub fn pull(&self, wait_seconds: u32) -> Result<Vec<PullRequest>, AuthenticatorError> {
        Ok(all(self.phone.pull(wait_seconds)?))
    }

    /// Takes in what the server answered to a pull.
    pub fn pulled(&self, pull: PullRequest, response: HttpResponse) -> Result<Pulled, AuthenticatorError> {
        Ok(self.phone.pulled(&pull.into_checked()?, response.into_capped())?.into())
    }
}
