//! Records for accounts' separate signing keys.

use crate::ffi::AuthenticatorError;
use crate::ffi::limits::{self, check_bytes, check_text};
use crate::phone;

/// Where the private half of an account's signing key is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum KeyLevel {
    /// In the app's own storage.
    Software,
    /// In the main processor's trusted execution environment.
    Tee,
    /// In Android's StrongBox.
    Strongbox,
    /// In Apple's Secure Enclave.
    SecureEnclave,
}

impl From<phone::KeyLevel> for KeyLevel {
    fn from(level: phone::KeyLevel) -> Self {
        match level {
            phone::KeyLevel::Software => Self::Software,
            phone::KeyLevel::Tee => Self::Tee,
            phone::KeyLevel::Strongbox => Self::Strongbox,
            phone::KeyLevel::SecureEnclave => Self::SecureEnclave,
        }
    }
}

impl From<KeyLevel> for phone::KeyLevel {
    fn from(level: KeyLevel) -> Self {
        match level {
            KeyLevel::Software => Self::Software,
            KeyLevel::Tee => Self::Tee,
            KeyLevel::Strongbox => Self::Strongbox,
            KeyLevel::SecureEnclave => Self::SecureEnclave,
        }
    }
}

/// What the user must do before an account's key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum UserPresence {
    /// Nothing.
    None,
    /// Unlock the device.
    Device,
    /// Pass a biometric check.
    Biometric,
}

impl From<phone::UserPresence> for UserPresence {
    fn from(presence: phone::UserPresence) -> Self {
        match presence {
            phone::UserPresence::None => Self::None,
            phone::UserPresence::Device => Self::Device,
            phone::UserPresence::Biometric => Self::Biometric,
        }
    }
}

impl From<UserPresence> for phone::UserPresence {
    fn from(presence: UserPresence) -> Self {
        match presence {
            UserPresence::None => Self::None,
            UserPresence::Device => Self::Device,
            UserPresence::Biometric => Self::Biometric,
        }
    }
}

/// An account's signing key, for display to the user.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct AccountKey {
    /// The public half, which lets the app find its own key: the text of the JWK given at registration, with the
    /// members `crv`, `kty`, `x`, and `y` in this order and nothing in between.
    pub jwk: String,
    /// Where the private half is stored.
    pub level: KeyLevel,
    /// What the user must do before it signs.
    pub presence: UserPresence,
    /// Whether the core keeps the key in the vault and signs with it automatically. Otherwise the app holds the key and
    /// must have every answer signed.
    pub is_software: bool,
    /// Whether the platform has invalidated it. If so, the account answers nothing until it is added again.
    pub is_invalidated: bool,
}

impl From<phone::AccountKey> for AccountKey {
    fn from(key: phone::AccountKey) -> Self {
        Self {
            jwk: key.jwk,
            level: key.level.into(),
            presence: key.presence.into(),
            is_software: key.is_software,
            is_invalidated: key.is_invalidated,
        }
    }
}

/// A hardware key, as the app describes it to the server.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct DeviceKey {
    /// The public key as a JWK: `kty` `EC`, `crv` `P-256`, `x`, `y`.
    pub jwk: String,
    /// Where the private half is stored.
    pub level: KeyLevel,
    /// What the user must do before it signs.
    pub presence: UserPresence,
    /// The platform's attestation, if any: its certificates for the key in DER, the key's own first, or App Attest's
    /// single object. At most ten entries and 8 KiB in total. Leave out anything beyond that: the server decides
    /// whether it accepts the key without.
    #[uniffi(default = None)]
    pub attestation: Option<Vec<Vec<u8>>>,
}

impl DeviceKey {
    pub(in crate::ffi) fn check(&self) -> Result<(), AuthenticatorError> {
        check_text("public key", &self.jwk, limits::PUBLIC_KEY)?;
        let chain = self.attestation.as_deref().unwrap_or_default();
        let length: usize = chain.iter().map(Vec::len).sum();
        if chain.len() > limits::CERTIFICATES || length > limits::ATTESTATION {
            return Err(AuthenticatorError::too_large("attestation"));
        }
        Ok(())
    }
}

impl From<DeviceKey> for phone::DeviceKey {
    fn from(key: DeviceKey) -> Self {
        Self { jwk: key.jwk, level: key.level.into(), presence: key.presence.into(), attestation: key.attestation }
    }
}

/// The exact bytes that an account's key must sign, with ECDSA on P-256 over SHA-256 (Java: `SHA256withECDSA`).
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct ToSign {
    /// The bytes to sign, as they are; do not hash them first.
    pub bytes: Vec<u8>,
}

impl From<phone::ToSign> for ToSign {
    fn from(to_sign: phone::ToSign) -> Self {
        Self { bytes: to_sign.bytes }
    }
}

/// A signature, in either of the two formats that platforms produce.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum KeySignature {
    /// DER, as produced by Android's Keystore and Apple's Security framework.
    Der {
        /// The signature.
        bytes: Vec<u8>,
    },
    /// r and s, 32 bytes each, as produced by Apple's CryptoKit.
    Fixed {
        /// The signature.
        bytes: Vec<u8>,
    },
}

impl From<KeySignature> for phone::KeySignature {
    fn from(signature: KeySignature) -> Self {
        match signature {
            KeySignature::Der { bytes } => Self::Der(bytes),
            KeySignature::Fixed { bytes } => Self::Fixed(bytes),
        }
    }
}

/// Signed bytes together with their signature.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Signed {
    /// The bytes that were to be signed.
    pub bytes: Vec<u8>,
    /// The signature.
    pub signature: KeySignature,
}

impl Signed {
    pub(in crate::ffi) fn check(&self) -> Result<(), AuthenticatorError> {
        check_bytes("signed text", &self.bytes, limits::SIGNED_MESSAGE)?;
        let (KeySignature::Der { bytes } | KeySignature::Fixed { bytes }) = &self.signature;
        check_bytes("signature", bytes, limits::SIGNATURE)
    }

    pub(in crate::ffi) fn into_checked(self) -> Result<phone::Signed, AuthenticatorError> {
        self.check()?;
        Ok(self.into_core())
    }

    fn into_core(self) -> phone::Signed {
        phone::Signed { bytes: self.bytes, signature: self.signature.into() }
    }
}

/// Which key to register an account with.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Enum)]
pub enum KeyChoice {
    /// A key that the core creates and keeps in the vault.
    Software,
    /// A hardware key, together with its signature over the registration's bytes.
    Hardware {
        /// The key.
        key: DeviceKey,
        /// Its signature.
        signed: Signed,
    },
}

impl KeyChoice {
    pub(super) fn check(&self) -> Result<(), AuthenticatorError> {
        match self {
            Self::Software => Ok(()),
            Self::Hardware { key, signed } => key.check().and_then(|()| signed.check()),
        }
    }

    pub(super) fn into_core(self) -> phone::KeyChoice {
        match self {
            Self::Software => phone::KeyChoice::Software,
            Self::Hardware { key, signed } => {
                phone::KeyChoice::Hardware { key: key.into(), signed: signed.into_core() }
            }
        }
    }
}

/// Why the user denies a sign-on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum DenyReason {
    /// Somebody else is signing in. The server stops sending messages to the user for a while.
    NotMe,
    /// The user is signing in but denies this sign-on request.
    Mistake,
    /// Any other reason.
    Other,
}

impl From<DenyReason> for phone::DenyReason {
    fn from(reason: DenyReason) -> Self {
        match reason {
            DenyReason::NotMe => Self::NotMe,
            DenyReason::Mistake => Self::Mistake,
            DenyReason::Other => Self::Other,
        }
    }
}
