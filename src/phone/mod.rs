//! The phone core: registration codes become credentials, push messages become signed answers.
//!
//! [`Phone`] is everything an app needs from here. It is synchronous and does no network I/O: what has to be sent is
//! handed out by [`Phone::due`] and what came of it is told to [`Phone::delivered`] and [`Phone::failed`]. All that
//! lasts is in the vault, so the process may be killed at any line. This room knows neither the server half nor what
//! shows its screens.
//!
//! ```text
//! enrolment     code -> preview -> credential + registration in the outbox
//! accounts      list, rename, remove; removal says before what that means
//! codes         one-time codes
//! envelope      payload -> message id and signed message, or a hint
//! receive       push -> message taken in, or the account to ask for
//! notification  signed message -> verified -> pending
//! consent       evidence -> consent
//! device_key    what an account's own key signs: proofs of possession and of answers
//! approval      verified + consent -> answer in the outbox
//! outbox        requests out, outcomes in; http has their form
//! token         where pushes shall go, told to every server
//! pull          ask a server for what is pending
//! message_id    the time that an id says
//! history       what became of earlier requests, and how long it is kept
//! log           what happened on this phone
//! rewrap        other keys of the platform
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

/// The phone core over one vault. May be shared between threads; several processes may open the same vault.
pub struct Phone {
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// What the shell observed last. Not kept in the vault: after a start, accounts with policies are locked until the
    /// shell has looked again.
    facts: Mutex<Option<DeviceFacts>>,
    /// Whether sign-on requests are shown without what only the person may see.
    concealed: AtomicBool,
}

impl Phone {
    /// Opens the vault, or makes a new one where there is no file (its folder must be there).
    ///
    /// With a lost or wrong key the vault opens all the same: [`accounts`](Self::accounts) and
    /// [`remove`](Self::remove) work, whatever needs a secret ends with [`VaultError::KeyLost`], and once the last
    /// account is removed the next opening gives the vault a new key. A key store that is not available now is an
    /// error, a damaged file or one of a newer version is an error too, and the file stays as it is.
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
