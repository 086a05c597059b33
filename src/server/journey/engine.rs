//! The engine: runs one step of a journey, as a function of its state and the posted answers.

use super::callback::{Answers, Callback, type_name};
use super::node::{Context, Next, PageTexts, Readiness, StepContext};
use super::state::{State, Transient};
use super::tree::{Journey, Target};
use crate::ports::EpochMilliseconds;
use crate::server::push::{Effect, settle_unconfirmed};
use crate::server::store::{StoreError, pushes, registrations, users};

/// Most nodes that one step runs. A step that needs more is caught in a cycle.
const NODE_LIMIT: usize = 50;

/// Result of a step.
pub enum Progress {
    /// The journey asks; its state has moved on.
    Asked(Vec<Callback>, PageTexts),
    /// The journey asks the same as before; nothing has changed.
    AskedAgain(Vec<Callback>, PageTexts),
    /// The typed password must be checked first; nothing has changed.
    CheckPassword,
    /// Signed in.
    Success {
        /// The user.
        user: String,
        /// When the sign-on passed a second factor, if it did.
        second_factor_at: Option<EpochMilliseconds>,
    },
    /// Rejected.
    Failure {
        /// The reason, as a text for the user.
        message: String,
    },
}

/// Runs the journey from its current node until it asks something or ends.
pub fn step(
    journey: &Journey,
    state: &mut State,
    mut answers: Option<Answers>,
    transient: &mut Transient,
    step_context: &StepContext<'_>,
    effects: &mut Vec<Effect>,
) -> Result<Progress, StoreError> {
    for _ in 0..NODE_LIMIT {
        let Some((placed, node)) =
            journey.nodes.get(&state.node).and_then(|placed| Some((placed, placed.node.as_deref()?)))
        else {
            return end(journey, state, step_context, false, "The sign-on cannot go on. Start again.");
        };
        let node_id = state.node.clone();
        let mut context = Context {
            step_context,
            node_id: &node_id,
            shared: &mut state.shared,
            transient,
            issuer: &journey.issuer,
            effects,
        };
        let outcome = match node.run(&mut context, answers.take())? {
            Next::Ask(callbacks) => {
                state.asked = callbacks.iter().map(|callback| type_name(callback).to_owned()).collect();
                return Ok(Progress::Asked(callbacks, node.page_texts(&state.shared.browser.languages)));
            }
            Next::AskAgain(callbacks) => {
                return Ok(Progress::AskedAgain(callbacks, node.page_texts(&state.shared.browser.languages)));
            }
            Next::CheckPassword => return Ok(Progress::CheckPassword),
            Next::Fail(message) => return end(journey, state, step_context, false, &message),
            Next::Outcome(outcome) => outcome,
        };
        match placed.connections.get(outcome) {
            Some(Target::Node(next)) => state.node.clone_from(next),
            Some(Target::Success) => return end(journey, state, step_context, true, ""),
            Some(Target::Failure) => {
                let message = state.shared.failure.take().unwrap_or_else(|| "Sign-on failed.".to_owned());
                return end(journey, state, step_context, false, &message);
            }
            None => {
                tracing::warn!(journey = journey.name, node = placed.display_name, outcome, "outcome is not connected");
                let message = state.shared.failure.take().unwrap_or_else(|| "Sign-on failed.".to_owned());
                return end(journey, state, step_context, false, &message);
            }
        }
    }
    tracing::error!(journey = journey.name, "the journey runs in a circle");
    end(journey, state, step_context, false, "The sign-on cannot go on. Start again.")
}

/// Ends the sign-on as a failure, at whichever node it is.
pub fn give_up(
    journey: &Journey,
    state: &State,
    step_context: &StepContext<'_>,
    message: &str,
) -> Result<Progress, StoreError> {
    end(journey, state, step_context, false, message)
}

/// Returns when a waiting step has something new.
pub fn readiness(
    journey: &Journey,
    state: &mut State,
    step_context: &StepContext<'_>,
) -> Result<Readiness, StoreError> {
    let Some(node) = journey.nodes.get(&state.node).and_then(|placed| placed.node.as_deref()) else {
        return Ok(Readiness::Now);
    };
    let node_id = state.node.clone();
    let mut context = Context {
        step_context,
        node_id: &node_id,
        shared: &mut state.shared,
        transient: &mut Transient::default(),
        issuer: &journey.issuer,
        effects: &mut Vec::new(),
    };
    node.readiness(&mut context)
}

/// Ends the sign-on and withdraws every unused registration and push message.
fn end(
    journey: &Journey,
    state: &State,
    step_context: &StepContext<'_>,
    success: bool,
    message: &str,
) -> Result<Progress, StoreError> {
    let StepContext { transaction, journey_id, .. } = step_context;
    if state.shared.user.is_some() {
        registrations::withdraw(transaction, journey_id)?;
        pushes::withdraw(transaction, journey_id)?;
    }
    let locked = match &state.shared.user {
        // The account may have been locked during the sign-on, possibly by the journey itself.
        Some(user) => users::find(transaction, user)?.is_none_or(|user| user.locked_at.is_some()),
        None => false,
    };
    if state.shared.user.is_some() {
        settle_unconfirmed(transaction, journey_id, success && !locked, step_context.request_context)?;
    }
    match (success, &state.shared.user) {
        (true, Some(_)) if locked => {
            Ok(Progress::Failure { message: "This account is locked. Ask whoever runs this service.".to_owned() })
        }
        (true, Some(user)) => {
            let counting: Vec<&str> = journey
                .nodes
                .iter()
                .filter(|(_, placed)| placed.node.as_ref().is_some_and(|node| node.counts_with_user()))
                .map(|(id, _)| id.as_str())
                .collect();
            users::clear_retries(transaction, user, &counting)?;
            Ok(Progress::Success { user: user.clone(), second_factor_at: state.shared.second_factor_at })
        }
        (true, None) => {
            tracing::error!(journey = journey.name, "the journey reached success without a user");
            Ok(Progress::Failure { message: "Sign-on failed.".to_owned() })
        }
        (false, _) => Ok(Progress::Failure { message: message.to_owned() }),
    }
}
