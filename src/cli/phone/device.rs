//! A phone in a folder: the core with its vault, keys of files, and the HTTP client; used by the verbs and the demo.

use std::path::Path;
use std::sync::Arc;

use super::keys::Files;
use crate::cli::http::Client;
use crate::cli::output::Failure;
use crate::phone::{
    Account, CommunicationType, Delivery, Device, DeviceFacts, Enrolment, Evidence, HttpRequest, KeyChoice,
    Notification, Outcome, Phone, PhoneError, Platform, Preview, Pulled, SendFailure, SlotWrapper,
};
use crate::ports::{Clock as _, SystemClock, SystemEntropy, make_uuid};
use crate::server::make_private_folder;

/// A phone in a folder.
pub(in crate::cli) struct FolderPhone {
    pub(in crate::cli) phone: Phone,
    files: Files,
    client: Client,
}

/// How the phone describes itself when it registers.
pub(in crate::cli) struct Description {
    pub(in crate::cli) name: String,
    pub(in crate::cli) push_token: Option<String>,
    pub(in crate::cli) communication_type: CommunicationType,
    /// The signing key that the account is to have, where its server takes one.
    pub(in crate::cli) key: KeyChoice,
}

impl Description {
    /// For accounts whose server is not told of this phone.
    pub(in crate::cli) fn of_nobody() -> Self {
        Self {
            name: String::new(),
            push_token: None,
            communication_type: CommunicationType::Embedded,
            key: KeyChoice::None,
        }
    }
}

/// What became of the requests that were shipped.
#[derive(Default)]
pub(in crate::cli) struct Shipped(Vec<(String, Delivery)>);

impl FolderPhone {
    /// Opens the folder, or makes it with new keys when it holds no vault.
    pub(in crate::cli) fn open(folder: &Path) -> Result<Self, Failure> {
        make_private_folder(folder)
            .map_err(|error| Failure::new("vault", &format!("{} cannot be used: {error}", folder.display())))?;
        let files = Files::of(folder);
        files.key.refuse_open()?;
        files.biometric.refuse_open()?;
        // A new vault comes with a new biometric key; a file that was taken away later stays away.
        if !files.vault.exists() && !files.key.exists() && !files.biometric.exists() {
            files.biometric.make().map_err(|error| Failure::new("biometric-key", &error))?;
        }
        let phone = Phone::open(&files.vault, &files.key, Arc::new(SystemClock), Arc::new(SystemEntropy::new()))
            .map_err(failure)?;
        let this = Self { phone, files, client: Client::new() };
        this.phone.set_device_facts(this.facts());
        Ok(this)
    }

    fn facts(&self) -> DeviceFacts {
        DeviceFacts { biometric_available: self.files.biometric.exists(), tamper_score: 0.0 }
    }

    /// Enrols a previewed account; the registration waits in the outbox.
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

    /// The evidence that stands for a finger: the slot, unwrapped with the biometric key's file.
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

    /// Sends what is due, each request once, all at the same time: one server that hangs holds up no other.
    pub(in crate::cli) fn ship(&self) -> Result<Shipped, Failure> {
        let requests = self.phone.due().map_err(failure)?;
        std::thread::scope(|scope| {
            let sent: Vec<_> = requests.iter().map(|request| scope.spawn(move || self.send(request))).collect();
            let mut shipped = Shipped::default();
            for (request, sent) in requests.iter().zip(sent) {
                // One that panicked was not reported: its lease runs out.
                let Ok(delivery) = sent.join() else { continue };
                shipped.0.push((request.id.clone(), delivery.map_err(failure)?));
            }
            Ok(shipped)
        })
    }

    fn send(&self, request: &HttpRequest) -> Result<Delivery, PhoneError> {
        if request.not_after.is_some_and(|end| SystemClock.now() > end) {
            return self.phone.failed(&request.id, SendFailure::NotSent);
        }
        match self.client.post(&request.url, &request.headers, &request.body) {
            Ok(response) => self.phone.delivered(&request.id, response),
            Err(problem) => self.phone.failed(&request.id, problem),
        }
    }

    /// Sends what is due, and tells what became of the request that belongs to an account or a notification.
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
        let delivery = own.and_then(|own| {
            let position = shipped.0.iter().position(|(id, _)| *id == own)?;
            Some(shipped.0.swap_remove(position).1)
        });
        match delivery {
            Some(Delivery::Done(outcome)) => Ok(outcome),
            Some(Delivery::Refused { message, status, .. }) => Err(Failure::new(
                "refused",
                &message.unwrap_or_else(|| format!("The server refused it with HTTP status {status}.")),
            )),
            Some(Delivery::Retry { .. }) | None => Err(queued()),
        }
    }

    /// Fetches pending messages of all accounts, or of one, each held by its server for at most `wait` seconds. Gives
    /// what went wrong, for the person; messages are in the vault.
    pub(in crate::cli) fn pull(&self, wait: u32, only: Option<&str>) -> Result<Vec<String>, Failure> {
        let requests = match only {
            Some(account) => vec![self.phone.pull_account(account, wait).map_err(failure)?],
            None => self.phone.pull(wait).map_err(failure)?,
        };
        let problems = std::thread::scope(|scope| {
            let pulls: Vec<_> =
                requests.iter().map(|request| scope.spawn(move || self.pull_one(request, wait))).collect();
            pulls.into_iter().filter_map(|pull| pull.join().ok()).flatten().collect()
        });
        Ok(problems)
    }

    fn pull_one(&self, request: &crate::phone::PullRequest, wait: u32) -> Vec<String> {
        let mut again = None;
        for attempt in 0..2 {
            let request = again.as_ref().unwrap_or(request);
            let pulled = match self.client.post(&request.url, &request.headers, &request.body) {
                Ok(response) => self.phone.pulled(request, response),
                Err(_) => return vec!["The server could not be reached for new messages.".to_owned()],
            };
            match pulled {
                Ok(Pulled::Messages { refused, .. }) => {
                    return refused.into_iter().map(|refused| refused.error.to_string()).collect();
                }
                Ok(Pulled::NotOffered) => return Vec::new(),
                Ok(Pulled::AskAgain) if attempt == 0 => match self.phone.pull_account(&request.account_id, wait) {
                    Ok(request) => again = Some(request),
                    Err(error) => return vec![error.to_string()],
                },
                Ok(Pulled::AskAgain) => return vec!["The server refused to hand out messages.".to_owned()],
                Err(error) => return vec![error.to_string()],
            }
        }
        Vec::new()
    }

    /// Answerable notifications, newest first.
    pub(in crate::cli) fn pending(&self) -> Result<Vec<Notification>, Failure> {
        self.phone.pending().map_err(failure)
    }
}

impl Shipped {
    /// How many were refused for good, and how many still wait.
    pub(in crate::cli) fn troubles(&self) -> (usize, usize) {
        let count = |test: fn(&Delivery) -> bool| self.0.iter().filter(|(_, delivery)| test(delivery)).count();
        (
            count(|delivery| matches!(delivery, Delivery::Refused { .. })),
            count(|delivery| matches!(delivery, Delivery::Retry { .. })),
        )
    }

    /// How many were shipped.
    pub(in crate::cli) fn len(&self) -> usize {
        self.0.len()
    }
}

/// What could not be sent stays in the outbox.
pub(in crate::cli) fn queued() -> Failure {
    Failure::new("queued", &"The server could not be reached. It stays in the outbox; run sync to send it.")
}

/// A refusal of the core.
pub(in crate::cli) fn failure(error: PhoneError) -> Failure {
    Failure::new(error.code(), &error)
}
