//! The nodes, one per file. Names, settings and outcomes are AM's (docs/nodes.md). Nodes do not import each other.

mod account_lockout;
mod data_store_decision;
mod device_profile_collector;
mod get_authenticator_app;
mod identity_store_decision;
mod page;
mod password_collector;
mod push_registration;
mod push_result_verifier;
mod push_sender;
mod push_wait;
mod recovery_code_collector;
mod recovery_code_display;
mod retry_limit;
mod username_collector;

use serde_json::Value;

use super::node::Node;
use super::settings::Settings;

/// Why a node cannot be created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The node type is not supported here.
    #[error("the node type {0:?} does not run here")]
    UnknownType(String),
    /// A setting has the wrong type or value.
    #[error("{0}")]
    Setting(String),
}

/// Creates a node of this type from its exported settings, or returns everything that is wrong with them.
pub fn make(node_type: &str, settings: &Value) -> Result<Box<dyn Node>, SettingError> {
    explained(settings, &|settings| make_once(node_type, settings))
}

fn make_once(node_type: &str, settings: &Value) -> Result<Box<dyn Node>, SettingError> {
    Ok(match node_type {
        "UsernameCollectorNode" | "ValidatedUsernameNode" => Box::new(username_collector::UsernameCollector),
        "PasswordCollectorNode" | "ValidatedPasswordNode" => Box::new(password_collector::PasswordCollector),
        "DataStoreDecisionNode" => Box::new(data_store_decision::DataStoreDecision),
        "IdentityStoreDecisionNode" => Box::new(identity_store_decision::IdentityStoreDecision),
        "AccountLockoutNode" => Box::new(read::<account_lockout::AccountLockout>(settings)?),
        "DeviceProfileCollectorNode" => {
            Box::new(read::<device_profile_collector::DeviceProfileCollector>(settings)?.checked()?)
        }
        "PushAuthenticationSenderNode" => Box::new(read::<push_sender::PushSender>(settings)?.checked()?),
        "PushWaitNode" => Box::new(read::<push_wait::PushWait>(settings)?.checked()?),
        "PushResultVerifierNode" => Box::new(push_result_verifier::PushResultVerifier),
        "GetAuthenticatorAppNode" => Box::new(read::<get_authenticator_app::GetAuthenticatorApp>(settings)?.checked()?),
        "PushRegistrationNode" => Box::new(read::<push_registration::PushRegistration>(settings)?.checked()?),
        "RecoveryCodeDisplayNode" => Box::new(recovery_code_display::RecoveryCodeDisplay),
        "RecoveryCodeCollectorDecisionNode" => {
            Box::new(read::<recovery_code_collector::RecoveryCodeCollector>(settings)?.checked()?)
        }
        "RetryLimitDecisionNode" => Box::new(read::<retry_limit::RetryLimit>(settings)?),
        other => return Err(SettingError::UnknownType(other.to_owned())),
    })
}

/// Returns whether running a node of this type only asks something, so that it may be a child of a page.
pub fn may_stand_in_a_page(node_type: &str) -> bool {
    matches!(
        node_type,
        "UsernameCollectorNode"
            | "ValidatedUsernameNode"
            | "PasswordCollectorNode"
            | "ValidatedPasswordNode"
            | "GetAuthenticatorAppNode"
            | "DeviceProfileCollectorNode"
    )
}

/// Returns whether nodes of this type are supported here.
pub fn runs_here(node_type: &str) -> bool {
    node_type == "PageNode" || !matches!(make_once(node_type, &Value::Null), Err(SettingError::UnknownType(_)))
}

/// Creates a page from its settings and its children.
pub fn make_page(settings: &Value, children: Vec<Box<dyn Node>>) -> Result<Box<dyn Node>, SettingError> {
    let settings = explained(settings, &read)?;
    Ok(Box::new(page::Page::new(settings, children)?))
}

/// Builds something from settings. On failure, removes one wrong setting after another, so that the error describes all
/// of them, in words for people.
fn explained<T>(settings: &Value, make: &dyn Fn(&Value) -> Result<T, SettingError>) -> Result<T, SettingError> {
    let first = match make(settings) {
        Err(SettingError::Setting(problem)) => problem,
        other => return other,
    };
    let Value::Object(members) = settings else {
        return Err(SettingError::Setting("its settings are not an object".to_owned()));
    };
    let (mut left, mut problem, mut problems) = (members.clone(), first, Vec::new());
    loop {
        if let Some(missing) = problem.strip_prefix("missing field ") {
            let missing = missing.trim_matches('`');
            if !members.contains_key(missing) {
                problems.push(format!("{missing} is missing"));
            }
            break;
        }
        let outcome = |left: &serde_json::Map<String, Value>| match make(&Value::Object(left.clone())) {
            Err(SettingError::Setting(problem)) => Some(problem),
            _ => None,
        };
        let culprit = left.keys().find_map(|name| {
            let mut without = left.clone();
            without.remove(name);
            let next = outcome(&without);
            (next.as_ref() != Some(&problem)).then(|| (name.clone(), next))
        });
        let Some((name, next)) = culprit else {
            problems.push(in_words(&problem));
            break;
        };
        let words = in_words(&problem);
        problems.push(if words.contains(&name) { words } else { format!("{name}: {words}") });
        left.remove(&name);
        match next {
            Some(next) => problem = next,
            None => break,
        }
    }
    Err(SettingError::Setting(problems.join("; ")))
}

/// Translates a parser's error into words for people, without the value.
fn in_words(problem: &str) -> String {
    if let Some((_, choices)) = problem.split_once("unknown variant ") {
        let (given, choices) = choices.split_once(", expected ").unwrap_or((choices, "another"));
        let choices = choices.replace('`', "").replace("one of ", "one of: ");
        return format!("{:?} is not a choice; it must be {choices}", given.trim_matches('`'));
    }
    if !problem.starts_with("invalid ") {
        return problem.to_owned();
    }
    let expected = problem.rsplit_once("expected ").map_or("", |(_, expected)| expected);
    let wanted = match expected.split_whitespace().next().unwrap_or_default() {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" | "isize" => "a whole number in range",
        "f32" | "f64" => "a number",
        _ if expected.contains("boolean") => "true or false",
        _ if expected.contains("string") => "a text",
        _ if expected.contains("map") => "an object with a text for each language",
        _ if expected.contains("sequence") => "a list",
        _ => "of another form; see docs/nodes.md",
    };
    format!("must be {wanted}")
}

fn read<T: serde::de::DeserializeOwned>(settings: &Value) -> Result<T, SettingError> {
    T::deserialize(Settings(settings.clone())).map_err(|error| SettingError::Setting(error.to_string()))
}
