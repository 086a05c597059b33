//! The list of revoked certificates, in Google's format. The server does not download it: the administrator provides
//! the file, and the server picks up changes to it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use serde::Deserialize;
use serde::de::IgnoredAny;
use x509_parser::certificate::X509Certificate;

use super::error::AttestationFileError;
use crate::server::text_file::read_text;

/// The file. The details of an entry (`REVOKED`, `SUSPENDED`, the reason) make no difference here.
#[derive(Deserialize)]
struct Status {
    entries: std::collections::HashMap<String, IgnoredAny>,
}

/// Modification time and length, to detect a changed file.
type Stamp = (Option<SystemTime>, u64);

/// Revoked certificates.
#[derive(Debug)]
pub(super) struct Revocations {
    file: PathBuf,
    read: Mutex<(Stamp, HashSet<String>)>,
}

impl Revocations {
    pub(super) fn load(file: &Path) -> Result<Self, AttestationFileError> {
        let read = Mutex::new((stamp(file)?, read(file)?));
        Ok(Self { file: file.to_owned(), read })
    }

    /// Returns whether any of these certificates is in the current list. If the file becomes unreadable, the previous
    /// list stays in use.
    pub(super) fn hold_any(&self, chain: &[X509Certificate<'_>]) -> bool {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = stamp(&self.file).and_then(|stamp| {
            let is_newer = stamp != known.0;
            Ok(if is_newer { Some((stamp, read(&self.file)?)) } else { None })
        });
        match newer {
            Ok(Some(newer)) => {
                tracing::info!(entries = newer.1.len(), "a changed list of revoked certificates was read");
                *known = newer;
            }
            Ok(None) => {}
            Err(problem) => tracing::error!(%problem, "the list of revoked certificates as read before is used"),
        }
        chain.iter().any(|certificate| {
            let serial = &certificate.tbs_certificate.serial;
            // Lower-case hexadecimal; old entries are decimal.
            known.1.contains(&serial.to_str_radix(16)) || known.1.contains(&serial.to_str_radix(10))
        })
    }
}

fn unreadable(file: &Path) -> impl FnOnce(std::io::Error) -> AttestationFileError {
    let name = file.display().to_string();
    |error| AttestationFileError::Unreadable(name, error)
}

fn stamp(file: &Path) -> Result<Stamp, AttestationFileError> {
    let metadata = std::fs::metadata(file).map_err(unreadable(file))?;
    Ok((metadata.modified().ok(), metadata.len()))
}

fn read(file: &Path) -> Result<HashSet<String>, AttestationFileError> {
    let text = read_text(file).map_err(unreadable(file))?;
    let status: Status = serde_json::from_str(&text)
        .map_err(|error| AttestationFileError::Revoked(file.display().to_string(), error.to_string()))?;
    let plain = |serial: String| serial.trim_start_matches('0').to_ascii_lowercase();
    Ok(status.entries.into_keys().map(plain).collect())
}
