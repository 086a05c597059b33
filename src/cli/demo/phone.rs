//! The demo's phone: the real core with a separate vault, pulling messages in the background.

use std::collections::HashSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::DemoState;
use crate::cli::output::Failure;
use crate::cli::phone::device::{Description, FolderPhone, failure};
use crate::cli::phone::{picture, show_account, show_notification, show_preview};
use crate::phone::{AccountState, CommunicationType, Evidence, KeyChoice};
use crate::ports::{Entropy as _, SystemEntropy};
use crate::protocol::encoding::encode_url_safe;
use crate::secret::{Reason, SecretText, constant_time_equal};

/// How long the server holds a pull, in seconds.
const HOLD: u32 = 25;
/// How often the background thread looks for work unprompted.
const IDLE: Duration = Duration::from_secs(1);
/// How long the server holds an events request.
const EVENTS_HOLD: Duration = Duration::from_secs(20);

/// The phone and its observers.
#[derive(Clone)]
pub(super) struct PhonePane(Arc<PaneInner>);

struct PaneInner {
    phone: FolderPhone,
    token: String,
    changed: watch::Sender<u64>,
    scanned: Mutex<Option<SecretText>>,
    /// Held while an HTTP request is created and sent, so that the background thread cannot send it first and leave the
    /// caller without the response.
    sending: Mutex<()>,
    /// Wakes the background thread when there is work.
    hurry: Sender<()>,
}

impl PhonePane {
    /// Opens the phone and starts pulling.
    pub(super) fn start(folder: &Path) -> Result<Self, Failure> {
        let mut token = [0u8; 24];
        SystemEntropy::new().fill(&mut token).map_err(|error| Failure::new("entropy", &error))?;
        let (hurry, hurried) = channel();
        let pane = Self(Arc::new(PaneInner {
            phone: FolderPhone::open(folder)?,
            token: encode_url_safe(&token),
            changed: watch::Sender::new(1),
            scanned: Mutex::default(),
            sending: Mutex::default(),
            hurry,
        }));
        let background = pane.clone();
        std::thread::spawn(move || background.keep_fetching(&hurried));
        Ok(pane)
    }

    /// Returns the token that every changing HTTP request carries.
    pub(super) fn token(&self) -> &str {
        &self.0.token
    }

    fn touch(&self) {
        self.0.changed.send_modify(|version| *version += 1);
    }

    /// Runs one thread per account, so that a new account does not have to wait for another account's pull.
    fn keep_fetching(&self, hurried: &Receiver<()>) {
        let fetched: Arc<Mutex<HashSet<String>>> = Arc::default();
        loop {
            for account in self.0.phone.phone.accounts().unwrap_or_default() {
                let ready = matches!(account.state, AccountState::Active | AccountState::Unconfirmed);
                let mut running = fetched.lock().unwrap_or_else(PoisonError::into_inner);
                if ready && running.insert(account.id.clone()) {
                    let (pane, running) = (self.clone(), fetched.clone());
                    std::thread::spawn(move || {
                        pane.fetch(&account.id);
                        running.lock().unwrap_or_else(PoisonError::into_inner).remove(&account.id);
                    });
                }
            }
            if let Ok(_sending) = self.0.sending.try_lock()
                && self.0.phone.ship().is_ok_and(|shipped| shipped.len() > 0)
            {
                self.touch();
            }
            // Look again, whether woken or timed out.
            let _ = hurried.recv_timeout(IDLE);
        }
    }

    /// Pulls for one account. Does not let the server hold the pull if messages are pending, because the server would
    /// return those immediately.
    fn fetch(&self, account: &str) {
        let before = self.0.phone.pending().map(|pending| pending.len()).unwrap_or(0);
        let hold = if before == 0 { HOLD } else { 0 };
        let trouble = self.0.phone.pull(hold, Some(account)).map_or(true, |problems| !problems.is_empty());
        let after = self.0.phone.pending().map(|pending| pending.len()).unwrap_or(0);
        if before != after {
            self.touch();
        }
        if trouble || after > 0 {
            std::thread::sleep(Duration::from_millis(750));
        }
    }

    fn view(&self, version: u64) -> Result<Value, Failure> {
        let phone = &self.0.phone;
        Ok(json!({
            "version": version,
            "accounts": phone.phone.accounts().map_err(failure)?.iter().map(show_account).collect::<Vec<_>>(),
            "pending": phone.pending()?.iter().map(show_notification).collect::<Vec<_>>(),
        }))
    }

    /// Checks the HTTP request's token, then runs the core off the server's threads.
    async fn act(
        &self,
        headers: &HeaderMap,
        work: impl FnOnce(&Self) -> Result<Value, Failure> + Send + 'static,
    ) -> Response {
        let sent = headers.get("x-demo-token").map(|token| token.as_bytes()).unwrap_or_default();
        if !constant_time_equal(sent, self.0.token.as_bytes()) {
            return show(Err(Failure::new("token", &"This page is no longer current. Load it again.")));
        }
        let pane = self.clone();
        let result = tokio::task::spawn_blocking(move || {
            let sending = pane.0.sending.lock().unwrap_or_else(PoisonError::into_inner);
            let result = work(&pane);
            drop(sending);
            pane.touch();
            // The receiver is gone only when the process is ending.
            let _ = pane.0.hurry.send(());
            result
        })
        .await;
        show(result.unwrap_or_else(|_| Err(Failure::new("internal", &"The phone failed."))))
    }
}

fn show(result: Result<Value, Failure>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(failure) => (StatusCode::BAD_REQUEST, Json(failure.value())).into_response(),
    }
}

/// Query of an events request.
#[derive(Deserialize)]
pub(super) struct Since {
    since: u64,
}

/// `GET /demo/phone/events`: returns the phone's screen once it differs from the version already seen.
pub(super) async fn events(State(state): State<DemoState>, Query(Since { since }): Query<Since>) -> Response {
    let mut versions = state.pane.0.changed.subscribe();
    let _ = tokio::time::timeout(EVENTS_HOLD, versions.wait_for(|version| *version != since)).await;
    let version = *versions.borrow();
    let pane = state.pane.clone();
    let view = tokio::task::spawn_blocking(move || pane.view(version)).await;
    show(view.unwrap_or_else(|_| Err(Failure::new("internal", &"The phone failed."))))
}

/// `POST /demo/phone/scan`: reads a PNG of the QR code. Stores nothing and contacts no server.
pub(super) async fn scan(State(state): State<DemoState>, headers: HeaderMap, body: Bytes) -> Response {
    state
        .pane
        .act(&headers, move |pane| {
            let text = picture::read_code(&body)?;
            let preview = pane.0.phone.phone.preview(text.expose(Reason::HandOver)).map_err(failure)?;
            *pane.0.scanned.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
            Ok(show_preview(&preview))
        })
        .await
}

/// `POST /demo/phone/enrol`: adds the scanned account.
pub(super) async fn enrol(State(state): State<DemoState>, headers: HeaderMap) -> Response {
    state
        .pane
        .act(&headers, |pane| {
            let scanned = pane.0.scanned.lock().unwrap_or_else(PoisonError::into_inner).take();
            let text = scanned.ok_or_else(|| Failure::new("nothing-scanned", &"Scan a code first."))?;
            let phone = &pane.0.phone;
            let preview = phone.phone.preview(text.expose(Reason::HandOver)).map_err(failure)?;
            let description = Description {
                name: "Simulated phone".to_owned(),
                push_token: None,
                communication_type: CommunicationType::Embedded,
                key: KeyChoice::Software,
            };
            let replace = preview.conflict.is_some();
            let account = phone.enrol(preview, description, replace)?;
            phone.ship_for(&account.id)?;
            Ok(show_account(&account))
        })
        .await
}

/// Body of an approval or denial.
#[derive(Deserialize)]
pub(super) struct Answer {
    id: String,
    number: Option<String>,
    #[serde(default)]
    biometric: bool,
}

/// `POST /demo/phone/approve`.
pub(super) async fn approve(
    State(state): State<DemoState>,
    headers: HeaderMap,
    Json(answer): Json<Answer>,
) -> Response {
    state
        .pane
        .act(&headers, move |pane| {
            let phone = &pane.0.phone;
            let evidence = match answer.number {
                Some(number) => Evidence::Number(number),
                None if answer.biometric => phone.biometric_evidence(&answer.id)?,
                None => Evidence::Tap,
            };
            phone.phone.approve(&answer.id, evidence).map_err(failure)?;
            phone.ship_for(&answer.id)?;
            Ok(json!({}))
        })
        .await
}

/// `POST /demo/phone/deny`.
pub(super) async fn deny(State(state): State<DemoState>, headers: HeaderMap, Json(answer): Json<Answer>) -> Response {
    state
        .pane
        .act(&headers, move |pane| {
            pane.0.phone.phone.deny(&answer.id).map_err(failure)?;
            pane.0.phone.ship_for(&answer.id)?;
            Ok(json!({}))
        })
        .await
}

/// `POST /demo/phone/remove`.
pub(super) async fn remove(State(state): State<DemoState>, headers: HeaderMap, Json(answer): Json<Answer>) -> Response {
    state
        .pane
        .act(&headers, move |pane| {
            pane.0.phone.phone.remove(&answer.id).map_err(failure)?;
            Ok(json!({}))
        })
        .await
}
