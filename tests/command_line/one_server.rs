//! One server per folder, files closed to others, and nothing left of a removed user.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::setup::{Phone, Server, program, run};

#[test]
fn a_second_server_is_refused_with_the_first_ones_process_id() {
    let server = Server::start(|journey| journey, "");
    let refused = server.verb(&["serve", "--listen", "127.0.0.1:0"], "");
    let message = refused.value["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(refused.failed(), (1, "start".to_owned()));
    let id = std::fs::read_to_string(server.folder.path().join("data/server.lock")).unwrap();
    assert!(message.contains(&format!("process {}", id.trim())), "{message}");
    server.verb(&["user", "list"], "").done();
}

#[test]
fn a_second_demo_in_the_same_folder_is_rejected_too() {
    let folder = tempfile::tempdir().unwrap();
    let data = ["demo", "--listen", "127.0.0.1:0", "--data", folder.path().to_str().unwrap()];
    let mut first = program().args(data).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(first.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Open http://127.0.0.1:"), "{line}");
    let second = run(&data, "");
    first.kill().unwrap();
    first.wait().unwrap();
    let message = second.value["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(second.failed(), (1, "start".to_owned()));
    assert!(message.contains(&format!("process {}", first.id())), "{message}");
}

#[test]
fn nothing_of_a_removed_users_password_stays_in_the_folder() {
    let server = Server::start(|journey| journey, "");
    server.verb(&["user", "add", "bob", "--password-stdin"], "secret").done();
    let data = server.folder.path().join("data");
    let hash: String = rusqlite::Connection::open(data.join("server.db"))
        .unwrap()
        .query_row("SELECT password_hash FROM user WHERE name = 'bob'", [], |row| row.get(0))
        .unwrap();
    let part = &hash.as_bytes()[hash.len() - 20..];
    let holding = || {
        let files = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| std::fs::read(file).unwrap().windows(part.len()).any(|window| window == part)).count()
    };
    assert_ne!(holding(), 0);
    server.verb(&["user", "remove", "BOB"], "").done();
    assert_eq!(holding(), 0);
}

#[test]
fn a_user_is_renamed_by_exact_or_escaped_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    run(&["init", path], "").done();
    let file = folder.path().join("server.toml");
    let verb =
        |arguments: &[&str], input: &str| run(&[&["--config", file.to_str().unwrap()], arguments].concat(), input);
    verb(&["user", "add", "zo\u{eb}", "--password-stdin"], "x").done();
    let taken = verb(&["user", "add", "ZOE\u{308}", "--password-stdin"], "x");
    assert_eq!(taken.failed(), (1, "user-exists".to_owned()));
    for blank in ["\u{2800}", "\u{3164}\u{ffa0}", " ", "a\u{fe0f}"] {
        assert_eq!(verb(&["user", "add", blank, "--password-stdin"], "x").failed(), (1, "bad-name".to_owned()));
    }
    assert_eq!(verb(&["user", "rename", "ZO\u{eb}", "b"], "").failed(), (1, "unknown-user".to_owned()));
    verb(&["user", "rename", "zo\\u{eb}", "zoe"], "").done();
    assert_eq!(verb(&["user", "list"], "").done()[0]["name"], "zoe");
}

#[test]
fn a_phones_folder_is_closed_and_an_open_key_refused() {
    let phone = Phone::new();
    phone.verb(&["accounts"]).done();
    let mode = std::fs::metadata(phone.folder()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
    let key = phone.folder().join("vault.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(phone.verb(&["accounts"]).failed(), (1, "open-key".to_owned()));
}

#[test]
fn a_public_address_with_a_password_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    run(&["init", folder.path().to_str().unwrap()], "").done();
    let file = folder.path().join("server.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    // From a bug report, and variations on it.
    for url in [
        "https://user:secret@login.example.com/am",
        "https://user@login.example.com/am",
        "https://login.example.com/am?x=1",
        "https://login.example.com/am#x",
        "http://login.example.com/am",
        "ftp://login.example.com/am",
    ] {
        std::fs::write(&file, format!("public_url = {url:?}\n{text}")).unwrap();
        let refused = run(&["--config", file.to_str().unwrap(), "config", "check"], "");
        let message = refused.value.to_string();
        assert_eq!(refused.failed(), (1, "configuration".to_owned()), "{url}");
        assert!(message.contains("public_url") && !message.contains("secret"), "{message}");
    }
}
