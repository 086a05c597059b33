//! Text that came from somebody else and will be shown to a person.
//!
//! Control characters and the characters that turn the direction of writing can make a prompt read as something it is
//! not, so they are taken out, and what remains is capped.

/// Longest issuer or account name that is shown or stored, in characters.
pub const NAME_LIMIT: usize = 100;
/// Longest message text that is shown or stored, in characters.
pub const MESSAGE_LIMIT: usize = 500;

/// The text without control and direction characters, trimmed, and cut to `limit` characters.
pub fn clean(text: &str, limit: usize) -> String {
    let kept: String = text.chars().filter(|character| !is_hidden(*character)).take(limit).collect();
    kept.trim().to_owned()
}

/// Control characters (C0, C1, DEL), line and paragraph separators, and the Unicode characters that are invisible or
/// change the direction of the text around them (Unicode Standard Annex 9).
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_go_and_the_rest_is_capped() {
        assert_eq!(clean("Pi\u{202e}ng\u{0007}\r\n", 100), "Ping");
        assert_eq!(clean("  München 🔐 ", 100), "München 🔐");
        assert_eq!(clean("abcdef", 3), "abc");
    }
}
