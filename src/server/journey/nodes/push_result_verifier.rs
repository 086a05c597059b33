//! Push Result Verifier: what came of the push.

use crate::server::journey::callback::Answers;
use crate::server::journey::node::{Context, Next, Node};
use crate::server::store::StoreError;
use crate::server::store::pushes::{self, PushState};

/// See the module.
pub struct PushResultVerifier;

impl Node for PushResultVerifier {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["TRUE", "FALSE", "EXPIRED", "WAITING"]
    }

    fn run(&self, context: &mut Context<'_>, _answers: Option<Answers>) -> Result<Next, StoreError> {
        // Never EXPIRED, by which a journey sends again, nor what became of an earlier message.
        if context.shared.push_withheld.is_some() {
            return Ok(Next::Outcome("WAITING"));
        }
        let request = match context.shared.push_request.as_deref() {
            Some(id) => pushes::find_request(context.transaction, id)?,
            None => None,
        };
        let Some(request) = request else {
            context.shared.failure = Some("No push message was sent for this sign-on. Start again.".to_owned());
            return Ok(Next::Outcome("FALSE"));
        };
        if let Some(content) = &request.content {
            context.shared.push_content = serde_json::from_str(content).ok();
        }
        let failure = match request.state {
            PushState::Approved => {
                // When the person approved, not when the browser asked.
                context.shared.second_factor_at = Some(request.settled_at.unwrap_or(context.now()));
                return Ok(Next::Outcome("TRUE"));
            }
            PushState::Pending if request.expires_at <= context.now() => {
                context.shared.failure = Some("The message on the phone was not answered in time.".to_owned());
                return Ok(Next::Outcome("EXPIRED"));
            }
            PushState::Pending => return Ok(Next::Outcome("WAITING")),
            PushState::Denied => "The sign-on was refused on the phone.",
            PushState::Failed => "A wrong number was tapped on the phone.",
            PushState::Superseded => "A newer sign-on of yours took this one's place.",
        };
        context.shared.failure = Some(failure.to_owned());
        Ok(Next::Outcome("FALSE"))
    }
}
