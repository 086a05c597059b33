//! The credentials file and the two environment variables.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use push_authenticator::ports::{SystemClock, SystemEntropy};
use push_authenticator::protocol::message::CommunicationType;
use push_authenticator::secret::Reason;
use push_authenticator::server::configuration::Configuration;
use push_authenticator::server::push::sns::credentials::{
    Credentials, CredentialsError, KEY_ID_VARIABLE, KEY_SECRET_VARIABLE,
};
use push_authenticator::server::push::sns::{SnsError, SnsSettings};
use push_authenticator::server::{App, StartError};

use crate::support::*;

fn load(file: &Path, environment: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
    let environment =
        |wanted: &str| environment.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
    Credentials::load(file, false, &environment)
}

fn refused(text: &str) -> CredentialsError {
    let error = load(&write_private(&folder().join("sns.json"), text), &[]).err().expect("refused");
    assert!(!error.to_string().contains(KEY_SECRET), "{error}");
    error
}

#[test]
fn the_file_of_backstage_is_taken_as_it_is() {
    let more = json!({"accessKeyId": KEY_ID, "accessKeySecret": KEY_SECRET, "APNS": APNS, "GCM": GCM, "region": 5});
    let credentials = load(&write_private(&folder().join("sns.json"), &more.to_string()), &[]).ok().unwrap();
    assert_eq!(credentials.key.id, KEY_ID);
    assert_eq!(credentials.key.secret.expose(Reason::Authenticate), KEY_SECRET);
    let gcm = credentials.application(CommunicationType::Gcm).unwrap();
    assert_eq!((gcm.arn.as_str(), gcm.region.as_str(), gcm.partition.as_str()), (GCM, "us-west-2", "aws"));
    assert_eq!(credentials.application(CommunicationType::Apns).unwrap().arn, APNS);
    assert!(credentials.application(CommunicationType::Embedded).is_none());

    // One platform is enough.
    let one = json!({"accessKeyId": KEY_ID, "accessKeySecret": KEY_SECRET, "APNS": "", "GCM": GCM});
    let credentials = load(&write_private(&folder().join("sns.json"), &one.to_string()), &[]).ok().unwrap();
    assert!(credentials.application(CommunicationType::Apns).is_none());
}

#[test]
fn a_secret_that_others_can_read_is_refused() {
    let file = write_credentials(&folder(), GCM, APNS);
    for mode in [0o640, 0o604, 0o620, 0o610] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let error = load(&file, &[]).err().unwrap();
        assert!(matches!(error, CredentialsError::TooOpen(_)) && error.to_string().contains("chmod 600"), "{mode:o}");
    }
    // Without a secret in the file, there is nothing to protect.
    std::fs::write(&file, json!({"APNS": APNS, "GCM": GCM}).to_string()).unwrap();
    let given = [(KEY_ID_VARIABLE, "id"), (KEY_SECRET_VARIABLE, "from the environment")];
    let credentials = load(&file, &given).ok().unwrap();
    assert_eq!(credentials.key.id, "id");
    assert_eq!(credentials.key.secret.expose(Reason::Authenticate), "from the environment");
}

#[test]
fn the_environment_goes_before_the_file_and_must_be_whole() {
    let file = write_credentials(&folder(), GCM, APNS);
    let credentials = load(&file, &[(KEY_ID_VARIABLE, "id"), (KEY_SECRET_VARIABLE, "secret")]).ok().unwrap();
    assert_eq!(credentials.key.id, "id");
    assert_eq!(credentials.key.secret.expose(Reason::Authenticate), "secret");
    for half in [(KEY_ID_VARIABLE, "id"), (KEY_SECRET_VARIABLE, "secret")] {
        assert!(matches!(load(&file, &[half]), Err(CredentialsError::HalfAKey)));
    }
}

#[test]
fn every_damage_of_the_file_is_named() {
    assert!(matches!(load(&folder().join("none.json"), &[]), Err(CredentialsError::Unreadable(..))));
    for text in ["", "{", "5", &format!("{{\"accessKeySecret\": [\"{KEY_SECRET}\"]}}"), &format!("\"{KEY_SECRET}\"")] {
        assert!(matches!(refused(text), CredentialsError::NotJson(..)), "{text}");
    }
    let with = |member: &str, value: &str| {
        let mut file = json!({"accessKeyId": KEY_ID, "accessKeySecret": KEY_SECRET, "APNS": APNS, "GCM": GCM});
        file[member] = json!(value);
        file.to_string()
    };
    for member in ["accessKeyId", "accessKeySecret"] {
        let error = refused(&with(member, " "));
        assert!(matches!(&error, CredentialsError::NoKey { member: missing, .. } if *missing == member));
        assert!(error.to_string().contains(KEY_SECRET_VARIABLE));
    }
    let key = json!({"accessKeyId": KEY_ID, "accessKeySecret": KEY_SECRET});
    assert!(matches!(refused(&key.to_string()), CredentialsError::NoApplication(_)));
    let bad = [
        ("GCM", APNS),
        ("APNS", GCM),
        ("GCM", "arn:aws:sns:us-west-2:123456789012:endpoint/GCM/demo"),
        ("GCM", "arn:aws:sns:us-west-2:123456789012:app/GCM/"),
        ("GCM", "arn:aws:sns:us-west-2:123456789012:app/GCM/demo/more"),
        ("GCM", "arn:aws:sns:evil.example.com/:123456789012:app/GCM/demo"),
        ("GCM", "arn:other:sns:us-west-2:123456789012:app/GCM/demo"),
        ("GCM", "arn:aws:sqs:us-west-2:123456789012:app/GCM/demo"),
        ("GCM", "arn:aws:sns:us-west-2::app/GCM/demo"),
        ("APNS", KEY_SECRET),
    ];
    for (member, value) in bad {
        let error = refused(&with(member, value));
        assert!(matches!(&error, CredentialsError::BadArn { member: named, .. } if *named == member), "{value}");
    }
}

#[test]
fn a_server_does_not_start_on_credentials_that_cannot_be_used() {
    let folder = folder();
    let file = write_credentials(&folder, GCM, APNS);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(folder.join("server.toml"), "[push.sns]\ncredentials_file = \"sns.json\"\n").unwrap();
    std::fs::create_dir(folder.join("journeys")).unwrap();
    std::fs::write(folder.join("journeys/journey.json"), push_authenticator::server::journey::SHIPPED).unwrap();
    let configuration = Configuration::load(&folder.join("server.toml")).unwrap();
    let settings: &SnsSettings = configuration.push.sns.as_ref().unwrap();
    assert_eq!(settings.credentials_file, file, "relative to the configuration's folder");
    let start = || {
        let bound = SocketAddr::from(([127, 0, 0, 1], 1));
        App::start(configuration.clone(), bound, Arc::new(SystemClock), Arc::new(SystemEntropy::new()), false)
    };
    let error = start().err().unwrap();
    assert!(matches!(error, StartError::Sns(SnsError::Credentials(CredentialsError::TooOpen(_)))), "{error}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(start().is_ok());
}
