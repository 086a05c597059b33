//! Retry Limit Decision: lets a number of further attempts through, then no more.

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
        let node = context.node_id.to_owned();
        let used = if self.increment_user_attribute_on_failure {
            let name = context.shared.user.as_deref().or(context.shared.user_name.as_deref()).unwrap_or_default();
            let Some(user) = users::find(context.transaction, name)? else {
                return Ok(Next::Fail("The attempt cannot be counted, because the user is not known.".to_owned()));
            };
            let used = users::retries(context.transaction, &user.name, &node)?;
            if used < self.retry_limit {
                users::set_retries(context.transaction, &user.name, &node, used + 1)?;
            }
            used
        } else {
            let count = context.shared.retries.entry(node).or_insert(0);
            let used = *count;
            *count += 1;
            used
        };
        if used < self.retry_limit {
            return Ok(Next::Outcome("Retry"));
        }
        context.shared.failure = Some("Too many attempts failed. Sign-on was refused.".to_owned());
        Ok(Next::Outcome("Reject"))
    }
}
