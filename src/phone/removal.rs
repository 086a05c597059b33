//! A preview of what removing an account would mean. Changes nothing.

use std::fmt;

use super::account::AccountWithCredentials;
use super::credential::{CredentialState, Id, RequestKind};
use super::{Phone, PhoneError};

/// The consequences of removing an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The account.
    pub account_id: String,
    /// Issuer of the account, as the user wants to read it.
    pub issuer: String,
    /// Name of the account, as the user wants to read it.
    pub account: String,
    /// The consequences. `to_string` describes each one to the user.
    pub consequences: Vec<Consequence>,
}

/// One consequence of removing an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// The server is not notified and keeps sending messages to this phone.
    StaysRegistered {
        /// Host of the server, with the port if the URL has one.
        host: String,
    },
    /// It is not certain whether the server knows this phone.
    MayBeRegistered {
        /// Host of the server, with the port if the URL has one.
        host: String,
    },
    /// The registration has not been sent, and will not be.
    RegistrationGivenUp {
        /// Host of the server, with the port if the URL has one.
        host: String,
    },
    /// There are no more one-time passwords, but the server keeps asking for them.
    CodesEnd,
    /// Answers have not been sent, and will not be.
    AnswersNotSent {
        /// Number of answers.
        count: usize,
    },
    /// Sign-on requests are waiting for the user, and will not be answered.
    MessagesUnanswered {
        /// Number of sign-on requests.
        count: usize,
    },
}

impl Consequence {
    /// Returns a stable name for programs, in lowercase with dashes.
    pub fn code(&self) -> &'static str {
        match self {
            Self::StaysRegistered { .. } => "stays-registered",
            Self::MayBeRegistered { .. } => "may-be-registered",
            Self::RegistrationGivenUp { .. } => "registration-given-up",
            Self::CodesEnd => "codes-end",
            Self::AnswersNotSent { .. } => "answers-not-sent",
            Self::MessagesUnanswered { .. } => "messages-unanswered",
        }
    }
}

impl fmt::Display for Consequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StaysRegistered { host } => write!(
                formatter,
                "{host} is not told: this phone stays in the list of devices there until it is removed there, too."
            ),
            Self::MayBeRegistered { host } => write!(
                formatter,
                "{host} is not told: this phone may be in the list of devices there; if so, remove it there, too."
            ),
            Self::RegistrationGivenUp { host } => {
                write!(formatter, "The registration with {host} was not sent yet and is given up.")
            }
            Self::CodesEnd => write!(
                formatter,
                "No more codes are shown here, and the server goes on asking for them. Set up another way to sign on first."
            ),
            Self::AnswersNotSent { count: 1 } => write!(formatter, "One answer that waits to be sent is not sent."),
            Self::AnswersNotSent { count } => write!(formatter, "{count} answers that wait to be sent are not sent."),
            Self::MessagesUnanswered { count: 1 } => write!(formatter, "One sign-on request is left unanswered."),
            Self::MessagesUnanswered { count } => write!(formatter, "{count} sign-on requests are left unanswered."),
        }
    }
}

impl Phone {
    /// Returns what [`remove`](Self::remove) would mean for the account. Works even if the vault's key is lost.
    pub fn removal(&self, account_id: &str) -> Result<Removal, PhoneError> {
        let id = Id::parse(account_id).ok_or(PhoneError::AccountNotFound)?;
        self.vault.read(|rows| {
            let holding = rows.account_with_credentials(id)?.ok_or(PhoneError::AccountNotFound)?;
            let mut consequences = Vec::new();
            if let Some(push) = &holding.push {
                let requests: Vec<_> =
                    rows.outbox()?.into_iter().filter(|request| request.credential_id == push.id).collect();
                let unsent =
                    requests.iter().any(|request| request.kind == RequestKind::Registration && request.attempts == 0);
                consequences.push(match (push.state, unsent) {
                    (CredentialState::Active, _) => Consequence::StaysRegistered { host: push.host() },
                    (CredentialState::Enrolling, true) => Consequence::RegistrationGivenUp { host: push.host() },
                    (CredentialState::Enrolling | CredentialState::Unconfirmed, _) => {
                        Consequence::MayBeRegistered { host: push.host() }
                    }
                });
                let answers = requests.iter().filter(|request| request.kind == RequestKind::Answer).count();
                if answers > 0 {
                    consequences.push(Consequence::AnswersNotSent { count: answers });
                }
                let pending = rows.pending_notifications()?;
                let unanswered = pending.iter().filter(|message| message.credential_id == push.id).count();
                if unanswered > 0 {
                    consequences.push(Consequence::MessagesUnanswered { count: unanswered });
                }
            }
            if holding.oath.is_some() {
                consequences.push(Consequence::CodesEnd);
            }
            Ok(of(&holding, consequences))
        })
    }
}

fn of(holding: &AccountWithCredentials, consequences: Vec<Consequence>) -> Removal {
    Removal {
        account_id: holding.account.id.to_string(),
        issuer: holding.shown_issuer().to_owned(),
        account: holding.shown_name().to_owned(),
        consequences,
    }
}
