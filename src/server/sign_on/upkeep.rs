//! What keeps sign-ons from growing without bound: polls that come too early, and what is past its time.

use std::sync::PoisonError;

use super::SignOnError;
use crate::ports::EpochMilliseconds;
use crate::server::App;
use crate::server::push::remove_abandoned;
use crate::server::store::{
    StoreError, audit, denials, devices, familiar, journeys, pushes, registrations, sessions, webhook_events,
};

/// A day, in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;
/// Days for which a sign-on that was denied as somebody else's is shown to its user.
const DENIAL_DAYS: i64 = 30;
/// Days after which events are dropped that no webhook is there for any more.
const WEBHOOK_DAYS: i64 = 3;

impl App {
    pub(super) fn count_early_poll(&self, id: &[u8], now: EpochMilliseconds) -> Result<(), SignOnError> {
        let mut polls = self.0.early_polls.lock().unwrap_or_else(PoisonError::into_inner);
        if polls.len() >= 10_000 {
            polls.retain(|_, (since, _)| now - *since < 60_000);
        }
        let (since, count) = polls.entry(id.to_vec()).or_insert((now, 0));
        if now - *since >= 60_000 {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        if *count > self.0.configuration.requests.early_polls { Err(SignOnError::TooManyPolls) } else { Ok(()) }
    }

    /// Removes from the store what is past its time.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let now = self.now();
        let audit_days = self.0.configuration.audit_days;
        let familiar_days = self.0.journeys.iter().map(|journey| journey.familiar_days).max().unwrap_or(0);
        let has_webhook = self.0.webhook.is_some();
        let tools = self.tools();
        self.0
            .store
            .run(move |transaction| {
                journeys::sweep(transaction, now)?;
                sessions::sweep(transaction, now)?;
                registrations::sweep(transaction, now)?;
                remove_abandoned(transaction, None, &tools)?;
                devices::sweep(transaction, now - DAY)?;
                audit::sweep(transaction, now - audit_days * DAY)?;
                denials::sweep(transaction, now - DENIAL_DAYS * DAY)?;
                familiar::sweep(transaction, now - familiar_days * DAY)?;
                if !has_webhook {
                    webhook_events::sweep(transaction, now - WEBHOOK_DAYS * DAY, now)?;
                }
                pushes::sweep(transaction, now - DAY)
            })
            .await
    }
}
