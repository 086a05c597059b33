//! Secrets appear in no error, log line, debug output or file: these tests search everything that the phone reports and
//! stores for them, in every form in which they could be written.

use std::fmt::{Debug, Display};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use push_authenticator::phone::{CommunicationType, Enrolment, Evidence, PhoneError, SendFailure, VaultError};
use push_authenticator::secret::Reason;
use serde_json::json;

use crate::support::*;

/// The secret of the one-time passwords.
const CODE_SECRET: &[u8] = b"a secret for codes!!";

/// Returns every form in which bytes could be written.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hexadecimal: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let in_base32 = base32(secret);
    let list = format!("{secret:?}");
    let texts = [
        hexadecimal.to_uppercase(),
        hexadecimal,
        in_base32.to_lowercase(),
        in_base32,
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        // What a derived `Debug` would print.
        list.trim_matches(['[', ']']).to_owned(),
    ];
    texts.into_iter().map(String::into_bytes).chain([secret.to_vec()]).collect()
}

/// Encodes as in RFC 4648 section 6, without padding.
fn base32(bytes: &[u8]) -> String {
    let mut bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect::<Vec<u8>>();
    bits.resize(bits.len().div_ceil(5) * 5, 0);
    bits.chunks(5)
        .map(|chunk| {
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(chunk.iter().fold(0, |a, b| a << 1 | b))])
        })
        .collect()
}

/// Everything that the phone reported and stored.
#[derive(Default)]
struct Seen(Vec<u8>);

impl Seen {
    fn debug(&mut self, value: &impl Debug) {
        self.0.extend(format!("{value:?} {value:#?}\n").into_bytes());
    }
    fn error(&mut self, error: &(impl Debug + Display)) {
        self.debug(error);
        self.0.extend(format!("{error}\n").into_bytes());
    }
    fn holds(&self, needle: &[u8]) -> bool {
        self.0.windows(needle.len()).any(|part| part == needle)
    }
}

#[test]
fn base32_is_that_of_the_rfc() {
    assert_eq!(base32(b"foobar"), "MZXW6YTBOI");
    assert_eq!(base32(b"f"), "MY");
}

#[test]
fn secrets_are_in_nothing_that_is_said_or_kept() {
    let world = World::new();
    let mut seen = Seen::default();
    // Rejected registration URIs, each with the secret in it.
    let codes = [
        code(&[("r", None)]),
        code(&[("r", Some("!"))]),
        code(&[("c", Some(&URL_SAFE_NO_PAD.encode(SECRET)))]).replace("pushauth", "other"),
        code(&[("l", Some(&URL_SAFE_NO_PAD.encode(SECRET)))]),
        code(&[("m", Some(&STANDARD.encode(SECRET).repeat(20)))]),
        code(&[("policies", Some(&base64(r#"{"moonPhase": {}}"#)))]),
        code(&[("a", Some(&base64("http://am.example.com/?_action=authenticate")))]),
        format!("{}&s={}AAAA", code(&[]), URL_SAFE_NO_PAD.encode(SECRET)),
        code(&[]).replace("pushauth://push/", ""),
    ];
    for code in codes {
        seen.error(&world.phone.preview(&code).map(drop).unwrap_err());
    }
    // URIs whose one-time password half is rejected, and one that is accepted.
    let both = |more: &str| {
        let push = code(&[]).replace("pushauth://push", "mfauth://totp");
        format!("{push}&secret={}{more}", base32(CODE_SECRET))
    };
    for more in ["&digits=9", "0", "&algorithm=MD5"] {
        seen.error(&world.phone.preview(&both(more)).map(drop).unwrap_err());
    }
    let credential = world.active_with(&both(""), Enrolment { slot: Some(&Finger), ..enrolment() });
    seen.debug(&world.phone.code(&credential.account_id).map(drop));
    seen.error(&world.enrol(&code(&[])).unwrap_err());

    let forged = sign(b"another secret", &credential.claims(1, json!({})));
    seen.error(&world.phone.receive_message(&message_id(1), &forged).unwrap_err());
    for changes in [json!({"c": STANDARD.encode(&SECRET[..31])}), json!({"k": "no"}), json!({"n": 1, "k": "challenge"})]
    {
        seen.error(&credential.send(&world.phone, 2, changes).unwrap_err());
    }
    let id = credential.send(&world.phone, 3, json!({"k": "biometric"})).unwrap().id;
    seen.error(&world.phone.approve(&id, Evidence::Tap).unwrap_err());
    let slot = Finger.unwrap(&world.phone.biometric_challenge(&id).unwrap());
    let mut secrets = vec![SECRET.to_vec(), CODE_SECRET.to_vec(), slot.expose(Reason::Hash).to_vec()];
    world.phone.approve(&id, Evidence::Biometric(slot)).unwrap();
    world.phone.set_push_token("another-token", CommunicationType::Gcm).unwrap();

    let data_key: Vec<u8> = {
        let wrapped: Vec<u8> =
            world.sql().query_row("SELECT wrapped_data_key FROM meta", [], |row| row.get(0)).unwrap();
        wrapped[4..].iter().map(|byte| byte ^ 0x33).collect()
    };
    secrets.push(data_key);
    for request in world.phone.due().unwrap() {
        let claims = claims_of(&request.body, &SECRET);
        if let Some(response) = claims["response"].as_str() {
            secrets.push(STANDARD.decode(response).unwrap());
        }
        seen.debug(&request);
        seen.debug(&world.phone.failed(&request.id, SendFailure::NotSent).unwrap());
        seen.error(&world.phone.delivered("0", response(200)).unwrap_err());
    }
    seen.debug(&world.phone.accounts().unwrap());
    seen.debug(&world.phone.notification(&id).unwrap());
    seen.debug(&world.phone.pending().unwrap());
    seen.debug(&world.phone.outbox().unwrap());
    seen.debug(&world.phone.pull(0).unwrap());
    seen.debug(&world.phone.push_tokens().unwrap());
    seen.debug(&world.phone.events(1000).unwrap());
    seen.error(&PhoneError::Vault(VaultError::Tampered { table: "credential" }));
    seen.error(&world.phone.rewrap(&NoKey).unwrap_err());
    seen.error(&world.phone.receive(credential.push(4, json!({})).as_bytes()).unwrap_err());

    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let file = entry.unwrap().path();
        seen.0.extend(std::fs::read(file).unwrap());
    }
    assert!(seen.holds(b"am.example.com") && seen.holds(b"The message's signature is wrong."), "the search works");
    assert_eq!(secrets.len(), 5, "shared secret, secret of codes, slot, data key, an answer's code");
    for secret in &secrets {
        for form in forms(secret) {
            assert!(!seen.holds(&form), "{}", String::from_utf8_lossy(&form));
        }
    }
}
