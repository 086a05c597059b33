//! Adds the account of the given registration URI, and prints its one-time password: consumer FOLDER CODE.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use push_authenticator::phone::{
    CommunicationType, Device, DeviceFacts, Enrolment, KeyChoice, KeyEncryption, KeyError, Phone, Platform,
};
use push_authenticator::ports::{SystemClock, SystemEntropy};
use push_authenticator::secret::{Reason, SecretBytes};

/// Protects nothing.
struct NoKeys;

impl KeyEncryption for NoKeys {
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        Ok(data_key.expose(Reason::HandOver).to_vec())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        Ok(SecretBytes::new(wrapped.to_vec()))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (folder, code) = arguments.next().zip(arguments.next()).ok_or("usage: consumer FOLDER CODE")?;
    let vault = Path::new(&folder).join("vault");
    let phone = Phone::open(&vault, &NoKeys, Arc::new(SystemClock), Arc::new(SystemEntropy::new()))?;
    let facts = DeviceFacts { biometric_available: false, tamper_score: 0.0 };
    let device = Device {
        name: "Consumer".to_owned(),
        platform: Platform::Android,
        push_token: "none".to_owned(),
        communication_type: CommunicationType::Embedded,
    };
    let enrolment = Enrolment { device, facts, slot: None, replace: false, key: KeyChoice::None };
    let account = phone.enrol(phone.preview(&code)?, enrolment)?;
    println!("{}", phone.code(&account.id)?.code.expose(Reason::HandOver));
    Ok(())
}
