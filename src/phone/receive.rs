//! Receiving a push of either kind: a signed message, or a hint that one is waiting at the server (docs/wire.md,
//! "Hints").
//!
//! A hint is not signed, so it only justifies a pull from the account's own server and is never shown. Independent of
//! the outbox.

use super::envelope::{self, Content};
use super::notification::Notification;
use super::{Phone, PhoneError};
use crate::protocol::pull::Hint;

/// The content of a push.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A sign-on request.
    Message(Box<Notification>),
    /// A message is waiting at the server and should be pulled now.
    Hint(Hinted),
}

/// A message that is not here yet: pull for its account ([`Phone::pull_account`] or [`Phone::pull_signed`]). After the
/// pull brought the message, receiving the same push returns it; if it did not, the server no longer lists the message.
/// Anyone may have sent this hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hinted {
    /// The account to pull for.
    pub account_id: String,
    /// The server's id for the message.
    pub message_id: String,
}

impl Phone {
    /// Receives a push as the platform delivered it, as JSON: FCM's data map (`message`, `messageId`, at the top level
    /// or under `data`), APNs' `aps` (`data`, `messageId`), or `{"messageId", "message"}`. A hint has `mechanismUid`
    /// instead of the message. Receiving the same push again returns the same notification. A rejected push changes
    /// nothing, and neither does a hint.
    pub fn receive(&self, payload: &[u8]) -> Result<Received, PhoneError> {
        let content = envelope::read(payload).inspect_err(|error| self.note_refused_message(None, error))?;
        match content {
            Content::Message { id, jwt } => Ok(Received::Message(Box::new(self.receive_message(&id, &jwt)?))),
            Content::Hint(hint) => self.receive_hint(hint).inspect_err(|error| self.note_refused_message(None, error)),
        }
    }

    fn receive_hint(&self, hint: Hint) -> Result<Received, PhoneError> {
        let (account, known) = self.vault.read(|rows| {
            let credential = rows.credential_by_mechanism_uid(&hint.mechanism_uid)?;
            let credential = credential.ok_or(PhoneError::UnknownCredential)?;
            // The challenge is not known yet, so a message already received can be found by its id only.
            let known = rows.replays(&[], credential.id, &hint.message_id)?;
            let known = known.into_iter().find_map(|replay| replay.notification_id);
            let known = known.map(|id| rows.notification(id)).transpose()?.flatten();
            Ok::<_, PhoneError>((credential.account_id, known.map(|record| record.id)))
        })?;
        match known {
            Some(known) => Ok(Received::Message(Box::new(self.notification(&known.to_string())?))),
            None => Ok(Received::Hint(Hinted { account_id: account.to_string(), message_id: hint.message_id })),
        }
    }
}
