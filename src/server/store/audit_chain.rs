//! The chain over the audit log: who can write to the database, and has no server key, cannot change a sealed row
//! unnoticed.
//!
//! Each sealed row has a tag, an HMAC over the tag before it and the row's columns. Sign-ons write rows without tags;
//! [`seal`] adds the tags later, in batches, in transactions of its own. SQLite lets one process write at a time, so
//! there is one chain whichever process seals. Two marks have a MAC: the `head` names the last sealed row, the `start`
//! the last one that retention removed.

use ring::hmac;
use rusqlite::{OptionalExtension as _, params};

use super::audit::{self, Entry};
use super::{StoreError, Transaction};
use crate::ports::{Entropy, EpochMilliseconds};
use crate::secret::{Reason, SecretBytes};
use crate::server::keys::{Keys, Place};

/// Most rows that one call of [`seal`] seals.
const BATCH: u32 = 1_000;
/// Length of a tag and of a key, in bytes.
pub(super) const LENGTH: usize = 32;

/// A place in the chain: a row's sequence, and its tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The row's sequence; 0 before the first row.
    pub sequence: i64,
    /// Its tag.
    pub tag: Vec<u8>,
}

impl Link {
    /// The place before the first row.
    pub(super) fn origin() -> Self {
        Self { sequence: 0, tag: vec![0; LENGTH] }
    }
}

/// What a mark is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkKind {
    /// The last sealed row.
    Head,
    /// The last row that retention removed.
    Start,
}

impl MarkKind {
    fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Start => "start",
        }
    }
}

/// A mark as it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mark {
    /// There is none.
    Missing,
    /// Its MAC is wrong.
    Forged,
    /// Its MAC is right.
    Signed(Link),
}

/// A key of the chain.
pub(super) struct ChainKey(hmac::Key);

impl ChainKey {
    pub(super) fn new(bytes: &SecretBytes) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes.expose(Reason::Seal)))
    }

    /// The MAC over parts, each with its length before it; the first says what they are.
    pub(super) fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    /// The tag of a row after the row with this tag.
    pub(super) fn tag(&self, before: &[u8], entry: &Entry) -> Vec<u8> {
        let Entry { sequence, event, actor, count } = entry;
        let texts = [&event.user, &event.address, &event.device, actor].map(|text| match text {
            // The first byte tells a missing text from an empty one.
            None => vec![0],
            Some(text) => [&[1], text.as_bytes()].concat(),
        });
        let [user, address, device, actor] = &texts;
        self.sign(&[
            b"row",
            before,
            &sequence.to_be_bytes(),
            &event.at.to_be_bytes(),
            event.event.as_bytes(),
            user,
            address,
            device,
            event.outcome.as_bytes(),
            actor,
            &count.to_be_bytes(),
        ])
    }

    fn mark_mac(&self, kind: MarkKind, link: &Link) -> Vec<u8> {
        self.sign(&[b"mark", kind.name().as_bytes(), &link.sequence.to_be_bytes(), &link.tag])
    }
}

/// Reads a mark and checks its MAC.
pub(super) fn mark(transaction: &Transaction, kind: MarkKind, key: &ChainKey) -> Result<Mark, StoreError> {
    let found: Option<(i64, Vec<u8>, Vec<u8>)> = transaction
        .prepare_cached("SELECT sequence, tag, mac FROM audit_mark WHERE kind = ?1")?
        .query_row([kind.name()], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((sequence, tag, mac)) = found else { return Ok(Mark::Missing) };
    let link = Link { sequence, tag };
    Ok(if key.mark_mac(kind, &link) == mac { Mark::Signed(link) } else { Mark::Forged })
}

fn put_mark(transaction: &Transaction, kind: MarkKind, link: &Link, key: &ChainKey) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO audit_mark (kind, sequence, tag, mac) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (kind) DO UPDATE SET sequence = ?2, tag = ?3, mac = ?4",
        )?
        .execute(params![kind.name(), link.sequence, link.tag, key.mark_mac(kind, link)])?;
    Ok(())
}

/// Where the next row is chained on. After tampering with the head this is no row's tag, and verification says so.
fn end(transaction: &Transaction, key: &ChainKey) -> Result<Link, StoreError> {
    let last: i64 = transaction.query_row("SELECT coalesce(max(sequence), 0) FROM audit_seal", [], |row| row.get(0))?;
    match mark(transaction, MarkKind::Head, key)? {
        Mark::Signed(link) => Ok(link),
        Mark::Missing if last == 0 => Ok(Link::origin()),
        Mark::Missing | Mark::Forged => {
            tracing::error!("the audit log was tampered with: its head is missing or forged; run audit verify");
            Ok(Link { sequence: last, tag: Link::origin().tag })
        }
    }
}

/// Seals rows that have no tag yet, at most a batch; `true` when more may be waiting.
pub fn seal(transaction: &Transaction, keys: &Keys) -> Result<bool, StoreError> {
    let key = ChainKey::new(keys.audit_key());
    let mut link = end(transaction, &key)?;
    let entries: Vec<Entry> = transaction
        .prepare_cached(
            "SELECT sequence, at, event, user, address, device, outcome, actor, count FROM audit
             WHERE sequence > ?1 ORDER BY sequence LIMIT ?2",
        )?
        .query_map(params![link.sequence, BATCH], audit::read)?
        .collect::<Result<_, _>>()?;
    let Some(last) = entries.last().map(|entry| entry.sequence) else { return Ok(false) };
    let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO audit_seal (sequence, tag) VALUES (?1, ?2)")?;
    for entry in &entries {
        link.tag = key.tag(&link.tag, entry);
        insert.execute(params![entry.sequence, link.tag])?;
    }
    link.sequence = last;
    put_mark(transaction, MarkKind::Head, &link, &key)?;
    Ok(entries.len() == BATCH as usize)
}

/// How far a row's time may lie in the future before it counts for nothing: the clock was wrong then.
const FUTURE: EpochMilliseconds = 24 * 3600 * 1000;

/// Removes events older than `before` and signs where the log starts from then on. Only sealed rows go, and only from the
/// log's beginning.
pub fn sweep(
    transaction: &Transaction,
    before: EpochMilliseconds,
    now: EpochMilliseconds,
    keys: &Keys,
) -> Result<(), StoreError> {
    let key = ChainKey::new(keys.audit_key());
    let Mark::Signed(head) = mark(transaction, MarkKind::Head, &key)? else { return Ok(()) };
    let first_kept: Option<i64> = transaction
        // In the order of the rows: those that stay begin soon, and an index by time would have to be sorted.
        .prepare_cached("SELECT sequence FROM audit NOT INDEXED WHERE at >= ?1 AND at < ?2 ORDER BY sequence LIMIT 1")?
        .query_row([before, now.saturating_add(FUTURE)], |row| row.get(0))
        .optional()?;
    let last = first_kept.map_or(head.sequence, |first| head.sequence.min(first - 1));
    let removed = transaction
        .prepare_cached("SELECT sequence, tag FROM audit_seal WHERE sequence <= ?1 ORDER BY sequence DESC LIMIT 1")?
        .query_row([last], |row| Ok(Link { sequence: row.get(0)?, tag: row.get(1)? }))
        .optional()?;
    let Some(removed) = removed else { return Ok(()) };
    put_mark(transaction, MarkKind::Start, &removed, &key)?;
    for statement in [
        "DELETE FROM audit WHERE sequence <= ?1",
        "DELETE FROM audit_seal WHERE sequence <= ?1",
        "DELETE FROM audit_key WHERE until < ?1",
    ] {
        transaction.prepare_cached(statement)?.execute([removed.sequence])?;
    }
    Ok(())
}

fn key_place(until: &[u8]) -> Place<'_> {
    Place { kind: "audit_key.sealed", row: until }
}

/// A key that the chain had before the server's key was rotated.
pub(super) struct FormerKey {
    /// The last row under it, with the tag that the hand-over signed.
    pub(super) until: Link,
    /// The key.
    pub(super) key: SecretBytes,
}

/// The keys that the chain had before rotations of the server's key, oldest first. A hand-over that was tampered with
/// cannot be opened.
pub(super) fn former_keys(transaction: &Transaction, keys: &Keys) -> Result<Vec<FormerKey>, StoreError> {
    let rows: Vec<(i64, Vec<u8>)> = transaction
        .prepare_cached("SELECT until, sealed FROM audit_key ORDER BY until")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(until, sealed)| {
            let opened = keys.open(key_place(&until.to_be_bytes()), &sealed)?;
            let (key, tag) =
                opened.expose(Reason::Seal).split_at_checked(LENGTH).ok_or(StoreError::Damaged("audit_key.sealed"))?;
            let until = Link { sequence: until, tag: tag.to_vec() };
            Ok(FormerKey { until, key: SecretBytes::new(key.to_vec()) })
        })
        .collect()
}

/// Hands the chain over to a new server key, in the transaction that replaces it: seals what waits under the old one,
/// keeps the old chain key and the last tag sealed under the new one, and signs the marks again. Rows are not tagged
/// again, so that tampering before the rotation still shows, and exported checkpoints stay good.
pub fn hand_over(transaction: &Transaction, old: &Keys, new: &Keys, entropy: &dyn Entropy) -> Result<(), StoreError> {
    while seal(transaction, old)? {}
    let (old_key, new_key) = (ChainKey::new(old.audit_key()), ChainKey::new(new.audit_key()));
    let put_key = |until: &Link, key: &SecretBytes| -> Result<(), StoreError> {
        let bytes = SecretBytes::new([key.expose(Reason::Seal), &until.tag].concat());
        let row = until.sequence.to_be_bytes();
        let sealed = new.seal(key_place(&row), bytes.expose(Reason::Seal), entropy)?;
        transaction
            .prepare_cached("INSERT OR REPLACE INTO audit_key (until, sealed) VALUES (?1, ?2)")?
            .execute(params![until.sequence, sealed])?;
        Ok(())
    };
    let former = former_keys(transaction, old)?;
    for FormerKey { until, key } in &former {
        put_key(until, key)?;
    }
    if let Mark::Signed(start) = mark(transaction, MarkKind::Start, &old_key)? {
        put_mark(transaction, MarkKind::Start, &start, &new_key)?;
    }
    // A forged head stays forged under the new key.
    let Mark::Signed(head) = mark(transaction, MarkKind::Head, &old_key)? else { return Ok(()) };
    // Nothing was sealed since the last rotation: the key in between tagged no row.
    if former.last().is_none_or(|last| last.until.sequence < head.sequence) {
        put_key(&head, old.audit_key())?;
    }
    put_mark(transaction, MarkKind::Head, &head, &new_key)
}
