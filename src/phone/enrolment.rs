//! From a registration URI to a credential: preview, confirm, sign, store (docs/wire.md, "Register a device").
//!
//! A preview changes nothing and contacts nobody. Confirming it creates, in one transaction, a credential and the
//! signed registration in the outbox. The outbox handles the server's response.

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

/// Signature algorithm of every credential's messages.
const ALGORITHM: &str = "HS256";

/// Longest device name, in characters.
const DEVICE_NAME_LIMIT: usize = 100;
/// Longest push token, in bytes. Those of FCM and APNs are shorter than 300.
pub(super) const PUSH_TOKEN_LIMIT: usize = 4096;

/// What a registration URI would add. Holds the URI's secrets and never reveals them.
pub struct Preview {
    /// Issuer of the account.
    pub issuer: String,
    /// Name of the account.
    pub account: String,
    /// Host that would be contacted, with the port if the URL has one; `None` if the account has only one-time
    /// passwords.
    pub host: Option<String>,
    /// The host's name in Unicode, if it is not all ASCII; to show next to `host`.
    pub unicode_host: Option<UnicodeHost>,
    /// What would be added.
    pub kinds: Vec<CredentialKind>,
    /// How one-time passwords would be derived, if the account has any.
    pub codes: Option<CodeSettings>,
    /// Background color, six lowercase hexadecimal digits.
    pub colour: Option<String>,
    /// Address of the logo; https, and not to be fetched before the user confirms.
    pub logo: Option<String>,
    /// Names of the policies that this phone would have to meet.
    pub policies: Vec<String>,
    /// The existing account with the same issuer, name and host or, if there is no host, the same secret and settings.
    pub conflict: Option<Conflict>,
    /// Accounts of the same issuer and name at other hosts or, if there is no host, with other secrets. They are
    /// different accounts and stay unchanged, but their existence may be a reason to distrust the registration URI.
    pub namesakes: Vec<Conflict>,
    /// Whether the server supports device keys ([`Enrolment::key`]).
    pub takes_device_key: bool,
    /// The 32-byte challenge for the platform's attestation of a new hardware key, if the server supports one, valid
    /// for this registration URI only. Pass it to Android's `setAttestationChallenge`; App Attest's client data hash is
    /// derived from it (docs/wire.md, "Device keys").
    pub attestation_challenge: Option<[u8; 32]>,
    registration: Registration,
}

impl Preview {
    pub(super) fn registration(&self) -> &Registration {
        &self.registration
    }
}

/// An account that conflicts with a new one, or looks like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Id of the account.
    pub account_id: String,
    /// Issuer of the account.
    pub issuer: String,
    /// Name of the account.
    pub account: String,
    /// Host of the account; `None` if it has only one-time passwords.
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

/// How to add a previewed account.
pub struct Enrolment<'a> {
    /// This phone, as the server should know it. Ignored if no server is contacted.
    pub device: Device,
    /// What the shell just observed about the device.
    pub facts: DeviceFacts,
    /// The platform's biometric key, if the user should be able to approve messages that ask for a biometric.
    pub slot: Option<&'a dyn SlotWrapper>,
    /// Whether to replace an account with the same issuer, name and host. It is removed once the server has accepted
    /// the new registration. If no server is contacted, it is removed at once, and so is an account of the same name
    /// with another secret if it is the only one. The one-time passwords of a replaced account carry over if a push
    /// registration has none.
    pub replace: bool,
    /// The device key to register the account with, if the server supports one.
    pub key: KeyChoice,
}

impl Phone {
    /// Parses a registration URI and returns what it would add. Stores nothing and contacts nobody.
    pub fn preview(&self, code: &str) -> Result<Preview, PhoneError> {
        self.preview_registration(uri::parse(code)?)
    }

    /// Returns what a manually entered account, which has only one-time passwords, would add. Otherwise like
    /// [`preview`](Self::preview).
    pub fn preview_entry(&self, entry: &ManualEntry) -> Result<Preview, PhoneError> {
        self.preview_registration(Registration::Oath(Box::new(OathRegistration::from_entry(entry)?)))
    }

    /// Adds a previewed account. A push registration is signed and put into the outbox. An OATH credential next to it
    /// shares its fate, so a registration that the server rejects leaves neither. The `facts` apply from now on, as if
    /// passed to [`set_device_facts`](Self::set_device_facts).
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
        // Checked before calling the platform: without the key, nothing could be stored.
        if !self.vault.is_readable() {
            return Err(VaultError::KeyLost.into());
        }
        let mechanism_uid = make_uuid(&*self.entropy)?;
        let account = self.make_account(&registration)?;
        let push = match registration.push() {
            // Checked before the platform wraps anything: a rejected signature must leave nothing behind.
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
                // No server has to accept the new account first.
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

    /// Signs the registration, and has the platform wrap a biometric slot if one is wanted.
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

/// A push credential that is ready to be stored.
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

/// Returns the color and the logo.
fn decoration(registration: &Registration) -> (Option<String>, Option<String>) {
    let (colour, logo) = match registration {
        Registration::Push(push) | Registration::Both { push, .. } => (&push.colour, &push.logo),
        Registration::Oath(oath) => (&oath.colour, &oath.logo),
    };
    (colour.clone(), logo.as_ref().map(|url| url.as_str().to_owned()))
}

/// Returns the account that the registration would add again, and others of the same issuer and name. With a server,
/// the same account is the one at the same origin. Without a server there is no authority on which secret is right, so
/// only the same secret with the same settings is the same account.
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

/// Returns whether an account has the same one-time passwords as the registration, regardless of the counter, which
/// moves on. Returns false if the account's secret cannot be opened.
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

/// Returns the account that a registration without a server replaces: the same account, or the only one of its name.
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

/// Returns the bytes of the body, which are the same for every attempt.
pub(super) fn encode_body<T: serde::Serialize>(body: &T) -> Result<Vec<u8>, PhoneError> {
    serde_json::to_vec(body).map_err(|_| PhoneError::Message(jws::JwsError::WrongClaims.into()))
}
