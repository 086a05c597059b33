//! Files that hold journeys: exports of one or several, and folders with a file per node, as written by
//! fr-config-manager (`NAME/NAME.json` and `NAME/nodes/`).

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::JourneysError;
use super::tree::{self, Journey};
use crate::server::text_file::read_text;

/// Deepest nesting of node folders, which hold the nodes and the children of pages.
const DEPTH: usize = 3;

/// Returns the files in a folder that hold journeys, in file name order. Skips names that begin with a dot, because
/// systems and editors create such files next to real ones.
pub fn of_folder(folder: &Path) -> Result<Vec<PathBuf>, JourneysError> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            files.extend(layout_of(&path));
        } else if is_json(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

/// Reads the journeys of a file, or of a folder with a layout.
pub fn read(file: &Path) -> Result<Vec<Journey>, JourneysError> {
    let layout = if file.is_dir() { layout_of(file) } else { None };
    let file = layout.as_deref().unwrap_or(file);
    let refused = |error| JourneysError::Refused(file.display().to_string(), error);
    let folder = file.parent().unwrap_or(Path::new(""));
    let value = tree::parse(&text(file)?).map_err(refused)?;
    let is_layout = value.get("entryNodeId").is_some() && value.get("tree").is_none();
    let value = if is_layout { with_nodes(value, &folder.join("nodes"))? } else { value };
    tree::read_value(value, folder).map_err(refused)
}

/// Returns the file in a folder that holds a journey's layout, if there is one.
fn layout_of(folder: &Path) -> Option<PathBuf> {
    let mut name = folder.file_name()?.to_owned();
    name.push(".json");
    let file = folder.join(name);
    file.is_file().then_some(file)
}

/// Returns a layout together with the node settings from their separate files.
fn with_nodes(layout: Value, folder: &Path) -> Result<Value, JourneysError> {
    let mut nodes = Map::new();
    if folder.is_dir() {
        collect(folder, DEPTH, &mut nodes)?;
    }
    Ok(json!({"tree": layout, "nodes": nodes}))
}

fn collect(folder: &Path, depth: usize, nodes: &mut Map<String, Value>) -> Result<(), JourneysError> {
    for path in entries(folder)? {
        if path.is_dir() {
            if depth > 1 {
                collect(&path, depth - 1, nodes)?;
            }
        } else if is_json(&path) {
            let refused = |error| JourneysError::Refused(path.display().to_string(), error);
            let settings = tree::parse(&text(&path)?).map_err(refused)?;
            if let Some(id) = settings.get("_id").and_then(Value::as_str) {
                nodes.insert(id.to_owned(), settings);
            }
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, JourneysError> {
    let unreadable = |error| JourneysError::Unreadable(folder.display().to_string(), error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

fn text(file: &Path) -> Result<String, JourneysError> {
    read_text(file).map_err(|error| JourneysError::Unreadable(file.display().to_string(), error))
}
