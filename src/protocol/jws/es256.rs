//! Device key signatures: compact JWS (RFC 7515) with ES256 (RFC 7518 section 3.4), and nothing else.
//!
//! The protected header is exactly `alg` and `typ`, so no `crit` and no embedded key can mislead a reader. The bytes to
//! sign have their own type, because the key is often in hardware outside this process. No claim is interpreted here.

use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{JwsError, LENGTH_LIMIT, Verified};
use crate::protocol::device_key::PublicKey;
use crate::protocol::encoding::{decode_url_safe, encode_url_safe};

/// Length of a JWS signature, in bytes: r and s, 32 each.
pub const SIGNATURE_LENGTH: usize = 64;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
}

/// The exact bytes that the device key must sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningInput(String);

impl SigningInput {
    /// Encodes header and claims. `typ` states the purpose of the signature, so that it is valid for nothing else.
    pub fn new<T: Serialize>(typ: &str, claims: &T) -> Result<Self, JwsError> {
        let header = Header { alg: "ES256".to_owned(), typ: typ.to_owned() };
        let encode = |bytes: serde_json::Result<Vec<u8>>| {
            bytes.map(|bytes| encode_url_safe(&bytes)).map_err(|_| JwsError::WrongClaims)
        };
        Ok(Self(format!("{}.{}", encode(serde_json::to_vec(&header))?, encode(serde_json::to_vec(claims))?)))
    }

    /// Restores an input that was handed out to be signed. Nothing is checked here; [`verify`] does that.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, JwsError> {
        std::str::from_utf8(bytes).map(|text| Self(text.to_owned())).map_err(|_| JwsError::Malformed)
    }

    /// Returns the bytes, to be hashed with SHA-256 and signed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Returns the token, with the signature as r and s.
    pub fn complete(&self, signature: &[u8; SIGNATURE_LENGTH]) -> String {
        format!("{}.{}", self.0, encode_url_safe(signature))
    }
}

/// Verifies header and signature, and parses the claims.
pub fn verify<T: DeserializeOwned>(key: &PublicKey, typ: &str, token: &str) -> Result<Verified<T>, JwsError> {
    if token.len() > LENGTH_LIMIT {
        return Err(JwsError::Malformed);
    }
    let (input, signature) = token.rsplit_once('.').ok_or(JwsError::Malformed)?;
    let (header, claims) = input.split_once('.').ok_or(JwsError::Malformed)?;
    if claims.contains('.') {
        return Err(JwsError::Malformed);
    }
    let decode = |part: &str| decode_url_safe(part).map_err(|_| JwsError::Malformed);
    let (header, claims, signature) = (decode(header)?, decode(claims)?, decode(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| JwsError::UnsupportedAlgorithm)?;
    if header.alg != "ES256" || header.typ != typ {
        return Err(JwsError::UnsupportedAlgorithm);
    }
    if !signature_is_right(key, input.as_bytes(), &signature) {
        return Err(JwsError::WrongSignature);
    }
    serde_json::from_slice(&claims).map(Verified).map_err(|_| JwsError::WrongClaims)
}

/// Returns whether `signature` (r and s) is the key's signature over these bytes. Also false if the key is not a point
/// on the curve.
pub fn signature_is_right(key: &PublicKey, bytes: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.point()).verify(bytes, signature).is_ok()
}

/// Converts a signature to r and s from the DER form that Android's Keystore and Apple's Security framework return
/// (`SEQUENCE` of two `INTEGER`s, RFC 3279 section 2.2.3). Returns `None` for anything else. Accepts minimal DER only.
pub fn signature_from_der(der: &[u8]) -> Option<[u8; SIGNATURE_LENGTH]> {
    let (content, rest) = read_element(der, 0x30)?;
    let (r, after) = read_element(content, 0x02)?;
    let (s, end) = read_element(after, 0x02)?;
    if !rest.is_empty() || !end.is_empty() {
        return None;
    }
    let mut signature = [0; SIGNATURE_LENGTH];
    let (first, second) = signature.split_at_mut(SIGNATURE_LENGTH / 2);
    place_integer(r, first)?;
    place_integer(s, second)?;
    Some(signature)
}

/// Returns the content of an element with this tag and a length below 128, and the bytes after it.
fn read_element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&length, rest) = rest.split_first()?;
    if found == tag && length < 128 { rest.split_at_checked(usize::from(length)) } else { None }
}

/// Writes a positive integer right-aligned into the field.
fn place_integer(bytes: &[u8], field: &mut [u8]) -> Option<()> {
    let magnitude = match bytes {
        [0, second, ..] if *second >= 0x80 => bytes.get(1..)?,
        [0, _, ..] => return None,
        [first, ..] if *first < 0x80 => bytes,
        _ => return None,
    };
    let start = field.len().checked_sub(magnitude.len())?;
    field.get_mut(start..)?.copy_from_slice(magnitude);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// Token of RFC 7515 appendix A.3. Its header has no `typ`, so it is rejected here although its signature is valid.
    const RFC_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    #[test]
    fn the_signature_of_rfc_7515_is_right_and_its_header_is_not_enough() {
        let key = PublicKey::parse(
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        )
        .unwrap();
        let (input, signature) = RFC_TOKEN.rsplit_once('.').unwrap();
        let signature = decode_url_safe(signature).unwrap();
        assert!(signature_is_right(&key, input.as_bytes(), &signature));
        assert_eq!(verify::<Value>(&key, "x", RFC_TOKEN).err(), Some(JwsError::UnsupportedAlgorithm));
    }

    #[test]
    fn der_signatures_become_r_and_s_and_loose_ones_are_refused() {
        let der = [&[0x30, 0x45, 0x02, 0x21, 0x00], &[0x80; 32][..], &[0x02, 0x20], &[0x01; 32]].concat();
        assert_eq!(signature_from_der(&der).unwrap().as_slice(), [[0x80; 32], [1; 32]].concat());
        let short = [0x30, 0x06, 0x02, 0x01, 0x07, 0x02, 0x01, 0x09];
        let signature = signature_from_der(&short).unwrap();
        assert_eq!((signature[31], signature[63], signature.iter().filter(|byte| **byte == 0).count()), (7, 9, 62));
        for bad in [
            &[][..],
            &[0x30, 0x00],
            &[0x30, 0x06, 0x02, 0x01, 0x07, 0x02, 0x01],
            &[0x30, 0x06, 0x02, 0x01, 0x07, 0x02, 0x01, 0x09, 0x00],
            &[0x30, 0x07, 0x02, 0x01, 0x07, 0x02, 0x01, 0x09, 0x00],
            &[0x30, 0x07, 0x02, 0x02, 0x00, 0x07, 0x02, 0x01, 0x09],
            &[0x30, 0x06, 0x02, 0x01, 0x87, 0x02, 0x01, 0x09],
            &[0x31, 0x06, 0x02, 0x01, 0x07, 0x02, 0x01, 0x09],
            &[0x30, 0x05, 0x02, 0x00, 0x02, 0x01, 0x09],
        ] {
            assert_eq!(signature_from_der(bad), None, "{bad:02x?}");
        }
        let long = [&[0x30, 0x26, 0x02, 0x21], &[0x01; 33][..], &[0x02, 0x01, 0x01]].concat();
        assert_eq!(signature_from_der(&long), None, "33 bytes");
    }
}
