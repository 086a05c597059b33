//! Simulates thousands of browsers and phones.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::server::{self, Server};
use super::wire::{Message, Phone, fill_password, number};

const REALM: &str = "/am/json/realms/root/realms/alpha";
const JOURNEY: &str = "authIndexType=service&authIndexValue=Login%20with%20Push%20MFA";
/// Sign-ons brought to their waiting page in parallel.
const AT_ONCE: usize = 64;
/// Time over which the waiting pages arrive.
const ARRIVAL: Duration = Duration::from_secs(20);
/// Clients that poll during the measurement.
const POLLERS: usize = 100;

/// A sign-on that is waiting for its phone.
pub struct Waiting {
    user: usize,
    step: Value,
}

/// When each tap was sent and how long its page took to wake.
pub struct Held {
    sent: Arc<Vec<Mutex<Option<Instant>>>>,
    woken: Arc<Mutex<Vec<Duration>>>,
    _pages: JoinSet<()>,
}

#[derive(Clone)]
pub struct Driver {
    client: Client<HttpConnector, Full<Bytes>>,
    address: Arc<str>,
}

impl Driver {
    pub fn new(server: &Server) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(AT_ONCE).build(connector);
        Self { client, address: server.address.as_str().into() }
    }

    async fn post(&self, path: &str, body: String) -> (u16, Value) {
        let request = hyper::Request::post(format!("http://{}{path}", self.address))
            .header("Content-Type", "application/json")
            .header("Accept-API-Version", "resource=2.1, protocol=1.0")
            .body(Full::new(Bytes::from(body)))
            .unwrap();
        let response = self.client.request(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn step(&self, body: String) -> Value {
        let (status, value) = self.post(&format!("{REALM}/authenticate?{JOURNEY}"), body).await;
        assert_eq!(status, 200, "{value}");
        value
    }

    async fn waiting(&self, user: usize) -> Waiting {
        let page = self.step(String::new()).await;
        let step = self.step(fill_password(&page, &server::name(user), server::PASSWORD).to_string()).await;
        Waiting { user, step }
    }

    /// Brings all users to their waiting page.
    pub async fn all_waiting(&self, users: Range<usize>) -> Vec<Waiting> {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        let mut tasks = JoinSet::new();
        for user in users {
            let (driver, place) = (self.clone(), places.clone().acquire_owned().await.unwrap());
            tasks.spawn(async move {
                let waiting = driver.waiting(user).await;
                drop(place);
                waiting
            });
        }
        tasks.join_all().await
    }

    /// Has every page wait to be woken, as its script does. Returns once the server holds all of them.
    pub async fn hold(&self, waiting: &[Waiting]) -> Held {
        let sent: Arc<Vec<Mutex<Option<Instant>>>> = Arc::new(waiting.iter().map(|_| Mutex::new(None)).collect());
        let woken = Arc::new(Mutex::new(Vec::new()));
        let mut pages = JoinSet::new();
        let (began, mut arrived) = (Instant::now(), 0);
        for (index, each) in waiting.iter().enumerate() {
            let body = json!({"authId": each.step["authId"]}).to_string();
            let (driver, sent, woken) = (self.clone(), sent.clone(), woken.clone());
            pages.spawn(async move {
                loop {
                    let (status, answer) = driver.post("/am/XUI/wait", body.clone()).await;
                    assert_eq!(status, 200, "{answer}");
                    let now = Instant::now();
                    if answer["ready"] == json!(true) {
                        let began = sent[index].lock().unwrap().unwrap_or(now);
                        woken.lock().unwrap().push(now - began);
                        return;
                    }
                }
            });
            // Stagger the pages: held for 25 seconds each, they come back one after another rather than all at once.
            if index * ARRIVAL.as_millis() as usize / waiting.len() > arrived {
                arrived += 10;
                tokio::time::sleep_until((began + Duration::from_millis(arrived as u64)).into()).await;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        Held { sent, woken, _pages: pages }
    }

    /// Taps on `taps` phones at a rate of `a_second`, whether or not earlier taps have finished. Returns the time each
    /// page took to wake, sorted.
    pub async fn tap(&self, waiting: &[Waiting], held: &Held, taps: usize, a_second: u64) -> Vec<Duration> {
        let every = waiting.len() / taps;
        let chosen: Vec<usize> = (0..taps).map(|tap| tap * every).collect();
        let mut answers = Vec::new();
        for index in &chosen {
            let each = &waiting[*index];
            let (phone, message) = self.fetch(each.user).await;
            answers.push(phone.answer_body(&message, json!({"challengeResponse": number(&each.step)})).to_string());
        }
        let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / a_second));
        let mut tasks = JoinSet::new();
        for (index, body) in chosen.into_iter().zip(answers) {
            ticks.tick().await;
            let (driver, sent) = (self.clone(), held.sent.clone());
            tasks.spawn(async move {
                *sent[index].lock().unwrap() = Some(Instant::now());
                driver.answer(body).await;
            });
        }
        tasks.join_all().await;
        let until = Instant::now() + Duration::from_secs(30);
        while held.woken.lock().unwrap().len() < taps {
            assert!(Instant::now() < until, "{} of {taps} pages were woken", held.woken.lock().unwrap().len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut latencies = held.woken.lock().unwrap().clone();
        latencies.sort();
        latencies
    }

    /// Does the same for clients that poll for the answer once per `period`.
    pub async fn tap_with_polls(&self, users: Range<usize>, period: Duration) -> Vec<Duration> {
        assert!(users.len() <= POLLERS);
        let mut tasks = JoinSet::new();
        for (index, each) in self.all_waiting(users).await.into_iter().enumerate() {
            let driver = self.clone();
            tasks.spawn(async move {
                let (phone, message) = driver.fetch(each.user).await;
                let body = phone.answer_body(&message, json!({"challengeResponse": number(&each.step)})).to_string();
                // Spread the taps over the time between two polls.
                let answering = driver.clone();
                let answered = tokio::spawn(async move {
                    tokio::time::sleep(period.mul_f64(index as f64 / POLLERS as f64)).await;
                    let began = Instant::now();
                    answering.answer(body).await;
                    began
                });
                loop {
                    tokio::time::sleep(period).await;
                    if driver.step(each.step.to_string()).await["tokenId"].is_string() {
                        return answered.await.unwrap().elapsed();
                    }
                }
            });
        }
        let mut latencies = tasks.join_all().await;
        latencies.sort();
        latencies
    }

    /// Runs complete sign-ons with `workers` workers for `time` and returns their number.
    pub async fn sign_ons(&self, workers: usize, time: Duration) -> usize {
        let until = Instant::now() + time;
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            let (driver, next) = (self.clone(), next.clone());
            tasks.spawn(async move {
                let mut count = 0;
                while Instant::now() < until {
                    // No user signs in twice at once, because a newer sign-on would invalidate the older one's message.
                    driver.sign_on(next.fetch_add(1, Ordering::Relaxed)).await;
                    count += 1;
                }
                count
            });
        }
        tasks.join_all().await.into_iter().sum()
    }

    async fn sign_on(&self, user: usize) {
        let waiting = self.waiting(user).await;
        let (phone, message) = self.fetch(user).await;
        let more = json!({"challengeResponse": number(&waiting.step)});
        self.answer(phone.answer_body(&message, more).to_string()).await;
        assert!(self.step(waiting.step.to_string()).await["tokenId"].is_string());
    }

    /// Fetches the message that waits for this user's phone.
    async fn fetch(&self, user: usize) -> (Phone, Message) {
        let phone = Phone::known(server::secret(user), server::mechanism(user));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        let body = phone.pull_body(&phone.claims_of_pull(now, 0)).to_string();
        let (status, answer) = self.post(&format!("{REALM}/push/sns/message?_action=pending"), body).await;
        assert_eq!(status, 200, "{answer}");
        let message = phone.read_messages(&answer).pop().unwrap_or_else(|| panic!("no message for user {user}"));
        (phone, message)
    }

    async fn answer(&self, body: String) {
        let (status, answer) = self.post(&format!("{REALM}/push/sns/message?_action=authenticate"), body).await;
        assert_eq!(status, 200, "{answer}");
    }
}
