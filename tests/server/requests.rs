//! How much one HTTP request may demand: each limit is configurable, is enforced, and leaves a note that cannot fill
//! the store.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use push_authenticator::server::connections::{self, ConnectionLimits};
use push_authenticator::server::router;

use crate::harness::*;
use crate::phones::{refresh, refresh_claims};

const MINUTE: i64 = 60_000;

/// Returns how often this limit was logged for the address of the tests.
fn noted(server: &Server, limit: &str) -> i64 {
    server.audited(&format!("event = 'request' AND outcome = '{limit}' AND address = '127.0.0.1' AND user IS NULL"))
}

/// Serves the server's routes a second time, one connection at a time, until the other half is dropped.
fn one_at_a_time(server: &Server, idle_time: Duration) -> (SocketAddr, tokio::sync::oneshot::Sender<()>) {
    let routes = router(server.app.clone());
    server.runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let limits = ConnectionLimits { at_once: 1, idle_time };
        tokio::spawn(connections::serve(listener, routes, limits, async { drop(stopped.await) }));
        (address, stop)
    })
}

fn head(server: &Server, path: &str, end: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{end}\r\n", server.address)
}

/// Whether the server answers over a new connection.
fn is_alive(server: &Server, address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head(server, "/am/isAlive", "Connection: close\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.ends_with("Server is ALIVE\n")
}

#[test]
fn a_client_that_says_nothing_makes_room_for_the_next() {
    let server = start();
    let (address, stop) = one_at_a_time(&server, Duration::from_millis(700));
    assert!(is_alive(&server, address));
    let began = Instant::now();
    let mut silent = TcpStream::connect(address).unwrap();
    silent.write_all(b"GET /am/isAlive HT").unwrap();
    assert!(is_alive(&server, address), "its turn comes");
    assert!(began.elapsed() >= Duration::from_millis(600), "and not before the other's time is over");
    drop(stop);
}

#[test]
fn a_client_that_reads_nothing_makes_room_for_the_next() {
    let server = start();
    let (address, stop) = one_at_a_time(&server, Duration::from_millis(700));
    let mut deaf = TcpStream::connect(address).unwrap();
    deaf.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    // Sends more HTTP requests than the system buffers, without reading any answer, until no more are accepted.
    let questions = head(&server, "/am/XUI/assets/page.css", "").repeat(100);
    let is_full = (0..100_000).any(|_| match deaf.write_all(questions.as_bytes()) {
        Ok(()) => false,
        Err(error) => {
            let stuck = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            let closed = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
            assert!(stuck || closed, "{error}");
            true
        }
    });
    assert!(is_full);
    assert!(is_alive(&server, address), "its turn comes");
    drop(stop);
}

#[test]
fn the_largest_body_is_a_setting_and_larger_ones_are_counted() {
    let server = Setup::new().configure(|settings| settings.requests.body_kib = 16).start();
    let body = |length: usize| [vec![b' '; length - 2], b"{}".to_vec()].concat();
    assert_eq!(server.post_bytes(REST, &body(16 * 1024)).status, 200);
    assert_eq!(noted(&server, "too-large"), 0);
    for path in [REST.to_owned(), format!("{PHONES}register"), "/am/XUI/wait".to_owned()] {
        server.post_bytes(&path, &body(16 * 1024 + 1)).refused(413);
    }
    assert_eq!(noted(&server, "too-large"), 3);
    server.clock.advance(10 * MINUTE);
    for _ in 0..50 {
        server.post_bytes(REST, &body(16 * 1024 + 1)).refused(413);
    }
    assert_eq!(noted(&server, "too-large"), 53);
    assert_eq!(server.count("audit WHERE outcome = 'too-large'"), 3 + 5 + 1, "five at once, and 45 more in one row");
}

#[test]
fn a_body_that_comes_drop_by_drop_is_given_up_after_the_time_that_is_set() {
    let server = Setup::new().configure(|settings| settings.requests.seconds = 1).start();
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head = format!(
        "POST {PHONES}register HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        server.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert_eq!(noted(&server, "too-long"), 1);
}

#[test]
fn how_often_a_sign_on_is_asked_for_before_its_time_is_a_setting() {
    let server = Setup::new().configure(|settings| settings.requests.early_polls = 2).start();
    let _phone = server.enrolled();
    let step = server.after_password();
    for _ in 0..2 {
        server.next(&step);
    }
    for _ in 0..2 {
        server.post(&step).refused(429);
    }
    assert_eq!(noted(&server, "too-often"), 2);
    // Another limit is counted separately.
    server.post_bytes(REST, &vec![b' '; 64 * 1024 + 1]).refused(413);
    assert_eq!((noted(&server, "too-often"), noted(&server, "too-large")), (2, 1));
}

#[test]
fn how_often_a_phone_changes_its_push_token_is_a_setting() {
    let server = Setup::new().configure(|settings| settings.push.token_changes = 2).start();
    let phone = server.enrolled();
    let change = |token: &str| refresh(&server, &phone, &refresh_claims(token));
    let token = || server.database().query_row("SELECT token FROM device", [], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    for name in ["one", "two"] {
        assert_eq!(change(name).status, 200);
    }
    let kept = token();
    change("three").refused(429);
    assert_eq!(token(), kept, "nothing was changed");
    assert_eq!(noted(&server, "too-often"), 1);
    server.clock.advance(10 * MINUTE);
    assert_eq!(change("three").status, 200);
    assert_ne!(token(), kept);
}
