//! Finds members of exported journeys that are not supported here. Those with a known meaning may keep a journey from
//! running; unknown ones cause warnings.

use serde_json::{Map, Value};

/// Members of `tree` that do not affect a sign-on or are handled elsewhere.
///
/// `mustRun` makes a journey run even if there is a session, which is always the case here.
const TREE: [&str; 13] = [
    "_id",
    "_rev",
    "_type",
    "entryNodeId",
    "description",
    "enabled",
    "innerTreeOnly",
    "identityResource",
    "uiConfig",
    "staticNodes",
    "nodes",
    "mustRun",
    "categories",
];

/// Members of a node's settings that are not settings.
const OF_EVERY_NODE: [&str; 5] = ["_id", "_rev", "_type", "_outcomes", "_outcome"];

/// Findings about a set of members.
#[derive(Default)]
pub struct Findings {
    /// Why the journey does not run.
    pub reasons: Vec<String>,
    /// What does not keep it from running.
    pub warnings: Vec<String>,
}

/// Checks the members of a journey's `tree`.
pub fn look_at_tree(members: &Map<String, Value>) -> Findings {
    let mut findings = Findings::default();
    for (name, value) in members {
        match name.as_str() {
            "noSession" | "transactionalOnly" if is_off(value) => {}
            "noSession" => {
                findings.reasons.push("it asks for no session (noSession), which is not offered here".to_owned());
            }
            "transactionalOnly" => {
                let reason = "it runs only within a transaction (transactionalOnly), which is not offered here";
                findings.reasons.push(reason.to_owned());
            }
            "maximumSessionTime" | "maximumIdleTime" | "treeTimeout" if value.is_null() => {}
            "maximumSessionTime" | "maximumIdleTime" | "treeTimeout" => {
                let instead = if name == "treeTimeout" { "sign_on.maximum_minutes" } else { "the times of [session]" };
                findings.reasons.push(format!(
                    "it sets {name}, which is not offered for one journey; remove it, and set {instead} in server.toml"
                ));
            }
            known if TREE.contains(&known) => {}
            unknown => {
                findings
                    .warnings
                    .push(format!("the member {unknown:?} of its tree is not known here and has no effect"));
            }
        }
    }
    findings
}

/// Checks the settings of a node whose type is supported here.
pub fn look_at_settings(node_type: &str, settings: &Value) -> Findings {
    let mut findings = Findings::default();
    let Value::Object(members) = settings else { return findings };
    let (known, without_effect) = settings_of(node_type);
    for (name, value) in members {
        let name = name.as_str();
        if OF_EVERY_NODE.contains(&name) || known.contains(&name) {
            continue;
        }
        match name {
            "usernameAttribute" | "passwordAttribute" if without_effect.contains(&name) => {
                let usual = ["userName", "uid", "username", "password", "userPassword"];
                if !value.is_null() && !value.as_str().is_some_and(|attribute| usual.contains(&attribute)) {
                    findings
                        .reasons
                        .push(format!("{name} names another attribute, and users are known by their names only"));
                }
            }
            _ if without_effect.contains(&name) => {
                if !is_off(value) {
                    findings.warnings.push(format!("the setting {name} has no effect here"));
                }
            }
            _ => findings.warnings.push(format!("the setting {name:?} is not known here and has no effect")),
        }
    }
    findings
}

/// Returns the settings that a node type reads, and AM's settings that have no effect here.
fn settings_of(node_type: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match node_type {
        "PageNode" => (&["nodes", "pageHeader", "pageDescription", "stage"], &[]),
        "UsernameCollectorNode" | "ValidatedUsernameNode" => (&[], &["usernameAttribute", "validateInput"]),
        "PasswordCollectorNode" | "ValidatedPasswordNode" => (&[], &["passwordAttribute", "validateInput"]),
        "IdentityStoreDecisionNode" => {
            (&[], &["minimumPasswordLength", "mixedCaseForPasswordChangeMessages", "usernameAsUniversalIdentifier"])
        }
        "AccountLockoutNode" => (&["lockAction"], &[]),
        "DeviceProfileCollectorNode" => (&["deviceLocation", "deviceMetadata", "maximumSize", "message"], &[]),
        "PushAuthenticationSenderNode" => (
            &[
                "messageTimeout",
                "userMessage",
                "mandatory",
                "contextInfo",
                "customPayload",
                "pushType",
                "captureFailure",
                "deviceKey",
                "minimumKeyLevel",
                "riskRules",
            ],
            &[],
        ),
        "PushWaitNode" => (&["secondsToWait", "waitingMessage", "challengeMessage", "exitMessage"], &[]),
        "GetAuthenticatorAppNode" => (&["appleLink", "googleLink", "continueLabel", "message"], &[]),
        "PushRegistrationNode" => (
            &[
                "issuer",
                "accountName",
                "bgColor",
                "imgUrl",
                "timeout",
                "generateRecoveryCodes",
                "scanQRCodeMessage",
                "deviceKey",
                "minimumKeyLevel",
            ],
            &[],
        ),
        "RecoveryCodeCollectorDecisionNode" => (&["recoveryCodeType"], &[]),
        "RetryLimitDecisionNode" => (&["retryLimit", "incrementUserAttributeOnFailure"], &[]),
        _ => (&[], &[]),
    }
}

/// Returns whether a value switches something off.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text == "false",
        _ => false,
    }
}
