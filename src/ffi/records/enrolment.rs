//! Records for adding an account.

use super::KeyChoice;
use crate::ffi::AuthenticatorError;
use crate::ffi::keys::ForeignSlot;
use crate::ffi::limits::{self, check_text};
use crate::phone;

/// A phone's operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Platform {
    /// Android, or any system other than iOS.
    Android,
    /// iOS.
    Ios,
}

impl From<Platform> for phone::Platform {
    fn from(platform: Platform) -> Self {
        match platform {
            Platform::Android => Self::Android,
            Platform::Ios => Self::Ios,
        }
    }
}

/// How a push reaches the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum CommunicationType {
    /// Firebase Cloud Messaging.
    Gcm,
    /// Apple Push Notification service.
    Apns,
    /// The phone pulls its messages.
    Embedded,
}

impl From<CommunicationType> for phone::CommunicationType {
    fn from(kind: CommunicationType) -> Self {
        match kind {
            CommunicationType::Gcm => Self::Gcm,
            CommunicationType::Apns => Self::Apns,
            CommunicationType::Embedded => Self::Embedded,
        }
    }
}

/// This phone, as the server should know it.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Device {
    /// Name shown in the user's list of devices.
    pub name: String,
    /// Operating system.
    pub platform: Platform,
    /// Where pushes for this phone go: a token from FCM or APNs, or one that the app generates for embedded delivery.
    pub push_token: String,
    /// How pushes reach this phone.
    pub communication_type: CommunicationType,
}

impl From<Device> for phone::Device {
    fn from(device: Device) -> Self {
        Self {
            name: device.name,
            platform: device.platform.into(),
            push_token: device.push_token,
            communication_type: device.communication_type.into(),
        }
    }
}

/// What the app observed about the device.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct DeviceFacts {
    /// Whether a fingerprint, face, or other biometric is enrolled and usable.
    pub biometric_available: bool,
    /// How likely the device has been tampered with, from 0 (clean) to 1.
    pub tamper_score: f64,
}

impl From<DeviceFacts> for phone::DeviceFacts {
    fn from(facts: DeviceFacts) -> Self {
        Self { biometric_available: facts.biometric_available, tamper_score: facts.tamper_score }
    }
}

/// How to add a previewed account.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Enrolment {
    /// This phone, as the server should know it.
    pub device: Device,
    /// What the app has just observed about the device.
    pub facts: DeviceFacts,
    /// Whether to replace an account with the same issuer, name, and host. The old account is removed once the server
    /// has accepted the new registration, not before.
    pub replace: bool,
    /// The signing key to register the account with, if its server accepts one; without it, the account has no signing
    /// key.
    #[uniffi(default = None)]
    pub key: Option<KeyChoice>,
}

impl Enrolment {
    pub(in crate::ffi) fn check(&self) -> Result<(), AuthenticatorError> {
        check_text("device name", &self.device.name, limits::DEVICE_NAME)?;
        check_text("push token", &self.device.push_token, limits::PUSH_TOKEN)?;
        self.key.as_ref().map_or(Ok(()), KeyChoice::check)
    }

    pub(in crate::ffi) fn into_core(self, slot: Option<&ForeignSlot>) -> phone::Enrolment<'_> {
        phone::Enrolment {
            device: self.device.into(),
            facts: self.facts.into(),
            slot: slot.map(|slot| slot as &dyn phone::SlotWrapper),
            replace: self.replace,
            key: self.key.map_or(phone::KeyChoice::None, KeyChoice::into_core),
        }
    }
}
