//! From a registration code to a credential: preview, confirm, sign, store (docs/wire.md, "Register a device").
//!
//! A preview changes and contacts nothing. A confirmed one becomes, in one transaction, a credential and the signed
//! registration in the outbox. Whether the server takes it is the outbox's story.

use super::credential::{Account, CredentialKind, CredentialState, Device, Id, PushCredential, RequestKind};
use super::gate::{self, SlotWrapper};
use super::log::{EventKind, note_account};
use super::vault::{NewRequest, Reader, VaultError};
use super::{Phone, PhoneError};
use crate::ports::make_uuid;
use crate::protocol::jws;
use crate::protocol::message::{RegistrationClaims, SignedBody, response_claim};
use crate::protocol::policy::DeviceFacts;
use crate::protocol::uri::{self, PushRegistration, Registration};
use crate::secret::Reason;

/// Longest device name, in characters.
const DEVICE_NAME_LIMIT: usize = 100;
/// Longest push token, in bytes. FCM's and APNs' are below 300.
pub(super) const PUSH_TOKEN_LIMIT: usize = 4096;

/// What a registration code would add. Holds the code's secrets, which cannot be got out of it.
pub struct Preview {
    /// Who the account is with.
    pub issuer: String,
    /// The account's name there.
    pub account: String,
    /// Host, with its port where one is named, that would be contacted.
    pub host: String,
    /// What would be added.
    pub kinds: Vec<CredentialKind>,
    /// Names of the policies that this phone would have to meet.
    pub policies: Vec<String>,
    /// The account that is there already, under the same issuer, name and host.
    pub conflict: Option<Conflict>,
    registration: Box<PushRegistration>,
}

/// An account that stands in the way of a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The account's id.
    pub account_id: String,
    /// Who it is with.
    pub issuer: String,
    /// Its name.
    pub account: String,
    /// Its host.
    pub host: String,
}

impl Conflict {
    fn into_error(self) -> PhoneError {
        PhoneError::AccountExists { issuer: self.issuer, account: self.account, host: self.host }
    }
}

/// How a previewed account is to be added.
pub struct Enrolment<'a> {
    /// This phone, as the server shall know it.
    pub device: Device,
    /// What the shell observed about the device just now.
    pub facts: DeviceFacts,
    /// The platform's biometric key, where messages that ask for a biometric shall be approvable.
    pub slot: Option<&'a dyn SlotWrapper>,
    /// Whether an account of the same issuer, name and host is to be replaced. It goes when the server has taken the
    /// new registration, not before.
    pub replace: bool,
}

impl Phone {
    /// Reads a registration code and says what it would add. Nothing is stored, nobody is contacted.
    pub fn preview(&self, code: &str) -> Result<Preview, PhoneError> {
        let Registration::Push(registration) = uri::parse(code)?;
        let conflict = self.vault.read(|rows| find_conflict(rows, &registration))?;
        Ok(Preview {
            issuer: registration.issuer.clone(),
            account: registration.account.clone(),
            host: registration.host(),
            kinds: vec![CredentialKind::Push],
            policies: registration.policies.iter().map(|policy| policy.name().to_owned()).collect(),
            conflict,
            registration,
        })
    }

    /// Adds a previewed account: its registration is signed and waits in the outbox. `facts` count from now on as if
    /// they had been given to [`set_device_facts`](Self::set_device_facts).
    pub fn enrol(&self, preview: Preview, enrolment: Enrolment<'_>) -> Result<Account, PhoneError> {
        let Enrolment { device, facts, slot, replace } = enrolment;
        check_device(&device)?;
        self.set_device_facts(facts);
        let registration = preview.registration;
        if let Some(unmet) = registration.policies.iter().find(|policy| !policy.holds(&facts)) {
            return Err(PhoneError::PolicyUnmet { policy: unmet.name().to_owned() });
        }
        // Before the platform is asked for anything: without the key nothing could be stored.
        if !self.vault.is_readable() {
            return Err(VaultError::KeyLost.into());
        }
        let mechanism_uid = make_uuid(&*self.entropy)?;
        let (wrapped_slot, slot_verifier) = match slot {
            Some(wrapper) => {
                gate::make_slot(&*self.entropy, wrapper).map(|(wrapped, seen)| (Some(wrapped), Some(seen)))?
            }
            None => (None, None),
        };
        let body = sign_registration(&registration, &device, &mechanism_uid)?;
        let now = self.now();
        let credential = PushCredential {
            account_id: Id::make(&*self.entropy)?,
            id: Id::make(&*self.entropy)?,
            issuer: registration.issuer.clone(),
            account: registration.account.clone(),
            user_id: registration.user_id.clone(),
            colour: registration.colour.clone(),
            logo: registration.logo.as_ref().map(|url| url.as_str().to_owned()),
            policies_json: registration.policies_json.clone(),
            created_at: now,
            mechanism_uid,
            server_device_id: registration.device_id.clone(),
            registration_endpoint: registration.registration_endpoint.clone(),
            authentication_endpoint: registration.authentication_endpoint.clone(),
            state: CredentialState::Enrolling,
            replaces: replace,
            clock_offset: None,
            wrapped_slot,
        };
        let request = NewRequest {
            id: Id::make(&*self.entropy)?,
            kind: RequestKind::Registration,
            credential_id: credential.id,
            notification_id: None,
            url: registration.registration_endpoint.as_str(),
            cookie: registration.cookie.as_ref().map(uri::Cookie::as_str),
            created_at: now,
        };
        self.vault.write(|rows| {
            if !replace && let Some(conflict) = find_conflict(rows, &registration)? {
                return Err(conflict.into_error());
            }
            rows.insert_credential(&credential, &registration.secret, slot_verifier.as_ref(), &device)?;
            rows.insert_request(&request, &body)?;
            note_account(rows, now, EventKind::Enrolled, Some(credential.account_id), None)?;
            Ok(credential.to_account(Some(&facts), true))
        })
    }
}

fn find_conflict(rows: &Reader<'_>, registration: &PushRegistration) -> Result<Option<Conflict>, PhoneError> {
    let origin = registration.authentication_endpoint.origin();
    Ok(rows
        .credentials()?
        .into_iter()
        .find(|there| {
            there.issuer == registration.issuer
                && there.account == registration.account
                && there.authentication_endpoint.origin() == origin
        })
        .map(|there| Conflict {
            account_id: there.account_id.to_string(),
            host: there.host(),
            issuer: there.issuer,
            account: there.account,
        }))
}

fn check_device(device: &Device) -> Result<(), PhoneError> {
    if !(1..=DEVICE_NAME_LIMIT).contains(&device.name.chars().count()) {
        return Err(PhoneError::BadDevice("name"));
    }
    if !(1..=PUSH_TOKEN_LIMIT).contains(&device.push_token.len()) {
        return Err(PhoneError::BadDevice("push token"));
    }
    Ok(())
}

fn sign_registration(
    registration: &PushRegistration,
    device: &Device,
    mechanism_uid: &str,
) -> Result<Vec<u8>, PhoneError> {
    let claims = RegistrationClaims {
        device_type: device.platform.name().to_owned(),
        mechanism_uid: mechanism_uid.to_owned(),
        response: response_claim(&registration.secret, registration.challenge.expose(Reason::Authenticate)),
        communication_type: device.communication_type,
        device_id: device.push_token.clone(),
        device_name: device.name.clone(),
    };
    let jwt = jws::sign(&registration.secret, &claims)?;
    encode_body(&SignedBody { message_id: registration.message_id.clone(), jwt })
}

/// The body's bytes, as they are sent every time.
pub(super) fn encode_body<T: serde::Serialize>(body: &T) -> Result<Vec<u8>, PhoneError> {
    serde_json::to_vec(body).map_err(|_| PhoneError::Message(jws::JwsError::WrongClaims.into()))
}
