//! The transport Amazon SNS: pushes over Google's FCM and Apple's APNs (docs/wire.md, "Over Amazon SNS").
//!
//! Requests to SNS block, so they are made on threads of this transport's own, fed by a bounded queue: neither a sign-on
//! nor the server's runtime waits for one. What passes (no network, an overloaded SNS) is tried again with growing
//! delays until the message expires; everything else ends the attempt, is logged and written into the audit log. A
//! device whose push cannot be delivered stays a registered device.

mod calls;
pub mod credentials;
pub mod envelope;
mod queue;
mod sender;
mod settings;
pub mod signature;

use std::sync::Arc;

pub use credentials::CredentialsError;
pub use sender::{Form, Message, Sender};
pub use settings::SnsSettings;

use super::{Delivery, HintOnly, Transport};
use crate::ports::{Clock, Entropy, EpochMilliseconds, make_number_below};
use crate::protocol::message::CommunicationType;
use crate::server::ca_file::{CaFileError, TlsFailure};
use crate::server::keys::Keys;
use crate::server::store::{Store, StoreError, audit, devices};
use queue::Queue;

/// Threads that send; at most so many requests to SNS are under way.
const THREADS: usize = 8;
/// Most messages that wait to be sent.
const QUEUE_LIMIT: usize = 10_000;
/// Delay before the first repetition, in milliseconds; it doubles with each, and up to a quarter is added by lot.
const FIRST_DELAY: u32 = 500;
/// Most repetitions: the last comes about half a minute after the first attempt.
const REPETITIONS: u32 = 6;

/// Why a device was not reached. Holds no token and no secret.
#[derive(Debug, thiserror::Error)]
pub enum SendFailure {
    /// SNS says that the endpoint is disabled or gone.
    #[error("Its push token is dead: it gets no push until the app reports a new one. Open the app on that phone.")]
    DeadToken,
    /// Over [`envelope::ENVELOPE_LIMIT`].
    #[error("The message is larger than the 4096 bytes of a push. Share less context or a smaller custom payload.")]
    TooLarge,
    /// The credentials have no platform application for such devices.
    #[error("The credentials of Amazon SNS have no platform application for this kind of phone.")]
    NoApplication,
    /// The server has no such transport.
    #[error("Amazon SNS is not set up: server.toml has no [push.sns].")]
    NotSetUp,
    /// SNS does not accept the request; trying again would not help.
    #[error("Amazon SNS refused the request ({0}). Check the credentials, their rights and the platform applications.")]
    Refused(String),
    /// No connection that could be trusted.
    #[error("Amazon SNS was not asked. {0}")]
    Tls(TlsFailure),
    /// No answer.
    #[error("Amazon SNS could not be reached: {0}")]
    Unreachable(String),
    /// An error of SNS itself, or too many requests.
    #[error("Amazon SNS cannot take the request now ({0}).")]
    Busy(String),
    /// The device's token was replaced while its endpoint was made.
    #[error("The phone reported another push token in the meantime.")]
    TokenChanged,
    /// The queue of messages is full.
    #[error("Too many messages wait to be sent.")]
    QueueFull,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SendFailure {
    /// A stable name, for the audit log and programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::DeadToken => "dead-token",
            Self::TooLarge => "too-large",
            Self::NoApplication => "no-application",
            Self::NotSetUp => "not-set-up",
            Self::Refused(_) => "refused",
            Self::Tls(failure) => failure.name(),
            Self::Unreachable(_) => "unreachable",
            Self::Busy(_) => "busy",
            Self::TokenChanged => "token-changed",
            Self::QueueFull => "queue-full",
            Self::Store(_) => "store",
        }
    }

    /// Whether the same may succeed a little later.
    fn passes(&self) -> bool {
        match self {
            Self::Tls(failure) => !failure.is_of_certificate(),
            _ => matches!(self, Self::Unreachable(_) | Self::Busy(_) | Self::TokenChanged),
        }
    }
}

/// See the module.
pub struct Sns(Arc<Shared>);

struct Shared {
    sender: Sender,
    queue: Queue<Work>,
    store: Store,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

struct Work {
    task: Task,
    /// How often it was tried.
    attempts: u32,
}

enum Task {
    /// Make the device's endpoint.
    Prepare(String),
    Deliver(Delivery),
}

impl Task {
    fn device(&self) -> &str {
        match self {
            Self::Prepare(device) => device,
            Self::Deliver(delivery) => &delivery.device,
        }
    }

    /// The audit event of its failure.
    fn event(&self) -> &'static str {
        match self {
            Self::Prepare(_) => "push-endpoint",
            Self::Deliver(_) => "push-delivery",
        }
    }

    /// From when on it is of no use any more.
    fn ends_at(&self) -> Option<EpochMilliseconds> {
        match self {
            Self::Prepare(_) => None,
            Self::Deliver(delivery) => Some(delivery.expires_at),
        }
    }
}

/// Why the transport cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SnsError {
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The file of authorities cannot be used.
    #[error(transparent)]
    CaFile(#[from] CaFileError),
    /// No threads.
    #[error("The threads that send pushes could not be started: {0}")]
    Threads(#[source] std::io::Error),
}

impl Sns {
    /// Reads the files and starts the threads; they end when this is dropped.
    pub fn start(
        settings: &SnsSettings,
        hint_only: HintOnly,
        store: Store,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, SnsError> {
        let sender = Sender::new(settings, hint_only, store.clone(), keys, clock.clone())?;
        let sns = Self(Arc::new(Shared { sender, queue: Queue::new(QUEUE_LIMIT), store, clock, entropy }));
        for number in 0..THREADS {
            let shared = sns.0.clone();
            std::thread::Builder::new()
                .name(format!("push {number}"))
                .spawn(move || shared.work())
                .map_err(SnsError::Threads)?;
        }
        Ok(sns)
    }
}

impl Drop for Sns {
    fn drop(&mut self) {
        self.0.queue.close();
    }
}

impl Transport for Sns {
    fn serves(&self, kind: CommunicationType) -> bool {
        self.0.sender.serves(kind)
    }

    fn deliver(&self, delivery: &Delivery) {
        self.0.submit(Task::Deliver(delivery.clone()));
    }

    fn token_changed(&self, device: &str) {
        self.0.submit(Task::Prepare(device.to_owned()));
    }
}

impl Shared {
    fn submit(&self, task: Task) {
        let (device, event) = (task.device().to_owned(), task.event());
        if !self.queue.add(self.clock.now(), Work { task, attempts: 0 }) {
            self.give_up(&device, event, &SendFailure::QueueFull);
        }
    }

    fn work(&self) {
        while let Some(Work { task, attempts }) = self.queue.take(self.clock.as_ref()) {
            let result = match &task {
                Task::Prepare(device) => self.sender.prepare(device),
                Task::Deliver(delivery) => self.sender.deliver(delivery),
            };
            match result {
                Ok(()) => tracing::debug!(device = task.device(), event = task.event(), "done at Amazon SNS"),
                Err(failure) => self.failed(Work { task, attempts: attempts + 1 }, &failure),
            }
        }
    }

    fn failed(&self, work: Work, failure: &SendFailure) {
        let (device, event, attempts) = (work.task.device().to_owned(), work.task.event(), work.attempts);
        let due = self.clock.now() + self.delay(attempts);
        let in_time = work.task.ends_at().is_none_or(|end| due < end);
        if failure.passes() && attempts <= REPETITIONS && in_time {
            tracing::warn!(device, event, attempts, %failure, "not sent yet");
            if self.queue.add(due, work) {
                return;
            }
        }
        self.give_up(&device, event, failure);
    }

    /// Milliseconds until the next attempt.
    fn delay(&self, attempts: u32) -> i64 {
        let delay = FIRST_DELAY << attempts.saturating_sub(1).min(REPETITIONS);
        // Without random bytes the delay is the bare one; only the spreading is lost.
        let more = make_number_below(self.entropy.as_ref(), delay / 4).unwrap_or_default();
        i64::from(delay + more)
    }

    /// Logs a failure and writes it down. Does not wait for the store: a sign-on may be the caller.
    fn give_up(&self, device: &str, event: &'static str, failure: &SendFailure) {
        tracing::warn!(device, event, %failure, "push not sent");
        let (device, outcome, now) = (device.to_owned(), failure.name(), self.clock.now());
        self.store.run_later(move |transaction| note(transaction, now, event, &device, outcome));
    }
}

/// Writes down what came of reaching a device.
pub(super) fn note(
    transaction: &crate::server::store::Transaction,
    now: EpochMilliseconds,
    event: &str,
    device: &str,
    outcome: &str,
) -> Result<(), StoreError> {
    audit::add(transaction, &event_of_device(transaction, now, event, device, outcome)?)
}

/// An event about a device and its user.
pub(super) fn event_of_device(
    transaction: &crate::server::store::Transaction,
    now: EpochMilliseconds,
    event: &str,
    device: &str,
    outcome: &str,
) -> Result<audit::Event, StoreError> {
    let user = devices::find(transaction, device)?.map(|device| device.user);
    Ok(audit::Event {
        at: now,
        event: event.to_owned(),
        user,
        device: Some(device.to_owned()),
        address: None,
        outcome: outcome.to_owned(),
    })
}
