//! A database that accepts no writes: the server reports it, does not hang, and works again without a restart.

use std::time::{Duration, Instant};

use crate::harness::*;

#[test]
fn a_locked_database_is_503_and_probes_never_hang() {
    let server = start();
    assert_eq!(server.get("/am/json/health/ready").status, 200);
    let other = rusqlite::Connection::open(server.database_file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    let refused = server.get("/am/json/health/ready");
    assert!(refused.status == 503 && refused.header("retry-after").is_some(), "{}", refused.text());
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert_eq!(server.get("/am/json/health/live").status, 200);
    other.execute_batch("ROLLBACK").unwrap();
    let began = Instant::now();
    while server.get("/am/json/health/ready").status != 200 {
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_sign_on_that_cannot_be_stored_is_503_with_a_time_to_try_again() {
    let server = start();
    server.get("/am/json/health/ready");
    let other = rusqlite::Connection::open(server.database_file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = server.post_bytes(&format!("{REST}{JOURNEY_QUERY}"), b"");
    assert!(refused.status == 503 && refused.header("retry-after").is_some(), "{}", refused.text());
    let page = server.get("/am/XUI/profile");
    assert_ne!(page.status, 500, "{}", page.text());
    other.execute_batch("ROLLBACK").unwrap();
}
