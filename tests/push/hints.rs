//! Pushes that hold only where to ask: what the relay gets, and the real phone core that fetches the rest.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use push_authenticator::phone::{
    CommunicationType, Device, DeviceFacts, Enrolment, Evidence, Hinted, HttpResponse, KeyChoice, KeyEncryption,
    KeyError, Notification, NotificationState, Phone as Core, PhoneError, Platform, PullRequest, Pulled, Received,
};
use push_authenticator::ports::SystemEntropy;
use push_authenticator::secret::{Reason, SecretBytes};
use push_authenticator::server::push::HintOnly;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fake::{Fake, Seen};
use crate::harness::*;
use crate::support::*;

const REGISTRATION: &str = "PushRegistrationNode";
const SENDER: &str = "PushAuthenticationSenderNode";
const HINT_TEXT: &str = "A sign-on waits for your answer";
/// Applications whose names contain nothing that the tests search for.
const GOOGLE: &str = "arn:aws:sns:us-west-2:123456789012:app/GCM/phones";
const APPLE: &str = "arn:aws:sns:us-west-2:123456789012:app/APNS/phones";

/// A platform key that does not matter here.
struct Wrapper;

impl KeyEncryption for Wrapper {
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        Ok(data_key.expose(Reason::Seal).to_vec())
    }
    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        Ok(SecretBytes::new(wrapped.to_vec()))
    }
}

/// The phone core over HTTP.
struct App<'a> {
    core: Core,
    server: &'a Server,
    _folder: TempDir,
}

impl<'a> App<'a> {
    /// Returns an app that has registered with this step's QR code.
    fn scan(server: &'a Server, step: &Value, kind: CommunicationType, key: KeyChoice) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entropy = Arc::new(SystemEntropy::new());
        let core = Core::open(&folder.path().join("vault"), &Wrapper, server.clock.clone(), entropy).unwrap();
        let app = Self { core, server, _folder: folder };
        let code = output(step, "HiddenValueCallback", "value").as_str().unwrap();
        let device = Device {
            name: "Pixel".to_owned(),
            platform: if kind == CommunicationType::Apns { Platform::Ios } else { Platform::Android },
            push_token: "push-token".to_owned(),
            communication_type: kind,
        };
        let facts = DeviceFacts { biometric_available: true, tamper_score: 0.0 };
        let enrolment = Enrolment { device, facts, slot: None, replace: false, key };
        app.core.enrol(app.core.preview(code).unwrap(), enrolment).unwrap();
        app.ship();
        app
    }

    fn send(&self, url: &str, headers: &[(String, String)], body: &[u8]) -> HttpResponse {
        let path = url.strip_prefix(&format!("http://{}", self.server.address)).unwrap();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let response = self.server.request("POST", path, &headers, body);
        // The server runs on the test's clock, but its `Date` header has the system time.
        HttpResponse { status: response.status, date: None, body: response.body.clone() }
    }

    fn ship(&self) {
        for request in self.core.due().unwrap() {
            let response = self.send(&request.url, &request.headers, &request.body);
            assert_eq!(response.status, 200);
            self.core.delivered(&request.id, response).unwrap();
        }
    }

    fn ask(&self, pull: &PullRequest) -> Pulled {
        self.core.pulled(pull, self.send(&pull.url, &pull.headers, &pull.body)).unwrap()
    }

    /// Receives a push, and asks the server if it is a hint.
    fn take(&self, payload: &Value) -> Notification {
        let payload = payload.to_string();
        let Received::Hint(Hinted { account_id, .. }) = self.core.receive(payload.as_bytes()).unwrap() else {
            panic!("a hint was expected")
        };
        let pulled = self.ask(&self.core.pull_account(&account_id, 0).unwrap());
        assert!(matches!(pulled, Pulled::Messages { .. }), "{pulled:?}");
        self.held(payload.as_bytes())
    }

    /// Returns the sign-on request that a push is about, which must be here already.
    fn held(&self, payload: &[u8]) -> Notification {
        match self.core.receive(payload).unwrap() {
            Received::Message(notification) => *notification,
            Received::Hint(hinted) => panic!("{hinted:?}"),
        }
    }

    fn approve(&self, notification: &Notification, step: &Value) {
        self.core.approve(&notification.id, Evidence::Number(number(step))).unwrap();
        self.ship();
        assert_eq!(self.core.notification(&notification.id).unwrap().state, NotificationState::Approved);
    }
}

fn server(fake: &Fake, hint_only: HintOnly) -> Server {
    setup(fake.port, GOOGLE, APPLE)
        .with(REGISTRATION, "deviceKey", json!("preferred"))
        .with(SENDER, "contextInfo", json!(true))
        .with(SENDER, "customPayload", json!(["user"]))
        .configure(|settings| settings.push.hint_only = hint_only)
        .start()
}

/// Takes a sign-on from the QR code to where the first push was sent.
fn to_the_push(server: &Server, step: &Value) -> Value {
    server.next(&server.next(step))
}

/// Returns what Google's platform passes on.
fn google(seen: &Seen) -> Value {
    serde_json::from_str(seen.published()["GCM"].as_str().unwrap()).unwrap()
}

/// Returns the only message on the server, as a manual pull gets it: the content that the relay must not see.
fn listed(app: &App) -> Value {
    let pull = app.core.pull(0).unwrap().remove(0);
    let response = app.send(&pull.url, &pull.headers, &pull.body);
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(body["messages"].as_array().unwrap().len(), 1, "{body}");
    body["messages"][0].clone()
}

fn claims_of(jwt: &Value) -> Value {
    message(&json!("id"), jwt).claims
}

/// Returns what the relay saw of a message's content: the message or a part of it, text, payload, numbers, challenge,
/// where the sign-on comes from and whose it is.
fn seen_of(seen: &Seen, jwt: &Value, port: u16) -> Vec<String> {
    let (sent, jwt) = (claims_of(jwt), jwt.as_str().unwrap());
    let context: Value = serde_json::from_str(sent["x"].as_str().unwrap()).unwrap();
    let mut words: Vec<&str> = jwt.split('.').collect();
    words.extend(["m", "n", "c", "p"].map(|claim| sent[claim].as_str().unwrap()));
    words.extend([context["remoteIp"].as_str().unwrap(), jwt, USER, "Ping", "eyJ"]);
    let everything = format!("{:?} {} {:?}", seen.headers, seen.body, seen.parameters);
    let everything = everything.replace(&format!("127.0.0.1:{port}"), "");
    // Anyone who decodes the parts of a signed message can read them.
    let decoded = jwt
        .split('.')
        .filter(|part| everything.contains(part))
        .map(|part| String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(part).unwrap()).into_owned());
    let everything = decoded.fold(everything.clone(), |all, part| all + &part);
    words.into_iter().filter(|word| everything.contains(word)).map(str::to_owned).collect()
}

#[test]
fn the_relay_gets_two_ids_and_the_phone_fetches_and_answers() {
    for kind in [CommunicationType::Gcm, CommunicationType::Apns] {
        let fake = Fake::start();
        let server = server(&fake, HintOnly::WhereKnown);
        let step = server.at_qr_code();
        let app = App::scan(&server, &step, kind, KeyChoice::Software);
        let step = to_the_push(&server, &step);
        let seen = fake.wait_for("Publish", 1).remove(0);

        // Exactly this; and the message itself has the content that the push must not have.
        let message = listed(&app);
        let mechanism_uid = server.text("SELECT mechanism_uid FROM device");
        let google_form = json!({"messageId": message["messageId"], "mechanismUid": mechanism_uid});
        assert_eq!(google(&seen), json!({"priority": "high", "data": google_form}));
        let published = seen.published();
        let apple: Value = serde_json::from_str(published["APNS"].as_str().unwrap()).unwrap();
        let apple_form = json!({"alert": HINT_TEXT, "sound": "default", "messageId": message["messageId"],
            "mechanismUid": mechanism_uid, "content-available": 1, "mutable-content": 1});
        assert_eq!(apple, json!({ "aps": apple_form }));
        assert_eq!(published["APNS"], published["APNS_SANDBOX"]);
        assert_eq!((&published["default"], published.as_object().unwrap().len()), (&json!(HINT_TEXT), 4));
        assert_eq!(seen.parameters["Subject"], HINT_TEXT);
        let sent = claims_of(&message["message"]);
        for claim in ["m", "n", "x", "p", "d", "c"] {
            assert!(sent[claim].as_str().is_some_and(|text| !text.is_empty()), "{claim} is in the message");
        }
        assert_eq!(seen_of(&seen, &message["message"], fake.port), Vec::<String>::new());

        let payload = if kind == CommunicationType::Apns { apple } else { google(&seen)["data"].clone() };
        let notification = app.take(&payload);
        assert_eq!(notification.message.as_deref(), sent["m"].as_str());
        assert_eq!(app.core.pending().unwrap().len(), 1);
        app.approve(&notification, &step);
        server.finish(&step);
        // The same push again yields the settled sign-on request and changes nothing.
        assert_eq!(app.held(payload.to_string().as_bytes()).state, NotificationState::Approved);
    }
}

#[test]
fn a_plain_phone_gets_whole_messages_of_a_server_that_hints_and_may_not_fetch() {
    let fake = Fake::start();
    let server = server(&fake, HintOnly::WhereKnown);
    let (phone, step) = register(&server, "gcm", "token");
    let push = google_push(&fake.wait_for("Publish", 1)[0].published());
    assert_eq!(push.claims["m"], format!("Login attempt from {USER} at Ping"));
    phone.pull(&server, 0).refused(501);
    assert_eq!(phone.accept(&server, &push, &step).status, 200);
    server.finish(&step);
}

#[test]
fn a_phone_that_knows_hints_gets_whole_messages_of_a_server_that_does_not_hint() {
    let fake = Fake::start();
    let server = server(&fake, HintOnly::Off);
    let step = server.at_qr_code();
    let app = App::scan(&server, &step, CommunicationType::Gcm, KeyChoice::Software);
    let step = to_the_push(&server, &step);
    let seen = fake.wait_for("Publish", 1).remove(0);
    let payload = google(&seen);
    let words = seen_of(&seen, &payload["data"]["message"], fake.port);
    for word in [USER, "Ping", "eyJ", "127.0.0.1", payload["data"]["message"].as_str().unwrap()] {
        assert!(words.iter().any(|found| found == word), "{word} is looked for and found: {words:?}");
    }
    let notification = app.held(payload.to_string().as_bytes());
    assert_eq!(app.ask(&app.core.pull(0).unwrap()[0]), Pulled::NotOffered);
    app.approve(&notification, &step);
    server.finish(&step);
}

#[test]
fn a_hint_of_a_message_that_is_gone_leads_to_a_pull_and_nothing_else() {
    let fake = Fake::start();
    let server = server(&fake, HintOnly::WhereKnown);
    let step = server.at_qr_code();
    let app = App::scan(&server, &step, CommunicationType::Gcm, KeyChoice::Software);
    to_the_push(&server, &step);
    let first = google(&fake.wait_for("Publish", 1)[0])["data"].clone();
    // Another sign-on supersedes the first before the phone asks.
    let step = server.after_password();
    let second = google(&fake.wait_for("Publish", 2)[1])["data"].clone();
    let Received::Hint(hinted) = app.core.receive(first.to_string().as_bytes()).unwrap() else { panic!("a hint") };
    assert_eq!(hinted.message_id, first["messageId"].as_str().unwrap());
    let Pulled::Messages { notifications, .. } = app.ask(&app.core.pull_account(&hinted.account_id, 0).unwrap()) else {
        panic!("messages")
    };
    assert_eq!(notifications.len(), 1);
    assert!(matches!(app.core.receive(first.to_string().as_bytes()), Ok(Received::Hint(_))), "it never came");
    assert_eq!(app.held(second.to_string().as_bytes()).id, notifications[0].id);
    let foreign = json!({"messageId": "id", "mechanismUid": "another"}).to_string();
    assert_eq!(app.core.receive(foreign.as_bytes()), Err(PhoneError::UnknownCredential));
    app.approve(&notifications[0], &step);
    server.finish(&step);
}
