//! A stand-in for SNS that answers as instructed and records the HTTP requests it gets.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::wait_for;

/// How the fake answers an HTTP request.
#[derive(Clone)]
pub enum Reply {
    /// A success.
    Well,
    /// An SNS error: status and error code.
    Error(u16, &'static str),
    /// Closes the connection without an answer.
    HangUp,
    /// No answer, however long the test lasts.
    Silence,
}

/// An HTTP request as received.
#[derive(Clone, Debug)]
pub struct Seen {
    pub at: Instant,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub parameters: HashMap<String, String>,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).unwrap().1
    }

    /// Returns the outer JSON of the published message.
    pub fn published(&self) -> Value {
        serde_json::from_str(&self.parameters["Message"]).unwrap()
    }
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    replies: HashMap<&'static str, VecDeque<Reply>>,
    always: HashMap<&'static str, Reply>,
}

/// A stand-in for SNS; see the module.
pub struct Fake {
    pub port: u16,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<Mutex<State>>::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let state = shared.clone();
                std::thread::spawn(move || serve(&stream.unwrap(), &state));
            }
        });
        Self { port, state }
    }

    /// Sets the answers to the next HTTP requests of an action; after them, it succeeds again.
    pub fn next(&self, action: &'static str, replies: &[Reply]) {
        self.state.lock().unwrap().replies.entry(action).or_default().extend(replies.iter().cloned());
    }

    /// Sets the answer to every HTTP request of an action.
    pub fn always(&self, action: &'static str, reply: Reply) {
        self.state.lock().unwrap().always.insert(action, reply);
    }

    /// Returns all HTTP requests of an action so far.
    pub fn seen(&self, action: &str) -> Vec<Seen> {
        let state = self.state.lock().unwrap();
        state.seen.iter().filter(|seen| seen.parameters["Action"] == action).cloned().collect()
    }

    /// Returns the HTTP requests of an action, once there are this many.
    pub fn wait_for(&self, action: &str, count: usize) -> Vec<Seen> {
        wait_for("the request", || Some(self.seen(action)).filter(|seen| seen.len() >= count))
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let at = Instant::now();
    let mut reader = BufReader::new(stream);
    let mut headers = Vec::new();
    let mut line = String::new();
    let _ = reader.read_line(&mut line);
    assert_eq!(line, "POST / HTTP/1.1\r\n");
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
            None => break,
        }
    }
    let length =
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length")).unwrap().1.parse().unwrap();
    let mut body = vec![0u8; length];
    reader.read_exact(&mut body).unwrap();
    let parameters: HashMap<String, String> = url::form_urlencoded::parse(&body).into_owned().collect();
    let action = parameters["Action"].clone();
    let value = |name: &str| parameters.get(name).cloned().unwrap_or_default();
    let (token, application) = (value("Token"), value("PlatformApplicationArn"));
    let reply = {
        let mut state = state.lock().unwrap();
        state.seen.push(Seen { at, headers, body: String::from_utf8(body).unwrap(), parameters });
        let next = state.replies.get_mut(action.as_str()).and_then(VecDeque::pop_front);
        next.or_else(|| state.always.get(action.as_str()).cloned()).unwrap_or(Reply::Well)
    };
    let endpoint = application.replace(":app/", ":endpoint/");
    let (status, text) = match reply {
        Reply::Well => (
            200,
            format!(
                "<{action}Response><{action}Result><EndpointArn>{endpoint}/{token}</EndpointArn></{action}Result></{action}Response>"
            ),
        ),
        Reply::Error(status, code) => (
            status,
            format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>No.</Message></Error></ErrorResponse>"
            ),
        ),
        Reply::HangUp => return,
        Reply::Silence => {
            std::thread::sleep(Duration::from_secs(120));
            return;
        }
    };
    let _ = (&mut &*stream).write_all(
        format!("HTTP/1.1 {status} Played\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())
            .as_bytes(),
    );
}
