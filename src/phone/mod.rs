//! The phone core: registration URIs become credentials, push messages become signed answers.
//!
//! [`Phone`] is everything an app needs from here. It is synchronous and does no network I/O: [`Phone::due`] hands out
//! what to send, and the app reports the result to [`Phone::delivered`] and [`Phone::failed`]. All persistent state is
//! in the vault, so the process may be killed at any line. Independent of the server and the user interface.
//!
//! ```text
//! enrolment     registration URI -> preview -> credential + registration in the outbox
//! accounts      list, rename, remove; removal previews the consequences
//! codes         one-time passwords
//! envelope      payload -> message id and signed message, or a hint
//! receive       push -> stored message, or the account to pull for
//! notification  signed message -> verified -> pending
//! consent       evidence -> consent
//! device_key    what a device key signs: proofs of possession and of answers
//! approval      verified message + consent -> answer in the outbox
//! outbox        HTTP requests out, outcomes in; http defines their form
//! token         the push token, and telling it to every server
//! pull          pull pending messages from a server
//! message_id    the time inside a message id
//! history       outcomes of earlier sign-on requests, and how long to keep them
//! log           events on this phone
//! rewrap        moving to other keys of the platform
//! ```

mod account;
mod accounts;
mod activation;
mod approval;
mod codes;
mod consent;
mod credential;
mod date;
mod device_key;
mod enrolment;
mod envelope;
mod error;
mod history;
mod http;
mod log;
mod message_id;
mod notification;
mod outbox;
mod pull;
mod receive;
mod removal;
mod rewrap;
mod token;
mod vault;

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

pub use codes::{Code, CodeValidity};
pub use consent::{Evidence, SlotWrapper};
pub use credential::{
    Account, AccountKey, AccountState, CredentialKind, Device, NotificationState, Platform, RequestKind,
};
pub use device_key::{DeviceKey, KeyChoice, KeySignature, Signed, ToSign};
pub use enrolment::{Conflict, Enrolment, Preview};
pub use error::PhoneError;
pub use history::Retention;
pub use http::{HttpRequest, HttpResponse};
pub use log::{EVENT_LIMIT, Event, EventKind};
pub use notification::Notification;
pub use outbox::{Delivery, Outcome, SendFailure, Waiting};
pub use pull::{PullRequest, PullToSign, Pulled, RefusedMessage};
pub use receive::{Hinted, Received};
pub use removal::{Consequence, Removal};
pub use token::{PushTokenState, PushTokenStatus};
pub use vault::{KeyEncryption, KeyError, VaultError};

pub use crate::protocol::device_key::{KeyLevel, UserPresence};
pub use crate::protocol::message::{Ask, CommunicationType, Context, Location};
pub use crate::protocol::oath::{Algorithm, CodeSettings, Moving, OneTimeCode};
pub use crate::protocol::policy::DeviceFacts;
pub use crate::protocol::proof::DenyReason;
pub use crate::protocol::uri::{ManualEntry, UnicodeHost};

use crate::ports::{Clock, Entropy, EpochMilliseconds};
use vault::Vault;

/// The phone core over one vault. Threads can share it, and several processes can open the same vault.
pub struct Phone {
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// What the shell observed last. This is not stored in the vault: after a start, accounts with policies are locked
    /// until the shell reports again.
    facts: Mutex<Option<DeviceFacts>>,
    /// Whether sign-on requests are shown without their confidential details.
    concealed: AtomicBool,
}

impl Phone {
    /// Opens the vault, or creates one if there is no file. Its folder must exist.
    ///
    /// A vault with a lost or wrong key still opens: [`accounts`](Self::accounts) and [`remove`](Self::remove) work,
    /// everything that needs a secret fails with [`VaultError::KeyLost`], and the first opening after the last account
    /// was removed gives the vault a new key. An unavailable key store, a damaged file and a file of a newer version
    /// are errors, and leave the file unchanged.
    pub fn open(
        vault_file: &Path,
        key: &dyn KeyEncryption,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, PhoneError> {
        let vault = Vault::open(vault_file, key, Arc::clone(&entropy))?;
        Ok(Self { vault, clock, entropy, facts: Mutex::new(None), concealed: AtomicBool::new(false) })
    }

    fn now(&self) -> EpochMilliseconds {
        self.clock.now()
    }
}
