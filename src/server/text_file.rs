//! Reading text files as real systems leave them: with a byte order mark, and in UTF-16 where a mark says so.

use std::io::{Error, ErrorKind};
use std::path::Path;

/// Reads a text file: UTF-8 with or without a byte order mark, or UTF-16 with one, as editors and shells on Windows write it.
///
/// # Errors
///
/// The file cannot be read, or is no text.
pub fn read_text(file: &Path) -> std::io::Result<String> {
    decode_text(std::fs::read(file)?)
}

/// Returns the text of these bytes, without its byte order mark.
///
/// # Errors
///
/// The bytes are neither UTF-8 nor UTF-16 with a mark.
pub fn decode_text(bytes: Vec<u8>) -> std::io::Result<String> {
    let no_text = || Error::new(ErrorKind::InvalidData, "it is not text in UTF-8");
    match bytes.as_slice() {
        [0xEF, 0xBB, 0xBF, text @ ..] => String::from_utf8(text.to_vec()).map_err(|_| no_text()),
        [0xFF, 0xFE, text @ ..] => decode_utf16(text, u16::from_le_bytes).ok_or_else(no_text),
        [0xFE, 0xFF, text @ ..] => decode_utf16(text, u16::from_be_bytes).ok_or_else(no_text),
        _ => String::from_utf8(bytes).map_err(|_| no_text()),
    }
}

fn decode_utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Option<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    if rest.is_empty() { char::decode_utf16(units).collect::<Result<_, _>>().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_no_part_of_the_text() {
        assert_eq!(decode_text(b"\xEF\xBB\xBF{}".to_vec()).unwrap(), "{}");
        assert_eq!(decode_text(b"{}".to_vec()).unwrap(), "{}");
        let utf_16 = |text: &str, big: bool| -> Vec<u8> {
            std::iter::once(0xFEFF)
                .chain(text.encode_utf16())
                .flat_map(|unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect()
        };
        for big in [false, true] {
            assert_eq!(decode_text(utf_16("{\"a\": \"\u{1f600}\"}", big)).unwrap(), "{\"a\": \"\u{1f600}\"}");
        }
        for damaged in [&b"\xFF\xFE\x00"[..], b"\xFF\xFE\x00\xD8", b"\x80", b"\xEF\xBB\xBF\xFF"] {
            assert!(decode_text(damaged.to_vec()).is_err(), "{damaged:?}");
        }
    }
}
