//! Journeys: the trees of nodes that a sign-on follows, in the format that AM exports.
//!
//! Nodes reach the store and push messages through their context. Independent of HTTP.

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

/// The shipped journey, in AM's export format.
pub const SHIPPED: &str = include_str!("login-with-push-mfa.json");
/// Name of the shipped journey.
pub const SHIPPED_NAME: &str = "Login with Push MFA";

/// All journeys of the realm, by name.
pub struct Journeys {
    by_name: BTreeMap<String, Journey>,
    /// Files that hold no readable journey, with the reason for each.
    broken: Vec<JourneysError>,
}

/// Why a folder of journeys was rejected.
#[derive(Debug, thiserror::Error)]
pub enum JourneysError {
    /// The folder or a file cannot be read.
    #[error("The journey file {0} cannot be read: {1}")]
    Unreadable(String, #[source] std::io::Error),
    /// A file was rejected.
    #[error("The journey file {0} was refused: {1}.")]
    Refused(String, #[source] TreeError),
    /// The default journey is missing or cannot run.
    #[error("The default journey {0:?} {1}.")]
    Default(String, String),
}

impl Journeys {
    /// Loads every journey in a folder, in file name order.
    ///
    /// An unreadable file is recorded with its reason instead of failing the load. A journey that is defined twice is
    /// switched off, because nothing says which definition is meant.
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

    /// Returns one sentence for each journey and file that is off, with the reason.
    pub fn off(&self) -> Vec<String> {
        let journeys = self.iter().filter_map(|journey| {
            journey.not_runnable.as_ref().map(|why| format!("The journey {:?} is off: {why}.", journey.name))
        });
        journeys.chain(self.broken.iter().map(ToString::to_string)).collect()
    }

    /// Returns the journey with this name.
    pub fn get(&self, name: &str) -> Option<&Journey> {
        self.by_name.get(name)
    }

    /// Checks that the default journey exists and can run here.
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

    /// Returns whether any journey asks phones to register a device key.
    pub fn ask_for_keys(&self) -> bool {
        self.iter().any(|journey| journey.key_policy.demand != KeyDemand::Off)
    }

    /// Iterates over all journeys, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Journey> {
        self.by_name.values()
    }
}

/// Reads the journeys of one file, or of one folder with a file per node.
pub fn read_file(file: &Path) -> Result<Vec<Journey>, JourneysError> {
    files::read(file)
}
