//! Server certificates: which ones the phone and the webhook trust, and what they report about the others.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::receiver::Receiver;
use crate::setup::*;
use crate::tls::{Authority, Front, Identity, self_signed_authority};
use crate::webhook::write_secret;

/// Writes an authority's certificate.
fn write(folder: &Path, name: &str, authority: &Authority) -> PathBuf {
    let file = folder.join(name);
    std::fs::write(&file, authority.pem()).unwrap();
    file
}

/// Returns a server that phones reach by TLS and that presents this certificate.
fn server_behind(identity: Identity) -> (Server, Front) {
    let front = Front::start(identity);
    let server = Server::start(|journey| journey, &format!("public_url = \"https://{}/am\"", front.address));
    front.lead_to(server.address.parse().unwrap());
    (server, front)
}

/// Runs a verb of the phone, with this file as the machine's trusted authorities.
fn phone(phone: &Phone, roots: &Path, arguments: &[&str]) -> Ran {
    let vault = phone.folder().to_str().unwrap();
    run_trusting(Some(roots), &[&["phone", "--vault", vault], arguments].concat(), "").0
}

#[test]
fn a_phone_believes_the_authorities_of_its_machine() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Ours");
    let roots = write(folder.path(), "roots.pem", &authority);
    let (server, front) = server_behind(authority.issue_good());
    let held = Phone::new();
    let (step, uri) = server.offer();
    phone(&held, &roots, &["scan", &uri]).done();
    let waiting = server.next(&server.next(&step));
    let pending = phone(&held, &roots, &["pending", "--wait", "10"]).done();
    let id = pending[0]["id"].as_str().unwrap();
    let approved = phone(&held, &roots, &["approve", id, "--number", &hidden_value(&waiting).unwrap()]).done();
    assert_eq!(approved["state"], "approved");
    assert!(server.next(&waiting)["tokenId"].is_string());
    assert!(front.connections() >= 3);
}

#[test]
fn a_phone_names_an_unknown_issuer_asks_once_and_sends_when_it_is_told_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Ours");
    let roots = write(folder.path(), "roots.pem", &authority);
    let others = write(folder.path(), "others.pem", &Authority::new("Somebody else's"));
    let (server, front) = server_behind(authority.issue_good());
    let held = Phone::new();
    let expect = |ran: Ran| {
        let said = ran.value["error"]["message"].as_str().unwrap().to_owned();
        assert!(said.contains(&format!("The certificate of {} is not trusted", front.address)), "{said}");
        assert!(said.contains("its issuer is unknown") && said.contains("SSL_CERT_FILE"), "{said}");
        assert!(said.contains("run sync") && !said.contains("could not be reached"), "{said}");
        assert_eq!(ran.failed(), (1, "certificate-unknown-issuer".to_owned()));
        assert_eq!(front.connections(), 1, "asked once");
    };
    let (step, uri) = server.offer();
    expect(phone(&held, &others, &["scan", &uri]));
    expect(phone(&held, &others, &["sync"]));
    assert_eq!(phone(&held, &roots, &["sync"]).done()["sent"], 1);
    let waiting = server.next(&server.next(&step));
    front.connections();

    let began = Instant::now();
    let vault = held.folder().to_str().unwrap();
    let (ran, said) = run_trusting(Some(&others), &["phone", "--vault", vault, "pending", "--wait", "20"], "");
    assert_eq!(ran.done(), Value::Array(Vec::new()));
    assert!(said.contains("its issuer is unknown") && !said.contains("could not be reached"), "{said}");
    assert_eq!(said.matches("is not trusted").count(), 1, "{said}");
    assert_eq!(front.connections(), 1, "asked once");
    assert!(began.elapsed() < Duration::from_secs(15), "it stops asking: {:?}", began.elapsed());

    let pending = phone(&held, &roots, &["pending", "--wait", "10"]).done();
    let id = pending[0]["id"].as_str().unwrap();
    front.connections();
    expect(phone(&held, &others, &["approve", id, "--number", &hidden_value(&waiting).unwrap()]));
    assert_eq!(phone(&held, &roots, &["sync"]).done()["sent"], 1);
    assert!(server.next(&waiting)["tokenId"].is_string());
    let (ran, said) = run_trusting(Some(&others), &["phone", "--vault", vault, "token", "another"], "");
    ran.done();
    assert!(said.contains("its issuer is unknown"), "{said}");
}

#[test]
fn each_fault_of_a_certificate_has_its_own_words() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Ours");
    let roots = write(folder.path(), "roots.pem", &authority);
    let (server, front) = server_behind(authority.issue_good());
    let faults = [
        (authority.issue("127.0.0.1", 2020..2021), "certificate-expired", "has expired"),
        (authority.issue("127.0.0.1", 2090..2100), "certificate-not-yet-valid", "not valid yet"),
        (authority.issue("other.example", 2020..2100), "certificate-wrong-name", "it is for other.example."),
        (authority.issue("127.0.0.2", 2020..2100), "certificate-wrong-name", "it is for 127.0.0.2."),
        (self_signed_authority(), "certificate-rejected", "an authority's own"),
        (Authority::new("Another").issue_good(), "certificate-unknown-issuer", "issuer is unknown"),
    ];
    for (identity, code, words) in faults {
        front.show(identity);
        let ran = phone(&Phone::new(), &roots, &["scan", &server.offer().1]);
        let said = ran.value["error"]["message"].as_str().unwrap();
        assert!(said.contains(words) && said.contains(&front.address.to_string()), "{code}: {said}");
        assert_eq!((ran.failed(), front.connections()), ((1, code.to_owned()), 1));
    }
    // No authority at all: the error says what is missing, and no built-in authority is used instead.
    let missing = folder.path().join("missing.pem");
    let ran = phone(&Phone::new(), &missing, &["scan", &server.offer().1]);
    let said = ran.value["error"]["message"].as_str().unwrap();
    assert!(said.contains("holds none") && said.contains("missing.pem") && said.contains("ca-certificates"), "{said}");
    assert_eq!(ran.failed(), (1, "certificate-unknown-issuer".to_owned()));
}

#[test]
fn a_part_of_the_machines_authorities_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "others.pem", &Authority::new("Somebody else's"));
    let (server, _front) = server_behind(Authority::new("Ours").issue_good());
    let output = program()
        .env("SSL_CERT_DIR", folder.path())
        .env("SSL_CERT_FILE", folder.path().join("missing.pem"))
        .args(["phone", "--vault", Phone::new().folder().to_str().unwrap(), "scan", &server.offer().1])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("its issuer is unknown") && said.contains("could be read"), "{said}");
    assert!(said.contains("missing.pem") && output.status.code() == Some(1), "{said}");
}

#[test]
fn a_server_without_tls_at_an_address_of_https_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let server = Server::start(|journey| journey, &format!("public_url = \"https://{address}/am\""));
    let ran = Phone::new().verb(&["scan", &server.offer().1]);
    let said = ran.value["error"]["message"].as_str().unwrap();
    assert!(said.contains(&format!("TLS with {address} failed")), "{said}");
    assert_eq!(ran.failed(), (1, "tls".to_owned()));
}

/// Adds a webhook at this address, with these additional settings.
fn add_webhook(server: &Server, front: &Front, more: &str) {
    write_secret(server);
    let mut file = std::fs::OpenOptions::new().append(true).open(server.configuration()).unwrap();
    writeln!(file, "[webhook]\nurl = \"https://{}/\"\nsecret_file = \"webhook.secret\"\n{more}", front.address)
        .unwrap();
}

/// Runs a command beside the server, with this file as the machine's trusted authorities.
fn beside(server: &Server, roots: &Path, arguments: &[&str]) -> Ran {
    let configuration = server.configuration();
    run_trusting(Some(roots), &[arguments, &["--config", configuration.to_str().unwrap()]].concat(), "").0
}

#[test]
fn a_webhook_believes_the_file_of_authorities_besides_the_machine() {
    let receiver = Receiver::start();
    let (authority, of_the_machine) = (Authority::new("Ours"), Authority::new("Of the machine"));
    let front = Front::start(authority.issue_good()).leading_to(receiver.address);
    let server = Server::start(|journey| journey, "");
    let machine = write(server.folder.path(), "machine.pem", &of_the_machine);
    add_webhook(&server, &front, "");
    let ran = beside(&server, &machine, &["webhook", "test"]);
    assert_eq!((ran.status, ran.value["outcome"].as_str()), (1, Some("certificate-unknown-issuer")));
    let said = ran.value["message"].as_str().unwrap();
    assert!(said.contains("issuer is unknown") && said.contains("webhook.ca_file"), "{said}");
    assert_eq!((front.connections(), receiver.seen().len()), (1, 0));
    let audit = server.verb(&["audit", "list"], "").done();
    let noted = audit
        .as_array()
        .unwrap()
        .iter()
        .any(|event| event["event"] == "webhook-test" && event["outcome"] == "certificate-unknown-issuer");
    assert!(noted, "{audit}");

    // Several in one file, with a byte order mark as editors leave it.
    let both = format!("\u{feff}{}{}", Authority::new("Another").pem(), authority.pem());
    std::fs::write(server.folder.path().join("ca.pem"), both).unwrap();
    let text = std::fs::read_to_string(server.configuration()).unwrap();
    std::fs::write(server.configuration(), format!("{text}ca_file = \"ca.pem\"\n")).unwrap();
    beside(&server, &machine, &["config", "check"]).done();
    assert_eq!(beside(&server, &machine, &["webhook", "test"]).done()["status"], 204);
    front.show(of_the_machine.issue_good());
    assert_eq!(beside(&server, &machine, &["webhook", "test"]).done()["status"], 204);
    assert_eq!(receiver.seen().len(), 2);
}

#[test]
fn a_file_of_authorities_that_is_none_is_noticed_before_a_server_runs() {
    let front = Front::start(Authority::new("Ours").issue_good());
    let mut server = Server::start(|journey| journey, "");
    add_webhook(&server, &front, "ca_file = \"ca.pem\"");
    server.stop();
    let file = server.folder.path().join("ca.pem");
    let pem = Authority::new("Ours").pem();
    let cut = pem.replacen("-----END CERTIFICATE-----", "", 1);
    let damaged = format!("{pem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let wrong = [
        (None, "cannot be read"),
        (Some("no certificate".to_owned()), "holds no certificate in PEM"),
        (Some(String::new()), "holds no certificate in PEM"),
        (Some(cut), "Certificate 1 in it is cut off or damaged"),
        (Some(damaged), "Certificate 2 in it is cut off or damaged"),
    ];
    for (text, words) in wrong {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        for arguments in [&["config", "check"][..], &["serve", "--listen", "127.0.0.1:0"], &["webhook", "test"]] {
            let ran = server.verb(arguments, "");
            let said = ran.value["error"]["message"].as_str().unwrap();
            assert!(said.contains("webhook.ca_file") && said.contains(file.to_str().unwrap()), "{said}");
            assert!(said.contains(words), "{said}");
            assert_eq!(ran.failed().0, 1);
        }
    }
    std::fs::write(&file, pem).unwrap();
    server.verb(&["config", "check"], "").done();
}

#[test]
fn a_machine_that_trusts_nobody_is_warned_of() {
    let front = Front::start(Authority::new("Ours").issue_good());
    let server = Server::start(|journey| journey, "");
    let missing = server.folder.path().join("missing.pem");
    let warned = |server: &Server| {
        let checked = beside(server, &missing, &["config", "check"]).done();
        checked["warnings"].to_string().contains("[webhook] reaches no server: this machine's store")
    };
    assert!(!warned(&server), "no server is asked");
    add_webhook(&server, &front, "");
    assert!(warned(&server));
    let there = write(server.folder.path(), "there.pem", &Authority::new("Ours"));
    assert!(
        !beside(&server, &there, &["config", "check"]).done()["warnings"].to_string().contains("reaches no server")
    );
}
