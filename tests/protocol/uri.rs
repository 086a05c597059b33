//! Registration URIs: accepted, rejected by name, and printed.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use push_authenticator::protocol::policy::{Policy, PolicyError};
use push_authenticator::protocol::uri::{
    self, Cookie, PushRegistration, Registration, UriError, is_loopback, is_message_id, parse, with_action,
};
use push_authenticator::secret::{Reason, SecretBytes};
use url::Url;

const REGISTER: &str = "https://am.example.com:8443/am/push?x=1&_action=register";
const AUTHENTICATE: &str = "https://am.example.com:8443/am/push?x=1&_action=authenticate";

fn base64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Returns a registration URI with label and parameters; a change replaces a parameter or removes it.
fn code(label: &str, changes: &[(&str, Option<&str>)]) -> String {
    let mut parameters = vec![
        ("m", "REGISTER:1".to_owned()),
        ("s", URL_SAFE_NO_PAD.encode([0xfb; 32])),
        ("c", URL_SAFE_NO_PAD.encode([0xff; 32])),
        ("r", base64(REGISTER)),
        ("a", base64(AUTHENTICATE)),
    ];
    for (key, value) in changes {
        parameters.retain(|(name, _)| name != key);
        parameters.extend(value.map(|value| (*key, value.to_owned())));
    }
    let query: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("pushauth://push/{label}?{}", query.join("&"))
}

fn read(code: &str) -> Result<PushRegistration, UriError> {
    parse(code).map(|registration| match registration {
        Registration::Push(push) => *push,
        Registration::Oath(_) | Registration::Both { .. } => panic!("not a push registration"),
    })
}

fn error(code: &str) -> Option<UriError> {
    read(code).err()
}

#[test]
fn a_code_is_read_with_all_it_says() {
    let policies = r#"{"deviceTampering": {"score": 0.5}}"#;
    let code = code(
        "Ping:demo%40example.com",
        &[
            ("l", Some(&base64("amlbcookie=01"))),
            ("b", Some("%23519387")),
            ("image", Some(&base64("https://example.com/logo.png"))),
            ("d", Some(&base64("id=demo"))),
            ("pid", Some(&base64("device"))),
            ("policies", Some(&base64(policies))),
            ("v", Some("2")),
            ("unknown", Some("")),
        ],
    );
    let registration = read(&format!("  {code}\n")).unwrap();
    assert_eq!((registration.issuer.as_str(), registration.account.as_str()), ("Ping", "demo@example.com"));
    assert_eq!(registration.registration_endpoint.as_str(), REGISTER);
    assert_eq!(registration.authentication_endpoint.as_str(), AUTHENTICATE);
    assert_eq!(registration.host(), "am.example.com:8443");
    assert_eq!(registration.secret.expose(Reason::Authenticate), [0xfb; 32]);
    assert_eq!(registration.challenge.expose(Reason::Authenticate), [0xff; 32]);
    assert_eq!(registration.message_id, "REGISTER:1");
    assert_eq!(registration.cookie.unwrap().as_str(), "amlbcookie=01");
    assert_eq!(registration.colour.as_deref(), Some("519387"));
    assert_eq!(registration.logo.unwrap().as_str(), "https://example.com/logo.png");
    assert_eq!(registration.user_id.as_deref(), Some("id=demo"));
    assert_eq!(registration.device_id.as_deref(), Some("device"));
    assert_eq!(registration.policies, [Policy::DeviceTampering { score: 0.5 }]);
    assert_eq!(registration.policies_json.as_deref(), Some(policies));
}

#[test]
fn labels_and_issuers() {
    let names = |label: &str, issuer: Option<&str>| {
        let issuer = issuer.map(base64);
        let registration = read(&code(label, &[("issuer", issuer.as_deref())])).unwrap();
        (registration.issuer, registration.account)
    };
    let pair = |issuer: &str, account: &str| (issuer.to_owned(), account.to_owned());
    assert_eq!(names("Ping:demo", None), pair("Ping", "demo"));
    assert_eq!(names(":demo", Some("Ping")), pair("Ping", "demo"));
    assert_eq!(names("demo", Some("Ping")), pair("Ping", "demo"));
    assert_eq!(names("forgerock:demo", Some("Acme")), pair("Acme", "demo"), "the parameter wins");
    assert_eq!(names("Ping:demo", Some("")), pair("Ping", "demo"));
    assert_eq!(names("Ping:", None), pair("Ping", "Untitled"));
    assert_eq!(names("", Some("Ping")), pair("Ping", "Untitled"));
    assert_eq!(names("Ping%3Ademo", None), pair("Ping", "demo"));
    assert_eq!(names("A%26B:Zo%C3%AB%20K", None), pair("A&B", "Zoë K"));
    assert_eq!(names("Pi%E2%80%AEng:d%0Aemo", None), pair("Ping", "demo"), "hidden characters go");
    assert_eq!(names(&format!("Ping:{}", "x".repeat(300)), None).1.len(), 100);
    assert_eq!(error(&code("Ping:%FF", &[])), Some(UriError::BadParameter("label")));
    assert_eq!(
        read(&code("Ping:demo", &[("uid", Some(&base64("legacy")))])).unwrap().user_id.as_deref(),
        Some("legacy")
    );
}

#[test]
fn base64_comes_in_all_four_forms_and_a_plus_is_a_plus() {
    // 0xfb gives '+', '-' and 31 bytes need padding.
    let secret = [0xfb; 31];
    for text in [
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        STANDARD.encode(secret).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
    ] {
        let registration = read(&code("Ping:demo", &[("s", Some(&text))])).unwrap();
        assert_eq!(registration.secret.expose(Reason::Authenticate), secret, "{text}");
    }
    assert!(STANDARD.encode(secret).contains('+'));
    let id = read(&code("Ping:demo", &[("m", Some("a+b"))])).unwrap().message_id;
    assert_eq!(id, "a+b");
}

#[test]
fn what_is_no_registration_code_is_refused() {
    for text in
        ["", " ", "hello", "pushauth", "//push/x", "pushauth://push/a?\u{7}", &format!("a:{}", "x".repeat(9000))]
    {
        assert!(matches!(error(text), Some(UriError::NotAUri | UriError::UnknownScheme(_))), "{text}");
    }
    assert_eq!(error(&"x".repeat(9000)), Some(UriError::NotAUri));
    assert_eq!(error(&code("Ping:demo", &[("s", Some("%FF"))])), Some(UriError::NotAUri));
    assert_eq!(error("https://example.com/"), Some(UriError::UnknownScheme("https".into())));
    assert_eq!(error("pushauth://totp/x"), Some(UriError::UnknownType("totp".into())));
    assert_eq!(error("pushauth:///x"), Some(UriError::UnknownType(String::new())));
}

#[test]
fn every_needed_parameter_is_missed_by_name() {
    for key in ["r", "a", "s", "c", "m"] {
        assert_eq!(error(&code("Ping:demo", &[(key, None)])), Some(UriError::MissingParameter(key)));
    }
    for key in ["r", "a", "m"] {
        assert_eq!(error(&code("Ping:demo", &[(key, Some(""))])), Some(UriError::MissingParameter(key)));
    }
}

#[test]
fn parameters_that_cannot_be_read_are_named() {
    let long = URL_SAFE_NO_PAD.encode([1; 129]);
    let long_id = "x".repeat(257);
    for (key, value) in [
        ("s", "!!!"),
        ("s", ""),
        ("s", "AAAA"),
        ("s", &long),
        ("c", "A"),
        ("c", &long),
        ("r", "!!!"),
        ("r", &base64("no url")),
        ("r", &base64("ftp://am.example.com/")),
        ("r", &base64("https://user@am.example.com/")),
        ("a", &base64("https://:password@am.example.com/")),
        ("a", "_w"),
        ("m", "a%20b"),
        ("m", &long_id),
        ("l", "!!!"),
        ("l", &base64("no cookie")),
        ("l", &base64("a=1\r\nHost: evil.example.com")),
        ("l", &base64("a=1\nb=2")),
        ("issuer", "!!!"),
        ("issuer", "_w"),
        ("d", "!!!"),
        ("pid", "!!!"),
        ("policies", "!!!"),
    ] {
        assert_eq!(
            error(&code("Ping:demo", &[(key, Some(value))])),
            Some(UriError::BadParameter(key)),
            "{key}={value}"
        );
    }
}

#[test]
fn what_only_decorates_is_left_out_when_it_cannot_be_used() {
    let colours = [("519387", Some("519387")), ("%23ABCDEF", Some("abcdef")), ("red", None), ("51938", None)];
    for (text, colour) in colours {
        assert_eq!(read(&code("P:d", &[("b", Some(text))])).unwrap().colour.as_deref(), colour, "{text}");
    }
    for image in ["!!!", &base64("http://example.com/logo.png"), &base64("data:image/png,x")] {
        assert_eq!(read(&code("P:d", &[("image", Some(image))])).unwrap().logo, None, "{image}");
    }
}

#[test]
fn a_parameter_with_two_values_is_ambiguous() {
    for extra in ["s=AAAA", "%73=AAAA", "z=1&z=2"] {
        let code = format!("{}&{extra}", code("Ping:demo", &[]));
        assert!(matches!(error(&code), Some(UriError::DuplicateParameter(_))), "{extra}");
    }
}

#[test]
fn endpoints_are_encrypted_or_on_this_device() {
    let at = |origin: &str| {
        let endpoints = ["register", "authenticate"].map(|action| base64(&format!("{origin}/am?_action={action}")));
        read(&code("Ping:demo", &[("r", Some(&endpoints[0])), ("a", Some(&endpoints[1]))])).map(|read| read.host())
    };
    for origin in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080", "https://am.example.com"] {
        assert!(at(origin).is_ok(), "{origin}");
    }
    for (origin, host) in [
        ("http://am.example.com", "am.example.com"),
        ("http://localhost.example.com", "localhost.example.com"),
        ("http://10.0.0.1:8080", "10.0.0.1:8080"),
        ("http://0.0.0.0", "0.0.0.0"),
    ] {
        assert_eq!(at(origin), Err(UriError::InsecureEndpoint { host: host.into() }), "{origin}");
    }
}

#[test]
fn both_endpoints_are_of_one_origin() {
    for other in ["https://evil.example.com:8443/", "https://am.example.com/", "http://127.0.0.1:8443/"] {
        let result = error(&code("Ping:demo", &[("a", Some(&base64(other)))]));
        let Some(UriError::DifferentOrigins { registration, authentication }) = result else { panic!("{other}") };
        assert_eq!(registration, "https://am.example.com:8443");
        assert_eq!(format!("{authentication}/"), other);
    }
}

#[test]
fn policies_that_are_not_understood_are_refused() {
    for (json, expected) in [
        ("[]", PolicyError::NotAnObject),
        ("{\"moonPhase\":{}}", PolicyError::Unknown("moonPhase".into())),
        ("{\"deviceTampering\":{}}", PolicyError::Malformed("deviceTampering".into())),
    ] {
        let code = code("Ping:demo", &[("policies", Some(&base64(json)))]);
        assert_eq!(error(&code), Some(UriError::Policies(expected)), "{json}");
    }
}

#[test]
fn errors_hold_no_secret() {
    let secret = URL_SAFE_NO_PAD.encode([0xfb; 32]);
    for changes in [&[("c", None)][..], &[("r", Some("!"))][..], &[("m", None)][..]] {
        let error = error(&code("Ping:demo", changes)).unwrap();
        assert!(!format!("{error} {error:?}").contains(&secret));
    }
}

#[test]
fn helpers() {
    let url = |text: &str| Url::parse(text).unwrap();
    assert_eq!(
        with_action(&url(AUTHENTICATE), "pending").as_str(),
        "https://am.example.com:8443/am/push?x=1&_action=pending"
    );
    assert_eq!(with_action(&url("https://a.example/p"), "refresh").as_str(), "https://a.example/p?_action=refresh");
    assert!(is_loopback(&url("http://127.9.9.9/")) && !is_loopback(&url("http://127.0.0.1.example.com/")));
    assert!(is_message_id("REGISTER:1") && !is_message_id("") && !is_message_id("a b") && !is_message_id("ä"));
    assert!(Cookie::parse(b"").is_err() && Cookie::parse(&[0xff]).is_err() && Cookie::parse(&[b'a'; 1025]).is_err());
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(
        issuer in "[a-zA-Z][a-zA-Z0-9 &?#%/ü+=]{0,30}[a-zA-Z]",
        account in "[a-zA-Z][a-zA-Z0-9 &?#%/@ü+=:]{0,30}[a-zA-Z]",
        secret in proptest::collection::vec(any::<u8>(), 16..=128),
        challenge in any::<[u8; 32]>(),
        message_id in "[!-~]{1,60}",
        cookie in proptest::option::of("[a-z]{1,8}=[a-zA-Z0-9+/=]{0,20}"),
        colour in proptest::option::of("[0-9a-f]{6}"),
        user_id in proptest::option::of("[ -~]{1,40}"),
        with_policies in any::<bool>(),
        takes_device_keys in any::<bool>(),
        path in "[a-z/]{0,20}",
    ) {
        let policies_json = with_policies.then(|| "{\"biometricAvailable\":{}}".to_owned());
        let endpoint = |action: &str| Url::parse(&format!("https://am.example.com/{path}?_action={action}")).unwrap();
        let registration = PushRegistration {
            issuer,
            account,
            device_id: user_id.clone(),
            user_id,
            registration_endpoint: endpoint("register"),
            authentication_endpoint: endpoint("authenticate"),
            secret: SecretBytes::new(secret),
            challenge: SecretBytes::new(challenge.to_vec()),
            message_id,
            cookie: cookie.map(|text| Cookie::parse(text.as_bytes()).unwrap()),
            colour,
            logo: Some(Url::parse("https://example.com/logo.png").unwrap()),
            policies: if with_policies { vec![Policy::BiometricAvailable] } else { Vec::new() },
            policies_json,
            takes_device_keys,
        };
        let printed = uri::print(&registration);
        let read = read(printed.expose(Reason::HandOver)).unwrap();
        prop_assert_eq!(&read.issuer, &registration.issuer);
        prop_assert_eq!(&read.account, &registration.account);
        prop_assert_eq!(&read.user_id, &registration.user_id);
        prop_assert_eq!(&read.device_id, &registration.device_id);
        prop_assert_eq!(&read.registration_endpoint, &registration.registration_endpoint);
        prop_assert_eq!(&read.authentication_endpoint, &registration.authentication_endpoint);
        prop_assert!(read.secret == registration.secret && read.challenge == registration.challenge);
        prop_assert_eq!(&read.message_id, &registration.message_id);
        prop_assert_eq!(&read.cookie, &registration.cookie);
        prop_assert_eq!(&read.colour, &registration.colour);
        prop_assert_eq!(&read.logo, &registration.logo);
        prop_assert_eq!(&read.policies, &registration.policies);
        prop_assert_eq!(&read.policies_json, &registration.policies_json);
        prop_assert_eq!(read.takes_device_keys, registration.takes_device_keys);
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,300}", query in "[a-zA-Z0-9%&=+/._~#?-]{0,200}") {
        let _ = parse(&text);
        let _ = parse(&format!("pushauth://push/{query}"));
        let _ = parse(&format!("pushauth://push/x?{query}"));
        let _ = parse(&code("x", &[("r", Some(&query)), ("l", Some(&query))]));
    }
}

/// Returns a registration URI as our server offers it, with these texts.
fn offered(issuer: &str, account: &str, user_id: &str, logo: &str) -> String {
    let endpoint = |action: &str| Url::parse(&format!("https://login.example.com/am?_action={action}")).unwrap();
    let printed = uri::print(&uri::PushRegistration {
        issuer: issuer.to_owned(),
        account: account.to_owned(),
        user_id: Some(user_id.to_owned()),
        device_id: Some(user_id.to_owned()),
        registration_endpoint: endpoint("register"),
        authentication_endpoint: endpoint("authenticate"),
        secret: SecretBytes::new(vec![0xff; 32]),
        challenge: SecretBytes::new(vec![0xfe; 32]),
        message_id: "REGISTER:1".to_owned(),
        cookie: None,
        colour: None,
        logo: Url::parse(logo).ok(),
        policies: Vec::new(),
        policies_json: Some("{\"deviceTampering\": {\"score\": 0.9}}".to_owned()),
        takes_device_keys: false,
    });
    printed.expose(Reason::HandOver).to_owned()
}

fn parameter<'a>(uri: &'a str, key: &str) -> &'a str {
    uri.split(['?', '&']).find_map(|pair| pair.strip_prefix(&format!("{key}="))).unwrap()
}

#[test]
fn what_ping_reads_with_the_standard_alphabet_is_written_in_it() {
    // The user of wire.md, and texts whose base64 has a plus or a slash at every position in a group.
    assert_eq!(parameter(&offered("Acme", "zo\u{eb}", "zo\u{eb}", ""), "d"), "em%2FDqw%3D%3D");
    let texts = [
        "ab~",
        "~~~",
        "a~~",
        "\u{3ff}\u{3ff}",
        "?>?>",
        "x?~",
        "\u{fbe}",
        "ab?ab?",
        "a\u{7e}>b",
        "c\u{fbe}",
        "c\u{1f600}",
    ];
    let mut special = std::collections::BTreeSet::new();
    for text in texts {
        let printed = offered("Acme", "ann", text, &format!("https://logo.example/{text}?q=%3F~~~"));
        for key in ["d", "pid", "image", "policies"] {
            let value = parameter(&printed, key);
            let decoded = percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned();
            // Java's Base64.getDecoder() and Swift's Data(base64Encoded:) accept this alphabet, padded, and nothing
            // else.
            assert_eq!(decoded.len() % 4, 0, "{key}={value}");
            assert!(!decoded.contains(['-', '_']), "{key}={value}");
            assert!(!value.contains(['+', '/', '=']), "{key}={value}");
            special.extend(decoded.char_indices().filter(|(_, c)| "+/".contains(*c)).map(|(at, c)| (at % 4, c)));
        }
        let read = read(&printed).unwrap();
        assert_eq!(read.user_id.as_deref(), Some(text));
        for key in ["r", "a", "s", "c", "l", "issuer"] {
            assert!(!parameter(&printed, key).contains(['%', '=', '+', '/']), "{key}");
        }
    }
    assert!(special.len() >= 4, "the texts have the two letters at different places: {special:?}");
}

#[test]
fn an_issuer_with_a_colon_stands_in_its_parameter_alone() {
    let printed = offered("Acme: EU", "ann", "ann", "");
    assert!(printed.starts_with("pushauth://push/:ann?"), "{printed}");
    let read = read(&printed).unwrap();
    assert_eq!((read.issuer.as_str(), read.account.as_str()), ("Acme: EU", "ann"));
    let printed = offered("Acme", "ann:2", "ann", "");
    let read = self::read(&printed).unwrap();
    assert_eq!(read.account, "ann:2");
}
