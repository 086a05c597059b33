//! Known browsers, users whose passwords only known browsers may try, and the password queue.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use push_authenticator::ports::SystemEntropy;
use push_authenticator::server::open_data;
use push_authenticator::server::store::{StoreError, Transaction, known_browsers, users};

use crate::harness::*;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const WRONG: &str = "The user name or the password is wrong.";

/// Answers a step with cookies and from an address.
fn post(server: &Server, step: &Value, cookie: &str, address: &str) -> Response {
    let headers = [("Content-Type", "application/json"), ("Cookie", cookie), ("X-Forwarded-For", address)];
    server.request("POST", &format!("{REST}{JOURNEY_QUERY}"), &headers, step.to_string().as_bytes())
}

fn sign_in(server: &Server, name: &str, password: &str, cookie: &str) -> Response {
    post(server, &fill_password(&server.begin(), name, password), cookie, "192.0.2.1")
}

fn known_browser_cookies(response: &Response) -> Vec<String> {
    let set = |(name, value): &(String, String)| {
        (name.eq_ignore_ascii_case("set-cookie") && value.contains("known-browser=")).then(|| value.clone())
    };
    response.headers.iter().filter_map(set).collect()
}

/// Signs a user in with both factors, registering the phone on the way, and returns the cookie.
fn sign_in_with_both(server: &Server) -> (Phone, String) {
    let (phone, step) = server.registered();
    let message = phone.only_message(server);
    assert_eq!(phone.accept(server, &message, &step).status, 200);
    let response = server.post(&step);
    assert!(response.json()["tokenId"].is_string(), "{}", response.text());
    let set = known_browser_cookies(&response);
    assert_eq!(set.len(), 1, "{set:?}");
    (phone, set[0].split(';').next().unwrap().to_owned())
}

/// Signs in again with the phone, in the browser that has this cookie.
fn sign_in_again(server: &Server, phone: &Phone, cookie: &str) -> Response {
    let response = sign_in(server, USER, PASSWORD, cookie);
    assert_eq!(response.status, 200, "{}", response.text());
    let step = response.json();
    let message = phone.only_message(server);
    assert_eq!(phone.accept(server, &message, &step).status, 200);
    post(server, &step, cookie, "192.0.2.1")
}

/// Changes the store as a command beside the server does.
fn beside(server: &Server, work: impl FnOnce(&Transaction) -> Result<(), StoreError> + Send + 'static) {
    let (_, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    store.run_blocking(work).unwrap();
}

/// Waits for writes that the server does not wait for, and counts the rows.
fn count(server: &Server, from: &str) -> i64 {
    server.audited("1");
    server.count(from)
}

#[test]
fn wrong_passwords_of_a_stranger_do_not_lock_the_owner_out() {
    let server = Setup::new().behind_a_proxy().configure(|settings| settings.sign_on.attempts_per_user = 10).start();
    let (_phone, cookie) = sign_in_with_both(&server);
    for _ in 0..10 {
        assert_eq!(sign_in(&server, USER, "wrong", "").status, 401);
    }
    assert_eq!(sign_in(&server, USER, PASSWORD, "").status, 429);
    assert_eq!(sign_in(&server, USER, PASSWORD, &cookie).status, 200);
    // The known browser's own allowance also runs out, and it belongs to this user alone.
    for _ in 0..10 {
        assert_eq!(sign_in(&server, USER, "wrong", &cookie).status, 401);
    }
    assert_eq!(sign_in(&server, USER, PASSWORD, &cookie).status, 429);
    for _ in 0..10 {
        assert_eq!(sign_in(&server, "nobody", "wrong", &cookie).status, 401);
    }
    assert_eq!(sign_in(&server, "nobody", "wrong", &cookie).status, 429);
}

#[test]
fn the_cookie_comes_after_both_factors_and_stays_with_this_host() {
    let server = start();
    let first = server.sign_on_as(USER, PASSWORD);
    assert_eq!(known_browser_cookies(&first), [] as [String; 0]);
    assert_eq!(server.count("known_browser"), 0);
    let (phone, cookie) = sign_in_with_both(&server);
    let renewed = known_browser_cookies(&sign_in_again(&server, &phone, &cookie));
    assert!(renewed[0].starts_with("known-browser="), "{renewed:?}");
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=7776000"] {
        assert!(renewed[0].contains(attribute), "{renewed:?}");
    }
    assert!(!renewed[0].contains("Domain") && !renewed[0].contains(USER), "{renewed:?}");
    assert_eq!(server.count("known_browser"), 1, "the same browser");
    // Over https, the cookie has the prefix that ties it to this host.
    let mut server = server;
    server.configuration.public_url = Some("https://am.example.com/am".parse().unwrap());
    let server = server.restart();
    let set = known_browser_cookies(&sign_in_again(&server, &phone, &cookie));
    assert!(set[0].starts_with("__Host-known-browser=") && set[0].contains("; Path=/;"), "{set:?}");
    assert!(set[0].contains("; Secure"), "{set:?}");
    assert_eq!(server.count("known_browser"), 2, "the name without the prefix is not read");
}

#[test]
fn the_hosted_pages_set_the_cookie_too() {
    let server = start();
    let (phone, _) = sign_in_with_both(&server);
    let step = server.after_password();
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    let form = [("authId", step["authId"].as_str().unwrap())];
    let response = server.post_form("/am/XUI/?realm=/alpha", &[], &form);
    assert_eq!(response.status, 303, "{}", response.text());
    assert_eq!(known_browser_cookies(&response).len(), 1);
}

#[test]
fn what_makes_a_known_browser_void() {
    type Void = (&'static str, fn(&Server));
    let voids: [Void; 5] = [
        ("a password change", |server| beside(server, |transaction| users::set_password(transaction, USER, "x"))),
        ("a freeze", |server| beside(server, |transaction| users::freeze(transaction, USER, i64::MAX))),
        ("a lock", |server| server.lock_user(USER, true)),
        ("a removed user", |server| beside(server, |transaction| users::remove(transaction, USER).map(|_| ()))),
        ("its time", |server| {
            server.clock.advance(90 * DAY);
            server.runtime.block_on(server.app.sweep()).unwrap();
        }),
    ];
    for (what, make_void) in voids {
        let server = Setup::new().behind_a_proxy().configure(|settings| settings.sign_on.attempts_per_user = 1).start();
        let (_phone, cookie) = sign_in_with_both(&server);
        make_void(&server);
        assert_eq!(server.count("known_browser"), 0, "{what}");
        assert_eq!(sign_in(&server, USER, "wrong", "").status, 401, "{what}");
        assert_eq!(sign_in(&server, USER, "wrong", &cookie).status, 429, "{what}: it counts like any other");
    }
}

#[test]
fn a_removed_phone_makes_known_browsers_void() {
    let server = start();
    let (phone, _) = sign_in_with_both(&server);
    let token = sign_in_again(&server, &phone, "").json()["tokenId"].as_str().unwrap().to_owned();
    assert_eq!(server.count("known_browser"), 2);
    let id = server.text("SELECT id FROM device");
    let path = format!("/am/json/realms/root/realms/alpha/users/{USER}/devices/2fa/push/{id}");
    let cookie = format!("iPlanetDirectoryPro={token}");
    let headers = [("Cookie", cookie.as_str()), ("Accept-API-Version", "resource=1.0"), ("X-Requested-With", "test")];
    let removed = server.request("DELETE", &path, &headers, b"");
    assert_eq!(removed.status, 200, "{}", removed.text());
    assert_eq!(server.count("known_browser"), 0);
}

#[test]
fn a_cookie_that_was_changed_is_none() {
    let server = Setup::new().behind_a_proxy().configure(|settings| settings.sign_on.attempts_per_user = 1).start();
    let (_phone, cookie) = sign_in_with_both(&server);
    assert_eq!(sign_in(&server, USER, "wrong", "").status, 401);
    let mut changed = cookie.clone().into_bytes();
    let middle = changed.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    for bad in [String::from_utf8(changed).unwrap(), "known-browser=".to_owned(), format!("{cookie}AAAA")] {
        assert_eq!(sign_in(&server, USER, PASSWORD, &bad).status, 429, "{bad}");
    }
    assert_eq!(sign_in(&server, USER, PASSWORD, &cookie).status, 200);
}

fn with_five_failures() -> Server {
    let change = |settings: &mut push_authenticator::server::configuration::Configuration| {
        (settings.sign_on.failures_in_a_row, settings.sign_on.attempts_per_user) = (5, 1000);
    };
    Setup::new().behind_a_proxy().configure(change).start()
}

#[test]
fn after_failures_in_a_row_only_known_browsers_are_believed_until_a_success() {
    let server = with_five_failures();
    let (phone, cookie) = sign_in_with_both(&server);
    for name in [USER, "nobody"] {
        for _ in 0..6 {
            assert_eq!(sign_in(&server, name, "wrong", "").refused(401), WRONG);
        }
    }
    assert_eq!(count(&server, "password_failure WHERE restricted_at IS NOT NULL"), 1);
    assert_eq!(server.count("password_failure"), 2, "unknown names share one row");
    assert_eq!(server.count("audit WHERE event = 'passwords-restricted' AND user = 'demo'"), 1);
    // Nobody learns that the name belongs to a user, or that the password is right.
    let (known, unknown) = (sign_in(&server, USER, PASSWORD, ""), sign_in(&server, "nobody", PASSWORD, ""));
    assert_eq!((known.status, &known.body), (unknown.status, &unknown.body));
    assert_eq!(known.refused(401), WRONG);
    // The page of a failed sign-in, the same for everyone, says how to get out of this.
    let form = |step: &Value| {
        server.post_form(
            "/am/XUI/?realm=/alpha",
            &[],
            &[("authId", step["authId"].as_str().unwrap()), ("IDToken1", USER), ("IDToken2", PASSWORD)],
        )
    };
    assert!(form(&server.begin()).text().contains("ask an administrator to unlock your account"));
    let server = server.restart();
    assert_eq!(sign_in(&server, USER, PASSWORD, "").refused(401), WRONG, "a restart does not end it");
    assert!(sign_in_again(&server, &phone, &cookie).json()["tokenId"].is_string());
    assert_eq!(sign_in(&server, USER, PASSWORD, "").status, 200, "the success ended it");
}

#[test]
fn right_passwords_alone_do_not_end_a_row_of_failures() {
    let server = with_five_failures();
    let (_phone, _) = sign_in_with_both(&server);
    for _ in 0..4 {
        assert_eq!(sign_in(&server, USER, "wrong", "").status, 401);
    }
    assert_eq!(sign_in(&server, USER, PASSWORD, "").status, 200);
    assert_eq!(sign_in(&server, USER, "wrong", "").status, 401);
    assert_eq!(sign_in(&server, USER, PASSWORD, "").status, 401);
}

#[test]
fn a_known_browser_has_as_many_of_its_own() {
    let server = with_five_failures();
    let (phone, cookie) = sign_in_with_both(&server);
    for _ in 0..4 {
        assert_eq!(sign_in(&server, USER, "wrong", &cookie).status, 401);
    }
    assert_eq!(count(&server, "known_browser WHERE failures = 4"), 1);
    assert_eq!(server.count("password_failure"), 0, "they are no stranger's");
    sign_in_again(&server, &phone, &cookie);
    assert_eq!(count(&server, "known_browser WHERE failures = 0"), 1, "in a row");
    for _ in 0..5 {
        assert_eq!(sign_in(&server, USER, "wrong", &cookie).status, 401);
    }
    assert_eq!(count(&server, "known_browser"), 0);
}

#[test]
fn an_administrator_ends_the_restriction() {
    let server = with_five_failures();
    for _ in 0..5 {
        assert_eq!(sign_in(&server, USER, "wrong", "").status, 401);
    }
    assert_eq!(sign_in(&server, USER, PASSWORD, "").status, 401);
    beside(&server, |transaction| known_browsers::lift_restriction(transaction, USER).map(|lifted| assert!(lifted)));
    assert_eq!(sign_in(&server, USER, PASSWORD, "").status, 200);
}

#[test]
fn five_hundred_users_behind_one_ipv4_address_sign_in() {
    let server = Setup::new().behind_a_proxy().start();
    let names: Vec<String> = (0..500).map(|number| format!("user{number}")).collect();
    for name in &names {
        server.add_user(name, PASSWORD, None);
    }
    std::thread::scope(|scope| {
        for part in names.chunks(50) {
            let server = &server;
            scope.spawn(move || {
                for name in part {
                    let status = || sign_in(server, name, PASSWORD, "").status;
                    let mut last = status();
                    for _ in 0..100 {
                        if last != 503 {
                            break;
                        }
                        std::thread::sleep(std::time::Duration::from_millis(50));
                        last = status();
                    }
                    assert_eq!(last, 200, "{name}");
                }
            });
        }
    });
}

#[test]
fn a_56_that_floods_the_password_queue_does_not_keep_others_out() {
    let server =
        Setup::new().behind_a_proxy().configure(|settings| settings.sign_on.attempts_per_address = 1_000_000).start();
    let step = fill_password(&server.begin(), "nobody", "wrong");
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for number in 0..40 {
            let (server, step, is_over) = (&server, &step, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = post(server, step, "", &format!("2001:db8:0:{number:x}::1"));
                }
            });
        }
        let statuses: Vec<u16> = (0..20)
            .map(|number| {
                let step = fill_password(&server.begin(), USER, PASSWORD);
                post(&server, &step, "", &format!("2001:db8:9:{number:x}::1")).status
            })
            .collect();
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(statuses, [200; 20]);
    });
}

#[test]
fn part_of_the_push_budget_is_kept_for_known_browsers() {
    // One in five is kept.
    let server = Setup::new().behind_a_proxy().configure(|settings| settings.push.budget = 5).start();
    let (phone, cookie) = sign_in_with_both(&server);
    let sends = |cookie: &str| types(&sign_in(&server, USER, PASSWORD, cookie).json())[0] == "HiddenValueCallback";
    let sent: Vec<bool> = (0..6).map(|_| sends("")).collect();
    assert!(sent[0] && !sent[5], "a stranger with the password uses up their part: {sent:?}");
    assert!(sends(&cookie), "what is kept is the owner's");
    assert_eq!(phone.messages(&server).len(), 1);
    assert!(!sends(&cookie), "and no more than that");
    assert!(!sends("known-browser=AAAA"), "a made-up cookie is none");
}
