//! One-time password URIs as other software writes them: accepted if they have one meaning, else rejected for the right
//! reason.
//!
//! The first entries of each list come from bug reports; the others are variations on them.

use push_authenticator::protocol::oath::{Algorithm, CodeSettings, Moving};
use push_authenticator::protocol::uri::{OathRegistration, Registration, UriError, parse};
use push_authenticator::secret::Reason;

const SECRET: &str = "JBSWY3DPEHPK3PXP";

fn read(code: &str) -> Result<OathRegistration, UriError> {
    parse(code).map(|registration| match registration {
        Registration::Oath(oath) => *oath,
        Registration::Push(_) | Registration::Both { .. } => panic!("not codes alone"),
    })
}

fn with(parameters: &str) -> Result<OathRegistration, UriError> {
    read(&format!("otpauth://totp/A:b?secret={SECRET}&{parameters}"))
}

#[test]
fn algorithms_are_read_in_every_spelling() {
    for (spellings, algorithm) in [
        (&["SHA-1", "sha1", "SHA_1", "HmacSHA1", "HMAC-SHA-1", "SHA", "sha%201", ""][..], Algorithm::Sha1),
        (&["SHA-256", "sha256", "HmacSHA256", "hmac_sha_256", "SHA2-256", "%20SHA256%20"], Algorithm::Sha256),
        (&["SHA-512", "sha512", "HmacSHA512", "SHA_512", "HMAC-SHA512"], Algorithm::Sha512),
    ] {
        for spelling in spellings {
            let found = with(&format!("algorithm={spelling}")).map(|oath| oath.settings.algorithm);
            assert_eq!(found, Ok(algorithm), "{spelling}");
        }
    }
}

#[test]
fn secrets_are_read_however_they_are_grouped() {
    for secret in [
        "JBSW-Y3DP-EHPK-3PXP",
        "jbsw y3dp ehpk 3pxp",
        "JBSW%20Y3DP%20EHPK%203PXP",
        "JBSW+Y3DP+EHPK+3PXP",
        "JBSW%C2%A0Y3DP%E2%80%AFEHPK3PXP",
        "JBSW%E2%80%8BY3DP%EF%BB%BFEHPK3PXP",
        "JBSW\u{2013}Y3DP\u{2013}EHPK\u{2013}3PXP",
        "JBSWY3DPEHPK3PXP%3D%3D%3D",
        "JBSWY3DPEHPK3PXP%253D%253D",
        "JBSWY3DPEHPK3PXP===",
    ] {
        let oath = read(&format!("otpauth://totp/A:b?secret={secret}&issuer=A")).unwrap();
        assert_eq!(oath.secret.expose(Reason::Authenticate), b"Hello!\xde\xad\xbe\xef", "{secret}");
    }
}

#[test]
fn names_and_types_are_read_in_any_case_and_twice_the_same_is_once() {
    for code in [
        "OTPAUTH://TOTP/A:B?SECRET=JBSWY3DPEHPK3PXP&ISSUER=A",
        "otpauth://Totp/A:B?Secret=JBSWY3DPEHPK3PXP&Issuer=A",
        "otpauth://totp/A:B?secret=JBSWY3DPEHPK3PXP&issuer=A&issuer=A",
        "otpauth://totp/A:B?secret=JBSWY3DPEHPK3PXP&issuer=A&ISSUER=A",
        "otpauth://totp/A:B?secret=JBSWY3DPEHPK3PXP&issuer=&issuer=A",
        "otpauth://totp/A:B?secret=JBSWY3DPEHPK3PXP&amp;issuer=A&amp;digits=6",
        "\u{feff}otpauth://totp/A:B?secret=JBSWY3DPEHPK3PXP&issuer=A\r\n",
        "\u{200b}otpauth://totp/A:B?secret=JBSWY3DPEHPK3PXP&issuer=A\u{a0}",
        "<otpauth://totp/A:B?secret=JBSWY3DPEHPK3PXP&issuer=A>",
        "\"otpauth://totp/A:B?secret=JBSWY3DPEHPK3PXP&issuer=A\"",
        "otpauth://totp/A:B?secret=JBSWY3DPEHPK3PXP&issuer=A#fragment",
        "otpauth://totp/A:B?secret=JBSWY3DPEHPK3PXP&issuer=A&codeDisplay=1&lock=true&icon=x&image=none",
    ] {
        let oath = read(code).unwrap_or_else(|error| panic!("{code}: {error}"));
        assert_eq!((oath.issuer.as_str(), oath.account.as_str()), ("A", "B"), "{code}");
        assert_eq!(oath.secret.expose(Reason::Authenticate), b"Hello!\xde\xad\xbe\xef", "{code}");
    }
    for code in ["issuer=A&issuer=B", "secret=JBSWY3DPEHPK3PXQ", "digits=6&DIGITS=8"] {
        assert!(matches!(with(code), Err(UriError::DuplicateParameter(_))), "{code}");
    }
}

#[test]
fn labels_are_read_in_every_form() {
    for (label, issuer, account) in [
        ("/A%3Ab", "A", "b"),
        ("/A%253Ab", "A", "b"),
        ("/A:%20b", "A", "b"),
        ("/A: b", "A", "b"),
        ("/ann%2540example.org", "", "ann@example.org"),
        ("/My%231:b", "My#1", "b"),
        ("/My#1:b", "My#1", "b"),
        ("/", "", "Untitled"),
        ("", "", "Untitled"),
    ] {
        let oath = read(&format!("otpauth://totp{label}?secret={SECRET}")).unwrap();
        assert_eq!((oath.issuer.as_str(), oath.account.as_str()), (issuer, account), "{label}");
    }
}

#[test]
fn numbers_are_read_with_what_forms_put_around_them() {
    for (parameters, digits, period_seconds) in [
        ("digits=6&period=30", 6, 30),
        ("digits=08&period=060", 8, 60),
        ("digits=%208%20&period=+60", 8, 60),
        ("digits=&period=", 6, 30),
        ("digits=+7&period=60+", 7, 60),
    ] {
        let expected = CodeSettings { algorithm: Algorithm::Sha1, digits, moving: Moving::Time { period_seconds } };
        assert_eq!(with(parameters).map(|oath| oath.settings), Ok(expected), "{parameters}");
    }
    let counted = read(&format!("otpauth://HOTP/A:b?secret={SECRET}&counter=")).unwrap().settings.moving;
    assert_eq!(counted, Moving::Counter { next: 0 });
}

#[test]
fn what_other_apps_can_and_this_one_cannot_is_not_called_damaged() {
    for (parameters, reason) in [
        ("digits=10", "codes of 10 digits"),
        ("digits=5", "codes of 5 digits"),
        ("algorithm=MD5", "codes made with MD5"),
        ("algorithm=HmacMD5", "codes made with HmacMD5"),
        ("algorithm=SHA-384", "codes made with SHA-384"),
        ("period=604800", "codes that last 604800 seconds"),
        ("encoder=steam", "codes in the form of \"steam\""),
    ] {
        let error = with(parameters).err().unwrap();
        assert_eq!((error.code(), &error), ("not-supported", &UriError::NotSupported(reason.into())), "{parameters}");
        assert!(error.to_string().contains(reason) && !error.to_string().contains("damaged"), "{error}");
    }
    let steam = read(&format!("otpauth://steam/Steam:b?secret={SECRET}")).err().unwrap();
    assert_eq!(steam.code(), "not-supported");
    let short = read("otpauth://totp/A:b?secret=JBSWY3DP").err().unwrap();
    assert_eq!((short.code(), &short), ("weak-secret", &UriError::WeakSecret { bytes: 5 }));
    assert!(short.to_string().contains("too short to be safe"), "{short}");
    for damaged in ["digits=six", "digits=0", "period=-30", "period=1e3", "algorithm=%00", "counter=9&period=0"] {
        assert_eq!(with(damaged).err().map(|error| error.code()), Some("bad-parameter"), "{damaged}");
    }
}
