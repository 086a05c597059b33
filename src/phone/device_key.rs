//! Device keys, the signing keys of accounts (docs/wire.md, "Device keys"): who creates one, what it signs, and whether
//! its signatures are valid.
//!
//! A hardware key belongs to the shell: the core hands out the exact bytes, the shell has them signed inside its own
//! prompt, and nothing becomes an answer until the signature is verified here. A software key belongs to the core, for
//! platforms without such hardware, and is sealed in the vault. Independent of the outbox.

use std::fmt;

use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::consent::Consent;
use super::credential::{Id, KeyRecord, PushCredential};
use super::log::{EventKind, note_account};
use super::notification::{OpenedNotification, Step, after};
use super::vault::{Reader, VaultError};
use super::{Phone, PhoneError};
use crate::ports::{EntropyUnavailable, EpochMilliseconds, system_random};
use crate::protocol::attestation::client_data_hash;
use crate::protocol::device_key::{KeyLevel, PublicKey, UserPresence};
use crate::protocol::display_digest::shown_digest;
use crate::protocol::encoding::encode_standard;
use crate::protocol::jws::es256::{SIGNATURE_LENGTH, SigningInput, signature_from_der};
use crate::protocol::message::Ask;
use crate::protocol::proof::{
    AnswerProof, Binding, DenyReason, ExpectedAnswer, KeyClaims, ProofError, ProvedDecision, RegistrationProof,
};
use crate::protocol::uri::PushRegistration;
use crate::secret::{Reason, SecretBytes};

/// Limits of an attestation: the number of certificates, and their total size in bytes. The registration carries them
/// in base64 twice and is at most 16 KiB.
const CERTIFICATES: usize = 10;
const CERTIFICATES_LIMIT: usize = 8 * 1024;
/// How long a proof of possession is valid, in seconds: clocks differ, and the server's is not known yet.
const REGISTRATION_LIFE_SECONDS: i64 = 3600;

/// A key in the platform's hardware, as the shell describes it to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceKey {
    /// The public key as a JWK: `kty` `EC`, `crv` `P-256`, `x`, `y`.
    pub jwk: String,
    /// Where the private key lives.
    pub level: KeyLevel,
    /// What the user must do before the key signs.
    pub presence: UserPresence,
    /// The platform's attestation, if any: the key's certificates in DER, starting with its own, or the single object
    /// from App Attest; at most ten, and 8 KiB in total.
    pub attestation: Option<Vec<Vec<u8>>>,
}

/// The exact bytes that an account's key must sign, with ECDSA on P-256 over SHA-256. They may contain the challenge of
/// a registration URI, which must stay between phone and server, so `Debug` does not print them.
#[derive(Clone, PartialEq, Eq)]
pub struct ToSign {
    /// The bytes to sign as they are, without hashing them first.
    pub bytes: Vec<u8>,
}

/// The signed bytes and their signature; `Debug` does not print them either.
#[derive(Clone, PartialEq, Eq)]
pub struct Signed {
    /// The bytes from [`ToSign`].
    pub bytes: Vec<u8>,
    /// The signature.
    pub signature: KeySignature,
}

impl fmt::Debug for ToSign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ToSign").finish_non_exhaustive()
    }
}

impl fmt::Debug for Signed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Signed").finish_non_exhaustive()
    }
}

/// A signature in either of the two forms that platforms return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySignature {
    /// DER, as returned by Android's Keystore and Apple's Security framework.
    Der(Vec<u8>),
    /// r and s, 32 bytes each, as returned by Apple's CryptoKit.
    Fixed(Vec<u8>),
}

/// The device key to register an account with. If the server supports none ([`Preview::takes_device_key`]), none is
/// used.
///
/// [`Preview::takes_device_key`]: super::Preview::takes_device_key
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KeyChoice {
    /// No device key.
    #[default]
    None,
    /// A key that the core generates and keeps in the vault.
    Software,
    /// A hardware key, with its signature over [`Phone::registration_to_sign`].
    Hardware {
        /// The key.
        key: DeviceKey,
        /// Its signature.
        signed: Signed,
    },
}

/// A key that is ready to be stored, and what the registration says about it.
pub(super) struct NewKey {
    pub(super) record: KeyRecord,
    pub(super) private: SecretBytes,
    pub(super) claims: KeyClaims,
}

impl Phone {
    /// Returns the bytes that a hardware key must sign to prove its possession, for [`KeyChoice::Hardware`]. Fails if
    /// the key is not of the right kind or the server does not support device keys.
    pub fn registration_to_sign(&self, preview: &super::Preview, key: &DeviceKey) -> Result<ToSign, PhoneError> {
        let registration = preview.registration().push().filter(|push| push.takes_device_keys);
        let registration = registration.ok_or(PhoneError::NoDeviceKey)?;
        let audience = audience(registration);
        let proof = registration_proof(registration, &audience, &read_key(&key.jwk)?, self.now());
        Ok(ToSign { bytes: proof.signing_input()?.as_bytes().to_vec() })
    }

    /// Returns the `clientDataHash` that makes App Attest's object attest this key, given as a JWK, for this
    /// registration. Fails if the key is not of the right kind or the server does not support device keys.
    pub fn app_attest_client_data_hash(&self, preview: &super::Preview, jwk: &str) -> Result<[u8; 32], PhoneError> {
        let challenge = preview.attestation_challenge.ok_or(PhoneError::NoDeviceKey)?;
        Ok(client_data_hash(&challenge, &read_key(jwk)?))
    }

    /// Returns the bytes that an account's hardware key must sign to approve the sign-on, including the number tapped
    /// if the sign-on asks for one, for [`approve_signed`](Self::approve_signed) within the sign-on request's time.
    /// Fails if the approval would be rejected no matter what the user does, so that the shell does not prompt for
    /// nothing.
    pub fn approval_to_sign(&self, notification_id: &str, number: Option<&str>) -> Result<ToSign, PhoneError> {
        let input = if self.is_concealed() {
            Err(PhoneError::DeviceLocked)
        } else {
            self.answer_to_sign(notification_id, ProvedDecision::Approve, number, None)
        };
        input.inspect_err(|error| self.note_refused_decision(notification_id, error))
    }

    /// Returns the bytes that an account's hardware key must sign to deny the sign-on, for
    /// [`deny_signed`](Self::deny_signed) within the sign-on request's time.
    pub fn denial_to_sign(&self, notification_id: &str, reason: Option<DenyReason>) -> Result<ToSign, PhoneError> {
        self.answer_to_sign(notification_id, ProvedDecision::Deny, None, reason)
    }

    fn answer_to_sign(
        &self,
        notification_id: &str,
        decision: ProvedDecision,
        number: Option<&str>,
        reason: Option<DenyReason>,
    ) -> Result<ToSign, PhoneError> {
        let now = self.now();
        let facts = self.device_facts();
        self.vault.read(|rows| {
            let opened = OpenedNotification::find(rows, notification_id)?;
            usable_key(&opened.credential)?;
            // Reject before prompting, so that nobody is asked for a fingerprint for an answer that would be rejected
            // anyway.
            after(opened.record.state, Step::Answer)?;
            if opened.is_late(now) {
                return Err(PhoneError::Expired);
            }
            if decision == ProvedDecision::Approve
                && let Some(policy) = opened.credential.unmet_policy(facts.as_ref())
            {
                return Err(PhoneError::Locked { policy });
            }
            match (&opened.message.get().ask, decision, number) {
                (Ask::Number(_), ProvedDecision::Approve, None) => return Err(PhoneError::NumberNeeded),
                (Ask::Number(offered), _, Some(number)) if !offered.iter().any(|each| each == number) => {
                    return Err(PhoneError::NumberNotOffered);
                }
                (Ask::Tap | Ask::Biometric, _, Some(_)) => return Err(PhoneError::NumberNotAsked),
                _ => {}
            }
            let bytes = answer_input(&opened, decision, number, reason, now)?.as_bytes().to_vec();
            Ok(ToSign { bytes })
        })
    }

    /// Records that the platform permanently invalidated an account's hardware key, as it does when a fingerprint or
    /// face is added, or that the key is gone. The account can no longer approve or deny anything until it is added
    /// again with `replace`, for which its server demands the same as for a new phone.
    pub fn device_key_invalidated(&self, account_id: &str) -> Result<(), PhoneError> {
        let id = Id::parse(account_id).ok_or(PhoneError::AccountNotFound)?;
        let now = self.now();
        self.vault.write(|rows| {
            let credential = rows.credential_of_account(id)?.ok_or(PhoneError::AccountNotFound)?;
            let key = credential.key.as_ref().ok_or(PhoneError::NoDeviceKey)?;
            if key.is_invalidated {
                return Ok(());
            }
            rows.invalidate_device_key(credential.id, now)?;
            note_account(rows, now, EventKind::DeviceKeyInvalidated, Some(id), None)
        })
    }
}

/// Generates or checks the key to register an account with. Returns none if the server does not support device keys.
pub(super) fn prepare(
    registration: &PushRegistration,
    choice: &KeyChoice,
    now: EpochMilliseconds,
) -> Result<Option<NewKey>, PhoneError> {
    if !registration.takes_device_keys {
        return Ok(None);
    }
    let audience = audience(registration);
    match choice {
        KeyChoice::None => Ok(None),
        KeyChoice::Software => {
            let private = make_private_key()?;
            let pair = open_private_key(&private)?;
            let key = PublicKey::from_point(pair.public_key().as_ref()).map_err(|_| VaultError::Damaged)?;
            let input = registration_proof(registration, &audience, &key, now).signing_input()?;
            let proof = sign(&pair, &input)?;
            Ok(Some(NewKey::new(key, KeyLevel::Software, UserPresence::None, None, proof, private)))
        }
        KeyChoice::Hardware { key, signed } => {
            let public = read_key(&key.jwk)?;
            let chain = key.attestation.as_deref().unwrap_or_default();
            if chain.len() > CERTIFICATES || chain.iter().map(Vec::len).sum::<usize>() > CERTIFICATES_LIMIT {
                return Err(PhoneError::BadDevice("attestation"));
            }
            let proof = token(signed)?;
            let binding = registration_binding(registration, &audience);
            RegistrationProof::verify(&public, &proof, binding, now / 1000).map_err(PhoneError::SignatureRefused)?;
            let chain = key.attestation.as_ref().map(|chain| chain.iter().map(|der| encode_standard(der)).collect());
            Ok(Some(NewKey::new(public, key.level, key.presence, chain, proof, SecretBytes::new(Vec::new()))))
        }
    }
}

impl NewKey {
    fn new(
        key: PublicKey,
        level: KeyLevel,
        presence: UserPresence,
        attestation: Option<Vec<String>>,
        proof: String,
        private: SecretBytes,
    ) -> Self {
        let is_software = !private.is_empty();
        let record =
            KeyRecord { jwk: key.jwk(), level, presence, is_software, is_invalidated: false, sealed: Vec::new() };
        let claims = KeyClaims { jwk: key, key_level: level, user_presence: presence, attestation, proof };
        Self { record, private, claims }
    }
}

/// Returns the proof of an answer if the account has a device key. A software key signs it here; a hardware key's
/// signature is verified with the account's public key. An account without a key has no proofs, and an account with one
/// sends nothing without a proof.
pub(super) fn prove(
    rows: &Reader<'_>,
    opened: &OpenedNotification,
    consent: &Consent<'_>,
    reason: Option<DenyReason>,
    signed: Option<&Signed>,
    now: EpochMilliseconds,
) -> Result<Option<String>, PhoneError> {
    let Some(record) = &opened.credential.key else {
        return match (signed, reason) {
            (Some(_), _) => Err(PhoneError::NoDeviceKey),
            (None, Some(_)) => Err(PhoneError::ReasonNotTaken),
            (None, None) => Ok(None),
        };
    };
    usable_key(&opened.credential)?;
    // Opened for hardware keys, too, because this fails if their description was edited.
    let private = rows.device_key(&opened.credential, record)?;
    let key = PublicKey::parse(&record.jwk).map_err(|_| VaultError::Damaged)?;
    let (decision, number) = consent.proved();
    let proof = match (record.is_software, signed) {
        (true, None) => sign_with(&private, &answer_input(opened, decision, number, reason, now)?)?,
        (true, Some(_)) => return Err(PhoneError::NoDeviceKey),
        (false, None) => return Err(PhoneError::SignatureNeeded),
        (false, Some(signed)) => token(signed)?,
    };
    let (message_id, audience, shown) = facts(opened)?;
    let binding = Binding { message_id, challenge: &opened.message.get().challenge, audience: &audience };
    let expected = ExpectedAnswer { decision, number, shown: &shown };
    let seconds = opened.credential.server_time(now) / 1000;
    let verified =
        AnswerProof::verify(&key, &proof, binding, expected, seconds).map_err(PhoneError::SignatureRefused)?;
    if verified.get().reason != reason {
        return Err(PhoneError::SignatureRefused(ProofError::Reason));
    }
    Ok(Some(proof))
}

fn usable_key(credential: &PushCredential) -> Result<(), PhoneError> {
    match &credential.key {
        None => Err(PhoneError::NoDeviceKey),
        Some(key) if key.is_invalidated => Err(PhoneError::DeviceKeyInvalidated),
        Some(_) => Ok(()),
    }
}

fn facts(opened: &OpenedNotification) -> Result<(&str, String, String), PhoneError> {
    let credential = &opened.credential;
    let shown = shown_digest(opened.message.get(), &credential.issuer, &credential.account);
    let audience = credential.authentication_endpoint.origin().ascii_serialization();
    Ok((&opened.record.message_id, audience, shown.map_err(|_| VaultError::Damaged)?))
}

fn answer_input(
    opened: &OpenedNotification,
    decision: ProvedDecision,
    number: Option<&str>,
    reason: Option<DenyReason>,
    now: EpochMilliseconds,
) -> Result<SigningInput, PhoneError> {
    let (message_id, audience, shown) = facts(opened)?;
    let binding = Binding { message_id, challenge: &opened.message.get().challenge, audience: &audience };
    let issued = opened.credential.server_time(now) / 1000;
    // The longest time that an answer may stay in the outbox, rounded up.
    let ends = (opened.answerable_until() / 1000).saturating_add(1).max(issued.saturating_add(1));
    let answer = ExpectedAnswer { decision, number, shown: &shown };
    Ok(AnswerProof::new(binding, answer, reason, issued, ends).signing_input()?)
}

fn audience(registration: &PushRegistration) -> String {
    registration.authentication_endpoint.origin().ascii_serialization()
}

/// Returns the challenge for the platform's attestation, if the server supports device keys.
pub(super) fn attestation_challenge(registration: &PushRegistration) -> Option<[u8; 32]> {
    let binding = |audience: &str| registration_binding(registration, audience).attestation_challenge();
    registration.takes_device_keys.then(|| binding(&audience(registration)))
}

fn registration_binding<'a>(registration: &'a PushRegistration, audience: &'a str) -> Binding<'a> {
    let challenge = registration.challenge.expose(Reason::Authenticate);
    Binding { message_id: &registration.message_id, challenge, audience }
}

fn registration_proof(
    registration: &PushRegistration,
    audience: &str,
    key: &PublicKey,
    now: EpochMilliseconds,
) -> RegistrationProof {
    let issued = now / 1000;
    let binding = registration_binding(registration, audience);
    RegistrationProof::new(binding, key, issued, issued.saturating_add(REGISTRATION_LIFE_SECONDS))
}

fn read_key(jwk: &str) -> Result<PublicKey, PhoneError> {
    PublicKey::parse(jwk).map_err(PhoneError::DeviceKeyRefused)
}

/// Returns the token that the shell had signed, without verifying it.
pub(super) fn token(signed: &Signed) -> Result<String, PhoneError> {
    let refused = || PhoneError::SignatureRefused(ProofError::Signature(crate::protocol::jws::JwsError::Malformed));
    let signature: [u8; SIGNATURE_LENGTH] = match &signed.signature {
        KeySignature::Der(der) => signature_from_der(der).ok_or_else(refused)?,
        KeySignature::Fixed(bytes) => bytes.as_slice().try_into().map_err(|_| refused())?,
    };
    Ok(SigningInput::from_bytes(&signed.bytes).map_err(|_| refused())?.complete(&signature))
}

fn make_private_key() -> Result<SecretBytes, PhoneError> {
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &system_random());
    Ok(SecretBytes::new(document.map_err(|_| EntropyUnavailable)?.as_ref().to_vec()))
}

fn open_private_key(private: &SecretBytes) -> Result<EcdsaKeyPair, PhoneError> {
    let document = private.expose(Reason::Authenticate);
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document, &system_random())
        .map_err(|_| VaultError::Damaged.into())
}

/// Signs these bytes with a software key.
pub(super) fn sign_with(private: &SecretBytes, input: &SigningInput) -> Result<String, PhoneError> {
    sign(&open_private_key(private)?, input)
}

fn sign(pair: &EcdsaKeyPair, input: &SigningInput) -> Result<String, PhoneError> {
    let signature = pair.sign(&system_random(), input.as_bytes()).map_err(|_| EntropyUnavailable)?;
    let signature: [u8; SIGNATURE_LENGTH] = signature.as_ref().try_into().map_err(|_| VaultError::Damaged)?;
    Ok(input.complete(&signature))
}
