//! One-time codes: HOTP (RFC 4226) and TOTP (RFC 6238), and the base32 that their secrets are written in.
//!
//! Pure: time and counter are arguments, and nothing is remembered. Knows neither accounts nor the form of a code that
//! is scanned.

use std::fmt;

use data_encoding::Encoding;
use data_encoding_macro::new_encoding;
use ring::hmac;
use zeroize::Zeroizing;

use crate::secret::{Reason, SecretBytes, SecretText};

/// Fewest digits of a code (RFC 4226 section 5.3).
pub const FEWEST_DIGITS: u8 = 6;
/// Most digits of a code.
pub const MOST_DIGITS: u8 = 8;
/// Longest time that a code may be good for, in seconds: a day.
pub const LONGEST_PERIOD_SECONDS: u32 = 86_400;
/// Time that a code is good for where nothing else is said, in seconds (RFC 6238 section 5.2).
pub const DEFAULT_PERIOD_SECONDS: u32 = 30;
/// Highest counter: what an SQLite integer holds.
pub const HIGHEST_COUNTER: u64 = i64::MAX as u64;
/// Shortest secret, in bytes. RFC 4226 wants 16, but 10 are in wide use.
pub const SHORTEST_SECRET: usize = 10;
/// Longest secret, in bytes.
pub const LONGEST_SECRET: usize = 128;
/// Base32 (RFC 4648 section 6) without padding. Some servers leave something in the bits beyond the last byte.
const BASE32: Encoding = new_encoding! {
    symbols: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    check_trailing_bits: false,
};
/// Longest base32 text that is looked at, in bytes: the longest secret, grouped by spaces.
const LONGEST_TEXT: usize = 512;

/// The hash that codes are made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC-SHA-1, which nearly everybody uses.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name in a registration code: `SHA1`, `SHA256` or `SHA512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }

    /// Reads a name as it is spelled in the field: in any case, with dashes, underscores or spaces (`SHA-1`, as Web
    /// Crypto has it), with `Hmac` before it or the family's name inside it (`SHA2-256`).
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
            // Its weakness against collisions does not matter here (RFC 4226 appendix B.2).
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }
}

/// What moves a code on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moving {
    /// Time (TOTP).
    Time {
        /// How long a code is good for, in seconds.
        period_seconds: u32,
    },
    /// A counter (HOTP), one more with every code.
    Counter {
        /// What the next code is made of.
        next: u64,
    },
}

/// How codes are made of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeSettings {
    /// The hash.
    pub algorithm: Algorithm,
    /// Number of digits, 6 to 8.
    pub digits: u8,
    /// What moves a code on.
    pub moving: Moving,
}

impl CodeSettings {
    /// Whether every value is within its limits.
    pub fn is_sound(&self) -> bool {
        let moves = match self.moving {
            Moving::Time { period_seconds } => (1..=LONGEST_PERIOD_SECONDS).contains(&period_seconds),
            Moving::Counter { next } => next <= HIGHEST_COUNTER,
        };
        moves && (FEWEST_DIGITS..=MOST_DIGITS).contains(&self.digits)
    }
}

/// A one-time code. As good as a password while it lasts: never printed by accident, wiped from memory, and got out with
/// [`expose`](Self::expose) alone.
pub struct OneTimeCode(SecretText);

impl OneTimeCode {
    /// The digits, for the reason given.
    pub fn expose(&self, reason: Reason) -> &str {
        self.0.expose(reason)
    }
}

impl fmt::Debug for OneTimeCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OneTimeCode(hidden)")
    }
}

/// Compared in constant time.
impl PartialEq for OneTimeCode {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for OneTimeCode {}

/// The code of this counter (RFC 4226 section 5.3).
pub fn derive_code(secret: &SecretBytes, algorithm: Algorithm, digits: u8, counter: u64) -> OneTimeCode {
    let key = hmac::Key::new(algorithm.hmac(), secret.expose(Reason::Authenticate));
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0x0f);
    // Four bytes at the offset are always there: the shortest tag has twenty.
    let bytes = tag.get(offset..).and_then(|rest| rest.first_chunk::<4>()).copied().unwrap_or_default();
    let number = u32::from_be_bytes(bytes) & 0x7fff_ffff;
    let width = digits.clamp(FEWEST_DIGITS, MOST_DIGITS);
    let code = number % 10u32.pow(u32::from(width));
    OneTimeCode(SecretText::new(format!("{code:0width$}", width = usize::from(width))))
}

/// Which period a time is in, counted from the epoch, and how many milliseconds of it are left, 1 at least (RFC 6238
/// section 4.2). `time` is in milliseconds since the epoch.
pub fn period_at(time: i64, period_seconds: u32) -> (u64, u64) {
    let time = u64::try_from(time).unwrap_or(0);
    let period = u64::from(period_seconds.max(1)) * 1000;
    (time / period, period - time % period)
}

/// Why a text cannot be used as the secret of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is not base32, or too long.
    #[error("not a base32 secret")]
    NotASecret,
    /// It is base32, but anyone could guess it.
    #[error("a secret of {bytes} bytes is too short to be safe")]
    TooShort {
        /// Its length, in bytes.
        bytes: usize,
    },
}

/// Reads a secret in base32 (RFC 4648 section 6) in any case, with or without padding, with spaces, dashes or invisible
/// characters anywhere. Bits beyond the last byte are not looked at, because some servers leave something there.
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
    // A last byte is never begun by one letter, nor by three or six: the letter would hold nothing of the one before.
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

/// Characters that group a secret's letters to be read or typed, and those that copying leaves in it. None of them is a
/// letter of base32; a `+` is a space of a form.
fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(character,
            '-' | '.' | '+' | '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2212}' | '\u{feff}')
}

/// Decodes into memory that is wiped where the letters are no base32.
fn from_base32(letters: &[u8]) -> Result<Vec<u8>, SecretError> {
    let length = BASE32.decode_len(letters.len()).map_err(|_| SecretError::NotASecret)?;
    let mut bytes = Zeroizing::new(vec![0; length]);
    BASE32.decode_mut(letters, &mut bytes).map_err(|_| SecretError::NotASecret)?;
    Ok(std::mem::take(&mut *bytes))
}

/// Writes a secret in base32 without padding, as registration codes hold it.
pub fn print_secret(secret: &SecretBytes) -> SecretText {
    SecretText::new(BASE32.encode(secret.expose(Reason::HandOver)))
}
