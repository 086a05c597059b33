//! *This is not my phone*: somebody else scanned the QR code. The device goes, and the sign-on ends as a failure.

use super::{Posted, Reply, SignOnError, audit_event, in_session, read_state};
use crate::protocol::encoding::decode_url_safe;
use crate::server::App;
use crate::server::factors::{self, Acting, Change};
use crate::server::journey::state::Browser;
use crate::server::push::Effect;
use crate::server::store::{audit, devices, pushes, recovery, registrations, sessions, sign_ons};

/// What the person is told.
const DISOWNED: &str = "The phone was removed, and the recovery codes just shown are no longer good.";

impl App {
    /// Removes the device that the sign-on of this step registered, with the recovery codes that were made for it, and
    /// ends the sign-on and all of the user's sessions: the device may have approved one. Only while the sign-on is at that step.
    pub async fn reject_device(&self, posted: Posted, browser: Browser) -> Result<Reply, SignOnError> {
        let ticket = self.open_ticket(&posted.auth_id)?;
        let id = decode_url_safe(&ticket.id).map_err(|_| SignOnError::BadAuthId)?;
        let app = self.clone();
        let reply = self
            .0
            .store
            .run(move |transaction| {
                let context = app.context();
                let row = sign_ons::find(transaction, &id, context.now, &context.keys)?.ok_or(SignOnError::Stale)?;
                if row.step != ticket.step {
                    return Err(SignOnError::Stale);
                }
                let state = read_state(&row.state)?.ok_or(SignOnError::Stale)?;
                app.check_session(transaction, &state, context.now)?;
                let device = devices::added_by(transaction, &id)?.ok_or(SignOnError::Stale)?;
                audit::add(
                    transaction,
                    &audit::Event {
                        at: context.now,
                        event: "device-disowned".to_owned(),
                        user: Some(device.user.clone()),
                        address: browser.address.clone(),
                        device: Some(device.id.clone()),
                        outcome: "success".to_owned(),
                    },
                )?;
                let removed = Change::DeviceRemoved(&device);
                factors::tell(transaction, &device.user, removed, Acting::SignOn, &context)?;
                devices::remove(transaction, &device.id)?;
                sessions::remove_all(transaction, &device.user)?;
                recovery::replace(transaction, &device.user, &[])?;
                registrations::withdraw(transaction, &id)?;
                pushes::withdraw(transaction, &id)?;
                audit_event(
                    transaction,
                    context.now,
                    in_session::event(&state.shared),
                    &device.user,
                    browser.address,
                    "failure",
                )?;
                tracing::warn!(user = device.user, device = device.id, "a registered phone was disowned");
                let reply = Reply::Failure {
                    message: DISOWNED.to_owned(),
                    purpose: state.shared.in_session.as_ref().map(|in_session| in_session.purpose),
                };
                app.store_progress(transaction, &context, &id, ticket.step + 1, None, Some(&posted), &reply)?;
                Ok(reply)
            })
            .await;
        self.carry_out(vec![Effect::TellWebhook]);
        reply
    }
}
