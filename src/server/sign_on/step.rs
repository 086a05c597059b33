//! What goes into a step of a sign-on and what comes out of it, whoever asks: program or page.

use serde::{Deserialize, Serialize};

use super::page_details::PageDetails;
use crate::secret::SecretText;
use crate::server::journey::callback::{Answer, Callback, sealed_text};
use crate::server::journey::node::PageTexts;
use crate::server::journey::state::Purpose;
use crate::server::known_browser::KnownBrowserCookie;
use crate::server::password::Busy;
use crate::server::store::StoreError;

/// A posted step.
pub struct Posted {
    /// The step that is answered.
    pub auth_id: String,
    /// The journey that the request names, where it names one.
    pub journey: Option<String>,
    /// Kind and answer of each callback.
    pub answers: Vec<(String, Answer)>,
    /// SHA-256 of the request's body.
    pub body: Vec<u8>,
}

/// What a sign-on answers.
#[derive(Serialize, Deserialize)]
pub enum Reply {
    /// A step to answer.
    Step(StepReply),
    /// Signed on.
    Success {
        /// The session token.
        #[serde(with = "sealed_text")]
        token: SecretText,
        /// Whether the second factor was a recovery code.
        #[serde(default)]
        recovery_code_used: bool,
        /// The cookie by which the browser is known from now on, where both factors were passed.
        #[serde(default)]
        known_browser: Option<KnownBrowserCookie>,
    },
    /// What a journey within a session was for is done; the session is the same.
    Done {
        /// What it was for.
        purpose: Purpose,
    },
    /// Refused.
    Failure {
        /// Why, for the person.
        message: String,
        /// What it was for, where the journey ran within a session.
        #[serde(default)]
        purpose: Option<Purpose>,
    },
}

/// A step to answer.
#[derive(Serialize, Deserialize)]
pub struct StepReply {
    /// Names sign-on and step.
    pub auth_id: String,
    /// The journey.
    pub journey: String,
    /// What is asked.
    pub callbacks: Vec<Callback>,
    /// Header, description and stage.
    pub texts: PageTexts,
    /// What a page shows beside.
    #[serde(default)]
    pub details: PageDetails,
}

/// Why a request to a sign-on was refused; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum SignOnError {
    /// No such journey, or it does not run here.
    #[error("{0}")]
    Journey(String),
    /// The authId was not made here, or was changed.
    #[error("The authId is not valid. Start the sign-on again.")]
    BadAuthId,
    /// The authId belongs to another realm or journey.
    #[error("The authId belongs to another journey. Start the sign-on again.")]
    OtherJourney,
    /// The step is over, or its time is.
    #[error("This step of the sign-on is over. Start the sign-on again.")]
    Stale,
    /// The posted callbacks are not those that were asked.
    #[error("The posted callbacks are not those of this step.")]
    WrongCallbacks,
    /// More polls than a client that waits as told would send.
    #[error("Polled too often. Wait as long as the step says.")]
    TooManyPolls,
    /// More passwords were tried for this name, or from this address, than may be.
    #[error("Too many sign-ons were tried. Wait {minutes} minutes, then start again.")]
    TooManyAttempts {
        /// The time that the limit is for.
        minutes: i64,
    },
    /// More passwords wait to be checked than may.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<crate::ports::EntropyUnavailable> for SignOnError {
    fn from(error: crate::ports::EntropyUnavailable) -> Self {
        Self::Store(StoreError::Entropy(error))
    }
}
