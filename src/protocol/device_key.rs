//! Device keys: an EC P-256 public key as a JWK (RFC 7517, RFC 7518 section 6.2), its thumbprint (RFC 7638), and what a
//! phone says about where the private key lives.
//!
//! Independent of signatures. `ring` checks that a point lies on the curve whenever it verifies a signature under it,
//! and no key is stored before a proof under it has been verified.

use std::cmp::Ordering;

use ring::digest;
use serde::{Deserialize, Serialize};

use super::encoding::{decode_url_safe, encode_url_safe};

/// Length of a coordinate, in bytes.
const COORDINATE: usize = 32;
/// Length of an uncompressed point, in bytes.
const POINT: usize = 1 + 2 * COORDINATE;

/// The reason why a public key was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// Not a JWK with exactly the members `kty`, `crv`, `x` and `y`.
    #[error("The device key is not a public key of the form that is expected here.")]
    Malformed,
    /// The key type or curve is not supported.
    #[error("The device key is of a kind that is not accepted here: it must be EC on P-256.")]
    OtherKind,
    /// A coordinate is not canonical url-safe base64 of exactly 32 bytes.
    #[error("A coordinate of the device key is not valid.")]
    BadCoordinate,
}

/// The JWK's members, in the order of RFC 7638.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Jwk {
    crv: String,
    kty: String,
    x: String,
    y: String,
}

/// An EC P-256 public key. Two keys are equal if they are the same point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Jwk", into = "Jwk")]
pub struct PublicKey {
    point: [u8; POINT],
}

impl PublicKey {
    /// Parses a JWK. Rejects members beyond the four that make up the key, because nothing here would honor them.
    pub fn parse(jwk: &str) -> Result<Self, KeyRefused> {
        serde_json::from_str::<Jwk>(jwk).map_err(|_| KeyRefused::Malformed)?.try_into()
    }

    /// Parses an uncompressed point (SEC 1, section 2.3.3): 0x04 and both coordinates.
    pub fn from_point(point: &[u8]) -> Result<Self, KeyRefused> {
        let point: [u8; POINT] = point.try_into().map_err(|_| KeyRefused::BadCoordinate)?;
        if point.first() == Some(&4) { Ok(Self { point }) } else { Err(KeyRefused::BadCoordinate) }
    }

    /// Returns the uncompressed point.
    pub fn point(&self) -> &[u8] {
        &self.point
    }

    /// Returns the JWK, with its members in the order of RFC 7638 and no whitespace.
    pub fn jwk(&self) -> String {
        let Jwk { crv, kty, x, y } = self.clone().into();
        // The names and base64 need no escaping.
        format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#)
    }

    /// Returns the thumbprint (RFC 7638): url-safe base64 of SHA-256 over [`jwk`](Self::jwk).
    pub fn thumbprint(&self) -> String {
        encode_url_safe(digest::digest(&digest::SHA256, self.jwk().as_bytes()).as_ref())
    }
}

impl TryFrom<Jwk> for PublicKey {
    type Error = KeyRefused;

    fn try_from(jwk: Jwk) -> Result<Self, KeyRefused> {
        if jwk.kty != "EC" || jwk.crv != "P-256" {
            return Err(KeyRefused::OtherKind);
        }
        let mut point = vec![4];
        for coordinate in [&jwk.x, &jwk.y] {
            let bytes = decode_url_safe(coordinate).map_err(|_| KeyRefused::BadCoordinate)?;
            if bytes.len() != COORDINATE {
                return Err(KeyRefused::BadCoordinate);
            }
            point.extend(bytes);
        }
        Self::from_point(&point)
    }
}

impl From<PublicKey> for Jwk {
    fn from(key: PublicKey) -> Self {
        let coordinates = key.point.get(1..).unwrap_or_default();
        let (x, y) = coordinates.split_at(coordinates.len() / 2);
        Self { crv: "P-256".to_owned(), kty: "EC".to_owned(), x: encode_url_safe(x), y: encode_url_safe(y) }
    }
}

/// Where the private key lives. The order is `software` < `tee` < `strongbox` = `secure-enclave`; the last two are a
/// dedicated chip on either platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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

impl KeyLevel {
    /// All levels.
    pub const ALL: [Self; 4] = [Self::Software, Self::Tee, Self::Strongbox, Self::SecureEnclave];

    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Tee => "tee",
            Self::Strongbox => "strongbox",
            Self::SecureEnclave => "secure-enclave",
        }
    }

    /// Parses the name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// Returns whether this level is at least as strong as `minimum`.
    pub fn meets(self, minimum: Self) -> bool {
        self.rank().cmp(&minimum.rank()) != Ordering::Less
    }

    fn rank(self) -> u8 {
        match self {
            Self::Software => 0,
            Self::Tee => 1,
            Self::Strongbox | Self::SecureEnclave => 2,
        }
    }
}

/// What the user must do before the key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserPresence {
    /// Nothing.
    None,
    /// Unlock the device.
    Device,
    /// Pass a biometric.
    Biometric,
}

impl UserPresence {
    /// All values.
    pub const ALL: [Self; 3] = [Self::None, Self::Device, Self::Biometric];

    /// Returns whether the key can sign at any time, without the user.
    pub fn signs_alone(self) -> bool {
        self == Self::None
    }

    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Device => "device",
            Self::Biometric => "biometric",
        }
    }

    /// Parses the name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|presence| presence.name() == name)
    }

    /// Returns whether this demands at least as much as `minimum`.
    pub fn meets(self, minimum: Self) -> bool {
        let rank = |presence| Self::ALL.iter().position(|known| *known == presence);
        rank(self) >= rank(minimum)
    }
}

/// Where a key lives, and what the user must do before it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Protection {
    /// Where the private key lives.
    pub level: KeyLevel,
    /// What the user must do before the key signs.
    pub presence: UserPresence,
}

impl Protection {
    /// The protection of a key about which nothing is known.
    pub const NONE: Self = Self { level: KeyLevel::Software, presence: UserPresence::None };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 7517 appendix A.1.
    const X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
    const Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";

    #[test]
    fn the_key_of_rfc_7517_is_read_and_written_in_the_order_of_rfc_7638() {
        let key = PublicKey::parse(&format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"}}"#)).unwrap();
        assert_eq!(key.jwk(), format!(r#"{{"crv":"P-256","kty":"EC","x":"{X}","y":"{Y}"}}"#));
        assert_eq!(serde_json::to_string(&key).unwrap(), key.jwk());
        assert_eq!(PublicKey::from_point(key.point()), Ok(key.clone()));
        // Computed with Python's hashlib over the text above.
        assert_eq!(key.thumbprint(), "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s");
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let jwk = |kty: &str, crv: &str, x: &str, more: &str| {
            PublicKey::parse(&format!(r#"{{"kty":"{kty}","crv":"{crv}","x":"{x}","y":"{Y}"{more}}}"#)).err()
        };
        assert_eq!(jwk("EC", "P-256", X, ""), None);
        assert_eq!(jwk("OKP", "P-256", X, ""), Some(KeyRefused::OtherKind));
        assert_eq!(jwk("ec", "P-256", X, ""), Some(KeyRefused::OtherKind));
        assert_eq!(jwk("EC", "P-384", X, ""), Some(KeyRefused::OtherKind));
        assert_eq!(jwk("EC", "P-256", X, r#","d":"AA""#), Some(KeyRefused::Malformed), "a private key");
        assert_eq!(jwk("EC", "P-256", X, r#","kid":"1""#), Some(KeyRefused::Malformed));
        assert_eq!(jwk("EC", "P-256", X, &format!(r#","x":"{X}""#)), Some(KeyRefused::Malformed), "twice");
        let padded = format!("{X}=");
        // The last character's two low bits are not part of the value; if set, they would be a second spelling of it.
        let loose = X.replace("7D4", "7D5");
        for bad in [&X[1..], padded.as_str(), loose.as_str(), &X.replace('-', "+").replace('M', "/"), ""] {
            assert_eq!(jwk("EC", "P-256", bad, ""), Some(KeyRefused::BadCoordinate), "{bad}");
        }
        assert_eq!(PublicKey::from_point(&[2; POINT]), Err(KeyRefused::BadCoordinate), "compressed");
        assert_eq!(PublicKey::parse("[]"), Err(KeyRefused::Malformed));
    }

    #[test]
    fn levels_are_ordered_and_named() {
        use KeyLevel::{SecureEnclave, Software, Strongbox, Tee};
        assert!(Tee.meets(Software) && !Software.meets(Tee) && !Tee.meets(Strongbox) && !Tee.meets(SecureEnclave));
        assert!(Strongbox.meets(SecureEnclave) && SecureEnclave.meets(Strongbox) && Strongbox.meets(Tee));
        for level in KeyLevel::ALL {
            assert_eq!(KeyLevel::from_name(level.name()), Some(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.name());
        }
        for presence in UserPresence::ALL {
            assert_eq!(UserPresence::from_name(presence.name()), Some(presence));
            assert_eq!(serde_json::to_value(presence).unwrap(), presence.name());
        }
    }
}
