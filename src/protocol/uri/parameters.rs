//! The query of a registration URI: every parameter in its form and within its limit. Independent of the scheme.

use percent_encoding::percent_decode_str;
use url::Url;
use zeroize::Zeroizing;

use super::UriError;
use super::address::{host_and_port, is_loopback};
use crate::protocol::encoding::decode_any;
use crate::protocol::oath::{
    self, Algorithm, CodeSettings, DEFAULT_PERIOD_SECONDS, FEWEST_DIGITS, HIGHEST_COUNTER, LONGEST_PERIOD_SECONDS,
    MOST_DIGITS, Moving, SecretError,
};
use crate::protocol::policy::{self, Policy};
use crate::protocol::text;
use crate::secret::SecretBytes;

/// Shared secrets and challenges are 32 random bytes; anything shorter than this is rejected.
const SHORTEST_SECRET: usize = 16;
const LONGEST_SECRET: usize = 128;
/// Longest address, in bytes.
const ADDRESS_LIMIT: usize = 2048;
/// Longest id from a server, in bytes.
const ID_LIMIT: usize = 256;
/// Longest text of the policies, in bytes.
const POLICIES_LIMIT: usize = 2048;
/// Longest algorithm name that an error repeats, in bytes.
const LONGEST_ALGORITHM: usize = 20;

/// The kind of moving factor, before anything else about the one-time passwords is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeKind {
    /// Time (TOTP).
    Timed,
    /// Counter (HOTP).
    Counted,
}

/// The query's parameters, percent-decoded. A `+` stays a plus.
pub(super) struct Parameters(Vec<(String, Zeroizing<String>)>);

impl Parameters {
    /// Parses the query. Names are case-insensitive, and HTML escaping of the `&` before them is removed. Repeating a
    /// parameter is allowed if its nonempty values are the same.
    pub(super) fn read(uri: &Url) -> Result<Self, UriError> {
        let mut parameters: Vec<(String, Zeroizing<String>)> = Vec::new();
        for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode = |text: &str| {
                percent_decode_str(text).decode_utf8().map(|text| text.into_owned()).map_err(|_| UriError::NotAUri)
            };
            let key = key.strip_prefix("amp;").unwrap_or(key);
            let (key, value) = (decode(key)?.trim().to_ascii_lowercase(), Zeroizing::new(decode(value)?));
            match parameters.iter_mut().find(|(earlier, _)| *earlier == key) {
                None => parameters.push((key, value)),
                Some((_, earlier)) if *earlier == value || value.is_empty() => {}
                Some((_, earlier)) if earlier.is_empty() => *earlier = value,
                Some(_) => return Err(UriError::DuplicateParameter(text::clean(&key, 40))),
            }
        }
        Ok(Self(parameters))
    }

    /// Returns the parameter as written.
    pub(super) fn plain(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Returns the parameter's bytes, decoded from base64 in any form, even if percent-encoded twice. A space can only
    /// be a `+` that was decoded in transit.
    pub(super) fn bytes(&self, key: &'static str) -> Result<Option<Vec<u8>>, UriError> {
        let Some(value) = self.plain(key) else { return Ok(None) };
        let value = Zeroizing::new(decode_again(value).trim().replace(' ', "+"));
        decode_any(&value).map(Some).map_err(|_| UriError::BadParameter(key))
    }

    /// Returns the parameter's text, decoded from base64 in any form; `None` if missing or empty.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<String>, UriError> {
        self.bytes(key)?
            .map(|bytes| String::from_utf8(bytes).map_err(|_| UriError::BadParameter(key)))
            .transpose()
            .map(|text| text.filter(|text| !text.is_empty()))
    }

    /// Returns the parameter's bytes as a secret of acceptable length, decoded from base64 in any form.
    pub(super) fn secret(&self, key: &'static str) -> Result<SecretBytes, UriError> {
        let bytes = SecretBytes::new(self.bytes(key)?.ok_or(UriError::MissingParameter(key))?);
        if (SHORTEST_SECRET..=LONGEST_SECRET).contains(&bytes.len()) {
            Ok(bytes)
        } else {
            Err(UriError::BadParameter(key))
        }
    }

    /// Returns an address that may be contacted, decoded from base64 in any form.
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

    /// Returns an id from the server, decoded from base64 in any form: short, and without control characters.
    pub(super) fn id(&self, key: &'static str) -> Result<Option<String>, UriError> {
        match self.text(key)? {
            Some(id) if id.len() > ID_LIMIT || id.chars().any(char::is_control) => Err(UriError::BadParameter(key)),
            id => Ok(id),
        }
    }

    /// Returns the user's id: `d`, or `uid` in older registration URIs.
    pub(super) fn user_id(&self) -> Result<Option<String>, UriError> {
        match self.id("d")? {
            Some(id) => Ok(Some(id)),
            None => self.id("uid"),
        }
    }

    /// Returns the policies and their text, which is stored with the account. Rejects policies that it does not
    /// understand.
    pub(super) fn policies(&self) -> Result<(Vec<Policy>, Option<String>), UriError> {
        let json = self.text("policies")?;
        if json.as_ref().is_some_and(|json| json.len() > POLICIES_LIMIT) {
            return Err(UriError::BadParameter("policies"));
        }
        Ok((json.as_deref().map(policy::parse).transpose()?.unwrap_or_default(), json))
    }

    /// Returns the background color, if it is usable.
    pub(super) fn colour(&self) -> Option<String> {
        self.plain("b").and_then(read_colour)
    }

    /// Returns the logo's address from plain text, if it is usable.
    pub(super) fn plain_logo(&self) -> Option<Url> {
        self.plain("image").and_then(read_logo)
    }

    /// Returns the logo's address from base64, if it is usable.
    pub(super) fn encoded_logo(&self) -> Option<Url> {
        self.text("image").ok().flatten().as_deref().and_then(read_logo)
    }

    /// Returns how one-time passwords are derived: `algorithm`, `digits`, and `period` or `counter`. An empty value
    /// means the default.
    pub(super) fn code_settings(&self, kind: CodeKind) -> Result<CodeSettings, UriError> {
        if let Some(encoder) = self.value("encoder") {
            return Err(UriError::NotSupported(format!("codes in the form of {:?}", text::clean(encoder, 40))));
        }
        let moving = match kind {
            CodeKind::Timed => Moving::Time { period_seconds: self.period()? },
            CodeKind::Counted => Moving::Counter {
                next: self
                    .number("counter")?
                    .map_or(Some(0), |counter| Some(counter).filter(|counter| *counter <= HIGHEST_COUNTER))
                    .ok_or(UriError::BadParameter("counter"))?,
            },
        };
        Ok(CodeSettings { algorithm: self.algorithm()?, digits: self.digits()?, moving })
    }

    fn algorithm(&self) -> Result<Algorithm, UriError> {
        let Some(name) = self.value("algorithm") else { return Ok(Algorithm::Sha1) };
        if let Some(algorithm) = Algorithm::parse(name) {
            return Ok(algorithm);
        }
        let is_name = name.chars().all(|character| character.is_ascii_alphanumeric() || "-_/ ".contains(character));
        if is_name && name.len() <= LONGEST_ALGORITHM {
            return Err(UriError::NotSupported(format!("codes made with {name}")));
        }
        Err(UriError::BadParameter("algorithm"))
    }

    fn digits(&self) -> Result<u8, UriError> {
        match self.number("digits")? {
            None => Ok(FEWEST_DIGITS),
            Some(0) => Err(UriError::BadParameter("digits")),
            Some(digits) => u8::try_from(digits)
                .ok()
                .filter(|digits| (FEWEST_DIGITS..=MOST_DIGITS).contains(digits))
                .ok_or_else(|| UriError::NotSupported(format!("codes of {digits} digits"))),
        }
    }

    fn period(&self) -> Result<u32, UriError> {
        match self.number("period")? {
            None => Ok(DEFAULT_PERIOD_SECONDS),
            Some(0) => Err(UriError::BadParameter("period")),
            Some(seconds) => u32::try_from(seconds)
                .ok()
                .filter(|seconds| *seconds <= LONGEST_PERIOD_SECONDS)
                .ok_or_else(|| UriError::NotSupported(format!("codes that last {seconds} seconds"))),
        }
    }

    /// Returns the secret for one-time passwords, decoded from base32, even if percent-encoded twice.
    pub(super) fn code_secret(&self) -> Result<SecretBytes, UriError> {
        let text = self.plain("secret").ok_or(UriError::MissingParameter("secret"))?;
        oath::read_secret(&decode_again(text)).map_err(|problem| match problem {
            SecretError::TooShort { bytes } => UriError::WeakSecret { bytes },
            SecretError::NotASecret => UriError::BadParameter("secret"),
        })
    }

    /// Returns the parameter as written, trimmed; `None` if missing or empty.
    fn value(&self, key: &str) -> Option<&str> {
        self.plain(key).map(str::trim).filter(|value| !value.is_empty())
    }

    /// Returns a nonnegative integer; a plus sign or zeros may precede it.
    fn number(&self, key: &'static str) -> Result<Option<u64>, UriError> {
        let Some(text) = self.value(key) else { return Ok(None) };
        let digits = text.trim_matches('+').trim();
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = is_number.then(|| digits.parse().ok()).flatten();
        number.map(Some).ok_or(UriError::BadParameter(key))
    }
}

/// Percent-decodes the text once more, or returns it unchanged if the result is not text. Only for values in which a
/// percent sign has no other meaning.
fn decode_again(text: &str) -> Zeroizing<String> {
    let decoded = percent_decode_str(text).decode_utf8().map(|text| text.into_owned());
    Zeroizing::new(decoded.unwrap_or_else(|_| text.to_owned()))
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
