//! Treats arbitrary text as a registration URI. It is either rejected with an error that contains no secret, or the
//! result keeps the promises that the phone relies on: cleaned and shortened names, a single server to contact, and,
//! once serialized again, a registration URI with the same meaning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use push_authenticator::protocol::text;
use push_authenticator::protocol::uri::{self, OathRegistration, PushRegistration, Registration};
use push_authenticator::secret::Reason;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match uri::parse(text) {
        Ok(registration) => {
            if let Some(push) = registration.push() {
                check_push(push);
            }
            if let Some(oath) = registration.oath() {
                check_oath(oath);
            }
        }
        Err(error) => assert!(error.to_string().len() < 1000, "an error repeats what it refuses: {error}"),
    }
});

fn check_names(issuer: &str, account: &str) {
    for name in [issuer, account] {
        assert_eq!(name, text::clean(name, text::NAME_LIMIT), "a name that was not cleaned or capped");
    }
    assert!(!account.is_empty() || !issuer.is_empty(), "nothing to show");
}

fn check_push(push: &PushRegistration) {
    check_names(&push.issuer, &push.account);
    for endpoint in [&push.registration_endpoint, &push.authentication_endpoint] {
        assert!(endpoint.scheme() == "https" || uri::is_loopback(endpoint), "{endpoint} is contacted in the clear");
    }
    assert_eq!(push.registration_endpoint.origin(), push.authentication_endpoint.origin());
    assert!(push.logo.as_ref().is_none_or(|logo| logo.scheme() == "https"));
    let printed = uri::print(push);
    if printed.expose(Reason::HandOver).len() > uri::LENGTH_LIMIT {
        return;
    }
    let Ok(Registration::Push(again)) = uri::parse(printed.expose(Reason::HandOver)) else {
        panic!("what was printed is not read")
    };
    assert_eq!((&again.issuer, &again.account), (&push.issuer, &push.account));
    assert_eq!(again.registration_endpoint, push.registration_endpoint);
    assert_eq!(again.authentication_endpoint, push.authentication_endpoint);
    assert!(again.secret == push.secret && again.challenge == push.challenge);
    assert_eq!((&again.message_id, &again.cookie), (&push.message_id, &push.cookie));
    assert_eq!(again.policies_json, push.policies_json);
}

fn check_oath(oath: &OathRegistration) {
    check_names(&oath.issuer, &oath.account);
    assert!(oath.settings.is_sound());
    assert!(oath.logo.as_ref().is_none_or(|logo| logo.scheme() == "https"));
    let printed = uri::print_otpauth(oath);
    if printed.expose(Reason::HandOver).len() > uri::LENGTH_LIMIT {
        return;
    }
    let Ok(Registration::Oath(again)) = uri::parse(printed.expose(Reason::HandOver)) else {
        panic!("what was printed is not read")
    };
    assert_eq!((&again.issuer, &again.account), (&oath.issuer, &oath.account));
    assert!(again.secret == oath.secret && again.settings == oath.settings);
    assert_eq!(again.policies_json, oath.policies_json);
}
