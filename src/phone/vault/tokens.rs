//! The columns of `credential` with the wanted push token and what the server knows about it.

use std::ops::RangeInclusive;

use rusqlite::{OptionalExtension as _, Row, params};

use super::{Reader, VaultError, Writer, skip_damaged};
use crate::phone::credential::{Id, RequestKind, TokenRefusal};
use crate::ports::EpochMilliseconds;
use crate::protocol::message::CommunicationType;

/// The registered and the wanted push token of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::phone) struct TokenRecord {
    pub(in crate::phone) account_id: Id,
    pub(in crate::phone) credential_id: Id,
    pub(in crate::phone) device_name: String,
    pub(in crate::phone) platform: String,
    /// The token that the server was last known to have.
    pub(in crate::phone) registered: PushToken,
    /// The token that the server should have, if different.
    pub(in crate::phone) desired: Option<PushToken>,
    /// Time when the server last confirmed or rejected a token.
    pub(in crate::phone) answered_at: Option<EpochMilliseconds>,
    pub(in crate::phone) refused: Option<TokenRefusal>,
}

/// A push token and its transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::phone) struct PushToken {
    pub(in crate::phone) token: String,
    pub(in crate::phone) communication_type: CommunicationType,
}

impl TokenRecord {
    /// Returns the wanted token.
    pub(in crate::phone) fn wanted(&self) -> &PushToken {
        self.desired.as_ref().unwrap_or(&self.registered)
    }
}

const SELECT: &str = "SELECT account_id, credential.id, device_name, platform, push_token, communication_type,
    desired_push_token, desired_communication_type, token_confirmed_at, token_refused FROM credential";

/// Selects credentials with a settled registration and something to tell: a different token is wanted and not rejected,
/// or the server's last response is too old. The embedded transport has no token that could become outdated.
const TO_TELL: &str = "state <> 'enrolling' AND ((token_refused = 0 AND desired_push_token IS NOT NULL)
    OR ((desired_push_token IS NOT NULL OR communication_type <> 'embedded') AND coalesce(token_confirmed_at,
        (SELECT created_at FROM account WHERE account.id = account_id)) NOT BETWEEN ?1 AND ?2))
    AND NOT EXISTS (SELECT 1 FROM outbox WHERE credential_id = credential.id AND outbox.kind = 'token-refresh')";

impl Reader<'_> {
    /// Returns the tokens of all push credentials, in the order they were added.
    pub(in crate::phone) fn tokens(&self) -> Result<Vec<TokenRecord>, VaultError> {
        self.many_tokens(&format!("{SELECT} ORDER BY sequence"), &[])
    }

    /// Returns the tokens of one credential.
    pub(in crate::phone) fn token(&self, credential: Id) -> Result<Option<TokenRecord>, VaultError> {
        Ok(self.many_tokens(&format!("{SELECT} WHERE id = ?1"), &[&credential])?.pop())
    }

    /// Returns the tokens that a server must be told and that are not in the outbox yet: those that differ from the
    /// registered one, and those whose server last responded outside of `answered`.
    pub(in crate::phone) fn tokens_to_tell(
        &self,
        answered: RangeInclusive<EpochMilliseconds>,
    ) -> Result<Vec<TokenRecord>, VaultError> {
        let query = format!("{SELECT} WHERE {TO_TELL} ORDER BY sequence");
        self.many_tokens(&query, &[answered.start(), answered.end()])
    }

    /// Returns the id of a credential's token change in the outbox.
    pub(in crate::phone) fn waiting_refresh(&self, credential: Id) -> Result<Option<Id>, VaultError> {
        let kind = RequestKind::TokenRefresh.name();
        Ok(self
            .sql
            .prepare_cached("SELECT id FROM outbox WHERE credential_id = ?1 AND kind = ?2")?
            .query_row(params![credential, kind], |row| row.get(0))
            .optional()?)
    }

    fn many_tokens(&self, query: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<TokenRecord>, VaultError> {
        let mut statement = self.sql.prepare_cached(query)?;
        let mut rows = statement.query(values)?;
        let mut records = Vec::new();
        while let Some(row) = rows.next()? {
            records.extend(skip_damaged(read(row).map(Some))?);
        }
        Ok(records)
    }
}

impl Writer<'_> {
    /// Stores the wanted token, and clears an earlier rejection and its time.
    pub(in crate::phone) fn set_desired_token(
        &self,
        credential: Id,
        desired: Option<&PushToken>,
    ) -> Result<(), VaultError> {
        self.execute(
            "UPDATE credential SET desired_push_token = ?2, desired_communication_type = ?3, token_refused = 0,
                token_confirmed_at = CASE token_refused WHEN 0 THEN token_confirmed_at END WHERE id = ?1",
            params![
                credential,
                desired.map(|desired| &desired.token),
                desired.map(|desired| desired.communication_type.name()),
            ],
        )?;
        Ok(())
    }

    /// Records that the server has had this token since `at`. Keeps the wanted token if it is a different one.
    pub(in crate::phone) fn confirm_token(
        &self,
        credential: Id,
        taken: &PushToken,
        at: EpochMilliseconds,
    ) -> Result<(), VaultError> {
        let kind = taken.communication_type.name();
        self.execute(
            "UPDATE credential SET push_token = ?2, communication_type = ?3, token_confirmed_at = ?4, token_refused = 0
                 WHERE id = ?1",
            params![credential, taken.token, kind, at],
        )?;
        self.execute(
            "UPDATE credential SET desired_push_token = NULL, desired_communication_type = NULL
                 WHERE id = ?1 AND desired_push_token = ?2 AND desired_communication_type = ?3",
            params![credential, taken.token, kind],
        )?;
        Ok(())
    }

    /// Records that the server has had the registered token since `at`, because it accepted the registration. A change
    /// that it rejected before it was certain to know this phone will be tried again.
    pub(in crate::phone) fn confirm_registered_token(
        &self,
        credential: Id,
        at: EpochMilliseconds,
    ) -> Result<(), VaultError> {
        self.execute(
            "UPDATE credential SET token_confirmed_at = ?2, token_refused = 0 WHERE id = ?1",
            params![credential, at],
        )?;
        Ok(())
    }

    /// Records why the server is not asked again until a different token is wanted, or until long after `at`.
    pub(in crate::phone) fn refuse_token(
        &self,
        credential: Id,
        refusal: TokenRefusal,
        at: EpochMilliseconds,
    ) -> Result<(), VaultError> {
        self.execute(
            "UPDATE credential SET token_refused = ?2, token_confirmed_at = ?3 WHERE id = ?1",
            params![credential, number(refusal), at],
        )?;
        Ok(())
    }
}

fn number(refusal: TokenRefusal) -> i64 {
    match refusal {
        TokenRefusal::NotOffered => 1,
        TokenRefusal::Refused => 2,
    }
}

fn read(row: &Row<'_>) -> Result<TokenRecord, VaultError> {
    let kind = |name: String| CommunicationType::from_name(&name).ok_or(VaultError::Damaged);
    let refused: i64 = row.get(9)?;
    let desired = match (row.get::<_, Option<String>>(6)?, row.get::<_, Option<String>>(7)?) {
        (Some(token), Some(name)) => Some(PushToken { token, communication_type: kind(name)? }),
        (None, None) => None,
        _ => return Err(VaultError::Damaged),
    };
    Ok(TokenRecord {
        account_id: row.get(0)?,
        credential_id: row.get(1)?,
        device_name: row.get(2)?,
        platform: row.get(3)?,
        registered: PushToken { token: row.get(4)?, communication_type: kind(row.get(5)?)? },
        desired,
        answered_at: row.get(8)?,
        refused: match refused {
            0 => None,
            1 => Some(TokenRefusal::NotOffered),
            2 => Some(TokenRefusal::Refused),
            _ => return Err(VaultError::Damaged),
        },
    })
}
