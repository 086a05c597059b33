//! How accounts are displayed, how they are renamed, and what removing them would mean.

use push_authenticator::phone::{Consequence, Enrolment, PhoneError, SendFailure};
use serde_json::json;

use crate::support::*;

#[test]
fn an_account_is_renamed_and_keeps_its_registered_names() {
    let world = World::new();
    let credential = world.active();
    let account = only(world.phone.accounts().unwrap());
    assert_eq!((account.display_issuer.as_str(), account.display_name.as_str()), ("Ping", "demo"));
    let id = credential.account_id.as_str();
    let renamed = world.phone.rename(id, Some(" My\u{202e} bank\n"), Some(&"x".repeat(300))).unwrap();
    assert_eq!((renamed.display_issuer.as_str(), renamed.display_name.len()), ("My bank", 100));
    assert_eq!((renamed.issuer.as_str(), renamed.account.as_str()), ("Ping", "demo"));
    assert_eq!(only(world.open().unwrap().accounts().unwrap()).display_issuer, "My bank");
    // Messages come under the names that the user knows.
    let notification = credential.send(&world.phone, 1, json!({})).unwrap();
    assert_eq!(notification.issuer, "My bank");
    // The registered names decide which accounts are the same.
    assert!(world.phone.preview(&code(&[])).unwrap().conflict.is_some());
    // One name stays unchanged, the other reverts.
    let renamed = world.phone.rename(id, None, Some(" \u{200b}")).unwrap();
    assert_eq!((renamed.display_issuer.as_str(), renamed.display_name.as_str()), ("My bank", "demo"));
    assert_eq!(world.phone.rename("nonsense", None, None), Err(PhoneError::AccountNotFound));
    assert_eq!(world.phone.rename(&"0".repeat(32), None, None), Err(PhoneError::AccountNotFound));
    // Renaming needs no key.
    assert_eq!(world.open_with(&MaskKey(0x44)).unwrap().rename(id, Some(""), None).unwrap().display_issuer, "Ping");
}

#[test]
fn removal_is_explained_before_it_is_done() {
    let world = World::new();
    let host = || "am.example.com".to_owned();
    let credential = world.active();
    let id = credential.account_id.as_str();
    let removal = world.phone.removal(id).unwrap();
    assert_eq!((removal.issuer.as_str(), removal.account.as_str()), ("Ping", "demo"));
    assert_eq!(removal.consequences, [Consequence::StaysRegistered { host: host() }]);
    assert!(removal.consequences[0].to_string().contains("am.example.com"));
    let denied = credential.send(&world.phone, 1, json!({})).unwrap();
    credential.send(&world.phone, 2, json!({})).unwrap();
    world.phone.deny(&denied.id).unwrap();
    assert_eq!(
        world.phone.removal(id).unwrap().consequences,
        [
            Consequence::StaysRegistered { host: host() },
            Consequence::AnswersNotSent { count: 1 },
            Consequence::MessagesUnanswered { count: 1 },
        ]
    );
    assert_eq!(world.phone.accounts().unwrap().len(), 1, "nothing was done yet");
    let without_key = world.open_with(&MaskKey(0x44)).unwrap().removal(id).unwrap();
    assert_eq!(without_key.consequences.len(), 3);
    world.phone.remove(id).unwrap();
    assert_eq!(world.phone.removal(id), Err(PhoneError::AccountNotFound));
    assert_eq!(world.phone.removal("nonsense"), Err(PhoneError::AccountNotFound));
}

#[test]
fn an_interrupted_registration_is_resumed_or_given_up() {
    let world = World::new();
    let host = || "am.example.com".to_owned();
    let account = world.enrol(&code(&[])).unwrap();
    let consequences = || world.phone.removal(&account.id).unwrap().consequences;
    assert_eq!(consequences(), [Consequence::RegistrationGivenUp { host: host() }]);
    let request = only(world.phone.due().unwrap());
    assert_eq!(consequences(), [Consequence::MayBeRegistered { host: host() }], "it may be on its way");
    world.phone.failed(&request.id, SendFailure::NotSent).unwrap();
    // Resumed: the very same HTTP request, from any process that opens the vault.
    world.phone.retry_now().unwrap();
    let again = only(world.open().unwrap().due().unwrap());
    assert_eq!((again.id.as_str(), again.body), (request.id.as_str(), request.body));
    // Abandoned: nothing is left of it, and the same registration URI can be enrolled again.
    world.phone.remove(&account.id).unwrap();
    assert_eq!(world.phone.outbox().unwrap(), []);
    world.active_with(&code(&[]), enrolment());
}

#[test]
fn the_removal_of_codes_is_explained_too() {
    let world = World::new();
    let codes = "secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let alone = world.enrol(&format!("otpauth://totp/Acme:ada?{codes}")).unwrap();
    assert_eq!(world.phone.removal(&alone.id).unwrap().consequences, [Consequence::CodesEnd]);
    let both = format!("{}&{codes}", code(&[]).replace("pushauth://push", "mfauth://totp"));
    let both = world.active_with(&both, Enrolment { ..enrolment() });
    let host = "am.example.com".to_owned();
    assert_eq!(
        world.phone.removal(&both.account_id).unwrap().consequences,
        [Consequence::StaysRegistered { host }, Consequence::CodesEnd]
    );
}
