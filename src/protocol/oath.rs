//! One-time passwords: HOTP (RFC 4226) and TOTP (RFC 6238), and the base32 encoding of their secrets.
//!
//! Pure functions: time and counter are arguments, and nothing is remembered. Independent of accounts and of
//! registration URIs.

use std::fmt;

use data_encoding::Encoding;
use data_encoding_macro::new_encoding;
use ring::hmac;
use zeroize::Zeroizing;

use crate::secret::{Reason, SecretBytes, SecretText};

/// Fewest digits of a one-time password (RFC 4226 section 5.3).
pub const FEWEST_DIGITS: u8 = 6;
/// Most digits of a one-time password.
pub const MOST_DIGITS: u8 = 8;
/// Longest period of a one-time password, in seconds: a day.
pub const LONGEST_PERIOD_SECONDS: u32 = 86_400;
/// Default period of a one-time password, in seconds (RFC 6238 section 5.2).
pub const DEFAULT_PERIOD_SECONDS: u32 = 30;
/// Highest counter: the largest SQLite integer.
pub const HIGHEST_COUNTER: u64 = i64::MAX as u64;
/// Shortest secret, in bytes. RFC 4226 requires 16, but 10 are in wide use.
pub const SHORTEST_SECRET: usize = 10;
/// Longest secret, in bytes.
pub const LONGEST_SECRET: usize = 128;
/// Base32 (RFC 4648 section 6) without padding. Some servers leave nonzero bits after the last byte.
const BASE32: Encoding = new_encoding! {
    symbols: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    check_trailing_bits: false,
};
/// Longest base32 text that is accepted, in bytes: the longest secret, grouped by spaces.
const LONGEST_TEXT: usize = 512;

/// The hash algorithm of one-time passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-1, by far the most common.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// Returns the name in a registration URI: `SHA1`, `SHA256` or `SHA512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// Parses a name in any of the spellings in use: in upper or lower case, with dashes, underscores or spaces
    /// (`SHA-1`, as in Web Crypto), with an `Hmac` prefix or the family name inside it (`SHA2-256`).
    pub fn parse(name: &str) -> Option<Self> {
        let name: String = name.chars().filter(|character| !"-_/. ".contains(*character)).collect();
        let name = name.to_ascii_uppercase();
        match name.strip_prefix("HMAC").unwrap_or(&name) {
            "SHA" | "SHA1" => Some(Self::Sha1),
            "SHA256" | "SHA2256" => Some(Self::Sha256),
            "SHA512" | "SHA2512" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn hmac(self) -> hmac::Algorithm {
        match self {
            // SHA-1's weakness against collisions does not matter here (RFC 4226 appendix B.2).
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// The moving factor of one-time passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// The current time (TOTP).
    Time {
        /// Length of a period, in seconds.
        period_seconds: u32,
    },
    /// A counter (HOTP), incremented with every one-time password.
    Counter {
        /// Counter value of the next one-time password.
        next: u64,
    },
}

/// How one-time passwords are derived from a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeSettings {
    /// The hash algorithm.
    pub algorithm: Algorithm,
    /// Number of digits, 6 to 8.
    pub digits: u8,
    /// The moving factor.
    pub moving: Moving,
}

impl CodeSettings {
    /// Returns whether every value is within its limits.
    pub fn is_sound(&self) -> bool {
        let moves = match self.moving {
            Moving::Time { period_seconds } => (1..=LONGEST_PERIOD_SECONDS).contains(&period_seconds),
            Moving::Counter { next } => next <= HIGHEST_COUNTER,
        };
        moves && (FEWEST_DIGITS..=MOST_DIGITS).contains(&self.digits)
    }
}

/// A one-time password. While valid it is as good as a password: it is never printed by accident, is wiped from memory,
/// and can be read only through [`expose`](Self::expose).
pub struct OneTimeCode(SecretText);

impl OneTimeCode {
    /// Returns the digits, for the given reason.
    pub fn expose(&self, reason: Reason) -> &str {
        self.0.expose(reason)
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OneTimeCode(hidden)")
    }
}

/// Compares in constant time.
impl PartialEq for OneTimeCode {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for OneTimeCode {}

/// Returns the one-time password for this counter (RFC 4226 section 5.3).
pub fn derive_code(secret: &SecretBytes, algorithm: Algorithm, digits: u8, counter: u64) -> OneTimeCode {
    let key = hmac::Key::new(algorithm.hmac(), secret.expose(Reason::Authenticate));
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
    // There are always four bytes at the offset: the shortest tag has twenty.
    let bytes = tag.get(offset..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
    let number = u32::from_be_bytes(bytes) & 0x7fff_ffff;
    let width = digits.clamp(FEWEST_DIGITS, MOST_DIGITS);
    let code = number % 10u32.pow(u32::from(width));
    OneTimeCode(SecretText::new(format!("{code:0width$}", width = usize::from(width))))
}

/// Returns the number of the period that contains `time`, counted from the epoch, and the milliseconds left in it, at
/// least 1 (RFC 6238 section 4.2). `time` is in milliseconds since the epoch.
pub fn period_at(time: i64, period_seconds: u32) -> (u64, u64) {
    let time = u64::try_from(time).unwrap_or(0);
    let period = u64::from(period_seconds.max(1)) * 1000;
    (time / period, period - time % period)
}

/// The reason why a text cannot be used as a secret for one-time passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The text is not base32, or is too long.
    #[error("not a base32 secret")]
    NotASecret,
    /// The text is base32, but the secret is short enough to guess.
    #[error("a secret of {bytes} bytes is too short to be safe")]
    TooShort {
        /// Length of the secret, in bytes.
        bytes: usize,
    },
}

/// Parses a base32 secret (RFC 4648 section 6) in any case, with or without padding, with spaces, dashes or invisible
/// characters anywhere. Ignores the bits after the last byte, because some servers leave them nonzero.
pub fn read_secret(text: &str) -> Result<SecretBytes, SecretError> {
    if text.len() > LONGEST_TEXT {
        return Err(SecretError::NotASecret);
    }
    let mut bare = Zeroizing::new(Vec::with_capacity(text.len()));
    for character in text.chars().filter(|character| !is_separator(*character)) {
        bare.push(u8::try_from(character).map_err(|_| SecretError::NotASecret)?.to_ascii_uppercase());
    }
    let padding = bare.iter().rev().take_while(|byte| **byte == b'=').count();
    let letters = bare.get(..bare.len().saturating_sub(padding)).unwrap_or_default();
    // No encoding has one, three or six letters after its last full group of eight: the last letter would hold no bit
    // of a complete byte.
    if letters.is_empty() || padding > 6 || matches!(letters.len() % 8, 1 | 3 | 6) {
        return Err(SecretError::NotASecret);
    }
    let bytes = SecretBytes::new(from_base32(letters)?);
    match bytes.len() {
        0..SHORTEST_SECRET => Err(SecretError::TooShort { bytes: bytes.len() }),
        SHORTEST_SECRET..=LONGEST_SECRET => Ok(bytes),
        _ => Err(SecretError::NotASecret),
    }
}

/// Returns whether the character only groups a secret's letters for reading or typing, or is a leftover of copying.
/// None of these is a base32 letter; `+` is a space in form encoding.
fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(character,
            '-' | '.' | '+' | '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2212}' | '\u{feff}')
}

/// Decodes into memory that is wiped if the letters are not base32.
fn from_base32(letters: &[u8]) -> Result<Vec<u8>, SecretError> {
    let length = BASE32.decode_len(letters.len()).map_err(|_| SecretError::NotASecret)?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    BASE32.decode_mut(letters, &mut bytes).map_err(|_| SecretError::NotASecret)?;
    Ok(std::mem::take(&mut *bytes))
}

/// Writes a secret in base32 without padding, as in registration URIs.
pub fn print_secret(secret: &SecretBytes) -> SecretText {
    SecretText::new(BASE32.encode(secret.expose(Reason::HandOver)))
}
