//! The phone core in a separate program: adds the account of a registration URI, then asks about every sign-on request
//! until stopped. The core hands out HTTP requests as data; sending them, here with `ureq`, is up to the program.
//!
//! ```sh
//! cargo run -- demo                                        # a server; its page also shows the URI as a link
//! cargo run --example authenticator -- FOLDER 'pushauth://push/...'
//! ```
#![allow(clippy::print_stdout, reason = "it talks to the person at the terminal")]

use std::error::Error;
use std::io::stdin;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use push_authenticator::phone::{
    Ask, CommunicationType, Device, DeviceFacts, Enrolment, Evidence, HttpResponse, KeyChoice, KeyEncryption, KeyError,
    Notification, Phone, Platform, Pulled, SendFailure,
};
use push_authenticator::ports::{SystemClock, SystemEntropy};
use push_authenticator::secret::SecretBytes;

/// Stands in for the platform's key store. **It protects nothing**: a real key never leaves its key store.
struct NoKeyStore;

impl KeyEncryption for NoKeyStore {
    fn wrap(&self, data_key: &SecretBytes) -> Result<Vec<u8>, KeyError> {
        Ok(data_key.expose(push_authenticator::secret::Reason::HandOver).to_vec())
    }

    fn unwrap(&self, wrapped: &[u8]) -> Result<SecretBytes, KeyError> {
        Ok(SecretBytes::new(wrapped.to_vec()))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: authenticator FOLDER [REGISTRATION-CODE]")?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::new()));
    std::fs::create_dir_all(&folder)?;
    let phone = Phone::open(&Path::new(&folder).join("vault"), &NoKeyStore, clock, entropy)?;
    if let Some(code) = arguments.next() {
        add(&phone, &code)?;
    }
    loop {
        // The server holds the HTTP request until there is a message.
        for pull in phone.pull(20)? {
            match post(&pull.url, &pull.headers, &pull.body) {
                Ok(response) => {
                    if let Pulled::Messages { refused, .. } = phone.pulled(&pull, response)? {
                        refused.iter().for_each(|message| println!("Refused: {}", message.error));
                    }
                }
                Err(_) => std::thread::sleep(Duration::from_secs(5)),
            }
        }
        for request in phone.pending()? {
            answer(&phone, &request)?;
            deliver(&phone)?;
        }
    }
}

/// Shows what the registration URI would add before anything happens.
fn add(phone: &Phone, code: &str) -> Result<(), Box<dyn Error>> {
    let preview = phone.preview(code)?;
    let host = preview.host.as_deref().unwrap_or("nobody");
    println!("{} at {}; answers will go to {host}. Add it? [y/N]", preview.account, preview.issuer);
    if read_line()? != "y" {
        return Ok(());
    }
    let device = Device {
        name: "Example".to_owned(),
        platform: Platform::Android,
        push_token: "example".to_owned(),
        communication_type: CommunicationType::Embedded,
    };
    let facts = DeviceFacts { biometric_available: false, tamper_score: 0.0 };
    phone.enrol(preview, Enrolment { device, facts, slot: None, replace: false, key: KeyChoice::Software })?;
    deliver(phone)
}

fn answer(phone: &Phone, request: &Notification) -> Result<(), Box<dyn Error>> {
    println!("{} at {}: {}", request.account, request.issuer, request.message.as_deref().unwrap_or("a sign-on"));
    match &request.ask {
        Ask::Tap => println!("Enter y to approve, anything else to deny."),
        Ask::Number(numbers) => println!("Enter the number that the browser shows: {}.", numbers.join(", ")),
        Ask::Biometric => println!("This asks for a biometric, which a terminal has not. It is denied."),
    }
    let said = read_line()?;
    let evidence = match &request.ask {
        Ask::Tap if said == "y" => Some(Evidence::Tap),
        Ask::Number(numbers) if numbers.contains(&said) => Some(Evidence::Number(said)),
        _ => None,
    };
    match evidence {
        Some(evidence) => phone.approve(&request.id, evidence)?,
        None => phone.deny(&request.id)?,
    }
    Ok(())
}

/// Sends the outbox. Entries that cannot be sent stay in the vault.
fn deliver(phone: &Phone) -> Result<(), Box<dyn Error>> {
    for request in phone.due()? {
        match post(&request.url, &request.headers, &request.body) {
            Ok(response) => println!("{:?}", phone.delivered(&request.id, response)?),
            Err(failure) => drop(phone.failed(&request.id, failure)?),
        }
    }
    Ok(())
}

fn post(url: &str, headers: &[(String, String)], body: &[u8]) -> Result<HttpResponse, SendFailure> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let mut request = agent.post(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    // The request may or may not have gone out, so treat nothing as settled.
    let mut response = request.send(body).map_err(|_| SendFailure::FateUnknown)?;
    let date = response.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_owned);
    let body = response.body_mut().read_to_vec().map_err(|_| SendFailure::FateUnknown)?;
    Ok(HttpResponse { status: response.status().as_u16(), date, body })
}

fn read_line() -> Result<String, std::io::Error> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
