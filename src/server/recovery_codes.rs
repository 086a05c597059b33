//! Recovery codes: made at random, stored as what recognises them, and shown once by the caller.

use super::push::Tools;
use super::store::{StoreError, Transaction, recovery};
use crate::ports::{Entropy, EntropyUnavailable, make_number_below};
use crate::secret::{Reason, SecretText};

/// How many codes a user gets.
const COUNT: usize = 10;
/// Letters of a code.
const LENGTH: usize = 10;
/// 32 letters and digits, without those that are easily taken for another.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Makes new codes for a user, in place of all that there were.
pub fn make_recovery_codes(
    transaction: &Transaction,
    user: &str,
    tools: &Tools,
) -> Result<Vec<SecretText>, StoreError> {
    let codes = (0..COUNT)
        .map(|_| make_code(tools.entropy.as_ref()))
        .collect::<Result<Vec<SecretText>, _>>()
        .map_err(StoreError::Entropy)?;
    let tags: Vec<Vec<u8>> =
        codes.iter().map(|code| tools.keys.recovery_code_tag(user, code.expose(Reason::Hash))).collect();
    recovery::replace(transaction, user, &tags)?;
    Ok(codes)
}

fn make_code(entropy: &dyn Entropy) -> Result<SecretText, EntropyUnavailable> {
    let mut code = String::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        let letter = make_number_below(entropy, 32)? as usize;
        code.push(ALPHABET.get(letter).copied().unwrap_or(b'A').into());
    }
    Ok(SecretText::new(code))
}
