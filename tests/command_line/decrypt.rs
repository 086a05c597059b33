//! docs/decrypt.py, written from docs/vault.md alone, opens vaults of every version.

use std::path::Path;
use std::process::{Command, Output};

use crate::setup::Phone;

fn decrypt(vault: &Path, key: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/decrypt.py");
    Command::new("python3").arg(script).arg(vault).arg(key).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn frozen_vaults_open() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/vault");
    for version in 1..=5 {
        let (name, codes) = (format!("version-{version}.sqlite"), version >= 2);
        let output = decrypt(&folder.join(&name), &folder.join("test.key"));
        let text = text(&output);
        assert!(output.status.success() && text.ends_with("everything opens\n"), "{name}: {text}");
        assert_eq!(text.contains("oath.secret_sealed: opens"), codes, "{name}: {text}");
        assert_eq!(text.contains("device_key.key_sealed: opens"), version >= 4, "{name}: {text}");
    }
}

#[test]
fn a_vault_of_today_opens_and_an_edited_one_does_not() {
    let phone = Phone::new();
    phone.verb_with(&["add", "--issuer", "Acme", "--name", "ada", "--secret-stdin"], "JBSWY3DPEHPK3PXP").done();
    let (vault, key) = (phone.folder().join("vault.db"), phone.folder().join("vault.key"));
    let output = decrypt(&vault, &key);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("oath.secret_sealed: opens"));
    rusqlite::Connection::open(&vault).unwrap().execute("UPDATE oath SET digits = 7", []).unwrap();
    let output = decrypt(&vault, &key);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("oath.secret_sealed: DOES NOT OPEN"));
}
