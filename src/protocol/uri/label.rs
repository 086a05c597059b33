//! The label of a registration URI, read and written: `Issuer:Account`, `:Account` or `Account`.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use super::{UNTITLED, UriError};
use crate::protocol::text;

/// The characters to percent-encode: all but those unreserved in a query (RFC 3986 section 2.3) and the colon of
/// message ids, because phones in the field read the message id without decoding it.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// Returns the text percent-encoded for a query.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Returns the label for these names. If the issuer contains a colon, the label is `:account`: both of Ping's SDKs read
/// that, and take the issuer from its parameter. A colon in the account is encoded, so that the first literal colon
/// separates the two.
pub(super) fn print(issuer: &str, account: &str) -> String {
    let issuer = if issuer.contains(':') { "" } else { issuer };
    format!("{}:{}", encode(issuer), encode(account).replace(':', "%3A"))
}

/// The issuer and name of an account.
pub(super) struct Names {
    pub(super) issuer: String,
    pub(super) account: String,
}

impl Names {
    /// Reads the label's names, cleaned and truncated. A separate issuer takes precedence over the label's.
    pub(super) fn read(uri: &Url, issuer: Option<String>) -> Result<Self, UriError> {
        let (label_issuer, account) = read_label(uri)?;
        Ok(Self::new(&issuer.or(label_issuer).unwrap_or_default(), &account))
    }

    /// Cleans and truncates names from any source.
    pub(super) fn new(issuer: &str, account: &str) -> Self {
        let account = text::clean(account, text::NAME_LIMIT);
        Self {
            issuer: text::clean(issuer, text::NAME_LIMIT),
            account: if account.is_empty() { UNTITLED.to_owned() } else { account },
        }
    }
}

/// Returns the label's issuer and account. The colon between them may be literal or percent-encoded, even twice. If
/// there is a literal colon, an encoded one is part of a name.
fn read_label(uri: &Url) -> Result<(Option<String>, String), UriError> {
    let path = uri.path().trim_start_matches('/');
    let decode = |text: &str| {
        percent_decode_str(text).decode_utf8().map(Cow::into_owned).map_err(|_| UriError::BadParameter("label"))
    };
    let (issuer, account) = match path.split_once(':') {
        Some((issuer, account)) => (decode(issuer)?, decode(account)?),
        None => {
            let label = decode(path)?;
            // A label that was encoded once has no such escape left after decoding, so this one was encoded twice.
            let twice = !label.contains(':') && ["%3a", "%40", "%20"].iter().any(|rest| contains(&label, rest));
            let label = if twice { decode(&label)? } else { label };
            match label.split_once(':') {
                Some((issuer, account)) => (issuer.to_owned(), account.to_owned()),
                None => (String::new(), label),
            }
        }
    };
    Ok((Some(issuer).filter(|issuer| !issuer.is_empty()), account))
}

fn contains(text: &str, escape: &str) -> bool {
    text.to_ascii_lowercase().contains(escape)
}
