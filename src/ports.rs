//! The only source of time and randomness.
//!
//! Everything that needs the current time or a random number takes a [`Clock`] or an [`Entropy`]. The system
//! implementations are here; the tests have fixed ones.

use ring::rand::SecureRandom;

/// Milliseconds since 1970-01-01T00:00:00Z.
pub type EpochMilliseconds = i64;

/// A source of the current time.
pub trait Clock: Send + Sync {
    /// Returns the current time, in milliseconds since the epoch.
    fn now(&self) -> EpochMilliseconds;
}

/// A source of random bytes suitable for keys.
pub trait Entropy: Send + Sync {
    /// Fills the whole buffer. On error, the buffer must not be used.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyUnavailable>;
}

/// The system returned no random bytes. Nothing was done; trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The system's random number generator is not available. Try again.")]
pub struct EntropyUnavailable;

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that may ask the system for the time")]
    fn now(&self) -> EpochMilliseconds {
        match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(elapsed) => i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX),
            Err(_) => 0,
        }
    }
}

/// The system's random number generator.
pub struct SystemEntropy(ring::rand::SystemRandom);

impl SystemEntropy {
    /// Prepares the generator; this is cheap.
    pub fn new() -> Self {
        Self(ring::rand::SystemRandom::new())
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyUnavailable> {
        self.0.fill(buffer).map_err(|_| EntropyUnavailable)
    }
}

/// Returns `ring`'s own generator, the only one its signing functions accept.
pub fn system_random() -> ring::rand::SystemRandom {
    ring::rand::SystemRandom::new()
}

/// Returns `N` random bytes.
pub fn make_bytes<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyUnavailable> {
    let mut bytes = [0u8; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// Returns a uniformly distributed number from 0 up to, but not including, `limit` (by rejection sampling). A `limit`
/// of 0 counts as 1.
pub fn make_number_below(entropy: &dyn Entropy, limit: u32) -> Result<u32, EntropyUnavailable> {
    let limit = limit.max(1);
    let usable = u32::MAX - u32::MAX % limit;
    loop {
        let number = u32::from_be_bytes(make_bytes::<4>(entropy)?);
        if number < usable {
            return Ok(number % limit);
        }
    }
}

/// Returns a random UUID (version 4, RFC 9562 section 5.4) in its lowercase text form.
pub fn make_uuid(entropy: &dyn Entropy) -> Result<String, EntropyUnavailable> {
    let number = u128::from_be_bytes(make_bytes::<16>(entropy)?);
    let versioned = (number & !(0xf << 76)) | (0x4 << 76);
    let marked = (versioned & !(0x3 << 62)) | (0x2 << 62);
    let text = format!("{marked:032x}");
    let (a, rest) = text.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    Ok(format!("{a}-{b}-{c}-{d}-{e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyUnavailable> {
            buffer.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn uuid_has_version_and_variant() {
        assert_eq!(make_uuid(&Fixed(0xff)).unwrap(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(make_uuid(&Fixed(0)).unwrap(), "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn numbers_stay_below_the_limit_and_reach_all() {
        let entropy = SystemEntropy::new();
        let mut seen = [false; 7];
        for _ in 0..500 {
            seen[make_number_below(&entropy, 7).unwrap() as usize] = true;
        }
        assert_eq!(seen, [true; 7]);
    }
}
