//! `device`: registered phones. Also works while the server runs.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Value, json};

use super::beside::{self, add_event};
use super::journey::public_url;
use super::output::{Failure, Report};
use super::user::{failed, open};
use crate::secret::Reason;
use crate::server::configuration::Configuration;
use crate::server::factors::{self, Acting, Change};
use crate::server::journey::Journeys;
use crate::server::push::{self, Offer};
use crate::server::store::device_keys::{self, AttestationState, DeviceKey, KeyPolicy};
use crate::server::store::{StoreError, audit, devices, users};
use crate::server::write_new_private_file;
use crate::server::{StartError, phones_endpoint, qr};

#[derive(Subcommand)]
pub(super) enum Verb {
    /// List the registered phones.
    List,
    /// Print a registration URI for a user. Hand it over safely: the first phone to scan it is registered for the user.
    Invite {
        /// The user's name.
        user: String,
        /// How many minutes it stays valid.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i64).range(1..=10_080))]
        minutes: i64,
        /// Also write it to this SVG file as a QR code.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Remove a phone, so that it can no longer approve anything.
    Remove {
        /// The device ID, as listed.
        id: String,
    },
}

pub(super) fn run(verb: Verb, configuration: &Configuration) -> Result<Report, Failure> {
    match verb {
        Verb::List => {
            let store = open(configuration)?;
            let checks = configuration.push.attestation.is_some();
            let listed = store.run_blocking(|transaction| -> Result<_, StoreError> {
                Ok((devices::list(transaction)?, device_keys::by_device(transaction, None)?))
            });
            let (devices, keys) = listed.map_err(failed)?;
            let lines: Vec<String> = devices
                .iter()
                .map(|device| {
                    let key = keys.get(&device.id).map(|key| format!("  ({})", describe(key, checks)));
                    format!("{}  {}  {}{}", device.id, device.user, device.name, key.unwrap_or_default())
                })
                .collect();
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
                        "key": keys.get(&device.id).map(|key| {
                            let counted = key.counted(checks);
                            json!({
                                "level": counted.level.name(),
                                "user_presence": counted.presence.name(),
                                "attestation": key.state().name(),
                                "claimed_level": key.claimed.level.name(),
                                "claimed_user_presence": key.claimed.presence.name(),
                            })
                        }),
                    })
                })
                .collect();
            Ok(Report::new(lines.join("\n"), Value::Array(values)))
        }
        Verb::Invite { user, minutes, svg } => invite(configuration, user, minutes, svg),
        Verb::Remove { id } => {
            let wanted = id.clone();
            let (store, context) = beside::open(configuration)?;
            let removed = store.run_blocking(move |transaction| -> Result<bool, StoreError> {
                let Some(device) = devices::find(transaction, &wanted)? else { return Ok(false) };
                add_event(transaction, &audit::device_removal(context.now, &device, None))?;
                let removed = Change::DeviceRemoved(&device);
                factors::tell(transaction, &device.user, removed, Acting::Administrator, &context)?;
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

/// Describes what a phone's key is worth and who vouches for it.
fn describe(key: &DeviceKey, checks: bool) -> String {
    let (counted, claimed) = (key.counted(checks).level.name(), key.claimed.level.name());
    match key.state() {
        AttestationState::Verified => format!("key: {counted}, attested"),
        _ if checks && claimed != counted => format!("key: {counted}, not attested; the phone says {claimed}"),
        _ if checks => format!("key: {counted}, not attested"),
        _ => format!("key: {counted}, as the phone says"),
    }
}

/// Creates a registration outside of any sign-on.
fn invite(configuration: &Configuration, user: String, minutes: i64, svg: Option<PathBuf>) -> Result<Report, Failure> {
    let start = |error: StartError| Failure::new("start", &error);
    let (store, context) = beside::open(configuration)?;
    let public_url = public_url(configuration)?;
    let endpoint = phones_endpoint(&public_url, &configuration.realm).map_err(start)?;
    let journeys = Journeys::load(&configuration.journeys).map_err(|error| Failure::new("journeys", &error))?;
    let journey = journeys.get(&configuration.default_journey);
    let issuer = journey.map_or("ForgeRock", |journey| &journey.issuer).to_owned();
    let key_policy = journey.map_or(KeyPolicy::default(), |journey| journey.key_policy);
    let until = context.now + minutes * 60_000;
    let wanted = user.clone();
    let offered = store.run_blocking(move |transaction| -> Result<_, StoreError> {
        let Some(user) = users::find(transaction, &wanted)? else { return Ok(None) };
        let offer = Offer {
            only_first: false,
            session: None,
            user: &user.name,
            journey: &[],
            issuer: &issuer,
            account: user.common_name.as_deref().unwrap_or(&user.name),
            colour: None,
            logo: None,
            time_to_live: minutes * 60_000,
            endpoint: &endpoint,
            key_policy,
        };
        let (_, code) = push::offer(transaction, &offer, None, &context)?;
        let event = audit::Event {
            at: context.now,
            event: "device-invited".to_owned(),
            user: Some(user.name),
            outcome: "success".to_owned(),
            ..audit::Event::default()
        };
        add_event(transaction, &event)?;
        Ok(Some(code))
    });
    let Some(code) = offered.map_err(failed)? else {
        return Err(Failure::new("unknown-user", &format!("There is no user {user:?}.")));
    };
    let code = code.expose(Reason::HandOver);
    if let Some(file) = svg {
        let drawing = qr::draw(code).ok_or_else(|| Failure::new("picture", &"The code is too long for a picture."))?;
        write_new_private_file(&file, drawing.as_bytes())
            .map_err(|error| Failure::new("picture", &format!("{} cannot be written: {error}", file.display())))?;
    }
    Ok(Report::new(code.to_owned(), json!({"user": user, "uri": code, "expires_at": until})))
}
