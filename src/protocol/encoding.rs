//! Base64 as the protocol uses it (RFC 4648 sections 4 and 5).
//!
//! Registration URIs are read in all four forms and written in url-safe base64 without padding. Claims inside push
//! messages are always standard base64 with padding: given any other form, the phones in the field answer with a wrong
//! MAC and no error (docs/wire.md, "The push message").

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// The text is not base64 in the required form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not valid base64")]
pub struct NotBase64;

/// Decodes base64 in any of its four forms: url-safe or standard alphabet, padded or not.
pub fn decode_any(text: &str) -> Result<Vec<u8>, NotBase64> {
    let bare = text.trim_end_matches('=');
    if text.len() - bare.len() > 2 {
        return Err(NotBase64);
    }
    let url_safe: String = bare
        .chars()
        .map(|character| match character {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    URL_SAFE_NO_PAD.decode(url_safe).map_err(|_| NotBase64)
}

/// Decodes standard base64 with padding.
pub fn decode_standard(text: &str) -> Result<Vec<u8>, NotBase64> {
    STANDARD.decode(text).map_err(|_| NotBase64)
}

/// Decodes url-safe base64 without padding.
pub fn decode_url_safe(text: &str) -> Result<Vec<u8>, NotBase64> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| NotBase64)
}

/// Encodes standard base64 with padding.
pub fn encode_standard(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Encodes url-safe base64 without padding.
pub fn encode_url_safe(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4648_vectors_in_all_four_forms() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(decode_any(text).unwrap(), bytes.as_bytes());
            assert_eq!(decode_any(text.trim_end_matches('=')).unwrap(), bytes.as_bytes());
            assert_eq!(decode_standard(text).unwrap(), bytes.as_bytes());
            assert_eq!(encode_standard(bytes.as_bytes()), text);
        }
        assert_eq!(decode_any("-_8").unwrap(), decode_any("+/8=").unwrap());
    }

    #[test]
    fn standard_refuses_the_other_forms() {
        assert_eq!(decode_standard("Zg"), Err(NotBase64));
        assert_eq!(decode_standard("-_8="), Err(NotBase64));
        assert_eq!(decode_any("Zg==="), Err(NotBase64));
        assert_eq!(decode_any("Z g="), Err(NotBase64));
    }
}
