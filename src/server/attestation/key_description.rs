//! The extension 1.3.6.1.4.1.11129.2.1.17, in which Android describes an attested key (source.android.com, "Key and ID
//! attestation"): Keymaster versions 1 to 4, and KeyMint from 100.
//!
//! All versions have the same eight fields. Only the tags of the authorization lists have grown: unknown tags are
//! skipped, and known ones must have the specified form.

use x509_parser::asn1_rs::{Class, Tag};

use super::der::{Fields, Malformed};

/// Where a key is stored or an attestation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SecurityLevel {
    Software,
    TrustedEnvironment,
    StrongBox,
}

/// A key as described by the phone's keystore.
#[derive(Debug, PartialEq, Eq)]
pub struct KeyDescription<'a> {
    /// Where the attestation was made.
    pub(super) attestation_level: SecurityLevel,
    /// Where the key is stored.
    pub(super) key_level: SecurityLevel,
    pub(super) challenge: &'a [u8],
    /// Properties that Android enforces or reports.
    pub(super) software: AuthorizationList<'a>,
    /// Properties that the secure hardware enforces.
    pub(super) hardware: AuthorizationList<'a>,
}

/// The properties that are checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct AuthorizationList<'a> {
    pub(super) purposes: Option<Vec<u64>>,
    pub(super) no_auth_required: Option<()>,
    pub(super) user_auth_type: Option<u64>,
    /// Seconds for which one authentication stays valid.
    pub(super) auth_timeout: Option<u64>,
    pub(super) origin: Option<u64>,
    pub(super) root_of_trust: Option<RootOfTrust>,
    pub(super) application: Option<Application<'a>>,
}

/// How the phone was booted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RootOfTrust {
    pub(super) device_locked: bool,
    pub(super) is_verified: bool,
}

/// The app that created the key: all packages that share its user ID.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Application<'a> {
    pub(super) packages: Vec<&'a [u8]>,
    /// SHA-256 digests of the certificates that sign the app.
    pub(super) signing_digests: Vec<&'a [u8]>,
}

impl<'a> KeyDescription<'a> {
    /// Parses the value of the extension, rejecting anything that deviates from the specified form.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(Fields(value).only(Tag::Sequence)?);
        fields.unsigned(Tag::Integer)?; // Attestation version.
        let attestation_level = security_level(&mut fields)?;
        fields.unsigned(Tag::Integer)?; // Keystore version.
        let key_level = security_level(&mut fields)?;
        let challenge = fields.next(Tag::OctetString)?;
        fields.next(Tag::OctetString)?; // Unique ID.
        let software = AuthorizationList::parse(fields.next(Tag::Sequence)?)?;
        let hardware = AuthorizationList::parse(fields.next(Tag::Sequence)?)?;
        fields.end()?;
        Ok(Self { attestation_level, key_level, challenge, software, hardware })
    }
}

impl<'a> AuthorizationList<'a> {
    fn parse(content: &'a [u8]) -> Result<Self, Malformed> {
        let (mut list, mut fields) = (Self::default(), Fields(content));
        while let Some(any) = fields.any()? {
            if any.header.class() != Class::ContextSpecific || !any.header.constructed() {
                return Err(Malformed);
            }
            let mut value = Fields(any.data);
            match any.header.tag().0 {
                1 => once(&mut list.purposes, Fields(value.next(Tag::Set)?).integers()?)?,
                503 => once(&mut list.no_auth_required, value.null()?)?,
                504 => once(&mut list.user_auth_type, value.unsigned(Tag::Integer)?)?,
                505 => once(&mut list.auth_timeout, value.unsigned(Tag::Integer)?)?,
                702 => once(&mut list.origin, value.unsigned(Tag::Integer)?)?,
                704 => once(&mut list.root_of_trust, RootOfTrust::parse(value.next(Tag::Sequence)?)?)?,
                709 => once(&mut list.application, Application::parse(value.next(Tag::OctetString)?)?)?,
                _ => continue,
            }
            value.end()?;
        }
        Ok(list)
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Malformed> {
    if place.replace(value).is_some() { Err(Malformed) } else { Ok(()) }
}

impl RootOfTrust {
    fn parse(content: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(content);
        fields.next(Tag::OctetString)?; // The key that verifies the system.
        let device_locked = match fields.next(Tag::Boolean)? {
            [0xff] => true,
            [0] => false,
            _ => return Err(Malformed),
        };
        let is_verified = fields.unsigned(Tag::Enumerated)? == 0;
        if !fields.0.is_empty() {
            fields.next(Tag::OctetString)?; // Digest of the system, from version 3.
        }
        fields.end()?;
        Ok(Self { device_locked, is_verified })
    }
}

impl<'a> Application<'a> {
    fn parse(content: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Fields(Fields(content).only(Tag::Sequence)?);
        let mut infos = Fields(fields.next(Tag::Set)?);
        let mut packages = Vec::new();
        while !infos.0.is_empty() {
            let mut info = Fields(infos.next(Tag::Sequence)?);
            packages.push(info.next(Tag::OctetString)?);
            info.next(Tag::Integer)?; // Package version.
            info.end()?;
        }
        let mut digests = Fields(fields.next(Tag::Set)?);
        let mut signing_digests = Vec::new();
        while !digests.0.is_empty() {
            signing_digests.push(digests.next(Tag::OctetString)?);
        }
        fields.end()?;
        Ok(Self { packages, signing_digests })
    }
}

fn security_level(fields: &mut Fields<'_>) -> Result<SecurityLevel, Malformed> {
    match fields.unsigned(Tag::Enumerated)? {
        0 => Ok(SecurityLevel::Software),
        1 => Ok(SecurityLevel::TrustedEnvironment),
        2 => Ok(SecurityLevel::StrongBox),
        _ => Err(Malformed),
    }
}
