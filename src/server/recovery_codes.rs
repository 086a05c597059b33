//! Recovery codes: made at random, stored as what recognises them, and shown once by the caller.

use super::push::RequestContext;
use super::store::{StoreError, Transaction, recovery};
use crate::ports::{Entropy, EntropyUnavailable, make_number_below};
use crate::secret::{Reason, SecretText};

/// How many codes a user gets.
const COUNT: usize = 10;
/// Letters of a code: 65 bits. Codes of an earlier version have 10, and stay good.
const LENGTH: usize = 13;
/// 32 letters and digits, without those that are easily taken for another.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Makes new codes for a user, in place of all that there were.
pub fn make_recovery_codes(
    transaction: &Transaction,
    user: &str,
    context: &RequestContext,
) -> Result<Vec<SecretText>, StoreError> {
    let codes = (0..COUNT)
        .map(|_| make_code(context.entropy.as_ref()))
        .collect::<Result<Vec<SecretText>, _>>()
        .map_err(StoreError::Entropy)?;
    let tags: Vec<Vec<u8>> =
        codes.iter().map(|code| context.keys.recovery_code_tag(user, code.expose(Reason::Hash))).collect();
    recovery::replace(transaction, user, &tags)?;
    Ok(codes)
}

/// Returns a code as our own pages show it: `ABCDE-FGHJK-LMN`. Callbacks carry it without dashes, because the web SDK's
/// parser drops a code that has one.
pub fn in_groups(code: &SecretText) -> String {
    let letters: Vec<char> = code.expose(Reason::HandOver).chars().collect();
    letters.chunks(5).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// Marks of a long vowel, which a Japanese keyboard types for a dash.
const LONG_VOWELS: [char; 2] = ['\u{30fc}', '\u{ff70}'];
/// Longest input that is read as a recovery code, in characters.
const TYPED_LIMIT: usize = 64;

/// Returns the code that a user typed, as it was made: upper case, full-width letters as plain ones, and without the dashes,
/// spaces and marks between its groups, whichever of Unicode's these are.
pub fn read_typed(typed: &SecretText) -> SecretText {
    let plain = |letter: char| match u32::from(letter) {
        full_width @ 0xFF01..=0xFF5E => char::from_u32(full_width - 0xFEE0).unwrap_or(letter),
        _ => letter,
    };
    let code: String = typed
        .expose(Reason::Hash)
        .chars()
        .take(TYPED_LIMIT)
        .map(plain)
        .filter(|letter| letter.is_alphanumeric() && !LONG_VOWELS.contains(letter))
        .map(|letter| letter.to_ascii_uppercase())
        .collect();
    SecretText::new(code)
}

fn make_code(entropy: &dyn Entropy) -> Result<SecretText, EntropyUnavailable> {
    let mut code = String::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        let letter = make_number_below(entropy, 32)? as usize;
        code.push(ALPHABET.get(letter).copied().unwrap_or(b'A').into());
    }
    Ok(SecretText::new(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> String {
        read_typed(&SecretText::new(text.to_owned())).expose(Reason::Hash).to_owned()
    }

    #[test]
    fn codes_are_shown_in_groups_of_five() {
        assert_eq!(in_groups(&SecretText::new("ABCDEFGHJKLMN".to_owned())), "ABCDE-FGHJK-LMN");
        assert_eq!(in_groups(&SecretText::new("ABCDEFGHJK".to_owned())), "ABCDE-FGHJK");
    }

    #[test]
    fn a_code_is_read_with_any_dash_any_space_and_full_width_letters() {
        for text in [
            "abcde-fghjk-lm2",
            " ABCDE\u{2013}FGHJK\u{2014}LM2\n",
            "ABCDE\u{2011}FGHJK\u{2212}LM2",
            "ABCDE\u{3000}FGHJK\u{a0}LM2",
            "ABCDE\u{ad}FGHJK\u{200b}LM2\u{feff}",
            "ABCDE_FGHJK.LM2",
            "ABCDE\u{30fc}FGHJK\u{ff70}LM2",
            "\u{ff21}\u{ff22}\u{ff23}\u{ff24}\u{ff25}\u{ff0d}\u{ff46}\u{ff47}\u{ff48}\u{ff4a}\u{ff4b}-LM\u{ff12}",
        ] {
            assert_eq!(typed(text), "ABCDEFGHJKLM2", "{text:?}");
        }
        assert_ne!(typed("\u{410}BCDEFGHJKLM2"), "ABCDEFGHJKLM2", "a Cyrillic letter is another one");
        assert!(typed(&"A".repeat(100_000)).len() <= TYPED_LIMIT);
    }
}
