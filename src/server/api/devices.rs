//! A user's own phones: list, read and remove (AM's `users/{user}/devices/2fa/push`).
//!
//! Requires the user's own session, and for changes a second factor within the last few minutes: a stolen session must
//! not be enough to remove the owner's phone.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Realm, SEND_A_HEADER, error, internal, live_session, says_it_is_no_form, session_token};
use crate::secret::Reason;
use crate::server::App;
use crate::server::names::user_key;
use crate::server::push::Effect;
use crate::server::rfc3339::rfc3339;
use crate::server::store::device_keys::{self, DeviceKey};
use crate::server::store::devices::{self as store, Device};
use crate::server::store::{StoreError, digest};
use crate::server::user_devices;

/// Path parameters. `device` is present if the path names one.
#[derive(Deserialize)]
pub(in crate::server) struct Names {
    user: String,
    device: Option<String>,
}

/// The query of a call.
#[derive(Deserialize)]
pub(in crate::server) struct Action {
    #[serde(rename = "_action")]
    action: Option<String>,
}

/// `GET .../devices/2fa/push`.
pub(in crate::server) async fn query(
    State(app): State<App>,
    _: Realm,
    names: Result<Path<Names>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let (user, _) = match owner(&app, names, &headers, Purpose::Look).await {
        Ok(owner) => owner,
        Err(response) => return response,
    };
    let listed = app.0.store.run(move |transaction| -> Result<_, StoreError> {
        Ok((store::of_user(transaction, &user)?, device_keys::by_device(transaction, Some(&user))?))
    });
    match listed.await {
        Ok((devices, keys)) => {
            listed_as(devices.iter().map(|device| to_json(&app, device, keys.get(&device.id))).collect())
        }
        Err(problem) => internal(&problem),
    }
}

/// `GET .../devices/2fa/oath`, and other types of devices that do not exist here.
pub(in crate::server) async fn query_none(
    State(app): State<App>,
    _: Realm,
    names: Result<Path<Names>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    match owner(&app, names, &headers, Purpose::Look).await {
        Ok(_) => listed_as(Vec::new()),
        Err(response) => response,
    }
}

/// Returns a list in AM's format.
fn listed_as(result: Vec<Value>) -> Response {
    Json(json!({
        "resultCount": result.len(),
        "result": result,
        "pagedResultsCookie": null,
        "totalPagedResultsPolicy": "NONE",
        "totalPagedResults": -1,
        "remainingPagedResults": -1,
    }))
    .into_response()
}

/// `POST .../devices/2fa/push?_action=reset`: removes all phones.
pub(in crate::server) async fn reset(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    _: Realm,
    names: Result<Path<Names>, PathRejection>,
    action: Result<Query<Action>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    if !action.is_ok_and(|Query(action)| action.action.as_deref() == Some("reset")) {
        return error(StatusCode::BAD_REQUEST, "Only _action=reset is offered.");
    }
    let (user, _) = match owner(&app, names, &headers, Purpose::Change).await {
        Ok(owner) => owner,
        Err(response) => return response,
    };
    let (context, session) = (app.context(), session_digest(&headers));
    let removed = app
        .0
        .store
        .run(move |transaction| {
            for device in store::of_user(transaction, &user)? {
                let address = Some(address.ip().to_string());
                user_devices::remove(transaction, &user, &device.id, address, &session, &context)?;
            }
            Ok(())
        })
        .await;
    match removed {
        Ok(()) => {
            app.carry_out(vec![Effect::TellWebhook]);
            Json(json!({"result": true})).into_response()
        }
        Err(problem) => internal(&problem as &StoreError),
    }
}

/// `GET .../devices/2fa/push/{device}`.
pub(in crate::server) async fn read(
    State(app): State<App>,
    _: Realm,
    names: Result<Path<Names>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let (user, device) = match owner(&app, names, &headers, Purpose::Look).await {
        Ok(owner) => owner,
        Err(response) => return response,
    };
    let found = app.0.store.run(move |transaction| -> Result<_, StoreError> {
        let Some(device) = user_devices::find(transaction, &user, &device)? else { return Ok(None) };
        let key = device_keys::of_device(transaction, &device.id)?;
        Ok(Some((device, key)))
    });
    match found.await {
        Ok(Some((device, key))) => Json(to_json(&app, &device, key.as_ref())).into_response(),
        Ok(None) => no_device(),
        Err(problem) => internal(&problem),
    }
}

/// `DELETE .../devices/2fa/push/{device}`.
pub(in crate::server) async fn remove(
    State(app): State<App>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    _: Realm,
    names: Result<Path<Names>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let (user, device) = match owner(&app, names, &headers, Purpose::Change).await {
        Ok(owner) => owner,
        Err(response) => return response,
    };
    let (context, session, address) = (app.context(), session_digest(&headers), Some(address.ip().to_string()));
    let removed = app.0.store.run(move |transaction| -> Result<_, StoreError> {
        let key = device_keys::of_device(transaction, &device)?;
        let removed = user_devices::remove(transaction, &user, &device, address, &session, &context)?;
        Ok(removed.map(|device| (device, key)))
    });
    match removed.await {
        Ok(Some((device, key))) => {
            app.carry_out(vec![Effect::TellWebhook]);
            Json(to_json(&app, &device, key.as_ref())).into_response()
        }
        Ok(None) => no_device(),
        Err(problem) => internal(&problem),
    }
}

/// Returns the SHA-256 of the session token in the HTTP request.
fn session_digest(headers: &HeaderMap) -> Vec<u8> {
    session_token(headers).map(|(token, _)| digest(token.expose(Reason::Hash).as_bytes())).unwrap_or_default()
}

/// What a call wants to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Look,
    Change,
}

/// Returns the owner of the devices, if the caller may do this, and the device named in the path, or an empty string.
async fn owner(
    app: &App,
    names: Result<Path<Names>, PathRejection>,
    headers: &HeaderMap,
    purpose: Purpose,
) -> Result<(String, String), Response> {
    let Ok(Path(names)) = names else {
        return Err(error(StatusCode::NOT_FOUND, "The address cannot be read."));
    };
    let session = match live_session(app, headers).await {
        Ok(Some(session)) => session,
        Ok(None) => return Err(error(StatusCode::UNAUTHORIZED, "There is no session. Sign on first.")),
        Err(problem) => return Err(internal(&problem)),
    };
    if user_key(&session.user) != user_key(&names.user) {
        return Err(error(StatusCode::FORBIDDEN, "These are the devices of somebody else."));
    }
    if purpose == Purpose::Change {
        let by_cookie = session_token(headers).is_some_and(|(_, is_cookie)| is_cookie);
        if by_cookie && !says_it_is_no_form(headers) {
            return Err(error(StatusCode::FORBIDDEN, SEND_A_HEADER));
        }
        if !session.may_change_devices(app.now()) {
            return Err(error(
                StatusCode::FORBIDDEN,
                "This needs a push approval or a recovery code within the last five minutes. Sign on again.",
            ));
        }
    }
    Ok((session.user, names.device.unwrap_or_default()))
}

fn no_device() -> Response {
    error(StatusCode::NOT_FOUND, "There is no such device.")
}

/// Returns a device in AM's format, with the effective properties of its device key, if it has one.
fn to_json(app: &App, device: &Device, key: Option<&DeviceKey>) -> Value {
    let mut value = json!({
        "_id": device.id,
        "_rev": "1",
        "uuid": device.id,
        "deviceName": device.name,
        "deviceType": device.device_type,
        "communicationType": device.communication_type,
        "createdDate": device.registered_at,
        "createdDateText": rfc3339(device.registered_at),
        "confirmed": device.provisional_journey.is_none(),
    });
    if let (Some(key), Some(members)) = (key, value.as_object_mut()) {
        let counted = key.counted(app.0.attestation.is_some());
        let key = json!({
            "keyLevel": counted.level.name(),
            "userPresence": counted.presence.name(),
            "attestation": key.state().name(),
        });
        members.insert("deviceKey".to_owned(), key);
    }
    value
}
