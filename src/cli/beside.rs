//! Shared parts of the commands that run beside the server: the store, the keys, and the administrator's name.

use std::sync::Arc;

use super::output::Failure;
use super::user::failed;
use crate::ports::{Clock as _, SystemClock, SystemEntropy};
use crate::server::configuration::Configuration;
use crate::server::open_data;
use crate::server::push::RequestContext;
use crate::server::store::{Store, StoreError, Transaction, audit, audit_verify};

/// Most batches of audit events that a command seals; the server seals the rest.
const BATCHES: usize = 10;

/// Opens the server's store, along with the context for changing a user's phones and password.
pub(super) fn open(configuration: &Configuration) -> Result<(Store, RequestContext), Failure> {
    let entropy = SystemEntropy::new();
    let (keys, store) = open_data(configuration, &entropy).map_err(|error| Failure::new("store", &error))?;
    let webhook = configuration.webhook.as_ref().map(|_| origin(configuration));
    let (keys, entropy) = (Arc::new(keys), Arc::new(entropy));
    Ok((store, RequestContext { keys, entropy, now: SystemClock.now(), attestation: None, webhook }))
}

/// Returns the server's origin as phones and the webhook know it.
pub(super) fn origin(configuration: &Configuration) -> String {
    let public = configuration.public_url.as_ref().map(|url| url.origin().ascii_serialization());
    public.unwrap_or_else(|| format!("http://{}", configuration.listen))
}

/// Writes an event of this command to the audit log under the administrator's name.
pub(super) fn add_event(transaction: &Transaction, event: &audit::Event) -> Result<(), StoreError> {
    audit::add_by(transaction, event, &super::actor::actor())
}

/// Seals the audit events that a command added. The server seals them as well, so a failure loses nothing.
pub(super) fn seal(configuration: &Configuration) -> Result<(), Failure> {
    let (store, context) = open(configuration)?;
    audit_verify::seal_batches(&store, &context.keys, BATCHES).map_err(failed)
}
