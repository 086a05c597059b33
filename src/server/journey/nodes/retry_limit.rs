//! Retry Limit Decision: lets a number of further attempts through, then no more.
//!
//! What is saved to the user counts once the user's password was right in this sign-on. Before that every name counts in
//! the sign-on's own state, whether it is a user's or not: nobody learns from the count who is a user, and nothing is
//! stored for somebody who knows no more than a name.

use serde::Deserialize;

use crate::server::journey::callback::Answers;
use crate::server::journey::node::{Context, Next, Node};
use crate::server::store::{StoreError, users};

/// See the module.
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
