//! Which attestations the server accepts, what they count for, and what counts without one.

use push_authenticator::server::attestation::{AttestationCheck, AttestationFileError};
use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};

use super::*;
use crate::device_keys::{SENDER, accept};

fn right(trusted: &Trusted, level: u32) -> impl Fn(&Key, &[u8]) -> Vec<Vec<u8>> {
    move |key, challenge| {
        trusted.maker.chain(trusted.maker.batch.attest(key, &Description::new(challenge).level(level)))
    }
}

#[test]
fn an_attested_key_counts_as_what_is_attested() {
    let trusted = Trusted::new(Maker::new());
    for (claimed, presence, attested_level, number) in [
        ("tee", "biometric", "tee", 1),
        ("strongbox", "biometric", "strongbox", 2),
        ("tee", "none", "strongbox", 2),
        ("software", "device", "tee", 1),
    ] {
        let server = trusted.server();
        let phone = attested(&server, &server.at_qr_code(), claimed, presence, right(&trusted, number));
        let response = phone.register(&server);
        assert_eq!((response.status, response.text().as_str()), (200, "{}"), "{}", last_audit(&server));
        assert_eq!(last_audit(&server), format!("device-registered success-{attested_level}-verified"));
        let stored = "level || ' ' || presence || ' ' || attested_level || ' ' || attested_presence";
        let expected = format!("{claimed} {presence} {attested_level} biometric");
        assert_eq!(server.text(&format!("SELECT {stored} FROM device_key")), expected);
    }
}

#[test]
fn a_claim_above_what_is_attested_is_refused() {
    let trusted = Trusted::new(Maker::new());
    let server = trusted.server();
    for claimed in ["strongbox", "secure-enclave"] {
        let phone = attested(&server, &server.at_qr_code(), claimed, "none", right(&trusted, 1));
        assert!(phone.register(&server).refused(400).contains("as well as the app says"));
        assert_eq!(last_audit(&server), "device-registered attestation-level");
    }
}

#[test]
fn presence_is_what_the_hardware_asks_for_each_signature() {
    let trusted = Trusted::new(Maker::new());
    let edits: [(&str, &dyn Fn(Description) -> Description); 6] = [
        ("none", &|description| description.hardware(504, None).hardware(503, Some(null()))),
        ("none", &|description| description.hardware(504, None)),
        ("none", &|description| description.hardware(505, Some(integer(30)))),
        ("device", &|description| description.hardware(504, Some(integer(1)))),
        ("device", &|description| description.hardware(504, Some(integer(3)))),
        ("biometric", &|description| description.hardware(505, Some(integer(0)))),
    ];
    for (presence, edit) in edits {
        let server = trusted.server();
        let phone = attested(&server, &server.at_qr_code(), "tee", presence, |key, challenge| {
            trusted.maker.chain(trusted.maker.batch.attest(key, &edit(Description::new(challenge))))
        });
        assert_eq!(phone.register(&server).status, 200, "{presence}: {}", last_audit(&server));
        assert_eq!(server.text("SELECT attested_presence FROM device_key"), presence);
    }
}

#[test]
fn every_version_of_the_description_is_read() {
    let trusted = Trusted::new(Maker::new());
    let old_boot = sequence(&[octets(&[1; 32]), der(&[0x01], &[0xff]), enumerated(0)]);
    for version in [1, 2, 3, 4, 100, 200, 300, 400, 500] {
        let server = trusted.server();
        let phone = attested(&server, &server.at_qr_code(), "tee", "biometric", |key, challenge| {
            let mut description = Description { version, ..Description::new(challenge) };
            if version < 3 {
                description = description.hardware(704, Some(old_boot.clone()));
            }
            // Tags from later versions, and unknown ones.
            for (tag, content) in
                [(509, null()), (724, octets(&[3; 32])), (9000, sequence(&[null()])), (9001, vec![0xff])]
            {
                description = description.hardware(tag, Some(content));
            }
            trusted.maker.chain(trusted.maker.batch.attest(key, &description))
        });
        assert_eq!(phone.register(&server).status, 200, "{version}: {}", last_audit(&server));
    }
}

#[test]
fn the_clock_of_the_phone_and_the_age_of_the_root_make_no_difference() {
    let mut old = authority_params("Root");
    old.not_after = rcgen::date_time_ymd(2026, 5, 24);
    let mut trusted = Trusted::new(Maker::new());
    let server = trusted.server();
    // The root's certificate before it was reissued with the same key, as old phones have it.
    trusted.maker.root.der = old.self_signed(trusted.maker.root.issuer.key()).unwrap().der().to_vec();
    let phone = attested(&server, &server.at_qr_code(), "tee", "biometric", |key, challenge| {
        let mut params = params("Android Keystore Key");
        params.not_before = rcgen::date_time_ymd(1970, 1, 1);
        params.not_after = rcgen::date_time_ymd(1970, 1, 2);
        trusted.maker.chain(trusted.maker.batch.certify(key, params, Some(Description::new(challenge).der())))
    });
    assert_eq!(phone.register(&server).status, 200, "{}", last_audit(&server));
}

/// Roots on both curves, one of many in a file, as PEM or as Google's list; and a chain that omits its root.
#[test]
fn any_of_the_roots_is_good() {
    let roots = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384].map(|algorithm| Authority::root("Root", algorithm));
    let pem: Vec<String> = roots.iter().map(Authority::pem).collect();
    for text in [pem.concat(), serde_json::to_string(&pem).unwrap()] {
        for (at, ends) in [(0, true), (0, false), (1, true), (1, false)] {
            let intermediate = Authority::under(&roots[at], authority_params("Intermediate"));
            let batch = Authority::under(&intermediate, authority_params("Batch"));
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("roots.pem"), &text).unwrap();
            let trusted = Trusted { maker: Maker::new(), folder };
            let server = trusted.server();
            let phone = attested(&server, &server.at_qr_code(), "tee", "biometric", |key, challenge| {
                let first = batch.attest(key, &Description::new(challenge));
                let mut chain = vec![first, batch.der.clone(), intermediate.der.clone()];
                chain.extend(ends.then(|| roots[at].der.clone()));
                chain
            });
            assert_eq!(phone.register(&server).status, 200, "{at} {ends}: {}", last_audit(&server));
        }
    }
}

#[test]
fn a_phone_whose_boot_loader_is_open_is_taken_where_the_settings_say_so() {
    let trusted = Trusted::new(Maker::new());
    let server = trusted.server_with(|settings| settings.android_verified_boot = false, Setup::new());
    let phone = attested(&server, &server.at_qr_code(), "tee", "biometric", |key, challenge| {
        let description = Description::new(challenge).hardware(704, Some(root_of_trust(false, 2)));
        trusted.maker.chain(trusted.maker.batch.attest(key, &description))
    });
    assert_eq!(phone.register(&server).status, 200);
}

#[test]
fn without_an_attestation_a_key_counts_as_software_where_attestations_are_checked() {
    let trusted = Trusted::new(Maker::new());
    let minimum = || Setup::new().with(REGISTRATION, "minimumKeyLevel", json!("tee"));
    let server = trusted.server_with(|_| {}, minimum());
    let step = server.at_qr_code();
    let phone = scan_with(&server, &step, &Key::make(), "strongbox", "biometric");
    assert!(phone.register(&server).refused(400).contains("as well as this service asks"));
    assert_eq!(last_audit(&server), "device-registered key-level");
    assert_eq!(attested(&server, &step, "tee", "biometric", right(&trusted, 1)).register(&server).status, 200);

    let server = trusted.server();
    let phone = scan_with(&server, &server.at_qr_code(), &Key::make(), "strongbox", "biometric");
    assert_eq!(phone.register(&server).status, 200);
    assert_eq!(last_audit(&server), "device-registered success-software-none");
}

#[test]
fn without_roots_an_attestation_is_kept_and_the_phone_believed() {
    let maker = Maker::new();
    let server = Setup::new()
        .with(REGISTRATION, "deviceKey", json!("required"))
        .with(REGISTRATION, "minimumKeyLevel", json!("strongbox"))
        .start();
    let phone = attested(&server, &server.at_qr_code(), "strongbox", "biometric", |key, challenge| {
        maker.chain(maker.batch.attest(key, &Description::new(challenge)))
    });
    assert_eq!(phone.register(&server).status, 200);
    assert_eq!(last_audit(&server), "device-registered success-strongbox-unchecked");
    assert_eq!(server.count("device_key WHERE attestation IS NOT NULL AND attested_level IS NULL"), 1);
}

/// A sender requires what counts now: phones registered before the server checked attestations must register again.
#[test]
fn a_sender_counts_what_is_attested() {
    let trusted = Trusted::new(Maker::new());
    let demanding = || {
        Setup::new().with(SENDER, "deviceKey", json!("required")).with(SENDER, "minimumKeyLevel", json!("tee")).with(
            SENDER,
            "pushType",
            json!("BIOMETRIC"),
        )
    };
    for (is_attested, is_asked) in [(true, true), (false, false)] {
        let server = trusted.server_with(|_| {}, demanding());
        let step = server.at_qr_code();
        let phone = if is_attested {
            attested(&server, &step, "tee", "biometric", right(&trusted, 1))
        } else {
            scan_with(&server, &step, &Key::make(), "strongbox", "biometric")
        };
        assert_eq!(phone.register(&server).status, 200);
        server.next(&server.next(&step));
        assert_eq!(server.count("push_message"), i64::from(is_asked));
    }
}

fn self_signed(is_ca: rcgen::IsCa) -> String {
    let mut params = authority_params("Root");
    params.is_ca = is_ca;
    let key = rcgen::KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    Authority { der, issuer: rcgen::Issuer::new(params, key) }.pem()
}

#[test]
fn a_server_does_not_start_with_files_that_it_cannot_use() {
    let trusted = Trusted::new(Maker::new());
    let start = |settings: AttestationSettings| AttestationCheck::load(&settings).unwrap_err();
    let roots = |text: &str| {
        std::fs::write(trusted.file("bad.pem"), text).unwrap();
        start(AttestationSettings { android_roots: Some(trusted.file("bad.pem")), ..trusted.settings() })
    };
    let maker = &trusted.maker;
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (text, said) in [
        (String::new(), "there is none"),
        ("[]".to_owned(), "there is none"),
        (maker.batch.pem(), "not signed by itself"),
        (maker.root.pem().replace("MI", "MA"), "cannot be read"),
        (self_signed(rcgen::IsCa::ExplicitNoCa), "may not issue others"),
        (key.to_owned(), "no certificate"),
    ] {
        let error = roots(&text);
        assert!(matches!(error, AttestationFileError::Roots(..)), "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    let missing = AttestationSettings { android_roots: Some(trusted.file("missing.pem")), ..trusted.settings() };
    assert!(start(missing).to_string().contains("missing.pem cannot be read"));
    std::fs::write(trusted.file("revoked.json"), r#"{"entries": []}"#).unwrap();
    let list = AttestationSettings { android_revoked: Some(trusted.file("revoked.json")), ..trusted.settings() };
    assert!(start(list).to_string().contains("no list of revoked certificates"));
}

/// Both on servers that check attestations and on those that do not.
#[test]
fn an_empty_attestation_is_none() {
    let trusted = Trusted::new(Maker::new());
    for server in [trusted.server(), crate::device_keys::start_with("preferred")] {
        let phone = attested(&server, &server.at_qr_code(), "software", "none", |_, _| Vec::new());
        assert_eq!(phone.register(&server).status, 200);
        assert_eq!(last_audit(&server), "device-registered success-software-none");
        assert_eq!(server.count("device_key WHERE attestation IS NOT NULL"), 0);
    }
}

/// What a phone's owner sees about its key over REST, and that there is nothing without a key.
#[test]
fn an_owner_sees_what_counts_of_a_key_and_on_whose_word() {
    let trusted = Trusted::new(Maker::new());
    let devices = "/am/json/realms/root/realms/alpha/users/demo/devices/2fa/push";
    let listed = |server: &Server, phone: &Phone, key: Option<&Key>, step: &Value| {
        let step = server.next(&server.next(step));
        let message = phone.only_message(server);
        let response = match key {
            Some(key) => accept(server, phone, key, &message, &step),
            None => phone.accept(server, &message, &step),
        };
        assert_eq!(response.status, 200);
        let token = server.finish(&step);
        let call = |path: &str| server.request("GET", path, &[("iPlanetDirectoryPro", &token)], b"").json();
        let listed = call(devices)["result"][0].clone();
        assert_eq!(call(&format!("{devices}/{}", listed["_id"].as_str().unwrap())), listed);
        listed
    };
    let (server, key) = (trusted.server(), Key::make());
    let step = server.at_qr_code();
    let phone = scan_with(&server, &step, &key, "tee", "device");
    let challenge = challenge(&origin(&server), &phone.message_id, &phone.challenge);
    let phone = phone.with("attestation", encoded(&right(&trusted, 2)(&key, &challenge)));
    assert_eq!(phone.register(&server).status, 200);
    let counted = json!({"keyLevel": "strongbox", "userPresence": "biometric", "attestation": "verified"});
    assert_eq!(listed(&server, &phone, Some(&key), &step)["deviceKey"], counted);

    let (server, key) = (trusted.server(), Key::make());
    let step = server.at_qr_code();
    let phone = scan_with(&server, &step, &key, "strongbox", "biometric");
    assert_eq!(phone.register(&server).status, 200);
    let counted = json!({"keyLevel": "software", "userPresence": "none", "attestation": "none"});
    assert_eq!(listed(&server, &phone, Some(&key), &step)["deviceKey"], counted);

    let server = start();
    let step = server.at_qr_code();
    let phone = Phone::scan(&step);
    assert_eq!(phone.register(&server).status, 200);
    assert!(listed(&server, &phone, None, &step).get("deviceKey").is_none());
}
