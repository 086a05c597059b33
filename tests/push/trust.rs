//! Which servers count as Amazon SNS: certificates of a real TLS server, and authorities in a file.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use push_authenticator::ports::{SystemClock, SystemEntropy};
use push_authenticator::server::configuration::Configuration;
use push_authenticator::server::{App, StartError};

use crate::command::push_test;
use crate::fake::Fake;
use crate::harness::*;
use crate::support::*;
use crate::tls::{Authority, Front};

/// A server that reaches SNS by TLS through `front`, and trusts these authorities besides the machine's.
fn setup_behind(front: &Front, ca: Option<&str>) -> Setup {
    let endpoint = format!("https://{}", front.address).parse().unwrap();
    let ca_file: Option<PathBuf> = ca.map(|pem| write_private(&folder().join("ca.pem"), pem));
    setup(0, GCM, APNS).configure(move |settings| {
        let sns = settings.push.sns.as_mut().unwrap();
        (sns.endpoint, sns.ca_file) = (Some(endpoint), ca_file);
    })
}

fn front_of(fake: &Fake, authority: &Authority) -> Front {
    Front::start(authority.issue_good()).leading_to(([127, 0, 0, 1], fake.port).into())
}

#[test]
fn a_push_goes_to_whom_the_file_of_authorities_vouches_for() {
    let (fake, authority) = (Fake::start(), Authority::new("Ours"));
    let front = front_of(&fake, &authority);
    let server = setup_behind(&front, Some(&authority.pem())).start();
    let (phone, step) = register(&server, "gcm", "token");
    let push = google_push(&fake.wait_for("Publish", 1).remove(0).published());
    assert_eq!(phone.accept(&server, &push, &step).status, 200);
    server.finish(&step);
    assert_eq!(outcomes(&server, "push-delivery"), Vec::<String>::new());
}

#[test]
fn a_certificate_that_is_not_trusted_ends_the_push_at_once_and_is_named() {
    let (fake, authority) = (Fake::start(), Authority::new("Ours"));
    let front = front_of(&fake, &authority);
    let server = setup_behind(&front, Some(&Authority::new("Another").pem())).start();
    register(&server, "gcm", "token");
    let cause = ["certificate-unknown-issuer"];
    for event in ["push-delivery", "push-endpoint"] {
        wait_for(event, || (outcomes(&server, event) == cause).then_some(()));
    }
    // Longer than the delay before a first retry.
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(front.connections(), 2, "the endpoint and the push, each once");
    assert_eq!(
        (outcomes(&server, "push-delivery"), outcomes(&server, "push-endpoint")),
        (vec![cause[0].to_owned()], vec![cause[0].to_owned()])
    );

    let (status, value) = push_test(&server, USER, &[]);
    assert_eq!((status, value[0]["outcome"].as_str()), (1, Some(cause[0])));
    let said = value[0]["message"].as_str().unwrap();
    assert!(said.contains(&format!("The certificate of {} is not trusted", front.address)), "{said}");
    assert!(said.contains("push.sns.ca_file") && !said.contains("could not be reached"), "{said}");
    assert_eq!(outcomes(&server, "push-test"), cause);
    assert!(fake.seen("CreatePlatformEndpoint").is_empty() && fake.seen("Publish").is_empty());
}

#[test]
fn a_certificate_of_another_host_or_another_time_is_named() {
    let (fake, authority) = (Fake::start(), Authority::new("Ours"));
    let faults = [
        (authority.issue("sns.example", 2020..2100), "certificate-wrong-name"),
        (authority.issue("127.0.0.1", 2020..2021), "certificate-expired"),
    ];
    for (identity, cause) in faults {
        let front = front_of(&fake, &authority);
        front.show(identity);
        let server = setup_behind(&front, Some(&authority.pem())).start();
        register(&server, "gcm", "token");
        wait_for("the failure", || (outcomes(&server, "push-delivery") == [cause]).then_some(()));
    }
    assert!(fake.seen("CreatePlatformEndpoint").is_empty());
}

#[test]
fn a_file_without_an_authority_is_an_error_at_start() {
    let folder = folder();
    write_credentials(&folder, GCM, APNS);
    let text = "[push.sns]\ncredentials_file = \"sns.json\"\nca_file = \"ca.pem\"\n";
    std::fs::write(folder.join("server.toml"), text).unwrap();
    std::fs::create_dir(folder.join("journeys")).unwrap();
    std::fs::write(folder.join("journeys/journey.json"), push_authenticator::server::journey::SHIPPED).unwrap();
    let configuration = Configuration::load(&folder.join("server.toml")).unwrap();
    let start = || {
        let bound = SocketAddr::from(([127, 0, 0, 1], 1));
        App::start(configuration.clone(), bound, Arc::new(SystemClock), Arc::new(SystemEntropy::new()), false)
    };
    let file = folder.join("ca.pem");
    for content in [None, Some("nothing")] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let error = start().err().unwrap();
        let said = error.to_string();
        assert!(matches!(error, StartError::CaFile(_)), "{said}");
        assert!(said.contains("push.sns.ca_file") && said.contains(file.to_str().unwrap()), "{said}");
    }
    std::fs::write(&file, Authority::new("Ours").pem()).unwrap();
    assert!(start().is_ok());
}
