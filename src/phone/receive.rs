//! Taking in a push, whatever it is: a signed message, or a hint that one waits at the server (docs/wire.md, "Hints").
//!
//! Nobody signs a hint, so it is worth a question to the server that the account names, and shows nothing. Knows no
//! outbox.

use super::envelope::{self, Content};
use super::notification::Notification;
use super::{Phone, PhoneError};
use crate::protocol::pull::Hint;

/// What a push was.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// A sign-on request.
    Message(Box<Notification>),
    /// A message waits at the server, and is to be asked for now.
    Hint(Hinted),
}

/// A message that is not here yet: pull for its account ([`Phone::pull_account`], or [`Phone::pull_signed`]). Once that
/// brought it, the same push gives it; where it did not, the server asks no more. Anybody may have sent this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hinted {
    /// The account to be asked for.
    pub account_id: String,
    /// The server's id of the message.
    pub message_id: String,
}

impl Phone {
    /// Takes in a push as the platform delivered it, as JSON: FCM's data map (`message`, `messageId`, by themselves or
    /// under `data`), APNs' `aps` (`data`, `messageId`), or `{"messageId", "message"}`; a hint has `mechanismUid` in the
    /// place of the message. The same push again gives the same notification. A refused one changes nothing, and neither
    /// does a hint.
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
            // No challenge is known yet: what was taken in is found by its id alone.
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
