//! Files as real systems leave them: byte order marks, hidden files, secrets mounted by an orchestrator.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::setup::run;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        run(&["init", folder.path("s").to_str().unwrap()], "").done();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn change(&self, change: impl FnOnce(String) -> String) {
        let file = self.path("s/server.toml");
        std::fs::write(&file, change(std::fs::read_to_string(&file).unwrap())).unwrap();
    }

    /// Returns status and value of `config check`.
    fn check(&self) -> (i32, Value) {
        let ran = run(&["config", "check", "--config", self.path("s/server.toml").to_str().unwrap()], "");
        (ran.status, ran.value)
    }
}

fn utf_16(text: &str) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[test]
fn byte_order_marks_are_passed_over_in_every_file() {
    let folder = Folder::new();
    let journey = folder.path("s/journeys/Login with Push MFA.journey.json");
    for file in [folder.path("s/server.toml"), journey] {
        let text = std::fs::read_to_string(&file).unwrap();
        for bytes in [format!("\u{feff}{text}").into_bytes(), utf_16(&text)] {
            std::fs::write(&file, bytes).unwrap();
            assert_eq!(folder.check().0, 0, "{}: {}", file.display(), folder.check().1);
        }
    }
}

#[test]
fn hidden_files_beside_the_journeys_are_passed_over() {
    let folder = Folder::new();
    let journeys = folder.path("s/journeys");
    let double: &[u8] = include_bytes!("../vectors/journeys/dot-underscore.bin");
    std::fs::write(journeys.join("._Login with Push MFA.journey.json"), double).unwrap();
    std::os::unix::fs::symlink("me@host.1:2", journeys.join(".#Login.json")).unwrap();
    std::fs::write(journeys.join(".json"), "").unwrap();
    assert_eq!(folder.check().0, 0, "{}", folder.check().1);
}

#[test]
fn what_phones_reject_as_an_address_the_configuration_rejects() {
    for (url, word) in [
        ("https://user:secret@login.example.com/am", "user name"),
        ("https://user@login.example.com/am", "user name"),
        ("https://login.example.com/am#x", "/am"),
        ("https://login.example.com/am?x=1", "/am"),
        ("http://login.example.com/am", "https"),
        ("ftp://login.example.com/am", "https"),
        ("https://login.example.com:0/am", "port 0"),
    ] {
        let folder = Folder::new();
        folder.change(|text| format!("public_url = \"{url}\"\n{}", text.replace("\npublic_url", "\n# public_url")));
        let (status, value) = folder.check();
        let message = value["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(status != 0 && message.contains(word), "{url}: {value}");
        assert!(!message.contains("secret"), "{message}");
    }
}

/// Whether `config check` accepts a webhook secret with this owner, group and mode.
fn takes(folder: &Folder, file: &Path, owner: u32, group: u32, mode: u32) -> (bool, String) {
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    std::os::unix::fs::chown(file, Some(owner), Some(group)).unwrap();
    let (status, value) = folder.check();
    (status == 0, value.to_string())
}

#[test]
fn a_secret_that_an_orchestrator_mounts_for_the_servers_group_is_taken() {
    let folder = Folder::new();
    let file = folder.path("w.secret");
    std::fs::write(&file, "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    folder.change(|text| format!("{text}\n[webhook]\nurl = \"https://hooks.example.com/\"\nsecret_file = {file:?}\n"));
    let own = std::fs::metadata(&file).unwrap();
    let (user, group) = (own.uid(), own.gid());
    for mode in [0o400, 0o600, 0o440] {
        let (taken, said) = takes(&folder, &file, user, group, mode);
        assert!(taken, "{mode:o}: {said}");
    }
    for mode in [0o640, 0o660, 0o444, 0o644, 0o604, 0o460, 0o450] {
        let (taken, said) = takes(&folder, &file, user, group, mode);
        assert!(!taken && said.contains("PUSH_AUTHENTICATOR_WEBHOOK_SECRET"), "{mode:o}: {said}");
    }
    if user == 0 {
        // Another user's file, or a group that does not include the server.
        assert!(!takes(&folder, &file, 12_345, group, 0o440).0);
        assert!(!takes(&folder, &file, 0, 12_345, 0o440).0);
    }
}

#[test]
fn config_check_names_journeys_that_are_off_and_rejects_only_a_default_that_is() {
    let folder = tempfile::tempdir().unwrap();
    run(&["init", folder.path().to_str().unwrap()], "").done();
    let file = folder.path().join("server.toml");
    let check = || run(&["--config", file.to_str().unwrap(), "config", "check"], "");
    let journeys = folder.path().join("journeys");
    let shipped = std::fs::read_to_string(journeys.join("Login with Push MFA.journey.json")).unwrap();
    std::fs::write(journeys.join("Cut.journey.json"), &shipped[..shipped.len() / 2]).unwrap();
    let foreign = shipped.replace("Login with Push MFA", "Foreign").replace("PushWaitNode", "SomebodyElsesNode");
    std::fs::write(journeys.join("Foreign.journey.json"), foreign).unwrap();
    let checked = check().done();
    assert_eq!(checked["journeys"], json!(["Login with Push MFA"]));
    let off: Vec<&str> = checked["off"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect();
    assert_eq!(off.len(), 2, "{off:?}");
    assert!(
        off.iter().any(|reason| reason.contains("Cut.journey.json") && reason.contains("ends too early")),
        "{off:?}"
    );
    assert!(off.iter().any(|reason| reason.contains("Foreign") && reason.contains("SomebodyElsesNode")), "{off:?}");
    // The same problem in the default one keeps the server from starting.
    std::fs::write(journeys.join("Login with Push MFA.journey.json"), "{").unwrap();
    let rejected = check();
    let message = rejected.value["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(rejected.failed(), (1, "journeys".to_owned()));
    assert!(message.contains("Login with Push MFA"), "{message}");
}
