//! What the verbs read beside their arguments: registration codes and push messages, never more than can be one.

use std::io::Read as _;
use std::path::Path;

use super::picture;
use crate::cli::output::Failure;
use crate::secret::SecretText;

/// Largest push message that is read, in bytes.
const PAYLOAD_LIMIT: u64 = 64 * 1024;

/// The text of a registration code that is given itself, or as a picture.
pub(super) fn read_code(code: &str) -> Result<SecretText, Failure> {
    if code.contains("://") { Ok(SecretText::new(code.to_owned())) } else { picture::read_file(Path::new(code)) }
}

/// Reads a push's file up to the limit; a pipe or a device may have no end.
pub(super) fn read_payload(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error: std::io::Error| Failure::new("unreadable", &format!("{} cannot be read: {error}", file.display()));
    let mut payload = Vec::new();
    std::fs::File::open(file)
        .map_err(unreadable)?
        .take(PAYLOAD_LIMIT + 1)
        .read_to_end(&mut payload)
        .map_err(unreadable)?;
    if payload.len() as u64 > PAYLOAD_LIMIT {
        let problem = format!("{} is larger than any push message ({PAYLOAD_LIMIT} bytes).", file.display());
        return Err(Failure::new("payload-too-large", &problem));
    }
    Ok(payload)
}
