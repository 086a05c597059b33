//! Sanitizing of text from outside that the user will see.
//!
//! Control characters and bidirectional formatting characters can make a prompt appear to say something else, so they
//! are removed, and the rest is truncated.

/// Longest issuer or account name that is shown or stored, in characters.
pub const NAME_LIMIT: usize = 100;
/// Longest message text that is shown or stored, in characters.
pub const MESSAGE_LIMIT: usize = 500;

/// Returns the text without control and invisible characters, truncated to `limit` characters and trimmed.
pub fn clean(text: &str, limit: usize) -> String {
    let kept: String = text.chars().filter(|character| !is_hidden(*character)).take(limit).collect();
    kept.trim().to_owned()
}

/// Returns whether the character is a control character (C0, C1, DEL), a line or paragraph separator, or any other
/// character that is invisible or changes how the text around it reads.
pub fn is_hidden(character: char) -> bool {
    character.is_control() || HIDDEN.iter().any(|(first, last)| (*first..=*last).contains(&character))
}

/// `Default_Ignorable_Code_Point` of DerivedCoreProperties.txt, Unicode 17.0, which includes the bidirectional
/// controls, fillers, variation selectors and tags, plus characters that are invisible but not ignorable: separators
/// (U+2028, U+2029), annotations and the object replacement character (U+FFF9 to U+FFFC), braille and musical blanks
/// (U+2800, U+1D159), and the controls and blanks of Egyptian hieroglyphs (U+13430 to U+13442).
const HIDDEN: [(char, char); 22] = [
    ('\u{00ad}', '\u{00ad}'),
    ('\u{034f}', '\u{034f}'),
    ('\u{061c}', '\u{061c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{2800}', '\u{2800}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{fff9}', '\u{fffc}'),
    ('\u{13430}', '\u{13440}'),
    ('\u{13441}', '\u{13442}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d159}', '\u{1d159}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_go_and_the_rest_is_capped() {
        assert_eq!(clean("Pi\u{202e}ng\u{0007}\r\n", 100), "Ping");
        assert_eq!(clean("  München 🔐 ", 100), "München 🔐");
        assert_eq!(clean("abcdef", 3), "abc");
    }

    #[test]
    fn what_shows_nothing_goes() {
        let blanks = "\u{2800}\u{3164}\u{115f}\u{1160}\u{ffa0}\u{180e}\u{180f}\u{034f}\u{17b4}\u{fe0f}\u{e0100}\u{e0041}\u{2065}\u{1d173}";
        assert_eq!(clean(blanks, 100), "");
        assert_eq!(clean(&format!("a{blanks}b"), 100), "ab");
        let kept = "e\u{301} \u{0627}\u{064b} \u{30ac} \u{1100} \u{ac00} \u{ff21} \u{1f512}";
        assert_eq!(clean(kept, 100), kept, "marks, letters and pictures stay");
    }
}
