//! The other half: the sign-on journey, the hosted pages and the endpoint that phones call.
//!
//! [`App`] is the whole server as a value, [`router`] every route in one list. The room knows the protocol and not the
//! phone.

mod api;
pub mod attestation;
mod audit_counts;
pub mod ca_file;
pub mod configuration;
pub mod connections;
mod data;
pub mod factors;
pub(crate) mod http;
pub mod journey;
mod key_file;
pub mod keys;
mod known_browser;
pub mod lock;
pub mod names;
mod pages;
pub mod password;
pub mod push;
pub mod qr;
pub mod rate_limit;
mod recovery_codes;
pub(crate) mod rfc3339;
pub mod rotation;
mod routes;
pub mod sign_on;
pub mod store;
pub mod text_file;
mod user_devices;
mod waiters;
pub mod webhook;

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use url::Url;

use crate::ports::{Clock, Entropy, EpochMilliseconds};
use crate::protocol::message::CommunicationType;
use attestation::{AttestationCheck, AttestationFileError};
use audit_counts::AuditCounts;
use ca_file::CaFileError;
use configuration::Configuration;
use connections::ConnectionLimits;
pub use data::{key_of_environment, make_private_folder, open_data};
use journey::{Journeys, JourneysError};
pub use key_file::write_new_private_file;
use keys::{KeyError, Keys};
use password::{PasswordCheck, PasswordError};
use push::sns::{Sns, SnsError};
use push::{Effect, Embedded, RequestContext, Transport};
use rate_limit::RateLimits;
pub use routes::{router, router_with};
use store::{Store, StoreError};
use waiters::{Waiter, Wakers};
use webhook::{Webhook, WebhookError};

/// Name of the session cookie.
const SESSION_COOKIE: &str = "iPlanetDirectoryPro";

/// The server; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<AppInner>);

struct AppInner {
    configuration: Configuration,
    public_url: Url,
    phones_endpoint: Url,
    hosts: HashSet<String>,
    framed: bool,
    store: Store,
    keys: Arc<Keys>,
    journeys: Journeys,
    passwords: PasswordCheck,
    rate_limits: RateLimits,
    audit_counts: AuditCounts,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    wakers: Wakers,
    transports: Vec<Box<dyn Transport>>,
    webhook: Option<Webhook>,
    attestation: Option<Arc<AttestationCheck>>,
    early_polls: Mutex<HashMap<Vec<u8>, (EpochMilliseconds, u32)>>,
    stopping: AtomicBool,
}

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder cannot be made.
    #[error("The folder {0} cannot be used: {1}")]
    Folder(String, #[source] std::io::Error),
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database.
    #[error(transparent)]
    Store(StoreError),
    /// A journey file.
    #[error(transparent)]
    Journeys(#[from] JourneysError),
    /// Password hashing.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// The transport Amazon SNS.
    #[error(transparent)]
    Sns(#[from] SnsError),
    /// The webhook.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// A file of authorities.
    #[error(transparent)]
    CaFile(#[from] CaFileError),
    /// What attestations of keys are checked with.
    #[error(transparent)]
    Attestation(#[from] AttestationFileError),
    /// The public address.
    #[error("The public address {0} is not usable.")]
    PublicUrl(String),
}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Key(error) => Self::Key(error),
            error => Self::Store(error),
        }
    }
}

impl App {
    /// Opens key, database and journeys. `bound` is the address that is really listened on; `framed` lets pages of the
    /// same origin show the sign-on page in a frame.
    pub fn start(
        configuration: Configuration,
        bound: SocketAddr,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        framed: bool,
    ) -> Result<Self, StartError> {
        let (keys, store) = open_data(&configuration, entropy.as_ref())?;
        let journeys = Journeys::load(&configuration.journeys)?;
        journeys.check_default(&configuration.default_journey)?;
        for reason in journeys.off() {
            tracing::warn!("{reason}");
        }
        let mut warnings = configuration.warnings(journeys.ask_for_keys());
        warnings.extend(configuration.trust_warnings()?);
        for warning in journeys.iter().flat_map(|journey| &journey.warnings).chain(&warnings) {
            tracing::warn!("{warning}");
        }
        let public_url = match &configuration.public_url {
            Some(url) => url.clone(),
            None => {
                let text = format!("http://{bound}/am");
                Url::parse(&text).map_err(|_| StartError::PublicUrl(text))?
            }
        };
        let phones_endpoint = phones_endpoint(&public_url, &configuration.realm)?;
        let (wakers, keys) = (Wakers::default(), Arc::new(keys));
        let mut transports: Vec<Box<dyn Transport>> = vec![Box::new(Embedded::new(wakers.clone()))];
        if let Some(settings) = &configuration.push.sns {
            let hints = configuration.push.hint_only;
            let sns = Sns::start(settings, hints, store.clone(), keys.clone(), clock.clone(), entropy.clone())?;
            transports.push(Box::new(sns));
        }
        let start = |settings| Webhook::start(settings, store.clone(), keys.clone(), clock.clone(), entropy.clone());
        let webhook = configuration.webhook.as_ref().map(start).transpose()?;
        let attestation = configuration.push.attestation.as_ref().map(AttestationCheck::load).transpose()?;
        Ok(Self(Arc::new(AppInner {
            hosts: known_hosts(&public_url, bound),
            passwords: PasswordCheck::new(configuration.sign_on.password_queue as usize, entropy.as_ref())?,
            rate_limits: RateLimits::new(configuration.rate_limits()),
            audit_counts: AuditCounts::default(),
            transports,
            webhook,
            attestation: attestation.map(Arc::new),
            early_polls: Mutex::default(),
            stopping: AtomicBool::new(false),
            configuration,
            public_url,
            phones_endpoint,
            framed,
            store,
            keys,
            journeys,
            clock,
            entropy,
            wakers,
        })))
    }

    /// How much clients may ask for.
    pub fn connection_limits(&self) -> ConnectionLimits {
        ConnectionLimits {
            at_once: self.0.configuration.connections as usize,
            idle_time: Duration::from_secs(u64::from(self.0.configuration.requests.idle_seconds)),
        }
    }

    /// Tells that the server is about to stop: it says that it is not ready, so that no new requests are sent to it.
    pub fn begin_to_stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// How long requests are still taken after the server began to stop.
    pub fn stop_delay(&self) -> Duration {
        Duration::from_secs(u64::from(self.0.configuration.stop_delay_seconds))
    }

    /// The address of a journey's sign-on page.
    pub fn preview_url(&self, journey: &str) -> Url {
        preview_url(&self.0.public_url, &self.0.configuration.realm, journey)
    }

    /// The address of the default journey's sign-on page.
    pub fn sign_on_url(&self) -> Url {
        self.preview_url(&self.0.configuration.default_journey)
    }

    fn now(&self) -> EpochMilliseconds {
        self.0.clock.now()
    }

    fn context(&self) -> RequestContext {
        RequestContext {
            keys: self.0.keys.clone(),
            entropy: self.0.entropy.clone(),
            now: self.now(),
            attestation: self.0.attestation.clone(),
            webhook: self.0.webhook.is_some().then(|| self.0.phones_endpoint.origin().ascii_serialization()),
        }
    }

    /// Does what a committed transaction left to do.
    fn carry_out(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Wake(waiter) => self.0.wakers.wake(&waiter),
                Effect::TokenChanged(device, kind) => {
                    if let Some(transport) = self.transport(kind) {
                        transport.token_changed(&device);
                    }
                }
                Effect::TellWebhook => {
                    if let Some(webhook) = &self.0.webhook {
                        webhook.committed();
                    }
                }
                Effect::Count(event) => self.count_event(event),
                Effect::Deliver(delivery) => {
                    // Whatever its transport comes to, a phone that fetches its messages need not wait for it.
                    self.0.wakers.wake(&Waiter::Device(delivery.device.clone()));
                    match self.transport(delivery.communication_type) {
                        Some(transport) => transport.deliver(&delivery),
                        None => tracing::warn!(
                            device = delivery.device,
                            transport = delivery.communication_type.name(),
                            "no transport is set up for this device; the message waits to be pulled"
                        ),
                    }
                }
            }
        }
    }

    fn transport(&self, kind: CommunicationType) -> Option<&dyn Transport> {
        self.0.transports.iter().find(|transport| transport.serves(kind)).map(AsRef::as_ref)
    }

    fn cookies_are_secure(&self) -> bool {
        self.0.public_url.scheme() == "https"
    }
}

/// The address that phones call under this public address, without `_action`.
pub fn phones_endpoint(public_url: &Url, realm: &str) -> Result<Url, StartError> {
    let base = public_url.as_str().trim_end_matches('/');
    let text = format!("{base}/json/realms/root/realms/{realm}/push/sns/message");
    Url::parse(&text).map_err(|_| StartError::PublicUrl(text))
}

/// The address of a journey's sign-on page under this public address.
pub fn preview_url(public_url: &Url, realm: &str, journey: &str) -> Url {
    let mut url = public_url.clone();
    url.set_path("/am/XUI/");
    let journey = percent_encoding::utf8_percent_encode(journey, percent_encoding::NON_ALPHANUMERIC);
    url.set_query(Some(&format!("realm=/{realm}&authIndexType=service&authIndexValue={journey}")));
    url
}

/// The Host headers that are answered: the public address and the address listened on. Any other would let a foreign
/// page speak to a server on this machine under its own name.
fn known_hosts(public_url: &Url, bound: SocketAddr) -> HashSet<String> {
    let mut hosts = HashSet::from([crate::protocol::uri::host_and_port(public_url), bound.to_string()]);
    if bound.ip().is_loopback() || bound.ip().is_unspecified() {
        for name in ["localhost", "127.0.0.1", "[::1]"] {
            hosts.insert(format!("{name}:{}", bound.port()));
            if bound.port() == 80 {
                hosts.insert(name.to_owned());
            }
        }
    }
    hosts
}
