//! Bringing one message to one device over Amazon SNS, once and blocking.
//!
//! Knows the store and the calls; nothing of threads and retries.

use std::sync::Arc;

use super::calls::Calls;
use super::credentials::{Application, Credentials};
use super::envelope::Envelope;
use super::settings::SnsSettings;
use super::{SendFailure, SnsError};
use crate::ports::Clock;
use crate::protocol::message::{CommunicationType, PushMessage};
use crate::protocol::pull::Hint;
use crate::server::keys::Keys;
use crate::server::push::{Delivery, HintOnly};
use crate::server::store::devices::{self, Address, Device};
use crate::server::store::{Store, StoreError, device_keys, pushes};

/// See the module.
pub struct Sender {
    credentials: Credentials,
    calls: Calls,
    store: Store,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    hint_only: HintOnly,
}

/// A message that is to be sent.
pub struct Message<'a> {
    /// Its id.
    pub id: &'a str,
    /// The signed message.
    pub jwt: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// In which form a message went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As it is.
    Whole,
    /// As a hint that it waits.
    Hint,
}

impl Sender {
    /// Reads the credentials and the file of authorities.
    pub fn new(
        settings: &SnsSettings,
        hint_only: HintOnly,
        store: Store,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SnsError> {
        let environment = |name: &str| std::env::var(name).ok();
        Ok(Self {
            credentials: Credentials::load(&settings.credentials_file, settings.apns_sandbox, &environment)?,
            calls: Calls::new(settings.region.clone(), settings.endpoint.clone(), settings.trust()?, clock.clone()),
            store,
            keys,
            clock,
            hint_only,
        })
    }

    /// Whether there is a platform application for devices of this kind.
    pub fn serves(&self, kind: CommunicationType) -> bool {
        self.credentials.application(kind).is_some()
    }

    /// Makes a device's endpoint, where it has none.
    pub(super) fn prepare(&self, device: &str) -> Result<(), SendFailure> {
        let Some((device, address, _)) = self.find(device)? else { return Ok(()) };
        let Some(application) = self.credentials.application(device.communication_type) else { return Ok(()) };
        self.endpoint(&device, &address, application).map(|_| ())
    }

    /// Sends a stored message, unless nobody waits for its answer any more.
    pub(super) fn deliver(&self, delivery: &Delivery) -> Result<(), SendFailure> {
        let (device, message_id) = (delivery.device.clone(), delivery.message_id.clone());
        let (keys, now) = (self.keys.clone(), self.clock.now());
        let waiting = self.store.run_blocking(move |transaction| -> Result<_, StoreError> {
            let messages = pushes::pending_of_device(transaction, &device, now, &keys)?;
            let Some((_, jwt)) = messages.into_iter().find(|(id, _)| *id == message_id) else { return Ok(None) };
            let message = PushMessage::verify(&devices::secret(transaction, &device, &keys)?, &jwt)
                .map_err(|_| StoreError::Damaged("push_message.jwt"))?
                .into_inner();
            Ok(Some((jwt, message.text.unwrap_or_default())))
        })?;
        match waiting {
            Some((jwt, text)) => {
                let message = Message { id: &delivery.message_id, jwt: &jwt, text: &text };
                self.push(&delivery.device, &message).map(|_| ())
            }
            None => Ok(()),
        }
    }

    /// Sends a signed message to a device, or a hint of it where the device gets hints.
    pub fn push(&self, device: &str, message: &Message<'_>) -> Result<Form, SendFailure> {
        let Some((device, address, has_key)) = self.find(device)? else { return Ok(Form::Whole) };
        let application = self.credentials.application(device.communication_type).ok_or(SendFailure::NoApplication)?;
        if address.token_dead_at.is_some() {
            return Err(SendFailure::DeadToken);
        }
        let form = if self.hint_only.is_for(has_key) { Form::Hint } else { Form::Whole };
        let envelope = match form {
            Form::Hint => Envelope::of_hint(&Hint {
                message_id: message.id.to_owned(),
                mechanism_uid: device.mechanism_uid.clone(),
            }),
            Form::Whole => Envelope::new(device.communication_type, message.text, message.id, message.jwt)?,
        };
        let endpoint = self.endpoint(&device, &address, application)?;
        let result = self.calls.publish(&self.credentials.key, application, &endpoint, &envelope);
        if matches!(result, Err(SendFailure::DeadToken)) {
            let now = self.clock.now();
            self.store
                .run_blocking(move |transaction| devices::mark_token_dead(transaction, &device.id, &endpoint, now))?;
        }
        result.map(|()| form)
    }

    /// The device's endpoint; made where there is none, or where it is in another platform application.
    fn endpoint(&self, device: &Device, address: &Address, application: &Application) -> Result<String, SendFailure> {
        if let Some(endpoint) = address.endpoint.as_ref().filter(|endpoint| application.holds(endpoint)) {
            return Ok(endpoint.clone());
        }
        let endpoint = self.calls.endpoint(&self.credentials.key, application, &address.token)?;
        let (id, version, made) = (device.id.clone(), address.version.clone(), endpoint.clone());
        let kept =
            self.store.run_blocking(move |transaction| devices::set_endpoint(transaction, &id, &version, &made))?;
        if kept { Ok(endpoint) } else { Err(SendFailure::TokenChanged) }
    }

    /// The device, how it is reached, and whether it has a key of its own.
    fn find(&self, device: &str) -> Result<Option<(Device, Address, bool)>, StoreError> {
        let (id, keys) = (device.to_owned(), self.keys.clone());
        self.store.run_blocking(move |transaction| {
            let Some(device) = devices::find(transaction, &id)? else { return Ok(None) };
            let address = devices::address(transaction, &id, &keys)?;
            let has_key = device_keys::of_device(transaction, &id)?.is_some();
            Ok(Some((device, address, has_key)))
        })
    }
}
