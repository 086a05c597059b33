//! What keeps sign-ons from growing without bound: polls that come too early, and what is past its time.

use std::sync::PoisonError;

use super::{SignOnError, failure};
use crate::ports::EpochMilliseconds;
use crate::server::App;
use crate::server::push::{Effect, remove_abandoned};
use crate::server::store::{
    StoreError, audit_chain, devices, fraud_reports, known_browsers, known_origins, notices, pushes, registrations,
    sessions, webhook_events,
};

/// A day, in milliseconds.
const DAY: i64 = 24 * 3600 * 1000;
/// Days for which a sign-on that was denied as somebody else's is shown to its user.
const DENIAL_DAYS: i64 = 30;
/// Days after which events are dropped that no webhook is there for any more.
const WEBHOOK_DAYS: i64 = 3;
/// Days for which the signed-in page tells of a change that its user does not dismiss.
const NOTICE_DAYS: i64 = 90;

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

    /// Seals the audit events that were written since the last time, a batch a transaction.
    pub async fn seal_audit(&self) -> Result<(), StoreError> {
        loop {
            let keys = self.0.keys.clone();
            if !self.0.store.run(move |transaction| audit_chain::seal(transaction, &keys)).await? {
                return Ok(());
            }
        }
    }

    /// Writes what is counted for the audit log, and seals the log: the last thing before the server ends.
    pub async fn finish_audit(&self) -> Result<(), StoreError> {
        self.close_audit_window(true);
        self.seal_audit().await
    }

    /// Removes from the store what is past its time.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let now = self.now();
        let audit_days = self.0.configuration.audit_days;
        let familiar_days = self.0.journeys.iter().map(|journey| journey.familiar_days).max().unwrap_or(0);
        let context = self.context();
        let (has_webhook, keys) = (self.0.webhook.is_some(), self.0.keys.clone());
        self.close_audit_window(false);
        self.seal_audit().await?;
        // An administrator's command may have stored events for it.
        self.carry_out(vec![Effect::TellWebhook]);
        self.0
            .store
            .run(move |transaction| {
                failure::sweep(transaction, now, &keys)?;
                sessions::sweep(transaction, now)?;
                known_browsers::sweep(transaction, now)?;
                registrations::sweep(transaction, now)?;
                remove_abandoned(transaction, None, &context)?;
                devices::sweep(transaction, now - DAY)?;
                audit_chain::sweep(transaction, now - audit_days * DAY, now, &keys)?;
                notices::sweep(transaction, now - NOTICE_DAYS * DAY)?;
                fraud_reports::sweep(transaction, now - DENIAL_DAYS * DAY)?;
                known_origins::sweep(transaction, now - familiar_days * DAY)?;
                if !has_webhook {
                    webhook_events::sweep(transaction, now - WEBHOOK_DAYS * DAY, now)?;
                }
                pushes::sweep(transaction, now - DAY)
            })
            .await
    }
}
