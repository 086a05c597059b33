//! The phone core through its public interface, on real SQLite files.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "phone/accounts.rs"]
mod accounts;
#[path = "phone/approval.rs"]
mod approval;
#[path = "phone/arrivals.rs"]
mod arrivals;
#[path = "phone/captures.rs"]
mod captures;
#[path = "phone/codes.rs"]
mod codes;
#[path = "phone/damage.rs"]
mod damage;
#[path = "phone/device_key.rs"]
mod device_key;
#[path = "phone/enrolment.rs"]
mod enrolment;
#[path = "phone/faults.rs"]
mod faults;
#[path = "phone/frozen.rs"]
mod frozen;
#[path = "phone/hints.rs"]
mod hints;
#[path = "phone/history.rs"]
mod history;
#[path = "phone/notification.rs"]
mod notification;
#[path = "phone/outbox.rs"]
mod outbox;
#[path = "phone/pull.rs"]
mod pull;
#[path = "phone/rewrap.rs"]
mod rewrap;
#[path = "phone/secrets.rs"]
mod secrets;
#[path = "phone/support.rs"]
mod support;
#[path = "phone/token.rs"]
mod token;
#[path = "phone/traces.rs"]
mod traces;
#[path = "phone/vault.rs"]
mod vault;
