//! `init`: creates a folder with everything that `serve` needs.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use serde_json::json;

use super::output::{Failure, Report};
use crate::server::configuration::TEMPLATE;
use crate::server::journey::{SHIPPED, SHIPPED_NAME};

/// Writes the configuration and the journey. Existing files are left untouched and cause a failure.
pub(super) fn run(folder: &Path) -> Result<Report, Failure> {
    let journeys = folder.join("journeys");
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Failure::new("already-there", &format!("{path} is there already. It was left alone."))
            }
            _ => Failure::new("not-written", &format!("{path} cannot be written: {error}")),
        }
    };
    std::fs::create_dir_all(&journeys).map_err(failed(&journeys))?;
    let configuration = folder.join("server.toml");
    let journey = journeys.join(format!("{SHIPPED_NAME}.journey.json"));
    for (path, content) in [(&configuration, TEMPLATE), (&journey, SHIPPED)] {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(failed(path))?;
        file.write_all(content.as_bytes()).map_err(failed(path))?;
    }
    Ok(Report::new(
        format!(
            "Wrote {configuration} and {journey}.\nNext: push-authenticator user add NAME --password-stdin --config {configuration}\n      push-authenticator serve --config {configuration}",
            configuration = configuration.display(),
            journey = journey.display()
        ),
        json!({"configuration": configuration, "journeys": [journey]}),
    ))
}
