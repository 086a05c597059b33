//! Arbitrary bytes as an attestation: the check always gives an answer. Also the chain of a real phone.

use proptest::prelude::*;
use push_authenticator::protocol::device_key::{KeyLevel, Protection, PublicKey, UserPresence};
use push_authenticator::server::attestation::{AttestationCheck, AttestationError, Subject};

use super::*;

const CHALLENGE: [u8; 32] = [9; 32];

fn check(trusted: &Trusted) -> AttestationCheck {
    AttestationCheck::load(&trusted.settings()).unwrap()
}

fn verify(check: &AttestationCheck, key: &Key, chain: &[Vec<u8>]) -> Result<Protection, AttestationError> {
    let key = PublicKey::parse(&key.jwk.to_string()).unwrap();
    let subject = Subject { key: &key, challenge: &CHALLENGE, claimed: Protection::NONE, now: START };
    check.verify(chain, subject).map(|attested| attested.expect("Android's are checked"))
}

/// Edits bytes: each edit replaces, inserts or removes a byte at a position.
fn edited(mut bytes: Vec<u8>, edits: &[(usize, u8, u8)]) -> Vec<u8> {
    for (at, kind, value) in edits {
        let at = at % (bytes.len() + 1);
        match kind {
            0 => bytes.insert(at, *value),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] = *value,
            _ => bytes.truncate(at / 2),
        }
    }
    bytes
}

fn edits() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    let value =
        prop_oneof![any::<u8>(), Just(0), Just(1), Just(5), Just(0x30), Just(0x80), Just(0x84), Just(0xbf), Just(0xff)];
    prop::collection::vec((0_usize..2000, 0_u8..4, value), 1..6)
}

/// Returns the length of the signed part of a certificate, without its four-byte header.
fn signed_length(certificate: &[u8]) -> usize {
    assert_eq!([certificate[4], certificate[5]], [0x30, 0x82]);
    usize::from(certificate[6]) << 8 | usize::from(certificate[7])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damage below the signature: input that the check sees before it knows that the signature is invalid.
    #[test]
    fn damaged_certificates_are_refused(at in 0_usize..4, edits in edits()) {
        thread_local!(static MADE: (Trusted, AttestationCheck, Key) = {
            let trusted = Trusted::new(Maker::new());
            let check = check(&trusted);
            (trusted, check, Key::make())
        });
        MADE.with(|(trusted, check, key)| {
            let mut chain = trusted.maker.chain(trusted.maker.batch.attest(key, &Description::new(&CHALLENGE)));
            assert!(verify(check, key, &chain).is_ok());
            let right = chain[at].clone();
            chain[at] = edited(right.clone(), &edits);
            let outcome = verify(check, key, &chain);
            // The root is recognized by its key and name, so the rest of its certificate does not matter. Around the
            // signed part, the library tolerates a type or two.
            let signed = |der: &[u8]| der.get(4..).map(|der| der[..der.len().min(4 + signed_length(&right))].to_vec());
            assert!(outcome.is_err() || at == 3 || signed(&chain[at]) == signed(&right), "{outcome:?}");
        });
    }

    /// Damage above the signature: the vendor signs any possible description.
    #[test]
    fn any_description_gets_an_answer(edits in edits()) {
        thread_local!(static MADE: (Trusted, AttestationCheck, Key) = {
            let trusted = Trusted::new(Maker::new());
            let check = check(&trusted);
            (trusted, check, Key::make())
        });
        MADE.with(|(trusted, check, key)| {
            let description = edited(Description::new(&CHALLENGE).der(), &edits);
            let chain = trusted.maker.chain(trusted.maker.batch.certify(key, params("Key"), Some(description)));
            if let Ok(attested) = verify(check, key, &chain) {
                assert!(attested.level != KeyLevel::Software, "its origin and boot are the hardware's");
            }
        });
    }

    /// The same for App Attest objects.
    #[test]
    fn any_object_gets_an_answer(edits in edits()) {
        thread_local!(static MADE: (Vec<u8>, AttestationCheck, Key) = {
            let trusted = Trusted::new(Maker::new());
            let settings = AttestationSettings {
                apple_roots: Some(trusted.file("apple.pem")),
                apple_app_ids: vec!["TEAM000000.app".to_owned()],
                ..trusted.settings()
            };
            std::fs::write(trusted.file("apple.pem"), include_str!("../../vectors/attestation/app-attest-root.pem")).unwrap();
            let object = include_str!("../../vectors/attestation/app-attest-of-2021.b64").replace('\n', "");
            (STANDARD.decode(object).unwrap(), AttestationCheck::load(&settings).unwrap(), Key::make())
        });
        MADE.with(|(object, check, key)| {
            assert!(verify(check, key, &[edited(object.clone(), &edits)]).is_err(), "nobody vouched for this key");
        });
    }
}

/// The library's reader of single values mishandles a boolean without content.
#[test]
fn truth_values_without_content_are_refused() {
    let trusted = Trusted::new(Maker::new());
    let (check, key) = (check(&trusted), Key::make());
    let right = trusted.maker.chain(trusted.maker.batch.attest(&key, &Description::new(&CHALLENGE)));
    for at in 0..4 {
        let truths = right[at].windows(3).enumerate().filter(|(_, three)| *three == [1, 1, 0xff]);
        for place in truths.map(|(place, _)| place).collect::<Vec<_>>() {
            for content in [&[1, 0, 0xff], &[1, 2, 0xff], &[1, 0x80, 0xff], &[1, 1, 2]] {
                let mut chain = right.clone();
                chain[at][place..place + 3].copy_from_slice(content);
                assert!(verify(&check, &key, &chain).is_err() || at == 3, "{at} {place}");
            }
        }
    }
}

/// The chain from tests/vectors/attestation/SOURCES.md: RSA above P-384 above P-256, as Google issues them.
#[test]
fn the_chain_of_a_real_phone_is_read_and_verified() {
    let pem = include_str!("../../vectors/attestation/phone-of-2023.pem");
    let blocks: Vec<String> =
        pem.split_inclusive("-----END CERTIFICATE-----\n").map(|block| block.trim().to_owned()).collect();
    let body = |block: &String| block.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let chain: Vec<Vec<u8>> = blocks.iter().map(|block| STANDARD.decode(body(block)).unwrap()).collect();
    let trusted = Trusted::new(Maker::new());
    std::fs::write(trusted.file("roots.pem"), blocks.last().unwrap()).unwrap();
    let settings = AttestationSettings {
        android_packages: vec!["com.google.attestationexample".to_owned()],
        android_signing_digests: vec!["68856d1d06f637d6255facE5B224DB43A9514ACE538BB1548B844480FCD85C87".to_owned()],
        ..trusted.settings()
    };
    let check = AttestationCheck::load(&settings).unwrap();
    let at = chain[0].windows(4).position(|four| four == [3, 0x42, 0, 4]).unwrap();
    let key = PublicKey::from_point(&chain[0][at + 3..at + 68]).unwrap();
    let claimed = Protection { level: KeyLevel::Tee, presence: UserPresence::None };
    let verify = |now| check.verify(&chain, Subject { key: &key, challenge: b"challenge", claimed, now });
    let (first, last) = (1_676_831_316_000, 1_679_621_632_000);
    for now in [first, last] {
        assert_eq!(verify(now), Ok(Some(claimed)));
    }
    for now in [first - 1000, last + 1000] {
        assert_eq!(verify(now), Err(AttestationError::Validity));
    }
}
