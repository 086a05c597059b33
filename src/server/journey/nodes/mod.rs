//! The nodes, one a file. Names, settings and outcomes are AM's (docs/nodes.md). A node never imports a node.

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

/// Why a node cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Not a type that runs here.
    #[error("the node type {0:?} does not run here")]
    UnknownType(String),
    /// A setting has a wrong form or value.
    #[error("{0}")]
    Setting(String),
}

/// Makes a node of this type from its exported settings.
pub fn make(node_type: &str, settings: &Value) -> Result<Box<dyn Node>, SettingError> {
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

/// Whether a node of this type only asks, so that it may be a child of a page.
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

/// Makes a page from its settings and its children, which the caller made.
pub fn make_page(settings: &Value, children: Vec<Box<dyn Node>>) -> Result<Box<dyn Node>, SettingError> {
    Ok(Box::new(page::Page::new(read(settings)?, children)?))
}

fn read<T: serde::de::DeserializeOwned>(settings: &Value) -> Result<T, SettingError> {
    T::deserialize(Settings(settings.clone())).map_err(|error| SettingError::Setting(error.to_string()))
}
