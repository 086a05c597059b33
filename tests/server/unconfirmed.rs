//! Registered phones that have approved nothing yet: what confirms them, and when the server removes them
//! (docs/states.md).

use serde_json::json;

use crate::account::{PROFILE, uri_of};
use crate::harness::*;
use crate::pages::submit;

const MINUTE: i64 = 60_000;

fn phones(server: &Server) -> i64 {
    server.count("device WHERE retired_at IS NULL")
}

fn confirmed(server: &Server) -> i64 {
    server.count("device WHERE retired_at IS NULL AND provisional_journey IS NULL")
}

/// Approves a sign-on of the user on this phone and completes it.
fn sign_in(server: &Server, phone: &Phone) {
    let step = server.after_password();
    let message = phone.only_message(server);
    assert_eq!(phone.accept(server, &message, &step).status, 200);
    server.finish(&step);
}

fn sweep(server: &Server) {
    server.runtime.block_on(server.app.sweep()).unwrap();
}

#[test]
fn a_phone_that_approved_another_sign_on_meanwhile_is_confirmed_and_hears_of_all_later_ones() {
    let server = start();
    let (old, _) = server.registered();
    // The user closes the page with the recovery codes; some minutes later, another sign-on starts.
    server.clock.advance(2 * MINUTE);
    sign_in(&server, &old);
    assert_eq!(confirmed(&server), 1);
    // The sign-on that registered it is long over, and a second phone has arrived.
    server.clock.advance(61 * MINUTE);
    sweep(&server);
    let session = crate::account::Browser::sign_on(&server, &old);
    let added = session.post(&format!("{PROFILE}/add"), &[]);
    let new = Phone::read(&uri_of(&added));
    assert_eq!(new.register(&server).status, 200);
    let waiting = submit(&server, &submit(&server, &added, &[]), &[]);
    let message = new.only_message(&server);
    let number = crate::account::number_of(&waiting);
    assert_eq!(new.answer(&server, &message, json!({"challengeResponse": number})).status, 200);
    submit(&server, &waiting, &[]);
    server.after_password();
    assert_eq!((old.messages(&server).len(), new.messages(&server).len()), (1, 1));
}

#[test]
fn the_sign_on_that_registered_a_phone_goes_on_after_the_phone_approved_another() {
    let server = start();
    let at_code = server.at_qr_code();
    let phone = Phone::scan(&at_code);
    assert_eq!(phone.register(&server).status, 200);
    sign_in(&server, &phone);
    let codes = server.next(&at_code);
    assert_eq!(recovery_codes(&codes).len(), 10);
    let step = server.next(&codes);
    let message = phone.only_message(&server);
    assert_eq!(phone.accept(&server, &message, &step).status, 200);
    server.finish(&step);
    assert_eq!((phones(&server), confirmed(&server)), (1, 1));
}

#[test]
fn an_unconfirmed_phone_goes_when_its_sign_on_ends() {
    let server = start();
    let (phone, step) = server.registered();
    assert_eq!(phones(&server), 1);
    // The user leaves by a recovery code: the phone was asked and did not answer.
    let exit = server.next(&fill(&step, 2, json!(0)));
    let mut code_step = exit;
    for _ in 0..3 {
        code_step = server.next(&fill(&code_step, 0, json!("WRONG")));
    }
    server.fail(&fill(&code_step, 0, json!("WRONG")));
    assert_eq!(phones(&server), 0);
    assert_mute(&phone.pull(&server, 0));
    assert_eq!(server.count("audit WHERE event = 'device-removed'"), 1);
    // The next sign-on offers a QR code again.
    assert_eq!(types(&server.after_password()), ["TextOutputCallback", "ConfirmationCallback"]);
}

#[test]
fn an_unconfirmed_phone_goes_when_its_sign_on_expires() {
    for swept in [false, true] {
        let server = start();
        let (phone, _) = server.registered();
        server.clock.advance(61 * MINUTE);
        if swept {
            sweep(&server);
            assert_eq!(phones(&server), 0);
        }
        // Without the sweep, the next sign-on notices.
        assert_eq!(types(&server.after_password()), ["TextOutputCallback", "ConfirmationCallback"]);
        assert_eq!(phones(&server), 0);
        assert_mute(&phone.pull(&server, 0));
    }
}

#[test]
fn a_journey_that_ends_with_the_registration_vouches_for_its_phone() {
    let success = "70e691a5-1e33-4ac3-a356-e7b6d60d92e0";
    let server = Setup::new().connect("RecoveryCodeDisplayNode", "outcome", success).start();
    let at_code = server.at_qr_code();
    let phone = Phone::scan(&at_code);
    assert_eq!(phone.register(&server).status, 200);
    server.finish(&server.next(&at_code));
    assert_eq!(confirmed(&server), 1);
    server.after_password();
    assert_eq!(phone.messages(&server).len(), 1);
}

#[test]
fn a_code_for_the_password_alone_registers_nothing_once_the_user_has_a_phone() {
    let server = start();
    let late = Phone::scan(&server.at_qr_code());
    let owner = server.enrolled();
    assert_eq!(late.register(&server).refused(400), "This account has a phone. Sign in with it; it can add more.");
    assert_eq!((phones(&server), confirmed(&server)), (1, 1));
    assert_eq!(server.count("audit WHERE event = 'device-registered' AND outcome = 'has-a-phone'"), 1);
    sign_in(&server, &owner);
}

#[test]
fn a_code_registers_nothing_after_its_sign_on() {
    let server = Setup::new().with("PushRegistrationNode", "timeout", json!(3600)).start();
    let expired = Phone::scan(&server.at_qr_code());
    server.clock.advance(16 * MINUTE);
    assert_eq!(
        expired.register(&server).refused(400),
        "The sign-in that showed this code is over. Sign in again to get a new one."
    );
    assert_eq!(server.count("device"), 0);
}

#[test]
fn a_rescan_after_a_lost_reply_is_told_what_to_do_and_leaves_no_phantom() {
    let server = start();
    let at_code = server.at_qr_code();
    let first = Phone::scan(&at_code);
    assert_eq!(first.register(&server).status, 200);
    let again = Phone::scan(&at_code).with("mechanismUid", json!("5b7fba25-109a-4d2e-8da5-73d6530785b9"));
    assert_eq!(
        again.register(&server).refused(400),
        "This registration code was used already. Sign in again to get a new one."
    );
    // The same bytes do not count as another scan.
    assert_eq!(first.register(&server).status, 200);
    server.clock.advance(61 * MINUTE);
    let fresh = server.at_qr_code();
    assert_eq!(phones(&server), 0);
    assert_eq!(Phone::scan(&fresh).register(&server).status, 200);
}
