//! Checks the typed password of a sign-on, within rate limits, and counts failures.

use super::SignOnError;
use crate::secret::SecretText;
use crate::server::App;
use crate::server::journey::state::{Browser, PasswordVerdict};
use crate::server::password::Fit;
use crate::server::rate_limit::Guesser;
use crate::server::store::{StoreError, audit, digest, known_browsers, users};

impl App {
    /// Looks whether the password is the user's. Costs the same time whether there is such a user or not.
    pub(super) async fn check_password(
        &self,
        name: String,
        password: SecretText,
        browser: &Browser,
    ) -> Result<PasswordVerdict, SignOnError> {
        let (limits, address) = (&self.0.rate_limits, browser.address.as_deref());
        let known_browser = self.known_browser_of(&name, browser).await?;
        let guesser = Guesser { name: &name, address, known_browser };
        if !limits.take_password(guesser, self.now()) {
            self.count_rejected_password(&name, browser.address.clone()).await?;
            return Err(SignOnError::TooManyAttempts { minutes: self.0.configuration.sign_on.attempt_minutes });
        }
        let wanted = name.clone();
        let found = self
            .0
            .store
            .run(move |transaction| -> Result<_, StoreError> {
                let hash = users::password_hash(transaction, &wanted)?;
                let user = users::find(transaction, &wanted)?;
                let name = user.as_ref().map_or(&wanted, |user| &user.name);
                let is_restricted = known_browsers::is_restricted(transaction, name)?;
                Ok((user, hash, is_restricted))
            })
            .await?;
        let (user, hash, is_restricted) = found;
        let client = self.0.passwords.client(address, known_browser.is_some(), self.now());
        let entropy = self.0.entropy.clone();
        let fit = match self.0.passwords.check(hash.clone(), password, &client, entropy).await {
            Ok(fit) => fit,
            Err(busy) => {
                limits.refund_password(guesser);
                return Err(busy.into());
            }
        };
        // A right one from an unknown browser is rejected like a wrong one, or guessing would go on.
        let is_believed = fit != Fit::No && (known_browser.is_some() || !is_restricted);
        match user {
            Some(user) if is_believed && user.locked_at.is_none() => {
                if let (Fit::HashedAgain(new), Some(old)) = (fit, hash) {
                    let name = user.name.clone();
                    self.0.store.run(move |transaction| users::replace_hash(transaction, &name, &old, &new)).await?;
                }
                limits.reset_password(guesser);
                Ok(PasswordVerdict { user: Some(user.name), locked: false })
            }
            // The password of a locked user counts like a wrong one, or it could be told from one.
            user => {
                let locked = is_believed && user.is_some();
                self.count_failed_password(user.map(|user| user.name), known_browser, browser.address.clone());
                Ok(PasswordVerdict { user: None, locked })
            }
        }
    }

    /// The id of the browser, where the user of this name signed in with it before.
    async fn known_browser_of<'a>(&self, name: &str, browser: &'a Browser) -> Result<Option<&'a str>, StoreError> {
        let (Some(known_to), Some(id)) = (&browser.known_to, &browser.known_browser) else { return Ok(None) };
        let name = name.to_owned();
        let user = self.0.store.run(move |transaction| users::find(transaction, &name)).await?;
        Ok(user.is_some_and(|user| user.name == *known_to).then_some(id.as_str()))
    }

    /// Counts a failure in a row. Nobody waits for it, and a name that is no user's costs the same write.
    fn count_failed_password(&self, user: Option<String>, known_browser: Option<&str>, address: Option<String>) {
        let (most, now) = (self.0.configuration.sign_on.failures_in_a_row, self.now());
        let known_browser = known_browser.map(|id| digest(id.as_bytes()));
        self.0.store.run_later(move |transaction| {
            let Some(user) = user else { return known_browsers::count_unknown_name(transaction) };
            if let Some(id) = known_browser {
                return known_browsers::count_failure(transaction, &id, most);
            }
            if known_browsers::count_stranger(transaction, &user, most, now)? {
                let (event, outcome) = ("passwords-restricted".to_owned(), "success".to_owned());
                let event = audit::Event { at: now, event, user: Some(user), address, device: None, outcome };
                audit::add(transaction, &event)?;
            }
            Ok(())
        });
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
