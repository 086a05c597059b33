//! Passwords: Argon2id (RFC 9106), never more than two computations at once, and a bounded number that wait, of which
//! no network can take all.
//!
//! A sign-on costs the same time whether the user exists or not: without a stored hash a dummy one is checked. A password is
//! hashed in one form ([`password_form`]); hashes from before that are found by a second computation, which a password
//! outside of ASCII costs whenever the first did not fit.

mod places;

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::ports::{Entropy, EntropyUnavailable, EpochMilliseconds, make_bytes};
use crate::secret::{Reason, SecretText};
use crate::server::names::{former_password_form, password_form};
pub use places::Client;
use places::{AT_ONCE, Places};

/// Longest password that is looked at, in bytes.
pub const LENGTH_LIMIT: usize = 1024;

/// A password could not be hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Empty or over 1024 bytes.
    #[error("A password has 1 to 1024 bytes.")]
    Length,
    /// The computation failed.
    #[error("The password could not be hashed.")]
    Hash,
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyUnavailable),
}

/// Hashes a password with a fresh salt; gives a PHC string.
pub fn make_hash(password: &SecretText, entropy: &dyn Entropy) -> Result<String, PasswordError> {
    let form = SecretText::new(password_form(password.expose(Reason::Hash)).into_owned());
    let bytes = form.expose(Reason::Hash).as_bytes();
    if bytes.is_empty() || bytes.len() > LENGTH_LIMIT {
        return Err(PasswordError::Length);
    }
    let salt = make_bytes::<16>(entropy)?;
    Argon2::default()
        .hash_password_with_salt(bytes, &salt)
        .map(|hash| hash.to_string())
        .map_err(|_| PasswordError::Hash)
}

/// Too many checks are waiting already; nothing was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The server is busy. Try again in a moment.")]
pub struct Busy;

/// What came out of checking a password.
#[derive(PartialEq, Eq)]
pub enum Fit {
    /// It is another one, or there is no such user.
    No,
    /// It is the one.
    Yes,
    /// It is the one, in a form that is no longer hashed. This hash is of the present form and replaces the stored one.
    HashedAgain(String),
}

/// Checks passwords without blocking the caller's thread.
#[derive(Clone)]
pub struct PasswordCheck {
    places: Arc<Places>,
    permits: Arc<Semaphore>,
    dummy: Arc<str>,
}

impl PasswordCheck {
    /// Prepares the dummy hash. At most `queue` checks wait while others are computed.
    pub fn new(queue: usize, entropy: &dyn Entropy) -> Result<Self, PasswordError> {
        let dummy = make_hash(&SecretText::new("no such user".to_owned()), entropy)?;
        Ok(Self {
            places: Arc::new(Places::new(queue)),
            permits: Arc::new(Semaphore::new(AT_ONCE)),
            dummy: dummy.into(),
        })
    }

    /// Notes that a user signed in from this address with both factors.
    pub fn signed_in_from(&self, address: &str, now: EpochMilliseconds) {
        self.places.learn(address, now);
    }

    /// Who waits for a check: from this address, and in a browser that the user signed in with before or not.
    pub fn client(&self, address: Option<&str>, in_known_browser: bool, now: EpochMilliseconds) -> Client {
        self.places.client(address, in_known_browser, now)
    }

    /// Whether the password fits the stored hash; [`Fit::No`], after the same time, when there is none.
    pub async fn check(
        &self,
        stored: Option<String>,
        password: SecretText,
        client: &Client,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Fit, Busy> {
        let _place = self.places.take(client).ok_or(Busy)?;
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| Busy)?;
        let dummy = self.dummy.clone();
        let checked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let exists = stored.is_some();
            let hash = stored.as_deref().unwrap_or(&dummy);
            let typed = password.expose(Reason::Hash);
            let fits = |form: &SecretText| {
                let bytes = form.expose(Reason::Hash).as_bytes();
                bytes.len() <= LENGTH_LIMIT
                    && PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(bytes, &hash).is_ok())
            };
            // Bounded before it is brought into any form.
            if typed.len() > LENGTH_LIMIT {
                return Fit::No;
            }
            if fits(&SecretText::new(password_form(typed).into_owned())) {
                return if exists { Fit::Yes } else { Fit::No };
            }
            let former = former_password_form(typed).map(SecretText::new);
            let fits_formerly = former.is_some_and(|form| fits(&form));
            if !(exists && fits_formerly) {
                return Fit::No;
            }
            // Where it cannot be hashed now, the former hash stays good.
            make_hash(&password, entropy.as_ref()).map_or(Fit::Yes, Fit::HashedAgain)
        });
        checked.await.map_err(|_| Busy)
    }
}
