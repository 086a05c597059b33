//! The load-balancer cookie of a registration code or a push message. Knows no request.

/// A load-balancer cookie: one or more `name=value` pairs, checked against RFC 6265 section 4.2.1, so that it can be
/// sent as a header without carrying anything else into the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cookie(String);

/// The bytes are no cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cookie")]
pub struct NotACookie;

impl Cookie {
    /// Checks the decoded bytes of an `l` parameter.
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

    /// The value of the `Cookie` header.
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
