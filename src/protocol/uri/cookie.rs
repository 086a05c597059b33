//! The load-balancer cookie of a registration URI or a push message.

/// A load-balancer cookie: one or more `name=value` pairs, validated against RFC 6265 section 4.2.1, so that it cannot
/// inject anything else into the HTTP request when sent as a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie(String);

/// The bytes are not a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cookie")]
pub struct NotACookie;

impl Cookie {
    /// Parses the decoded bytes of an `l` parameter.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotACookie> {
        let text = std::str::from_utf8(bytes).map_err(|_| NotACookie)?;
        let pair_is_fine = |pair: &str| {
            pair.split_once('=').is_some_and(|(name, value)| {
                !name.is_empty() && name.bytes().all(is_token_byte) && value.bytes().all(is_cookie_byte)
            })
        };
        if text.len() > 1024 || !text.split("; ").all(pair_is_fine) {
            return Err(NotACookie);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the value of the `Cookie` header.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#"()<>@,;:\"/[]?={}"#.contains(&byte)
}

fn is_cookie_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !br#",;\"#.contains(&byte)
}
