//! What a sign-on remembers between two steps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ports::EpochMilliseconds;
use crate::secret::SecretText;
use crate::server::push::Withheld;

/// State kept from step to step, sealed: in the store, or inside the `authId` until the password has been verified.
#[derive(Clone, Serialize, Deserialize)]
pub struct State {
    /// ID of the sign-on: 16 random bytes in URL-safe base64.
    pub id: String,
    /// Realm, such as `alpha`.
    pub realm: String,
    /// Name of the journey.
    pub journey: String,
    /// The node whose answers are pending.
    pub node: String,
    /// Types of the callbacks that it sent.
    pub asked: Vec<String>,
    /// When the sign-on began.
    pub started_at: EpochMilliseconds,
    /// State shared by the nodes.
    pub shared: Shared,
}

/// AM's shared state, through which nodes pass values to each other.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Shared {
    /// User name, as entered.
    pub user_name: Option<String>,
    /// The user whose password was verified, spelled as in the store.
    pub user: Option<String>,
    /// When that user was added. Another user may get the same name later.
    #[serde(default)]
    pub user_added_at: Option<EpochMilliseconds>,
    /// When the sign-on became that user's.
    #[serde(default)]
    pub user_since: Option<EpochMilliseconds>,
    /// ID of the sign-on request whose answer is awaited.
    pub push_request: Option<String>,
    /// The challenge number to show while waiting.
    pub push_number: Option<String>,
    /// Why the last push message was not sent, if it was not.
    #[serde(default)]
    pub push_withheld: Option<Withheld>,
    /// Whether the user has seen that this reason no longer applies.
    #[serde(default)]
    pub push_withheld_over: bool,
    /// Additional content of the phone's answer.
    #[serde(default)]
    pub push_content: Option<serde_json::Value>,
    /// Number of push messages sent in this sign-on.
    pub messages_sent: u32,
    /// When the waiting node began to wait.
    pub waiting_since: Option<EpochMilliseconds>,
    /// The registration on offer.
    pub registration: Option<OfferedRegistration>,
    /// Passes through retry nodes that count per sign-on.
    pub retries: BTreeMap<String, u32>,
    /// What the server knows about the browser.
    pub browser: Browser,
    /// Location as reported by the browser: latitude and longitude in degrees.
    #[serde(default)]
    pub location: Option<(f64, f64)>,
    /// When a push was approved or a recovery code was accepted.
    #[serde(default)]
    pub second_factor_at: Option<EpochMilliseconds>,
    /// Whether the second factor was a recovery code, which may mean that the phone is lost.
    #[serde(default)]
    pub recovery_code_used: bool,
    /// The session that this run belongs to, if a signed-in user started it; `None` in a sign-on.
    #[serde(default)]
    pub in_session: Option<InSession>,
    /// Whether the sign-on registered a phone or made recovery codes. If so, its success ends the user's other
    /// sessions.
    #[serde(default)]
    pub factor_changed: bool,
    /// Why the sign-on is about to fail, as a text for the user.
    pub failure: Option<String>,
}

impl Shared {
    /// Returns whether this runs within a session, for this purpose.
    pub fn is_for(&self, purpose: Purpose) -> bool {
        self.in_session.as_ref().is_some_and(|session| session.purpose == purpose)
    }
}

/// A run of a journey within a session, starting at one of its nodes.
#[derive(Clone, Serialize, Deserialize)]
pub struct InSession {
    /// Purpose of the run.
    pub purpose: Purpose,
    /// SHA-256 of the session token. The run ends with the session.
    pub session: Vec<u8>,
    /// User of the session.
    pub user: String,
}

/// Purpose of a run within a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// Pass a second factor again.
    StepUp,
    /// Add a phone.
    AddDevice,
}

impl Shared {
    /// Sets the user whose password was verified. Discards what a different user proved before.
    pub fn set_user(&mut self, user: Option<String>) {
        if self.user != user {
            self.second_factor_at = None;
            self.recovery_code_used = false;
            self.push_request = None;
            self.push_withheld = None;
            self.registration = None;
            self.user_added_at = None;
            self.user_since = None;
        }
        self.user = user;
    }
}

/// A registration offered in a QR code.
#[derive(Clone, Serialize, Deserialize)]
pub struct OfferedRegistration {
    /// Its message ID.
    pub message_id: String,
    /// When it expires.
    pub expires_at: EpochMilliseconds,
}

/// What the server knows about the browser.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Browser {
    /// IP address.
    pub address: Option<String>,
    /// User agent.
    pub user_agent: Option<String>,
    /// Platform (client hint).
    pub platform: Option<String>,
    /// Languages in order of preference, in lower case.
    pub languages: Vec<String>,
    /// The user named in this browser's signed cookie, who passed both factors in this browser before.
    #[serde(default)]
    pub known_to: Option<String>,
    /// The ID in that cookie.
    #[serde(default)]
    pub known_browser: Option<String>,
}

/// Result of checking a password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PasswordVerdict {
    /// The user, spelled as in the store, if the password is right and the account is not locked.
    pub user: Option<String>,
    /// Whether the password is right but the account is locked.
    pub locked: bool,
}

/// State that lives for one step only and is never stored.
#[derive(Default)]
pub struct Transient {
    /// Password as typed.
    pub password: Option<SecretText>,
    /// Result of checking it; `None` until it has been checked.
    pub password_verdict: Option<PasswordVerdict>,
    /// Recovery codes made in this step.
    pub recovery_codes: Vec<SecretText>,
}
