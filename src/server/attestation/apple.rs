//! App Attest: Apple's statement that a genuine app on a genuine device requested this attestation.
//!
//! The App Attest key does not sign the answers to sign-on requests. It vouches for the app, and the app vouches for
//! the device key: the app gives App Attest a digest of the registration's challenge and that key.

use ciborium::Value;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use x509_parser::asn1_rs::{Class, Oid, Tag, oid};
use x509_parser::certificate::X509Certificate;

use super::Subject;
use super::chain::{self, Dates, Roots};
use super::der::{Fields, Malformed};
use super::error::{AttestationError, AttestationFileError};
use super::settings::AttestationSettings;
use crate::ports::EpochMilliseconds;
use crate::protocol::attestation::client_data_hash;
use crate::protocol::device_key::{KeyLevel, Protection};

/// The extension that holds the nonce.
const NONCE: Oid<'static> = oid!(1.2.840.113635.100.8.2);
/// The `aaguid` of apps from the App Store and TestFlight.
const PRODUCTION: [u8; 16] = *b"appattest\0\0\0\0\0\0\0";
/// The `aaguid` of development builds.
const DEVELOPMENT: [u8; 16] = *b"appattestdevelop";
/// Flag that indicates that a credential follows.
const HAS_CREDENTIAL: u8 = 0x40;

/// Checks App Attest objects.
#[derive(Debug)]
pub struct Apple {
    roots: Roots,
    /// SHA-256 digests of the App IDs.
    app_ids: Vec<Vec<u8>>,
    development: bool,
}

/// Returns whether this is a CBOR map, as in an App Attest object, rather than a certificate.
pub(super) fn is_object(bytes: &[u8]) -> bool {
    matches!(bytes, [0xa0..=0xbf, ..])
}

impl Apple {
    /// Reads the file named in the settings, if any.
    pub fn load(settings: &AttestationSettings) -> Result<Option<Self>, AttestationFileError> {
        let Some(roots) = &settings.apple_roots else { return Ok(None) };
        Ok(Some(Self {
            roots: Roots::load(roots)?,
            app_ids: settings.apple_app_ids.iter().map(|id| sha256(&[id.as_bytes()])).collect(),
            development: settings.apple_development,
        }))
    }

    /// Verifies an object that vouches for a device key.
    ///
    /// The app's claim about where the key is stored is then believed. Apps on iOS have no secure hardware other than
    /// the Secure Enclave.
    pub(super) fn attest(&self, object: &[u8], subject: Subject<'_>) -> Result<Protection, AttestationError> {
        self.verify(object, &client_data_hash(subject.challenge, subject.key), subject.now)?;
        match subject.claimed.level {
            KeyLevel::SecureEnclave | KeyLevel::Software => Ok(subject.claimed),
            KeyLevel::Tee | KeyLevel::Strongbox => Err(AttestationError::Level),
        }
    }

    /// Verifies that one of the accepted apps made the object for this digest (`clientDataHash`).
    pub fn verify(
        &self,
        object: &[u8],
        client_data_digest: &[u8],
        now: EpochMilliseconds,
    ) -> Result<(), AttestationError> {
        let AttestationObject { certificates, authenticator } = AttestationObject::parse(object)?;
        let chain = chain::parse(&certificates)?;
        chain::verify(&chain, &self.roots, Dates::OfAll, now.div_euclid(1000))?;
        let first = chain.first().ok_or(AttestationError::Chain)?;
        if nonce(first)? != sha256(&[&authenticator, client_data_digest]) {
            return Err(AttestationError::Challenge);
        }
        let data = Authenticator::parse(&authenticator).map_err(|Malformed| AttestationError::Malformed)?;
        if data.credential != sha256(&[&first.public_key().subject_public_key.data]) {
            return Err(AttestationError::Key);
        }
        // A counter above zero means that the key has been used since its attestation.
        if data.counter != [0; 4] || data.flags & HAS_CREDENTIAL == 0 {
            return Err(AttestationError::Malformed);
        }
        let is_ours = self.app_ids.iter().any(|id| id == data.app_id);
        if is_ours && (data.kind == PRODUCTION || (self.development && data.kind == DEVELOPMENT)) {
            Ok(())
        } else {
            Err(AttestationError::App)
        }
    }
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    digest(&SHA256, &parts.concat()).as_ref().to_vec()
}

/// Returns the nonce from the first certificate: a sequence with an octet string under the tag 1.
fn nonce<'a>(certificate: &'a X509Certificate<'_>) -> Result<&'a [u8], AttestationError> {
    let extension = certificate.get_extension_unique(&NONCE).map_err(|_| AttestationError::Malformed)?;
    let value = extension.ok_or(AttestationError::Extension)?.value;
    let read = || -> Result<&[u8], Malformed> {
        let mut fields = Fields(Fields(value).only(Tag::Sequence)?);
        let tagged = fields.any()?.filter(|any| any.header.class() == Class::ContextSpecific).ok_or(Malformed)?;
        fields.end()?;
        if tagged.header.tag().0 == 1 { Fields(tagged.data).only(Tag::OctetString) } else { Err(Malformed) }
    };
    read().map_err(|Malformed| AttestationError::Malformed)
}

/// The parts of the object that are used. The receipt is left out, because it is for queries to Apple, which this
/// server does not send.
struct AttestationObject {
    certificates: Vec<Vec<u8>>,
    authenticator: Vec<u8>,
}

impl AttestationObject {
    fn parse(object: &[u8]) -> Result<Self, AttestationError> {
        let mut rest = object;
        let value = ciborium::from_reader::<Value, _>(&mut rest).ok().filter(|_| rest.is_empty());
        let read = |value: Option<Value>| {
            let mut object = value?.into_map().ok()?;
            let format = take(&mut object, "fmt")?.into_text().ok()?;
            let mut statement = take(&mut object, "attStmt")?.into_map().ok()?;
            let certificates = take(&mut statement, "x5c")?.into_array().ok()?;
            let certificates = certificates.into_iter().map(|one| one.into_bytes().ok()).collect::<Option<_>>()?;
            let authenticator = take(&mut object, "authData")?.into_bytes().ok()?;
            (format == "apple-appattest").then_some(Self { certificates, authenticator })
        };
        read(value).ok_or(AttestationError::Malformed)
    }
}

/// Removes and returns the value with this name, which must occur exactly once.
fn take(map: &mut Vec<(Value, Value)>, name: &str) -> Option<Value> {
    let at = map.iter().position(|(key, _)| key.as_text() == Some(name))?;
    let (_, value) = map.swap_remove(at);
    map.iter().all(|(key, _)| key.as_text() != Some(name)).then_some(value)
}

/// The authenticator data of WebAuthn (section 6.1), up to the ID of the credential.
struct Authenticator<'a> {
    app_id: &'a [u8],
    flags: u8,
    counter: [u8; 4],
    kind: [u8; 16],
    credential: &'a [u8],
}

impl<'a> Authenticator<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let (app_id, rest) = bytes.split_at_checked(SHA256_OUTPUT_LEN).ok_or(Malformed)?;
        let ([flags], rest) = rest.split_first_chunk().ok_or(Malformed)?;
        let (counter, rest) = rest.split_first_chunk().ok_or(Malformed)?;
        let (kind, rest) = rest.split_first_chunk().ok_or(Malformed)?;
        let (length, rest) = rest.split_first_chunk().ok_or(Malformed)?;
        let credential = rest.get(..usize::from(u16::from_be_bytes(*length))).ok_or(Malformed)?;
        Ok(Self { app_id, flags: *flags, counter: *counter, kind: *kind, credential })
    }
}
