//! Push Sender: sends the push message.

use serde::Deserialize;

use super::SettingError;
use crate::protocol::device_key::KeyLevel;
use crate::protocol::message::{CUSTOM_PAYLOAD_LIMIT, Context as PushContext, Location};
use crate::protocol::user_agent::{BrowserName, system_name};
use crate::server::journey::callback::{Answers, Callback};
use crate::server::journey::node::{Context, Next, Node};
use crate::server::journey::risk::{Force, RiskRules};
use crate::server::journey::state::Purpose;
use crate::server::journey::text::Localised;
use crate::server::push::{Kind, Outgoing, Sent, Withheld, WithheldReason, remove_abandoned, send};
use crate::server::store::device_keys::{KeyDemand, KeyPolicy};
use crate::server::store::fraud_reports::Origin;
use crate::server::store::{StoreError, audit, pushes};

const DEFAULT_MESSAGE: &str = "Login attempt from {{user}} at {{issuer}}";

/// The Push Sender node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushSender {
    #[serde(default = "default_timeout")]
    message_timeout: i64,
    #[serde(default)]
    user_message: Localised,
    #[serde(default)]
    mandatory: bool,
    #[serde(default)]
    context_info: bool,
    #[serde(default)]
    custom_payload: Vec<String>,
    #[serde(default)]
    push_type: PushType,
    #[serde(default)]
    capture_failure: bool,
    #[serde(default)]
    device_key: KeyDemand,
    #[serde(default)]
    minimum_key_level: Option<KeyLevel>,
    #[serde(default)]
    risk_rules: RiskRules,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
enum PushType {
    #[default]
    Default,
    Challenge,
    Biometric,
}

impl PushType {
    fn kind(self) -> Kind {
        match self {
            Self::Default => Kind::Default,
            Self::Challenge => Kind::Challenge,
            Self::Biometric => Kind::Biometric,
        }
    }
}

fn default_timeout() -> i64 {
    120_000
}

impl PushSender {
    /// Checks what deserialization cannot.
    pub fn checked(self) -> Result<Self, SettingError> {
        self.key_policy().check().map_err(|problem| SettingError::Setting(problem.to_owned()))?;
        self.check_rules()?;
        if (1000..=3_600_000).contains(&self.message_timeout) {
            Ok(self)
        } else {
            Err(SettingError::Setting("messageTimeout is in milliseconds, from 1000 to 3600000".to_owned()))
        }
    }

    /// Rejects rules that require no more than every message does, because they would only look like protection.
    fn check_rules(&self) -> Result<(), SettingError> {
        let without_effect = |force, when| {
            Err(SettingError::Setting(format!("a rule of riskRules that forces {force} has no effect while {when}")))
        };
        if self.push_type == PushType::Challenge && self.risk_rules.force(Force::Challenge) {
            return without_effect("CHALLENGE", "pushType is CHALLENGE");
        }
        let asks_for_key = self.push_type == PushType::Biometric && self.device_key == KeyDemand::Required;
        if asks_for_key && self.risk_rules.force(Force::Biometric) {
            return without_effect("BIOMETRIC", "pushType is BIOMETRIC and deviceKey required");
        }
        Ok(())
    }

    /// Leaves after a message was not sent. If the journey does not capture the failure, the wait step shows the
    /// reason, and its exit leads to another factor. Earlier messages no longer count.
    fn withhold(&self, context: &mut Context<'_>, withheld: Withheld) -> Result<Next, StoreError> {
        tracing::warn!(reason = withheld.reason.name(), "push not sent");
        if self.capture_failure {
            return Ok(Next::Outcome("FAILURE"));
        }
        pushes::withdraw(context.transaction, context.journey_id)?;
        context.shared.push_request = None;
        context.shared.push_number = None;
        context.shared.push_withheld = Some(withheld);
        context.shared.push_withheld_over = false;
        Ok(Next::Outcome("SENT"))
    }

    fn key_policy(&self) -> KeyPolicy {
        KeyPolicy { demand: self.device_key, minimum: self.minimum_key_level }
    }

    fn failed(&self, reason: &str) -> Next {
        tracing::warn!(reason, "push not sent");
        if self.capture_failure { Next::Outcome("FAILURE") } else { Next::Fail(reason.to_owned()) }
    }

    /// Returns the operator's custom data: the configured members of the shared state, as one JSON object.
    fn payload(&self, context: &Context<'_>) -> Result<Option<String>, ()> {
        if self.custom_payload.is_empty() {
            return Ok(None);
        }
        let shared = serde_json::json!({
            "username": context.shared.user_name,
            "user": context.shared.user,
            "pushContent": context.shared.push_content,
        });
        let chosen: serde_json::Map<String, serde_json::Value> = self
            .custom_payload
            .iter()
            .filter_map(|key| shared.get(key).map(|value| (key.clone(), value.clone())))
            .collect();
        let text = serde_json::Value::Object(chosen).to_string();
        if text.len() > CUSTOM_PAYLOAD_LIMIT { Err(()) } else { Ok(Some(text)) }
    }
}

/// Adds the result of sending to the audit log.
fn note(context: &Context<'_>, user: String, outcome: &str) -> Result<(), StoreError> {
    let event = audit::Event {
        at: context.now(),
        event: "push-sent".to_owned(),
        user: Some(user),
        address: context.shared.browser.address.clone(),
        device: None,
        outcome: outcome.to_owned(),
    };
    audit::add(context.transaction, &event)
}

impl Node for PushSender {
    fn familiar_days(&self) -> i64 {
        self.risk_rules.familiar_days()
    }

    fn outcomes(&self) -> Vec<&'static str> {
        let mut outcomes = vec!["SENT", "NOT_REGISTERED"];
        if !self.mandatory {
            outcomes.push("SKIPPED");
        }
        if self.capture_failure {
            outcomes.push("FAILURE");
        }
        outcomes
    }

    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError> {
        let Some(user) = context.shared.user.clone() else {
            return Ok(self.failed("Nobody is signed on yet, so no push can be sent."));
        };
        remove_abandoned(context.transaction, Some(&user), context.request_context)?;
        if crate::server::store::devices::of_user(context.transaction, &user)?.is_empty() {
            return Ok(Next::Outcome("NOT_REGISTERED"));
        }
        if !self.mandatory {
            match answers {
                None => {
                    return Ok(Next::Ask(vec![Callback::Confirmation {
                        options: vec!["Send".to_owned(), "Skip".to_owned()],
                    }]));
                }
                Some(answers) if answers.choice(0) == Some(1) => return Ok(Next::Outcome("SKIPPED")),
                Some(_) => {}
            }
        }
        if context.shared.messages_sent >= context.message_limit {
            return Ok(Next::Fail("Too many messages were sent for this sign-on. Start again.".to_owned()));
        }
        let Ok(custom_payload) = self.payload(context) else {
            return Ok(self.failed("The additional data of the push message is too large."));
        };
        let message = context
            .choose(&self.user_message, DEFAULT_MESSAGE)
            .replace("{{user}}", &user)
            .replace("{{issuer}}", context.issuer);
        let finding = self.risk_rules.judge(context, &user)?;
        let (kind, biometric_key) = finding.applied_to(self.push_type.kind());
        let explained = |outcome: &str| [&[outcome], finding.names.as_slice()].concat().join(" ");
        let browser = &context.shared.browser;
        let platform = browser.platform.as_deref();
        let outgoing = Outgoing {
            user: &user,
            journey: context.journey_id,
            kind,
            message,
            context: self.context_info.then(|| PushContext {
                location: context.shared.location.map(|(latitude, longitude)| Location { latitude, longitude }),
                // Never the raw user agent, so that phones need not treat it as free text.
                user_agent: browser
                    .user_agent
                    .as_deref()
                    .map(|agent| BrowserName::derive(Some(agent), platform).to_string()),
                platform: platform.and_then(system_name).map(str::to_owned),
                remote_ip: browser.address.clone(),
            }),
            custom_payload,
            time_to_live: self.message_timeout,
            only_to_added: context.shared.is_for(Purpose::AddDevice),
            from_known_browser: browser.known_to.as_deref() == Some(user.as_str()),
            origin: Origin { address: browser.address.clone(), user_agent: browser.user_agent.clone() },
            key_policy: self.key_policy(),
            biometric_key,
        };
        match send(context.transaction, &outgoing, context.budget, context.request_context)? {
            Sent::NoDevice => Ok(Next::Outcome("NOT_REGISTERED")),
            Sent::Withheld(withheld) => {
                let name = withheld.reason.name();
                let is_by_rule = withheld.reason == WithheldReason::NoKey;
                note(context, user, &if is_by_rule { explained(name) } else { name.to_owned() })?;
                self.withhold(context, withheld)
            }
            Sent::Sent(request, effects) => {
                if !finding.names.is_empty() {
                    let asked = match (kind, biometric_key) {
                        (Kind::Challenge, true) => "challenge+biometric-key",
                        (Kind::Challenge, false) => "challenge",
                        (Kind::Default | Kind::Biometric, _) => "biometric-key",
                    };
                    note(context, user, &explained(asked))?;
                }
                context.effects.extend(effects);
                context.shared.messages_sent += 1;
                context.shared.push_withheld = None;
                context.shared.push_number = request.number;
                context.shared.push_request = Some(request.id);
                Ok(Next::Outcome("SENT"))
            }
        }
    }
}
