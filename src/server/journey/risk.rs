//! Risk rules of a Push Sender: what makes a sign-on suspicious, and what the user must do then (docs/nodes.md, "Push
//! Sender").
//!
//! Rules only add requirements. What they know about a user's earlier sign-ons comes from sign-ons that succeeded with
//! a second factor, and only in journeys with such rules. It is stored as tags, without addresses or user agents.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use super::node::Context;
use super::state::Browser;
use crate::ports::EpochMilliseconds;
use crate::server::keys::Keys;
use crate::server::push::Kind;
use crate::server::store::known_origins::{self, Familiar};
use crate::server::store::{StoreError, Transaction, pushes};

/// A minute, in milliseconds.
const MINUTE: i64 = 60_000;
/// A day, in milliseconds.
const DAY: i64 = 24 * 60 * MINUTE;
/// Most rules of one node.
const MOST_RULES: usize = 16;
/// Leading bits of an IPv4 and an IPv6 address that identify its network: one household, office or carrier region.
const NETWORK_BITS: (u8, u8) = (24, 48);

/// The risk rules of a node.
#[derive(Debug, Clone, Default)]
pub struct RiskRules(Vec<Rule>);

#[derive(Debug, Clone, Copy)]
struct Rule {
    when: When,
    force: Force,
}

#[derive(Debug, Clone, Copy)]
enum When {
    NewAddress { days: i64 },
    NewAgent { days: i64 },
    DeniedLately { minutes: i64 },
    ManyPushes { count: u32, minutes: i64 },
}

/// What a rule requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Force {
    /// Tapping the number that the browser shows.
    Challenge,
    /// A signature with a device key that requires a biometric.
    Biometric,
}

/// A rule as written in a journey.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Setting {
    when: Condition,
    force: Force,
    days: Option<i64>,
    minutes: Option<i64>,
    count: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Condition {
    NewAddress,
    NewAgent,
    DeniedLately,
    ManyPushes,
}

impl<'de> Deserialize<'de> for RiskRules {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let named = |problem: String| serde::de::Error::custom(format!("riskRules: {problem}"));
        let settings = Vec::<Setting>::deserialize(deserializer).map_err(|error| named(error.to_string()))?;
        if settings.len() > MOST_RULES {
            return Err(named(format!("at most {MOST_RULES} rules may be there, and there are {}", settings.len())));
        }
        settings.into_iter().map(Rule::try_from).collect::<Result<_, _>>().map(Self).map_err(named)
    }
}

impl TryFrom<Setting> for Rule {
    type Error = String;

    fn try_from(setting: Setting) -> Result<Self, String> {
        let days = setting.days.filter(|days| (1..=365).contains(days));
        // Sent messages are stored for one day.
        let minutes = setting.minutes.filter(|minutes| (1..=1440).contains(minutes));
        let count = setting.count.filter(|count| (1..=1000).contains(count));
        let given = (setting.days.is_some(), setting.minutes.is_some(), setting.count.is_some());
        let (when, needs) = match setting.when {
            Condition::NewAddress => (days.map(|days| When::NewAddress { days }), (true, false, false)),
            Condition::NewAgent => (days.map(|days| When::NewAgent { days }), (true, false, false)),
            Condition::DeniedLately => (minutes.map(|minutes| When::DeniedLately { minutes }), (false, true, false)),
            Condition::ManyPushes => {
                (count.zip(minutes).map(|(count, minutes)| When::ManyPushes { count, minutes }), (false, true, true))
            }
        };
        match when {
            Some(when) if given == needs => Ok(Self { when, force: setting.force }),
            _ => Err("a rule needs days (1 to 365) with newAddress and newAgent, minutes (1 to 1440) with \
                      deniedLately, minutes and count (1 to 1000) with manyPushes, and nothing else"
                .to_owned()),
        }
    }
}

/// What the rules found about a sign-on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// Names of the conditions that hold, for the audit log.
    pub names: Vec<&'static str>,
    /// Whether the number is required.
    pub number: bool,
    /// Whether a key that requires a biometric is required.
    pub biometric_key: bool,
}

impl Finding {
    /// Returns the push type to send instead of the configured one, and whether to send it only to phones with a key
    /// that requires a biometric.
    ///
    /// The result is never weaker than without the finding: if a number replaces a biometric, the key must require the
    /// biometric.
    pub fn applied_to(&self, configured: Kind) -> (Kind, bool) {
        let number = self.number || configured == Kind::Challenge;
        let biometric_key = self.biometric_key || (self.number && configured == Kind::Biometric);
        let kind = match configured {
            _ if number => Kind::Challenge,
            Kind::Default if biometric_key => Kind::Biometric,
            configured => configured,
        };
        (kind, biometric_key)
    }
}

impl RiskRules {
    /// Returns whether any rule requires this.
    pub fn force(&self, force: Force) -> bool {
        self.0.iter().any(|rule| rule.force == force)
    }

    /// Returns for how many days back the rules use a user's earlier sign-ons; 0 if they do not.
    pub fn familiar_days(&self) -> i64 {
        let days = self.0.iter().map(|rule| match rule.when {
            When::NewAddress { days } | When::NewAgent { days } => days,
            When::DeniedLately { .. } | When::ManyPushes { .. } => 0,
        });
        days.max().unwrap_or(0)
    }

    /// Evaluates the rules for a sign-on that is about to send a push message to this user.
    pub fn judge(&self, context: &Context<'_>, user: &str) -> Result<Finding, StoreError> {
        let mut finding = Finding::default();
        for rule in &self.0 {
            if !rule.holds(context, user)? {
                continue;
            }
            match rule.force {
                Force::Challenge => finding.number = true,
                Force::Biometric => finding.biometric_key = true,
            }
            if !finding.names.contains(&rule.when.name()) {
                finding.names.push(rule.when.name());
            }
        }
        Ok(finding)
    }
}

impl When {
    fn name(self) -> &'static str {
        match self {
            Self::NewAddress { .. } => "new-address",
            Self::NewAgent { .. } => "new-agent",
            Self::DeniedLately { .. } => "denied-lately",
            Self::ManyPushes { .. } => "many-pushes",
        }
    }
}

impl Rule {
    fn holds(&self, context: &Context<'_>, user: &str) -> Result<bool, StoreError> {
        let (transaction, now) = (context.transaction, context.now());
        let is_new = |kind, days: i64| -> Result<bool, StoreError> {
            let tag = tag(&context.request_context.keys, user, kind, &context.shared.browser);
            Ok(!known_origins::is_known(transaction, user, kind, &tag, now - days * DAY)?)
        };
        match self.when {
            When::NewAddress { days } => is_new(Familiar::Network, days),
            When::NewAgent { days } => is_new(Familiar::Agent, days),
            When::DeniedLately { minutes } => Ok(pushes::refused_since(transaction, user, now - minutes * MINUTE)? > 0),
            When::ManyPushes { count, minutes } => {
                Ok(pushes::sent_since(transaction, user, now - minutes * MINUTE)? >= count)
            }
        }
    }
}

/// Stores, as tags, the network and the user agent with which a user signed in.
pub fn learn(
    transaction: &Transaction,
    user: &str,
    browser: &Browser,
    keys: &Keys,
    now: EpochMilliseconds,
) -> Result<(), StoreError> {
    for kind in [Familiar::Network, Familiar::Agent] {
        known_origins::remember(transaction, user, kind, &tag(keys, user, kind, browser), now)?;
    }
    Ok(())
}

fn tag(keys: &Keys, user: &str, kind: Familiar, browser: &Browser) -> Vec<u8> {
    let value = match kind {
        Familiar::Network => network(browser.address.as_deref().unwrap_or_default()),
        Familiar::Agent => without_versions(browser.user_agent.as_deref().unwrap_or_default()),
    };
    keys.familiar_tag(user, kind.name(), &value)
}

/// Returns the network of an address.
fn network(address: &str) -> String {
    let Ok(address) = address.parse::<IpAddr>().map(|address| address.to_canonical()) else {
        return address.to_owned();
    };
    let bits = if address.is_ipv4() { NETWORK_BITS.0 } else { NETWORK_BITS.1 };
    IpNet::new(address, bits).map_or_else(|_| address.to_string(), |network| network.trunc().to_string())
}

/// Returns the user agent without version numbers, so that it survives a browser update.
fn without_versions(agent: &str) -> String {
    agent.chars().filter(|each| !each.is_ascii_digit() && !matches!(each, '.' | '_')).collect()
}
