//! From a registration code to a credential: preview, confirm, sign, store (docs/wire.md, "Register a device").
//!
//! A preview changes and contacts nothing. A confirmed one becomes, in one transaction, a credential and the signed
//! registration in the outbox. Whether the server takes it is the outbox's story.

use super::account::{AccountRecord, AccountWithCredentials, OathCredential, kind_of};
use super::consent::{self, SlotWrapper};
use super::credential::{Account, CredentialKind, CredentialState, Device, Id, PushCredential, RequestKind};
use super::device_key::{self, KeyChoice, NewKey};
use super::log::{EventKind, note_account};
use super::vault::{NewRequest, Reader, VaultError};
use super::{Phone, PhoneError};
use crate::ports::make_uuid;
use crate::protocol::jws;
use crate::protocol::message::{RegistrationClaims, SignedBody, response_claim};
use crate::protocol::oath::{CodeSettings, Moving};
use crate::protocol::policy::{DeviceFacts, Policy};
use crate::protocol::proof::{KeyClaims, sign_keyed_registration};
use crate::protocol::uri::{self, ManualEntry, OathRegistration, PushRegistration, Registration, UnicodeHost};
use crate::secret::{Reason, SecretBytes};

/// How messages of every credential are signed.
const ALGORITHM: &str = "HS256";

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
    /// Host, with its port where one is named, that would be contacted; none where only codes would be shown.
    pub host: Option<String>,
    /// The host's name in its own letters, where those are not ASCII's; to be shown beside `host`.
    pub unicode_host: Option<UnicodeHost>,
    /// What would be added.
    pub kinds: Vec<CredentialKind>,
    /// How codes would be made, where they would be shown.
    pub codes: Option<CodeSettings>,
    /// Background colour, six lower-case hexadecimal digits.
    pub colour: Option<String>,
    /// Address of the logo; https, and not to be fetched before the person confirmed.
    pub logo: Option<String>,
    /// Names of the policies that this phone would have to meet.
    pub policies: Vec<String>,
    /// The account that is there already, under the same issuer, name and host; without a host, with the same secret
    /// and settings.
    pub conflict: Option<Conflict>,
    /// Accounts of the same issuer and name at other hosts or, without a host, with other secrets. They are other
    /// accounts and stay as they are; that there are any may be a reason not to trust the code.
    pub namesakes: Vec<Conflict>,
    /// Whether the server takes a signing key of the account's own ([`Enrolment::key`]).
    pub takes_device_key: bool,
    /// What the platform is to attest a new key in hardware with, where the server takes one: 32 bytes, good for this
    /// code only. Android's `setAttestationChallenge` takes it; App Attest's client data hash is made of it (docs/wire.md, "Device keys").
    pub attestation_challenge: Option<[u8; 32]>,
    registration: Registration,
}

impl Preview {
    pub(super) fn registration(&self) -> &Registration {
        &self.registration
    }
}

/// An account that stands in the way of a new one, or looks like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The account's id.
    pub account_id: String,
    /// Who it is with.
    pub issuer: String,
    /// Its name.
    pub account: String,
    /// Its host; none where codes are all that it has.
    pub host: Option<String>,
}

impl Conflict {
    fn of(holding: &AccountWithCredentials) -> Self {
        Self {
            account_id: holding.account.id.to_string(),
            issuer: holding.account.issuer.clone(),
            account: holding.account.name.clone(),
            host: holding.host(),
        }
    }

    fn into_error(self) -> PhoneError {
        PhoneError::AccountExists { issuer: self.issuer, account: self.account, host: self.host }
    }
}

/// How a previewed account is to be added.
pub struct Enrolment<'a> {
    /// This phone, as the server shall know it. Not looked at where nobody is contacted.
    pub device: Device,
    /// What the shell observed about the device just now.
    pub facts: DeviceFacts,
    /// The platform's biometric key, where messages that ask for a biometric shall be approvable.
    pub slot: Option<&'a dyn SlotWrapper>,
    /// Whether an account of the same issuer, name and host is to be replaced. It goes when the server has taken the
    /// new registration, not before; where nobody is contacted, at once, and then also one of the same name with another
    /// secret, if it is the only one. Codes that it shows go over to the new one,
    /// where a push registration brings none of its own.
    pub replace: bool,
    /// The signing key that the account is registered with, where the server takes one.
    pub key: KeyChoice,
}

impl Phone {
    /// Reads a registration code and says what it would add. Nothing is stored, nobody is contacted.
    pub fn preview(&self, code: &str) -> Result<Preview, PhoneError> {
        self.preview_registration(uri::parse(code)?)
    }

    /// Says what an account that was typed in would add: one that shows codes. Otherwise like [`preview`](Self::preview).
    pub fn preview_entry(&self, entry: &ManualEntry) -> Result<Preview, PhoneError> {
        self.preview_registration(Registration::Oath(Box::new(OathRegistration::from_entry(entry)?)))
    }

    /// Adds a previewed account. A push registration is signed and waits in the outbox; a half that shows codes comes and
    /// goes with it, so a registration that the server refuses leaves neither. `facts` count from now on as if they had
    /// been given to [`set_device_facts`](Self::set_device_facts).
    pub fn enrol(&self, preview: Preview, enrolment: Enrolment<'_>) -> Result<Account, PhoneError> {
        self.add(preview, enrolment).inspect_err(|error| self.note_refused_enrolment(error))
    }

    fn add(&self, preview: Preview, enrolment: Enrolment<'_>) -> Result<Account, PhoneError> {
        let Enrolment { device, facts, slot, replace, key } = enrolment;
        let registration = preview.registration;
        if registration.push().is_some() {
            check_device(&device)?;
        }
        self.set_device_facts(facts);
        if let Some(unmet) = policies(&registration).iter().find(|policy| !policy.holds(&facts)) {
            return Err(PhoneError::PolicyUnmet { policy: unmet.name().to_owned() });
        }
        // Before the platform is asked for anything: without the key nothing could be stored.
        if !self.vault.is_readable() {
            return Err(VaultError::KeyLost.into());
        }
        let mechanism_uid = make_uuid(&*self.entropy)?;
        let account = self.make_account(&registration)?;
        let push = match registration.push() {
            // Before the platform is asked to wrap anything: a signature that is refused must leave nothing behind.
            Some(push) => {
                let key = device_key::prepare(push, &key, self.now())?;
                Some(self.make_push(&account, push, mechanism_uid, &device, slot, replace, key)?)
            }
            None => None,
        };
        let oath = match registration.oath() {
            Some(oath) => Some(OathCredential {
                account_id: account.id,
                id: Id::make(&*self.entropy)?,
                settings: oath.settings,
                server_device_id: oath.device_id.clone(),
            }),
            None => None,
        };
        let (enrolled, removed) = self.vault.write(|rows| {
            let mut account = account.clone();
            let (conflict, namesakes) = find_namesakes(rows, &registration)?;
            let conflict = if replace && push.is_none() { find_replaced(conflict, namesakes)? } else { conflict };
            let removed = match conflict {
                Some(conflict) if !replace => return Err(conflict.into_error()),
                // Nobody has to take the new one first.
                Some(conflict) if push.is_none() => {
                    let replaced = Id::parse(&conflict.account_id).ok_or(VaultError::Damaged)?;
                    let there = rows.account_with_credentials(replaced)?.ok_or(VaultError::Damaged)?.account;
                    (account.display_issuer, account.display_name) = (there.display_issuer, there.display_name);
                    note_account(rows, account.created_at, EventKind::Removed, Some(replaced), Some("replaced"))?;
                    rows.remove_account(replaced)?
                }
                _ => false,
            };
            rows.insert_account(&account)?;
            if let (Some(push), Some(registration)) = (&push, registration.push()) {
                let slot_verifier = push.slot_verifier.as_ref();
                rows.insert_credential(&push.credential, &registration.secret, slot_verifier, &device)?;
                if let (Some(key), Some(private)) = (&push.credential.key, &push.private_key) {
                    rows.insert_device_key(push.credential.id, key, private)?;
                }
                rows.insert_request(&push.request(registration), &push.body)?;
            }
            if let (Some(oath), Some(registration)) = (&oath, registration.oath()) {
                rows.insert_oath_credential(&account, oath, &registration.secret)?;
            }
            note_account(rows, account.created_at, EventKind::Enrolled, Some(account.id), None)?;
            let holding = rows.account_with_credentials(account.id)?.ok_or(VaultError::Damaged)?;
            Ok::<_, PhoneError>((holding.to_account(Some(&facts), true), removed))
        })?;
        if removed {
            self.vault.truncate_log();
        }
        Ok(enrolled)
    }

    fn preview_registration(&self, registration: Registration) -> Result<Preview, PhoneError> {
        let (conflict, namesakes) = self.vault.read(|rows| find_namesakes(rows, &registration))?;
        let (issuer, account) = names(&registration);
        let (colour, logo) = decoration(&registration);
        let push = registration.push().map(|_| CredentialKind::Push);
        let codes = registration.oath().map(|oath| oath.settings);
        let host = registration.push().map(PushRegistration::host);
        Ok(Preview {
            issuer: issuer.to_owned(),
            account: account.to_owned(),
            unicode_host: host.as_deref().and_then(UnicodeHost::of),
            host,
            kinds: push.into_iter().chain(codes.as_ref().map(kind_of)).collect(),
            codes,
            colour,
            logo,
            policies: policies(&registration).iter().map(|policy| policy.name().to_owned()).collect(),
            conflict,
            namesakes,
            takes_device_key: registration.push().is_some_and(|push| push.takes_device_keys),
            attestation_challenge: registration.push().and_then(device_key::attestation_challenge),
            registration,
        })
    }

    fn make_account(&self, registration: &Registration) -> Result<AccountRecord, PhoneError> {
        let (issuer, name) = names(registration);
        let (colour, logo) = decoration(registration);
        let (user_id, policies_json) = match registration {
            Registration::Push(push) | Registration::Both { push, .. } => (&push.user_id, &push.policies_json),
            Registration::Oath(oath) => (&oath.user_id, &oath.policies_json),
        };
        Ok(AccountRecord {
            id: Id::make(&*self.entropy)?,
            issuer: issuer.to_owned(),
            name: name.to_owned(),
            display_issuer: None,
            display_name: None,
            user_id: user_id.clone(),
            colour,
            logo,
            policies_json: policies_json.clone(),
            created_at: self.now(),
        })
    }

    /// Signs the registration, and asks the platform to wrap a biometric slot where there shall be one.
    #[allow(clippy::too_many_arguments, reason = "one credential is made of what was asked for")]
    fn make_push(
        &self,
        account: &AccountRecord,
        registration: &PushRegistration,
        mechanism_uid: String,
        device: &Device,
        slot: Option<&dyn SlotWrapper>,
        replaces: bool,
        key: Option<NewKey>,
    ) -> Result<NewPush, PhoneError> {
        let (wrapped_slot, slot_verifier) = match slot {
            Some(wrapper) => {
                consent::make_slot(&*self.entropy, wrapper).map(|(wrapped, seen)| (Some(wrapped), Some(seen)))?
            }
            None => (None, None),
        };
        let body = sign_registration(registration, device, &mechanism_uid, key.as_ref().map(|key| &key.claims))?;
        let (key, private_key) = key.map(|key| (key.record, key.private)).unzip();
        let credential = PushCredential {
            account_id: account.id,
            id: Id::make(&*self.entropy)?,
            issuer: account.issuer.clone(),
            account: account.name.clone(),
            display_issuer: None,
            display_name: None,
            policies_json: account.policies_json.clone(),
            created_at: account.created_at,
            mechanism_uid,
            server_device_id: registration.device_id.clone(),
            registration_endpoint: registration.registration_endpoint.to_string(),
            authentication_endpoint: registration.authentication_endpoint.clone(),
            state: CredentialState::Enrolling,
            replaces,
            clock_offset: None,
            wrapped_slot,
            algorithm: ALGORITHM.to_owned(),
            secret_sealed: Vec::new(),
            key,
        };
        Ok(NewPush { credential, slot_verifier, private_key, body, request_id: Id::make(&*self.entropy)? })
    }
}

/// A push half that is ready to be stored.
struct NewPush {
    credential: PushCredential,
    slot_verifier: Option<SecretBytes>,
    private_key: Option<SecretBytes>,
    body: Vec<u8>,
    request_id: Id,
}

impl NewPush {
    fn request<'a>(&self, registration: &'a PushRegistration) -> NewRequest<'a> {
        NewRequest {
            id: self.request_id,
            kind: RequestKind::Registration,
            credential_id: self.credential.id,
            notification_id: None,
            url: registration.registration_endpoint.as_str(),
            cookie: registration.cookie.as_ref().map(uri::Cookie::as_str),
            created_at: self.credential.created_at,
        }
    }
}

fn names(registration: &Registration) -> (&str, &str) {
    match registration {
        Registration::Push(push) | Registration::Both { push, .. } => (&push.issuer, &push.account),
        Registration::Oath(oath) => (&oath.issuer, &oath.account),
    }
}

fn policies(registration: &Registration) -> &[Policy] {
    match registration {
        Registration::Push(push) | Registration::Both { push, .. } => &push.policies,
        Registration::Oath(oath) => &oath.policies,
    }
}

/// Colour and logo.
fn decoration(registration: &Registration) -> (Option<String>, Option<String>) {
    let (colour, logo) = match registration {
        Registration::Push(push) | Registration::Both { push, .. } => (&push.colour, &push.logo),
        Registration::Oath(oath) => (&oath.colour, &oath.logo),
    };
    (colour.clone(), logo.as_ref().map(|url| url.as_str().to_owned()))
}

/// The account that the registration would add again, and others of the same issuer and name. With a server, the same
/// account is the one at the same origin. Without one, nobody can be asked which secret counts: only the same secret
/// with the same settings is the same account.
fn find_namesakes(
    rows: &Reader<'_>,
    registration: &Registration,
) -> Result<(Option<Conflict>, Vec<Conflict>), PhoneError> {
    let (issuer, account) = names(registration);
    let (mut conflict, mut namesakes) = (None, Vec::new());
    for there in rows.accounts_with_credentials()? {
        if there.account.issuer != issuer || there.account.name != account {
            continue;
        }
        let is_same = match (registration, &there.push) {
            (Registration::Oath(oath), None) => has_the_same_codes(rows, &there, oath)?,
            (Registration::Push(push) | Registration::Both { push, .. }, Some(known)) => {
                push.authentication_endpoint.origin() == known.authentication_endpoint.origin()
            }
            _ => false,
        };
        if is_same {
            conflict = conflict.or(Some(Conflict::of(&there)));
        } else {
            namesakes.push(Conflict::of(&there));
        }
    }
    Ok((conflict, namesakes))
}

/// Whether an account shows the codes that the registration would show. A counter moves on and does not count. What
/// cannot be opened is not known to be the same.
fn has_the_same_codes(
    rows: &Reader<'_>,
    there: &AccountWithCredentials,
    oath: &OathRegistration,
) -> Result<bool, PhoneError> {
    let Some(known) = &there.oath else { return Ok(false) };
    let moves_alike = match (known.settings.moving, oath.settings.moving) {
        (Moving::Counter { .. }, Moving::Counter { .. }) => true,
        (known, new) => known == new,
    };
    if !moves_alike
        || (known.settings.algorithm, known.settings.digits) != (oath.settings.algorithm, oath.settings.digits)
    {
        return Ok(false);
    }
    match rows.code_secret(&there.account, known) {
        Ok(secret) => Ok(secret == oath.secret),
        Err(VaultError::KeyLost | VaultError::Tampered { .. } | VaultError::Damaged) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What a registration that asks nobody takes the place of: the same account, or the only one of its name.
fn find_replaced(conflict: Option<Conflict>, namesakes: Vec<Conflict>) -> Result<Option<Conflict>, PhoneError> {
    if conflict.is_some() {
        return Ok(conflict);
    }
    let mut alike = namesakes.into_iter().filter(|namesake| namesake.host.is_none());
    match (alike.next(), alike.next()) {
        (Some(first), Some(_)) => Err(first.into_error()),
        (only, _) => Ok(only),
    }
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
    key: Option<&KeyClaims>,
) -> Result<Vec<u8>, PhoneError> {
    let claims = RegistrationClaims {
        device_type: device.platform.name().to_owned(),
        mechanism_uid: mechanism_uid.to_owned(),
        response: response_claim(&registration.secret, registration.challenge.expose(Reason::Authenticate)),
        communication_type: device.communication_type,
        device_id: device.push_token.clone(),
        device_name: device.name.clone(),
    };
    let jwt = match key {
        Some(key) => sign_keyed_registration(&registration.secret, &claims, key)?,
        None => jws::sign(&registration.secret, &claims)?,
    };
    encode_body(&SignedBody { message_id: registration.message_id.clone(), jwt })
}

/// The body's bytes, as they are sent every time.
pub(super) fn encode_body<T: serde::Serialize>(body: &T) -> Result<Vec<u8>, PhoneError> {
    serde_json::to_vec(body).map_err(|_| PhoneError::Message(jws::JwsError::WrongClaims.into()))
}
