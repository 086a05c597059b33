//! What the removal of an account would mean, said before it is done. Changes nothing.

use std::fmt;

use super::account::AccountWithCredentials;
use super::credential::{CredentialState, Id, RequestKind};
use super::{Phone, PhoneError};

/// What would come of removing an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The account.
    pub account_id: String,
    /// Who it is with, as the person wants to read it.
    pub issuer: String,
    /// Its name, as the person wants to read it.
    pub account: String,
    /// What would come of it. `to_string` gives each in words for a person.
    pub consequences: Vec<Consequence>,
}

/// One thing that would come of removing an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// The server is not told and goes on sending messages to this phone.
    StaysRegistered {
        /// The server's host, with its port where one is named.
        host: String,
    },
    /// Whether the server knows this phone is not certain.
    MayBeRegistered {
        /// The server's host, with its port where one is named.
        host: String,
    },
    /// The registration was not sent, and will not be.
    RegistrationGivenUp {
        /// The server's host, with its port where one is named.
        host: String,
    },
    /// Codes end here, while the server goes on asking for them.
    CodesEnd,
    /// Answers were not sent, and will not be.
    AnswersNotSent {
        /// How many.
        count: usize,
    },
    /// Sign-ons wait for the person, and will not be answered.
    MessagesUnanswered {
        /// How many.
        count: usize,
    },
}

impl Consequence {
    /// A stable name for programs, in lower case with dashes.
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
    /// Says what [`remove`](Self::remove) would mean for the account. Works without the key too.
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
