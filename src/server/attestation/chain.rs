//! Verifies a chain of certificates up to a pinned root (RFC 5280, section 6, as far as attestations need it).
//!
//! A root is trusted for its key and its name. Its validity period is ignored: judging it is up to the administrator
//! who pins it, and vendors reissue roots with the same key.

use std::path::Path;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::oid_registry::{
    OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256,
    OID_SIG_ECDSA_WITH_SHA384, OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_KEY_USAGE,
};
use x509_parser::pem::Pem;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

use super::error::{AttestationError, AttestationFileError};
use crate::server::text_file::read_text;

/// Fewest certificates in a chain, including the root.
const FEWEST: usize = 2;
/// Most certificates in a chain.
const MOST: usize = 10;
/// Largest chain, in bytes.
const LARGEST: usize = 8 * 1024;

/// Trusted roots, in DER.
#[derive(Debug)]
pub(super) struct Roots(Vec<Vec<u8>>);

/// Which certificates must be within their validity periods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dates {
    /// All certificates.
    OfAll,
    /// All but the first.
    OfAuthorities,
}

impl Roots {
    /// Reads the roots from a file.
    pub(super) fn load(file: &Path) -> Result<Self, AttestationFileError> {
        let name = || file.display().to_string();
        let text = read_text(file).map_err(|error| AttestationFileError::Unreadable(name(), error))?;
        Self::parse(&text).map_err(|problem| AttestationFileError::Roots(name(), problem))
    }

    /// Parses PEM, or a JSON list of PEM strings, as published by Google.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let text = match serde_json::from_str::<Vec<String>>(text) {
            Ok(certificates) => certificates.join("\n"),
            Err(_) => text.to_owned(),
        };
        let mut roots = Vec::new();
        for block in Pem::iter_from_buffer(text.as_bytes()) {
            let block = block.map_err(|_| "a block is damaged")?;
            if block.label != "CERTIFICATE" {
                return Err("a block is no certificate");
            }
            let root = read(&block.contents).map_err(|_| "a certificate cannot be read")?;
            if root.subject().as_raw() != root.issuer().as_raw() || check_link(&root, &root).is_err() {
                return Err("a certificate is no root: it is not signed by itself");
            }
            if check_extensions(&root).is_err() || check_authority(&root, 0).is_err() {
                return Err("a certificate is no root: it may not issue others");
            }
            roots.push(block.contents);
        }
        if roots.is_empty() { Err("there is none") } else { Ok(Self(roots)) }
    }

    fn iter(&self) -> impl Iterator<Item = X509Certificate<'_>> {
        self.0.iter().filter_map(|der| read(der).ok())
    }
}

fn read(der: &[u8]) -> Result<X509Certificate<'_>, AttestationError> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) if certificate.version() == X509Version::V3 => Ok(certificate),
        _ => Err(AttestationError::Malformed),
    }
}

/// Parses a chain, first certificate first, and checks its limits.
pub(super) fn parse(chain: &[Vec<u8>]) -> Result<Vec<X509Certificate<'_>>, AttestationError> {
    let size = chain.iter().fold(0_usize, |size, certificate| size.saturating_add(certificate.len()));
    if !(FEWEST..=MOST).contains(&chain.len()) || size > LARGEST {
        return Err(AttestationError::Chain);
    }
    chain.iter().map(|certificate| read(certificate)).collect()
}

/// Verifies a chain up to one of the roots, which may be its last certificate. `now` is in epoch seconds.
pub(super) fn verify(
    chain: &[X509Certificate<'_>],
    roots: &Roots,
    dates: Dates,
    now: i64,
) -> Result<(), AttestationError> {
    let now = ASN1Time::from_timestamp(now).map_err(|_| AttestationError::Validity)?;
    let is_root = |certificate: &X509Certificate<'_>| {
        roots.iter().any(|root| root.public_key().raw == certificate.public_key().raw)
    };
    let (path, ends_at_root) = match chain.split_last() {
        Some((last, path)) if is_root(last) => (path, true),
        _ => (chain, false),
    };
    let (Some(first), Some(last)) = (path.first(), path.last()) else { return Err(AttestationError::Chain) };
    let named: Vec<X509Certificate<'_>> =
        roots.iter().filter(|root| root.subject().as_raw() == last.issuer().as_raw()).collect();
    let Some(root) = named.iter().find(|root| check_link(last, root).is_ok()) else {
        let unknown =
            if ends_at_root && !named.is_empty() { AttestationError::Signature } else { AttestationError::Root };
        return Err(unknown);
    };
    for (certificate, issuer) in path.iter().zip(path.iter().skip(1)) {
        if certificate.issuer().as_raw() != issuer.subject().as_raw() {
            return Err(AttestationError::Issuer);
        }
        check_link(certificate, issuer)?;
    }
    check_extensions(first)?;
    if first.is_ca() {
        return Err(AttestationError::Authority);
    }
    if dates == Dates::OfAll && !first.validity().is_valid_at(now) {
        return Err(AttestationError::Validity);
    }
    for (below, authority) in path.iter().skip(1).enumerate() {
        check_extensions(authority)?;
        check_authority(authority, below)?;
        if !authority.validity().is_valid_at(now) {
            return Err(AttestationError::Validity);
        }
    }
    check_authority(root, path.len().saturating_sub(1))
}

/// Verifies the signature of a certificate with the issuer's key.
fn check_link(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> Result<(), AttestationError> {
    let algorithm = &certificate.signature_algorithm.algorithm;
    // The library also accepts SHA-1.
    let accepted = [
        OID_PKCS1_SHA256WITHRSA,
        OID_PKCS1_SHA384WITHRSA,
        OID_PKCS1_SHA512WITHRSA,
        OID_SIG_ECDSA_WITH_SHA256,
        OID_SIG_ECDSA_WITH_SHA384,
    ];
    if !accepted.contains(algorithm) || certificate.signature_algorithm != certificate.tbs_certificate.signature {
        return Err(AttestationError::Signature);
    }
    certificate.verify_signature(Some(issuer.public_key())).map_err(|_| AttestationError::Signature)
}

/// Rejects duplicate extensions, and critical ones that are not understood.
fn check_extensions(certificate: &X509Certificate<'_>) -> Result<(), AttestationError> {
    let extensions = certificate.tbs_certificate.extensions_map().map_err(|_| AttestationError::Malformed)?;
    let understood = [OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_KEY_USAGE];
    let is_fine = |extension: &x509_parser::extensions::X509Extension<'_>| {
        let is_understood = understood.contains(&extension.oid);
        let is_damaged =
            matches!(extension.parsed_extension(), ParsedExtension::ParseError { .. } | ParsedExtension::Unparsed);
        if is_understood { !is_damaged } else { !extension.critical }
    };
    if extensions.values().all(|extension| is_fine(extension)) { Ok(()) } else { Err(AttestationError::Malformed) }
}

/// Checks that a certificate may issue certificates with `below` authorities between it and the first one.
fn check_authority(certificate: &X509Certificate<'_>, below: usize) -> Result<(), AttestationError> {
    let constraints = certificate.basic_constraints().map_err(|_| AttestationError::Malformed)?;
    let constraints = constraints.ok_or(AttestationError::Authority)?.value;
    let usage = certificate.key_usage().map_err(|_| AttestationError::Malformed)?;
    let is_deep_enough =
        constraints.path_len_constraint.is_none_or(|most| u32::try_from(below).is_ok_and(|below| below <= most));
    if constraints.ca && is_deep_enough && usage.is_none_or(|usage| usage.value.key_cert_sign()) {
        Ok(())
    } else {
        Err(AttestationError::Authority)
    }
}
