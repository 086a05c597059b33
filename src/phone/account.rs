//! An account as the vault keeps it, with its halves, and how it becomes what a person sees.
//!
//! An account has a push credential, or a half that shows codes, or both; names, policies and lock are the account's.
//! Knows no file and no time.

use super::credential::{Account, AccountKey, AccountState, CredentialKind, CredentialState, Id, PushCredential};
use crate::ports::EpochMilliseconds;
use crate::protocol::oath::{CodeSettings, Moving};
use crate::protocol::policy::{self, DeviceFacts, Policy, PolicyError};
use crate::protocol::text;

/// What is an account's own, whatever its halves.
#[derive(Debug, Clone)]
pub(super) struct AccountRecord {
    pub(super) id: Id,
    pub(super) issuer: String,
    pub(super) name: String,
    /// The issuer and the name that the person gave it, where they did.
    pub(super) display_issuer: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) colour: Option<String>,
    pub(super) logo: Option<String>,
    pub(super) policies_json: Option<String>,
    pub(super) created_at: EpochMilliseconds,
}

/// Everything about the half that shows codes that is not secret.
#[derive(Debug, Clone)]
pub(super) struct OathCredential {
    pub(super) account_id: Id,
    pub(super) id: Id,
    pub(super) settings: CodeSettings,
    /// Id of the device on the server.
    pub(super) server_device_id: Option<String>,
}

impl OathCredential {
    /// What it can do.
    pub(super) fn kind(&self) -> CredentialKind {
        kind_of(&self.settings)
    }
}

/// An account with its halves.
#[derive(Debug, Clone)]
pub(super) struct AccountWithCredentials {
    pub(super) account: AccountRecord,
    pub(super) push: Option<PushCredential>,
    pub(super) oath: Option<OathCredential>,
}

impl AccountWithCredentials {
    /// All that the account can do, messages first.
    pub(super) fn kinds(&self) -> Vec<CredentialKind> {
        let push = self.push.as_ref().map(|_| CredentialKind::Push);
        push.into_iter().chain(self.oath.as_ref().map(OathCredential::kind)).collect()
    }

    /// Host, with its port where one is named, that answers go to.
    pub(super) fn host(&self) -> Option<String> {
        self.push.as_ref().map(PushCredential::host)
    }

    /// The name of the first policy that is not met. Without facts none is.
    pub(super) fn unmet_policy(&self, facts: Option<&DeviceFacts>) -> Option<String> {
        unmet_policy(self.account.policies_json.as_deref(), facts)
    }

    /// The issuer to be shown.
    pub(super) fn shown_issuer(&self) -> &str {
        self.account.display_issuer.as_deref().unwrap_or(&self.account.issuer)
    }

    /// The name to be shown.
    pub(super) fn shown_name(&self) -> &str {
        self.account.display_name.as_deref().unwrap_or(&self.account.name)
    }

    /// As shown to a person. `readable` says whether the key to the secrets is there.
    pub(super) fn to_account(&self, facts: Option<&DeviceFacts>, readable: bool) -> Account {
        let unmet_policy = self.unmet_policy(facts);
        let key = self.push.as_ref().and_then(|push| push.key.as_ref()).map(|key| AccountKey {
            jwk: key.jwk.clone(),
            level: key.level,
            presence: key.presence,
            is_software: key.is_software,
            is_invalidated: key.is_invalidated,
        });
        let agreed = self.push.as_ref().map_or(CredentialState::Active, |push| push.state);
        let state = match (readable, agreed, &unmet_policy) {
            (false, _, _) => AccountState::ReEnrolmentNeeded,
            _ if key.as_ref().is_some_and(|key| key.is_invalidated) => AccountState::ReEnrolmentNeeded,
            // Its halves are damaged: all that is left is to remove it.
            _ if self.kinds().is_empty() => AccountState::ReEnrolmentNeeded,
            (true, CredentialState::Enrolling, _) => AccountState::Enrolling,
            (true, CredentialState::Unconfirmed | CredentialState::Active, Some(_)) => AccountState::Locked,
            (true, CredentialState::Unconfirmed, None) => AccountState::Unconfirmed,
            (true, CredentialState::Active, None) => AccountState::Active,
        };
        let kinds = self.kinds();
        Account {
            id: self.account.id.to_string(),
            issuer: self.account.issuer.clone(),
            account: self.account.name.clone(),
            display_issuer: self.shown_issuer().to_owned(),
            display_name: self.shown_name().to_owned(),
            host: self.host(),
            kind: kinds.first().copied().unwrap_or(CredentialKind::Push),
            kinds,
            state,
            created_at: self.account.created_at,
            has_biometric_slot: self
                .push
                .as_ref()
                .and_then(|push| push.wrapped_slot.as_ref())
                .is_some_and(|slot| !slot.is_empty()),
            colour: self.account.colour.clone(),
            logo: self.account.logo.clone(),
            policies: policies(self.account.policies_json.as_deref())
                .unwrap_or_default()
                .iter()
                .map(|policy| policy.name().to_owned())
                .collect(),
            unmet_policy,
            key,
        }
    }
}

/// What a half with these settings can do.
pub(super) fn kind_of(settings: &CodeSettings) -> CredentialKind {
    match settings.moving {
        Moving::Time { .. } => CredentialKind::Totp,
        Moving::Counter { .. } => CredentialKind::Hotp,
    }
}

/// A name as a person gave it, cleaned and capped; `None` when nothing is left, which means the registered one.
pub(super) fn given_name(name: &str) -> Option<String> {
    Some(text::clean(name, text::NAME_LIMIT)).filter(|name| !name.is_empty())
}

/// The name of the first policy that is not met, or that is not understood. Without facts none is met.
pub(super) fn unmet_policy(policies_json: Option<&str>, facts: Option<&DeviceFacts>) -> Option<String> {
    match policies(policies_json) {
        Err(PolicyError::Unknown(name) | PolicyError::Malformed(name)) => Some(text::clean(&name, text::NAME_LIMIT)),
        Err(PolicyError::NotAnObject) => Some("policies".to_owned()),
        Ok(policies) => policies
            .iter()
            .find(|policy| !facts.is_some_and(|facts| policy.holds(facts)))
            .map(|policy| policy.name().to_owned()),
    }
}

/// The policies. Those that are not understood were refused at enrolment; here they count as not met.
fn policies(json: Option<&str>) -> Result<Vec<Policy>, PolicyError> {
    json.map(policy::parse).transpose().map(Option::unwrap_or_default)
}
