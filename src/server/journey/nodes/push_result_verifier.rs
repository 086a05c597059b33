//! Push Result Verifier: evaluates the answer to the push message.

use crate::server::journey::callback::Answers;
use crate::server::journey::node::{Context, Next, Node};
use crate::server::store::StoreError;
use crate::server::store::pushes::{self, PushState};

/// The Push Result Verifier node.
pub struct PushResultVerifier;

impl Node for PushResultVerifier {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["TRUE", "FALSE", "EXPIRED", "WAITING"]
    }

    fn run(&self, context: &mut Context<'_>, _answers: Option<Answers>) -> Result<Next, StoreError> {
        // Not EXPIRED, which would make a journey send again, and not the result of an earlier message.
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
                // The time of the approval, not the time at which the browser polled.
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
