//! Platform Username and Username Collector: ask for the user name.

use crate::protocol::text;
use crate::secret::Reason;
use crate::server::journey::callback::{Answers, Callback};
use crate::server::journey::node::{Context, Next, Node};
use crate::server::store::StoreError;

/// The Platform Username and Username Collector nodes.
pub struct UsernameCollector;

impl Node for UsernameCollector {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["outcome"]
    }

    fn waits(&self) -> bool {
        true
    }

    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError> {
        let Some(answers) = answers else {
            return Ok(Next::Ask(vec![Callback::Name { prompt: "User Name".to_owned() }]));
        };
        context.shared.user_name = answers
            .text(0)
            .map(|name| text::clean(name.expose(Reason::HandOver), text::NAME_LIMIT))
            .filter(|name| !name.is_empty());
        Ok(Next::Outcome("outcome"))
    }
}
