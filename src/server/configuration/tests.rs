//! The template matches the defaults, and errors name the wrong key. Independent of what the settings do.

use super::*;

#[test]
fn the_template_holds_every_key_with_its_default() {
    assert_eq!(toml::from_str::<Configuration>(TEMPLATE).unwrap(), Configuration::default());
    let uncommented = TEMPLATE.replace("# public_url = ", "public_url = ");
    assert!(toml::from_str::<Configuration>(&uncommented).unwrap().public_url.is_some());
    let section = |name: &str| {
        let section = TEMPLATE.split_once(&format!("# [{name}]")).unwrap().1;
        let uncommented: String = section
            .lines()
            .skip(1)
            .take_while(|line| !line.is_empty())
            .map(|line| line.strip_prefix("# ").unwrap_or(line))
            .filter(|line| line.contains(" = "))
            .map(|line| format!("{line}\n"))
            .collect();
        toml::from_str::<Configuration>(&format!("[{name}]\n{uncommented}")).unwrap()
    };
    let webhook = section("webhook").webhook.unwrap();
    assert_eq!(webhook.check(), Ok(()));
    assert!(webhook.secret_file.is_some() && webhook.give_up_hours == 72, "every key is there, with its default");
    let attestation = section("push.attestation").push.attestation.unwrap();
    assert_eq!(attestation.check(), Ok(()));
    assert!(attestation.android_revoked.is_some() && attestation.android_verified_boot, "every key is there");
    assert_eq!((attestation.android_packages.len(), attestation.android_signing_digests.len()), (1, 1));
    assert!(attestation.apple_roots.is_some() && !attestation.apple_development);
    let read = section("push.sns");
    assert_eq!(read.push.sns.as_ref().unwrap().check(), Ok(()));
    let sns = read.push.sns.unwrap();
    assert!(sns.region.is_some() && sns.endpoint.is_some() && !sns.apns_sandbox, "every key is there");
}

#[test]
fn wrong_values_are_named() {
    let check = |text: &str| toml::from_str::<Configuration>(text).unwrap().check();
    assert!(check("listen = \"0.0.0.0:80\"").unwrap_err().contains("public_url"));
    assert!(check("public_url = \"http://login.example.com/am\"").unwrap_err().contains("https"));
    assert!(check("public_url = \"https://login.example.com/other\"").unwrap_err().contains("/am"));
    assert!(check("public_url = \"http://127.0.0.1:8080/am\"").is_ok());
    assert!(check("cross_origin = [\"*\"]").unwrap_err().contains("cross_origin"));
    assert!(check("cross_origin = [\"https://app.example.com/\"]").unwrap_err().contains("cross_origin"));
    assert!(check("cross_origin = [\"https://app.example.com\"]").is_ok());
    assert!(check("[requests]\nbody_kib = 15").unwrap_err().contains("requests.body_kib"));
    assert!(check("[requests]\nbody_kib = 1025").unwrap_err().contains("requests.body_kib"));
    assert!(check("[requests]\nseconds = 39").unwrap_err().contains("requests.seconds"));
    assert!(check("[requests]\nidle_seconds = 0").unwrap_err().contains("requests.idle_seconds"));
    assert!(check("[requests]\nearly_polls = 0").unwrap_err().contains("requests.early_polls"));
    assert!(check("[push]\ntoken_changes = 0").unwrap_err().contains("push.token_changes"));
    assert!(check("[push]\nbudget = 0").unwrap_err().contains("push.budget"));
    let sns = |text: &str| check(&format!("[push.sns]\ncredentials_file = \"sns.json\"\n{text}"));
    assert_eq!(sns(""), Ok(()));
    assert!(sns("region = \"us-west-2.example.com/\"").unwrap_err().contains("push.sns.region"));
    assert!(sns("endpoint = \"http://sns.example.com\"").unwrap_err().contains("https"));
    assert!(sns("endpoint = \"https://sns.example.com/path\"").unwrap_err().contains("push.sns.endpoint"));
    assert_eq!(sns("endpoint = \"http://127.0.0.1:5000\""), Ok(()));
    let attestation = |text: &str| check(&format!("[push.attestation]\n{text}")).unwrap_err();
    assert!(attestation("").contains("android_roots or apple_roots"));
    assert!(attestation("android_roots = \"a\"\nandroid_packages = [\"\"]").contains("android_packages"));
    assert!(attestation("android_roots = \"a\"\nandroid_packages = [\"a.b\"]").contains("android_signing_digests"));
    assert!(attestation("android_roots = \"a\"\nandroid_signing_digests = [\"ab\"]").contains("SHA-256"));
    assert!(attestation("apple_roots = \"a\"").contains("apple_app_ids"));
    assert!(attestation("apple_roots = \"a\"\napple_app_ids = [\"bundle\"]").contains("team, dot and bundle"));
    assert!(check("audit_days = 0").unwrap_err().contains("audit_days"));
    assert!(check("realm = \"a/b\"").unwrap_err().contains("realm"));
    assert!(check("[session]\nidle_minutes = 0").unwrap_err().contains("session.idle_minutes"));
    assert!(toml::from_str::<Configuration>("lisen = \"127.0.0.1:1\"").unwrap_err().to_string().contains("lisen"));
}
