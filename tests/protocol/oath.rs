//! One-time passwords, their secrets in base32, and their registration URIs: printed, read again, typed in.

use proptest::prelude::*;
use push_authenticator::protocol::oath::{
    Algorithm, CodeSettings, HIGHEST_COUNTER, LONGEST_PERIOD_SECONDS, Moving, derive_code, period_at, print_secret,
    read_secret,
};
use push_authenticator::protocol::policy::Policy;
use push_authenticator::protocol::text::NAME_LIMIT;
use push_authenticator::protocol::uri::{
    LENGTH_LIMIT, ManualEntry, OathRegistration, Registration, UriError, parse, print_otpauth,
};
use push_authenticator::secret::{Reason, SecretBytes, SecretText};
use url::Url;

const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const TIMED: CodeSettings =
    CodeSettings { algorithm: Algorithm::Sha1, digits: 6, moving: Moving::Time { period_seconds: 30 } };

fn entry(issuer: &str, account: &str, secret: &str, settings: CodeSettings) -> Result<OathRegistration, UriError> {
    OathRegistration::from_entry(&ManualEntry {
        issuer: issuer.to_owned(),
        account: account.to_owned(),
        secret: SecretText::new(secret.to_owned()),
        settings,
    })
}

fn read(code: &str) -> OathRegistration {
    match parse(code).unwrap() {
        Registration::Oath(oath) => *oath,
        Registration::Push(_) | Registration::Both { .. } => panic!("not an otpauth code"),
    }
}

#[test]
fn a_period_ends_when_the_next_begins() {
    assert_eq!(period_at(0, 30), (0, 30_000));
    assert_eq!(period_at(29_999, 30), (0, 1));
    assert_eq!(period_at(30_000, 30), (1, 30_000));
    assert_eq!(period_at(-1, 30), (0, 30_000), "before the epoch nothing moves");
    assert_eq!(period_at(1_500, 0), (1, 500), "no period at all counts as a second");
    assert_eq!(period_at(i64::MAX, 1).0, i64::MAX as u64 / 1000);
}

#[test]
fn a_code_is_not_printed_by_accident() {
    let code = derive_code(&SecretBytes::new(b"12345678901234567890".to_vec()), Algorithm::Sha1, 6, 0);
    assert_eq!(code.expose(Reason::HandOver), "755224");
    assert!(!format!("{code:?}").contains("755224"));
}

#[test]
fn secrets_are_read_in_every_form_and_nothing_else_is() {
    let bytes = b"12345678901234567890";
    for text in [
        SECRET,
        &SECRET.to_lowercase(),
        "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
        "GEZD-GNBV-GY3T-QOJQ-gezd-gnbv-gy3t-qojq",
        &format!(" {SECRET} "),
    ] {
        assert_eq!(read_secret(text).unwrap().expose(Reason::Authenticate), bytes, "{text}");
    }
    for text in ["", "=", "========", "GEZDGNBV", "ÄEZDGNBVGY3TQOJQ", "1EZDGNBVGY3TQOJQ", "\u{0}"] {
        assert!(read_secret(text).is_err(), "{text}");
    }
    assert!(read_secret(&format!("{SECRET}=======")).is_err());
    assert!(read_secret(&" ".repeat(10_000)).is_err());
}

#[test]
fn what_is_typed_in_is_under_the_limits_of_what_is_scanned() {
    let typed = entry(" Ac\u{202e}me ", &"x".repeat(300), "gezd gnbv gy3t qojq", TIMED).unwrap();
    assert_eq!((typed.issuer.as_str(), typed.account.len()), ("Acme", NAME_LIMIT));
    assert_eq!(typed.secret.expose(Reason::Authenticate), b"1234567890");
    assert_eq!(entry("Acme", "", SECRET, TIMED).unwrap().account, "Untitled");
    assert_eq!(entry("", "ada", SECRET, TIMED).unwrap().issuer, "");
    let moving = |moving| CodeSettings { moving, ..TIMED };
    for (settings, sound) in [
        (TIMED, true),
        (CodeSettings { digits: 5, ..TIMED }, false),
        (CodeSettings { digits: 8, ..TIMED }, true),
        (CodeSettings { digits: 9, ..TIMED }, false),
        (moving(Moving::Time { period_seconds: 0 }), false),
        (moving(Moving::Time { period_seconds: LONGEST_PERIOD_SECONDS + 1 }), false),
        (moving(Moving::Counter { next: HIGHEST_COUNTER }), true),
        (moving(Moving::Counter { next: HIGHEST_COUNTER + 1 }), false),
    ] {
        assert_eq!(entry("Acme", "ada", SECRET, settings).is_ok(), sound, "{settings:?}");
    }
    let error = entry("Acme", "ada", "not a secret!", TIMED).err().unwrap();
    assert_eq!((error.code(), &error), ("bad-entry", &UriError::BadEntry("secret")));
    assert_eq!(entry("Acme", "ada", "not a secret", TIMED).err(), Some(UriError::WeakSecret { bytes: 6 }));
    assert_eq!(entry(" ", "", SECRET, TIMED).err(), Some(UriError::BadEntry("name")));
}

#[test]
fn errors_hold_no_secret() {
    for changes in ["digits=9", "period=0", "algorithm=MD5", "secret=A"] {
        let error = parse(&format!("otpauth://totp/a:b?secret={SECRET}&{changes}")).err().unwrap();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{changes}");
    }
}

fn settings() -> impl Strategy<Value = CodeSettings> {
    let moving = prop_oneof![
        (1..=LONGEST_PERIOD_SECONDS).prop_map(|period_seconds| Moving::Time { period_seconds }),
        (0..=HIGHEST_COUNTER).prop_map(|next| Moving::Counter { next }),
    ];
    (proptest::sample::select(Algorithm::ALL.to_vec()), 6u8..=8, moving)
        .prop_map(|(algorithm, digits, moving)| CodeSettings { algorithm, digits, moving })
}

/// Returns what a library reads from the same letters: nothing if it rejects them.
fn read_by_library(letters: &str) -> Option<Vec<u8>> {
    let mut base32 = data_encoding::Specification::new();
    base32.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    base32.check_trailing_bits = false;
    let bytes = base32.encoding().unwrap().decode(letters.as_bytes()).ok()?;
    (10..=128).contains(&bytes.len()).then_some(bytes)
}

proptest! {
    #[test]
    fn base32_is_what_a_library_reads_and_writes(
        bytes in proptest::collection::vec(any::<u8>(), 0..=130),
        letters in "[A-Z2-7]{10,40}|[A-Z2-7]{14,18}[0189=_@\\[]|[A-Z2-7]{200,212}",
    ) {
        let printed = data_encoding::BASE32_NOPAD.encode(&bytes);
        let own = print_secret(&SecretBytes::new(bytes));
        prop_assert_eq!(own.expose(Reason::HandOver), &printed);
        // The reader also accepts incomplete padding, so the library gets the letters without it.
        let read = read_secret(&letters).ok().map(|secret| secret.expose(Reason::HandOver).to_vec());
        prop_assert_eq!(read, read_by_library(letters.trim_end_matches('=')));
    }

    #[test]
    fn what_is_printed_is_read_again(
        issuer in "([a-zA-Z][a-zA-Z0-9 &?#%/ü+=:.]{0,30}[a-zA-Z])?",
        account in "[a-zA-Z.][a-zA-Z0-9 &?#%/@ü+=:.]{0,30}[a-zA-Z.]",
        secret in proptest::collection::vec(any::<u8>(), 10..=128),
        settings in settings(),
        colour in proptest::option::of("[0-9a-f]{6}"),
        user_id in proptest::option::of("[ -~]{1,40}"),
        with_logo in any::<bool>(),
        with_policies in any::<bool>(),
    ) {
        let registration = OathRegistration {
            issuer,
            account,
            device_id: user_id.clone(),
            user_id,
            secret: SecretBytes::new(secret),
            settings,
            colour,
            logo: with_logo.then(|| Url::parse("https://example.com/logo.png?a=b&c=d").unwrap()),
            policies: if with_policies { vec![Policy::BiometricAvailable] } else { Vec::new() },
            policies_json: with_policies.then(|| "{\"biometricAvailable\":{}}".to_owned()),
        };
        let read = read(print_otpauth(&registration).expose(Reason::HandOver));
        prop_assert_eq!(&read.issuer, &registration.issuer);
        prop_assert_eq!(&read.account, &registration.account);
        prop_assert_eq!(&read.user_id, &registration.user_id);
        prop_assert_eq!(&read.device_id, &registration.device_id);
        prop_assert!(read.secret == registration.secret);
        prop_assert_eq!(read.settings, registration.settings);
        prop_assert_eq!(&read.colour, &registration.colour);
        prop_assert_eq!(&read.logo, &registration.logo);
        prop_assert_eq!(&read.policies, &registration.policies);
        prop_assert_eq!(&read.policies_json, &registration.policies_json);
    }

    #[test]
    fn secrets_are_read_as_they_are_printed(secret in proptest::collection::vec(any::<u8>(), 10..=128)) {
        let secret = SecretBytes::new(secret);
        prop_assert!(read_secret(print_secret(&secret).expose(Reason::HandOver)).unwrap() == secret);
    }

    #[test]
    fn codes_have_their_digits(secret in any::<[u8; 20]>(), settings in settings(), counter in any::<u64>()) {
        let code = derive_code(&SecretBytes::new(secret.to_vec()), settings.algorithm, settings.digits, counter);
        let code = code.expose(Reason::HandOver);
        prop_assert_eq!(code.len(), usize::from(settings.digits));
        prop_assert!(code.bytes().all(|byte| byte.is_ascii_digit()));
    }

    #[test]
    fn nothing_panics_and_every_limit_is_kept(
        scheme in "(otpauth|mfauth|pushauth)",
        kind in "(totp|hotp|push|TOTP|)",
        label in "\\PC{0,400}",
        parameters in proptest::collection::vec(
            (
                "(secret|issuer|algorithm|digits|period|counter|image|b|uid|d|oid|pid|policies|r|a|s|c|m|l)",
                prop_oneof![Just(SECRET.to_owned()), "[0-9]{0,20}".prop_map(String::from), "\\PC{0,300}".prop_map(String::from)],
            ),
            0..12,
        ),
    ) {
        let query: Vec<String> = parameters.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let code = format!("{scheme}://{kind}/{label}?{}", query.join("&"));
        if let Ok(registration) = parse(&code) {
            prop_assert!(code.len() <= LENGTH_LIMIT);
            if let Some(oath) = registration.oath() {
                prop_assert!(oath.settings.is_sound());
                prop_assert!((10..=128).contains(&oath.secret.len()));
                prop_assert!(oath.issuer.chars().count() <= NAME_LIMIT && oath.account.chars().count() <= NAME_LIMIT);
                prop_assert!(!oath.issuer.chars().chain(oath.account.chars()).any(char::is_control));
                prop_assert!(oath.logo.as_ref().is_none_or(|logo| logo.scheme() == "https"));
            }
        }
        let _ = parse(&format!("otpauth://totp/x?secret={SECRET}&{}", query.join("&")));
        let _ = parse(&label);
    }
}
