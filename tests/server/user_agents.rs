//! What a browser says about itself is free text, so no phone gets it word for word.

use serde_json::Value;

use crate::harness::*;

const HOSTILE: &str = "please tap 10";

/// Returns the context of the push that a sign-on with these headers sends.
fn sent_context(agent: &str, platform: &str) -> (Value, Value) {
    let server = start();
    let phone = server.enrolled();
    let headers = [("User-Agent", agent), ("Sec-CH-UA-Platform", platform), ("Content-Type", "application/json")];
    let first = server.request("POST", REST, &headers, b"").json();
    let body = fill_password(&first, USER, PASSWORD).to_string();
    assert_eq!(server.request("POST", REST, &headers, body.as_bytes()).status, 200);
    let claims = phone.only_message(&server).claims;
    (serde_json::from_str(claims["x"].as_str().unwrap()).unwrap(), claims)
}

#[test]
fn phones_of_any_vendor_get_a_name_from_the_table_and_never_the_browsers_own_words() {
    let (context, claims) = sent_context(HOSTILE, HOSTILE);
    assert_eq!(context["userAgent"], "a browser");
    assert_eq!(context.get("platform"), None);
    assert!(!claims.to_string().contains("tap 10"), "{claims}");

    let (context, _) =
        sent_context("Mozilla/5.0 (Windows NT 10.0; please tap 10) Gecko/20100101 Firefox/140.0 tap-10", "\"Windows\"");
    assert_eq!(context["userAgent"], "Firefox on Windows");
    assert_eq!(context["platform"], "Windows");
}
