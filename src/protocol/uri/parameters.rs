//! The query of a registration code: every parameter read in its own form and within its own limit. Knows no scheme.

use std::ops::RangeInclusive;

use percent_encoding::percent_decode_str;
use url::Url;
use zeroize::Zeroizing;

use super::UriError;
use super::address::{host_and_port, is_loopback};
use crate::protocol::encoding::decode_any;
use crate::protocol::oath::{
    self, Algorithm, CodeSettings, DEFAULT_PERIOD_SECONDS, FEWEST_DIGITS, HIGHEST_COUNTER, LONGEST_PERIOD_SECONDS,
    MOST_DIGITS, Moving,
};
use crate::protocol::policy::{self, Policy};
use crate::protocol::text;
use crate::secret::SecretBytes;

/// Shared secrets and challenges are 32 random bytes; what is shorter than this is no secret.
const SHORTEST_SECRET: usize = 16;
const LONGEST_SECRET: usize = 128;
/// Longest address, in bytes.
const ADDRESS_LIMIT: usize = 2048;
/// Longest id that a server gave, in bytes.
const ID_LIMIT: usize = 256;
/// Longest text of the policies, in bytes.
const POLICIES_LIMIT: usize = 2048;

/// What moves codes on, before anything else about them is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeKind {
    /// By time.
    Timed,
    /// By counter.
    Counted,
}

/// The query's parameters, percent-decoded. A `+` stays a plus.
pub(super) struct Parameters(Vec<(String, Zeroizing<String>)>);

impl Parameters {
    pub(super) fn read(uri: &Url) -> Result<Self, UriError> {
        let mut parameters: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| {
                percent_decode_str(text).decode_utf8().map(|text| text.into_owned()).map_err(|_| UriError::NotAUri)
            };
            let (key, value) = (decode(key)?, Zeroizing::new(decode(value)?));
            if parameters.iter().any(|(earlier, _)| *earlier == key) {
                return Err(UriError::DuplicateParameter(text::clean(&key, 40)));
            }
            parameters.push((key, value));
        }
        Ok(Self(parameters))
    }

    /// The parameter as it is written.
    pub(super) fn plain(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// The parameter's bytes, from base64 of any form.
    pub(super) fn bytes(&self, key: &'static str) -> Result<Option<Vec<u8>>, UriError> {
        self.plain(key).map(|value| decode_any(value).map_err(|_| UriError::BadParameter(key))).transpose()
    }

    /// The parameter's text, from base64 of any form; `None` when it is empty, too.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<String>, UriError> {
        self.bytes(key)?
            .map(|bytes| String::from_utf8(bytes).map_err(|_| UriError::BadParameter(key)))
            .transpose()
            .map(|text| text.filter(|text| !text.is_empty()))
    }

    /// The parameter's bytes, from base64 of any form, as a secret of a fit length.
    pub(super) fn secret(&self, key: &'static str) -> Result<SecretBytes, UriError> {
        let bytes = SecretBytes::new(self.bytes(key)?.ok_or(UriError::MissingParameter(key))?);
        if (SHORTEST_SECRET..=LONGEST_SECRET).contains(&bytes.len()) {
            Ok(bytes)
        } else {
            Err(UriError::BadParameter(key))
        }
    }

    /// An address that may be contacted, from base64 of any form.
    pub(super) fn endpoint(&self, key: &'static str) -> Result<Url, UriError> {
        let text = self.text(key)?.ok_or(UriError::MissingParameter(key))?;
        if text.len() > ADDRESS_LIMIT {
            return Err(UriError::BadParameter(key));
        }
        let url = Url::parse(&text).map_err(|_| UriError::BadParameter(key))?;
        if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() || url.password().is_some() {
            return Err(UriError::BadParameter(key));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(UriError::InsecureEndpoint { host: host_and_port(&url) });
        }
        Ok(url)
    }

    /// An id that the server gave, from base64 of any form: short, and without control characters.
    pub(super) fn id(&self, key: &'static str) -> Result<Option<String>, UriError> {
        match self.text(key)? {
            Some(id) if id.len() > ID_LIMIT || id.chars().any(char::is_control) => Err(UriError::BadParameter(key)),
            id => Ok(id),
        }
    }

    /// The user's id: `d`, or `uid` in older codes.
    pub(super) fn user_id(&self) -> Result<Option<String>, UriError> {
        match self.id("d")? {
            Some(id) => Ok(Some(id)),
            None => self.id("uid"),
        }
    }

    /// The policies with their text, which is kept with the account. Not understood means refused.
    pub(super) fn policies(&self) -> Result<(Vec<Policy>, Option<String>), UriError> {
        let json = self.text("policies")?;
        if json.as_ref().is_some_and(|json| json.len() > POLICIES_LIMIT) {
            return Err(UriError::BadParameter("policies"));
        }
        Ok((json.as_deref().map(policy::parse).transpose()?.unwrap_or_default(), json))
    }

    /// The background colour, where there is one that can be used.
    pub(super) fn colour(&self) -> Option<String> {
        self.plain("b").and_then(read_colour)
    }

    /// The logo's address as it is written, where it can be used.
    pub(super) fn plain_logo(&self) -> Option<Url> {
        self.plain("image").and_then(read_logo)
    }

    /// The logo's address in base64, where it can be used.
    pub(super) fn encoded_logo(&self) -> Option<Url> {
        self.text("image").ok().flatten().as_deref().and_then(read_logo)
    }

    /// How codes are made: `algorithm`, `digits`, and `period` or `counter`.
    pub(super) fn code_settings(&self, kind: CodeKind) -> Result<CodeSettings, UriError> {
        let algorithm = match self.plain("algorithm") {
            Some(name) => Algorithm::parse(name).ok_or(UriError::BadParameter("algorithm"))?,
            None => Algorithm::Sha1,
        };
        let digits =
            self.number("digits", u64::from(FEWEST_DIGITS), u64::from(FEWEST_DIGITS)..=u64::from(MOST_DIGITS))?;
        let moving = match kind {
            CodeKind::Timed => Moving::Time {
                period_seconds: self
                    .number("period", u64::from(DEFAULT_PERIOD_SECONDS), 1..=u64::from(LONGEST_PERIOD_SECONDS))
                    .and_then(|period| u32::try_from(period).map_err(|_| UriError::BadParameter("period")))?,
            },
            CodeKind::Counted => Moving::Counter { next: self.number("counter", 0, 0..=HIGHEST_COUNTER)? },
        };
        let digits = u8::try_from(digits).map_err(|_| UriError::BadParameter("digits"))?;
        Ok(CodeSettings { algorithm, digits, moving })
    }

    /// The secret that codes are made of, from base32.
    pub(super) fn code_secret(&self) -> Result<SecretBytes, UriError> {
        let text = self.plain("secret").ok_or(UriError::MissingParameter("secret"))?;
        oath::read_secret(text).map_err(|_| UriError::BadParameter("secret"))
    }

    fn number(&self, key: &'static str, default: u64, allowed: RangeInclusive<u64>) -> Result<u64, UriError> {
        let Some(text) = self.plain(key) else { return Ok(default) };
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number
            .then(|| text.parse().ok())
            .flatten()
            .filter(|number| allowed.contains(number))
            .ok_or(UriError::BadParameter(key))
    }
}

fn read_colour(text: &str) -> Option<String> {
    let digits = text.trim_start_matches('#');
    (digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| digits.to_ascii_lowercase())
}

fn read_logo(text: &str) -> Option<Url> {
    if text.len() > ADDRESS_LIMIT {
        return None;
    }
    Url::parse(text).ok().filter(|url| url.scheme() == "https")
}
