//! Nodes: each inspects the state and the input, and returns as data what happens next.

use std::ops::Deref;

use super::callback::{Answers, Callback};
use super::state::{Shared, Transient};
use crate::ports::EpochMilliseconds;
use crate::server::push::{Budget, Effect, RequestContext};
use crate::server::rate_limit::RateLimits;
use crate::server::store::device_keys::KeyPolicy;
use crate::server::store::{StoreError, Transaction};
use url::Url;

/// What all nodes of a step share.
pub struct StepContext<'a> {
    /// The open transaction.
    pub transaction: &'a Transaction,
    /// Keys, entropy, and the current time.
    pub request_context: &'a RequestContext,
    /// ID of the sign-on.
    pub journey_id: &'a [u8],
    /// URL of the endpoint that phones call, without `_action`.
    pub phones_endpoint: &'a Url,
    /// Most push messages that one sign-on sends.
    pub message_limit: u32,
    /// Limits on the push messages that one user gets.
    pub budget: Budget,
    /// Limits on guessing.
    pub rate_limits: &'a RateLimits,
    /// Whether a user without a phone may register one with the password alone.
    pub self_registration: bool,
}

/// What a node has access to.
pub struct Context<'a> {
    /// What all nodes of the step share.
    pub step_context: &'a StepContext<'a>,
    /// ID of this node.
    pub node_id: &'a str,
    /// Shared state.
    pub shared: &'a mut Shared,
    /// Transient state.
    pub transient: &'a mut Transient,
    /// Issuer from the journey's registration node, used in texts.
    pub issuer: &'a str,
    /// Effects to carry out after the commit.
    pub effects: &'a mut Vec<Effect>,
}

impl<'a> Deref for Context<'a> {
    type Target = StepContext<'a>;

    fn deref(&self) -> &StepContext<'a> {
        self.step_context
    }
}

impl Context<'_> {
    /// Returns the current time, in epoch milliseconds.
    pub fn now(&self) -> EpochMilliseconds {
        self.request_context.now
    }

    /// Returns the text in the language that suits the browser best.
    pub fn choose<'t>(&self, text: &'t super::text::Localised, default: &'t str) -> &'t str {
        text.choose(&self.shared.browser.languages, default)
    }
}

/// What happens next.
pub enum Next {
    /// Ask this and wait for the answers.
    Ask(Vec<Callback>),
    /// Nothing has changed: ask the same again and leave the step as it is.
    AskAgain(Vec<Callback>),
    /// Leave through this outcome.
    Outcome(&'static str),
    /// Check the typed password first, then run the node again.
    CheckPassword,
    /// End the sign-on as a failure, with this message for the user.
    Fail(String),
}

/// When a waiting step has something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Now.
    Now,
    /// At this time at the latest; earlier if woken.
    At(EpochMilliseconds),
}

/// A node of a journey, built from its settings.
pub trait Node: Send + Sync {
    /// Returns the outcomes that are possible with these settings.
    fn outcomes(&self) -> Vec<&'static str>;

    /// Runs the node. `answers` is `Some` if the node asked before.
    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError>;

    /// Returns when a waiting step of this node has something new.
    fn readiness(&self, _context: &mut Context<'_>) -> Result<Readiness, StoreError> {
        Ok(Readiness::Now)
    }

    /// Returns whether the node waits for the user or a phone, so that a cycle through it cannot run forever.
    fn waits(&self) -> bool {
        false
    }

    /// Returns the header and description, if the node is a page.
    fn page_texts(&self, _languages: &[String]) -> PageTexts {
        PageTexts::default()
    }

    /// Returns the issuer that the node puts into registrations.
    fn issuer(&self) -> Option<&str> {
        None
    }

    /// Returns what the node requires of the keys of phones that it registers.
    fn key_policy(&self) -> Option<KeyPolicy> {
        None
    }

    /// Returns for how many days back the node checks where and with which browser its user signed in; 0 if it does
    /// not.
    fn familiar_days(&self) -> i64 {
        0
    }

    /// Returns whether the node stores its retry count with the user.
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
    /// AM's `stage`, by which sign-in pages choose their look.
    pub stage: Option<String>,
}
