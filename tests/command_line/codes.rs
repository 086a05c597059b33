//! Accounts with one-time passwords, on the command line.

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use crate::setup::{Phone, program};

const SECRET: &str = "gezd gnbv gy3t qojq gezd gnbv gy3t qojq";

#[test]
fn an_account_is_typed_in_shown_renamed_and_removed() {
    let phone = Phone::new();
    let add = ["add", "--issuer", "Acme", "--name", "ada", "--secret-stdin", "--kind", "hotp"];
    let account = phone.verb_with(&add, SECRET).done();
    let id = account["id"].as_str().unwrap();
    assert_eq!(
        (&account["kind"], &account["kinds"], &account["host"]),
        (&json!("hotp"), &json!(["hotp"]), &json!(null))
    );
    assert_eq!(phone.verb_with(&add, SECRET).failed(), (1, "account-exists".to_owned()));
    let wrong = ["add", "--issuer", "Acme", "--name", "bob", "--secret-stdin"];
    assert_eq!(phone.verb_with(&wrong, "not a secret!").failed(), (1, "bad-entry".to_owned()));
    assert_eq!(phone.verb_with(&wrong, "GEZDGNBV").failed(), (1, "weak-secret".to_owned()));
    let endless = "gezd ".repeat(100_000);
    assert_eq!(phone.verb_with(&wrong, &endless).failed(), (1, "bad-entry".to_owned()), "reading stops at a limit");
    assert_eq!(phone.verb_with(&[&wrong[..], &["--algorithm", "MD5"]].concat(), SECRET).failed().0, 2);
    assert_eq!(phone.verb_with(&wrong[..5], SECRET).failed().0, 2, "the secret never stands on a command line");

    // RFC 4226, appendix D; every call uses one up.
    for (counter, code) in [(0, "755224"), (1, "287082"), (2, "359152")] {
        let shown = phone.verb(&["code", id]).done();
        assert_eq!(shown, json!({"id": id, "kind": "hotp", "code": code, "counter": counter}));
    }
    let renamed = phone.verb(&["rename", id, "--name", "my codes"]).done();
    assert_eq!((&renamed["display_name"], &renamed["account"]), (&json!("my codes"), &json!("ada")));
    assert_eq!(phone.verb(&["rename", id]).failed(), (2, "usage".to_owned()));
    assert_eq!(phone.verb(&["accounts"]).done(), json!([renamed]));
    let removal = phone.verb(&["removal", id]).done();
    assert_eq!((&removal["account"], removal["consequences"].as_array().unwrap().len()), (&json!("my codes"), 1));
    phone.verb(&["remove", id]).done();
    assert_eq!(phone.verb(&["accounts"]).done(), json!([]));
    for verb in ["code", "removal", "remove"] {
        assert_eq!(phone.verb(&[verb, id]).failed(), (1, "account-not-found".to_owned()));
    }
}

#[test]
fn codes_of_other_apps_are_scanned_without_a_server() {
    let phone = Phone::new();
    let uri = format!("otpauth://totp/Acme:ada?secret={}&issuer=Acme&digits=8&period=60", SECRET.replace(' ', ""));
    let uri = format!("{uri}&b=123456&image=https%3A%2F%2Fexample.com%2Flogo.png");
    let preview = phone.verb(&["preview", &uri]).done();
    assert_eq!((&preview["kinds"], &preview["host"]), (&json!(["totp"]), &json!(null)));
    assert_eq!((&preview["colour"], &preview["logo"]), (&json!("123456"), &json!("https://example.com/logo.png")));
    let settings = json!({"algorithm": "SHA1", "digits": 8, "period": 60, "counter": null});
    assert_eq!((&preview["codes"], &preview["conflict"]), (&settings, &json!(null)));
    let account = phone.verb(&["scan", &uri]).done();
    assert_eq!((&account["kind"], &account["state"]), (&json!("totp"), &json!("active")));
    let shown = phone.verb(&["code", account["id"].as_str().unwrap()]).done();
    assert_eq!((shown["code"].as_str().unwrap().len(), &shown["period_seconds"]), (8, &json!(60)));
    assert!((1..=60_000).contains(&shown["remaining_milliseconds"].as_u64().unwrap()));
    assert_eq!(phone.verb(&["scan", &uri]).failed(), (1, "account-exists".to_owned()));
    let replaced = phone.verb(&["scan", &uri, "--replace"]).done();
    assert_eq!(phone.verb(&["accounts"]).done(), json!([replaced]));
    let told =
        program().args(["phone", "--vault", phone.folder().to_str().unwrap(), "preview", &uri]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("Colour:   123456\nLogo:     https://example.com/logo.png\n"), "{told}");
    assert!(told.contains("Codes:    8 digits, SHA1, a new one every 60 seconds\nConflict: "), "{told}");
}

#[test]
fn two_accounts_of_one_name_are_both_kept() {
    let phone = Phone::new();
    let scan = |secret: &str| format!("otpauth://totp/me@example.org?secret={secret}");
    let first = phone.verb(&["scan", &scan("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]).done();
    let renamed = phone.verb(&["rename", first["id"].as_str().unwrap(), "--issuer", "First mail"]).done();
    let second = phone.verb(&["scan", &scan("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")]).done();
    assert_eq!(phone.verb(&["accounts"]).done(), json!([renamed, second]));
    assert_eq!(second["display_issuer"], "");
    let again = phone.verb(&["scan", &scan("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]).failed();
    assert_eq!(again, (1, "account-exists".to_owned()));
    let preview = phone.verb(&["preview", &scan("MFRGGZDFMZTWQ2LKMFRGGZDFMZTWQ2LK")]).done();
    assert_eq!((&preview["conflict"], preview["namesakes"].as_array().unwrap().len()), (&json!(null), 2));
}

#[test]
fn a_host_in_other_letters_is_shown_in_both_forms() {
    let phone = Phone::new();
    let uri = |host: &str| {
        let address = |action| BASE64URL_NOPAD.encode(format!("https://{host}/am/push?_action={action}").as_bytes());
        let secret = BASE64URL_NOPAD.encode(&[7; 32]);
        let (register, answer) = (address("register"), address("authenticate"));
        format!("pushauth://push/Ping:demo?r={register}&a={answer}&s={secret}&c={secret}&m=REGISTER:1")
    };
    let preview = phone.verb(&["preview", &uri("am.münchen.example:8443")]).done();
    assert_eq!(preview["host"], "am.xn--mnchen-3ya.example:8443");
    assert_eq!(preview["unicode_host"], json!({"name": "am.münchen.example:8443", "mixes_scripts": false}));
    assert_eq!(phone.verb(&["preview", &uri("am.example.com")]).done()["unicode_host"], Value::Null);
    // The first letter is Cyrillic.
    let mixed = uri("аpple.example");
    let told =
        program().args(["phone", "--vault", phone.folder().to_str().unwrap(), "preview", &mixed]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("Host:     xn--pple-43d.example\n"), "{told}");
    assert!(told.contains("That is:  аpple.example\nBeware:   this name mixes letters"), "{told}");
}
