//! A relay between phone and server that forwards HTTP requests, records them, and can withhold an answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

/// One HTTP request that went through.
#[derive(Clone)]
pub struct Seen {
    pub path: String,
    pub head: String,
    pub body: String,
    pub status: u16,
    pub response: String,
}

pub struct Relay {
    pub address: String,
    target: Arc<Mutex<String>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    silent: Arc<AtomicBool>,
    passed: Receiver<()>,
}

impl Relay {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (target, seen, silent) =
            (Arc::<Mutex<String>>::default(), Arc::<Mutex<Vec<Seen>>>::default(), Arc::<AtomicBool>::default());
        let (passing, passed) = channel();
        let parts = (target.clone(), seen.clone(), silent.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let ((target, seen, silent), passing) = (parts.clone(), passing.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    while let Some((path, head, body)) = read_request(&stream) {
                        let target = target.lock().unwrap().clone();
                        let (status, response) = pass_on(&target, &path, &head, &body);
                        seen.lock().unwrap().push(Seen { path, head, body, status, response: response.clone() });
                        passing.send(()).unwrap();
                        if silent.load(Ordering::SeqCst) {
                            std::thread::park();
                        }
                        let answer = format!(
                            "HTTP/1.1 {status} Relayed\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{response}",
                            response.len()
                        );
                        if stream.write_all(answer.as_bytes()).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { address, target, seen, silent, passed }
    }

    pub fn lead_to(&self, address: &str) {
        *self.target.lock().unwrap() = address.to_owned();
    }

    /// From now on, the server gets HTTP requests, but the phone gets no answers.
    pub fn fall_silent(&self, silent: bool) {
        self.silent.store(silent, Ordering::SeqCst);
    }

    /// Waits until one more HTTP request has reached the server.
    pub fn wait_for_one(&self) {
        self.passed.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Option<(String, String, String)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:").map(|length| length.trim().parse().unwrap())
        })
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let path = head.split(' ').nth(1)?.to_owned();
    Some((path, head, String::from_utf8(body).unwrap()))
}

fn pass_on(target: &str, path: &str, head: &str, body: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.post(format!("http://{target}{path}"));
    for line in head.lines().skip(1) {
        if let Some((name, value)) = line.split_once(": ")
            && ["accept-api-version", "content-type", "cookie"].contains(&name.to_ascii_lowercase().as_str())
        {
            request = request.header(name, value);
        }
    }
    let mut response = request.send(body).unwrap();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}
