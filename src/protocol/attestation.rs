//! The client data that App Attest vouches for (docs/wire.md, "Attestation").
//!
//! The phone computes it to request an attestation, and the server computes it to check one. Independent of attestation
//! objects, certificates and the network.

use ring::digest;

use super::device_key::PublicKey;

/// Returns the `clientDataHash` of a registration whose key App Attest vouches for: SHA-256 over the challenge that the
/// platform attests ([`Binding::attestation_challenge`](super::proof::Binding::attestation_challenge)) and the key's
/// thumbprint as text.
pub fn client_data_hash(attestation_challenge: &[u8], key: &PublicKey) -> [u8; digest::SHA256_OUTPUT_LEN] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(attestation_challenge);
    context.update(key.thumbprint().as_bytes());
    let mut output = [0; digest::SHA256_OUTPUT_LEN];
    output.copy_from_slice(context.finish().as_ref());
    output
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::encoding::encode_url_safe;

    #[test]
    fn it_is_the_digest_of_the_challenge_and_the_thumbprint_as_text() {
        // The key of RFC 7517 appendix A.1.
        let key = r#"{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
        let key = PublicKey::parse(key).unwrap();
        // Computed with Python's hashlib from bytes(range(32)) and the thumbprint's 43 characters.
        assert_eq!(
            encode_url_safe(&client_data_hash(&Vec::from_iter(0..32), &key)),
            "qlIrn7MHjntWLRjLIL2dTUmBZxhPUAgS2DeT0Oxf7UY"
        );
    }
}
