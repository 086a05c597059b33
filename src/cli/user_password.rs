//! `user password`: sets a new password for a user.

use serde_json::json;

use super::beside::{self, add_event};
use super::output::{Failure, Report};
use super::user::{by_command, failed};
use crate::ports::SystemEntropy;
use crate::secret::SecretText;
use crate::server::configuration::Configuration;
use crate::server::factors::{self, Acting, Change};
use crate::server::password::make_hash;
use crate::server::store::{StoreError, users};

/// Stores a user's new password, notifies the user, and ends all of the user's sessions.
pub(super) fn change(configuration: &Configuration, name: String, password: &SecretText) -> Result<Report, Failure> {
    let (store, context) = beside::open(configuration)?;
    let hash = make_hash(password, &SystemEntropy::new()).map_err(|error| Failure::new("password", &error))?;
    let wanted = name.clone();
    let changed = store.run_blocking(move |transaction| -> Result<Option<String>, StoreError> {
        let Some(user) = users::find(transaction, &wanted)? else { return Ok(None) };
        users::set_password(transaction, &user.name, &hash)?;
        factors::tell(transaction, &user.name, Change::PasswordChanged, Acting::Administrator, &context)?;
        add_event(transaction, &by_command("password-changed", &user.name, context.now))?;
        Ok(Some(user.name))
    });
    match changed.map_err(failed)? {
        None => Err(Failure::new("unknown-user", &format!("There is no user {name:?}."))),
        Some(name) => {
            let text = format!("{name} has a new password. All sessions of {name} ended.");
            Ok(Report::new(text, json!({"name": name})))
        }
    }
}
