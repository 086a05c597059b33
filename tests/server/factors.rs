//! Changes of phones, recovery codes and passwords: what the server tells the user, and which sessions end.

use push_authenticator::server::webhook::WebhookSettings;
use serde_json::{Value, json};

use crate::account::{Browser, PROFILE, number_of, uri_of};
use crate::harness::*;
use crate::pages::{attribute, submit};
use crate::receiver::Receiver;
use crate::webhook::write_secret;

const DEVICES: &str = "/am/json/realms/root/realms/alpha/users/demo/devices/2fa/push";

/// Returns the notices on the signed-in page, newest first.
fn notices(browser: &Browser) -> Vec<String> {
    let html = browser.get(PROFILE).text();
    let Some(section) = html.split("<section class=\"notices\"").nth(1) else { return Vec::new() };
    let section = section.split("</section>").next().unwrap();
    assert!(section.contains("Was it not you?") && section.contains("Dismiss"), "{section}");
    section.split("<li>").skip(1).map(|item| item.split('<').next().unwrap().to_owned()).collect()
}

fn dismiss(browser: &Browser) {
    let seen = attribute(&browser.get(PROFILE).text(), "name=\"seen\"", "value");
    let dismissed = browser.post(&format!("{PROFILE}/notices"), &[("seen", &seen)]);
    assert_eq!((dismissed.status, dismissed.header("location")), (303, Some(PROFILE)));
    assert_eq!(notices(browser), Vec::<String>::new());
}

fn is_signed_in(browser: &Browser) -> bool {
    browser.get(PROFILE).status == 200
}

/// Adds a second phone in this browser's session, up to its approval.
fn add_phone(server: &Server, browser: &Browser, name: &str) -> Phone {
    // Phones are listed in the order of registration.
    server.clock.advance(1000);
    let qr = browser.post(&format!("{PROFILE}/add"), &[]);
    let phone = Phone::read(&uri_of(&qr)).with("deviceName", json!(name));
    assert_eq!(phone.register(server).status, 200);
    let waiting = submit(server, &submit(server, &qr, &[]), &[]);
    let message = phone.only_message(server);
    assert_eq!(phone.answer(server, &message, json!({"challengeResponse": number_of(&waiting)})).status, 200);
    let done = submit(server, &waiting, &[]);
    assert_eq!(done.header("location"), Some("/am/XUI/profile?done=added"));
    phone
}

#[test]
fn the_page_tells_of_each_change_until_it_is_dismissed() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    let made = "New recovery codes were made, and the old ones no longer work";
    assert_eq!(notices(&browser), [made, "The phone Pixel was added"]);
    let html = browser.get(PROFILE).text();
    assert!(html.contains("datetime=\"2030-01-01T00:00:00Z\">2030-01-01 00:00 UTC<"), "a date for people: {html}");
    dismiss(&browser);

    assert_eq!(browser.post(&format!("{PROFILE}/codes"), &[]).status, 200);
    assert_eq!(notices(&browser), [made]);
    dismiss(&browser);
    add_phone(&server, &browser, "<b>Tablet</b>");
    assert_eq!(notices(&browser)[..2], [made, "The phone &#60;b&#62;Tablet&#60;/b&#62; was added"]);
    dismiss(&browser);
    let tablet = browser.device(1, "remove");
    assert_eq!(browser.post(&tablet, &[]).status, 303);
    assert_eq!(notices(&browser), ["The phone &#60;b&#62;Tablet&#60;/b&#62; was removed"]);
    // The notice stays for the next browser, for at most three months.
    let another = Browser::sign_on(&server, &phone);
    assert_eq!(notices(&another).len(), 1);
    server.clock.advance(91 * 24 * 3_600_000);
    server.runtime.block_on(server.app.sweep()).unwrap();
    assert_eq!(server.count("notice"), 0);
}

#[test]
fn only_what_the_user_saw_is_dismissed_and_only_with_the_sessions_token() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    let seen = attribute(&browser.get(PROFILE).text(), "name=\"seen\"", "value");
    assert_eq!(browser.post(&format!("{PROFILE}/codes"), &[]).status, 200);
    // A post from another page dismisses nothing.
    let origin = format!("http://{}", server.address);
    let forged = server.post_form(
        &format!("{PROFILE}/notices"),
        &[("Cookie", &browser.cookie), ("Origin", &origin)],
        &[("seen", "999"), ("token", "AAAA")],
    );
    assert_eq!((forged.status, notices(&browser).len()), (403, 3));
    assert_eq!(browser.post(&format!("{PROFILE}/notices"), &[("seen", &seen)]).status, 303);
    assert_eq!(notices(&browser).len(), 1, "what came after the page was shown is still told");
    // The server keeps at most twenty.
    for _ in 0..25 {
        assert_eq!(browser.post(&format!("{PROFILE}/codes"), &[]).status, 200);
    }
    assert_eq!(server.count("notice"), 20);
}

#[test]
fn a_phone_that_went_before_it_was_confirmed_is_not_told_as_added() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    dismiss(&browser);
    let qr = browser.post(&format!("{PROFILE}/add"), &[]);
    assert_eq!(Phone::read(&uri_of(&qr)).register(&server).status, 200);
    assert_eq!(notices(&browser), ["The phone Pixel was added"]);
    rusqlite::Connection::open(server.database_file())
        .unwrap()
        .execute("DELETE FROM device WHERE provisional_journey IS NOT NULL", [])
        .unwrap();
    assert_eq!(notices(&browser), Vec::<String>::new());
}

#[test]
fn other_sessions_end_when_a_factor_changes_and_the_acting_one_stays() {
    let server = start();
    let phone = server.enrolled();
    let [acting, other] = [(); 2].map(|()| Browser::sign_on(&server, &phone));
    // Renaming changes no factor.
    let rename = acting.device(0, "rename");
    assert_eq!(acting.post(&rename, &[("name", "Mine")]).status, 303);
    assert!(is_signed_in(&other));
    assert_eq!(acting.post(&format!("{PROFILE}/codes"), &[]).status, 200);
    assert!(is_signed_in(&acting) && !is_signed_in(&other));

    let other = Browser::sign_on(&server, &phone);
    let second = add_phone(&server, &acting, "Tablet");
    assert!(is_signed_in(&acting) && !is_signed_in(&other));

    // The message goes to both phones; the second one denies nothing.
    let step = server.after_password();
    let message = second.only_message(&server);
    assert_eq!(second.accept(&server, &message, &step).status, 200);
    let rest = server.finish(&step);
    let third = Browser { server: &server, cookie: format!("{COOKIE}={rest}") };
    assert!(is_signed_in(&third));
    let tablet = acting.device(1, "remove");
    assert_eq!(acting.post(&tablet, &[]).status, 303);
    assert!(is_signed_in(&acting) && !is_signed_in(&third));

    // The same over REST.
    let other = Browser::sign_on(&server, &phone);
    let token = acting.cookie.split('=').nth(1).unwrap();
    let headers = [(COOKIE, token), ("Accept-API-Version", "resource=1.0")];
    let reset = server.request("POST", &format!("{DEVICES}?_action=reset"), &headers, b"");
    assert_eq!(reset.status, 200, "{}", reset.text());
    assert!(is_signed_in(&acting) && !is_signed_in(&other));
    // A sign-on that registers a phone ends earlier sessions.
    server.enrolled();
    assert!(!is_signed_in(&acting));
    assert_eq!(server.count("session"), 1);
}

#[test]
fn a_sign_on_that_changes_nothing_ends_no_session() {
    let server = start();
    let phone = server.enrolled();
    let [one, other] = [(); 2].map(|()| Browser::sign_on(&server, &phone));
    assert!(is_signed_in(&one) && is_signed_in(&other));
    let step = server.after_password();
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"deny": true})).status, 200);
    server.fail(&step);
    // A sign-on that only registers a phone and goes no further ends none either.
    server.add_user("other", PASSWORD, None);
    server.sign_on_as("other", PASSWORD);
    assert!(is_signed_in(&one) && is_signed_in(&other));
}

#[test]
fn the_webhook_hears_of_changes() {
    let receiver = Receiver::start();
    let folder = tempfile::tempdir().unwrap();
    let settings = WebhookSettings {
        url: format!("http://{}/", receiver.address).parse().unwrap(),
        secret_file: Some(write_secret(folder.path(), &[&[7; 32]])),
        give_up_hours: 72,
        ca_file: None,
    };
    let server = Setup::new().configure(|configuration| configuration.webhook = Some(settings)).start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    let device = json!({"id": server.text("SELECT id FROM device"), "name": "Pixel"});
    assert_eq!(browser.post(&format!("{PROFILE}/codes"), &[]).status, 200);
    let remove = browser.device(0, "remove");
    assert_eq!(browser.post(&remove, &[]).status, 303);
    let told: Vec<Value> = receiver.wait_for(4).iter().map(|seen| seen.json()).collect();
    let expected = [
        ("device.added", json!({"user": USER, "device": device, "by": "user"})),
        ("recovery_codes.made", json!({"user": USER, "by": "user"})),
        ("recovery_codes.made", json!({"user": USER, "by": "user"})),
        ("device.removed", json!({"user": USER, "device": device, "by": "user"})),
    ];
    for (told, (kind, data)) in told.iter().zip(&expected) {
        assert_eq!((&told["type"], &told["data"]), (&json!(kind), data));
    }
    // A phone rejected by its own sign-on is removed, and the server reports that as well.
    receiver.forget();
    let (phone, _) = server.registered();
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"deny": true})).status, 200);
    let kinds: Vec<Value> = receiver.wait_for(3).iter().map(|seen| seen.json()["type"].clone()).collect();
    assert_eq!(kinds, ["device.added", "recovery_codes.made", "device.removed"]);
}
