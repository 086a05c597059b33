//! Signed JSON (RFC 7515 compact form): HS256 (RFC 7518 section 3.2) here, ES256 with device keys in [`es256`], and no
//! other part of JOSE.
//!
//! `jsonwebtoken` does the framing on top of a `ring` provider, so that the phone carries only one crypto library. Only
//! HS256 is accepted, `crit` is rejected, and no claim is interpreted here. Only [`verify`] and [`es256::verify`] can
//! create a [`Verified`], so a function that takes one cannot be handed an unverified message.

pub mod es256;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation};
use ring::hmac;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::secret::{Reason, SecretBytes};

/// Longest signed message that is accepted, in bytes. A push envelope is at most 4096.
pub const LENGTH_LIMIT: usize = 16 * 1024;

/// The reason why a signed message was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// The message is not three dot-separated base64url parts with JSON inside.
    #[error("The message is not a well-formed signed message.")]
    Malformed,
    /// The message uses an algorithm that this protocol does not, or critical extensions that this crate does not
    /// support.
    #[error("The message is signed in a way that is not accepted here.")]
    UnsupportedAlgorithm,
    /// The signature does not match the message and the shared secret.
    #[error("The message's signature is wrong.")]
    WrongSignature,
    /// The signature is valid, but the claims are not of the expected form.
    #[error("The message is signed, but its content is not of the expected form.")]
    WrongClaims,
}

/// Content with a verified signature. Only [`verify`] and [`es256::verify`] create one.
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Returns the verified content.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// Returns the verified content, by value.
    pub fn into_inner(self) -> T {
        self.0
    }

    /// Converts the content into a narrower type; it stays verified.
    pub(in crate::protocol) fn try_map<U, E>(self, read: impl FnOnce(T) -> Result<U, E>) -> Result<Verified<U>, E> {
        read(self.0).map(Verified)
    }
}

/// Signs the claims under the shared secret's bytes, with the header `{"typ":"JWT","alg":"HS256"}`.
///
/// The claims are written in the order of their fields, because answers must be reproducible byte for byte.
pub fn sign<T: Serialize>(secret: &SecretBytes, claims: &T) -> Result<String, JwsError> {
    install_provider();
    let key = EncodingKey::from_secret(secret.expose(Reason::Authenticate));
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).map_err(|_| JwsError::WrongClaims)
}

/// Verifies the signature and parses the claims.
pub fn verify<T: DeserializeOwned>(secret: &SecretBytes, token: &str) -> Result<Verified<T>, JwsError> {
    install_provider();
    if token.len() > LENGTH_LIMIT || token.split('.').count() != 3 {
        return Err(JwsError::Malformed);
    }
    let mut validation = Validation::new(Algorithm::HS256);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(secret.expose(Reason::Authenticate));
    // The claims are parsed only after the signature was verified, so an error in them is the signer's.
    let data =
        jsonwebtoken::decode::<serde_json::Value>(token, &key, &validation).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => JwsError::WrongSignature,
            ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName => JwsError::UnsupportedAlgorithm,
            ErrorKind::Json(problem) if problem.to_string().contains("unknown variant") => {
                JwsError::UnsupportedAlgorithm
            }
            _ => JwsError::Malformed,
        })?;
    if data.header.crit.is_some() {
        return Err(JwsError::UnsupportedAlgorithm);
    }
    serde_json::from_value(data.claims).map(Verified).map_err(|_| JwsError::WrongClaims)
}

/// Parses claims **without checking the signature**, only to find out whose secret to verify the message with.
pub fn peek<T: DeserializeOwned>(token: &str) -> Result<T, JwsError> {
    if token.len() > LENGTH_LIMIT || token.split('.').count() != 3 {
        return Err(JwsError::Malformed);
    }
    jsonwebtoken::dangerous::insecure_decode_claims(token).map_err(|_| JwsError::Malformed)
}

/// Returns the MAC that proves possession of the shared secret: HMAC-SHA-256 over the challenge (RFC 2104), 32 bytes.
pub fn challenge_response(secret: &SecretBytes, challenge: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose(Reason::Authenticate));
    let mut code = [0u8; 32];
    code.copy_from_slice(hmac::sign(&key, challenge).as_ref());
    code
}

/// Installs the provider on first use. There is one per process: if another part of the app has already installed one,
/// that one stays, and it handles HS256 just as well.
fn install_provider() {
    let _ = PROVIDER.install_default();
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))))
        }
        _ => unsupported(),
    },
    verifier_factory: |algorithm, key| match (algorithm, key.family()) {
        (Algorithm::HS256, AlgorithmFamily::Hmac) => {
            Ok(Box::new(Hs256(hmac::Key::new(hmac::HMAC_SHA256, key.try_get_as_bytes()?))))
        }
        _ => unsupported(),
    },
    key_utils: KeyUtils::new_unimplemented(),
};

fn unsupported<T>() -> JwtResult<T> {
    Err(ErrorKind::InvalidAlgorithm.into())
}

struct Hs256(hmac::Key);

impl signature::Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl signature::Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], code: &Vec<u8>) -> Result<(), signature::Error> {
        hmac::verify(&self.0, message, code).map_err(|_| signature::Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::encoding::{decode_url_safe, encode_url_safe};
    use serde_json::{Value, json};

    /// Key and token of RFC 7515 appendix A.1.
    const RFC_KEY: &str = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const RFC_TOKEN: &str = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn rfc_key() -> SecretBytes {
        SecretBytes::new(decode_url_safe(RFC_KEY).unwrap())
    }

    #[test]
    fn rfc_7515_example_is_verified_although_its_exp_is_long_past() {
        let claims = verify::<Value>(&rfc_key(), RFC_TOKEN).ok().unwrap().into_inner();
        assert_eq!(claims["iss"], "joe");
    }

    #[test]
    fn every_changed_character_is_refused() {
        for index in 0..RFC_TOKEN.len() {
            let mut bytes = RFC_TOKEN.as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let token = String::from_utf8(bytes).unwrap();
            assert!(verify::<Value>(&rfc_key(), &token).is_err(), "changed at {index}");
        }
    }

    #[test]
    fn header_is_written_as_the_phones_write_it() {
        let token = sign(&rfc_key(), &json!({})).unwrap();
        assert!(token.starts_with(&format!("{}.", encode_url_safe(br#"{"typ":"JWT","alg":"HS256"}"#))));
    }

    fn token_with_header(header: &str) -> String {
        let body = format!("{}.{}", encode_url_safe(header.as_bytes()), encode_url_safe(b"{}"));
        let code = challenge_response(&rfc_key(), body.as_bytes());
        format!("{body}.{}", encode_url_safe(&code))
    }

    #[test]
    fn algorithms_other_than_hs256_and_crit_are_refused_although_the_code_is_right() {
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS512"}"#,
            r#"{"alg":"RS256"}"#,
            r#"{"alg":"HS256","crit":["exp"],"exp":1}"#,
            r#"{"alg":"HS256","crit":[]}"#,
        ] {
            let result = verify::<Value>(&rfc_key(), &token_with_header(header));
            assert_eq!(result.err(), Some(JwsError::UnsupportedAlgorithm), "{header}");
        }
        assert!(verify::<Value>(&rfc_key(), &token_with_header(r#"{"alg":"HS256"}"#)).is_ok(), "typ may be missing");
    }

    #[test]
    fn shapes_that_are_no_signed_message_are_refused() {
        for token in ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", &"x".repeat(LENGTH_LIMIT + 1)] {
            assert_eq!(verify::<Value>(&rfc_key(), token).err(), Some(JwsError::Malformed), "{token}");
        }
        let unsigned: String = RFC_TOKEN.rsplit_once('.').map(|(body, _)| format!("{body}.")).unwrap();
        assert_eq!(verify::<Value>(&rfc_key(), &unsigned).err(), Some(JwsError::WrongSignature));
    }

    /// RFC 4231 test case 2.
    #[test]
    fn challenge_response_is_hmac_sha_256() {
        let code = challenge_response(&SecretBytes::new(b"Jefe".to_vec()), b"what do ya want for nothing?");
        let hex: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
