//! App Attest from the phone core to the server's verdict. The object is made here from the core's hash, as Apple would
//! make it, and the server is a process that trusts this vendor.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ciborium::Value as Cbor;
use push_authenticator::phone::{
    CommunicationType, Delivery, Device, DeviceFacts, DeviceKey, Enrolment, HttpResponse, KeyChoice, KeyEncryption,
    KeyError, KeyLevel, KeySignature, Outcome, Phone as Core, Platform, Signed, UserPresence,
};
use push_authenticator::ports::{SystemClock, SystemEntropy};
use push_authenticator::secret::{Reason, SecretBytes};
use rcgen::{BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::device_key::server;
use crate::setup::Server;

const APP: &str = "TEAM000000.org.pushauthenticator.app";

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}

/// Stands in for Apple: a root that issues the app's certificates.
struct Maker {
    root: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Maker {
    fn new() -> Self {
        let (key, mut params) = (KeyPair::generate().unwrap(), named("Root"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = params.self_signed(&key).unwrap().der().to_vec();
        Self { root, issuer: Issuer::new(params, key) }
    }

    /// Returns what `attestKey` returns for a new App Attest key.
    fn object(&self, client_data_hash: &[u8]) -> Vec<u8> {
        let key = KeyPair::generate().unwrap();
        let credential = sha256(key.public_key_raw());
        let app = sha256(APP.as_bytes());
        let data = [&app, [0x40, 0, 0, 0, 0].as_slice(), b"appattest\0\0\0\0\0\0\0", &[0, 32], &credential].concat();
        let nonce = sha256(&[&data, client_data_hash].concat());
        let mut params = named("App");
        params.is_ca = IsCa::ExplicitNoCa;
        // A sequence that contains the tag 1, which contains the octets.
        let content = [&[0x30, 36, 0xa1, 34, 0x04, 32], nonce.as_slice()].concat();
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 2, 840, 113_635, 100, 8, 2], content)];
        let own = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        let chain = [own, self.root.clone()].map(Cbor::Bytes).to_vec();
        let object = Cbor::Map(vec![
            ("fmt".into(), "apple-appattest".into()),
            ("attStmt".into(), Cbor::Map(vec![("x5c".into(), Cbor::Array(chain)), ("receipt".into(), vec![1].into())])),
            ("authData".into(), data.into()),
        ]);
        let mut bytes = Vec::new();
        ciborium::into_writer(&object, &mut bytes).unwrap();
        bytes
    }

    /// Makes the server trust this vendor.
    fn trusted_by(&self, server: &mut Server) {
        let roots = server.folder.path().join("apple-roots.pem");
        let root = STANDARD.encode(&self.root);
        std::fs::write(roots, format!("-----BEGIN CERTIFICATE-----\n{root}\n-----END CERTIFICATE-----\n")).unwrap();
        let file = server.configuration();
        let text = std::fs::read_to_string(&file).unwrap();
        let section = format!("[push.attestation]\napple_roots = \"apple-roots.pem\"\napple_app_ids = [\"{APP}\"]\n");
        std::fs::write(file, format!("{text}\n{section}")).unwrap();
        server.stop();
        server.resume();
    }
}

/// A key store that protects nothing.
struct Open;

impl KeyEncryption for Open {
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        Ok(data_key.expose(Reason::HandOver).to_vec())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        Ok(SecretBytes::new(wrapped.to_vec()))
    }
}

/// Registers a phone whose key is attested by what `object` makes from the core's hash.
fn register(server: &Server, object: impl Fn(&[u8; 32]) -> Option<Vec<u8>>) -> Delivery {
    let folder = tempfile::tempdir().unwrap();
    let vault = folder.path().join("vault.db");
    let core = Core::open(&vault, &Open, Arc::new(SystemClock), Arc::new(SystemEntropy::new())).unwrap();
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap();
    let [x, y] = [1..33, 33..65].map(|half| URL_SAFE_NO_PAD.encode(&pair.public_key().as_ref()[half]));
    let jwk = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);

    let (_, code) = server.offer();
    let preview = core.preview(&code).unwrap();
    let attestation = object(&core.app_attest_client_data_hash(&preview, &jwk).unwrap()).map(|object| vec![object]);
    let key = DeviceKey { jwk, level: KeyLevel::SecureEnclave, presence: UserPresence::Biometric, attestation };
    let to_sign = core.registration_to_sign(&preview, &key).unwrap();
    let signature = KeySignature::Der(pair.sign(&random, &to_sign.bytes).unwrap().as_ref().to_vec());
    let device = Device {
        name: "iPhone".to_owned(),
        platform: Platform::Ios,
        push_token: "token-0123456789".to_owned(),
        communication_type: CommunicationType::Embedded,
    };
    let facts = DeviceFacts { biometric_available: true, tamper_score: 0.0 };
    let key = KeyChoice::Hardware { key, signed: Signed { bytes: to_sign.bytes, signature } };
    core.enrol(preview, Enrolment { device, facts, slot: None, replace: false, key }).unwrap();

    let request = core.due().unwrap().remove(0);
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut post = agent.post(&request.url);
    for (name, value) in &request.headers {
        post = post.header(name, value);
    }
    let mut response = post.send(&request.body[..]).unwrap();
    let body = response.body_mut().read_to_vec().unwrap();
    core.delivered(&request.id, HttpResponse { status: response.status().as_u16(), date: None, body }).unwrap()
}

#[test]
fn what_the_core_has_attested_the_server_verifies_and_without_it_judges() {
    let (mut server, maker) = (server("required"), Maker::new());
    maker.trusted_by(&mut server);
    let is_active = |delivery| matches!(delivery, Delivery::Done(Outcome::AccountActive { .. }));
    // For another registration, and for another key: the core's hash covers both.
    let kept = std::cell::Cell::new([0; 32]);
    let refused = register(&server, |hash| {
        kept.set(*hash);
        Some(maker.object(&[0; 32]))
    });
    assert!(!is_active(refused));
    assert!(!is_active(register(&server, |_| Some(maker.object(&kept.get())))));
    let audit = server.verb(&["audit", "list"], "").done();
    // Both have the same cause, which is logged once a minute.
    let count = |text: &str| audit.to_string().matches(text).count();
    assert_eq!((count("device-registered"), count("attestation-challenge")), (1, 1), "{audit}");
    assert_eq!(server.verb(&["device", "list"], "").done(), serde_json::json!([]));

    for (attested, level, state) in [(false, "software", "none"), (true, "secure-enclave", "verified")] {
        assert!(is_active(register(&server, |hash| attested.then(|| maker.object(hash)))));
        let devices = server.verb(&["device", "list"], "").done();
        let key = &devices[0]["key"];
        assert_eq!((&key["level"], &key["attestation"]), (&level.into(), &state.into()), "{devices}");
        server.verb(&["device", "remove", devices[0]["id"].as_str().unwrap()], "").done();
    }
}
