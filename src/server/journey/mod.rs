//! Journeys: trees of nodes that a sign-on walks through, as exported by AM.
//!
//! This room knows the store and the push room through a node's context; it knows no HTTP.

pub mod callback;
pub mod engine;
pub mod node;
mod nodes;
mod reference;
pub mod risk;
mod settings;
pub mod state;
pub mod text;
pub mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use super::store::device_keys::KeyDemand;
use super::text_file::read_text;
use tree::{Journey, TreeError};

/// The shipped journey, in the shape of an export.
pub const SHIPPED: &str = include_str!("login-with-push-mfa.json");
/// The shipped journey's name.
pub const SHIPPED_NAME: &str = "Login with Push MFA";

/// All journeys of the realm, by name.
pub struct Journeys {
    by_name: BTreeMap<String, Journey>,
}

/// Why a folder of journeys was refused.
#[derive(Debug, thiserror::Error)]
pub enum JourneysError {
    /// The folder or a file cannot be read.
    #[error("The journey file {0} cannot be read: {1}")]
    Unreadable(String, #[source] std::io::Error),
    /// A file was refused.
    #[error("The journey file {0} was refused: {1}.")]
    Refused(String, #[source] TreeError),
    /// The default journey is not there or does not run.
    #[error("The default journey {0:?} {1}.")]
    Default(String, String),
    /// Two files hold a journey of the same name.
    #[error("The journey {0:?} is there twice; the second time in {1}.")]
    Twice(String, String),
}

impl Journeys {
    /// Reads every `*.json` file of a folder whose name does not begin with a dot, in the order of their names.
    pub fn load(folder: &Path) -> Result<Self, JourneysError> {
        let unreadable = |path: &Path| {
            let name = path.display().to_string();
            move |error| JourneysError::Unreadable(name, error)
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
            let path = entry.map_err(unreadable(folder))?.path();
            // macOS leaves `._NAME` beside a file on other file systems, and editors `.#NAME`.
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !is_hidden && path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
        files.sort();
        let mut by_name = BTreeMap::new();
        for file in files {
            let name = file.display().to_string();
            let text = read_text(&file).map_err(unreadable(&file))?;
            for journey in tree::read(&text, folder).map_err(|error| JourneysError::Refused(name.clone(), error))? {
                if by_name.contains_key(&journey.name) {
                    return Err(JourneysError::Twice(journey.name, name));
                }
                by_name.insert(journey.name.clone(), journey);
            }
        }
        Ok(Self { by_name })
    }

    /// The journey of this name.
    pub fn get(&self, name: &str) -> Option<&Journey> {
        self.by_name.get(name)
    }

    /// Whether the default journey is there and runs here.
    pub fn check_default(&self, name: &str) -> Result<(), JourneysError> {
        let problem = match self.get(name).map(|journey| &journey.not_runnable) {
            Some(None) => return Ok(()),
            Some(Some(reason)) => format!("does not run here: {reason}"),
            None => "is in no journey file".to_owned(),
        };
        Err(JourneysError::Default(name.to_owned(), problem))
    }

    /// Whether any journey has phones register with a key of their own.
    pub fn ask_for_keys(&self) -> bool {
        self.iter().any(|journey| journey.key_policy.demand != KeyDemand::Off)
    }

    /// All journeys, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Journey> {
        self.by_name.values()
    }
}
