//! Identity Store Decision: checks the password and whether the user may sign in.
//!
//! Users cannot change passwords here, so the outcomes for a password change exist but are never taken.

use crate::server::journey::callback::Answers;
use crate::server::journey::node::{Context, Next, Node};
use crate::server::store::StoreError;

/// The Identity Store Decision node.
pub struct IdentityStoreDecision;

impl Node for IdentityStoreDecision {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["TRUE", "FALSE", "LOCKED", "CANCELLED", "EXPIRED"]
    }

    fn run(&self, context: &mut Context<'_>, _answers: Option<Answers>) -> Result<Next, StoreError> {
        let Some(verdict) = context.transient.password_verdict.take() else { return Ok(Next::CheckPassword) };
        context.shared.set_user(verdict.user);
        if context.shared.user.is_some() {
            return Ok(Next::Outcome("TRUE"));
        }
        // Say so only after the right password. Otherwise anyone could find out which users exist.
        if verdict.locked {
            context.shared.failure = Some("This account is locked. Ask whoever runs this service.".to_owned());
            return Ok(Next::Outcome("LOCKED"));
        }
        context.shared.failure = Some("The user name or the password is wrong.".to_owned());
        Ok(Next::Outcome("FALSE"))
    }
}
