//! The cookie by which a browser is known: its user signed in with both factors in it before.
//!
//! It is sealed under a key that outlives a rotation of the server's, and bound to realm and user. What it is worth lies
//! in the store: a change of the password, a freeze, a removed phone, a removed user or too many wrong passwords make it
//! void. It signs nobody in. It gives its user a budget of wrong passwords that strangers cannot use up, and places in
//! the password queue.

use axum::http::{HeaderMap, HeaderValue, header};
use serde::{Deserialize, Serialize};

use super::App;
use super::journey::callback::sealed_text;
use super::journey::state::Browser;
use super::keys::Place;
use super::push::RequestContext;
use super::store::{StoreError, Transaction, digest, known_browsers};
use crate::ports::make_bytes;
use crate::protocol::encoding::{decode_url_safe, encode_url_safe};
use crate::secret::{Reason, SecretText};

/// Name of the cookie; over https behind the prefix by which browsers take it from this host alone.
const NAME: &str = "known-browser";
const DAY: i64 = 24 * 3600 * 1000;

/// The value of the cookie.
#[derive(Serialize, Deserialize)]
pub struct KnownBrowserCookie(#[serde(with = "sealed_text")] SecretText);

/// What is sealed in it.
#[derive(Serialize, Deserialize)]
struct Content {
    id: String,
    user: String,
}

impl App {
    /// Fills in to whom the browser is known.
    pub(super) async fn recognize(&self, headers: &HeaderMap, browser: Browser) -> Result<Browser, StoreError> {
        let Some(Content { id, user }) = self.read_known_browser(headers) else { return Ok(browser) };
        let (now, row) = (self.now(), digest(id.as_bytes()));
        let known_to = self.0.store.run(move |transaction| known_browsers::user_of(transaction, &row, now)).await?;
        let known_to = known_to.filter(|known_to| *known_to == user);
        let known_browser = known_to.is_some().then_some(id);
        Ok(Browser { known_to, known_browser, ..browser })
    }

    /// Remembers the browser of a sign-on that passed both factors, and returns its cookie.
    pub(super) fn remember_browser(
        &self,
        transaction: &Transaction,
        user: &str,
        browser: &Browser,
        context: &RequestContext,
    ) -> Result<KnownBrowserCookie, StoreError> {
        let id = match &browser.known_browser {
            Some(id) if browser.known_to.as_deref() == Some(user) => id.clone(),
            _ => encode_url_safe(&make_bytes::<16>(context.entropy.as_ref())?),
        };
        let expires_at = context.now + self.0.configuration.sign_on.known_browser_days * DAY;
        known_browsers::remember(transaction, &digest(id.as_bytes()), user, context.now, expires_at)?;
        let content = serde_json::to_vec(&Content { id, user: user.to_owned() });
        let content = content.map_err(|_| StoreError::Damaged("known browser"))?;
        let sealed = context.keys.seal_for_browser(self.known_browser_place(), &content, context.entropy.as_ref())?;
        Ok(KnownBrowserCookie(SecretText::new(encode_url_safe(&sealed))))
    }

    /// The header that sets the cookie.
    pub(super) fn set_known_browser(&self, cookie: &KnownBrowserCookie) -> Option<HeaderValue> {
        let secure = if self.cookies_are_secure() { "; Secure" } else { "" };
        let (name, value) = (self.known_browser_cookie(), cookie.0.expose(Reason::HandOver));
        let age = self.0.configuration.sign_on.known_browser_days * DAY / 1000;
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    fn known_browser_cookie(&self) -> String {
        let prefix = if self.cookies_are_secure() { "__Host-" } else { "" };
        format!("{prefix}{NAME}")
    }

    fn read_known_browser(&self, headers: &HeaderMap) -> Option<Content> {
        let wanted = self.known_browser_cookie();
        let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = values.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, value) = pairs.find(|(name, _)| *name == wanted)?;
        let sealed = decode_url_safe(value).ok()?;
        let content = self.0.keys.open_from_browser(self.known_browser_place(), &sealed).ok()?;
        serde_json::from_slice(content.expose(Reason::Seal)).ok()
    }

    fn known_browser_place(&self) -> Place<'_> {
        Place { kind: "known-browser", row: self.0.configuration.realm.as_bytes() }
    }
}
