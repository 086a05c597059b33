//! A file with authorities that are believed besides this machine's: `ca_file` of `[push.sns]` and `[webhook]`.
//!
//! Knows the file and the name of its setting; nothing of who is asked.

use std::path::Path;

use super::http::PemError;
pub use super::http::{TlsFailure, Trust};
use super::text_file::read_text;

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CaFileError {
    /// It cannot be read.
    #[error("{setting} in server.toml: {file} cannot be read: {problem}")]
    Unreadable {
        /// The setting.
        setting: &'static str,
        /// The file.
        file: String,
        /// Why.
        #[source]
        problem: std::io::Error,
    },
    /// It holds something else.
    #[error("{setting} in server.toml: {file} cannot be used. {problem}")]
    NoAuthorities {
        /// The setting.
        setting: &'static str,
        /// The file.
        file: String,
        /// What is wrong.
        #[source]
        problem: PemError,
    },
}

/// Reads the file that this setting names, where it names one.
pub fn read(setting: &'static str, file: Option<&Path>) -> Result<Trust, CaFileError> {
    let name = || file.map(|file| file.display().to_string()).unwrap_or_default();
    let text = file.map(read_text).transpose();
    let text = text.map_err(|problem| CaFileError::Unreadable { setting, file: name(), problem })?;
    Trust::of_setting(setting, text.as_deref()).map_err(|problem| CaFileError::NoAuthorities {
        setting,
        file: name(),
        problem,
    })
}
