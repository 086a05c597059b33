//! Account Lockout: locks or unlocks the user's account. No sign-on to a locked account succeeds.

use serde::Deserialize;

use crate::server::journey::callback::Answers;
use crate::server::journey::node::{Context, Next, Node};
use crate::server::store::{StoreError, audit, users};

/// The Account Lockout node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountLockout {
    #[serde(default)]
    lock_action: LockAction,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum LockAction {
    #[default]
    Lock,
    Unlock,
}

impl Node for AccountLockout {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["outcome"]
    }

    fn run(&self, context: &mut Context<'_>, _answers: Option<Answers>) -> Result<Next, StoreError> {
        // Applies to a name entered with a wrong password, too, because locking such accounts is the purpose of this
        // node.
        let name = context.shared.user.as_deref().or(context.shared.user_name.as_deref()).unwrap_or_default();
        if let Some(user) = users::find(context.transaction, name)? {
            let (changed, event) = match self.lock_action {
                LockAction::Lock => (users::lock(context.transaction, &user.name, context.now())?, "user-locked"),
                LockAction::Unlock => (users::unlock(context.transaction, &user.name)?, "user-unlocked"),
            };
            if changed {
                let event = audit::Event {
                    at: context.now(),
                    event: event.to_owned(),
                    user: Some(user.name),
                    address: context.shared.browser.address.clone(),
                    device: None,
                    outcome: "success".to_owned(),
                };
                audit::add(context.transaction, &event)?;
            }
        }
        Ok(Next::Outcome("outcome"))
    }
}
