//! App Attest: an app vouches for a key, and Apple for the app. These tests make the objects themselves, except for one
//! real one.

use push_authenticator::protocol::device_key::{KeyLevel, Protection, PublicKey, UserPresence};
use push_authenticator::server::attestation::{Apple, AttestationCheck, AttestationError, Subject};
use rcgen::{CertificateParams, CustomExtension, IsCa, KeyUsagePurpose, date_time_ymd};
use ring::digest::{SHA256, digest};
use ring::signature::KeyPair as _;

use super::*;

const APP: &str = "TEAM000000.org.pushauthenticator.app";

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// Makes an attestation for a key and a challenge.
type Made<'a> = dyn Fn(&Key, &[u8]) -> Vec<Vec<u8>> + 'a;

/// Returns a CBOR head for a length below 64 KiB.
fn cbor(kind: u8, length: usize) -> Vec<u8> {
    let bytes = u16::try_from(length).unwrap().to_be_bytes();
    [&[kind << 5 | 25], bytes.as_slice()].concat()
}

fn bytes(content: &[u8]) -> Vec<u8> {
    [cbor(2, content.len()), content.to_vec()].concat()
}

fn text(content: &str) -> Vec<u8> {
    [cbor(3, content.len()), content.as_bytes().to_vec()].concat()
}

fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let members = members.iter().map(|(name, value)| [text(name), value.clone()].concat());
    [cbor(5, members.len()), members.collect::<Vec<_>>().concat()].concat()
}

/// The parts of an App Attest object.
struct Object {
    app: String,
    kind: [u8; 16],
    flags: u8,
    counter: u32,
    client_data_digest: Vec<u8>,
    credential: Option<Vec<u8>>,
    format: &'static str,
    /// Replaces the extension, if present.
    extension: Option<Option<Vec<u8>>>,
    edit: fn(&mut CertificateParams),
}

impl Object {
    fn new(client_data_digest: Vec<u8>) -> Self {
        Self {
            app: APP.to_owned(),
            kind: *b"appattest\0\0\0\0\0\0\0",
            flags: 0x40,
            counter: 0,
            client_data_digest,
            credential: None,
            format: "apple-appattest",
            extension: None,
            edit: |_| {},
        }
    }

    /// Makes the object with a vendor's certificates.
    fn make(self, maker: &Maker) -> Vec<u8> {
        let key = Key::make();
        let credential = self.credential.unwrap_or_else(|| sha256(key.pair.public_key().as_ref()));
        let data = [
            sha256(self.app.as_bytes()),
            vec![self.flags],
            self.counter.to_be_bytes().to_vec(),
            self.kind.to_vec(),
            u16::try_from(credential.len()).unwrap().to_be_bytes().to_vec(),
            credential,
        ]
        .concat();
        let nonce = sha256(&[data.clone(), self.client_data_digest].concat());
        let extension = self.extension.unwrap_or(Some(sequence(&[tagged(1, &octets(&nonce))])));
        let mut params = params("App");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        (params.not_before, params.not_after) = (date_time_ymd(2029, 12, 31), date_time_ymd(2030, 1, 3));
        let oid = [1, 2, 840, 113_635, 100, 8, 2];
        params.custom_extensions.extend(extension.map(|value| CustomExtension::from_oid_content(&oid, value)));
        (self.edit)(&mut params);
        let first = maker.intermediate.certify(&key, params, None);
        let certificates = [cbor(4, 2), bytes(&first), bytes(&maker.intermediate.der)].concat();
        let statement = map(&[("x5c", certificates), ("receipt", bytes(&[1, 2, 3]))]);
        map(&[("fmt", text(self.format)), ("attStmt", statement), ("authData", bytes(&data))])
    }
}

/// docs/wire.md: SHA-256 over the challenge and the key's thumbprint as text.
fn client_data_digest(key: &Key, challenge: &[u8]) -> Vec<u8> {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let thumbprint = URL_SAFE_NO_PAD.encode(sha256(key.jwk.to_string().as_bytes()));
    sha256(&[challenge, thumbprint.as_bytes()].concat())
}

fn apple_settings(settings: &mut AttestationSettings) {
    settings.apple_roots = settings.android_roots.take();
    settings.apple_app_ids = vec![APP.to_owned(), "TEAM000000.other".to_owned()];
}

#[test]
fn a_key_that_an_app_vouches_for_counts_as_the_app_says() {
    let trusted = Trusted::new(Maker::new());
    for (level, presence) in [("secure-enclave", "biometric"), ("secure-enclave", "none"), ("software", "device")] {
        let server = trusted.server_with(apple_settings, Setup::new());
        let phone = attested(&server, &server.at_qr_code(), level, presence, |key, challenge| {
            vec![Object::new(client_data_digest(key, challenge)).make(&trusted.maker)]
        });
        assert_eq!(phone.register(&server).status, 200, "{}", last_audit(&server));
        assert_eq!(last_audit(&server), format!("device-registered success-{level}-verified"));
        let stored = server.text("SELECT attested_level || ' ' || attested_presence FROM device_key");
        assert_eq!(stored, format!("{level} {presence}"));
    }
}

#[test]
fn each_check_of_app_attest_violated_alone_is_refused_by_name() {
    let (trusted, other) = (Trusted::new(Maker::new()), Maker::new());
    let server = trusted.server_with(apple_settings, Setup::new());
    let step = server.at_qr_code();
    type Edit = fn(Object) -> Object;
    let cases: [(&str, &str, Edit); 15] = [
        ("another app", "app", |object| Object { app: "TEAM000000.org.other".to_owned(), ..object }),
        ("a development build", "app", |object| Object { kind: *b"appattestdevelop", ..object }),
        ("something else", "app", |object| Object { kind: [0; 16], ..object }),
        ("a used key", "malformed", |object| Object { counter: 1, ..object }),
        ("no credential", "malformed", |object| Object { flags: 0, ..object }),
        ("another credential", "key", |object| Object { credential: Some(vec![0; 32]), ..object }),
        ("an empty credential", "key", |object| Object { credential: Some(Vec::new()), ..object }),
        ("other data", "challenge", |object| Object { client_data_digest: vec![0; 32], ..object }),
        ("another format", "malformed", |object| Object { format: "packed", ..object }),
        ("no extension", "extension", |object| Object { extension: Some(None), ..object }),
        ("another tag", "malformed", |object| Object {
            extension: Some(Some(sequence(&[tagged(2, &octets(&[0; 32]))]))),
            ..object
        }),
        ("half an extension", "malformed", |object| Object { extension: Some(Some(vec![0x30])), ..object }),
        ("expired", "validity", |object| Object {
            edit: |params| params.not_after = date_time_ymd(2029, 12, 31),
            ..object
        }),
        ("to come", "validity", |object| Object {
            edit: |params| params.not_before = date_time_ymd(2030, 1, 2),
            ..object
        }),
        ("an authority", "authority", |object| Object {
            edit: |params| params.is_ca = authority_params("").is_ca,
            ..object
        }),
    ];
    let refused = |case: &str, name: &str, level: &str, object: &Made<'_>| {
        let phone = attested(&server, &step, level, "none", object);
        let told = phone.register(&server).refused(400);
        assert_eq!(take_last_audit(&server), format!("device-registered attestation-{name}"), "{case}: {told}");
        assert_eq!(server.count("device"), 0);
    };
    for (case, name, edit) in cases {
        refused(case, name, "secure-enclave", &|key, challenge| {
            vec![edit(Object::new(client_data_digest(key, challenge))).make(&trusted.maker)]
        });
    }
    let right = |key: &Key, challenge: &[u8]| Object::new(client_data_digest(key, challenge)).make(&trusted.maker);
    refused("another registration", "challenge", "secure-enclave", &|key, _| vec![right(key, &[0; 32])]);
    refused("another key", "challenge", "secure-enclave", &|_, challenge| vec![right(&Key::make(), challenge)]);
    refused("the challenge alone", "challenge", "secure-enclave", &|_, challenge| {
        vec![Object::new(challenge.to_vec()).make(&trusted.maker)]
    });
    for level in ["tee", "strongbox"] {
        refused("another kind of hardware", "level", level, &|key, challenge| vec![right(key, challenge)]);
    }
    refused("another root", "root", "secure-enclave", &|key, challenge| {
        vec![Object::new(client_data_digest(key, challenge)).make(&other)]
    });
    refused("something behind", "malformed", "secure-enclave", &|key, challenge| {
        vec![[right(key, challenge), vec![0]].concat()]
    });
    refused("half", "malformed", "secure-enclave", &|key, challenge| {
        let object = right(key, challenge);
        vec![object[..object.len() / 2].to_vec()]
    });
    refused("a member twice", "malformed", "secure-enclave", &|key, challenge| {
        let mut object = right(key, challenge);
        object[2] += 1;
        vec![[object, text("authData"), bytes(&[])].concat()]
    });
    refused("deep", "malformed", "secure-enclave", &|_, _| vec![[0xa1].repeat(8000)]);
    refused("long", "malformed", "secure-enclave", &|_, _| {
        vec![vec![
            0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ]]
    });
    let phone = attested(&server, &step, "secure-enclave", "none", |key, challenge| vec![right(key, challenge)]);
    assert_eq!(phone.register(&server).status, 200);
}

/// The server checks a vendor's attestations if it has that vendor's roots; those of another vendor count for nothing.
#[test]
fn attestations_of_a_kind_that_is_not_checked_count_for_nothing() {
    let trusted = Trusted::new(Maker::new());
    let apple = trusted.server_with(apple_settings, Setup::new());
    let phone = attested(&apple, &apple.at_qr_code(), "strongbox", "biometric", |key, challenge| {
        trusted.maker.chain(trusted.maker.batch.attest(key, &Description::new(challenge).level(2)))
    });
    assert_eq!(phone.register(&apple).status, 200);
    assert_eq!(last_audit(&apple), "device-registered success-software-unchecked");
    let android = trusted.server();
    let phone = attested(&android, &android.at_qr_code(), "secure-enclave", "biometric", |key, challenge| {
        vec![Object::new(client_data_digest(key, challenge)).make(&trusted.maker)]
    });
    assert_eq!(phone.register(&android).status, 200);
    assert_eq!(last_audit(&android), "device-registered success-software-unchecked");
}

/// The object is described in tests/vectors/attestation/SOURCES.md.
#[test]
fn what_app_attest_made_on_a_real_iphone_is_read_and_verified() {
    let trusted = Trusted::new(Maker::new());
    std::fs::write(trusted.file("apple.pem"), include_str!("../../vectors/attestation/app-attest-root.pem")).unwrap();
    let object = include_str!("../../vectors/attestation/app-attest-of-2021.b64").replace('\n', "");
    let object = STANDARD.decode(object).unwrap();
    let settings = |app: &str, development| AttestationSettings {
        apple_roots: Some(trusted.file("apple.pem")),
        apple_app_ids: vec![app.to_owned()],
        apple_development: development,
        ..trusted.settings()
    };
    let app = "6MURL8TA57.de.vincent-haupert.apple-appattest-poc";
    let digest = STANDARD.decode("i+ZcylFa0JfJU5Z9GNY12G3XihQu09B3UmvtEca+xns=").unwrap();
    let verify = |app: &str, development: bool, digest: &[u8], now: i64| {
        Apple::load(&settings(app, development)).unwrap().unwrap().verify(&object, digest, now)
    };
    let (first, last) = (1_611_317_615_000, 1_611_576_815_000);
    for now in [first, last] {
        assert_eq!(verify(app, true, &digest, now), Ok(()));
    }
    for now in [first - 1000, last + 1000] {
        assert_eq!(verify(app, true, &digest, now), Err(AttestationError::Validity));
    }
    assert_eq!(verify(app, false, &digest, first), Err(AttestationError::App), "a development build");
    assert_eq!(verify("6MURL8TA57.other", true, &digest, first), Err(AttestationError::App));
    assert_eq!(verify(app, true, &[0; 32], first), Err(AttestationError::Challenge));
    // It vouches for no key of this project.
    let key = PublicKey::parse(&Key::make().jwk.to_string()).unwrap();
    let claimed = Protection { level: KeyLevel::SecureEnclave, presence: UserPresence::None };
    let subject = Subject { key: &key, challenge: &digest, claimed, now: first };
    let check = AttestationCheck::load(&settings(app, true)).unwrap();
    assert_eq!(check.verify(&[object], subject), Err(AttestationError::Challenge));
}
