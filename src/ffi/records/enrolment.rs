//! The records by which an account is added. Knows no rule about any of them but how large foreign ones may be.

use super::KeyChoice;
use crate::ffi::AuthenticatorError;
use crate::ffi::keys::ForeignSlot;
use crate::ffi::limits::{self, check_text};
use crate::phone;

/// A phone's operating system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Platform {
    /// Android, and whatever is neither.
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
    /// The phone asks for its messages.
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

/// This phone, as the server shall know it.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Device {
    /// Shown in the user's list of devices.
    pub name: String,
    /// Operating system.
    pub platform: Platform,
    /// Where pushes for this phone go: a token of FCM, of APNs, or of the shell's own making for the embedded way.
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

/// What the phone's shell observed about the device.
#[derive(Debug, Clone, Copy, PartialEq, uniffi::Record)]
pub struct DeviceFacts {
    /// A fingerprint, face or other biometric is enrolled and usable.
    pub biometric_available: bool,
    /// How likely the device was tampered with, from 0 (clean) to 1.
    pub tamper_score: f64,
}

impl From<DeviceFacts> for phone::DeviceFacts {
    fn from(facts: DeviceFacts) -> Self {
        Self { biometric_available: facts.biometric_available, tamper_score: facts.tamper_score }
    }
}

/// How a previewed account is to be added.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
#[uniffi::export(Debug)]
pub struct Enrolment {
    /// This phone, as the server shall know it.
    pub device: Device,
    /// What the shell observed about the device just now.
    pub facts: DeviceFacts,
    /// Whether an account of the same issuer, name and host is to be replaced. It goes when the server has taken the
    /// new registration, not before.
    pub replace: bool,
    /// The signing key that the account is registered with, where its server takes one
    /// ([`EnrolmentPreview::takes_device_key`](crate::ffi::EnrolmentPreview)); without one, it has none.
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
