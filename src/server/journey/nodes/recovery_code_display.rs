//! Recovery Code Display: shows newly made recovery codes, once.

use crate::server::journey::callback::{Answers, Callback};
use crate::server::journey::node::{Context, Next, Node};
use crate::server::store::StoreError;

/// The Recovery Code Display node.
pub struct RecoveryCodeDisplay;

impl Node for RecoveryCodeDisplay {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["outcome"]
    }

    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError> {
        let codes = std::mem::take(&mut context.transient.recovery_codes);
        if answers.is_some() || codes.is_empty() {
            return Ok(Next::Outcome("outcome"));
        }
        Ok(Next::Ask(vec![Callback::RecoveryCodes(codes)]))
    }
}
