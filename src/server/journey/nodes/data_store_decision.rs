//! Data Store Decision: checks the password.

use crate::server::journey::callback::Answers;
use crate::server::journey::node::{Context, Next, Node};
use crate::server::journey::state::PasswordVerdict;
use crate::server::store::StoreError;

/// The Data Store Decision node.
pub struct DataStoreDecision;

impl Node for DataStoreDecision {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["true", "false"]
    }

    fn run(&self, context: &mut Context<'_>, _answers: Option<Answers>) -> Result<Next, StoreError> {
        match context.transient.password_verdict.take() {
            None => Ok(Next::CheckPassword),
            Some(PasswordVerdict { user: Some(user), .. }) => {
                context.shared.set_user(Some(user));
                Ok(Next::Outcome("true"))
            }
            Some(PasswordVerdict { user: None, .. }) => {
                context.shared.set_user(None);
                context.shared.failure = Some("The user name or the password is wrong.".to_owned());
                Ok(Next::Outcome("false"))
            }
        }
    }
}
