//! Addresses and ids in registration URIs: what may be contacted, and how to show it.

use std::net::IpAddr;

use url::{Host, Url};

use crate::protocol::message::MESSAGE_ID_LIMIT;

/// Returns the endpoint with its `_action` parameter set to `action` and everything else unchanged.
pub fn with_action(endpoint: &Url, action: &str) -> Url {
    let mut changed = endpoint.clone();
    let kept: Vec<&str> = endpoint
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("_action="))
        .collect();
    let action = format!("_action={action}");
    changed.set_query(Some(&kept.into_iter().chain([action.as_str()]).collect::<Vec<_>>().join("&")));
    changed
}

/// Returns whether the URL's host can only be this device: `localhost`, 127.0.0.0/8 or `[::1]`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Returns `host` or `host:port`, to show to the user.
pub fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Returns whether the text can be a message id. These are opaque, but end up in JSON, logs and databases, so they must
/// be visible ASCII and not too long.
pub fn is_message_id(id: &str) -> bool {
    (1..=MESSAGE_ID_LIMIT).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}
