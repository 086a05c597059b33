//! Verification of the audit log's chain, and checkpoints to keep elsewhere.
//!
//! The log is read in pages, each in a transaction of its own, so that a running server is not held up.

use std::sync::Arc;

use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::audit::Entry;
use super::audit_chain::{self, ChainKey, FormerKey, LENGTH, Link, Mark, MarkKind};
use super::{Store, StoreError, Transaction};
use crate::ports::EpochMilliseconds;
use crate::protocol::encoding::{decode_url_safe, encode_url_safe};
use crate::server::keys::{KeyError, Keys};

/// Rows of a page.
const PAGE: u32 = 1_000;
/// Most findings that are kept; the rest are counted.
const KEPT_FINDINGS: usize = 100;
/// The format of an exported checkpoint.
const FORMAT: &str = "push-authenticator audit checkpoint 1";

/// Something in the log that is not as it was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// These rows, first to last, are gone.
    Removed(i64, i64),
    /// The row differs from what was sealed there: it was changed, moved or put in.
    Changed(i64),
    /// The row has no tag although later ones do: it was put in, or its tag was removed.
    Inserted(i64),
    /// The newest rows after this one are gone.
    CutOff(i64),
    /// The mark that names the last sealed row is missing or forged.
    Head,
    /// The mark that names the first row is forged.
    Start,
    /// The keys of rows from before a key rotation are missing or forged.
    FormerKeys,
    /// The checkpoint was not made by this server, or was changed.
    ForgedCheckpoint,
    /// The log does not continue what the checkpoint saw: rows up to this one were removed or changed.
    OtherThanCheckpoint(i64),
    /// Retention removed what the checkpoint is about, so it says nothing about the rows that are left.
    OldCheckpoint(i64),
}

impl Finding {
    /// A stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Removed(..) => "removed",
            Self::Changed(_) => "changed",
            Self::Inserted(_) => "inserted",
            Self::CutOff(_) => "cut-off",
            Self::Head => "head",
            Self::Start => "start",
            Self::FormerKeys => "former-keys",
            Self::ForgedCheckpoint => "forged-checkpoint",
            Self::OtherThanCheckpoint(_) => "other-than-checkpoint",
            Self::OldCheckpoint(_) => "old-checkpoint",
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Removed(first, last) if first == last => write!(f, "Event {first} was removed."),
            Self::Removed(first, last) => write!(f, "Events {first} to {last} were removed."),
            Self::Changed(row) => write!(f, "Event {row} was changed, moved, or put in the place of another."),
            Self::Inserted(row) => write!(f, "Event {row} was put in afterwards, or its seal was removed."),
            Self::CutOff(row) => write!(f, "The newest events, those after event {row}, were cut off."),
            Self::Head => f.write_str("The mark of the last sealed event is missing or was changed."),
            Self::Start => f.write_str("The mark of the events that retention removed was changed."),
            Self::FormerKeys => {
                f.write_str("The keys of events from before a key rotation are missing or were changed.")
            }
            Self::ForgedCheckpoint => f.write_str("The checkpoint was changed, or another server made it."),
            Self::OtherThanCheckpoint(row) => {
                write!(f, "The log is not the one that the checkpoint saw: events up to {row} were removed or changed.")
            }
            Self::OldCheckpoint(row) => write!(
                f,
                "The checkpoint ends at event {row}, which retention removed since. Compare with a newer checkpoint."
            ),
        }
    }
}

/// What verification came to.
#[derive(Debug, Default)]
pub struct Verification {
    /// Sealed rows that were read.
    pub sealed: u64,
    /// First and last row that is not sealed yet, and how many there are: written since the sealer last ran.
    pub unsealed: Option<(i64, i64, u64)>,
    /// The last row that retention removed; 0 when it removed none.
    pub start: i64,
    /// The last sealed row.
    pub head: i64,
    /// What is wrong, in the order of the log; at most a hundred.
    pub findings: Vec<Finding>,
    /// How many findings there are beyond those.
    pub further_findings: u64,
}

impl Verification {
    fn find(&mut self, finding: Finding) {
        if self.findings.len() < KEPT_FINDINGS { self.findings.push(finding) } else { self.further_findings += 1 }
    }
}

/// A checkpoint as exported: says what the log was up to one row. Holds nothing secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    format: String,
    /// The last sealed row.
    pub sequence: i64,
    tag: String,
    /// When it was exported, epoch milliseconds.
    pub exported_at: EpochMilliseconds,
    mac: String,
}

impl Checkpoint {
    fn mac(&self, key: &ChainKey) -> Vec<u8> {
        let Self { format, sequence, tag, exported_at, .. } = self;
        let numbers = [sequence.to_be_bytes(), exported_at.to_be_bytes()];
        let [sequence, exported_at] = &numbers;
        key.sign(&[b"checkpoint", format.as_bytes(), sequence, tag.as_bytes(), exported_at])
    }
}

/// Seals what waits and gives a checkpoint of the whole log. Nothing when the log's head was tampered with.
pub fn checkpoint(store: &Store, keys: &Arc<Keys>, now: EpochMilliseconds) -> Result<Option<Checkpoint>, StoreError> {
    seal_batches(store, keys, usize::MAX)?;
    let keys = keys.clone();
    store.run_blocking(move |transaction| {
        let key = ChainKey::new(keys.audit_key());
        let link = match audit_chain::mark(transaction, MarkKind::Head, &key)? {
            Mark::Signed(link) => link,
            Mark::Missing if !has_seals(transaction)? => Link::origin(),
            Mark::Missing | Mark::Forged => return Ok(None),
        };
        let mut made = Checkpoint {
            format: FORMAT.to_owned(),
            sequence: link.sequence,
            tag: encode_url_safe(&link.tag),
            exported_at: now,
            mac: String::new(),
        };
        made.mac = encode_url_safe(&made.mac(&key));
        Ok(Some(made))
    })
}

/// Seals what waits, at most so many batches, a transaction each.
pub fn seal_batches(store: &Store, keys: &Arc<Keys>, most: usize) -> Result<(), StoreError> {
    for _ in 0..most {
        let keys = keys.clone();
        if !store.run_blocking(move |transaction| audit_chain::seal(transaction, &keys))? {
            break;
        }
    }
    Ok(())
}

fn has_seals(transaction: &Transaction) -> Result<bool, StoreError> {
    Ok(transaction.query_row("SELECT EXISTS (SELECT 1 FROM audit_seal)", [], |row| row.get(0))?)
}

/// The keys of the chain.
struct ChainKeys {
    present: ChainKey,
    former: Vec<(Link, ChainKey)>,
}

impl ChainKeys {
    fn of_row(&self, sequence: i64) -> &ChainKey {
        let former = self.former.iter().find(|(until, _)| sequence <= until.sequence);
        former.map_or(&self.present, |(_, key)| key)
    }

    /// The tag that a rotation signed for this row.
    fn handed_over(&self, sequence: i64) -> Option<&[u8]> {
        self.former.iter().find(|(until, _)| until.sequence == sequence).map(|(until, _)| until.tag.as_slice())
    }
}

/// How far verification has come.
struct Progress {
    verification: Verification,
    /// The last row that was read, and its tag.
    link: Link,
    is_done: bool,
}

/// A sequence as the log has it: with a row, a tag, or both.
type Place = (i64, Option<Entry>, Option<Vec<u8>>);

/// Verifies the log, and where a checkpoint is given, that the log continues it. Seals nothing.
pub fn verify(store: &Store, keys: &Arc<Keys>, checkpoint: Option<Checkpoint>) -> Result<Verification, StoreError> {
    let mut progress = Progress { verification: Verification::default(), link: Link::origin(), is_done: false };
    while !progress.is_done {
        let keys = keys.clone();
        progress = store.run_blocking(move |transaction| verify_page(transaction, progress, &keys))?;
    }
    let mut verification = progress.verification;
    let Some(checkpoint) = checkpoint else { return Ok(verification) };
    let keys = keys.clone();
    if let Some(finding) = store.run_blocking(move |transaction| compare(transaction, &checkpoint, &keys))? {
        verification.find(finding);
    }
    Ok(verification)
}

fn chain_keys(transaction: &Transaction, keys: &Keys) -> Result<(ChainKeys, bool), StoreError> {
    let present = ChainKey::new(keys.audit_key());
    let (former, intact) = match audit_chain::former_keys(transaction, keys) {
        Ok(former) => (former, true),
        Err(StoreError::Key(KeyError::Sealed) | StoreError::Damaged(_)) => (Vec::new(), false),
        Err(error) => return Err(error),
    };
    let former = former.into_iter().map(|FormerKey { until, key }| (until, ChainKey::new(&key))).collect();
    Ok((ChainKeys { present, former }, intact))
}

fn verify_page(transaction: &Transaction, mut progress: Progress, keys: &Keys) -> Result<Progress, StoreError> {
    let (chain, intact) = chain_keys(transaction, keys)?;
    let is_first = progress.link.sequence == 0;
    let verification = &mut progress.verification;
    if is_first && !intact {
        verification.find(Finding::FormerKeys);
    }
    match audit_chain::mark(transaction, MarkKind::Start, &chain.present)? {
        // Also when retention removed rows between two pages.
        Mark::Signed(start) if start.sequence > progress.link.sequence => {
            verification.start = start.sequence;
            progress.link = start;
        }
        Mark::Forged if is_first => verification.find(Finding::Start),
        _ => {}
    }
    let head = match audit_chain::mark(transaction, MarkKind::Head, &chain.present)? {
        Mark::Signed(head) => Some(head),
        Mark::Missing if !has_seals(transaction)? => Some(Link::origin()),
        Mark::Missing | Mark::Forged => None,
    };
    // Without a head the last tag is taken for it.
    let last: i64 = transaction.query_row("SELECT coalesce(max(sequence), 0) FROM audit_seal", [], |row| row.get(0))?;
    verification.head = head.as_ref().map_or(last, |head| head.sequence);
    let places = read_page(transaction, progress.link.sequence)?;
    progress.is_done = places.len() < PAGE as usize;
    for (sequence, entry, tag) in places {
        check_place(&chain, &mut progress, sequence, entry, tag);
    }
    if progress.is_done {
        let end = progress.link.sequence;
        match head {
            None => progress.verification.find(Finding::Head),
            Some(head) if head.sequence > end => progress.verification.find(Finding::CutOff(end)),
            Some(head) if head.sequence == end && head.tag != progress.link.tag => {
                progress.verification.find(Finding::Head);
            }
            Some(_) => {}
        }
    }
    Ok(progress)
}

/// Checks one place of the log, of a row that is sealed or that waits for it.
fn check_place(chain: &ChainKeys, progress: &mut Progress, sequence: i64, entry: Option<Entry>, tag: Option<Vec<u8>>) {
    let Progress { verification, link, .. } = progress;
    match (entry, tag) {
        (Some(_), None) if sequence > verification.head => {
            let (first, _, count) = verification.unsealed.unwrap_or((sequence, sequence, 0));
            verification.unsealed = Some((first, sequence, count + 1));
        }
        (Some(_), None) => verification.find(Finding::Inserted(sequence)),
        (Some(entry), Some(tag)) => {
            let is_handed_over = chain.handed_over(sequence).is_none_or(|signed| signed == tag);
            if chain.of_row(sequence).tag(&link.tag, &entry) != tag || !is_handed_over {
                let is_gap = sequence > link.sequence + 1 && is_handed_over;
                verification.find(match is_gap {
                    true => Finding::Removed(link.sequence + 1, sequence - 1),
                    false => Finding::Changed(sequence),
                });
            }
            verification.sealed += 1;
            *link = Link { sequence, tag };
        }
        // The chain goes on from the tag of a row that is gone.
        (None, Some(tag)) => {
            verification.find(Finding::Removed(sequence, sequence));
            *link = Link { sequence, tag };
        }
        (None, None) => {}
    }
}

fn read_page(transaction: &Transaction, after: i64) -> Result<Vec<Place>, StoreError> {
    let mut statement = transaction.prepare_cached(
        "SELECT a.sequence, a.at, a.event, a.user, a.address, a.device, a.outcome, a.actor, a.count, s.tag, n.sequence
         FROM (SELECT sequence FROM audit WHERE sequence > ?1 UNION SELECT sequence FROM audit_seal WHERE sequence > ?1
               ORDER BY 1 LIMIT ?2) n
         LEFT JOIN audit a ON a.sequence = n.sequence LEFT JOIN audit_seal s ON s.sequence = n.sequence
         ORDER BY n.sequence",
    )?;
    let places = statement
        .query_map(params![after, PAGE], |row| {
            let has_row = row.get::<_, Option<i64>>(0)?.is_some();
            let entry = if has_row { Some(super::audit::read(row)?) } else { None };
            Ok((row.get(10)?, entry, row.get(9)?))
        })?
        .collect::<Result<_, _>>()?;
    Ok(places)
}

/// What is wrong with the log in the light of a checkpoint.
fn compare(transaction: &Transaction, checkpoint: &Checkpoint, keys: &Keys) -> Result<Option<Finding>, StoreError> {
    let (chain, _) = chain_keys(transaction, keys)?;
    let (Ok(mac), Ok(tag)) = (decode_url_safe(&checkpoint.mac), decode_url_safe(&checkpoint.tag)) else {
        return Ok(Some(Finding::ForgedCheckpoint));
    };
    let all_keys = std::iter::once(&chain.present).chain(chain.former.iter().map(|(_, key)| key));
    let is_signed = all_keys.into_iter().any(|key| checkpoint.mac(key) == mac);
    if !is_signed || checkpoint.format != FORMAT || tag.len() != LENGTH {
        return Ok(Some(Finding::ForgedCheckpoint));
    }
    let Checkpoint { sequence, .. } = *checkpoint;
    let start = match audit_chain::mark(transaction, MarkKind::Start, &chain.present)? {
        Mark::Signed(start) => start,
        Mark::Missing | Mark::Forged => Link::origin(),
    };
    let found: Option<Vec<u8>> = match sequence {
        _ if sequence < start.sequence => return Ok(Some(Finding::OldCheckpoint(sequence))),
        _ if sequence == start.sequence => Some(start.tag),
        _ => transaction
            .query_row("SELECT tag FROM audit_seal WHERE sequence = ?1", [sequence], |row| row.get(0))
            .optional()?,
    };
    Ok((found.as_ref() != Some(&tag)).then_some(Finding::OtherThanCheckpoint(sequence)))
}
