//! Each check of an attestation, violated alone: the server rejects the registration under that check's name and uses
//! nothing up.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyUsagePurpose, SerialNumber, date_time_ymd};

use super::*;

type Chain = Vec<Vec<u8>>;
/// What is wrong, the name of the rejection without `attestation-`, and how to make the chain.
type Case<'a> = (&'a str, &'a str, &'a dyn Fn(&Key, &[u8]) -> Chain);
type DescriptionCase<'a> = (&'a str, &'a str, &'a dyn Fn(Description) -> Description);

/// Registers phones with these attestations, one after the other, from the same QR code; the server rejects each under
/// its name.
fn refused(server: &Server, cases: Vec<Case<'_>>) {
    let step = server.at_qr_code();
    for (case, name, chain) in cases {
        let response = attested(server, &step, "tee", "biometric", chain).register(server);
        assert_eq!(
            take_last_audit(server),
            format!("device-registered attestation-{name}"),
            "{case}: {}",
            response.text()
        );
        assert!(response.refused(400).contains("phone") || name == "app", "{case}: the person learns what is wrong");
        assert_eq!(server.count("device"), 0, "{case}");
    }
}

/// Cases that differ only in the description of the key.
fn refused_descriptions(trusted: &Trusted, server: &Server, cases: Vec<DescriptionCase<'_>>) {
    let maker = &trusted.maker;
    let chains: Vec<_> = cases
        .iter()
        .map(|(_, _, edit)| {
            move |key: &Key, challenge: &[u8]| maker.chain(maker.batch.attest(key, &edit(Description::new(challenge))))
        })
        .collect();
    let cases = cases.iter().zip(&chains);
    refused(
        server,
        cases.map(|((case, name, _), chain)| (*case, *name, chain as &dyn Fn(&Key, &[u8]) -> Chain)).collect(),
    );
}

fn damaged(mut certificate: Vec<u8>) -> Vec<u8> {
    // Within the last integer of an ECDSA signature.
    let at = certificate.len() - 3;
    certificate[at] ^= 1;
    certificate
}

#[test]
fn a_chain_that_does_not_hold_is_refused_by_name() {
    let trusted = Trusted::new(Maker::new());
    let (maker, other) = (&trusted.maker, Maker::new());
    let server = trusted.server();
    let right = |key: &Key, challenge: &[u8]| maker.chain(maker.batch.attest(key, &Description::new(challenge)));
    let with = |at: usize, edit: &dyn Fn(Vec<u8>) -> Vec<u8>, key: &Key, challenge: &[u8]| {
        let mut chain = right(key, challenge);
        chain[at] = edit(chain[at].clone());
        chain
    };
    refused(
        &server,
        vec![
            ("another maker's root of the same name", "root", &|key, challenge| {
                other.chain(other.batch.attest(key, &Description::new(challenge)))
            }),
            ("another maker's certificates, and no root", "root", &|key, challenge| {
                other.chain(other.batch.attest(key, &Description::new(challenge)))[..3].to_vec()
            }),
            ("another maker's certificates under our root", "signature", &|key, challenge| {
                let mut chain = other.chain(other.batch.attest(key, &Description::new(challenge)));
                chain[3] = maker.root.der.clone();
                chain
            }),
            ("the root alone above", "root", &|key, challenge| {
                let mut chain = right(key, challenge);
                chain.drain(1..3);
                chain
            }),
            ("the intermediate left out", "root", &|key, challenge| {
                let mut chain = right(key, challenge);
                chain.remove(2);
                chain
            }),
            ("the batch left out", "issuer", &|key, challenge| {
                let mut chain = right(key, challenge);
                chain.remove(1);
                chain
            }),
            ("the first damaged", "signature", &|key, challenge| with(0, &damaged, key, challenge)),
            ("the second damaged", "signature", &|key, challenge| with(1, &damaged, key, challenge)),
            ("the third damaged", "signature", &|key, challenge| with(2, &damaged, key, challenge)),
            ("upside down", "issuer", &|key, challenge| {
                let mut chain = right(key, challenge);
                chain[..3].reverse();
                chain.swap(0, 2);
                chain.swap(0, 1);
                chain
            }),
            ("a chain of one", "chain", &|key, challenge| right(key, challenge)[..1].to_vec()),
            ("the root alone", "chain", &|_, _| vec![maker.root.der.clone()]),
            ("the root twice", "authority", &|_, _| vec![maker.root.der.clone(); 2]),
            ("too large by a byte", "chain", &|key, challenge| {
                let mut chain = right(key, challenge);
                let size = chain.concat().len();
                chain[3].extend(vec![0; 8193 - size]);
                chain
            }),
            ("something behind", "malformed", &|key, challenge| {
                with(1, &|der| [der, vec![0]].concat(), key, challenge)
            }),
            ("an end missing", "malformed", &|key, challenge| {
                with(1, &|der| der[..der.len() - 1].to_vec(), key, challenge)
            }),
            ("garbage", "malformed", &|_, _| vec![vec![0xff; 700], vec![0x30; 700]]),
            ("nothing", "malformed", &|_, _| vec![Vec::new(), Vec::new()]),
        ],
    );
    let step = server.at_qr_code();
    let long = attested(&server, &step, "tee", "biometric", |_, _| vec![vec![0x30]; 11]);
    assert_mute(&long.register(&server));
    assert_eq!(last_audit(&server), "device-registered proof-bad-key");
    let phone = attested(&server, &step, "tee", "biometric", right);
    assert_eq!(phone.register(&server).status, 200, "what was altered is right");
}

#[test]
fn an_authority_that_may_not_issue_is_refused_by_name() {
    let edited = |name: &str, edit: &dyn Fn(&mut CertificateParams)| {
        let mut params = authority_params(name);
        edit(&mut params);
        params
    };
    let good = || (authority_params("Intermediate"), authority_params("Batch"));
    let intermediate = |edit: &dyn Fn(&mut CertificateParams)| (edited("Intermediate", edit), good().1);
    let batch = |edit: &dyn Fn(&mut CertificateParams)| (good().0, edited("Batch", edit));
    // The current time is the first of 2030.
    for (case, name, (intermediate, batch)) in [
        ("expired", "validity", intermediate(&|params| params.not_after = date_time_ymd(2029, 12, 31))),
        ("expired", "validity", batch(&|params| params.not_after = date_time_ymd(2029, 12, 31))),
        ("to come", "validity", intermediate(&|params| params.not_before = date_time_ymd(2030, 1, 2))),
        ("no authority", "authority", batch(&|params| params.is_ca = IsCa::ExplicitNoCa)),
        ("no constraints", "authority", intermediate(&|params| params.is_ca = IsCa::NoCa)),
        ("too deep", "authority", intermediate(&|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)))),
        ("for other use", "authority", batch(&|params| params.key_usages = vec![KeyUsagePurpose::DigitalSignature])),
        (
            "something critical",
            "malformed",
            batch(&|params| {
                let mut critical = rcgen::CustomExtension::from_oid_content(&[1, 2, 3, 4], null());
                critical.set_criticality(true);
                params.custom_extensions.push(critical);
            }),
        ),
    ] {
        let trusted = Trusted::new(Maker::with(intermediate, batch));
        let right = |key: &Key, challenge: &[u8]| {
            trusted.maker.chain(trusted.maker.batch.attest(key, &Description::new(challenge)))
        };
        refused(&trusted.server(), vec![(case, name, &right)]);
    }
    // Exactly as deep as the constraint allows.
    let (_, batch) = good();
    let deep = edited("Intermediate", &|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1)));
    let trusted = Trusted::new(Maker::with(deep, batch));
    let server = trusted.server();
    let phone = attested(&server, &server.at_qr_code(), "tee", "biometric", |key, challenge| {
        trusted.maker.chain(trusted.maker.batch.attest(key, &Description::new(challenge)))
    });
    assert_eq!(phone.register(&server).status, 200);
}

#[test]
fn a_root_bounds_what_is_below_it_and_signatures_are_of_the_kinds_that_are_accepted() {
    let mut shallow = authority_params("Root");
    shallow.is_ca = IsCa::Ca(BasicConstraints::Constrained(2));
    let root = Authority::root_with(shallow, &rcgen::PKCS_ECDSA_P384_SHA384);
    let intermediate = Authority::under(&root, authority_params("Intermediate"));
    let batch = Authority::under(&intermediate, authority_params("Batch"));
    let unknown = Authority::under_with(&intermediate, authority_params("Unknown"), &rcgen::PKCS_ED25519);
    let deepest = Authority::under(&batch, authority_params("Deepest"));
    let trusted = Trusted::new(Maker { root, intermediate, batch });
    let maker = &trusted.maker;
    let below = |authority: &Authority, more: &[Vec<u8>], key: &Key, challenge: &[u8]| {
        let first = authority.attest(key, &Description::new(challenge));
        let above = [maker.intermediate.der.clone(), maker.root.der.clone()];
        [&[first, authority.der.clone()], more, &above].concat()
    };
    refused(
        &trusted.server(),
        vec![
            ("three authorities where the root allows two", "authority", &|key, challenge| {
                below(&deepest, std::slice::from_ref(&maker.batch.der), key, challenge)
            }),
            ("a signature of another kind", "signature", &|key, challenge| below(&unknown, &[], key, challenge)),
        ],
    );
    let server = trusted.server();
    let phone = attested(&server, &server.at_qr_code(), "tee", "biometric", |key, challenge| {
        below(&maker.batch, &[], key, challenge)
    });
    assert_eq!(phone.register(&server).status, 200, "{}", last_audit(&server));
}

#[test]
fn a_description_on_another_certificate_than_the_first_is_refused() {
    // A batch certificate that itself has a description.
    let mut described = authority_params("Batch");
    described.custom_extensions.extend(extension(Some(Description::new(&[0; 32]).der())));
    let trusted = Trusted::new(Maker::with(authority_params("Intermediate"), described));
    let maker = &trusted.maker;
    refused(
        &trusted.server(),
        vec![
            ("both", "extension", &|key, challenge| maker.chain(maker.batch.attest(key, &Description::new(challenge)))),
            ("the second alone", "extension", &|key, _| maker.chain(maker.batch.certify(key, params("Key"), None))),
        ],
    );

    // The holder of an attested key uses it to sign a certificate.
    let trusted = Trusted::new(Maker::new());
    let maker = &trusted.maker;
    let mut attested_params = params("Android Keystore Key");
    let holder = |issuer: &Authority, params: CertificateParams| Authority::under(issuer, params);
    attested_params.custom_extensions.extend(extension(Some(Description::new(&[0; 32]).der())));
    let lengthened = |key: &Key, description: Option<Vec<u8>>, params: CertificateParams| {
        let holder = holder(&maker.batch, params);
        let mut chain = maker.chain(holder.certify(key, super::params("Key"), description));
        chain.insert(1, holder.der);
        chain
    };
    let mut authority = attested_params.clone();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    refused(
        &trusted.server(),
        vec![
            ("a longer chain", "authority", &|key, challenge| {
                lengthened(key, Some(Description::new(challenge).der()), attested_params.clone())
            }),
            ("a longer chain without description", "authority", &|key, _| {
                lengthened(key, None, attested_params.clone())
            }),
            ("a longer chain whose holder is an authority", "extension", &|key, challenge| {
                lengthened(key, Some(Description::new(challenge).der()), authority.clone())
            }),
            ("the first an authority", "authority", &|key, challenge| {
                let params = authority_params("Key");
                maker.chain(maker.batch.certify(key, params, Some(Description::new(challenge).der())))
            }),
            ("no description", "extension", &|key, _| maker.chain(maker.batch.certify(key, params("Key"), None))),
            ("two descriptions", "malformed", &|key, challenge| {
                let mut params = params("Key");
                params.custom_extensions.extend(extension(Some(Description::new(challenge).der())));
                maker.chain(maker.batch.certify(key, params, Some(Description::new(challenge).der())))
            }),
        ],
    );
}

#[test]
fn a_key_that_is_not_as_it_should_be_is_refused_by_name() {
    let trusted = Trusted::new(Maker::new());
    let server = trusted.server();
    let maker = &trusted.maker;
    refused(
        &server,
        vec![
            ("another key", "key", &|_, challenge| {
                maker.chain(maker.batch.attest(&Key::make(), &Description::new(challenge)))
            }),
            ("an attestation of another registration", "challenge", &|key, _| {
                maker.chain(maker.batch.attest(key, &Description::new(&[0; 32])))
            }),
        ],
    );
    refused_descriptions(
        &trusted,
        &server,
        vec![
            ("a challenge cut off", "challenge", &|mut description| {
                description.challenge.pop();
                description
            }),
            ("software", "level", &|description| {
                let Description { hardware, software, .. } = description.clone();
                let software = [hardware, software].concat();
                Description { software, hardware: Vec::new(), ..description.level(0) }
            }),
            ("a key in software", "purpose", &|description| Description { key_level: 0, ..description }),
            ("an attestation by software", "purpose", &|description| Description {
                attestation_level: 0,
                ..description
            }),
            ("another purpose", "purpose", &|description| description.hardware(1, Some(set(&[integer(3)])))),
            ("no purpose", "purpose", &|description| description.hardware(1, None)),
            ("imported", "origin", &|description| description.hardware(702, Some(integer(2)))),
            ("of no origin", "origin", &|description| description.hardware(702, None)),
            ("of an origin that Android tells", "origin", &|mut description| {
                description.software.push((702, integer(0)));
                description.hardware(702, None)
            }),
            ("unlocked", "boot", &|description| description.hardware(704, Some(root_of_trust(false, 0)))),
            ("with a system of its owner's", "boot", &|description| {
                description.hardware(704, Some(root_of_trust(true, 1)))
            }),
            ("unverified", "boot", &|description| description.hardware(704, Some(root_of_trust(true, 2)))),
            ("started nobody knows how", "boot", &|description| description.hardware(704, None)),
            ("without a person", "presence", &|description| {
                description.hardware(504, None).hardware(503, Some(null()))
            }),
            ("without a person and with", "presence", &|description| description.hardware(503, Some(null()))),
            ("with a password", "presence", &|description| description.hardware(504, Some(integer(1)))),
            ("with either", "presence", &|description| description.hardware(504, Some(integer(3)))),
            ("with any", "presence", &|description| description.hardware(504, Some(integer(u32::MAX)))),
            ("for a while", "presence", &|description| description.hardware(505, Some(integer(30)))),
        ],
    );
}

#[test]
fn a_description_that_is_not_of_its_form_is_refused() {
    let trusted = Trusted::new(Maker::new());
    let server = trusted.server();
    refused_descriptions(
        &trusted,
        &server,
        vec![
            ("a level that there is not", "malformed", &|description| description.level(3)),
            ("a tag twice", "malformed", &|mut description| {
                description.hardware.push((702, integer(0)));
                description
            }),
            ("an origin that is no number", "malformed", &|description| description.hardware(702, Some(octets(&[0])))),
            ("an origin below nothing", "malformed", &|description| {
                description.hardware(702, Some(der(&[0x02], &[0xff])))
            }),
            ("an origin in a longer form", "malformed", &|description| {
                description.hardware(702, Some(der(&[0x02], &[0, 0])))
            }),
            ("an origin of nothing", "malformed", &|description| description.hardware(702, Some(der(&[0x02], &[])))),
            ("two origins in one", "malformed", &|description| {
                description.hardware(702, Some([integer(0), integer(0)].concat()))
            }),
            ("no authentication, with content", "malformed", &|description| {
                description.hardware(503, Some(der(&[0x05], &[0])))
            }),
            ("purposes in a sequence", "malformed", &|description| {
                description.hardware(1, Some(sequence(&[integer(2)])))
            }),
            ("locked, half", "malformed", &|description| {
                let trust = sequence(&[octets(&[1; 32]), der(&[0x01], &[1]), enumerated(0)]);
                description.hardware(704, Some(trust))
            }),
            ("locked, nothing", "malformed", &|description| {
                let trust = sequence(&[octets(&[1; 32]), der(&[0x01], &[]), enumerated(0)]);
                description.hardware(704, Some(trust))
            }),
            ("an app that is no app", "malformed", &|description| description.application(Some(octets(&[0x30])))),
            ("an app of something else", "malformed", &|description| description.application(Some(null()))),
            ("a tag far too large", "malformed", &|description| {
                let mut raw = description.clone();
                raw.software = vec![(701, [0xbf, 0xff].repeat(40))];
                raw.software.push((702, Vec::new()));
                raw
            }),
        ],
    );
    let maker = &trusted.maker;
    let raw = |bytes: &'static [u8]| {
        move |key: &Key, _: &[u8]| maker.chain(maker.batch.certify(key, params("Key"), Some(bytes.to_vec())))
    };
    let (nothing, half, whole, indefinite) =
        (raw(&[]), raw(&[0x30, 0x20]), raw(&[0x42, 0x42]), raw(&[0x30, 0x80, 0, 0]));
    refused(
        &server,
        vec![
            ("nothing", "malformed", &nothing),
            ("half", "malformed", &half),
            ("something else", "malformed", &whole),
            ("an indefinite length", "malformed", &indefinite),
            ("something behind", "malformed", &|key, challenge| {
                let value = [Description::new(challenge).der(), vec![5, 0]].concat();
                maker.chain(maker.batch.certify(key, params("Key"), Some(value)))
            }),
        ],
    );
}

#[test]
fn another_app_is_refused() {
    let trusted = Trusted::new(Maker::new());
    let pinned = |settings: &mut AttestationSettings| {
        settings.android_packages = vec![PACKAGE.to_owned()];
        settings.android_signing_digests = vec![["07"; 32].join(":")];
    };
    let server = trusted.server_with(pinned, Setup::new());
    refused_descriptions(
        &trusted,
        &server,
        vec![
            ("another package", "app", &|description| {
                description.application(Some(application(&["com.example.other"], &[SIGNER])))
            }),
            ("another package beside", "app", &|description| {
                description.application(Some(application(&[PACKAGE, "com.example.other"], &[SIGNER])))
            }),
            ("no package", "app", &|description| description.application(Some(application(&[], &[SIGNER])))),
            ("another signer", "app", &|description| {
                description.application(Some(application(&[PACKAGE], &[[8; 32]])))
            }),
            ("another signer beside", "app", &|description| {
                description.application(Some(application(&[PACKAGE], &[SIGNER, [8; 32]])))
            }),
            ("no signer", "app", &|description| description.application(Some(application(&[PACKAGE], &[])))),
            ("no app", "app", &|description| description.application(None)),
            ("an app that the hardware names", "app", &|description| {
                description.application(None).hardware(709, Some(application(&[PACKAGE], &[SIGNER])))
            }),
        ],
    );
    let phone = attested(&server, &server.at_qr_code(), "tee", "biometric", |key, challenge| {
        trusted.maker.chain(trusted.maker.batch.attest(key, &Description::new(challenge)))
    });
    assert_eq!(phone.register(&server).status, 200);

    // Only the signer says whose app it is; a name alone says nothing and is not a setting.
    let signers = |settings: &mut AttestationSettings| settings.android_signing_digests = vec!["07".repeat(32)];
    let server = trusted.server_with(signers, Setup::new());
    refused_descriptions(
        &trusted,
        &server,
        vec![("our name, signed by another", "app", &|description| {
            description.application(Some(application(&[PACKAGE], &[[8; 32]])))
        })],
    );
    let settings = AttestationSettings { android_packages: vec![PACKAGE.to_owned()], ..trusted.settings() };
    assert!(settings.check().unwrap_err().contains("android_signing_digests"));
}

#[test]
fn a_revoked_certificate_is_refused_as_soon_as_the_file_says_so() {
    let numbered = |name: &str, serial: &[u8]| {
        let mut params = authority_params(name);
        params.serial_number = Some(SerialNumber::from_slice(serial));
        params
    };
    let trusted =
        Trusted::new(Maker::with(numbered("Intermediate", &[0x0c, 0xff, 1]), numbered("Batch", &[0x5c, 0xb4, 0x17])));
    let file = trusted.file("revoked.json");
    // A newer list is a file that replaced the old one.
    let revoke = |text: &str| {
        let new = trusted.file("new.json");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &file).unwrap();
    };
    let entry =
        |serial: &str| format!(r#"{{"entries": {{"{serial}": {{"status": "REVOKED", "reason": "KEY_COMPROMISE"}}}}}}"#);
    revoke(&entry("c35747a084470c3135aeefe2b8d40cd6"));
    let server = trusted.server_with(|settings| settings.android_revoked = Some(file.clone()), Setup::new());
    let right = |key: &Key, challenge: &[u8]| {
        trusted.maker.chain(trusted.maker.batch.attest(key, &Description::new(challenge)))
    };
    let codes = [server.at_qr_code(), server.at_qr_code()];
    let is_taken = |code: &Value| attested(&server, code, "tee", "biometric", right).register(&server).status == 200;
    assert!(is_taken(&codes[0]));
    for serial in ["5cb417", "cff01", "0CFF01", "6075415"] {
        revoke(&entry(serial));
        assert!(!is_taken(&codes[1]), "{serial}");
        assert_eq!(take_last_audit(&server), "device-registered attestation-revoked");
    }
    // An unreadable list takes back no revocation.
    revoke("{}");
    assert!(!is_taken(&codes[1]));
    std::fs::remove_file(&file).unwrap();
    assert!(!is_taken(&codes[1]));
    revoke(r#"{"entries": {}}"#);
    assert!(is_taken(&codes[1]));
}
