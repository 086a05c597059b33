//! An account as the vault stores it, its credentials, and the conversion to what the user sees.
//!
//! An account has a push credential, an OATH credential (for one-time passwords), or both. Names, policies and lock
//! belong to the account. Independent of files and time.

use super::credential::{Account, AccountKey, AccountState, CredentialKind, CredentialState, Id, PushCredential};
use crate::ports::EpochMilliseconds;
use crate::protocol::oath::{CodeSettings, Moving};
use crate::protocol::policy::{self, DeviceFacts, Policy, PolicyError};
use crate::protocol::text;

/// The part of an account that does not depend on its credentials.
#[derive(Debug, Clone)]
pub(super) struct AccountRecord {
    pub(super) id: Id,
    pub(super) issuer: String,
    pub(super) name: String,
    /// The issuer and the name that the user chose, if any.
    pub(super) display_issuer: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) colour: Option<String>,
    pub(super) logo: Option<String>,
    pub(super) policies_json: Option<String>,
    pub(super) created_at: EpochMilliseconds,
}

/// Everything about an OATH credential that is not secret.
#[derive(Debug, Clone)]
pub(super) struct OathCredential {
    pub(super) account_id: Id,
    pub(super) id: Id,
    pub(super) settings: CodeSettings,
    /// Id of the device on the server.
    pub(super) server_device_id: Option<String>,
}

impl OathCredential {
    /// Returns what the credential can do.
    pub(super) fn kind(&self) -> CredentialKind {
        kind_of(&self.settings)
    }
}

/// An account with its credentials.
#[derive(Debug, Clone)]
pub(super) struct AccountWithCredentials {
    pub(super) account: AccountRecord,
    pub(super) push: Option<PushCredential>,
    pub(super) oath: Option<OathCredential>,
}

impl AccountWithCredentials {
    /// Returns everything that the account can do, push first.
    pub(super) fn kinds(&self) -> Vec<CredentialKind> {
        let push = self.push.as_ref().map(|_| CredentialKind::Push);
        push.into_iter().chain(self.oath.as_ref().map(OathCredential::kind)).collect()
    }

    /// Returns the host that receives answers, with the port if the URL has one.
    pub(super) fn host(&self) -> Option<String> {
        self.push.as_ref().map(PushCredential::host)
    }

    /// Returns the name of the first policy that is not met. Without facts, no policy is met.
    pub(super) fn unmet_policy(&self, facts: Option<&DeviceFacts>) -> Option<String> {
        unmet_policy(self.account.policies_json.as_deref(), facts)
    }

    /// Returns the issuer to show.
    pub(super) fn shown_issuer(&self) -> &str {
        self.account.display_issuer.as_deref().unwrap_or(&self.account.issuer)
    }

    /// Returns the name to show.
    pub(super) fn shown_name(&self) -> &str {
        self.account.display_name.as_deref().unwrap_or(&self.account.name)
    }

    /// Converts the account for display. `readable` says whether the key to the secrets is available.
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
            // Its credentials are damaged; the user can only remove it.
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

/// Returns what an OATH credential with these settings can do.
pub(super) fn kind_of(settings: &CodeSettings) -> CredentialKind {
    match settings.moving {
        Moving::Time { .. } => CredentialKind::Totp,
        Moving::Counter { .. } => CredentialKind::Hotp,
    }
}

/// Returns a name from the user, cleaned and truncated, or `None` if nothing is left, which means the registered name.
pub(super) fn given_name(name: &str) -> Option<String> {
    Some(text::clean(name, text::NAME_LIMIT)).filter(|name| !name.is_empty())
}

/// Returns the name of the first policy that is not met or not understood. Without facts, no policy is met.
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

/// Returns the policies. Enrollment rejects those that are not understood; here they count as not met.
fn policies(json: Option<&str>) -> Result<Vec<Policy>, PolicyError> {
    json.map(policy::parse).transpose().map(Option::unwrap_or_default)
}
