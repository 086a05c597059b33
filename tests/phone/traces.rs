//! Removed data leaves nothing behind in the files, including the log.

use std::fs;

use push_authenticator::phone::Enrolment;
use serde_json::json;

use crate::support::*;

/// Whether the log is empty; before anything is removed it is not, or this would prove nothing.
fn log_is_empty(world: &World) -> bool {
    fs::metadata(world.folder.path().join("vault-wal")).unwrap().len() == 0
}

fn found(world: &World, needle: &[u8]) -> bool {
    fs::read_dir(world.folder.path())
        .unwrap()
        .any(|entry| fs::read(entry.unwrap().path()).unwrap().windows(needle.len()).any(|part| part == needle))
}

const USER: &str = "removable-uid";

/// Returns a world with an account whose user id is [`USER`], and another of the same name that will replace it.
fn replaceable() -> World {
    let world = World::new();
    world.active_with(&code_for("Ping:demo", &[("d", Some(&base64(USER)))]), enrolment());
    assert!(found(&world, USER.as_bytes()) && !log_is_empty(&world));
    world
}

fn replacing() -> Enrolment<'static> {
    Enrolment { replace: true, ..enrolment() }
}

#[test]
fn a_replaced_account_leaves_nothing_when_its_server_takes_the_new_one() {
    let world = replaceable();
    world.active_with(&code(&[("m", Some("again"))]), replacing());
    assert!(log_is_empty(&world) && !found(&world, USER.as_bytes()));
}

#[test]
fn a_replaced_account_leaves_nothing_when_a_message_shows_that_its_server_has_the_new_one() {
    let world = replaceable();
    let account = world.phone.enrol(world.phone.preview(&code(&[])).unwrap(), replacing()).unwrap();
    let request = only(world.phone.due().unwrap());
    let credential = Credential { account_id: account.id, mechanism_uid: mechanism_uid(&request) };
    credential.send(&world.phone, 1, json!({})).unwrap();
    assert!(log_is_empty(&world) && !found(&world, USER.as_bytes()));
}

#[test]
fn a_refused_registration_leaves_nothing() {
    let world = World::new();
    world.enrol(&code_for("Ping:demo", &[("d", Some(&base64(USER)))])).unwrap();
    let request = only(world.phone.due().unwrap());
    assert!(found(&world, USER.as_bytes()) && !log_is_empty(&world));
    world.phone.delivered(&request.id, response(400)).unwrap();
    assert!(log_is_empty(&world) && !found(&world, USER.as_bytes()));
}

#[test]
fn an_account_of_codes_that_is_replaced_at_once_leaves_nothing() {
    let world = World::new();
    let code = |more: &str| format!("otpauth://totp/Acme:me?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme{more}");
    world.enrol(&code("&b=123456")).unwrap();
    assert!(found(&world, b"123456") && !log_is_empty(&world));
    world.phone.enrol(world.phone.preview(&code("&b=654321")).unwrap(), replacing()).unwrap();
    assert!(log_is_empty(&world) && !found(&world, b"123456"));
    assert!(found(&world, b"654321"), "the search itself works");
}
