//! Journeys: trees of nodes that a sign-on walks through, as exported by AM.
//!
//! This room knows the store and the push room through a node's context; it knows no HTTP.

pub mod callback;
pub mod engine;
mod files;
mod form;
mod known;
pub mod node;
mod nodes;
mod placeholders;
pub mod risk;
mod settings;
mod shape;
pub mod state;
pub mod text;
pub mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use super::store::device_keys::KeyDemand;
use tree::{Journey, TreeError};

/// The shipped journey, in the shape of an export.
pub const SHIPPED: &str = include_str!("login-with-push-mfa.json");
/// The shipped journey's name.
pub const SHIPPED_NAME: &str = "Login with Push MFA";

/// All journeys of the realm, by name.
pub struct Journeys {
    by_name: BTreeMap<String, Journey>,
    /// Why files hold no journey that can be read.
    broken: Vec<JourneysError>,
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
}

impl Journeys {
    /// Reads every journey of a folder, in the order of the files' names. What cannot be read is kept as a reason, and a
    /// journey that is there twice does not run, because nobody can tell which one is meant.
    pub fn load(folder: &Path) -> Result<Self, JourneysError> {
        let (mut by_name, mut broken) = (BTreeMap::<String, Journey>::new(), Vec::new());
        for file in files::of_folder(folder)? {
            match files::read(&file) {
                Ok(journeys) => {
                    for journey in journeys {
                        match by_name.get_mut(&journey.name) {
                            Some(known) => {
                                known.switch_off(&format!("it is there twice, the second time in {}", file.display()));
                            }
                            None => {
                                by_name.insert(journey.name.clone(), journey);
                            }
                        }
                    }
                }
                Err(error) => broken.push(error),
            }
        }
        Ok(Self { by_name, broken })
    }

    /// What does not run, and why: a sentence for each journey and each file.
    pub fn off(&self) -> Vec<String> {
        let journeys = self.iter().filter_map(|journey| {
            journey.not_runnable.as_ref().map(|why| format!("The journey {:?} is off: {why}.", journey.name))
        });
        journeys.chain(self.broken.iter().map(ToString::to_string)).collect()
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
            None if self.broken.is_empty() => "is in no journey file".to_owned(),
            None => {
                let broken: Vec<String> = self.broken.iter().map(ToString::to_string).collect();
                format!("is in no journey file that can be read. {}", broken.join(" "))
            }
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

/// Reads the journeys of one file, or of one folder with a file for each node.
pub fn read_file(file: &Path) -> Result<Vec<Journey>, JourneysError> {
    files::read(file)
}
