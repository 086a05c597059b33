//! Rotation of the server key: afterwards every sealed value is under the new key, and nothing is stored under the old
//! one.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use push_authenticator::ports::SystemEntropy;
use push_authenticator::secret::SecretText;
use push_authenticator::server::configuration::Configuration;
use push_authenticator::server::keys::Keys;
use push_authenticator::server::open_data;
use push_authenticator::server::rotation::{Rotated, RotationError, rotate_key};
use push_authenticator::server::store::fraud_reports::{self, Denial, Origin};
use push_authenticator::server::store::sealed::SEALED;
use push_authenticator::server::store::{StoreError, audit, audit_verify, users, webhook_events};

use crate::harness::*;
use crate::unsealed::{self, Values};

/// Rotates the key as the command does, beside an [`App`](push_authenticator::server::App) that will be restarted.
pub fn rotate(configuration: &Configuration) -> Result<Rotated, RotationError> {
    let event = audit::Event { at: START, event: "server-key-rotated".to_owned(), ..audit::Event::default() };
    rotate_key(configuration, &SystemEntropy::new(), |transaction| audit::add(transaction, &event))
}

/// Returns the keys in the data folder, as someone with a copy of the file has them.
fn keys(server: &Server) -> Keys {
    let bytes = std::fs::read(server.configuration.data.join("server.key")).unwrap();
    Keys::from_text(&SecretText::new(STANDARD.encode(bytes))).unwrap()
}

fn opened(server: &Server, keys: &Keys) -> (Values, usize) {
    unsealed::opened(&server.database(), keys)
}

/// Returns a server with something in every sealed column.
fn full() -> Server {
    let server = start();
    server.enrolled();
    server.after_password();
    server.add_user("other", PASSWORD, None);
    server.next(&fill(&server.sign_on_as("other", PASSWORD).json(), 1, json!(0)));
    let (keys, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    let filled: Result<(), StoreError> = store.run_blocking(move |transaction| {
        let origin = Origin { address: Some("192.0.2.1".to_owned()), user_agent: None };
        fraud_reports::keep(transaction, USER, &Denial { at: START, origin }, &keys, &SystemEntropy::new())?;
        // More than one batch of sealing again.
        for number in 0..1_100 {
            let event = webhook_events::WaitingEvent {
                id: format!("event-{number}"),
                user: None,
                body: format!("body {number}"),
                created_at: START,
                attempts: 0,
            };
            webhook_events::add(transaction, &event, &keys, &SystemEntropy::new())?;
        }
        Ok(())
    });
    filled.unwrap();
    server
}

#[test]
fn every_sealed_value_is_the_same_under_the_new_key_and_none_is_under_the_old() {
    let server = full();
    let old = keys(&server);
    let (before, closed) = opened(&server, &old);
    assert_eq!(closed, 0);
    for column in SEALED {
        assert!(before.keys().any(|(kind, _)| *kind == column.kind), "nothing in {}", column.kind);
    }
    let rotated = rotate(&server.configuration).unwrap();
    assert_eq!(rotated.values, Some(before.len() as u64));
    assert_eq!(opened(&server, &keys(&server)), (before.clone(), 0));
    assert_eq!(opened(&server, &old), (Values::new(), before.len()));
}

#[test]
fn who_has_the_old_key_stores_nothing_any_more() {
    let server = start();
    let (_, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    let lock =
        || -> Result<bool, StoreError> { store.run_blocking(|transaction| users::lock(transaction, USER, START)) };
    assert!(lock().unwrap());
    rotate(&server.configuration).unwrap();
    let unlocked: Result<bool, StoreError> = store.run_blocking(|transaction| users::unlock(transaction, USER));
    assert!(matches!(unlocked, Err(StoreError::KeyRotated)), "{unlocked:?}");
    assert_eq!(server.count("user WHERE locked_at IS NOT NULL"), 1);
    // The running server itself, whose key no longer fits.
    assert_eq!(server.post_bytes(&format!("{REST}{JOURNEY_QUERY}"), b"").status, 500);
    let server = server.restart();
    server.lock_user(USER, false);
    assert_eq!(server.sign_on_as(USER, PASSWORD).status, 200);
}

#[test]
fn a_value_that_cannot_be_opened_stops_the_rotation_and_is_named() {
    let server = full();
    let (before, _) = opened(&server, &keys(&server));
    let id = server.text("SELECT id FROM device LIMIT 1");
    let key = std::fs::read(server.configuration.data.join("server.key")).unwrap();
    let right = server.text("SELECT hex(secret) FROM device");
    server.change("UPDATE device SET secret = x'00'");
    let stopped = rotate(&server.configuration).unwrap_err().to_string();
    assert!(stopped.contains("device.secret") && stopped.contains(&id), "{stopped}");
    assert_eq!(std::fs::read(server.configuration.data.join("server.key")).unwrap(), key);
    assert!(!server.configuration.data.join("server.key.new").exists());
    server.change(&format!("UPDATE device SET secret = x'{right}'"));
    assert_eq!(opened(&server, &keys(&server)), (before, 0), "nothing was changed");
    assert_eq!(server.count("audit WHERE event = 'server-key-rotated'"), 0);
}

#[test]
fn a_renamed_users_denial_does_not_stand_in_the_way() {
    let server = full();
    let file = server.database_file();
    push_authenticator::server::store::user_names::rename(&file, USER, "renamed").unwrap();
    assert_eq!(server.count("denial"), 0);
    rotate(&server.configuration).unwrap();
}

#[test]
fn the_audit_log_and_its_checkpoints_hold_over_rotations() {
    let server = start();
    let verify = |checkpoint| {
        let (keys, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
        audit_verify::verify(&store, &Arc::new(keys), checkpoint).unwrap()
    };
    let (keys, store) = open_data(&server.configuration, &SystemEntropy::new()).unwrap();
    let written: Result<(), StoreError> = store.run_blocking(|transaction| {
        audit::add(transaction, &audit::Event { at: START, event: "sign-on".to_owned(), ..audit::Event::default() })
    });
    written.unwrap();
    let checkpoint = audit_verify::checkpoint(&store, &Arc::new(keys), START).unwrap();
    for rotations in 1..=3 {
        rotate(&server.configuration).unwrap();
        let found = verify(checkpoint.clone());
        assert_eq!((found.sealed, found.unsealed, found.findings), (1 + rotations, None, Vec::new()));
    }
}
