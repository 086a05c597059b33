//! Platform Password and Password Collector: ask for the password and keep it for this step only.

use crate::secret::{Reason, SecretText};
use crate::server::journey::callback::{Answers, Callback};
use crate::server::journey::node::{Context, Next, Node};
use crate::server::store::StoreError;

/// The Platform Password and Password Collector nodes.
pub struct PasswordCollector;

impl Node for PasswordCollector {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["outcome"]
    }

    fn waits(&self) -> bool {
        true
    }

    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError> {
        let Some(answers) = answers else {
            return Ok(Next::Ask(vec![Callback::Password { prompt: "Password".to_owned() }]));
        };
        context.transient.password =
            answers.text(0).map(|password| SecretText::new(password.expose(Reason::HandOver).to_owned()));
        Ok(Next::Outcome("outcome"))
    }
}
