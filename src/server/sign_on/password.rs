//! Checking the typed password of a sign-on: how often it may be tried, and what is written down of it.

use super::SignOnError;
use crate::secret::SecretText;
use crate::server::App;
use crate::server::journey::state::PasswordVerdict;
use crate::server::rate_limit::Guesser;
use crate::server::store::{StoreError, audit, users};

impl App {
    /// Looks whether the password is the user's. Costs the same time whether there is such a user or not.
    pub(super) async fn check_password(
        &self,
        name: String,
        password: SecretText,
        address: Option<String>,
    ) -> Result<PasswordVerdict, SignOnError> {
        let limits = &self.0.rate_limits;
        let guesser = Guesser { name: &name, address: address.as_deref(), known_browser: None };
        if !limits.take_password(guesser, self.now()) {
            self.count_rejected_password(&name, address.clone()).await?;
            return Err(SignOnError::TooManyAttempts { minutes: self.0.configuration.sign_on.attempt_minutes });
        }
        let wanted = name.clone();
        let found = self
            .0
            .store
            .run(move |transaction| -> Result<_, StoreError> {
                Ok((users::find(transaction, &wanted)?, users::password_hash(transaction, &wanted)?))
            })
            .await?;
        let (user, hash) = found;
        let right = match self.0.passwords.check(hash, password).await {
            Ok(right) => right,
            Err(busy) => {
                limits.refund_password(guesser);
                return Err(busy.into());
            }
        };
        let Some(user) = user.filter(|_| right) else { return Ok(PasswordVerdict::default()) };
        if user.locked_at.is_some() {
            // Counts like a wrong one, or it could be told from one.
            return Ok(PasswordVerdict { user: None, locked: true });
        }
        limits.reset_password(guesser);
        Ok(PasswordVerdict { user: Some(user.name), locked: false })
    }

    /// Counts a password that was not checked, for the audit log; the name only where it is a user's, as it may be a
    /// password.
    async fn count_rejected_password(&self, name: &str, address: Option<String>) -> Result<(), StoreError> {
        let wanted = name.to_owned();
        let user = self.0.store.run(move |transaction| users::find(transaction, &wanted)).await?;
        self.count_event(audit::Event {
            at: self.now(),
            event: "sign-on".to_owned(),
            user: user.map(|user| user.name),
            address,
            device: None,
            outcome: "too-many-attempts".to_owned(),
        });
        Ok(())
    }
}
