//! Identity Store Decision: is the password right, and may the user sign on?
//!
//! Users change no passwords here, so the outcomes about changing one are there and never taken.

use crate::server::journey::callback::Answers;
use crate::server::journey::node::{Context, Next, Node};
use crate::server::store::StoreError;

/// See the module.
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
        // Told only to who knows the password: anybody else could find out who there is.
        if verdict.locked {
            context.shared.failure = Some("This account is locked. Ask whoever runs this service.".to_owned());
            return Ok(Next::Outcome("LOCKED"));
        }
        context.shared.failure = Some("The user name or the password is wrong.".to_owned());
        Ok(Next::Outcome("FALSE"))
    }
}
