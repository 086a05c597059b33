//! What a node is: it looks at the state and the input, and says what happens next, as data.

use std::ops::Deref;

use super::callback::{Answers, Callback};
use super::state::{Shared, Transient};
use crate::ports::EpochMilliseconds;
use crate::server::push::{Budget, Effect, RequestContext};
use crate::server::rate_limit::RateLimits;
use crate::server::store::device_keys::KeyPolicy;
use crate::server::store::{StoreError, Transaction};
use url::Url;

/// What surrounds a step, the same for all its nodes.
pub struct StepContext<'a> {
    /// The open transaction.
    pub transaction: &'a Transaction,
    /// Keys, entropy and the hour.
    pub request_context: &'a RequestContext,
    /// The id of the sign-on.
    pub journey_id: &'a [u8],
    /// The phones' endpoint without `_action`.
    pub phones_endpoint: &'a Url,
    /// Most messages that one journey sends.
    pub message_limit: u32,
    /// Most messages that one user gets.
    pub budget: Budget,
    /// How often somebody may guess.
    pub rate_limits: &'a RateLimits,
    /// Whether who has no phone yet may register one with the password alone.
    pub self_registration: bool,
}

/// What a node may use.
pub struct Context<'a> {
    /// What surrounds the step.
    pub step_context: &'a StepContext<'a>,
    /// The id of the node itself.
    pub node_id: &'a str,
    /// Shared state.
    pub shared: &'a mut Shared,
    /// Transient state.
    pub transient: &'a mut Transient,
    /// Issuer named by the journey's registration node, for texts.
    pub issuer: &'a str,
    /// What is to happen after the commit.
    pub effects: &'a mut Vec<Effect>,
}

impl<'a> Deref for Context<'a> {
    type Target = StepContext<'a>;

    fn deref(&self) -> &StepContext<'a> {
        self.step_context
    }
}

impl Context<'_> {
    /// The hour, epoch milliseconds.
    pub fn now(&self) -> EpochMilliseconds {
        self.request_context.now
    }

    /// The text for the browser's languages.
    pub fn choose<'t>(&self, text: &'t super::text::Localised, default: &'t str) -> &'t str {
        text.choose(&self.shared.browser.languages, default)
    }
}

/// What happens next.
pub enum Next {
    /// Ask this and wait for the answers.
    Ask(Vec<Callback>),
    /// Nothing has changed yet: ask the same again, and keep the step as it is.
    AskAgain(Vec<Callback>),
    /// Leave by this outcome.
    Outcome(&'static str),
    /// The typed password has to be checked first; the node is then run again.
    CheckPassword,
    /// End the journey as a failure, with this text for the person.
    Fail(String),
}

/// When a waiting step has something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Now.
    Now,
    /// At this time at the latest, earlier when woken.
    At(EpochMilliseconds),
}

/// A node of a journey, made from its settings.
pub trait Node: Send + Sync {
    /// The outcomes that it can leave by with these settings.
    fn outcomes(&self) -> Vec<&'static str>;

    /// Runs the node; `answers` are there when it asked before.
    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError>;

    /// Whether a step of this node that waits has something new.
    fn readiness(&self, _context: &mut Context<'_>) -> Result<Readiness, StoreError> {
        Ok(Readiness::Now)
    }

    /// Whether the node waits for the person or a phone, so that a cycle through it does not run without end.
    fn waits(&self) -> bool {
        false
    }

    /// Header and description of the page, where the node is one.
    fn page_texts(&self, _languages: &[String]) -> PageTexts {
        PageTexts::default()
    }

    /// The issuer that the node puts into registrations.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// What the node asks of the keys of phones that it registers.
    fn key_policy(&self) -> Option<KeyPolicy> {
        None
    }

    /// Days for which the node asks from where and with what its user signed on; 0 where it does not.
    fn familiar_days(&self) -> i64 {
        0
    }

    /// Whether the node counts retries with the user.
    fn counts_with_user(&self) -> bool {
        false
    }
}

/// Header and description of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PageTexts {
    /// Header.
    pub header: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// AM's `stage`, for sign-in pages that choose their look by it.
    pub stage: Option<String>,
}
