//! Push Registration: shows the QR code, waits for the phone, and makes recovery codes.

use serde::Deserialize;
use url::Url;

use super::SettingError;
use crate::protocol::device_key::KeyLevel;
use crate::secret::{Reason, SecretText};
use crate::server::factors::{self, Acting, Change};
use crate::server::journey::callback::{Answers, Callback, Segment};
use crate::server::journey::node::{Context, Next, Node, Readiness};
use crate::server::journey::state::{OfferedRegistration, Purpose};
use crate::server::journey::text::Localised;
use crate::server::push::{Effect, Offer, offer};
use crate::server::recovery_codes::make_recovery_codes;
use crate::server::store::device_keys::{KeyDemand, KeyPolicy};
use crate::server::store::{StoreError, audit, devices, registrations, users};

const DEFAULT_MESSAGE: &str =
    "Scan the QR code image below with the authenticator app to register your device with your login.";
/// Name of the hidden value that holds the text of the QR code.
const QR: &str = "mfaDeviceRegistration";
/// Longest `imgUrl`, in bytes, that leaves space for everything else in a QR code.
const LONGEST_LINK: usize = 600;
/// Polling interval for clients, in milliseconds.
const POLL: i64 = 5000;

/// The Push Registration node.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PushRegistration {
    #[serde(default = "default_issuer")]
    issuer: String,
    #[serde(default)]
    account_name: AccountName,
    #[serde(default = "default_colour")]
    bg_color: String,
    #[serde(default)]
    img_url: String,
    #[serde(default = "default_timeout")]
    timeout: i64,
    #[serde(default = "default_true")]
    generate_recovery_codes: bool,
    #[serde(default, rename = "scanQRCodeMessage")]
    scan_qr_code_message: Localised,
    #[serde(default)]
    device_key: KeyDemand,
    #[serde(default)]
    minimum_key_level: Option<KeyLevel>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum AccountName {
    #[default]
    Username,
    CommonName,
}

fn default_issuer() -> String {
    "ForgeRock".to_owned()
}

fn default_colour() -> String {
    "032b75".to_owned()
}

fn default_timeout() -> i64 {
    60
}

fn default_true() -> bool {
    true
}

impl PushRegistration {
    /// Checks what deserialization cannot.
    pub fn checked(self) -> Result<Self, SettingError> {
        self.asked().check().map_err(|problem| SettingError::Setting(problem.to_owned()))?;
        let refuse = |text: &str| Err(SettingError::Setting(text.to_owned()));
        if self.issuer.trim().is_empty() {
            return refuse("issuer must not be empty");
        }
        if !(1..=3600).contains(&self.timeout) {
            return refuse("timeout is in seconds, from 1 to 3600");
        }
        let colour = self.bg_color.trim_start_matches('#');
        if colour.len() != 6 || !colour.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return refuse("bgColor is six hexadecimal digits");
        }
        if !self.img_url.is_empty() && !Url::parse(&self.img_url).is_ok_and(|url| url.scheme() == "https") {
            return refuse("imgUrl is an https link or empty");
        }
        // The registration URI contains the link in base64, and the issuer twice, percent-encoded.
        let escaped = self.issuer.bytes().map(|byte| if byte.is_ascii_alphanumeric() { 1 } else { 3 }).sum::<usize>();
        if self.img_url.len() > LONGEST_LINK || 2 * escaped > LONGEST_LINK {
            return refuse(
                "imgUrl or issuer is too long for a QR code: a link has at most 600 bytes, an issuer about 100",
            );
        }
        Ok(self)
    }

    fn asked(&self) -> KeyPolicy {
        KeyPolicy { demand: self.device_key, minimum: self.minimum_key_level }
    }

    fn account(&self, context: &Context<'_>, user: &str) -> Result<String, StoreError> {
        let common_name = match self.account_name {
            AccountName::Username => None,
            AccountName::CommonName => users::find(context.transaction, user)?.and_then(|user| user.common_name),
        };
        Ok(common_name.unwrap_or_else(|| user.to_owned()))
    }

    /// Shows the QR code of the registration with this message ID, or of a new registration.
    fn show(
        &self,
        context: &mut Context<'_>,
        user: &str,
        message_id: Option<&str>,
    ) -> Result<Vec<Callback>, StoreError> {
        let account = self.account(context, user)?;
        let logo = Url::parse(&self.img_url).ok();
        let session = context.shared.in_session.as_ref().map(|in_session| in_session.session.as_slice());
        let (message_id, text) = offer(
            context.transaction,
            &Offer {
                user,
                journey: context.journey_id,
                issuer: &self.issuer,
                account: &account,
                colour: Some(self.bg_color.trim_start_matches('#')),
                logo: logo.as_ref(),
                time_to_live: self.timeout * 1000,
                endpoint: context.phones_endpoint,
                key_policy: self.asked(),
                only_first: !is_proved(context),
                session,
            },
            message_id,
            context.request_context,
        )?;
        let now = context.now();
        let offered = context
            .shared
            .registration
            .get_or_insert_with(|| OfferedRegistration { message_id, expires_at: now + self.timeout * 1000 });
        let wait = POLL.min((offered.expires_at - now).max(1));
        Ok(vec![
            Callback::Text(vec![Segment::Text(context.choose(&self.scan_qr_code_message, DEFAULT_MESSAGE).to_owned())]),
            Callback::QrScript(SecretText::new(text.expose(Reason::HandOver).to_owned())),
            Callback::HiddenValue { id: QR.to_owned(), value: text },
            Callback::PollingWait { wait, message: "Waiting for the phone...".to_owned() },
        ])
    }

    fn registered(&self, context: &mut Context<'_>, user: &str) -> Result<Next, StoreError> {
        context.shared.registration = None;
        context.shared.factor_changed = true;
        if self.generate_recovery_codes {
            context.transient.recovery_codes = make_recovery_codes(context.transaction, user, context.request_context)?;
            factors::tell(
                context.transaction,
                user,
                Change::RecoveryCodesMade,
                Acting::SignOn,
                context.request_context,
            )?;
            context.effects.push(Effect::TellWebhook);
        }
        Ok(Next::Outcome("successOutcome"))
    }
}

impl Node for PushRegistration {
    fn outcomes(&self) -> Vec<&'static str> {
        vec!["successOutcome", "failureOutcome", "timeoutOutcome"]
    }

    fn waits(&self) -> bool {
        true
    }

    fn issuer(&self) -> Option<&str> {
        Some(&self.issuer)
    }

    fn key_policy(&self) -> Option<KeyPolicy> {
        Some(self.asked())
    }

    fn run(&self, context: &mut Context<'_>, answers: Option<Answers>) -> Result<Next, StoreError> {
        let Some(user) = context.shared.user.clone() else {
            context.shared.failure = Some("Nobody is signed on yet, so no phone can be registered.".to_owned());
            return Ok(Next::Outcome("failureOutcome"));
        };
        // A step-up must prove an existing second factor, not add one.
        if context.shared.is_for(Purpose::StepUp) {
            return Ok(Next::Fail("None of your phones can be asked. Sign out, then sign on again.".to_owned()));
        }
        let proved = is_proved(context);
        // While pushes are frozen, someone else may know the password, so it must not suffice to add a phone.
        let frozen = users::find(context.transaction, &user)?.is_some_and(|user| user.is_frozen(context.now()));
        if (!context.self_registration || frozen) && !proved {
            return refuse(
                context,
                &user,
                if frozen { "frozen" } else { "self-registration-off" },
                "A phone cannot be added here with the password alone. Ask whoever runs this service.",
            );
        }
        // Check again at every step: a sign-on that was already waiting here when the owner registered a phone must not
        // add a second phone with the password alone.
        if !proved && has_a_phone(context, &user)? {
            return refuse(
                context,
                &user,
                "has-a-phone",
                "This account has a phone. Sign on with it; it can add further ones.",
            );
        }
        let offered = context.shared.registration.clone();
        let (Some(_), Some(offered)) = (answers, offered) else {
            context.shared.registration = None;
            return Ok(Next::Ask(self.show(context, &user, None)?));
        };
        match registrations::find(context.transaction, &offered.message_id, &context.request_context.keys)? {
            Some(registration) if registration.accepted_body.is_some() => self.registered(context, &user),
            Some(_) if offered.expires_at > context.now() => {
                Ok(Next::AskAgain(self.show(context, &user, Some(&offered.message_id))?))
            }
            found => {
                context.shared.registration = None;
                if found.is_none() && offered.expires_at > context.now() {
                    context.shared.failure = Some("The registration was withdrawn. Start again.".to_owned());
                    return Ok(Next::Outcome("failureOutcome"));
                }
                registrations::withdraw(context.transaction, context.journey_id)?;
                context.shared.failure = Some("The QR code was not scanned in time.".to_owned());
                Ok(Next::Outcome("timeoutOutcome"))
            }
        }
    }

    fn readiness(&self, context: &mut Context<'_>) -> Result<Readiness, StoreError> {
        let Some(offered) = context.shared.registration.clone() else {
            return Ok(Readiness::Now);
        };
        let waiting = registrations::find(context.transaction, &offered.message_id, &context.request_context.keys)?
            .is_some_and(|registration| registration.accepted_body.is_none());
        Ok(if waiting && offered.expires_at > context.now() {
            Readiness::At(offered.expires_at)
        } else {
            Readiness::Now
        })
    }
}

/// Returns whether the user proved more than the password.
fn is_proved(context: &Context<'_>) -> bool {
    context.shared.second_factor_at.is_some() || context.shared.is_for(Purpose::AddDevice)
}

/// Returns whether the user has a confirmed phone that this sign-on did not register.
fn has_a_phone(context: &Context<'_>, user: &str) -> Result<bool, StoreError> {
    let own = devices::added_by(context.transaction, context.journey_id)?;
    if own.as_ref().is_some_and(|device| device.provisional_journey.is_none()) {
        return Ok(false);
    }
    devices::has_confirmed(context.transaction, user, own.as_ref().map(|device| device.id.as_str()))
}

/// Leaves as a failure, and invalidates the registration that this sign-on offered and any phone that used it.
fn refuse(context: &mut Context<'_>, user: &str, outcome: &str, message: &str) -> Result<Next, StoreError> {
    registrations::withdraw(context.transaction, context.journey_id)?;
    let taken = devices::added_by(context.transaction, context.journey_id)?;
    if let Some(device) = &taken {
        devices::retire(context.transaction, &device.id, context.now())?;
    }
    audit::add(
        context.transaction,
        &audit::Event {
            at: context.now(),
            event: "device-registered".to_owned(),
            user: Some(user.to_owned()),
            address: context.shared.browser.address.clone(),
            device: taken.map(|device| device.id),
            outcome: outcome.to_owned(),
        },
    )?;
    context.shared.failure = Some(message.to_owned());
    Ok(Next::Outcome("failureOutcome"))
}
