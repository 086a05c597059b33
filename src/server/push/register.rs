//! Offering a registration as a QR code, and taking a phone's registration (docs/wire.md, "Register a device").

use url::Url;

use super::device_key::{KeyRefusal, check_registration};
use super::{Effect, Refusal, RequestContext};
use crate::ports::{make_bytes, make_uuid};
use crate::protocol::message::{SignedBody, is_mechanism_uid, response_is_right};
use crate::protocol::proof::verify_registration;
use crate::protocol::text;
use crate::protocol::uri::{self, Cookie, PushRegistration};
use crate::secret::{Reason, SecretBytes, SecretText};
use crate::server::factors::{self, Acting, Change};
use crate::server::store::device_keys::{self, KeyDemand, KeyPolicy};
use crate::server::store::devices::{self, Device};
use crate::server::store::registrations::{self, Registration};
use crate::server::store::{StoreError, Transaction, audit, digest, sessions, sign_ons, users};
use crate::server::waiters::Waiter;

/// Longest push token, in bytes.
const PUSH_TOKEN_LIMIT: usize = 4096;

/// What a QR code says besides its secrets.
pub struct Offer<'a> {
    /// Whose device it will be.
    pub user: &'a str,
    /// The journey that offers it; empty for an invitation.
    pub journey: &'a [u8],
    /// Issuer shown on the phone.
    pub issuer: &'a str,
    /// Account name shown on the phone.
    pub account: &'a str,
    /// Background colour, six hexadecimal digits.
    pub colour: Option<&'a str>,
    /// Logo.
    pub logo: Option<&'a Url>,
    /// Milliseconds for which it may be used.
    pub time_to_live: i64,
    /// The phones' endpoint, without `_action`.
    pub endpoint: &'a Url,
    /// What is asked of the phone's key.
    pub key_policy: KeyPolicy,
    /// Whether it is offered for the password alone, and so registers no phone once the user has one.
    pub only_first: bool,
    /// SHA-256 of the token of the session in which it is offered.
    pub session: Option<&'a [u8]>,
}

/// Makes a registration, or gives the text of the one with this message id again.
pub fn offer(
    transaction: &Transaction,
    offer: &Offer<'_>,
    message_id: Option<&str>,
    context: &RequestContext,
) -> Result<(String, SecretText), StoreError> {
    let entropy = context.entropy.as_ref();
    let existing = match message_id {
        Some(id) => registrations::find(transaction, id, &context.keys)?,
        None => None,
    };
    if let Some(registration) = existing {
        let text = print(offer, &registration);
        return Ok((registration.message_id, text));
    }
    registrations::sweep(transaction, context.now)?;
    let mut registration = Registration {
        message_id: format!("REGISTER:{}{}", make_uuid(entropy)?, context.now),
        user: offer.user.to_owned(),
        journey: offer.journey.to_vec(),
        device: make_uuid(entropy)?,
        secret: SecretBytes::new(make_bytes::<32>(entropy)?.to_vec()),
        challenge: SecretBytes::new(make_bytes::<32>(entropy)?.to_vec()),
        expires_at: context.now + offer.time_to_live,
        accepted_body: None,
        key_policy: offer.key_policy,
        names: None,
        only_first: offer.only_first,
        session: offer.session.map(<[u8]>::to_vec),
    };
    let text = print(offer, &registration);
    if offer.key_policy.demand != KeyDemand::Off {
        // As a phone reads them: what it displays goes into its proofs.
        let read = uri::parse(text.expose(Reason::HandOver)).ok();
        let names = read.as_ref().and_then(|read| read.push()).map(|push| (push.issuer.clone(), push.account.clone()));
        registration.names = Some(names.ok_or(StoreError::Damaged("registration code"))?);
    }
    registrations::add(transaction, &registration, &context.keys, entropy)?;
    Ok((registration.message_id, text))
}

/// The text of a QR code. Names that proofs will be about stay what they were when it was first shown.
fn print(offer: &Offer<'_>, registration: &Registration) -> SecretText {
    let (issuer, account) = match &registration.names {
        Some((issuer, account)) => (issuer.as_str(), account.as_str()),
        None => (offer.issuer, offer.account),
    };
    uri::print(&PushRegistration {
        issuer: issuer.to_owned(),
        account: account.to_owned(),
        user_id: Some(offer.user.to_owned()),
        device_id: Some(registration.device.clone()),
        registration_endpoint: uri::with_action(offer.endpoint, "register"),
        authentication_endpoint: uri::with_action(offer.endpoint, "authenticate"),
        secret: registration.secret.duplicate(),
        challenge: registration.challenge.duplicate(),
        message_id: registration.message_id.clone(),
        cookie: Cookie::parse(b"amlbcookie=01").ok(),
        colour: offer.colour.map(str::to_owned),
        logo: offer.logo.cloned(),
        policies: Vec::new(),
        policies_json: None,
        takes_device_keys: registration.key_policy.demand != KeyDemand::Off,
    })
}

/// Takes a registration. `body` is the request's body as it came, `audience` the origin that proofs are for. The outcome is
/// for the phone; what is refused for want of a key is written down all the same.
pub fn register(
    transaction: &Transaction,
    body: &[u8],
    audience: &str,
    context: &RequestContext,
) -> Result<(Result<(), Refusal>, Vec<Effect>), Refusal> {
    let SignedBody { message_id, jwt } =
        serde_json::from_slice(body).map_err(|_| Refusal::Mute("the body is not a registration"))?;
    let registration = registrations::find(transaction, &message_id, &context.keys)?
        .ok_or(Refusal::Mute("no such registration is offered"))?;
    let (claims, claimed_key) = verify_registration(&registration.secret, &jwt)
        .map_err(|_| Refusal::Mute("the registration's signature is wrong"))?;
    if registration.expires_at <= context.now {
        return Err(Refusal::Told("This registration code has expired. Ask for a new one."));
    }
    let body_digest = digest(body);
    match &registration.accepted_body {
        Some(accepted) if *accepted == body_digest => return Ok((Ok(()), Vec::new())),
        Some(_) => {
            return Err(Refusal::Told("This registration code was used already. Sign in again to get a new one."));
        }
        None => {}
    }
    if let Some((name, reason)) = over(transaction, &registration, context)? {
        audit::add_refusal(transaction, &event(context, &registration.user, None, name))?;
        return Ok((Err(Refusal::Told(reason)), Vec::new()));
    }
    if !response_is_right(&registration.secret, registration.challenge.expose(Reason::Authenticate), &claims.response) {
        return Err(Refusal::Told("The registration's response is wrong."));
    }
    if !is_mechanism_uid(&claims.mechanism_uid)
        || claims.device_id.len() > PUSH_TOKEN_LIMIT
        || !matches!(claims.device_type.as_str(), "android" | "ios")
    {
        return Err(Refusal::Told("The registration describes the device in a way that is not accepted."));
    }
    if users::find(transaction, &registration.user)?.is_none_or(|user| user.locked_at.is_some()) {
        return Err(Refusal::Told("This account is locked."));
    }
    let key = match check_registration(&registration, claimed_key, audience, context) {
        Ok(key) => key,
        Err(KeyRefusal { name, refusal }) => {
            audit::add_refusal(transaction, &event(context, &registration.user, None, name))?;
            return Ok((Err(refusal), Vec::new()));
        }
    };
    let device = Device {
        id: registration.device,
        user: registration.user,
        mechanism_uid: claims.mechanism_uid,
        name: device_name(&claims.device_name),
        device_type: claims.device_type,
        communication_type: claims.communication_type,
        registered_at: context.now,
        // An invitation belongs to no sign-on: whoever runs the server vouched for the phone.
        provisional_journey: Some(registration.journey.clone()).filter(|journey| !journey.is_empty()),
    };
    let added = devices::add(
        transaction,
        &device,
        &claims.device_id,
        &registration.secret,
        &context.keys,
        context.entropy.as_ref(),
    )?;
    if !added {
        return Err(Refusal::Told("This credential is registered already."));
    }
    if let Some(key) = &key {
        device_keys::add(transaction, &device.id, key)?;
    }
    registrations::accept(transaction, &message_id, &body_digest)?;
    let outcome = key.map_or("success".to_owned(), |key| {
        let level = key.counted(context.attestation.is_some()).level;
        format!("success-{}-{}", level.name(), key.state().name())
    });
    audit::add(transaction, &event(context, &device.user, Some(&device.id), &outcome))?;
    let acting = if device.provisional_journey.is_some() { Acting::SignOn } else { Acting::Administrator };
    factors::tell(transaction, &device.user, Change::DeviceAdded(&device), acting, context)?;
    tracing::info!(user = device.user, device = device.id, outcome, "device registered");
    let effects = vec![
        Effect::Wake(Waiter::Journey(registration.journey)),
        Effect::TokenChanged(device.id, device.communication_type),
        Effect::TellWebhook,
    ];
    Ok((Ok(()), effects))
}

/// Returns why a code that is still in its time registers no phone any more, as the audit log and the sender are told.
fn over(
    transaction: &Transaction,
    registration: &Registration,
    context: &RequestContext,
) -> Result<Option<(&'static str, &'static str)>, StoreError> {
    if let Some(session) = &registration.session
        && !sessions::is_live(transaction, session, context.now)?
    {
        return Ok(Some(("signed-out", "You signed out where this code was shown. Sign in and ask for a new one.")));
    }
    if registration.journey.is_empty() {
        return Ok(None);
    }
    if !sign_ons::is_under_way(transaction, &registration.journey, context.now, &context.keys)? {
        return Ok(Some((
            "sign-on-over",
            "The sign-in that showed this code is over. Sign in again to get a new one.",
        )));
    }
    if registration.only_first && devices::has_confirmed(transaction, &registration.user, None)? {
        return Ok(Some(("has-a-phone", "This account has a phone. Sign in with it; it can add more.")));
    }
    let user = users::find(transaction, &registration.user)?;
    if registration.only_first && user.is_some_and(|user| user.is_frozen(context.now)) {
        return Ok(Some(("frozen", "A phone cannot be added here with the password alone. Ask an administrator.")));
    }
    Ok(None)
}

fn event(context: &RequestContext, user: &str, device: Option<&str>, outcome: &str) -> audit::Event {
    audit::Event {
        at: context.now,
        event: "device-registered".to_owned(),
        user: Some(user.to_owned()),
        device: device.map(str::to_owned),
        outcome: outcome.to_owned(),
        address: None,
    }
}

/// The name that a phone gave itself, fit to be shown.
pub(super) fn device_name(name: &str) -> String {
    match text::clean(name, text::NAME_LIMIT) {
        name if name.is_empty() => "Unnamed phone".to_owned(),
        name => name,
    }
}
