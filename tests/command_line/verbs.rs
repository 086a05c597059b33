//! Verbs and their errors: each has an error code, an exit status and, in JSON, exactly one value.

use serde_json::json;

use crate::setup::{Phone, Server, hidden_value, run};

#[test]
fn wrong_usage_is_two() {
    for arguments in [
        &["bogus"][..],
        &["user", "list"],
        &["phone", "accounts"],
        &["demo", "--listen", "0.0.0.0:8080"],
        &["serve", "--listen", "nowhere"],
    ] {
        assert_eq!(run(arguments, "").failed(), (2, "usage".to_owned()), "{arguments:?}");
    }
    assert!(run(&["--help"], "").done()["help"].as_str().unwrap().contains("phone"));
}

#[test]
fn init_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    run(&["init", path], "").done();
    assert_eq!(run(&["init", path], "").failed(), (1, "already-there".to_owned()));
}

#[test]
fn users_and_devices_beside_a_running_server() {
    let server = Server::start(|journey| journey, "");
    server.verb(&["user", "add", "bob", "--password-stdin", "--common-name", "Bob B."], "secret").done();
    assert_eq!(server.verb(&["user", "add", "BOB", "--password-stdin"], "x").failed(), (1, "user-exists".to_owned()));
    assert_eq!(server.verb(&["user", "add", "eve", "--password-stdin"], "").failed(), (1, "password".to_owned()));
    assert_eq!(
        server.verb(&["user", "add", "e\u{202e}ve", "--password-stdin"], "x").failed(),
        (1, "bad-name".to_owned())
    );
    let users = server.verb(&["user", "list"], "").done();
    assert_eq!((&users[0]["name"], &users[1]["common_name"]), (&json!("alice"), &json!("Bob B.")));
    assert!(!users.to_string().contains("argon2"), "no hash is printed");

    let phone = Phone::new();
    server.register(&phone);
    let devices = server.verb(&["device", "list"], "").done();
    assert_eq!((&devices[0]["user"], &devices[0]["name"]), (&json!("alice"), &json!("Command line phone")));
    let id = devices[0]["id"].as_str().unwrap();
    server.verb(&["device", "remove", id], "").done();
    assert_eq!(server.verb(&["device", "remove", id], "").failed(), (1, "unknown-device".to_owned()));
    let events = server.verb(&["audit", "list"], "").done();
    assert_eq!((&events[0]["event"], &events[0]["user"]), (&json!("device-removed"), &json!("alice")));
    assert_eq!(events[0]["device"], id);
    assert!(events.as_array().unwrap().iter().any(|event| event["event"] == "device-registered"), "{events}");
    assert_eq!(server.verb(&["audit", "list", "--limit", "1"], "").done().as_array().unwrap().len(), 1);
    assert_eq!(server.verb(&["audit", "list", "--user", "nobody"], "").done(), json!([]));
    server.verb(&["user", "remove", "bob"], "").done();
    assert_eq!(server.verb(&["user", "remove", "bob"], "").failed(), (1, "unknown-user".to_owned()));
}

#[test]
fn a_phone_changes_its_token_and_tells_what_was() {
    let (server, phone) = (Server::start(|journey| journey, ""), Phone::new());
    server.register(&phone);
    let account = phone.verb(&["accounts"]).done()[0]["id"].clone();
    let changed = phone.verb(&["token", "another-token"]).done();
    assert_eq!((&changed[0]["id"], &changed[0]["state"]), (&account, &json!("current")));
    let message = phone.only_pending();
    let id = message["id"].as_str().unwrap();
    assert_eq!(phone.verb(&["history"]).done(), json!([]));
    phone.verb(&["deny", id]).done();
    let history = phone.verb(&["history"]).done();
    assert_eq!((&history[0]["id"], &history[0]["state"]), (&json!(id), &json!("denied")));
    assert_eq!(phone.verb(&["history", "--offset", "1"]).done(), json!([]));
    let log = phone.verb(&["log"]).done();
    let kinds: Vec<&str> = log.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    let expected = ["settled", "decided", "message-received", "token-changed", "registration-confirmed", "enrolled"];
    assert_eq!(kinds, expected);
    assert_eq!(phone.verb(&["log", "--limit", "1"]).done()[0]["subject"], json!(id));
}

#[test]
fn journeys_are_listed_checked_and_drawn() {
    let server = Server::start(|journey| journey, "");
    let list = server.verb(&["journey", "list"], "").done();
    let url = "/am/XUI/?realm=/alpha&authIndexType=service&authIndexValue=Login%20with%20Push%20MFA";
    assert!(list[0]["url"].as_str().unwrap().ends_with(url), "{list}");
    let graph = server.verb(&["journey", "graph", "Login with Push MFA"], "").done();
    assert!(graph["mermaid"].as_str().unwrap().starts_with("flowchart"));
    assert_eq!(server.verb(&["journey", "graph", "None"], "").failed(), (1, "unknown-journey".to_owned()));
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/journeys");
    let checked = run(&["journey", "check", &format!("{folder}/frodo-cli_push_registration.journey.json")], "").done();
    assert_eq!(checked[0]["not_runnable"], json!(null));
    let unknown = run(&["journey", "check", &format!("{folder}/frodo-cli_oath_registration.journey.json")], "");
    assert_eq!(unknown.failed(), (1, "journey".to_owned()));
    let broken = server.folder.path().join("broken.json");
    std::fs::write(&broken, "{}").unwrap();
    assert_eq!(run(&["journey", "check", broken.to_str().unwrap()], "").failed(), (1, "journey".to_owned()));
}

#[test]
fn a_configuration_is_checked_before_a_server_runs_with_it() {
    let server = Server::start(|journey| journey, "");
    let checked = server.verb(&["config", "check"], "").done();
    assert_eq!(checked, json!({"journeys": ["Login with Push MFA"], "off": [], "warnings": []}));
    let file = server.configuration();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("budget = 10", "budget = 0")).unwrap();
    assert_eq!(server.verb(&["config", "check"], "").failed(), (1, "configuration".to_owned()));
    std::fs::write(&file, text.replace("Login with Push MFA", "Another")).unwrap();
    assert_eq!(server.verb(&["config", "check"], "").failed(), (1, "journeys".to_owned()));
}

#[test]
fn the_servers_key_may_come_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    run(&["init", folder.path().to_str().unwrap()], "").done();
    let list = |key: &str| {
        let mut command = crate::setup::program();
        command.env("PUSH_AUTHENTICATOR_SERVER_KEY", key).args(["--json", "user", "list", "--config"]);
        let output = command.arg(folder.path().join("server.toml")).output().unwrap();
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    assert_eq!(list("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="), json!([]));
    assert!(folder.path().join("data/server.db").exists() && !folder.path().join("data/server.key").exists());
    let refused = list("AAECAwQF");
    assert!(refused["error"]["message"].as_str().unwrap().contains("PUSH_AUTHENTICATOR_SERVER_KEY"), "{refused}");
    assert!(!refused.to_string().contains("AAECAwQF"), "what it holds is not told");
}

#[test]
fn a_user_is_locked_and_unlocked_beside_a_running_server() {
    let server = Server::start(|journey| journey, "");
    assert_eq!(server.verb(&["user", "lock", "ALICE"], "").done()["changed"], json!(true));
    assert_eq!(server.verb(&["user", "lock", "alice"], "").done()["changed"], json!(false));
    assert!(server.verb(&["user", "list"], "").done()[0]["locked_at"].is_i64());
    let step = server.post(None).1;
    assert_eq!(server.post(Some(&with_password(step))).0, 401);
    assert_eq!(server.verb(&["user", "unlock", "alice"], "").done()["changed"], json!(true));
    let step = server.post(None).1;
    assert_eq!(server.post(Some(&with_password(step))).0, 200);
    assert_eq!(server.verb(&["user", "lock", "nobody"], "").failed(), (1, "unknown-user".to_owned()));
    let events = server.verb(&["audit", "list", "--user", "alice"], "").done();
    let kinds: Vec<&str> = events.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["user-unlocked", "sign-on", "user-locked", "user-added"]);
}

#[test]
fn an_invited_phone_signs_on_where_a_password_alone_adds_none() {
    let mut server = Server::start(|journey| journey, "");
    let picture = server.folder.path().join("code.svg");
    let drawn = picture.to_str().unwrap();
    // Invitations use the address from the configuration.
    let file = server.configuration();
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("127.0.0.1:8080", &server.address);
    std::fs::write(&file, text.replace("self_registration = true", "self_registration = false")).unwrap();
    server.stop();
    server.resume();
    let invitation = server.verb(&["device", "invite", "alice", "--minutes", "5", "--svg", drawn], "").done();
    assert!(std::fs::read_to_string(&picture).unwrap().starts_with("<svg"));
    assert_eq!(server.verb(&["device", "invite", "alice", "--svg", drawn], "").failed(), (1, "picture".to_owned()));
    assert_eq!(server.verb(&["device", "invite", "nobody"], "").failed(), (1, "unknown-user".to_owned()));
    assert_eq!(server.verb(&["device", "invite", "alice", "--minutes", "0"], "").failed().0, 2);
    let phone = Phone::new();
    phone.verb(&["scan", invitation["uri"].as_str().unwrap()]).done();
    let step = server.post(None).1;
    let (status, waiting) = server.post(Some(&with_password(step)));
    assert_eq!(status, 200, "{waiting}");
    let message = phone.only_pending();
    let number = hidden_value(&waiting).unwrap();
    phone.verb(&["approve", message["id"].as_str().unwrap(), "--number", &number]).done();
    assert!(server.post(Some(&waiting)).1["tokenId"].is_string());
    assert_eq!(server.verb(&["device", "list"], "").done()[0]["confirmed"], json!(true));
}

fn with_password(mut step: serde_json::Value) -> serde_json::Value {
    step["callbacks"][0]["input"][0]["value"] = json!("alice");
    step["callbacks"][1]["input"][0]["value"] = json!(crate::setup::PASSWORD);
    step
}

#[test]
fn codes_that_are_refused_leave_nothing_behind() {
    let (server, phone) = (Server::start(|journey| journey, ""), Phone::new());
    let (_, uri) = server.offer();
    let without = |key: &str| {
        let (head, query) = uri.split_once('?').unwrap();
        let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with(&format!("{key}="))).collect();
        format!("{head}?{}", kept.join("&"))
    };
    // "http://example.com/x?_action=register" and "...authenticate" in url-safe base64.
    let foreign = format!(
        "{}&r=aHR0cDovL2V4YW1wbGUuY29tL3g_X2FjdGlvbj1yZWdpc3Rlcg&a=aHR0cDovL2V4YW1wbGUuY29tL3g_X2FjdGlvbj1hdXRoZW50aWNhdGU",
        without("r").split("&a=").next().unwrap()
    );
    for (code, error) in [
        (uri.replace("pushauth://", "gopher://"), "unknown-scheme"),
        (without("s"), "missing-parameter"),
        (uri.replace("&c=", "&c=!"), "bad-parameter"),
        (foreign, "insecure-endpoint"),
    ] {
        assert_eq!(phone.verb(&["scan", &code]).failed(), (1, error.to_owned()), "{code}");
    }
    let no_picture = phone.folder().join("no.png");
    std::fs::write(&no_picture, b"\x89PNG\r\n\x1a\nbroken").unwrap();
    assert_eq!(phone.verb(&["scan", no_picture.to_str().unwrap()]).failed(), (1, "bad-picture".to_owned()));
    assert_eq!(phone.verb(&["accounts"]).done(), json!([]));

    phone.verb(&["scan", &uri]).done();
    assert_eq!(phone.verb(&["scan", &uri]).failed(), (1, "account-exists".to_owned()));
    let second = Phone::new();
    let (status, code) = second.verb(&["scan", &uri]).failed();
    assert_eq!((status, code.as_str()), (1, "refused"), "a registration is used once");
    assert_eq!(second.verb(&["accounts"]).done(), json!([]), "what the server refused is gone");
}

#[test]
fn pushes_of_every_platform_are_received_and_forged_ones_refused() {
    use push_authenticator::protocol::message::{Ask, PushMessage};
    use push_authenticator::protocol::uri::{Registration, parse};
    let (server, phone) = (Server::start(|journey| journey, ""), Phone::new());
    let (_, uri) = server.offer();
    phone
        .verb(&["scan", &uri, "--communication-type", "gcm", "--push-token", "fcm-token", "--device-name", "Pixel"])
        .done();
    let Ok(Registration::Push(registration)) = parse(&uri) else { panic!() };
    let database = rusqlite::Connection::open(server.folder.path().join("data/server.db")).unwrap();
    let mechanism_uid: String = database.query_row("SELECT mechanism_uid FROM device", [], |row| row.get(0)).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    let message = |challenge: u8, sent_at: i64| PushMessage {
        mechanism_uid: mechanism_uid.clone(),
        challenge: [challenge; 32],
        cookie: None,
        time_to_live_seconds: 120,
        sent_at: Some(sent_at),
        text: Some("Login".to_owned()),
        ask: Ask::Tap,
        context: None,
        custom_payload: None,
        user_id: None,
    };
    let file = phone.folder().join("push.json");
    let receive = |content: serde_json::Value| {
        std::fs::write(&file, content.to_string()).unwrap();
        phone.verb(&["receive", file.to_str().unwrap()])
    };
    let signed: Vec<String> =
        (1..4).map(|challenge| message(challenge, now).sign(&registration.secret).unwrap()).collect();
    let received = receive(json!({"data": {"messageId": "one", "message": signed[0]}})).done();
    assert_eq!(received["kind"], "tap");
    receive(json!({"aps": {"messageId": "two", "data": signed[1], "alert": "Login"}})).done();
    receive(json!({"messageId": "three", "message": signed[2]})).done();
    assert_eq!(phone.verb(&["pending"]).done().as_array().unwrap().len(), 3);
    assert_eq!(
        receive(json!({"messageId": "one", "message": signed[0]})).done()["id"],
        received["id"],
        "there already"
    );
    assert_eq!(receive(json!({"messageId": "four", "message": signed[0]})).failed(), (1, "replayed".to_owned()));
    let (body, _) = signed[0].rsplit_once('.').unwrap();
    let forged = format!("{body}.{}", "A".repeat(43));
    assert_eq!(receive(json!({"messageId": "five", "message": forged})).failed(), (1, "wrong-signature".to_owned()));
    assert_eq!(receive(json!(signed[0])).failed(), (1, "message-id-missing".to_owned()));
    for (sent_at, code) in [(now - 600_000, "expired"), (now + 600_000, "from-the-future")] {
        let signed = message(9, sent_at).sign(&registration.secret).unwrap();
        assert_eq!(receive(json!({"messageId": "six", "message": signed})).failed(), (1, code.to_owned()));
    }
    // The server never sent these: it says so, and the user learns it.
    let id = received["id"].as_str().unwrap();
    assert_eq!(phone.verb(&["approve", id]).failed(), (1, "refused".to_owned()));
}

#[test]
fn a_lost_vault_key_leaves_a_readable_list_and_removal_works() {
    let (server, phone) = (Server::start(|journey| journey, ""), Phone::new());
    let waiting = server.register(&phone);
    assert!(hidden_value(&waiting).is_some());
    std::fs::remove_file(phone.folder().join("vault.key")).unwrap();
    let accounts = phone.verb(&["accounts"]).done();
    assert_eq!(accounts[0]["state"], "re-enrolment-needed");
    let id = accounts[0]["id"].as_str().unwrap();
    phone.verb(&["remove", id]).done();
    assert_eq!(phone.verb(&["remove", id]).failed(), (1, "account-not-found".to_owned()));
}

#[test]
fn an_administrator_unlocks_a_user_whose_passwords_only_known_browsers_may_try() {
    let mut server = Server::start(|journey| journey, "");
    server.stop();
    let file = server.configuration();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("failures_in_a_row = 100", "failures_in_a_row = 2")).unwrap();
    server.resume();
    let post = |password: &str| {
        let mut step = with_password(server.post(None).1);
        step["callbacks"][1]["input"][0]["value"] = json!(password);
        server.post(Some(&step)).0
    };
    assert_eq!([post("wrong"), post("wrong")], [401, 401]);
    assert_eq!(server.verb(&["user", "list"], "").done()[0]["known_browsers_only"], json!(true));
    let step = server.post(None).1;
    assert_eq!(server.post(Some(&with_password(step))).0, 401);
    assert_eq!(server.verb(&["user", "unlock", "alice"], "").done()["changed"], json!(true));
    assert_eq!(server.verb(&["user", "unlock", "alice"], "").done()["changed"], json!(false));
    assert_eq!(server.verb(&["user", "list"], "").done()[0]["known_browsers_only"], json!(false));
    let step = server.post(None).1;
    assert_eq!(server.post(Some(&with_password(step))).0, 200);
}
