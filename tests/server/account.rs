//! What a signed-in user can do on the pages, through forms alone: phones, recovery codes, and the factor each change
//! needs.

use serde_json::json;

use crate::harness::*;
use crate::journey::SUCCESS;
use crate::pages::{PAGE, after_password, assert_guarded, attribute, submit};

pub const PROFILE: &str = "/am/XUI/profile";
const FIVE_MINUTES: i64 = 5 * 60_000;

/// A signed-in browser.
pub struct Browser<'a> {
    pub server: &'a Server,
    pub cookie: String,
}

impl<'a> Browser<'a> {
    /// Signs in by push.
    pub fn sign_on(server: &'a Server, phone: &Phone) -> Self {
        let step = server.after_password();
        let message = phone.only_message(server);
        assert_eq!(phone.accept(server, &message, &step).status, 200);
        Self { server, cookie: format!("{COOKIE}={}", server.finish(&step)) }
    }

    pub fn get(&self, path: &str) -> Response {
        let page = self.server.request("GET", path, &[("Cookie", &self.cookie)], b"");
        if page.status == 200 {
            assert_guarded(&page);
        }
        page
    }

    fn token(&self) -> String {
        attribute(&self.get(PROFILE).text(), "name=\"token\"", "value")
    }

    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Response {
        let token = self.token();
        let all: Vec<(&str, &str)> = fields.iter().copied().chain([("token", token.as_str())]).collect();
        let origin = format!("http://{}", self.server.address);
        self.server.post_form(path, &[("Cookie", &self.cookie), ("Origin", &origin)], &all)
    }

    /// Returns the address of the form for the device at this position in the list.
    pub fn device(&self, index: usize, action: &str) -> String {
        let html = self.get(PROFILE).text();
        let mark = format!("/{action}\"");
        let form = html.split("<form").filter(|form| form.contains(&mark)).nth(index).expect("such a device");
        attribute(&format!("<form{form}"), "form method", "action")
    }
}

pub fn number_of(page: &Response) -> String {
    page.text().split("class=\"number\">").nth(1).expect("a number").split('<').next().unwrap().to_owned()
}

fn codes_of(page: &Response) -> Vec<String> {
    let html = page.text();
    html.split("<code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
}

pub fn uri_of(page: &Response) -> String {
    attribute(&page.text(), "class=\"registration\"", "href")
}

/// Asserts that the page asks for a second factor and that nothing changed.
fn assert_asks_to_confirm(page: &Response) {
    assert_eq!(page.status, 403, "{}", page.text());
    assert_guarded(page);
    assert!(page.text().contains("Confirm that it is you"), "{}", page.text());
}

#[test]
fn the_page_lists_the_users_own_phones_with_what_can_be_told_of_them() {
    let server = start();
    let phone = server.enrolled();
    server.add_user("other", PASSWORD, None);
    let browser = Browser::sign_on(&server, &phone);
    // A second phone, registered by a sign-on that went no further.
    let scanned = server.sign_on_as("other", PASSWORD).json();
    let step = server.next(&fill(&scanned, 1, json!(0)));
    let others = Phone::scan(&step).with("deviceName", json!("Somebody's"));
    assert_eq!(others.register(&server).status, 200);

    let html = browser.get(PROFILE).text();
    assert_eq!(html.matches("<h3>").count(), 1, "{html}");
    assert!(html.contains("<h3>Pixel</h3>") && html.contains("Android"));
    assert!(html.contains("datetime=\"2030-01-01T00:00:00Z\">2030-01-01 00:00 UTC<"));
    assert!(!html.contains("Not confirmed yet") && !html.contains("Somebody"));
    assert!(html.contains("You have 10 recovery codes left."));
}

#[test]
fn a_phone_is_renamed_and_keeps_the_name_when_its_push_token_changes() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    // Renaming needs no second factor.
    server.clock.advance(FIVE_MINUTES + 1);
    let long = "x".repeat(150);
    for (given, shown) in [
        ("Work phone", "<h3>Work phone</h3>".to_owned()),
        ("<b>\u{202e}bold</b>\u{7}", "<h3>&#60;b&#62;bold&#60;/b&#62;</h3>".to_owned()),
        (&long, format!("<h3>{}</h3>", &long[..100])),
        ("   ", "<h3>Pixel</h3>".to_owned()),
        ("Mine", "<h3>Mine</h3>".to_owned()),
    ] {
        let renamed = browser.post(&browser.device(0, "rename"), &[("name", given)]);
        assert_eq!(renamed.status, 303, "{}", renamed.text());
        let page = browser.get(renamed.header("location").unwrap()).text();
        assert!(page.contains(&shown), "{shown} in {page}");
        assert!(page.contains("role=\"status\">The name is saved."));
    }
    assert_eq!(server.count("audit WHERE event = 'device-renamed' AND user = 'demo' AND address = '127.0.0.1'"), 5);
    let claims = crate::phones::refresh_claims("another token");
    assert_eq!(crate::phones::refresh(&server, &phone, &claims).status, 200);
    assert!(browser.get(PROFILE).text().contains("<h3>Mine</h3>"));
}

#[test]
fn a_phone_is_removed_and_can_approve_nothing_any_more() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    let removed = browser.post(&browser.device(0, "remove"), &[]);
    assert_eq!(removed.header("location"), Some("/am/XUI/profile?done=removed"));
    let page = browser.get("/am/XUI/profile?done=removed").text();
    assert!(page.contains("The phone is removed.") && page.contains("No phone is registered."));
    assert_eq!(server.count("device"), 0);
    assert_eq!(server.count("audit WHERE event = 'device-removed' AND user = 'demo' AND address = '127.0.0.1'"), 1);
    assert_mute(&phone.pull(&server, 0));
}

#[test]
fn ids_of_others_and_of_nobody_are_not_found() {
    let server = start();
    let phone = server.enrolled();
    server.add_user("other", PASSWORD, None);
    let step = server.sign_on_as("other", PASSWORD).json();
    let others = Phone::scan(&server.next(&fill(&step, 1, json!(0))));
    assert_eq!(others.register(&server).status, 200);
    let id = server.text("SELECT id FROM device WHERE user = 'other'");
    let browser = Browser::sign_on(&server, &phone);
    for id in [id.as_str(), "unknown", "%2e%2e", "%ff", "%3Cscript%3E"] {
        for action in ["rename", "remove"] {
            let page = browser.post(&format!("{PROFILE}/devices/{id}/{action}"), &[("name", "mine now")]);
            assert_eq!(page.status, 404, "{id} {action}");
            assert_guarded(&page);
            assert!(page.text().contains("Back to your phones"));
        }
    }
    assert_eq!(server.count("device"), 2);
    assert_eq!(server.count("device WHERE given_name IS NOT NULL"), 0);
    assert_eq!(server.count("audit WHERE event IN ('device-removed', 'device-renamed')"), 0);
}

#[test]
fn a_change_needs_a_second_factor_within_five_minutes_and_a_push_gives_it() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    server.clock.advance(FIVE_MINUTES);
    assert_eq!(browser.post(&format!("{PROFILE}/codes"), &[]).status, 200, "five minutes are within");
    server.clock.advance(1);
    let codes_before = server.text("SELECT group_concat(hex(tag)) FROM recovery_code");
    let remove = browser.device(0, "remove");
    for path in [remove.as_str(), "/am/XUI/profile/add", "/am/XUI/profile/codes"] {
        assert_asks_to_confirm(&browser.post(path, &[]));
    }
    assert_eq!((server.count("device"), server.count("registration WHERE accepted_body IS NULL")), (1, 0));
    assert_eq!(server.text("SELECT group_concat(hex(tag)) FROM recovery_code"), codes_before);

    // Denied on the phone: still signed in, still not confirmed.
    let waiting = browser.post(&format!("{PROFILE}/confirm"), &[]);
    assert_eq!(waiting.status, 200, "{}", waiting.text());
    assert!(waiting.text().contains("href=\"/am/XUI/profile\">Back to your phones"));
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"deny": true})).status, 200);
    let refused = submit(&server, &waiting, &[]);
    assert_eq!(refused.status, 401);
    assert_guarded(&refused);
    assert!(refused.text().contains("Not confirmed") && refused.text().contains("You are still signed in."));
    assert_asks_to_confirm(&browser.post(&remove, &[]));

    // Approved: the same session may make changes for another five minutes.
    let waiting = browser.post(&format!("{PROFILE}/confirm"), &[]);
    let message = phone.only_message(&server);
    let answer = json!({"challengeResponse": number_of(&waiting)});
    assert_eq!(phone.answer(&server, &message, answer).status, 200);
    let done = submit(&server, &waiting, &[]);
    assert_eq!(done.header("location"), Some("/am/XUI/profile?done=confirmed"));
    assert_eq!(done.header("set-cookie"), None, "the session is the same");
    assert!(browser.get("/am/XUI/profile?done=confirmed").text().contains("Confirmed."));
    assert_eq!(browser.post(&remove, &[]).status, 303);
    assert_eq!(server.count("device"), 0);
    let events = server.text("SELECT group_concat(outcome) FROM audit WHERE event = 'step-up'");
    assert_eq!(events, "failure,success");
}

#[test]
fn a_recovery_code_confirms_too_and_without_any_phone_it_is_a_fresh_sign_on() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    let codes = codes_of(&browser.post(&format!("{PROFILE}/codes"), &[]));
    server.clock.advance(FIVE_MINUTES + 1);
    let waiting = browser.post(&format!("{PROFILE}/confirm"), &[]);
    let entry = submit(&server, &waiting, &[("IDToken3", "0")]);
    let done = submit(&server, &entry, &[("IDToken1", &codes[0])]);
    assert_eq!(done.header("location"), Some("/am/XUI/profile?done=confirmed"));
    assert!(browser.get(PROFILE).text().contains("You have 9 recovery codes left."));
    assert_eq!(browser.post(&browser.device(0, "remove"), &[]).status, 303);

    server.clock.advance(FIVE_MINUTES + 1);
    let asked = browser.post(&format!("{PROFILE}/codes"), &[]);
    assert_asks_to_confirm(&asked);
    assert!(!asked.text().contains("/profile/confirm"));
    assert!(asked.text().contains("Sign in again"));
    // Not even by a post that no page offers: a session alone must not be enough to register a phone.
    let end = browser.post(&format!("{PROFILE}/confirm"), &[]);
    let end = if end.status == 200 { submit(&server, &end, &[("IDToken2", "0")]) } else { end };
    assert_eq!(end.status, 401, "{}", end.text());
    assert_eq!(server.count("registration WHERE accepted_body IS NULL"), 0);
}

#[test]
fn a_step_up_that_asked_for_nothing_confirms_nothing() {
    let server = Setup::new()
        .with("PushAuthenticationSenderNode", "mandatory", json!(false))
        .connect("PushAuthenticationSenderNode", "SKIPPED", SUCCESS)
        .start();
    // After a registration the journey ends with the push; later sign-ons skip it.
    let step = server.at_qr_code();
    let phone = Phone::scan(&step);
    assert_eq!(phone.register(&server).status, 200);
    let choice = server.next(&server.next(&step));
    let token = server.finish(&fill(&choice, 0, json!(1)));
    let browser = Browser { server: &server, cookie: format!("{COOKIE}={token}") };
    assert_asks_to_confirm(&browser.post(&format!("{PROFILE}/codes"), &[]));
    let choice = browser.post(&format!("{PROFILE}/confirm"), &[]);
    let end = submit(&server, &choice, &[("IDToken1", "1")]);
    assert_eq!(end.status, 401);
    assert!(end.text().contains("No second factor was passed."), "{}", end.text());
    assert_asks_to_confirm(&browser.post(&format!("{PROFILE}/codes"), &[]));
}

#[test]
fn somebody_else_who_signs_on_within_a_session_confirms_nothing() {
    let setup = Setup::new();
    let first = node_id(&setup.journey, "PageNode");
    let server = setup.connect("PushWaitNode", "EXITED", &first).start();
    let phone = server.enrolled();
    server.add_user("other", PASSWORD, None);
    let step = server.next(&fill(&server.sign_on_as("other", PASSWORD).json(), 1, json!(0)));
    let others = Phone::scan(&step);
    assert_eq!(others.register(&server).status, 200);
    let step = server.next(&server.next(&step));
    assert_eq!(others.accept(&server, &others.only_message(&server), &step).status, 200);
    server.finish(&step);

    let browser = Browser::sign_on(&server, &phone);
    server.clock.advance(FIVE_MINUTES + 1);
    let waiting = browser.post(&format!("{PROFILE}/confirm"), &[]);
    let names = submit(&server, &waiting, &[("IDToken3", "0")]);
    let waiting = submit(&server, &names, &[("IDToken1", "other"), ("IDToken2", PASSWORD)]);
    let answer = json!({"challengeResponse": number_of(&waiting)});
    assert_eq!(others.answer(&server, &others.only_message(&server), answer).status, 200);
    let end = submit(&server, &waiting, &[]);
    assert_eq!(end.status, 401, "{}", end.text());
    assert!(end.text().contains("Not confirmed") && end.text().contains("Somebody else signed on."));
    assert_asks_to_confirm(&browser.post(&format!("{PROFILE}/codes"), &[]));
}

#[test]
fn signing_on_anew_from_a_signed_in_page_leaves_one_session() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    let sessions = server.count("session");
    let page = after_password(&server);
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"challengeResponse": number_of(&page)})).status, 200);
    let action = attribute(&page.text(), "form method", "action");
    let auth_id = attribute(&page.text(), "name=\"authId\"", "value");
    let done = server.post_form(&action, &[("Cookie", &browser.cookie)], &[("authId", &auth_id)]);
    assert_eq!(done.status, 303);
    assert_eq!(server.count("session"), sessions);
    assert_eq!(browser.get(PROFILE).status, 303, "the former session is over");
    // The same form again, now with the new cookie: the same answer, and the session lives on.
    let cookie = done.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let again = server.post_form(&action, &[("Cookie", &cookie)], &[("authId", &auth_id)]);
    assert_eq!(again.header("set-cookie"), done.header("set-cookie"));
    assert_eq!(server.request("GET", PROFILE, &[("Cookie", &cookie)], b"").status, 200);
}

#[test]
fn a_second_phone_is_added_and_approves_its_first_message_itself() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    let qr = browser.post(&format!("{PROFILE}/add"), &[]);
    assert_eq!(qr.status, 200, "{}", qr.text());
    assert_guarded(&qr);
    let second = Phone::read(&uri_of(&qr)).with("deviceName", json!("Tablet")).with("deviceType", json!("ios"));
    assert_eq!(second.register(&server).status, 200);
    assert!(browser.get(PROFILE).text().contains("Not confirmed yet"));
    let codes = submit(&server, &qr, &[]);
    assert_eq!(codes_of(&codes).len(), 10);
    // Copying, downloading and printing need scripts, so the buttons are hidden without them.
    assert!(codes.text().contains("<div class=\"tools\" hidden>"));
    assert!(codes.text().contains("Phone added: <strong class=\"device\">Tablet</strong>"));
    let waiting = submit(&server, &codes, &[]);
    assert!(phone.messages(&server).is_empty(), "only the new phone is asked");
    let message = second.only_message(&server);
    assert_eq!(second.answer(&server, &message, json!({"challengeResponse": number_of(&waiting)})).status, 200);
    let done = submit(&server, &waiting, &[]);
    assert_eq!(done.header("location"), Some("/am/XUI/profile?done=added"));
    let page = browser.get("/am/XUI/profile?done=added").text();
    assert!(page.contains("<h3>Pixel</h3>") && page.contains("<h3>Tablet</h3>") && page.contains("iPhone or iPad"));
    assert!(page.contains("The phone is added.") && !page.contains("Not confirmed yet"));
    assert_eq!(server.count("audit WHERE event = 'device-added' AND outcome = 'success' AND user = 'demo'"), 1);
    assert_eq!(server.count("session"), 1, "adding a phone makes no session, and ends the others");

    // A new phone that does not approve is not kept, and the user stays signed in.
    let qr = browser.post(&format!("{PROFILE}/add"), &[]);
    let third = Phone::read(&uri_of(&qr));
    assert_eq!(third.register(&server).status, 200);
    let waiting = submit(&server, &submit(&server, &qr, &[]), &[]);
    let message = third.only_message(&server);
    assert_eq!(third.answer(&server, &message, json!({"deny": true})).status, 200);
    let refused = submit(&server, &waiting, &[]);
    assert_eq!(refused.status, 401);
    assert!(refused.text().contains("No phone was added") && refused.text().contains("Back to your phones"));
    assert_eq!(browser.get(PROFILE).text().matches("<h3>").count(), 2);
}

#[test]
fn a_journey_within_a_session_ends_with_the_session_and_is_nothing_for_rest() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    let qr = browser.post(&format!("{PROFILE}/add"), &[]);
    let auth_id = attribute(&qr.text(), "name=\"authId\"", "value");
    let second = Phone::read(&uri_of(&qr));
    assert_eq!(browser.post("/am/XUI/logout", &[]).status, 303);
    let stale = submit(&server, &qr, &[]);
    assert_eq!(stale.status, 401);
    assert_guarded(&stale);
    assert!(stale.text().contains("Start again"));
    let rest = json!({"authId": auth_id, "callbacks": [{"type": "TextOutputCallback"}, {"type": "TextOutputCallback"},
        {"type": "HiddenValueCallback", "input": [{"name": "IDToken3", "value": ""}]}, {"type": "PollingWaitCallback"}]});
    server.stale(&rest);
    // The registration URI died with the session.
    assert_eq!(second.register(&server).status, 400);
    assert_eq!(server.count("device"), 1);
    server.stale(&rest);

    // Completed over REST, it gives no token.
    let browser = Browser::sign_on(&server, &phone);
    server.clock.advance(FIVE_MINUTES + 1);
    let waiting = browser.post(&format!("{PROFILE}/confirm"), &[]);
    let message = phone.only_message(&server);
    assert_eq!(phone.answer(&server, &message, json!({"challengeResponse": number_of(&waiting)})).status, 200);
    let step = json!({"authId": attribute(&waiting.text(), "name=\"authId\"", "value"), "callbacks": [
        {"type": "HiddenValueCallback", "input": [{"name": "IDToken1", "value": ""}]},
        {"type": "PollingWaitCallback"},
        {"type": "ConfirmationCallback", "input": [{"name": "IDToken3", "value": 100}]}]});
    server.post(&step).refused(400);
}

#[test]
fn new_codes_take_the_place_of_the_old_and_are_shown_once() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    let old = codes_of(&browser.post(&format!("{PROFILE}/codes"), &[]));
    let page = browser.post(&format!("{PROFILE}/codes"), &[]);
    assert_guarded(&page);
    let new = codes_of(&page);
    assert_eq!(new.len(), 10);
    assert!(old.iter().all(|code| !new.contains(code)));
    assert!(!browser.get(PROFILE).text().contains(&new[0]));
    assert_eq!(server.count("audit WHERE event = 'recovery-codes-made' AND user = 'demo'"), 2);
    let enter = |code: &str| {
        let entry = submit(&server, &after_password(&server), &[("IDToken3", "0")]);
        submit(&server, &entry, &[("IDToken1", code)])
    };
    let refused = enter(&old[0]);
    assert_eq!(refused.status, 200, "asked again");
    assert!(refused.text().contains("role=\"alert\">The recovery code is wrong or was used already."));
    assert_eq!(enter(&new[0]).status, 303);
}

#[test]
fn after_a_recovery_code_a_page_offers_what_to_do_about_a_lost_phone() {
    let server = start();
    let phone = server.enrolled();
    let codes = codes_of(&Browser::sign_on(&server, &phone).post(&format!("{PROFILE}/codes"), &[]));
    let entry = submit(&server, &after_password(&server), &[("IDToken3", "0")]);
    let done = submit(&server, &entry, &[("IDToken1", &codes[0])]);
    assert_eq!(done.header("location"), Some("/am/XUI/lost-phone?realm=/alpha"));
    let cookie = done.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let browser = Browser { server: &server, cookie };
    let page = browser.get("/am/XUI/lost-phone").text();
    for offer in ["Is your phone lost?", "<h3>Pixel</h3>", "Add a phone", "Take new codes", "I still have my phone"] {
        assert!(page.contains(offer), "{offer} in {page}");
    }
    // The recovery code was a second factor, so every change works at once and leads back here.
    let removed = browser.post(&browser.device(0, "remove"), &[("from", "lost-phone")]);
    assert_eq!(removed.header("location"), Some("/am/XUI/lost-phone?done=removed"));
    assert!(browser.get("/am/XUI/lost-phone?done=removed").text().contains("No phone is registered."));
    let qr = browser.post(&format!("{PROFILE}/add"), &[]);
    assert!(uri_of(&qr).starts_with("pushauth://"));
    assert_eq!(server.get("/am/XUI/lost-phone").header("location"), Some(PAGE), "only with a session");
}

#[test]
fn this_is_not_my_phone_removes_it_and_ends_the_sign_on() {
    let server = start();
    let qr = submit(&server, &after_password(&server), &[("IDToken2", "0")]);
    let strangers = Phone::read(&uri_of(&qr)).with("deviceName", json!("<i>Stranger's"));
    assert_eq!(strangers.register(&server).status, 200);
    let codes = submit(&server, &qr, &[]);
    assert!(codes.text().contains("<strong class=\"device\">&#60;i&#62;Stranger&#39;s</strong>"), "{}", codes.text());
    let auth_id = attribute(&codes.text(), "name=\"authId\"", "value");
    let reject_device = |origin: &str, auth_id: &str| {
        server.post_form("/am/XUI/not-my-phone", &[("Origin", origin)], &[("authId", auth_id)])
    };
    assert_eq!(reject_device("https://evil.example", &auth_id).status, 403);
    let own = format!("http://{}", server.address);
    assert_eq!(reject_device(&own, "nonsense").status, 400);
    assert_eq!(server.count("device"), 1);
    let ended = reject_device(&own, &auth_id);
    assert_eq!(ended.status, 401);
    assert_guarded(&ended);
    assert!(ended.text().contains("Not signed in") && ended.text().contains("The phone was removed"));
    assert_eq!((server.count("device"), server.count("recovery_code"), server.count("session")), (0, 0, 0));
    assert_eq!(server.count("audit WHERE event = 'device-disowned' AND user = 'demo' AND address = '127.0.0.1'"), 1);
    assert_eq!(server.count("audit WHERE event = 'sign-on' AND outcome = 'failure'"), 1);
    assert_eq!(submit(&server, &codes, &[]).status, 401, "the sign-on is over");
    assert_eq!(reject_device(&own, &auth_id).status, 401);
    assert_mute(&strangers.pull(&server, 0));
}

#[test]
fn only_the_sign_on_that_added_a_phone_can_disown_it() {
    let server = start();
    let phone = server.enrolled();
    let page = after_password(&server);
    let auth_id = attribute(&page.text(), "name=\"authId\"", "value");
    assert_eq!(server.post_form("/am/XUI/not-my-phone", &[], &[("authId", &auth_id)]).status, 401);
    assert_eq!(server.post_form("/am/XUI/not-my-phone", &[], &[]).status, 400);
    assert_eq!(server.count("device"), 1);
    assert_eq!(phone.messages(&server).len(), 1, "and that sign-on goes on");
}

#[test]
fn every_form_needs_the_sessions_own_token_and_a_page_of_this_site() {
    let server = start();
    let phone = server.enrolled();
    let browser = Browser::sign_on(&server, &phone);
    let other = Browser::sign_on(&server, &phone);
    let (token, strange) = (browser.token(), other.token());
    let (rename, remove) = (browser.device(0, "rename"), browser.device(0, "remove"));
    let paths = [&rename, &remove, "/am/XUI/profile/add", "/am/XUI/profile/codes", "/am/XUI/profile/confirm"];
    let before = server.count("audit");
    let tags = server.text("SELECT group_concat(hex(tag)) FROM recovery_code");
    for path in paths.into_iter().chain(["/am/XUI/logout"]) {
        for fields in
            [&[][..], &[("token", "")], &[("token", "AAAA")], &[("token", &token[1..])], &[("token", &strange)]]
        {
            let refused = server.post_form(path, &[("Cookie", &browser.cookie)], fields);
            assert_eq!(refused.status, 403, "{path} {fields:?}");
            assert_guarded(&refused);
        }
        let foreign = [("Cookie", browser.cookie.as_str()), ("Origin", "https://evil.example")];
        assert_eq!(server.post_form(path, &foreign, &[("token", &token)]).status, 403, "{path}");
        // Opening the address with a GET changes nothing.
        let looked = browser.get(path);
        match path {
            _ if [rename.as_str(), remove.as_str(), "/am/XUI/logout"].contains(&path) => assert_eq!(looked.status, 405),
            _ => assert_eq!(looked.header("location"), Some(PROFILE), "{path}"),
        }
        // Without a session, the server redirects to the sign-in page.
        assert_eq!(server.post_form(path, &[], &[("token", &token)]).header("location"), Some(PAGE), "{path}");
        let large = "x".repeat(70_000);
        let refused = server.post_form(path, &[("Cookie", &browser.cookie)], &[("token", &large)]);
        assert_eq!(refused.status, 413, "{path}");
    }
    assert_eq!(server.count("audit WHERE event <> 'request'"), before);
    assert_eq!(server.audited("event = 'request' AND outcome = 'too-large'"), 6);
    assert_eq!(server.text("SELECT group_concat(hex(tag)) FROM recovery_code"), tags);
    assert_eq!(server.count("device WHERE given_name IS NULL"), 1);
}

#[test]
fn steps_tell_how_long_they_are_good_for() {
    let server = start();
    let qr = submit(&server, &after_password(&server), &[("IDToken2", "0")]);
    assert!(qr.text().contains("data-seconds=\"60\""), "{}", qr.text());
    assert!(qr.text().contains("Good for 1:00 minutes"));
    assert!(qr.text().contains("<button class=\"without-script\">Continue</button>"));
    assert!(qr.text().contains("<html lang=\"en\">") && qr.header("vary") == Some("accept-language"), "{qr:?}");
    server.clock.advance(20_500);
    let again = submit(&server, &qr, &[]);
    assert!(again.text().contains("data-seconds=\"39\""), "{}", again.text());
    server.clock.advance(60_000);
    let app = submit(&server, &again, &[]);
    assert!(app.text().contains("role=\"alert\">The QR code was not scanned in time."), "{}", app.text());
    assert!(app.text().contains("Apple App Store") && !app.text().contains("data-seconds"));

    let phone = server.enrolled();
    let waiting = after_password(&server);
    assert!(waiting.text().contains("data-seconds=\"120\"") && waiting.text().contains("Good for 2:00 minutes"));
    server.clock.advance(120_000);
    let resent = submit(&server, &waiting, &[]);
    assert!(resent.text().contains("role=\"alert\">The message on the phone was not answered in time."));
    assert!(resent.text().contains("data-seconds=\"120\""));
    assert_eq!(phone.messages(&server).len(), 1);
}
