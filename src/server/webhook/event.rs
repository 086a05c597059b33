//! What is told to the webhook's receiver: types of events and their bodies (docs/wire.md, "Webhook").
//!
//! Knows the form alone. A type's members are added to and never change their meaning.

use serde::Serialize;

use crate::ports::EpochMilliseconds;
use crate::server::rfc3339::rfc3339;

/// An event.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// A user denied a sign-on as somebody else's.
    NotMe(NotMe),
    /// No push is sent to a user for a while.
    PushesFrozen(PushesFrozen),
    /// A phone was added to a user's.
    DeviceAdded(FactorChanged),
    /// A phone was removed from a user's.
    DeviceRemoved(FactorChanged),
    /// New recovery codes took the place of a user's old ones.
    RecoveryCodesMade(FactorChanged),
    /// A user's password was changed.
    PasswordChanged(FactorChanged),
    /// Whoever runs the server tries the webhook.
    Test {},
}

/// A user denied a sign-on as somebody else's.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotMe {
    /// Who denied it.
    pub user: String,
    /// The phone that it was denied on.
    pub device: Device,
    /// The address that the sign-on came from, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The user agent that it came with, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// When the message was sent to the phone, RFC 3339.
    pub sent_at: String,
}

/// No push is sent to a user for a while.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PushesFrozen {
    /// To whom.
    pub user: String,
    /// Why; `not-me`.
    pub reason: &'static str,
    /// Until when, RFC 3339; absent until an administrator lifts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// What a user signs in with was changed.
#[derive(Debug, Clone, Serialize)]
pub struct FactorChanged {
    /// Whose it is.
    pub user: String,
    /// The phone that was added or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
    /// Who changed it: `user` or `administrator`.
    pub by: &'static str,
}

/// A phone.
#[derive(Debug, Clone, Serialize)]
pub struct Device {
    /// The server's id of it.
    pub id: String,
    /// Its name, as its owner sees it.
    pub name: String,
}

impl Event {
    /// The type's name. Receivers tell events apart by it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotMe(_) => "sign_on.not_me",
            Self::PushesFrozen(_) => "pushes.frozen",
            Self::DeviceAdded(_) => "device.added",
            Self::DeviceRemoved(_) => "device.removed",
            Self::RecoveryCodesMade(_) => "recovery_codes.made",
            Self::PasswordChanged(_) => "password.changed",
            Self::Test {} => "webhook.test",
        }
    }

    /// The body, as it is signed and sent. `server` is the origin that phones know the server by.
    pub fn body(&self, id: &str, server: &str, at: EpochMilliseconds) -> String {
        let body = Body { id, kind: self.name(), timestamp: rfc3339(at), server, data: self };
        serde_json::to_string(&body).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    server: &'a str,
    data: &'a Event,
}
