//! The commands of README.md, docs/server.md and docs/command-line.md run from top to bottom in one folder, and print
//! what the samples show.
//!
//! The test runs every block that begins with "```sh run". It compares a block that begins with "```text output" with
//! what the last such block printed; `<...>` stands for what differs each time. Servers run in the background until
//! the next one starts. Needs bash, curl, jq and openssl.

use std::error::Error;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use push_authenticator::phone::{
    CommunicationType, Device, DeviceFacts, Enrolment, Evidence, HttpResponse, KeyChoice, KeyEncryption, KeyError,
    Notification, Phone, Platform, Preview, Received, SendFailure,
};
use push_authenticator::ports::{SystemClock, SystemEntropy};
use push_authenticator::secret::{Reason, SecretBytes};

use crate::setup::{Server, hidden_value};

const DOCUMENTS: [&str; 3] = ["README.md", "docs/server.md", "docs/command-line.md"];

/// What stands for programs that would download, stay in the foreground or open a window.
const STAND_INS: &str = r#"
set -euo pipefail
trap 'kill $server 2>"$WORK/kill"' EXIT
server=
cargo() { [ "$*" = "install --locked --path ." ]; }
xdg-open() { curl -fsS "$1" | grep -q '<title>'; }
push-authenticator() {
    case " $* " in
        *" serve "*) ;;
        *" demo "*) set -- "$@" --listen "$FIRST_ADDRESS" ;;
        *" init "*) "$PROGRAM" "$@"; sed -i "s/127.0.0.1:8080/$FIRST_ADDRESS/" "$2/server.toml"; return ;;
        *) "$PROGRAM" "$@"; return ;;
    esac
    [ -z "$server" ] || { kill "$server"; wait "$server" || true; }
    "$PROGRAM" "$@" >"$WORK/server" 2>"$WORK/log" &
    server=$!
    for _ in $(seq 300); do
        ! grep -q http:// "$WORK/server" || { cat "$WORK/server"; return 0; }
        sleep 0.1
    done
    cat "$WORK/log" >&2
    return 1
}
"#;

fn read(document: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap()
}

/// The fenced blocks of the text, each with what stands on its fence.
fn blocks(text: &str) -> Vec<(&str, &str)> {
    let fences = text.split("\n```").skip(1).step_by(2);
    fences.map(|block| block.split_once('\n').unwrap_or_else(|| panic!("an open block: {block}"))).collect()
}

/// Whether the printed text is the sample's, with something on one line in place of each `<...>`.
fn fits(sample: &str, printed: &str) -> bool {
    let placeholder = sample.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?.1)));
    let Some((before, after)) = placeholder else { return sample == printed };
    let Some(rest) = printed.strip_prefix(before) else { return false };
    let line = rest.split('\n').next().unwrap_or_default();
    line.char_indices().skip(1).map(|(end, _)| end).chain([line.len()]).any(|end| end > 0 && fits(after, &rest[end..]))
}

#[test]
fn a_sample_fits_with_its_placeholders() {
    assert!(fits("<id>  ada, one of <a>, <b>\nend", "81a5  ada, one of 14, 94\nend"));
    assert!(fits("{\"tokenId\":\"<token>\"}", "{\"tokenId\":\"U07\"}"));
    for printed in ["  ada, one of 14, 94\nend", "81a5  bob, one of 14, 94\nend", "81a5  ada, one of 14\n, 94\nend"] {
        assert!(!fits("<id>  ada, one of <a>, <b>\nend", printed), "{printed}");
    }
}

#[test]
fn the_commands_run_in_order_and_print_what_the_samples_show() {
    let (folder, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let ports = [TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap()];
    let [first, second] = ports.map(|listener| listener.local_addr().unwrap().to_string());
    let here = |text: &str| text.replace("127.0.0.1:8080", &first).replace("127.0.0.1:8081", &second);
    let (mut script, mut samples, mut count) = (STAND_INS.to_owned(), Vec::new(), 0);
    for document in DOCUMENTS {
        let text = read(document);
        let before = count;
        for (kind, block) in blocks(&text) {
            match kind {
                "sh run" => {
                    count += 1;
                    script +=
                        &format!("echo '{document}, block {count}' >&2\n{{\n{}\n}} >\"$WORK/{count}\"\n", here(block));
                }
                "text output" => samples.push((document, count, here(block))),
                _ => {}
            }
        }
        assert!(count > before, "{document} has commands");
    }
    let ran = Command::new("bash")
        .args(["--norc", "-c", &script])
        .current_dir(folder.path())
        .env("PROGRAM", env!("CARGO_BIN_EXE_push-authenticator"))
        .env("WORK", work.path())
        .env("FIRST_ADDRESS", &first)
        .env("RUST_LOG", "warn")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}\n{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(samples.len() >= 5, "samples are found");
    let mut wrong = String::new();
    for (document, block, sample) in samples {
        let printed = std::fs::read_to_string(work.path().join(block.to_string())).unwrap();
        if !fits(sample.trim_end(), printed.trim_end()) {
            wrong += &format!("{document} shows\n{sample}\nand the program prints\n{printed}\n");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The address of a heading on its page, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    for document in DOCUMENTS.into_iter().chain(["docs/rust.md"]) {
        let folder = Path::new(document).parent().unwrap();
        let text = read(document);
        let links = text.split("](").skip(1).chain(text.split("src=\"").skip(1)).chain(text.split("srcset=\"").skip(1));
        for link in links.map(|rest| rest.split([')', '"']).next().unwrap()) {
            if link.contains("://") {
                continue;
            }
            let (page, wanted) = link.split_once('#').unwrap_or((link, ""));
            let page = if page.is_empty() { Path::new(document).to_owned() } else { folder.join(page) };
            assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(&page).exists(), "{document}: {link}");
            let found = || {
                read(page.to_str().unwrap())
                    .lines()
                    .any(|line| line.starts_with('#') && anchor(line.trim_start_matches('#').trim()) == wanted)
            };
            assert!(wanted.is_empty() || found(), "{document}: {link}");
        }
    }
    assert!(read("README.md").lines().count() <= 150, "the README is short");
}

type Done<T> = Result<T, Box<dyn Error>>;

/// The README's start for Rust.
#[rustfmt::skip]
fn start(
    vault: &Path, platform_key: &dyn KeyEncryption, scanned_text: &str, enrolment: Enrolment<'_>,
    confirmed: impl Fn(&Preview) -> bool, ask: impl Fn(&Notification) -> Evidence, shown: impl FnOnce(&Phone),
) -> Done<()> {
    // README begins
    let phone = Phone::open(vault, platform_key, Arc::new(SystemClock), Arc::new(SystemEntropy::new()))?;
    let preview = phone.preview(scanned_text)?;              // a QR code's text; nothing is stored yet
    if confirmed(&preview) { phone.enrol(preview, enrolment)?; }
    deliver(&phone)?;                                        // sends what phone.due() returns, over your HTTP stack
    // README pauses
    shown(&phone);
    // README goes on
    for pull in phone.pull(30)? {                            // or phone.receive(push_payload)
        if let Ok(answer) = send(&pull.url, &pull.headers, &pull.body) { phone.pulled(&pull, answer)?; }
    }
    let request = phone.pending()?.into_iter().next().ok_or("nothing to answer")?;
    phone.approve(&request.id, ask(&request))?;
    deliver(&phone)?;
    // README ends
    Ok(())
}

// rust.md begins
fn deliver(phone: &Phone) -> Result<(), Box<dyn Error>> {
    for request in phone.due()? {
        match send(&request.url, &request.headers, &request.body) {
            Ok(response) => drop(phone.delivered(&request.id, response)?),
            Err(failure) => drop(phone.failed(&request.id, failure)?),
        }
    }
    Ok(())
}

fn receive(phone: &Phone, push_payload: &[u8]) -> Result<(), Box<dyn Error>> {
    if let Received::Hint(hinted) = phone.receive(push_payload)? {
        let pull = phone.pull_account(&hinted.account_id, 0)?;
        if let Ok(answer) = send(&pull.url, &pull.headers, &pull.body) {
            phone.pulled(&pull, answer)?;
        }
    }
    Ok(())
}
// rust.md ends

/// The app's own HTTP stack.
fn send(url: &str, headers: &[(String, String)], body: &[u8]) -> Result<HttpResponse, SendFailure> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let request = headers.iter().fold(agent.post(url), |request, (name, value)| request.header(name, value));
    let mut response = request.send(body).map_err(|_| SendFailure::FateUnknown)?;
    let date = response.headers().get("date").map(|date| date.to_str().unwrap().to_owned());
    let body = response.body_mut().read_to_vec().map_err(|_| SendFailure::FateUnknown)?;
    Ok(HttpResponse { status: response.status().as_u16(), date, body })
}

struct PlainKey;

impl KeyEncryption for PlainKey {
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        Ok(data_key.expose(Reason::HandOver).to_vec())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        Ok(SecretBytes::new(wrapped.to_vec()))
    }
}

#[test]
fn the_start_for_rust_enrols_and_approves() {
    let server = Server::start(|journey| journey, "");
    let (step, uri) = server.offer();
    let folder = tempfile::tempdir().unwrap();
    let device = Device {
        name: "Phone".to_owned(),
        platform: Platform::Android,
        push_token: "token".to_owned(),
        communication_type: CommunicationType::Embedded,
    };
    let facts = DeviceFacts { biometric_available: false, tamper_score: 0.0 };
    let enrolment = Enrolment { device, facts, slot: None, replace: false, key: KeyChoice::Software };
    let waiting = std::cell::OnceCell::new();
    let confirmed = |preview: &Preview| preview.account == "alice";
    let ask = |_: &Notification| Evidence::Number(hidden_value(waiting.get().unwrap()).unwrap());
    let sent = |phone: &Phone| {
        waiting.set(server.next(&server.next(&step))).unwrap();
        assert!(receive(phone, b"{}").is_err(), "no message is in this push");
    };
    start(&folder.path().join("vault"), &PlainKey, &uri, enrolment, confirmed, ask, sent).unwrap();
    assert!(server.next(waiting.get().unwrap())["tokenId"].is_string());
}

/// This file's lines between two marks, without their indentation.
fn part(begin: &str, end: &str) -> String {
    let source = include_str!("documents.rs");
    let text = source.split_once(&format!("// {begin}\n")).unwrap().1.split_once(&format!("// {end}\n")).unwrap().0;
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let indent = lines[0].len() - lines[0].trim_start().len();
    lines.iter().map(|line| line.get(indent..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_documents_hold_the_code_for_rust() {
    let start = [part("README begins", "README pauses"), part("README goes on", "README ends")].join("\n");
    assert!(start.lines().count() <= 10, "a start of ten lines");
    for (document, code) in [("README.md", start), ("docs/rust.md", part("rust.md begins", "rust.md ends"))] {
        let text = read(document);
        assert_eq!(
            blocks(&text).iter().filter(|(kind, block)| *kind == "rust" && block.trim() == code).count(),
            1,
            "{document}:\n{code}"
        );
    }
}
