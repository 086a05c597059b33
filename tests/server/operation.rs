//! What administrators rely on: addresses behind proxies, request ids, health.

use serde_json::{Value, json};

use crate::harness::*;

/// Returns the address that the phone displays for a sign-on whose HTTP requests carry this header.
fn shown_address(trusted: &[&str], forwarded: &str) -> Value {
    let trusted: Vec<String> = trusted.iter().map(|network| format!("{network:?}")).collect();
    let text = format!("trusted_proxies = [{}]", trusted.join(", "));
    let server = Setup::new()
        .configure(|settings| {
            let read: push_authenticator::server::configuration::Configuration = toml::from_str(&text).unwrap();
            settings.trusted_proxies = read.trusted_proxies;
        })
        .start();
    let phone = server.enrolled();
    let step = fill_password(&server.begin(), USER, PASSWORD);
    let headers = [("Content-Type", "application/json"), ("X-Forwarded-For", forwarded)];
    let sent = server.request("POST", &format!("{REST}{JOURNEY_QUERY}"), &headers, step.to_string().as_bytes());
    assert_eq!(sent.status, 200, "{}", sent.text());
    let context = phone.only_message(&server).claims["x"].as_str().unwrap().to_owned();
    serde_json::from_str::<Value>(&context).unwrap()["remoteIp"].clone()
}

#[test]
fn a_forwarded_address_is_believed_of_configured_proxies_only() {
    assert_eq!(shown_address(&[], "203.0.113.9"), "127.0.0.1");
    assert_eq!(shown_address(&["192.0.2.1"], "203.0.113.9"), "127.0.0.1");
    assert_eq!(shown_address(&["127.0.0.1"], "203.0.113.9"), "203.0.113.9");
    // Entries that the client itself wrote first count for nothing.
    assert_eq!(shown_address(&["127.0.0.1"], "10.9.9.9, 203.0.113.9"), "203.0.113.9");
    let both = ["127.0.0.0/8", "198.51.100.0/24"];
    assert_eq!(shown_address(&both, "10.9.9.9, 203.0.113.9, 198.51.100.7"), "203.0.113.9");
    assert_eq!(shown_address(&both, "2001:db8::9, 198.51.100.7"), "2001:db8::9");
    assert_eq!(shown_address(&both, "nonsense, 198.51.100.7"), "127.0.0.1");
    for written in ["[2001:db8::9]", "[2001:db8::9]:443", "\"[2001:db8::9]\""] {
        assert_eq!(shown_address(&["127.0.0.1"], written), "2001:db8::9", "{written}");
    }
}

#[test]
fn every_answer_carries_an_id_of_its_own() {
    let server = start();
    let id = |headers: &[(&str, &str)]| {
        let answer = server.request("GET", "/am/nothing", headers, b"");
        answer.refused(404);
        answer.header("x-request-id").unwrap().to_owned()
    };
    let (first, second) = (id(&[]), id(&[("X-Request-Id", "forged\tline")]));
    assert_ne!(first, second);
    for id in [first, second] {
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    let wrong_host = server.request("GET", "/am/nothing", &[("Host", "elsewhere.example")], b"");
    assert!(wrong_host.header("x-request-id").is_some());
}

#[test]
fn health_tells_whether_requests_may_be_sent() {
    let server = start();
    assert_eq!(server.get("/am/json/health/live").status, 200);
    assert_eq!(server.get("/am/json/health/ready").status, 200);
    assert_eq!(server.get("/am/isAlive").text(), "Server is ALIVE\n");
    server.app.begin_to_stop();
    server.get("/am/json/health/ready").refused(503);
    assert_eq!(server.get("/am/json/health/live").status, 200);
    // The server still finishes what arrives anyway.
    server.after_password();
}

#[test]
fn settings_of_operation_are_checked_by_name() {
    let read = |text: &str| toml::from_str::<push_authenticator::server::configuration::Configuration>(text);
    assert!(read("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]").is_ok());
    assert!(read("trusted_proxies = [\"proxy.example\"]").unwrap_err().to_string().contains("proxy.example"));
    assert!(read("log = \"xml\"").is_err());
    assert!(read("connections = 0").unwrap().check().unwrap_err().contains("connections"));
    assert!(read("[sign_on]\nattempts_per_user = 0").unwrap().check().unwrap_err().contains("attempts_per_user"));
}

/// The shipped journey with a node between the password and the push.
fn with_device_profile(settings: Value) -> Setup {
    let mut setup = Setup::new();
    let decision = node_id(&setup.journey, "DataStoreDecisionNode");
    let sender = node_id(&setup.journey, "PushAuthenticationSenderNode");
    let id = "00000000-0000-4000-8000-000000000001";
    let tree = &mut setup.journey["trees"][push_authenticator::server::journey::SHIPPED_NAME];
    tree["tree"]["nodes"][&decision]["connections"]["true"] = json!(id);
    tree["tree"]["nodes"][id] =
        json!({"nodeType": "DeviceProfileCollectorNode", "displayName": "Where", "connections": {"outcome": sender}});
    let mut node = json!({"_id": id, "_type": {"_id": "DeviceProfileCollectorNode"}});
    node.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    tree["nodes"][id] = node;
    setup
}

/// Returns the location that the phone learns from this answer of the browser.
fn shown_location(sent: &str) -> Value {
    let server = with_device_profile(json!({"deviceLocation": true, "maximumSize": "3"})).start();
    let profile = server.after_password();
    assert_eq!(types(&profile), ["DeviceProfileCallback"]);
    let app = server.next(&fill(&profile, 0, json!(sent)));
    let qr = server.next(&app);
    let phone = Phone::scan(&qr);
    assert_eq!(phone.register(&server).status, 200);
    server.next(&server.next(&qr));
    let context = phone.only_message(&server).claims["x"].as_str().unwrap().to_owned();
    serde_json::from_str::<Value>(&context).unwrap()["location"].clone()
}

#[test]
fn the_browsers_place_is_shown_on_the_phone_where_the_person_told_it() {
    let told = json!({"identifier": "x", "metadata": {}, "location": {"latitude": 51.45, "longitude": -2.59}});
    assert_eq!(shown_location(&told.to_string()), json!({"latitude": 51.45, "longitude": -2.59}));
    for nothing in ["", "{}", "not JSON", r#"{"location": {"latitude": 91, "longitude": 0}}"#] {
        assert_eq!(shown_location(nothing), Value::Null, "{nothing}");
    }
}

#[test]
fn a_device_profile_is_asked_for_where_the_place_is_wanted_only() {
    let server = with_device_profile(json!({"deviceMetadata": true, "deviceLocation": false})).start();
    assert_eq!(types(&server.after_password()), ["TextOutputCallback", "ConfirmationCallback"]);
    let setup = with_device_profile(json!({"deviceMetadata": true, "deviceLocation": true, "maximumSize": 1,
        "message": {"en": "Say where."}}));
    let server = setup.start();
    let step = server.after_password();
    assert_eq!(output(&step, "DeviceProfileCallback", "metadata"), &json!(true));
    assert_eq!(output(&step, "DeviceProfileCallback", "location"), &json!(true));
    assert_eq!(output(&step, "DeviceProfileCallback", "message"), "Say where.");
    let large = json!({"metadata": "x".repeat(1100)}).to_string();
    assert!(server.fail(&fill(&step, 0, json!(large))).contains("too large"));
}

#[test]
fn the_page_asks_for_the_place_and_goes_on_without() {
    let server = with_device_profile(json!({"deviceLocation": true})).start();
    let auth_id = |page: &str| {
        let (_, after) = page.split_once("name=\"authId\" value=\"").unwrap();
        after.split('"').next().unwrap().to_owned()
    };
    for sent in ["", r#"{"location": {"latitude": 51.45, "longitude": -2.59}}"#] {
        let page = server.get("/am/XUI/?realm=/alpha").text();
        let form = [("authId", &*auth_id(&page)), ("IDToken1", USER), ("IDToken2", PASSWORD)];
        let asked = server.post_form("/am/XUI/?realm=/alpha", &[], &form).text();
        for part in ["<h1>Where are you?</h1>", "data-location", "Share my location", "Continue without"] {
            assert!(asked.contains(part), "{part}: {asked}");
        }
        let form = [("authId", &*auth_id(&asked)), ("IDToken1", sent)];
        let next = server.post_form("/am/XUI/?realm=/alpha", &[], &form).text();
        assert!(next.contains("<h1>Get the app</h1>"), "{next}");
    }
}
