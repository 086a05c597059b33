//! Input beyond the arguments: registration URIs and push messages, limited in size.

use std::io::Read as _;
use std::path::Path;

use super::picture;
use crate::cli::output::Failure;
use crate::secret::SecretText;

/// Largest push message to read, in bytes.
const PAYLOAD_LIMIT: u64 = 64 * 1024;

/// Returns the registration URI from the argument itself or from a picture.
pub(super) fn read_code(code: &str) -> Result<SecretText, Failure> {
    if code.contains("://") { Ok(SecretText::new(code.to_owned())) } else { picture::read_file(Path::new(code)) }
}

/// Reads a push message file up to the limit, because a pipe or a device may never end.
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
