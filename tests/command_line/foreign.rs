//! Servers other than ours: one that hands out no messages, and one that hangs. Also text that someone wrote into a
//! vault, which is never printed unescaped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::setup::{Phone, Server, program};

/// How a server responds when a phone asks for messages.
#[derive(Clone, Copy)]
enum Pulls {
    Status(u16),
    Hang,
}

/// A server that accepts every registration.
struct Foreign {
    address: String,
    pulls: Arc<AtomicUsize>,
}

impl Foreign {
    fn start(answer: Pulls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let pulls = Arc::new(AtomicUsize::new(0));
        let (counted, held) = (Arc::clone(&pulls), Arc::new(Mutex::new(Vec::new())));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (counted, held) = (Arc::clone(&counted), Arc::clone(&held));
                std::thread::spawn(move || serve(stream, answer, &counted, &held));
            }
        });
        Self { address, pulls }
    }

    fn uri(&self, account: &str) -> String {
        let endpoint =
            |action: &str| URL_SAFE_NO_PAD.encode(format!("http://{}/am/push?_action={action}", self.address));
        let secret = URL_SAFE_NO_PAD.encode([7; 32]);
        format!(
            "pushauth://push/Other:{account}?r={}&a={}&s={secret}&c={secret}&m=REGISTER:1",
            endpoint("register"),
            endpoint("authenticate")
        )
    }

    fn pulls(&self) -> usize {
        self.pulls.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, answer: Pulls, pulls: &AtomicUsize, held: &Mutex<Vec<TcpStream>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut head, mut line) = (String::new(), String::new());
    while reader.read_line(&mut line).is_ok_and(|length| length > 2) {
        head.push_str(&line.to_ascii_lowercase());
        line.clear();
    }
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok()).unwrap_or(0);
    let _ = reader.read_exact(&mut vec![0; length]);
    let status = match (head.contains("_action=pending"), answer) {
        (false, _) => 200,
        (true, Pulls::Status(status)) => status,
        (true, Pulls::Hang) => {
            held.lock().unwrap().push(stream);
            return;
        }
    };
    if head.contains("_action=pending") {
        pulls.fetch_add(1, Ordering::SeqCst);
    }
    let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}");
}

/// Returns standard output and standard error of a verb without `--json`.
fn told(phone: &Phone, arguments: &[&str]) -> (String, String) {
    let output =
        program().args(["phone", "--vault", phone.folder().to_str().unwrap()]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_server_that_hands_out_nothing_is_asked_once_and_the_person_is_told() {
    for status in [501, 404] {
        let (server, phone) = (Foreign::start(Pulls::Status(status)), Phone::new());
        let (added, warning) = told(&phone, &["scan", &server.uri("ann")]);
        assert!(added.starts_with("Added ann at Other"), "{added}");
        assert!(warning.contains(&format!("{} hands out no messages", server.address)), "{warning}");
        assert_eq!(server.pulls(), 1);
        let begun = Instant::now();
        let (listed, warning) = told(&phone, &["pending", "--wait", "20"]);
        assert_eq!((listed.as_str(), server.pulls()), ("", 2), "{warning}");
        assert!(warning.contains("hands out no messages"), "{warning}");
        assert!(begun.elapsed() < Duration::from_secs(10), "there is nothing to wait for");
    }
}

#[test]
fn a_server_that_hangs_does_not_delay_the_others() {
    let (hanging, server, phone) = (Foreign::start(Pulls::Hang), Server::start(|journey| journey, ""), Phone::new());
    let (_, warning) = told(&phone, &["scan", &hanging.uri("ann")]);
    assert!(warning.contains("did not answer in time"), "{warning}");
    server.register(&phone);
    let begun = Instant::now();
    let message = phone.only_pending();
    assert_eq!(message["account"], "alice");
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[test]
fn a_late_push_without_a_sent_time_is_refused_by_its_id() {
    use push_authenticator::protocol::message::{Ask, PushMessage};
    use push_authenticator::secret::SecretBytes;
    let (server, phone) = (Foreign::start(Pulls::Status(501)), Phone::new());
    phone.verb(&["scan", &server.uri("ann")]).done();
    let vault = rusqlite::Connection::open(phone.folder().join("vault.db")).unwrap();
    let mechanism_uid: String = vault.query_row("SELECT mechanism_uid FROM credential", [], |row| row.get(0)).unwrap();
    let message = |challenge: u8| PushMessage {
        mechanism_uid: mechanism_uid.clone(),
        challenge: [challenge; 32],
        cookie: None,
        time_to_live_seconds: 120,
        sent_at: None,
        text: None,
        ask: Ask::Tap,
        context: None,
        custom_payload: None,
        user_id: None,
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let file = phone.folder().join("push.json");
    let receive = |challenge: u8, id: &str| {
        let signed = message(challenge).sign(&SecretBytes::new(vec![7; 32])).unwrap();
        std::fs::write(&file, json!({"messageId": id, "message": signed}).to_string()).unwrap();
        phone.verb(&["receive", file.to_str().unwrap()])
    };
    let id = |time: i64| format!("0f8fad5b-d9cb-469f-a165-70867728950e{time}");
    assert_eq!(receive(1, &id(now - 600_000)).failed(), (1, "expired".to_owned()));
    let fresh = receive(2, &id(now - 1000)).done();
    assert_eq!(fresh["state"], "pending");
    let future = receive(3, &id(now + 86_400_000)).done();
    assert!(future["expires_at"].as_i64().unwrap() < now + 130_000, "never longer: {future}");
    let id_of = |value: &Value| value["id"].as_str().unwrap().to_owned();
    phone.verb(&["deny", &id_of(&fresh)]).done();
    let again = receive(2, &id(now - 1000)).done();
    assert_eq!((id_of(&again), &again["state"]), (id_of(&fresh), &json!("denied")));
    let (text, _) = told(&phone, &["receive", file.to_str().unwrap()]);
    assert!(text.contains("settled already") && text.contains("denied"), "{text}");
}

#[test]
fn what_was_written_into_a_vault_is_never_printed_as_it_is() {
    let phone = Phone::new();
    phone.verb(&["scan", "otpauth://totp/Acme:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"]).done();
    let active = "\u{1b}[31m\u{9b}\u{202e}\u{2028}\r\nforged";
    let vault = rusqlite::Connection::open(phone.folder().join("vault.db")).unwrap();
    for column in ["issuer", "name", "display_issuer", "display_name", "colour", "logo", "user_id"] {
        vault.execute(&format!("UPDATE account SET {column} = ?1 || coalesce({column}, '')"), [active]).unwrap();
    }
    vault.execute("UPDATE event SET subject = ?1, detail = ?1", [active]).unwrap();
    vault.execute("UPDATE account SET policies = ?1", [format!("{{\"{}\": {{}}}}", "a\\u001b[31m\\u202e")]).unwrap();
    let id = phone.verb(&["accounts"]).done()[0]["id"].as_str().unwrap().to_owned();
    for arguments in [&["accounts"][..], &["log"], &["removal", &id], &["history"]] {
        for json in [true, false] {
            let mut command = program();
            if json {
                command.arg("--json");
            }
            let vault = phone.folder().to_str().unwrap();
            let output = command.args(["phone", "--vault", vault]).args(arguments).output().unwrap();
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            let raw = |character: char| {
                character != '\n' && (character.is_control() || "\u{202e}\u{2028}".contains(character))
            };
            assert!(!text.contains(raw), "{arguments:?}: {text:?}");
        }
    }
    assert_eq!(told(&phone, &["accounts"]).0.lines().count(), 1, "nor does it make lines of its own");
}

#[test]
fn reading_stops_at_the_limit() {
    let phone = Phone::new();
    assert_eq!(phone.verb(&["receive", "/dev/zero"]).failed(), (1, "payload-too-large".to_owned()));
    assert_eq!(phone.verb(&["scan", "/dev/zero"]).failed(), (1, "bad-picture".to_owned()));
    assert_eq!(phone.verb(&["preview", "/dev/zero"]).failed(), (1, "bad-picture".to_owned()));
}

#[test]
fn pictures_are_previewed_too() {
    let phone = Phone::new();
    for name in ["06-inverted.png", "06-photo.jpg", "06-push-zoom-75.png"] {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/pictures").join(name);
        let preview = phone.verb(&["preview", file.to_str().unwrap()]).done();
        assert!(!preview["kinds"].as_array().unwrap().is_empty(), "{name}");
    }
}
