//! Checking the typed password of a sign-on: how often it may be tried, and what is written down of it.

use super::SignOnError;
use crate::ports::EpochMilliseconds;
use crate::secret::SecretText;
use crate::server::App;
use crate::server::attempts::Admission;
use crate::server::journey::state::PasswordVerdict;
use crate::server::password::Fit;
use crate::server::store::{StoreError, audit, users};

impl App {
    /// Looks whether the password is the user's. Costs the same time whether there is such a user or not.
    pub(super) async fn check_password(
        &self,
        name: String,
        password: SecretText,
        address: Option<String>,
    ) -> Result<PasswordVerdict, SignOnError> {
        let (attempts, now) = (&self.0.attempts, self.now());
        if let Admission::Refused { first } = attempts.admit_password(&name, address.as_deref(), now) {
            if first {
                self.note_attempts(name, address, now).await?;
            }
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
        let fit = match self.0.passwords.check(hash.clone(), password, self.0.entropy.clone()).await {
            Ok(fit) => fit,
            Err(busy) => {
                attempts.take_back_password(&name, address.as_deref());
                return Err(busy.into());
            }
        };
        let Some(user) = user.filter(|_| fit != Fit::No) else { return Ok(PasswordVerdict::default()) };
        if user.locked_at.is_some() {
            // Counts like a wrong one, or it could be told from one.
            return Ok(PasswordVerdict { user: None, locked: true });
        }
        if let (Fit::HashedAgain(new), Some(old)) = (fit, hash) {
            let user = user.name.clone();
            self.0.store.run(move |transaction| users::replace_hash(transaction, &user, &old, &new)).await?;
        }
        attempts.forgive_password(&name, address.as_deref());
        Ok(PasswordVerdict { user: Some(user.name), locked: false })
    }

    /// Writes down that passwords are being guessed; the name only where it is a user's, as it may be a password.
    async fn note_attempts(
        &self,
        name: String,
        address: Option<String>,
        now: EpochMilliseconds,
    ) -> Result<(), StoreError> {
        tracing::warn!(address, "too many passwords were tried for a name or from an address");
        self.0
            .store
            .run(move |transaction| {
                let user = users::find(transaction, &name)?.map(|user| user.name);
                let outcome = "too-many-attempts".to_owned();
                let event = "sign-on".to_owned();
                audit::add(transaction, &audit::Event { at: now, event, user, address, device: None, outcome })
            })
            .await
    }
}
