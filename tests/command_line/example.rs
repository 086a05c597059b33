//! The example of the Rust core, run as the README says.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::setup::{Server, hidden_value};

#[test]
fn the_example_adds_an_account_and_approves_with_the_number() {
    let cargo = std::env::var_os("CARGO").unwrap();
    let built =
        Command::new(cargo).args(["build", "--locked", "--quiet", "--example", "authenticator"]).status().unwrap();
    assert!(built.success());
    let server = Server::start(|journey| journey, "");
    let (step, code) = server.offer();
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_push-authenticator")).with_file_name("examples/authenticator");
    let mut example = Command::new(program)
        .arg(folder.path())
        .arg(code)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(example.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut keys = example.stdin.take().unwrap();
    let asked = said.next().unwrap();
    assert!(asked.starts_with("alice at Ping") && asked.contains(&server.address), "{asked}");
    keys.write_all(b"y\n").unwrap();
    said.find(|line| line.starts_with("Done(")).unwrap();
    let waiting = server.next(&server.next(&step));
    said.find(|line| line.contains("Login attempt from alice at Ping")).unwrap();
    let number = hidden_value(&waiting).unwrap();
    assert!(said.next().unwrap().contains(&number));
    keys.write_all(format!("{number}\n").as_bytes()).unwrap();
    said.find(|line| line.starts_with("Done(")).unwrap();
    assert!(server.next(&waiting)["tokenId"].is_string());
    example.kill().unwrap();
    example.wait().unwrap();
}
