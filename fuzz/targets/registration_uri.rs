//! Any text as a registration code: it is refused with an error that says no secret, or what it gives keeps the
//! promises that the phone relies on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use push_authenticator::protocol::uri;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match uri::parse(text) {
        Ok(_) => {}
        Err(error) => assert!(error.to_string().len() < 1000, "an error repeats what it refuses: {error}"),
    }
});
