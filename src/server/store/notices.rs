//! What the signed-in page tells a user about changes of their phones, recovery codes and password, until dismissed.

use rusqlite::params;

use super::{StoreError, Transaction};
use crate::ports::EpochMilliseconds;

/// Most notices of a user; the oldest give way.
const MOST: i64 = 20;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// A phone was added.
    DeviceAdded,
    /// A phone was removed.
    DeviceRemoved,
    /// New recovery codes were made.
    RecoveryCodesMade,
    /// The password was changed.
    PasswordChanged,
}

impl NoticeKind {
    const ALL: [Self; 4] = [Self::DeviceAdded, Self::DeviceRemoved, Self::RecoveryCodesMade, Self::PasswordChanged];

    fn name(self) -> &'static str {
        match self {
            Self::DeviceAdded => "device-added",
            Self::DeviceRemoved => "device-removed",
            Self::RecoveryCodesMade => "recovery-codes-made",
            Self::PasswordChanged => "password-changed",
        }
    }
}

/// A change that a user is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// When it happened.
    pub at: EpochMilliseconds,
    /// What changed.
    pub kind: NoticeKind,
    /// The phone's id and its name at that time.
    pub device: Option<(String, String)>,
    /// Whether an administrator did it.
    pub by_administrator: bool,
}

/// Keeps a notice for the user.
pub fn add(transaction: &Transaction, user: &str, notice: &Notice) -> Result<(), StoreError> {
    let (device, name) = notice.device.as_ref().map(|(id, name)| (id, name)).unzip();
    transaction
        .prepare_cached(
            "INSERT INTO notice (user, at, kind, device, device_name, by_administrator)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![user, notice.at, notice.kind.name(), device, name, notice.by_administrator])?;
    transaction
        .prepare_cached(
            "DELETE FROM notice WHERE user = ?1 AND sequence NOT IN
             (SELECT sequence FROM notice WHERE user = ?1 ORDER BY sequence DESC LIMIT ?2)",
        )?
        .execute(params![user, MOST])?;
    Ok(())
}

/// The user's notices, newest first, each with its number. A phone that went before it was confirmed was never of any
/// use, so that it was added is not told.
pub fn of_user(transaction: &Transaction, user: &str) -> Result<Vec<(i64, Notice)>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "SELECT sequence, at, kind, device, device_name, by_administrator FROM notice n
         WHERE user = ?1 AND (kind <> 'device-added'
             OR EXISTS (SELECT 1 FROM device WHERE id = n.device AND retired_at IS NULL)
             OR EXISTS (SELECT 1 FROM notice WHERE user = ?1 AND kind = 'device-removed' AND device = n.device))
         ORDER BY sequence DESC",
    )?;
    let rows: Vec<(i64, String, Notice)> = statement
        .query_map([user], |row| {
            let device: (Option<String>, Option<String>) = (row.get(3)?, row.get(4)?);
            let notice = Notice {
                at: row.get(1)?,
                kind: NoticeKind::PasswordChanged,
                device: device.0.zip(device.1),
                by_administrator: row.get(5)?,
            };
            Ok((row.get(0)?, row.get(2)?, notice))
        })?
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(number, name, notice)| {
            let kind = NoticeKind::ALL.into_iter().find(|kind| kind.name() == name);
            Ok((number, Notice { kind: kind.ok_or(StoreError::Damaged("notice.kind"))?, ..notice }))
        })
        .collect()
}

/// Removes the user's notices up to this number: those that the user saw.
pub fn dismiss(transaction: &Transaction, user: &str, up_to: i64) -> Result<(), StoreError> {
    transaction
        .prepare_cached("DELETE FROM notice WHERE user = ?1 AND sequence <= ?2")?
        .execute(params![user, up_to])?;
    Ok(())
}

/// Forgets notices from before this time.
pub fn sweep(transaction: &Transaction, before: EpochMilliseconds) -> Result<(), StoreError> {
    transaction.prepare_cached("DELETE FROM notice WHERE at < ?1")?.execute([before])?;
    Ok(())
}
