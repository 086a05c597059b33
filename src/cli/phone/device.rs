//! A phone in a folder: the core with its vault, file-based keys, and the HTTP client. The commands and the demo use
//! it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use url::Url;

use super::keys::Files;
use super::shipped::{Sent, Shipped, queued};
use crate::cli::http::{Client, Unanswered};
use crate::cli::output::Failure;
use crate::phone::{
    Account, CommunicationType, Delivery, Device, DeviceFacts, Enrolment, Evidence, HttpRequest, KeyChoice,
    Notification, Outcome, Phone, PhoneError, Platform, Preview, PullRequest, Pulled, SendFailure, SlotWrapper,
};
use crate::ports::{Clock as _, SystemClock, SystemEntropy, make_uuid};
use crate::protocol::uri::host_and_port;
use crate::server::ca_file::TlsFailure;
use crate::server::make_private_folder;

/// How much longer than the requested hold a server may take to respond, in milliseconds.
const PULL_GRACE: i64 = 5000;
/// How long the other servers have once one has responded and there is a message, in milliseconds.
const OTHERS_GRACE: i64 = 2000;

/// A phone in a folder.
pub(in crate::cli) struct FolderPhone {
    pub(in crate::cli) phone: Arc<Phone>,
    files: Files,
    client: Client,
    pulls: Arc<Pulls>,
}

/// How the phone describes itself at registration.
pub(in crate::cli) struct Description {
    pub(in crate::cli) name: String,
    pub(in crate::cli) push_token: Option<String>,
    pub(in crate::cli) communication_type: CommunicationType,
    /// The signing key to give the account, if its server accepts one.
    pub(in crate::cli) key: KeyChoice,
}

impl Description {
    /// Returns a description for accounts whose server never learns about this phone.
    pub(in crate::cli) fn of_nobody() -> Self {
        Self {
            name: String::new(),
            push_token: None,
            communication_type: CommunicationType::Embedded,
            key: KeyChoice::None,
        }
    }
}

impl FolderPhone {
    /// Opens the folder, or sets it up with new keys if it contains no vault.
    pub(in crate::cli) fn open(folder: &Path) -> Result<Self, Failure> {
        make_private_folder(folder)
            .map_err(|error| Failure::new("vault", &format!("{} cannot be used: {error}", folder.display())))?;
        let files = Files::of(folder);
        files.key.refuse_open()?;
        files.biometric.refuse_open()?;
        // A new vault gets a new biometric key, but a deleted key file is not recreated.
        if !files.vault.exists() && !files.key.exists() && !files.biometric.exists() {
            files.biometric.make().map_err(|error| Failure::new("biometric-key", &error))?;
        }
        let phone = Phone::open(&files.vault, &files.key, Arc::new(SystemClock), Arc::new(SystemEntropy::new()))
            .map_err(failure)?;
        let this = Self { phone: Arc::new(phone), files, client: Client::default(), pulls: Arc::default() };
        this.phone.set_device_facts(this.facts());
        Ok(this)
    }

    fn facts(&self) -> DeviceFacts {
        DeviceFacts { biometric_available: self.files.biometric.exists(), tamper_score: 0.0 }
    }

    /// Enrolls a previewed account and places its registration in the outbox.
    pub(in crate::cli) fn enrol(
        &self,
        preview: Preview,
        description: Description,
        replace: bool,
    ) -> Result<Account, Failure> {
        let push_token = match description.push_token {
            Some(token) => token,
            None => make_uuid(&SystemEntropy::new()).map_err(|error| Failure::new("entropy", &error))?,
        };
        let slot: Option<&dyn SlotWrapper> =
            self.files.biometric.exists().then_some(&self.files.biometric as &dyn SlotWrapper);
        let device = Device {
            name: description.name,
            platform: match description.communication_type {
                CommunicationType::Apns => Platform::Ios,
                CommunicationType::Gcm | CommunicationType::Embedded => Platform::Android,
            },
            push_token,
            communication_type: description.communication_type,
        };
        let enrolment = Enrolment { device, facts: self.facts(), slot, replace, key: description.key };
        self.phone.enrol(preview, enrolment).map_err(failure)
    }

    /// Returns the evidence that stands for a fingerprint: the slot, unwrapped with the biometric key file.
    pub(in crate::cli) fn biometric_evidence(&self, notification: &str) -> Result<Evidence, Failure> {
        let wrapped = self.phone.biometric_challenge(notification).map_err(failure)?;
        if !self.files.biometric.exists() {
            return Err(Failure::new("biometric-unavailable", &"There is no biometric key on this phone."));
        }
        self.files
            .biometric
            .open(&wrapped)
            .map(Evidence::Biometric)
            .map_err(|error| Failure::new("biometric-refused", &error))
    }

    /// Sends everything that is due, each HTTP request once and all in parallel, so that a stalled server delays no
    /// other.
    pub(in crate::cli) fn ship(&self) -> Result<Shipped, Failure> {
        let requests = self.phone.due().map_err(failure)?;
        std::thread::scope(|scope| {
            let sent: Vec<_> = requests.iter().map(|request| scope.spawn(move || self.send(request))).collect();
            let mut shipped = Shipped::default();
            for (request, sent) in requests.iter().zip(sent) {
                // A thread that panicked reported nothing: its lease runs out.
                let Ok(sent) = sent.join() else { continue };
                let (delivery, cause) = sent.map_err(failure)?;
                shipped.0.push(Sent { id: request.id.clone(), delivery, cause });
            }
            Ok(shipped)
        })
    }

    fn send(&self, request: &HttpRequest) -> Result<(Delivery, Option<TlsFailure>), PhoneError> {
        if request.not_after.is_some_and(|end| SystemClock.now() > end) {
            return Ok((self.phone.failed(&request.id, SendFailure::NotSent)?, None));
        }
        match self.client.post(&request.url, &request.headers, &request.body) {
            Ok(response) => Ok((self.phone.delivered(&request.id, response)?, None)),
            Err(Unanswered { failure, cause }) => Ok((self.phone.failed(&request.id, failure)?, cause)),
        }
    }

    /// Sends everything that is due and returns the outcome for one account or notification.
    pub(in crate::cli) fn ship_for(&self, owner: &str) -> Result<Outcome, Failure> {
        let waiting = self.phone.outbox().map_err(failure)?;
        let own = waiting
            .into_iter()
            .find(|waiting| {
                waiting.notification_id.as_deref() == Some(owner)
                    || (waiting.notification_id.is_none() && waiting.account_id == owner)
            })
            .map(|waiting| waiting.id);
        let mut shipped = self.ship()?;
        let sent = own.and_then(|own| {
            let position = shipped.0.iter().position(|sent| sent.id == own)?;
            Some(shipped.0.swap_remove(position))
        });
        let cause = sent.as_ref().and_then(|sent| sent.cause.clone());
        match sent.map(|sent| sent.delivery) {
            Some(Delivery::Done(outcome)) => Ok(outcome),
            Some(Delivery::Refused { message, status, .. }) => Err(Failure::new(
                "refused",
                &message.unwrap_or_else(|| format!("The server refused it with HTTP status {status}.")),
            )),
            Some(Delivery::Retry { .. }) | None => Err(queued(cause.as_slice())),
        }
    }

    /// Pulls the pending messages of all accounts, or of one, in parallel. Each server may hold the pull for `wait`
    /// seconds. The messages end up in the vault; returns problems for the user. A server that does not respond in
    /// time, or has said that it does not support pulls, is not asked again.
    pub(in crate::cli) fn pull(&self, wait: u32, only: Option<&str>) -> Result<Vec<String>, Failure> {
        let requests = match only {
            Some(account) => vec![self.phone.pull_account(account, wait).map_err(failure)?],
            None => self.phone.pull(wait).map_err(failure)?,
        };
        let (sender, answers) = mpsc::channel();
        let mut left = Vec::new();
        for request in requests {
            if only.is_none() && !self.pulls.may_ask(&request.account_id) {
                continue;
            }
            let host = host_of(&request.url);
            left.push((request.account_id.clone(), host.clone()));
            self.pulls.set(&request.account_id, Some(PullState::Running));
            let pull = Pull { phone: Arc::clone(&self.phone), client: self.client.clone(), host, wait };
            let (pulls, sender) = (Arc::clone(&self.pulls), sender.clone());
            // Not joined: a late result is processed either completely or not at all.
            std::thread::spawn(move || {
                let (problems, state) = pull.run(&request);
                pulls.set(&request.account_id, state);
                let _ = sender.send((request.account_id, problems));
            });
        }
        drop(sender);
        let mut deadline = SystemClock.now() + i64::from(wait) * 1000 + PULL_GRACE;
        let mut problems = Vec::new();
        while !left.is_empty() {
            let rest = Duration::from_millis(u64::try_from(deadline - SystemClock.now()).unwrap_or(0));
            match answers.recv_timeout(rest) {
                Ok((account, found)) => {
                    left.retain(|(id, _)| *id != account);
                    problems.extend(found);
                    if !self.pending()?.is_empty() {
                        deadline = deadline.min(SystemClock.now() + OTHERS_GRACE);
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        if SystemClock.now() >= deadline && self.pending()?.is_empty() {
            problems.extend(left.iter().map(|(_, host)| format!("{host} did not answer in time.")));
        }
        Ok(problems)
    }

    /// Returns whether the account's server has said, since this phone was opened, that it does not support pulls.
    pub(in crate::cli) fn is_pull_missing(&self, account: &str) -> bool {
        self.pulls.is(account, PullState::NotOffered)
    }

    /// Returns whether there is an account that can still be pulled for.
    pub(in crate::cli) fn may_pull(&self) -> Result<bool, Failure> {
        let requests = self.phone.pull(0).map_err(failure)?;
        let is_over = |id: &str| self.is_pull_missing(id) || self.pulls.is(id, PullState::Untrusted);
        Ok(requests.iter().any(|request| !is_over(&request.account_id)))
    }

    /// Returns the sign-on requests that can be answered, newest first.
    pub(in crate::cli) fn pending(&self) -> Result<Vec<Notification>, Failure> {
        self.phone.pending().map_err(failure)
    }
}

/// State of the pull for one account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PullState {
    /// Sent, but not answered yet.
    Running,
    /// The server does not support pulls.
    NotOffered,
    /// The server has an untrusted certificate or does not speak TLS.
    Untrusted,
}

/// State of all pulls while this phone is open.
#[derive(Default)]
struct Pulls(Mutex<HashMap<String, PullState>>);

impl Pulls {
    fn may_ask(&self, account: &str) -> bool {
        !self.lock().contains_key(account)
    }

    fn is(&self, account: &str, state: PullState) -> bool {
        self.lock().get(account) == Some(&state)
    }

    fn set(&self, account: &str, state: Option<PullState>) {
        match state {
            Some(state) => self.lock().insert(account.to_owned(), state),
            None => self.lock().remove(account),
        };
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, PullState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One pull from one server.
struct Pull {
    phone: Arc<Phone>,
    client: Client,
    host: String,
    wait: u32,
}

impl Pull {
    /// Sends the pull. Returns the problems and the state to remember.
    fn run(&self, request: &PullRequest) -> (Vec<String>, Option<PullState>) {
        let mut again = None;
        for attempt in 0..2 {
            let request = again.as_ref().unwrap_or(request);
            let pulled = match self.client.post(&request.url, &request.headers, &request.body) {
                Ok(response) => self.phone.pulled(request, response),
                Err(Unanswered { cause: Some(cause), .. }) => {
                    return (vec![cause.to_string()], Some(PullState::Untrusted));
                }
                Err(_) => return (vec![format!("{} could not be reached for new messages.", self.host)], None),
            };
            match pulled {
                Ok(Pulled::Messages { refused, .. }) => {
                    return (refused.into_iter().map(|refused| refused.error.to_string()).collect(), None);
                }
                Ok(Pulled::NotOffered) => return (vec![not_offered(&self.host)], Some(PullState::NotOffered)),
                Ok(Pulled::AskAgain) if attempt == 0 => match self.phone.pull_account(&request.account_id, self.wait) {
                    Ok(request) => again = Some(request),
                    Err(error) => return (vec![error.to_string()], None),
                },
                Ok(Pulled::AskAgain) => return (vec![format!("{} refused to hand out messages.", self.host)], None),
                Err(error) => return (vec![error.to_string()], None),
            }
        }
        (Vec::new(), None)
    }
}

fn host_of(url: &str) -> String {
    Url::parse(url).map(|url| host_and_port(&url)).unwrap_or_default()
}

/// Explains to the user that a server does not support pulls.
fn not_offered(host: &str) -> String {
    format!(
        "{host} hands out no messages: it does not know this way. Its sign-on requests come by push only; give each to \
         receive."
    )
}

/// Converts an error from the core.
pub(in crate::cli) fn failure(error: PhoneError) -> Failure {
    Failure::new(error.code(), &error)
}
