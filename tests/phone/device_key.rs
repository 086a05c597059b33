//! Accounts with their own signing key. `ring` itself checks here what the server would check; a key in hardware is a
//! key pair that the core never sees.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use push_authenticator::phone::{
    AccountKey, AccountState, DenyReason, DeviceFacts, DeviceKey, Enrolment, EventKind, Evidence, KeyChoice, KeyLevel,
    KeySignature, PhoneError, Signed, ToSign, UserPresence, VaultError,
};
use push_authenticator::protocol::proof::ProofError;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, KeyPair as _, UnparsedPublicKey,
};
use serde_json::{Value, json};

use crate::support::*;

pub(crate) fn keyed_code() -> String {
    code(&[("v", Some("2"))])
}

pub(crate) fn software() -> Enrolment<'static> {
    Enrolment { key: KeyChoice::Software, ..enrolment() }
}

/// A key in hardware.
pub(crate) struct Chip(EcdsaKeyPair);

impl Chip {
    pub(crate) fn make() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap())
    }

    pub(crate) fn jwk(&self) -> Value {
        let point = self.0.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|half| URL_SAFE_NO_PAD.encode(half));
        json!({"crv": "P-256", "kty": "EC", "x": x, "y": y})
    }

    pub(crate) fn key(&self, presence: UserPresence) -> DeviceKey {
        let attestation = Some(vec![vec![1, 2, 3]]);
        DeviceKey { jwk: self.jwk().to_string(), level: KeyLevel::Strongbox, presence, attestation }
    }

    pub(crate) fn sign(&self, to_sign: &ToSign) -> Signed {
        let der = self.0.sign(&SystemRandom::new(), &to_sign.bytes).unwrap().as_ref().to_vec();
        Signed { bytes: to_sign.bytes.clone(), signature: KeySignature::Der(der) }
    }
}

/// Returns the claims of a proof, after checking its signature.
pub(crate) fn proved(jwk: &Value, kind: &str, proof: &Value) -> Value {
    let (input, signature) = proof.as_str().unwrap().rsplit_once('.').unwrap();
    let half = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let point = [vec![4], half("x"), half("y")].concat();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(input.as_bytes(), &signature).unwrap();
    let (header, claims) = input.split_once('.').unwrap();
    let read = |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
    assert_eq!(read(header), json!({"alg": "ES256", "typ": format!("push-{kind}-proof+jwt")}));
    read(claims)
}

pub(crate) fn sha256(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, value.to_string().as_bytes()))
}

/// Returns an active account with a key in hardware.
pub(crate) fn with_chip(world: &World, presence: UserPresence) -> (Credential, Chip) {
    with_chip_of(world, presence, &keyed_code())
}

fn with_chip_of(world: &World, presence: UserPresence, code: &str) -> (Credential, Chip) {
    let chip = Chip::make();
    let preview = world.phone.preview(code).unwrap();
    let signed = chip.sign(&world.phone.registration_to_sign(&preview, &chip.key(presence)).unwrap());
    let key = KeyChoice::Hardware { key: chip.key(presence), signed };
    let credential = world.active_with(code, Enrolment { key, slot: Some(&Finger), ..enrolment() });
    (credential, chip)
}

#[test]
fn a_software_key_registers_and_proves_every_answer() {
    let world = World::new();
    let preview = world.phone.preview(&keyed_code()).unwrap();
    assert!(preview.takes_device_key);
    let registration = "REGISTER:11111111-2222-3333-4444-5555555555551700000000000";
    let attested = ["push-registration-attestation", "https://am.example.com", registration, &STANDARD.encode([9; 32])];
    let attested = digest(&SHA256, attested.join("\n").as_bytes());
    assert_eq!(preview.attestation_challenge.as_ref().map(<[u8; 32]>::as_slice), Some(attested.as_ref()));
    let account = world.phone.enrol(preview, software()).unwrap();
    let request = only(world.phone.due().unwrap());
    let claims = claims_of(&request.body, &SECRET);
    let jwk = claims["jwk"].clone();
    let key = AccountKey {
        jwk: jwk.to_string(),
        level: KeyLevel::Software,
        presence: UserPresence::None,
        is_software: true,
        is_invalidated: false,
    };
    assert_eq!(account.key, Some(key));
    assert_eq!((&claims["keyLevel"], &claims["userPresence"]), (&json!("software"), &json!("none")));
    assert!(claims.get("attestation").is_none());
    let expected = json!({
        "messageId": "REGISTER:11111111-2222-3333-4444-5555555555551700000000000",
        "challenge": STANDARD.encode([9; 32]),
        "aud": "https://am.example.com",
        "iat": NOW / 1000,
        "exp": NOW / 1000 + 3600,
        "jkt": sha256(&jwk),
    });
    assert_eq!(proved(&jwk, "registration", &claims["proof"]), expected);
    world.phone.delivered(&request.id, response(200)).unwrap();

    let credential = Credential { account_id: account.id, mechanism_uid: mechanism_uid(&request) };
    let context = r#"{"location":{"latitude":51.5,"longitude":-0.1277582},"remoteIp":"192.0.2.7"}"#;
    let changes = json!({"k": "challenge", "n": "34,43,57", "x": context, "p": "data"});
    let asked = credential.send(&world.phone, 1, changes).unwrap();
    // The user's own names for the account are not signed.
    world.phone.rename(&credential.account_id, Some("mine"), Some("me")).unwrap();
    world.phone.approve(&asked.id, Evidence::Number("43".into())).unwrap();
    let shown = json!({
        "account": "demo", "issuer": "Ping", "payload": "data", "text": "Login attempt from demo at Ping",
        "context": {"location": {"latitude": "51.500000", "longitude": "-0.127758"}, "remoteIp": "192.0.2.7"},
    });
    let claims = claims_of(&only(world.phone.due().unwrap()).body, &SECRET);
    assert_eq!(claims["challengeResponse"], "43");
    let expected = json!({
        "messageId": message_id(1),
        "challenge": STANDARD.encode([1; 32]),
        "aud": "https://am.example.com",
        "iat": NOW / 1000,
        "exp": NOW / 1000 + 120 + 60 + 1,
        "decision": "approve",
        "number": "43",
        "shown": sha256(&shown),
    });
    assert_eq!(proved(&jwk, "answer", &claims["proof"]), expected);

    let other = credential.send(&world.phone, 2, json!({})).unwrap();
    world.phone.deny_for(&other.id, DenyReason::NotMe).unwrap();
    let claims = claims_of(&only(world.phone.due().unwrap()).body, &SECRET);
    assert_eq!(claims["deny"], true);
    let proof = proved(&jwk, "answer", &claims["proof"]);
    assert_eq!((&proof["decision"], &proof["reason"]), (&json!("deny"), &json!("not-me")));
    let event = &world.phone.events(1).unwrap()[0];
    assert_eq!((event.kind, event.detail.as_deref()), (EventKind::Decided, Some("deny not-me")));
}

#[test]
fn a_server_that_takes_no_keys_gets_none_whatever_was_chosen() {
    for version in [None, Some("1"), Some("3"), Some("02"), Some("")] {
        let world = World::new();
        let code = code(&[("v", version)]);
        let preview = world.phone.preview(&code).unwrap();
        assert!(!preview.takes_device_key, "{version:?}");
        let chip = Chip::make();
        let key = chip.key(UserPresence::None);
        assert_eq!(world.phone.registration_to_sign(&preview, &key), Err(PhoneError::NoDeviceKey));
        let account = world.phone.enrol(preview, software()).unwrap();
        assert_eq!(account.key, None);
        let request = only(world.phone.due().unwrap());
        let claims = claims_of(&request.body, &SECRET);
        assert_eq!(claims.as_object().unwrap().len(), 6, "{claims}");
        world.phone.delivered(&request.id, response(200)).unwrap();
        let credential = Credential { account_id: account.id, mechanism_uid: mechanism_uid(&request) };
        let asked = credential.send(&world.phone, 1, json!({})).unwrap();
        assert_eq!(world.phone.deny_for(&asked.id, DenyReason::Other), Err(PhoneError::ReasonNotTaken));
        assert_eq!(world.phone.approval_to_sign(&asked.id, None), Err(PhoneError::NoDeviceKey));
        world.phone.approve(&asked.id, Evidence::Tap).unwrap();
        let claims = claims_of(&only(world.phone.due().unwrap()).body, &SECRET);
        assert_eq!(claims.as_object().unwrap().keys().collect::<Vec<_>>(), ["response"]);
    }
}

#[test]
fn who_wants_no_key_registers_without() {
    let world = World::new();
    let account = world.enrol(&keyed_code()).unwrap();
    assert_eq!(account.key, None);
    assert!(claims_of(&only(world.phone.due().unwrap()).body, &SECRET).get("jwk").is_none());
}

#[test]
fn a_hardware_key_signs_outside_of_the_core() {
    let world = World::new();
    let (credential, chip) = with_chip(&world, UserPresence::Device);
    let account = only(world.phone.accounts().unwrap());
    let key = AccountKey {
        jwk: chip.jwk().to_string(),
        level: KeyLevel::Strongbox,
        presence: UserPresence::Device,
        is_software: false,
        is_invalidated: false,
    };
    assert_eq!(account.key, Some(key));
    let asked = credential.send(&world.phone, 1, json!({"k": "challenge", "n": "34,43,57"})).unwrap();
    let tapped = || Evidence::Number("43".into());
    assert_eq!(world.phone.approve(&asked.id, tapped()), Err(PhoneError::SignatureNeeded));
    assert_eq!(world.phone.deny(&asked.id), Err(PhoneError::SignatureNeeded));
    assert_eq!(world.phone.approval_to_sign(&asked.id, None), Err(PhoneError::NumberNeeded));
    assert_eq!(world.phone.approval_to_sign(&asked.id, Some("99")), Err(PhoneError::NumberNotOffered));
    let signed = chip.sign(&world.phone.approval_to_sign(&asked.id, Some("43")).unwrap());
    world.phone.approve_signed(&asked.id, tapped(), &signed).unwrap();
    let claims = claims_of(&only(world.phone.due().unwrap()).body, &SECRET);
    assert_eq!(proved(&chip.jwk(), "answer", &claims["proof"])["number"], "43");

    let other = credential.send(&world.phone, 2, json!({})).unwrap();
    let signed = chip.sign(&world.phone.denial_to_sign(&other.id, Some(DenyReason::Mistake)).unwrap());
    world.phone.deny_signed(&other.id, Some(DenyReason::Mistake), &signed).unwrap();
    let claims = claims_of(&only(world.phone.due().unwrap()).body, &SECRET);
    assert_eq!(proved(&chip.jwk(), "answer", &claims["proof"])["reason"], "mistake");
}

#[test]
fn what_was_signed_is_checked_before_it_is_kept() {
    let world = World::new();
    let (credential, chip) = with_chip(&world, UserPresence::None);
    let asked = credential.send(&world.phone, 1, json!({"k": "challenge", "n": "34,43,57"})).unwrap();
    let other = credential.send(&world.phone, 2, json!({"k": "challenge", "n": "34,43,57"})).unwrap();
    let tapped = || Evidence::Number("43".into());
    let right = chip.sign(&world.phone.approval_to_sign(&asked.id, Some("43")).unwrap());
    let refused = |signed: &Signed| match world.phone.approve_signed(&asked.id, tapped(), signed) {
        Err(PhoneError::SignatureRefused(error)) => error.code(),
        other => panic!("{other:?}"),
    };
    let sign = |to_sign: ToSign| chip.sign(&to_sign);
    let of_other = sign(world.phone.approval_to_sign(&other.id, Some("43")).unwrap());
    assert_eq!(refused(&of_other), "proof-message-id");
    assert_eq!(refused(&sign(world.phone.approval_to_sign(&asked.id, Some("34")).unwrap())), "proof-number");
    assert_eq!(refused(&sign(world.phone.denial_to_sign(&asked.id, None).unwrap())), "proof-decision");
    assert_eq!(refused(&Chip::make().sign(&ToSign { bytes: right.bytes.clone() })), "proof-signature");
    assert_eq!(refused(&Signed { signature: KeySignature::Fixed(vec![0; 64]), ..right.clone() }), "proof-signature");
    assert_eq!(refused(&Signed { signature: KeySignature::Der(vec![0x30]), ..right.clone() }), "proof-signature");
    assert_eq!(refused(&sign(ToSign { bytes: b"anything".to_vec() })), "proof-signature");
    let denial = sign(world.phone.denial_to_sign(&asked.id, Some(DenyReason::Other)).unwrap());
    let denied = world.phone.deny_signed(&asked.id, Some(DenyReason::NotMe), &denial);
    assert_eq!(denied, Err(PhoneError::SignatureRefused(ProofError::Reason)));
    assert!(world.phone.due().unwrap().is_empty(), "nothing of it came into the outbox");
    assert_eq!(world.phone.pending().unwrap().len(), 2);
    // Signed, then left for too long.
    world.clock.advance(179_000);
    world.phone.approve_signed(&asked.id, tapped(), &right).unwrap();
    world.clock.advance(5_000);
    assert_eq!(world.phone.approve_signed(&other.id, tapped(), &of_other), Err(PhoneError::Expired));
}

#[test]
fn a_hardware_key_has_to_prove_itself_before_it_is_registered() {
    let world = World::new();
    let (chip, presence) = (Chip::make(), UserPresence::None);
    let preview = || world.phone.preview(&keyed_code()).unwrap();
    let to_sign = world.phone.registration_to_sign(&preview(), &chip.key(presence)).unwrap();
    let enrol = |key: DeviceKey, signed: Signed| {
        world.phone.enrol(preview(), Enrolment { key: KeyChoice::Hardware { key, signed }, ..enrolment() })
    };
    // They hold the registration challenge.
    assert_eq!(format!("{to_sign:?} {:?}", chip.sign(&to_sign)), "ToSign { .. } Signed { .. }");
    let by_another = Chip::make().sign(&to_sign);
    let refused = |result| matches!(result, Err(PhoneError::SignatureRefused(_)));
    assert!(refused(enrol(chip.key(presence), by_another)));
    assert!(refused(enrol(Chip::make().key(presence), chip.sign(&to_sign))));
    let off_the_curve = json!({"crv": "P-256", "kty": "EC", "x": chip.jwk()["x"], "y": chip.jwk()["x"]}).to_string();
    assert!(refused(enrol(DeviceKey { jwk: off_the_curve, ..chip.key(presence) }, chip.sign(&to_sign))));
    for jwk in ["", "{}", r#"{"kty":"RSA"}"#] {
        let key = DeviceKey { jwk: jwk.to_owned(), ..chip.key(presence) };
        let result = world.phone.registration_to_sign(&preview(), &key);
        assert!(matches!(result, Err(PhoneError::DeviceKeyRefused(_))), "{jwk}");
    }
    for chain in [vec![vec![1]; 11], vec![vec![1; 4097]; 2]] {
        let key = DeviceKey { attestation: Some(chain), ..chip.key(presence) };
        assert_eq!(enrol(key, chip.sign(&to_sign)).err(), Some(PhoneError::BadDevice("attestation")));
    }
    assert!(world.phone.accounts().unwrap().is_empty());
    // The largest allowed attestation still fits into a registration that the server reads.
    let largest = DeviceKey { attestation: Some(vec![vec![0xff; 4096]; 2]), ..chip.key(presence) };
    let removed = enrol(largest, chip.sign(&to_sign)).unwrap();
    let body: Value = serde_json::from_slice(&only(world.phone.due().unwrap()).body).unwrap();
    assert!(body["jwt"].as_str().unwrap().len() < 16 * 1024);
    world.phone.remove(&removed.id).unwrap();
    let signed = chip.sign(&to_sign);
    enrol(chip.key(presence), signed).unwrap();
    let claims = claims_of(&only(world.phone.due().unwrap()).body, &SECRET);
    assert_eq!(claims["attestation"], json!([STANDARD.encode([1, 2, 3])]));
    assert_eq!((&claims["keyLevel"], &claims["userPresence"]), (&json!("strongbox"), &json!("none")));
    proved(&chip.jwk(), "registration", &claims["proof"]);
}

/// docs/wire.md: SHA-256 over the 32 bytes of the challenge and the thumbprint as its 43 characters.
#[test]
fn app_attest_vouches_for_one_key_in_one_registration() {
    let world = World::new();
    let chip = Chip::make();
    let hash =
        |code: &str, jwk: &str| world.phone.app_attest_client_data_hash(&world.phone.preview(code).unwrap(), jwk);
    let challenge = world.phone.preview(&keyed_code()).unwrap().attestation_challenge.unwrap();
    let thumbprint = sha256(&chip.jwk());
    assert_eq!((challenge.len(), thumbprint.len()), (32, 43));
    let expected = digest(&SHA256, &[&challenge, thumbprint.as_bytes()].concat());
    let right = hash(&keyed_code(), &chip.jwk().to_string()).unwrap();
    assert_eq!(right.as_slice(), expected.as_ref());
    // The core takes care of the order of the members.
    let jwk = chip.jwk();
    let turned = format!(r#"{{"y":{},"x":{},"kty":"EC","crv":"P-256"}}"#, jwk["y"], jwk["x"]);
    assert_eq!(hash(&keyed_code(), &turned), Ok(right));
    assert_ne!(hash(&keyed_code(), &Chip::make().jwk().to_string()), Ok(right), "another key");
    let other = code(&[("v", Some("2")), ("m", Some("REGISTER:another"))]);
    assert_ne!(hash(&other, &chip.jwk().to_string()), Ok(right), "another registration");
    assert_eq!(hash(&code(&[]), &chip.jwk().to_string()), Err(PhoneError::NoDeviceKey));
    for jwk in ["", "{}", r#"{"kty":"RSA"}"#] {
        assert!(matches!(hash(&keyed_code(), jwk), Err(PhoneError::DeviceKeyRefused(_))), "{jwk}");
    }
    assert!(world.phone.accounts().unwrap().is_empty() && world.phone.due().unwrap().is_empty());
}

#[test]
fn a_signature_by_a_biometric_key_is_evidence_and_by_another_is_not() {
    for presence in [UserPresence::Biometric, UserPresence::Device] {
        let world = World::new();
        let (credential, chip) = with_chip(&world, presence);
        let asked = credential.send(&world.phone, 1, json!({"k": "biometric"})).unwrap();
        let signed = chip.sign(&world.phone.approval_to_sign(&asked.id, None).unwrap());
        let tapped = world.phone.approve_signed(&asked.id, Evidence::Tap, &signed);
        match presence {
            UserPresence::Biometric => tapped.unwrap(),
            _ => {
                assert_eq!(tapped, Err(PhoneError::BiometricNeeded));
                let slot = Finger.unwrap(&world.phone.biometric_challenge(&asked.id).unwrap());
                world.phone.approve_signed(&asked.id, Evidence::Biometric(slot), &signed).unwrap();
            }
        }
    }
}

#[test]
fn without_a_signature_a_biometric_key_is_no_evidence() {
    let world = World::new();
    let (credential, _) = with_chip(&world, UserPresence::Biometric);
    let asked = credential.send(&world.phone, 1, json!({"k": "biometric"})).unwrap();
    assert_eq!(world.phone.approve(&asked.id, Evidence::Tap), Err(PhoneError::BiometricNeeded));
    let slot = Finger.unwrap(&world.phone.biometric_challenge(&asked.id).unwrap());
    assert_eq!(world.phone.approve(&asked.id, Evidence::Biometric(slot)), Err(PhoneError::SignatureNeeded));
}

#[test]
fn an_invalidated_key_answers_nothing_until_the_account_was_added_again() {
    let world = World::new();
    let (credential, chip) = with_chip(&world, UserPresence::Biometric);
    let asked = credential.send(&world.phone, 1, json!({})).unwrap();
    let signed = chip.sign(&world.phone.approval_to_sign(&asked.id, None).unwrap());
    for _ in 0..2 {
        world.phone.device_key_invalidated(&credential.account_id).unwrap();
    }
    let phone = world.open().unwrap();
    phone.set_device_facts(clean_facts());
    let account = only(phone.accounts().unwrap());
    assert_eq!((account.state, account.key.unwrap().is_invalidated), (AccountState::ReEnrolmentNeeded, true));
    let locked = Err(PhoneError::DeviceKeyInvalidated);
    assert_eq!(phone.approve_signed(&asked.id, Evidence::Tap, &signed), locked);
    assert_eq!(phone.approve(&asked.id, Evidence::Tap), locked);
    assert_eq!(phone.deny(&asked.id), locked);
    assert_eq!(phone.approval_to_sign(&asked.id, None), Err(PhoneError::DeviceKeyInvalidated));
    let events = phone.events(10).unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == EventKind::DeviceKeyInvalidated).count(), 1);
    // Added again: a new account with a new key; the old one is removed once the server has the new one.
    let again = phone.enrol(phone.preview(&keyed_code()).unwrap(), Enrolment { replace: true, ..software() }).unwrap();
    phone.delivered(&only(phone.due().unwrap()).id, response(200)).unwrap();
    let account = only(phone.accounts().unwrap());
    assert_eq!((account.id, account.state), (again.id, AccountState::Active));
    assert_eq!(phone.device_key_invalidated("no id"), Err(PhoneError::AccountNotFound));
}

#[test]
fn a_key_whose_description_was_edited_signs_nothing() {
    for (edit, is_hardware) in [
        ("UPDATE device_key SET jwk = replace(jwk, 'P-256', 'P-257')", false),
        ("UPDATE device_key SET level = 'strongbox'", false),
        ("UPDATE device_key SET presence = 'biometric'", true),
        ("UPDATE device_key SET software = 1", true),
        ("UPDATE device_key SET software = 0", false),
    ] {
        let world = World::new();
        let (credential, signed, asked);
        if is_hardware {
            let chip;
            (credential, chip) = with_chip(&world, UserPresence::None);
            asked = credential.send(&world.phone, 1, json!({})).unwrap();
            signed = Some(chip.sign(&world.phone.approval_to_sign(&asked.id, None).unwrap()));
        } else {
            credential = world.active_with(&keyed_code(), software());
            asked = credential.send(&world.phone, 1, json!({})).unwrap();
            signed = None;
        }
        assert_eq!(world.sql().execute(edit, []).unwrap(), 1);
        let result = match &signed {
            Some(signed) => world.phone.approve_signed(&asked.id, Evidence::Tap, signed),
            None => world.phone.approve(&asked.id, Evidence::Tap),
        };
        assert!(matches!(result, Err(PhoneError::Vault(VaultError::Tampered { .. }))), "{edit}: {result:?}");
        assert!(world.phone.due().unwrap().is_empty());
    }
}

#[test]
fn a_concealed_phone_lets_nothing_be_approved_by_a_key() {
    let world = World::new();
    let (credential, _) = with_chip(&world, UserPresence::None);
    let asked = credential.send(&world.phone, 1, json!({})).unwrap();
    world.phone.set_concealed(true);
    assert_eq!(world.phone.approval_to_sign(&asked.id, None), Err(PhoneError::DeviceLocked));
    assert!(world.phone.denial_to_sign(&asked.id, None).is_ok(), "it can be denied as it is");
}

/// Otherwise the user would be prompted for a fingerprint in vain.
#[test]
fn nothing_is_to_be_signed_for_what_is_answered_withdrawn_or_over() {
    let world = World::new();
    let (credential, chip) = with_chip(&world, UserPresence::Biometric);
    let refused = |id: &str, error: PhoneError| {
        assert_eq!(world.phone.approval_to_sign(id, None), Err(error.clone()));
        assert_eq!(world.phone.denial_to_sign(id, Some(DenyReason::NotMe)), Err(error));
    };
    let answered = credential.send(&world.phone, 1, json!({})).unwrap();
    let signed = chip.sign(&world.phone.approval_to_sign(&answered.id, None).unwrap());
    world.phone.approve_signed(&answered.id, Evidence::Tap, &signed).unwrap();
    refused(&answered.id, PhoneError::AlreadyAnswered);

    let withdrawn = credential.send(&world.phone, 2, json!({})).unwrap();
    let pull = world.phone.pull_account(&credential.account_id, 0).unwrap();
    world.phone.pulled(&pull, response_with(200, json!({"messages": []}))).unwrap();
    refused(&withdrawn.id, PhoneError::Withdrawn);

    let over = credential.send(&world.phone, 3, json!({})).unwrap();
    world.clock.advance(600_000);
    refused(&over.id, PhoneError::Expired);
}

/// An unmet policy keeps an account from approving, so there is nothing to sign for an approval.
#[test]
fn a_locked_account_signs_denials_and_no_approval() {
    let world = World::new();
    let policies = base64(r#"{"deviceTampering": {"score": 0.8}}"#);
    let code = code(&[("v", Some("2")), ("policies", Some(&policies))]);
    let (credential, chip) = with_chip_of(&world, UserPresence::Biometric, &code);
    let asked = credential.send(&world.phone, 1, json!({})).unwrap();
    world.phone.set_device_facts(DeviceFacts { biometric_available: true, tamper_score: 0.9 });
    let locked = Err(PhoneError::Locked { policy: "deviceTampering".into() });
    assert_eq!(world.phone.approval_to_sign(&asked.id, None), locked);
    let denial = chip.sign(&world.phone.denial_to_sign(&asked.id, None).unwrap());
    world.phone.deny_signed(&asked.id, None, &denial).unwrap();
}

/// Counts the commits in the vault's write-ahead log: frames whose header gives the size of the file after them.
fn commits(world: &World) -> usize {
    let log = std::fs::read(world.folder.path().join("vault-wal")).unwrap();
    let page = usize::try_from(u32::from_be_bytes(log[8..12].try_into().unwrap())).unwrap();
    log[32..].chunks_exact(24 + page).filter(|frame| frame[4..8] != [0; 4]).count()
}

#[test]
fn signing_adds_no_commit() {
    let answered = |code: &str, enrolment: Enrolment<'_>| {
        let world = World::new();
        let credential = world.active_with(code, enrolment);
        let asked = credential.send(&world.phone, 1, json!({})).unwrap();
        let before = commits(&world);
        world.phone.approve(&asked.id, Evidence::Tap).unwrap();
        commits(&world) - before
    };
    assert_eq!(answered(&code(&[]), enrolment()), 1);
    assert_eq!(answered(&keyed_code(), software()), 1);
}

/// The private key is in the vault, sealed, and nowhere in the clear.
#[test]
fn the_private_half_is_sealed_and_goes_with_the_account() {
    let world = World::new();
    let credential = world.active_with(&keyed_code(), software());
    let everything = std::fs::read(world.file()).unwrap();
    // The beginning of every PKCS #8 document of a P-256 key (RFC 5208, RFC 5480): version, id-ecPublicKey, prime256v1.
    let marker = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48];
    assert!(!everything.windows(marker.len()).any(|window| window == marker));
    let rows = || -> i64 { world.sql().query_row("SELECT count(*) FROM device_key", [], |row| row.get(0)).unwrap() };
    assert_eq!(rows(), 1);
    world.phone.remove(&credential.account_id).unwrap();
    assert_eq!(rows(), 0);
}
