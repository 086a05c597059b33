//! Device Profile Collector: asks the browser for its location, so that the phone can show where a sign-on comes from.
//!
//! Only the location is used. If `deviceLocation` is off, the node asks nothing.

use serde::Deserialize;

use super::SettingError;
use crate::secret::Reason;
use crate::server::journey::callback::{Answers, Callback};
use crate::server::journey::node::{Context, Next, Node};
use crate::server::journey::text::Localised;
use crate::server::store::StoreError;

const DEFAULT_MESSAGE: &str =
    "Your phone can show where this sign-on comes from, so that you tell it from somebody else's.";

/// The Device Profile Collector node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceProfileCollector {
    #[serde(default)]
    device_metadata: bool,
    #[serde(default)]
    device_location: bool,
    /// In KiB.
    #[serde(default = "default_size")]
    maximum_size: usize,
    #[serde(default)]
    message: Localised,
}

fn default_size() -> usize {
    3
}

/// The part of a web SDK's device profile that is used.
#[derive(Deserialize)]
struct Profile {
    location: Option<Location>,
}

#[derive(Deserialize)]
struct Location {
    latitude: f64,
    longitude: f64,
}

impl DeviceProfileCollector {
    /// Checks what deserialization cannot.
    pub fn checked(self) -> Result<Self, SettingError> {
        if (1..=32).contains(&self.maximum_size) {
            Ok(self)
        } else {
            Err(SettingError::Setting("maximumSize is in KiB, from 1 to 32".to_owned()))
        }
    }
}

impl Node for DeviceProfileCollector {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["outcome"]
    }

    fn waits(&self) -> bool {
        self.device_location
    }

    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError> {
        if !self.device_location {
            return Ok(Next::Outcome("outcome"));
        }
        let Some(answers) = answers else {
            return Ok(Next::Ask(vec![Callback::DeviceProfile {
                metadata: self.device_metadata,
                location: true,
                message: context.choose(&self.message, DEFAULT_MESSAGE).to_owned(),
            }]));
        };
        let sent = answers.text(0).map(|text| text.expose(Reason::HandOver)).unwrap_or_default();
        if sent.len() > self.maximum_size * 1024 {
            return Ok(Next::Fail("The description of this device is too large. Start again.".to_owned()));
        }
        // A user who cannot or does not want to share the location continues without.
        let told = serde_json::from_str::<Profile>(sent).ok().and_then(|profile| profile.location);
        context.shared.location = told
            .filter(|there| (-90.0..=90.0).contains(&there.latitude) && (-180.0..=180.0).contains(&there.longitude))
            .map(|there| (there.latitude, there.longitude));
        Ok(Next::Outcome("outcome"))
    }
}
