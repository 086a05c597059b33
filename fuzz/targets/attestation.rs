//! Treats arbitrary bytes as an attestation: as a certificate below a genuine one, as a key description, and as App
//! Attest output. None of it may vouch for the key here, and a key description must parse completely or not at all.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use push_authenticator::protocol::device_key::{Protection, PublicKey};
use push_authenticator::server::attestation::{AttestationCheck, AttestationSettings, KeyDescription, Subject};

/// The vector whose last certificate is the trusted root.
const PHONE: &str = include_str!("../../tests/vectors/attestation/phone-of-2023.pem");
const APPLE_ROOT: &str = include_str!("../../tests/vectors/attestation/app-attest-root.pem");
/// Public key from RFC 7517, appendix A.1.
const KEY: &str = r#"{"crv":"P-256","kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#;
/// A time at which the App Attest output was valid, in epoch milliseconds.
const NOW: i64 = 1_611_400_000_000;

static CHECK: LazyLock<AttestationCheck> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).expect("written");
        Some(file)
    };
    let (_, root) = PHONE.rsplit_once("-----BEGIN").expect("certificates");
    let settings = AttestationSettings {
        android_roots: file("android.pem", &format!("-----BEGIN{root}")),
        android_revoked: None,
        android_packages: Vec::new(),
        android_signing_digests: Vec::new(),
        android_verified_boot: true,
        apple_roots: file("apple.pem", APPLE_ROOT),
        apple_app_ids: vec!["TEAM000000.app".to_owned()],
        apple_development: true,
    };
    AttestationCheck::load(&settings).expect("the roots")
});

fuzz_target!(|data: &[u8]| {
    let key = PublicKey::parse(KEY).expect("the key");
    let subject = Subject { key: &key, challenge: &[0; 32], claimed: Protection::NONE, now: NOW };
    for attestation in [vec![data.to_vec()], vec![data.to_vec(); 2]] {
        assert!(CHECK.verify(&attestation, subject).is_err(), "nobody attested this key");
    }
    if KeyDescription::parse(data).is_ok() {
        let (longer, shorter) = ([data, &[0]].concat(), &data[..data.len() - 1]);
        assert!(KeyDescription::parse(&longer).is_err(), "something follows");
        assert!(KeyDescription::parse(shorter).is_err(), "its end is missing");
    }
});
