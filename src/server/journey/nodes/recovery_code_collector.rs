//! Recovery Code Collector Decision: asks for a recovery code and uses it up.

use serde::Deserialize;

use super::SettingError;
use crate::secret::Reason;
use crate::server::journey::callback::{Answers, Callback};
use crate::server::journey::node::{Context, Next, Node};
use crate::server::push::Effect;
use crate::server::recovery_codes::read_typed;
use crate::server::store::{StoreError, audit, recovery};

/// The Recovery Code Collector Decision node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecoveryCodeCollector {
    #[serde(default = "default_type")]
    recovery_code_type: String,
}

fn default_type() -> String {
    "OATH".to_owned()
}

impl RecoveryCodeCollector {
    /// Checks the type of recovery codes. Only push recovery codes exist here, so with any other type the outcome could
    /// never be true.
    pub fn checked(self) -> Result<Self, SettingError> {
        if self.recovery_code_type == "PUSH" {
            Ok(self)
        } else {
            Err(SettingError::UnknownType(format!(
                "RecoveryCodeCollectorDecisionNode with recoveryCodeType {}, and only PUSH codes are made here",
                self.recovery_code_type
            )))
        }
    }
}

impl Node for RecoveryCodeCollector {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["true", "false"]
    }

    fn waits(&self) -> bool {
        true
    }

    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError> {
        let Some(answers) = answers else {
            return Ok(Next::Ask(vec![Callback::Name { prompt: "Recovery Code".to_owned() }]));
        };
        let user = context.shared.user.clone();
        if let Some(user) = &user
            && !context.rate_limits.take_recovery_code(user, context.now())
        {
            context.effects.push(Effect::Count(event(context, "too-many-attempts")));
            return Ok(Next::Fail("Too many recovery codes were tried. Wait a while, then start again.".to_owned()));
        }
        let used = match (user.as_deref(), answers.text(0)) {
            (Some(user), Some(code)) => {
                let tag = context.request_context.keys.recovery_code_tag(user, read_typed(code).expose(Reason::Hash));
                recovery::use_up(context.transaction, user, &tag)?
            }
            _ => false,
        };
        note(context, if used { "success" } else { "failure" })?;
        if used {
            if let Some(user) = &user {
                context.rate_limits.reset_recovery_codes(user);
            }
            context.shared.second_factor_at = Some(context.now());
            context.shared.recovery_code_used = true;
            return Ok(Next::Outcome("true"));
        }
        context.shared.failure = Some("The recovery code is wrong or was used already.".to_owned());
        Ok(Next::Outcome("false"))
    }
}

fn note(context: &Context<'_>, outcome: &str) -> Result<(), StoreError> {
    audit::add(context.transaction, &event(context, outcome))
}

fn event(context: &Context<'_>, outcome: &str) -> audit::Event {
    audit::Event {
        at: context.now(),
        event: "recovery-code".to_owned(),
        user: context.shared.user.clone(),
        address: context.shared.browser.address.clone(),
        device: None,
        outcome: outcome.to_owned(),
    }
}
