//! A push message's life on the server: made and sent, answered or superseded; and the registration of phones.
//!
//! Functions over an open transaction that return what is to happen after the commit as data ([`Effect`]). This room
//! knows the store and the protocol; no HTTP and no journey.

mod answer;
mod device_key;
mod embedded;
mod fraud_report;
mod pull;
mod refresh;
mod register;
mod send;
pub mod sns;
mod test_push;
mod unconfirmed;
mod withheld;

use std::sync::Arc;

pub use answer::{AnswerTerms, answer};
pub use embedded::Embedded;
pub use pull::{PullGrant, PullTerms, check_pull, waiting_messages};
pub use refresh::refresh;
pub use register::{Offer, offer, register};
pub use send::{Budget, Kind, Outgoing, Sent, send};
pub use test_push::{Reached, push_test};
pub use unconfirmed::{remove_abandoned, settle_unconfirmed};
pub use withheld::{Withheld, WithheldReason};

use super::attestation::{AttestationCheck, AttestationError};
use super::keys::Keys;
use super::store::{StoreError, audit};
use super::waiters::Waiter;
use crate::ports::{Entropy, EpochMilliseconds};
use crate::protocol::message::CommunicationType;
use crate::protocol::proof::ProofError;

/// What every function of this room needs besides the transaction.
#[derive(Clone)]
pub struct RequestContext {
    /// Seals and opens.
    pub keys: Arc<Keys>,
    /// Random bytes.
    pub entropy: Arc<dyn Entropy>,
    /// The hour at which the request came in, epoch milliseconds.
    pub now: EpochMilliseconds,
    /// Checks what makers say about phones' keys; absent: nobody does.
    pub attestation: Option<Arc<AttestationCheck>>,
    /// The origin that the webhook names the server by; absent where there is no webhook.
    pub webhook: Option<String>,
}

/// Something to do once the transaction is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Wake who waits for this.
    Wake(Waiter),
    /// Hand a message to the transport of its device.
    Deliver(Delivery),
    /// Tell the transport of this device that the device has a new push token.
    TokenChanged(String, CommunicationType),
    /// An event for the webhook was stored.
    TellWebhook,
    /// Count an event that strangers can cause as often as they like.
    Count(audit::Event),
}

/// Whether pushes over a relay hold no more than where a message can be asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HintOnly {
    /// They hold the message.
    #[default]
    Off,
    /// Those to phones with a key of their own hold a hint: such phones know what to do with it.
    WhereKnown,
}

impl HintOnly {
    /// Whether a phone gets hints.
    pub fn is_for(self, has_key: bool) -> bool {
        self == Self::WhereKnown && has_key
    }
}

/// A message on its way to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The server's id of the device.
    pub device: String,
    /// Which transport reaches it.
    pub communication_type: CommunicationType,
    /// The message id.
    pub message_id: String,
    /// Until when it may be answered, epoch milliseconds.
    pub expires_at: EpochMilliseconds,
}

/// Brings messages to phones. One transport a file.
pub trait Transport: Send + Sync {
    /// The communication types that it serves.
    fn serves(&self, kind: CommunicationType) -> bool;
    /// Sends a message on its way; a failure is the transport's to log and never the journey's to wait for.
    fn deliver(&self, delivery: &Delivery);
    /// Gets ready for a device with a new push token, where that takes something. As little to wait for.
    fn token_changed(&self, _device: &str) {}
}

/// Why a phone's request was refused. The answer says no more than the sender has proved to be entitled to; the log
/// holds the reason.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nothing was proved: the answer is a mute `Bad request.`.
    #[error("refused before its signature verified: {0}")]
    Mute(&'static str),
    /// The shared secret was right, and the device's own key did not prove the rest: as mute.
    #[error("{0}")]
    Unproved(ProofError),
    /// Shared secret and key were right, and what the phone's maker says of the key was not.
    #[error("{0}")]
    Unattested(AttestationError),
    /// Signed by a known device, but not acceptable; the sender may know why.
    #[error("{0}")]
    Told(&'static str),
    /// Signed by a known device, and more often than may be.
    #[error("This was asked for too often. Try again later.")]
    TooOften,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Refusal {
    /// What the sender is told.
    pub fn message(&self) -> &str {
        match self {
            Self::Mute(_) | Self::Unproved(_) | Self::Store(_) => "Bad request.",
            Self::Unattested(error) => error.told(),
            Self::Told(message) => message,
            Self::TooOften => "This was asked for too often. Try again later.",
        }
    }
}
