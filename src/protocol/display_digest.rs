//! One digest of everything about a sign-on request that the user saw: what you see is what you sign.
//!
//! The server computes it from the message it sent and the phone from the message it verified, both by this rule
//! (docs/wire.md, "Device keys"). Independent of keys.

use ring::digest;
use serde_json::{Map, Value};

use super::canonical::{NotCanonical, canonical};
use super::encoding::encode_url_safe;
use super::message::{Location, PushMessage};

/// Returns the text to digest: text, context, issuer, account and payload as displayed, in canonical form. Issuer and
/// account are those of the registration URI, because the user's own names for them stay on the phone. Absent parts are
/// left out.
pub fn shown_text(message: &PushMessage, issuer: &str, account: &str) -> Result<String, NotCanonical> {
    let mut shown = Map::new();
    put(&mut shown, "account", Some(account));
    put(&mut shown, "issuer", Some(issuer));
    put(&mut shown, "text", message.text.as_deref());
    put(&mut shown, "payload", message.custom_payload.as_deref());
    if let Some(context) = &message.context {
        let mut from = Map::new();
        put(&mut from, "platform", context.platform.as_deref());
        put(&mut from, "remoteIp", context.remote_ip.as_deref());
        put(&mut from, "userAgent", context.user_agent.as_deref());
        if let Some(location) = context.location {
            from.insert("location".to_owned(), Value::Object(place(location)));
        }
        shown.insert("context".to_owned(), Value::Object(from));
    }
    canonical(&shown)
}

/// Returns url-safe base64 of SHA-256 over [`shown_text`].
pub fn shown_digest(message: &PushMessage, issuer: &str, account: &str) -> Result<String, NotCanonical> {
    let text = shown_text(message, issuer, account)?;
    Ok(encode_url_safe(digest::digest(&digest::SHA256, text.as_bytes()).as_ref()))
}

fn put(object: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        object.insert(name.to_owned(), Value::String(value.to_owned()));
    }
}

/// Returns degrees as text with six decimal places (a tenth of a meter), because programs do not all write fractions
/// the same way.
fn place(location: Location) -> Map<String, Value> {
    let degrees = |value: f64| match format!("{value:.6}") {
        zero if zero == "-0.000000" => "0.000000".to_owned(),
        text => text,
    };
    let mut place = Map::new();
    put(&mut place, "latitude", Some(&degrees(location.latitude)));
    put(&mut place, "longitude", Some(&degrees(location.longitude)));
    place
}
