//! A test of a user's devices: a push that nothing depends on.
//!
//! The message is signed as every other and stored nowhere. An answer to it is refused, because no sign-on and no push
//! request knows of it: it can sign nobody on, confirm no provisional device, supersede no message and count for no
//! budget.

use std::sync::Arc;

use super::sns::{Form, Message, SendFailure, Sender, event_of_device};
use crate::ports::{Clock, Entropy, make_bytes, make_uuid};
use crate::protocol::message::{Ask, CHALLENGE_LENGTH, CommunicationType, PushMessage};
use crate::server::keys::Keys;
use crate::server::store::devices::{self, Device};
use crate::server::store::{Store, StoreError, audit};

/// What the person reads.
const TEXT: &str = "This is a test. It signs nobody on, whatever you answer.";
const TIME_TO_LIVE_SECONDS: u32 = 120;

/// What came of a device.
pub enum Reached {
    /// Its push service took the message.
    Sent,
    /// Its push service took a hint; the phone will ask, and find nothing.
    Hinted,
    /// No push goes to it: it asks for its messages.
    Fetches,
    /// Why not.
    Failed(SendFailure),
}

impl Reached {
    /// A stable name, for the audit log and programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Hinted => "hinted",
            Self::Fetches => "fetches",
            Self::Failed(failure) => failure.name(),
        }
    }
}

/// Sends a test to each of the user's devices, one after the other, once. Blocks until all are done. `sender` is there
/// where the server has Amazon SNS; `actor` is the administrator who tests.
pub fn push_test(
    user: &str,
    actor: &str,
    sender: Option<&Sender>,
    store: &Store,
    keys: &Arc<Keys>,
    clock: &dyn Clock,
    entropy: &Arc<dyn Entropy>,
) -> Result<Vec<(Device, Reached)>, StoreError> {
    let (user, now) = (user.to_owned(), clock.now());
    let devices = store.run_blocking(move |transaction| devices::of_user(transaction, &user))?;
    let mut results = Vec::with_capacity(devices.len());
    for device in devices {
        let reached = match sender {
            _ if device.communication_type == CommunicationType::Embedded => Reached::Fetches,
            None => Reached::Failed(SendFailure::NotSetUp),
            Some(sender) => match send(&device, sender, store, keys, now, entropy) {
                Ok(Form::Whole) => Reached::Sent,
                Ok(Form::Hint) => Reached::Hinted,
                Err(failure) => Reached::Failed(failure),
            },
        };
        let (id, outcome) = (device.id.clone(), reached.name());
        let actor = actor.to_owned();
        store.run_blocking(move |transaction| -> Result<(), StoreError> {
            audit::add_by(transaction, &event_of_device(transaction, now, "push-test", &id, outcome)?, &actor)
        })?;
        results.push((device, reached));
    }
    Ok(results)
}

fn send(
    device: &Device,
    sender: &Sender,
    store: &Store,
    keys: &Arc<Keys>,
    now: i64,
    entropy: &Arc<dyn Entropy>,
) -> Result<Form, SendFailure> {
    let message = PushMessage {
        mechanism_uid: device.mechanism_uid.clone(),
        challenge: make_bytes::<CHALLENGE_LENGTH>(entropy.as_ref()).map_err(StoreError::from)?,
        cookie: None,
        time_to_live_seconds: TIME_TO_LIVE_SECONDS,
        sent_at: Some(now),
        text: Some(TEXT.to_owned()),
        ask: Ask::Tap,
        context: None,
        custom_payload: None,
        user_id: Some(device.user.clone()),
    };
    let id = format!("AUTHENTICATE:{}{now}", make_uuid(entropy.as_ref()).map_err(StoreError::from)?);
    let (device_id, keys) = (device.id.clone(), keys.clone());
    let jwt = store.run_blocking(move |transaction| {
        let secret = devices::secret(transaction, &device_id, &keys)?;
        message.sign(&secret).map_err(|_| StoreError::Damaged("push message"))
    })?;
    sender.push(&device.id, &Message { id: &id, jwt: &jwt, text: TEXT })
}
