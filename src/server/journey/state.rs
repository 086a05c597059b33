//! What a sign-on remembers between two steps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ports::EpochMilliseconds;
use crate::secret::SecretText;
use crate::server::push::Withheld;

/// Kept from step to step, sealed: in the store, or inside the `authId` before the password is right.
#[derive(Clone, Serialize, Deserialize)]
pub struct State {
    /// The sign-on's id, 16 random bytes in url-safe base64.
    pub id: String,
    /// Realm, as in `alpha`.
    pub realm: String,
    /// Name of the journey.
    pub journey: String,
    /// The node that asks now.
    pub node: String,
    /// The kinds of the callbacks that it asks.
    pub asked: Vec<String>,
    /// When the sign-on began.
    pub started_at: EpochMilliseconds,
    /// What the nodes share.
    pub shared: Shared,
}

/// AM's shared state: what nodes leave for each other.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Shared {
    /// The name that was typed.
    pub user_name: Option<String>,
    /// The user whose password was right, spelt as in the store.
    pub user: Option<String>,
    /// When that user was added: another one may come to have the name.
    #[serde(default)]
    pub user_added_at: Option<EpochMilliseconds>,
    /// Since when the sign-on is that user's.
    #[serde(default)]
    pub user_since: Option<EpochMilliseconds>,
    /// The push request that is waited for.
    pub push_request: Option<String>,
    /// How the push is shown while waiting: the number of a challenge.
    pub push_number: Option<String>,
    /// Why nothing was sent where a push was to be, while that is the last word.
    #[serde(default)]
    pub push_withheld: Option<Withheld>,
    /// Whether the user was shown that the reason has ended.
    #[serde(default)]
    pub push_withheld_over: bool,
    /// What else the phone sent with its answer.
    #[serde(default)]
    pub push_content: Option<serde_json::Value>,
    /// How many messages this journey sent.
    pub messages_sent: u32,
    /// Since when the waiting node waits.
    pub waiting_since: Option<EpochMilliseconds>,
    /// The registration that is offered.
    pub registration: Option<OfferedRegistration>,
    /// Passes through retry nodes that count per journey.
    pub retries: BTreeMap<String, u32>,
    /// Where the browser comes from, as far as it is known.
    pub browser: Browser,
    /// Where the browser says that it is: latitude and longitude in degrees.
    #[serde(default)]
    pub location: Option<(f64, f64)>,
    /// When a push was approved or a recovery code was right.
    #[serde(default)]
    pub second_factor_at: Option<EpochMilliseconds>,
    /// Whether the second factor was a recovery code, so that the phone may be lost.
    #[serde(default)]
    pub recovery_code_used: bool,
    /// What somebody who is signed on already runs the journey for; absent in a sign-on.
    #[serde(default)]
    pub in_session: Option<InSession>,
    /// Whether the sign-on registered a phone or made recovery codes: its success ends the user's other sessions.
    #[serde(default)]
    pub factor_changed: bool,
    /// Why the journey is about to fail, for the person.
    pub failure: Option<String>,
}

impl Shared {
    /// Whether the journey runs within a session for this.
    pub fn is_for(&self, purpose: Purpose) -> bool {
        self.in_session.as_ref().is_some_and(|session| session.purpose == purpose)
    }
}

/// A journey that runs within a session, from one of its nodes on.
#[derive(Clone, Serialize, Deserialize)]
pub struct InSession {
    /// What for.
    pub purpose: Purpose,
    /// SHA-256 of the session's token. The journey ends with the session.
    pub session: Vec<u8>,
    /// The session's user.
    pub user: String,
}

/// What a journey within a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// To pass a second factor again.
    StepUp,
    /// To add a phone.
    AddDevice,
}

impl Shared {
    /// Keeps whose password was right. What somebody else proved before does not count for them.
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

/// A registration as offered in a QR code.
#[derive(Clone, Serialize, Deserialize)]
pub struct OfferedRegistration {
    /// Its message id.
    pub message_id: String,
    /// When it times out.
    pub expires_at: EpochMilliseconds,
}

/// What the server sees of the browser.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Browser {
    /// Its address.
    pub address: Option<String>,
    /// Its user agent.
    pub user_agent: Option<String>,
    /// Its platform (client hint).
    pub platform: Option<String>,
    /// Languages in order of preference, lower case.
    pub languages: Vec<String>,
    /// The user to whom a signed cookie of this browser belongs: they passed both factors in it before.
    #[serde(default)]
    pub known_to: Option<String>,
    /// The id in that cookie.
    #[serde(default)]
    pub known_browser: Option<String>,
}

/// What came of checking a password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PasswordVerdict {
    /// The user, spelt as in the store, when the password is right and the account is not locked.
    pub user: Option<String>,
    /// The password is right, and the account is locked.
    pub locked: bool,
}

/// Lives for one step only and is never stored.
#[derive(Default)]
pub struct Transient {
    /// The password that was typed.
    pub password: Option<SecretText>,
    /// What came of checking it; absent while it is not checked.
    pub password_verdict: Option<PasswordVerdict>,
    /// Recovery codes that were just made.
    pub recovery_codes: Vec<SecretText>,
}
