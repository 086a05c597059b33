//! The policies that a server attaches to an account (docs/wire.md, "Policies").
//!
//! This module only parses and evaluates them; the phone decides, from facts that its shell passes in, whether it
//! satisfies them. An unknown policy is an error here, so that it can never count as satisfied.

use serde_json::Value;

/// A condition that the phone must meet; otherwise the account is locked.
#[derive(Debug, Clone, PartialEq)]
pub enum Policy {
    /// The phone has a biometric set up.
    BiometricAvailable,
    /// The phone's tamper score (0 to 1) is below this threshold.
    DeviceTampering {
        /// Scores equal to or above this fail.
        score: f64,
    },
}

impl Policy {
    /// Returns the policy's name on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Self::BiometricAvailable => "biometricAvailable",
            Self::DeviceTampering { .. } => "deviceTampering",
        }
    }

    /// Returns whether a phone with these facts meets the condition.
    pub fn holds(&self, facts: &DeviceFacts) -> bool {
        match self {
            Self::BiometricAvailable => facts.biometric_available,
            Self::DeviceTampering { score } => facts.tamper_score < *score,
        }
    }
}

/// What the phone's shell observed about the device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeviceFacts {
    /// A fingerprint, face or other biometric is enrolled and usable.
    pub biometric_available: bool,
    /// Likelihood that the device was tampered with, from 0 (clean) to 1.
    pub tamper_score: f64,
}

/// The policies cannot be understood. An account that carries them is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The text is not a JSON object.
    #[error("The policies are not a JSON object.")]
    NotAnObject,
    /// This version does not know the policy.
    #[error("The policy {0:?} is not known to this app. An update may help.")]
    Unknown(String),
    /// The policy is known, but its settings are invalid.
    #[error("The policy {0:?} is malformed.")]
    Malformed(String),
}

/// Parses the JSON object in the `policies` parameter, in the order of the object's keys.
pub fn parse(json: &str) -> Result<Vec<Policy>, PolicyError> {
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(json) else {
        return Err(PolicyError::NotAnObject);
    };
    object
        .iter()
        .map(|(name, settings)| match (name.as_str(), settings) {
            ("biometricAvailable", Value::Object(_)) => Ok(Policy::BiometricAvailable),
            ("deviceTampering", Value::Object(settings)) => settings
                .get("score")
                .and_then(Value::as_f64)
                .filter(|score| (0.0..=1.0).contains(score))
                .map(|score| Policy::DeviceTampering { score })
                .ok_or_else(|| PolicyError::Malformed(name.clone())),
            ("biometricAvailable" | "deviceTampering", _) => Err(PolicyError::Malformed(name.clone())),
            _ => Err(PolicyError::Unknown(crate::protocol::text::clean(name, 40))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_policies_are_read_and_evaluated() {
        let policies = parse(r#"{"biometricAvailable": {}, "deviceTampering": {"score": 0.8}}"#).unwrap();
        assert_eq!(policies, [Policy::BiometricAvailable, Policy::DeviceTampering { score: 0.8 }]);
        let facts = |biometric_available, tamper_score| DeviceFacts { biometric_available, tamper_score };
        assert!(policies.iter().all(|policy| policy.holds(&facts(true, 0.79))));
        assert!(!policies[0].holds(&facts(false, 0.0)));
        assert!(!policies[1].holds(&facts(true, 0.8)), "a score equal to the threshold fails");
        assert!(!policies[1].holds(&facts(true, f64::NAN)), "an unknown score fails");
    }

    #[test]
    fn what_is_not_understood_fails_closed() {
        assert_eq!(parse("[]"), Err(PolicyError::NotAnObject));
        assert_eq!(parse("{"), Err(PolicyError::NotAnObject));
        assert_eq!(parse(r#"{"moonPhase": {}}"#), Err(PolicyError::Unknown("moonPhase".into())));
        for settings in ["{}", r#"{"score": "0.8"}"#, r#"{"score": 2}"#, "true"] {
            let json = format!(r#"{{"deviceTampering": {settings}}}"#);
            assert_eq!(parse(&json), Err(PolicyError::Malformed("deviceTampering".into())), "{settings}");
        }
    }
}
