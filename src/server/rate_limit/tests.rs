use super::table::CAPACITY;
use super::*;

const SETTINGS: RateLimitSettings =
    RateLimitSettings { per_user: 3, per_address: 5, recovery_codes: 2, token_changes: 20, period: 1000 };

fn from<'a>(name: &'a str, address: &'a str) -> Guesser<'a> {
    Guesser { name, address: Some(address), known_browser: None }
}

#[test]
fn memory_is_bounded_and_a_reached_limit_is_never_forgotten_for_newcomers() {
    let limits = RateLimits::new(SETTINGS);
    let ada = Guesser { name: "ada", address: None, known_browser: None };
    while limits.take_password(ada, 0) {}
    for number in 0..2 * CAPACITY as i64 {
        let name = number.to_string();
        assert!(limits.take_password(Guesser { name: &name, address: None, known_browser: None }, 1));
    }
    assert!(limits.tables.lock().unwrap().names.len() <= CAPACITY);
    assert!(!limits.take_password(ada, 2), "the limit lives on");
    assert!(limits.take_password(ada, 1000));
}

#[test]
fn a_table_of_nothing_but_reached_limits_rejects_newcomers() {
    let limits = RateLimits::new(RateLimitSettings { per_user: 1, ..SETTINGS });
    let take = |name: &str, now| limits.take_password(Guesser { name, address: None, known_browser: None }, now);
    assert!((0..CAPACITY).all(|number| take(&number.to_string(), 0)));
    assert!(!take("newcomer", 1));
    assert!(!take("0", 1), "and forgets none of them");
    assert!(take("newcomer", 2000));
}

#[test]
fn a_48_of_other_kinds_does_not_touch_a_limit_on_recovery_codes() {
    let limits = RateLimits::new(SETTINGS);
    while limits.take_recovery_code("ada", 0) {}
    for number in 0..2 * CAPACITY {
        let (name, address) = (number.to_string(), format!("2001:db8:7:{:x}::1", number % 0x10000));
        limits.take_password(from(&name, &address), 1);
        limits.take_token_change(&name, 1);
    }
    assert!(!limits.take_recovery_code("ada", 2));
}

#[test]
fn an_attempt_that_was_not_checked_does_not_count() {
    let limits = RateLimits::new(SETTINGS);
    let ada = from("ada", "192.0.2.1");
    assert!(limits.take_password(ada, 0) && limits.take_password(ada, 0));
    for _ in 0..10 {
        assert!(limits.take_password(ada, 0));
        limits.refund_password(ada);
    }
    assert!(limits.take_password(ada, 0));
    assert!(!limits.take_password(ada, 0), "the two before still count");
    // A right one makes up for all of the name's, and for its own only of the network's.
    limits.reset_password(ada);
    assert!((0..3).all(|_| limits.take_password(ada, 0)));
    assert!(!limits.take_password(from("bob", "192.0.2.1"), 0));
}

#[test]
fn strangers_do_not_use_up_what_a_known_browser_has() {
    let limits = RateLimits::new(SETTINGS);
    while limits.take_password(from("ada", "192.0.2.1"), 0) {}
    let known = Guesser { known_browser: Some("hers"), ..from("ada", "192.0.2.1") };
    assert!((0..3).all(|_| limits.take_password(known, 0)));
    assert!(!limits.take_password(known, 0), "its own failures count");
    assert!(limits.take_password(Guesser { known_browser: Some("another"), ..known }, 0));
    limits.reset_password(known);
    assert!(limits.take_password(known, 0));
    assert!(!limits.take_password(from("ada", "192.0.2.1"), 0), "a stranger's stay");
}

#[test]
fn addresses_of_one_network_count_together_and_wider_ones_go_further() {
    let limits = RateLimits::new(SETTINGS);
    let count = |addresses: &mut dyn Iterator<Item = String>| {
        let take = |(number, address): (usize, String)| {
            let name = format!("{address} {number}");
            limits.take_password(from(&name, &address), 0)
        };
        addresses.enumerate().map(take).filter(|taken| *taken).count()
    };
    assert_eq!(count(&mut (0..9).map(|number| format!("2001:db8::{number}"))), 5, "a /64");
    assert_eq!(count(&mut (1..256).map(|number| format!("2001:db8:0:{number:x}::1"))), 15, "the rest of its /56");
    assert_eq!(count(&mut (256..9999).map(|number| format!("2001:db8:0:{number:x}::1"))), 60, "of its /48");
    assert_eq!(count(&mut std::iter::once("2001:db8:1::1".to_owned())), 1);
    assert_eq!(count(&mut (0..9).map(|_| "192.0.2.1".to_owned())), 5);
    assert_eq!(count(&mut std::iter::once("::ffff:192.0.2.1".to_owned())), 0);
    assert_eq!(count(&mut (2..99).map(|number| format!("192.0.2.{number}"))), 15, "the rest of its /24");
    assert_eq!(count(&mut std::iter::once("192.0.3.1".to_owned())), 1);
}
