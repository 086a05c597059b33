//! The webhook: tells another server what those who run this one should hear of (docs/wire.md, "Webhook").
//!
//! An event is stored in the transaction that it tells of, and told after the commit on a thread of its own, so that
//! nobody waits for the receiver and a killed server forgets nothing. What fails is repeated with growing delays, until
//! the event is taken or too old. An event may come twice; its id is the same then.

mod event;
mod sender;
mod settings;
mod signal;

use std::sync::Arc;

pub use event::{Device, Event, FactorChanged, NotMe, PushesFrozen};
pub use sender::{Failure, Sender};
pub use settings::{SECRET_VARIABLE, SecretError, WebhookSettings};

use super::ca_file::CaFileError;
use super::keys::Keys;
use super::store::webhook_events::{self, WaitingEvent};
use super::store::{Store, StoreError, Transaction};
use crate::ports::{Clock, Entropy, EntropyUnavailable, EpochMilliseconds, make_number_below, make_uuid};
use signal::Signal;

/// Delay before the first repetition, in milliseconds; each is four times the one before, and up to a quarter is added by
/// lot.
const FIRST_DELAY: u32 = 5_000;
/// Longest delay, in milliseconds.
const LONGEST_DELAY: u32 = 6 * 3_600_000;
/// Shortest delay after the receiver's certificate was rejected, in milliseconds: somebody has to set it right first.
const CERTIFICATE_DELAY: u32 = 300_000;
/// Delay after the store failed, in milliseconds.
const STORE_DELAY: i64 = 30_000;

/// An event's id: no full stop may be in it, because the signature is over id, time and body with one between them.
pub fn make_id(entropy: &dyn Entropy) -> Result<String, EntropyUnavailable> {
    Ok(format!("msg_{}", make_uuid(entropy)?))
}

/// Stores an event, to be told after the commit.
pub fn add(
    transaction: &Transaction,
    event: &Event,
    user: &str,
    server: &str,
    now: EpochMilliseconds,
    keys: &Keys,
    entropy: &dyn Entropy,
) -> Result<(), StoreError> {
    let id = make_id(entropy)?;
    let body = event.body(&id, server, now);
    let event = WaitingEvent { id, user: Some(user.to_owned()), body, created_at: now, attempts: 0 };
    webhook_events::add(transaction, &event, keys, entropy)
}

/// Why the webhook cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Its secret cannot be used.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The file of authorities cannot be used.
    #[error(transparent)]
    CaFile(#[from] CaFileError),
    /// No thread.
    #[error("The thread that tells the webhook could not be started: {0}")]
    Thread(#[source] std::io::Error),
}

/// See the module; it ends when this is dropped.
pub struct Webhook(Arc<Shared>);

struct Shared {
    sender: Sender,
    signal: Signal,
    store: Store,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    give_up: EpochMilliseconds,
}

impl Webhook {
    /// Reads the files and starts the thread, which begins with what an earlier run has left.
    pub fn start(
        settings: &WebhookSettings,
        store: Store,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, WebhookError> {
        let sender = Sender::new(settings, clock.clone())?;
        let give_up = settings.give_up_hours * 3_600_000;
        let shared = Arc::new(Shared { sender, signal: Signal::default(), store, keys, clock, entropy, give_up });
        let webhook = Self(shared.clone());
        webhook.committed();
        std::thread::Builder::new()
            .name("webhook".to_owned())
            .spawn(move || shared.work())
            .map_err(WebhookError::Thread)?;
        Ok(webhook)
    }

    /// An event was stored.
    pub fn committed(&self) {
        self.0.signal.ring();
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.0.signal.close();
    }
}

impl Shared {
    fn work(&self) {
        let mut due = None;
        while self.signal.wait(due, self.clock.as_ref()) {
            due = self.tell_first().unwrap_or_else(|error| {
                tracing::error!(%error, "the webhook's events could not be read or settled");
                Some(self.clock.now() + STORE_DELAY)
            });
        }
    }

    /// Tells the event that is due first, if it is due; gives when to look again.
    fn tell_first(&self) -> Result<Option<EpochMilliseconds>, StoreError> {
        let (keys, now) = (self.keys.clone(), self.clock.now());
        let first = self.store.run_blocking(move |transaction| webhook_events::first(transaction, &keys, now))?;
        let Some((due_at, event)) = first else { return Ok(None) };
        if due_at > self.clock.now() {
            return Ok(Some(due_at));
        }
        let told = self.sender.send(&event.id, &event.body);
        let now = self.clock.now();
        let (id, attempts) = (event.id.clone(), event.attempts + 1);
        match told {
            Ok(status) => {
                tracing::info!(id, status, "an event was told to the webhook");
                self.store.run_blocking(move |transaction| webhook_events::remove(transaction, &event.id))?;
            }
            Err(failure) => {
                let due_at = now + self.delay(attempts, &failure);
                let outcome = match &failure {
                    Failure::Gone => Some(failure.name()),
                    Failure::Tls(tls) if due_at > event.created_at + self.give_up => Some(tls.name()),
                    _ if due_at > event.created_at + self.give_up => Some("given-up"),
                    _ => None,
                };
                tracing::warn!(id, attempts, %failure, given_up = outcome.is_some(), "an event was not told to the webhook");
                self.store.run_blocking(move |transaction| match outcome {
                    Some(outcome) => webhook_events::give_up(transaction, &event, outcome, now),
                    None => webhook_events::put_off(transaction, &event.id, due_at),
                })?;
            }
        }
        Ok(Some(now))
    }

    /// Milliseconds until the next attempt.
    fn delay(&self, attempts: u32, failure: &Failure) -> EpochMilliseconds {
        let exponent = attempts.saturating_sub(1).min(8);
        let delay = FIRST_DELAY.saturating_mul(4u32.pow(exponent)).min(LONGEST_DELAY);
        // Without random bytes the delay is the bare one; only the spreading is lost.
        let delay = delay + make_number_below(self.entropy.as_ref(), delay / 4).unwrap_or_default();
        let least = match failure {
            Failure::Status { retry_after: Some(seconds), .. } => seconds.saturating_mul(1000).min(LONGEST_DELAY),
            Failure::Tls(failure) if failure.is_of_certificate() => CERTIFICATE_DELAY,
            _ => 0,
        };
        i64::from(delay.max(least))
    }
}
