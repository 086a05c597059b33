//! Retry Limit Decision: allows a number of further attempts, then no more.
//!
//! The count is stored with the user only after the user's password was verified in this sign-on. Before that, any name
//! is counted in the state of the sign-on, whether the user exists or not. Therefore the count does not reveal which
//! users exist, and knowing a name is not enough to have something stored.

use serde::Deserialize;

use crate::server::journey::callback::Answers;
use crate::server::journey::node::{Context, Next, Node};
use crate::server::store::{StoreError, users};

/// The Retry Limit Decision node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryLimit {
    #[serde(default = "default_limit")]
    retry_limit: u32,
    #[serde(default = "default_true")]
    increment_user_attribute_on_failure: bool,
}

fn default_limit() -> u32 {
    3
}

fn default_true() -> bool {
    true
}

impl Node for RetryLimit {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["Retry", "Reject"]
    }

    fn counts_with_user(&self) -> bool {
        self.increment_user_attribute_on_failure
    }

    fn run(&self, context: &mut Context<'_>, _answers: Option<Answers>) -> Result<Next, StoreError> {
        let node = context.node_id;
        let in_sign_on = context.shared.retries.get(node).copied().unwrap_or(0);
        let user = context.shared.user.as_deref().filter(|_| self.increment_user_attribute_on_failure);
        let saved = match user {
            Some(user) => users::retries(context.transaction, user, node)?,
            None => 0,
        };
        if saved.saturating_add(in_sign_on) < self.retry_limit {
            match user {
                Some(user) => users::set_retries(context.transaction, user, node, saved + 1)?,
                None => {
                    context.shared.retries.insert(node.to_owned(), in_sign_on + 1);
                }
            }
            return Ok(Next::Outcome("Retry"));
        }
        context.shared.failure = Some("Too many attempts failed. Sign-on was refused.".to_owned());
        Ok(Next::Outcome("Reject"))
    }
}
