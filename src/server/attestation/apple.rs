//! App Attest: Apple says that a genuine app on a genuine device asked for this.
//!
//! Its key is App Attest's own and signs no answers, so it vouches for the app, and the app for the key that registers:
//! what it hands to App Attest is a digest over the registration's challenge and that key.

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

/// The extension that holds what was attested.
const NONCE: Oid<'static> = oid!(1.2.840.113635.100.8.2);
/// `aaguid` of apps from the App Store and from TestFlight.
const PRODUCTION: [u8; 16] = *b"appattest\0\0\0\0\0\0\0";
/// `aaguid` of development builds.
const DEVELOPMENT: [u8; 16] = *b"appattestdevelop";
/// Bit of the flags that says that a credential follows.
const HAS_CREDENTIAL: u8 = 0x40;

/// Checks what App Attest makes.
#[derive(Debug)]
pub struct Apple {
    roots: Roots,
    /// SHA-256 of the App IDs.
    app_ids: Vec<Vec<u8>>,
    development: bool,
}

/// Whether this is a map in CBOR, as App Attest makes one, and no certificate.
pub(super) fn is_object(bytes: &[u8]) -> bool {
    matches!(bytes, [0xa0..=0xbf, ..])
}

impl Apple {
    /// Reads the file that the settings name, where they name one.
    pub fn load(settings: &AttestationSettings) -> Result<Option<Self>, AttestationFileError> {
        let Some(roots) = &settings.apple_roots else { return Ok(None) };
        Ok(Some(Self {
            roots: Roots::load(roots)?,
            app_ids: settings.apple_app_ids.iter().map(|id| sha256(&[id.as_bytes()])).collect(),
            development: settings.apple_development,
        }))
    }

    /// Checks an object that shall vouch for a registering key. Where the key lives is the app's word, which is believed
    /// then; no app on iOS has any other hardware than the Secure Enclave.
    pub(super) fn attest(&self, object: &[u8], subject: Subject<'_>) -> Result<Protection, AttestationError> {
        self.verify(object, &client_data_hash(subject.challenge, subject.key), subject.now)?;
        match subject.claimed.level {
            KeyLevel::SecureEnclave | KeyLevel::Software => Ok(subject.claimed),
            KeyLevel::Tee | KeyLevel::Strongbox => Err(AttestationError::Level),
        }
    }

    /// Checks that the object was made by one of the apps for this digest (`clientDataHash`).
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
        // A counter that ran was not just attested.
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

/// What the first certificate was made for: a sequence with one string of octets under the tag 1.
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

/// The object, as far as it is looked at; the receipt is for asking Apple, which this server does not.
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

/// The value of this name, which there must be exactly once.
fn take(map: &mut Vec<(Value, Value)>, name: &str) -> Option<Value> {
    let at = map.iter().position(|(key, _)| key.as_text() == Some(name))?;
    let (_, value) = map.swap_remove(at);
    map.iter().all(|(key, _)| key.as_text() != Some(name)).then_some(value)
}

/// The authenticator data of WebAuthn, section 6.1, up to the credential's id.
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
