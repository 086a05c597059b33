//! Push Wait: shows the number and waits for the answer, or shows why no message was sent and until when.

use serde::Deserialize;

use super::SettingError;
use crate::ports::EpochMilliseconds;
use crate::secret::SecretText;
use crate::server::journey::callback::{Answers, Callback};
use crate::server::journey::node::{Context, Next, Node, Readiness};
use crate::server::journey::text::Localised;
use crate::server::push::Withheld;
use crate::server::store::StoreError;
use crate::server::store::pushes::{self, PushRequest, PushState};

const DEFAULT_WAITING: &str = "Waiting for response...";
const DEFAULT_CHALLENGE: &str = "Tap the number [{{challenge}}] on the Push Notification to continue.";
const DEFAULT_EXIT: &str = "Exit";
/// Name of the hidden value that holds the number.
const NUMBER: &str = "pushChallengeNumber";

/// The Push Wait node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushWait {
    #[serde(default = "default_seconds")]
    seconds_to_wait: i64,
    #[serde(default)]
    waiting_message: Localised,
    #[serde(default)]
    challenge_message: Localised,
    #[serde(default)]
    exit_message: Localised,
}

fn default_seconds() -> i64 {
    5
}

impl PushWait {
    /// Checks what deserialization cannot.
    pub fn checked(self) -> Result<Self, SettingError> {
        if (1..=3600).contains(&self.seconds_to_wait) {
            Ok(self)
        } else {
            Err(SettingError::Setting("secondsToWait is from 1 to 3600".to_owned()))
        }
    }

    fn request(context: &Context<'_>) -> Result<Option<PushRequest>, StoreError> {
        match context.shared.push_request.as_deref() {
            Some(id) => pushes::find_request(context.transaction, id),
            None => Ok(None),
        }
    }

    /// Runs the step after no message was sent: shows the reason and offers the exit. No answer can arrive.
    fn run_withheld(&self, context: &mut Context<'_>, withheld: Withheld, answers: Option<&Answers>) -> Next {
        let (now, whole) = (context.now(), self.seconds_to_wait * 1000);
        if answers.is_some_and(|answers| answers.choice(1) == Some(0)) {
            context.shared.waiting_since = None;
            return Next::Outcome("EXITED");
        }
        let is_news = withheld.is_over(now) && !context.shared.push_withheld_over;
        let waited = now - context.shared.waiting_since.unwrap_or(now);
        if answers.is_some() && (waited >= whole || is_news) {
            context.shared.waiting_since = None;
            return Next::Outcome("DONE");
        }
        let exit = context.choose(&self.exit_message, DEFAULT_EXIT).to_owned();
        let message = withheld.in_english(now, &exit);
        let ask = |wait| vec![Callback::PollingWait { wait, message }, Callback::Confirmation { options: vec![exit] }];
        if answers.is_some() {
            return Next::AskAgain(ask(whole - waited));
        }
        context.shared.waiting_since = Some(now);
        context.shared.push_withheld_over = withheld.is_over(now);
        Next::Ask(ask(whole))
    }

    fn ask(&self, context: &Context<'_>, wait: i64) -> Vec<Callback> {
        let number = context.shared.push_number.clone();
        let seconds = (wait + 999) / 1000;
        let message = match &number {
            Some(number) => context.choose(&self.challenge_message, DEFAULT_CHALLENGE).replace("{{challenge}}", number),
            None => context.choose(&self.waiting_message, DEFAULT_WAITING).to_owned(),
        };
        let message = message.replace("{{time}}", &seconds.to_string());
        let exit = context.choose(&self.exit_message, DEFAULT_EXIT).to_owned();
        number
            .map(|number| Callback::HiddenValue { id: NUMBER.to_owned(), value: SecretText::new(number) })
            .into_iter()
            .chain([Callback::PollingWait { wait, message }, Callback::Confirmation { options: vec![exit] }])
            .collect()
    }
}

impl Node for PushWait {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["DONE", "EXITED"]
    }

    fn waits(&self) -> bool {
        true
    }

    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError> {
        if let Some(withheld) = context.shared.push_withheld {
            return Ok(self.run_withheld(context, withheld, answers.as_ref()));
        }
        let pending = Self::request(context)?.filter(|request| request.state == PushState::Pending);
        let expired = pending.as_ref().is_none_or(|request| request.expires_at <= context.now());
        let confirmation = 1 + usize::from(context.shared.push_number.is_some());
        let exits = answers.as_ref().is_some_and(|answers| answers.choice(confirmation) == Some(0));
        // An answer that has arrived takes precedence over the exit. An expired message does not: a user who wants to
        // leave gets no further push.
        if exits && pending.is_some() {
            context.shared.waiting_since = None;
            pushes::withdraw(context.transaction, context.journey_id)?;
            return Ok(Next::Outcome("EXITED"));
        }
        if expired {
            context.shared.waiting_since = None;
            return Ok(Next::Outcome("DONE"));
        }
        let whole = self.seconds_to_wait * 1000;
        if answers.is_none() {
            context.shared.waiting_since = Some(context.now());
            return Ok(Next::Ask(self.ask(context, whole)));
        }
        let waited = context.now() - context.shared.waiting_since.unwrap_or(context.now());
        if waited >= whole {
            context.shared.waiting_since = None;
            return Ok(Next::Outcome("DONE"));
        }
        Ok(Next::AskAgain(self.ask(context, whole - waited)))
    }

    fn readiness(&self, context: &mut Context<'_>) -> Result<Readiness, StoreError> {
        if let Some(withheld) = context.shared.push_withheld {
            // Once the user has seen that the reason no longer applies, there is nothing new to show.
            let until = withheld.until.filter(|_| !context.shared.push_withheld_over);
            return Ok(Readiness::At(until.unwrap_or(EpochMilliseconds::MAX)));
        }
        Ok(match Self::request(context)? {
            Some(request) if request.state == PushState::Pending && request.expires_at > context.now() => {
                Readiness::At(request.expires_at)
            }
            _ => Readiness::Now,
        })
    }
}
