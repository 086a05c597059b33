//! `device`: registered phones. Works also while the server runs.

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{Failure, Report};
use super::user::{failed, open};
use crate::ports::{Clock as _, SystemClock};
use crate::server::configuration::Configuration;
use crate::server::store::{StoreError, audit, devices};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// List the registered phones.
    List,
    /// Remove a phone: it can approve nothing any more.
    Remove {
        /// The device's id, as listed.
        id: String,
    },
}

pub(super) fn run(verb: Verb, configuration: &Configuration) -> Result<Report, Failure> {
    let store = open(configuration)?;
    match verb {
        Verb::List => {
            let devices = store.run_blocking(devices::list).map_err(failed)?;
            let lines: Vec<String> =
                devices.iter().map(|device| format!("{}  {}  {}", device.id, device.user, device.name)).collect();
            let values: Vec<Value> = devices
                .iter()
                .map(|device| {
                    json!({
                        "id": device.id,
                        "user": device.user,
                        "name": device.name,
                        "device_type": device.device_type,
                        "communication_type": device.communication_type,
                        "registered_at": device.registered_at,
                        "confirmed": device.provisional_journey.is_none(),
                    })
                })
                .collect();
            Ok(Report::new(lines.join("\n"), Value::Array(values)))
        }
        Verb::Remove { id } => {
            let wanted = id.clone();
            let now = SystemClock.now();
            let removed = store.run_blocking(move |transaction| -> Result<bool, StoreError> {
                let Some(device) = devices::find(transaction, &wanted)? else { return Ok(false) };
                audit::device_removed(transaction, now, &device, None)?;
                devices::remove(transaction, &device.id)
            });
            if removed.map_err(failed)? {
                Ok(Report::new(format!("Removed {id}."), json!({"id": id})))
            } else {
                Err(Failure::new("unknown-device", &format!("There is no device {id:?}.")))
            }
        }
    }
}
