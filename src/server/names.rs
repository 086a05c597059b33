//! How names and passwords are compared: one function each, used wherever two of them meet.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization as _, is_nfc};

use crate::protocol::text::is_hidden;

/// The key under which a user is stored, found and counted: two names of one key are one user.
///
/// The mappings of RFC 8265 section 3.3, UsernameCaseMapped: fullwidth and halfwidth forms become plain, letters lower
/// case (a final sigma as any other), the rest NFC. Characters that show nothing are left out. Applying it twice changes nothing more.
pub fn user_key(name: &str) -> String {
    if name.is_ascii() {
        return name.chars().filter(|character| !is_hidden(*character)).map(|it| it.to_ascii_lowercase()).collect();
    }
    let visible: String = map_width(name.chars().filter(|character| !is_hidden(*character))).collect();
    let composed: String = visible.nfc().collect();
    // A final sigma is how a capital one may be written, depending on what follows.
    let lower = composed.chars().flat_map(char::to_lowercase).map(|it| if it == '\u{3c2}' { '\u{3c3}' } else { it });
    lower.nfc().collect()
}

/// A password as it is hashed: RFC 8265 section 4.2, OpaqueString. Spaces of other scripts become U+0020, the rest NFC;
/// case, width and everything else stay.
pub fn password_form(password: &str) -> Cow<'_, str> {
    let is_plain = |character: char| character == ' ' || !is_space(character);
    if password.is_ascii() || (password.chars().all(is_plain) && is_nfc(password)) {
        return Cow::Borrowed(password);
    }
    Cow::Owned(password.chars().map(|it| if is_space(it) { ' ' } else { it }).nfc().collect())
}

/// The other form in which a password may have been hashed before there was a [`password_form`]: as it was typed, or
/// where that is the form already, decomposed, as some systems type it. Nothing for a password in ASCII.
pub fn former_password_form(password: &str) -> Option<String> {
    let form = password_form(password);
    if form != password {
        return Some(password.to_owned());
    }
    if password.is_ascii() {
        return None;
    }
    Some(password.nfd().collect::<String>()).filter(|decomposed| decomposed.as_str() != password)
}

/// Fullwidth and halfwidth forms and the ideographic space, mapped to what they are forms of.
fn map_width(text: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    text.flat_map(|character| {
        let is_form = matches!(character, '\u{3000}' | '\u{ff01}'..='\u{ffee}');
        let mapped: String =
            if is_form { std::iter::once(character).nfkc().collect() } else { String::from(character) };
        mapped.chars().collect::<Vec<_>>()
    })
}

/// General category Zs of Unicode 17.0.
fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_have_one_key() {
        let same = [
            ("j\u{f6}rg@example.org", "JO\u{308}RG@Example.ORG"),
            ("anna", "\u{ff21}\u{ff2e}nA"),
            ("anna", "an\u{200b}n\u{fe0f}a\u{3164}"),
            ("\u{e5}", "\u{212b}"),
            ("k", "\u{212a}"),
            ("i\u{307}", "\u{130}"),
            ("\u{30ac}", "\u{ff76}\u{ff9e}"),
            ("\u{1fa7}", "\u{1faf}"),
            ("\u{3c3}\u{3b1}\u{3c2}", "\u{3a3}\u{391}\u{3a3}"),
        ];
        for (one, other) in same {
            assert_eq!(user_key(one), user_key(other), "{one} {other}");
            assert_eq!(user_key(&user_key(other)), user_key(other));
        }
        assert_ne!(user_key("stra\u{df}e"), user_key("strasse"));
        assert_ne!(user_key("jorg"), user_key("j\u{f6}rg"));
    }

    #[test]
    fn passwords_keep_all_but_their_composition() {
        assert_eq!(password_form("pa\u{308}ss\u{a0}w\u{3000}rt"), "p\u{e4}ss w rt");
        assert_eq!(password_form("Pass W\u{ff21}"), "Pass W\u{ff21}", "case and width stay");
        assert_eq!(former_password_form("plain"), None);
        assert_eq!(former_password_form("pa\u{308}"), Some("pa\u{308}".to_owned()));
        assert_eq!(former_password_form("p\u{e4}"), Some("pa\u{308}".to_owned()));
        assert_eq!(former_password_form("\u{1f512}"), None);
    }
}
