//! A phone vendor: certificates as Android's keystore issues them, written by hand from the published schema.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData, SignatureAlgorithm,
};
use ring::digest::{SHA256, digest};
use ring::signature::KeyPair as _;

use crate::device_keys::Key;

pub const KEY_DESCRIPTION: &[u64] = &[1, 3, 6, 1, 4, 1, 11129, 2, 1, 17];
pub const PACKAGE: &str = "org.pushauthenticator.app";
pub const SIGNER: [u8; 32] = [7; 32];

/// Returns a DER element with content shorter than 64 KiB.
pub fn der(tag: &[u8], content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let length: &[u8] = match length {
        [0, short @ 0..=0x7f] => &[short],
        [0, long] => &[0x81, long],
        [first, second] => &[0x82, first, second],
    };
    [tag, length, content].concat()
}

pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    der(&[0x30], &parts.concat())
}

pub fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    der(&[0x31], &parts.concat())
}

pub fn octets(content: &[u8]) -> Vec<u8> {
    der(&[0x04], content)
}

pub fn integer(value: u32) -> Vec<u8> {
    number(0x02, value)
}

pub fn enumerated(value: u32) -> Vec<u8> {
    number(0x0a, value)
}

fn number(tag: u8, value: u32) -> Vec<u8> {
    let bytes = [&[0], value.to_be_bytes().as_slice()].concat();
    let first = bytes.windows(2).position(|two| two[0] != 0 || two[1] >= 0x80).unwrap_or(bytes.len() - 1);
    der(&[tag], &bytes[first..])
}

pub fn null() -> Vec<u8> {
    der(&[0x05], &[])
}

/// Returns an explicit context-specific tag.
pub fn tagged(tag: u16, content: &[u8]) -> Vec<u8> {
    let tag = match tag {
        0..31 => vec![0xa0 | tag as u8],
        31..128 => vec![0xbf, tag as u8],
        _ => vec![0xbf, 0x80 | (tag >> 7) as u8, (tag & 0x7f) as u8],
    };
    der(&tag, content)
}

pub fn root_of_trust(locked: bool, state: u32) -> Vec<u8> {
    let locked = der(&[0x01], &[if locked { 0xff } else { 0 }]);
    sequence(&[octets(&[1; 32]), locked, enumerated(state), octets(&[2; 32])])
}

pub fn application(packages: &[&str], signers: &[[u8; 32]]) -> Vec<u8> {
    let package = |name: &&str| sequence(&[octets(name.as_bytes()), integer(1)]);
    let packages: Vec<Vec<u8>> = packages.iter().map(package).collect();
    let signers: Vec<Vec<u8>> = signers.iter().map(|signer| octets(signer)).collect();
    octets(&sequence(&[set(&packages), set(&signers)]))
}

/// A keystore's description of a key; the lists hold tags and their contents.
#[derive(Clone)]
pub struct Description {
    pub version: u32,
    pub attestation_level: u32,
    pub key_level: u32,
    pub challenge: Vec<u8>,
    pub software: Vec<(u16, Vec<u8>)>,
    pub hardware: Vec<(u16, Vec<u8>)>,
}

impl Description {
    /// Describes a signing key in the trusted execution environment of a locked phone, which requires a biometric for
    /// each signature.
    pub fn new(challenge: &[u8]) -> Self {
        Self {
            version: 300,
            attestation_level: 1,
            key_level: 1,
            challenge: challenge.to_vec(),
            software: vec![(701, integer(1)), (709, application(&[PACKAGE], &[SIGNER]))],
            hardware: vec![
                (1, set(&[integer(2)])),
                (2, integer(3)),
                (3, integer(256)),
                (504, integer(2)),
                (702, integer(0)),
                (704, root_of_trust(true, 0)),
                (705, integer(160_000)),
            ],
        }
    }

    pub fn level(mut self, level: u32) -> Self {
        (self.attestation_level, self.key_level) = (level, level);
        self
    }

    /// Replaces a tag in the hardware-enforced list; `None` removes it.
    pub fn hardware(mut self, tag: u16, content: Option<Vec<u8>>) -> Self {
        self.hardware.retain(|(known, _)| *known != tag);
        self.hardware.extend(content.map(|content| (tag, content)));
        self.hardware.sort_by_key(|(tag, _)| *tag);
        self
    }

    pub fn application(mut self, content: Option<Vec<u8>>) -> Self {
        self.software.retain(|(known, _)| *known != 709);
        self.software.extend(content.map(|content| (709, content)));
        self
    }

    pub fn der(&self) -> Vec<u8> {
        let list = |tags: &[(u16, Vec<u8>)]| {
            sequence(&tags.iter().map(|(tag, content)| tagged(*tag, content)).collect::<Vec<_>>())
        };
        sequence(&[
            integer(self.version),
            enumerated(self.attestation_level),
            integer(self.version),
            enumerated(self.key_level),
            octets(&self.challenge),
            octets(&[]),
            list(&self.software),
            list(&self.hardware),
        ])
    }
}

/// A certificate authority.
pub struct Authority {
    pub der: Vec<u8>,
    pub issuer: Issuer<'static, KeyPair>,
}

pub fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

pub fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

impl Authority {
    pub fn root(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        Self::root_with(authority_params(name), algorithm)
    }

    pub fn root_with(params: CertificateParams, algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    pub fn under(issuer: &Self, params: CertificateParams) -> Self {
        Self::under_with(issuer, params, &PKCS_ECDSA_P256_SHA256)
    }

    pub fn under_with(issuer: &Self, params: CertificateParams, algorithm: &'static SignatureAlgorithm) -> Self {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let der = params.signed_by(&key, &issuer.issuer).unwrap().der().to_vec();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// Issues a certificate for this key with this description.
    pub fn attest(&self, key: &Key, description: &Description) -> Vec<u8> {
        self.certify(key, params("Android Keystore Key"), Some(description.der()))
    }

    pub fn certify(&self, key: &Key, mut params: CertificateParams, description: Option<Vec<u8>>) -> Vec<u8> {
        params.custom_extensions.extend(extension(description));
        params.signed_by(&Point(key.pair.public_key().as_ref().to_vec()), &self.issuer).unwrap().der().to_vec()
    }

    pub fn pem(&self) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(&self.der))
    }
}

pub fn extension(description: Option<Vec<u8>>) -> Option<CustomExtension> {
    description.map(|value| CustomExtension::from_oid_content(KEY_DESCRIPTION, value))
}

/// A public key on P-256.
struct Point(Vec<u8>);

impl PublicKeyData for Point {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// The root, an authority under it, and the batch authority, whose key a series of phones shares.
pub struct Maker {
    pub root: Authority,
    pub intermediate: Authority,
    pub batch: Authority,
}

impl Maker {
    pub fn new() -> Self {
        Self::with(authority_params("Intermediate"), authority_params("Batch"))
    }

    pub fn with(intermediate: CertificateParams, batch: CertificateParams) -> Self {
        let root = Authority::root("Root", &PKCS_ECDSA_P384_SHA384);
        let intermediate = Authority::under(&root, intermediate);
        let batch = Authority::under(&intermediate, batch);
        Self { root, intermediate, batch }
    }

    /// Returns the chain that begins with a key's own certificate.
    pub fn chain(&self, first: Vec<u8>) -> Vec<Vec<u8>> {
        vec![first, self.batch.der.clone(), self.intermediate.der.clone(), self.root.der.clone()]
    }
}

/// Returns the attestation challenge as defined in docs/wire.md.
pub fn challenge(origin: &str, message_id: &str, challenge: &[u8]) -> Vec<u8> {
    let lines = ["push-registration-attestation", origin, message_id, &STANDARD.encode(challenge)];
    digest(&SHA256, lines.join("\n").as_bytes()).as_ref().to_vec()
}
