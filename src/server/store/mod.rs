//! The server's store: SQLite behind one thread of its own.
//!
//! Callers hand in a closure over a transaction and wait for its result. The thread runs what has queued up inside one
//! transaction, a savepoint each, and answers only after the commit is durable: writes of concurrent sign-ons share a
//! commit, and none is acknowledged before its own is on disk. Only this folder imports `rusqlite`; it knows tables,
//! and of the protocol no more than the names of transports and the form of device keys.

pub mod audit;
pub mod audit_chain;
pub mod audit_verify;
pub mod device_keys;
pub mod devices;
pub mod fraud_reports;
pub mod key_check;
pub mod known_browsers;
pub mod known_origins;
pub mod notices;
pub mod pushes;
pub mod recovery;
pub mod registrations;
mod schema;
pub mod sealed;
pub mod sessions;
pub mod sign_ons;
pub mod user_names;
pub mod users;
pub mod webhook_events;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::keys::KeyError;

/// A connection inside an open transaction, as closures see it.
pub use rusqlite::Connection as Transaction;

/// Most closures that share one commit.
const BATCH_LIMIT: usize = 64;

/// Why the store did not do what it was asked to. Nothing of that request was kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite reported an error.
    #[error("The database reported an error: {0}")]
    Database(#[from] rusqlite::Error),
    /// A sealed value cannot be opened, or the server's key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] crate::ports::EntropyUnavailable),
    /// Not a database of this server.
    #[error("{0} is not a database of this server. It was left untouched.")]
    NotOurs(String),
    /// Written by a newer version.
    #[error("The database {file} has version {found}, this program knows {known}. Install the newer version.")]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        found: i32,
        /// The newest version known here.
        known: i32,
    },
    /// Users of an older database whose names are one name now.
    #[error(
        "The database was not changed: some of its users have names that count as one name from this version on: {0}. \
         Rename all but one of each: push-authenticator user rename OLD NEW"
    )]
    NamesCollide(String),
    /// A stored value does not have the form that this program writes.
    #[error("A stored value ({0}) is damaged.")]
    Damaged(&'static str),
    /// A value that the old key does not open, when the store is handed over to a new one.
    #[error(
        "The stored value {0} of {1} cannot be opened with the server's key. The key was not rotated and nothing was \
         changed. Remove what the value belongs to, or restore the database from a backup, and try again."
    )]
    NotSealedAgain(&'static str, String),
    /// The key was rotated since the store was opened; what is sealed under the old one must not be stored any more.
    #[error("The server's key was rotated meanwhile. Nothing was changed. Do it once more, with the new key.")]
    KeyRotated,
    /// The thread has stopped because the server is shutting down, or it gave this request up.
    #[error("The server could not do this now. Try again shortly.")]
    Stopped,
}

impl StoreError {
    /// Returns whether the same may work later: the disk is full or cannot be written, or another process holds the database.
    pub fn may_pass(&self) -> bool {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, OutOfMemory, ReadOnly, SystemIoFailure,
        };
        match self {
            Self::Stopped => true,
            Self::Database(error) => error.sqlite_error_code().is_some_and(|code| {
                matches!(
                    code,
                    CannotOpen | DatabaseBusy | DatabaseLocked | DiskFull | OutOfMemory | ReadOnly | SystemIoFailure
                )
            }),
            _ => false,
        }
    }
}

type Job = Box<dyn FnOnce(&Transaction) -> Verdict + Send>;

/// Whether a job's writes are kept, and how its caller hears of it once the commit is durable.
struct Verdict {
    keep: bool,
    tell: Box<dyn FnOnce(Result<(), StoreError>) + Send>,
}

/// A handle on the store; cheap to clone.
#[derive(Clone)]
pub struct Store {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Store {
    /// Opens the database file, makes it when it is not there, and starts its thread.
    pub fn open(file: &Path) -> Result<Self, StoreError> {
        Self::open_with(file, |_| Ok(())).map(|(store, ())| store)
    }

    /// The same, where `look` finds nothing wrong with what is in it; what it wrote is kept then.
    pub fn open_with<T>(
        file: &Path,
        look: impl FnOnce(&Transaction) -> Result<T, StoreError>,
    ) -> Result<(Self, T), StoreError> {
        let mut connection = open_connection(file)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let seen = look(&transaction)?;
        let key_check = key_check::find(&transaction)?;
        transaction.commit()?;
        let (jobs, queue) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || serve(connection, queue, key_check.as_deref()))
            .map_err(|_| StoreError::Stopped)?;
        Ok((Self { jobs }, seen))
    }

    /// Does one thing in the database, in a transaction, and closes it. What it replaced is in no log afterwards, unless
    /// another process has the database open.
    pub fn once<T>(file: &Path, work: impl FnOnce(&Transaction) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut connection = open_connection(file)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = work(&transaction)?;
        transaction.commit()?;
        drop(connection);
        // The change is made, whether the log can be emptied or not.
        let _ = user_names::empty_log(file);
        Ok(done)
    }

    /// Runs the closure in a transaction and gives its result once everything it wrote is durable. When the closure
    /// fails, nothing that it wrote is kept.
    pub async fn run<T, E>(&self, work: impl FnOnce(&Transaction) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self.submit(work).await {
            Ok(result) => result,
            Err(_) => Err(StoreError::Stopped.into()),
        }
    }

    /// The same for callers outside of an asynchronous context.
    pub fn run_blocking<T, E>(&self, work: impl FnOnce(&Transaction) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match self.submit(work).blocking_recv() {
            Ok(result) => result,
            Err(_) => Err(StoreError::Stopped.into()),
        }
    }

    /// The same for callers who wait for nothing; a failure is logged.
    pub fn run_later(&self, work: impl FnOnce(&Transaction) -> Result<(), StoreError> + Send + 'static) {
        drop(self.submit(move |transaction| {
            work(transaction).inspect_err(|error| tracing::error!(%error, "a write that nobody waits for failed"))
        }));
    }

    fn submit<T, E>(
        &self,
        work: impl FnOnce(&Transaction) -> Result<T, E> + Send + 'static,
    ) -> oneshot::Receiver<Result<T, E>>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        // What is logged inside belongs to the caller's request.
        let span = tracing::Span::current();
        let job: Job = Box::new(move |transaction| {
            let result = span.in_scope(|| work(transaction));
            Verdict {
                keep: result.is_ok(),
                tell: Box::new(move |committed| {
                    // A caller that went away no longer wants to hear it.
                    let _ = sender.send(committed.map_err(E::from).and(result));
                }),
            }
        });
        // When the thread is gone the job is dropped with its sender, and the receiver reports it.
        let _ = self.jobs.send(job);
        receiver
    }
}

/// `key_check` is the check of the key that the callers have, where there is one.
fn serve(mut connection: Connection, mut queue: mpsc::UnboundedReceiver<Job>, key_check: Option<&[u8]>) {
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_LIMIT {
            match queue.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        match run_batch(&mut connection, batch, key_check) {
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "a batch of writes failed"),
        }
    }
}

fn run_batch(connection: &mut Connection, batch: Vec<Job>, key_check: Option<&[u8]>) -> Result<(), StoreError> {
    let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut tellers = Vec::with_capacity(batch.len());
    for job in batch {
        let savepoint = transaction.savepoint()?;
        // A panic is one caller's failure and must not end the thread that all callers need. Its savepoint is rolled
        // back, so no half-made change is seen; its caller hears that nothing was done.
        match catch_unwind(AssertUnwindSafe(|| job(&savepoint))) {
            Ok(verdict) => {
                if verdict.keep {
                    savepoint.commit()?;
                } else {
                    drop(savepoint);
                }
                tellers.push(verdict.tell);
            }
            Err(_) => tracing::error!("a write panicked and was rolled back"),
        }
    }
    let committed = commit(transaction, key_check);
    for tell in tellers {
        tell(match &committed {
            Ok(()) => Ok(()),
            Err(StoreError::KeyRotated) => Err(StoreError::KeyRotated),
            Err(_) => Err(StoreError::Stopped),
        });
    }
    committed
}

/// Commits, unless the key was rotated since its check was read: nothing could open what was sealed under the old one.
fn commit(transaction: rusqlite::Transaction<'_>, key_check: Option<&[u8]>) -> Result<(), StoreError> {
    if key_check.is_some() && key_check::find(&transaction)?.as_deref() != key_check {
        return Err(StoreError::KeyRotated);
    }
    Ok(transaction.commit()?)
}

fn open_connection(file: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(file)?;
    // Another process (the command line) may write at the same time.
    connection.busy_timeout(Duration::from_secs(10))?;
    // Looked at before anything is set: setting the journal mode already changes the file.
    let reading = connection.transaction()?;
    read_version(&reading, file)?;
    drop(reading);
    // WAL: readers of another process do not block the writer; FULL: a commit that was acknowledged survives a power
    // cut; secure_delete: used secrets do not linger in free pages.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "secure_delete", true)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = read_version(&transaction, file)?;
    if version < schema::VERSION {
        for step in schema::STEPS.iter().skip(usize::try_from(version).unwrap_or_default()) {
            transaction.execute_batch(step)?;
        }
        if version < user_names::SINCE {
            user_names::fill_keys(&transaction)?;
        }
        transaction.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", schema::VERSION)?;
    }
    transaction.commit()?;
    Ok(connection)
}

/// The schema's version, 0 in an empty file; refuses what is not ours or newer.
fn read_version(transaction: &Transaction, file: &Path) -> Result<i32, StoreError> {
    let name = || file.display().to_string();
    let number = |query: &str| -> Result<i32, StoreError> {
        transaction.query_row(query, [], |row| row.get(0)).map_err(|error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => StoreError::NotOurs(name()),
            _ => StoreError::Database(error),
        })
    };
    let version = number("PRAGMA user_version")?;
    let owner = number("PRAGMA application_id")?;
    let is_empty = version == 0 && owner == 0 && number("SELECT count(*) FROM sqlite_schema")? == 0;
    if !is_empty && owner != schema::APPLICATION_ID {
        return Err(StoreError::NotOurs(name()));
    }
    if version > schema::VERSION {
        return Err(StoreError::Newer { file: name(), found: version, known: schema::VERSION });
    }
    Ok(version)
}

/// SHA-256, as the store keys what it must recognise and not keep.
pub fn digest(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(store: &Store) -> i64 {
        store
            .run_blocking(|transaction| -> Result<i64, StoreError> {
                Ok(transaction.query_row("SELECT count(*) FROM probe", [], |row| row.get(0))?)
            })
            .unwrap()
    }

    /// No request can be made to panic, so this cannot be seen from outside.
    #[test]
    fn a_panic_is_rolled_back_and_the_thread_lives() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("store")).unwrap();
        let write = |statement: &'static str, panics: bool| {
            store.run_blocking(move |transaction| -> Result<(), StoreError> {
                transaction.execute_batch(statement)?;
                assert!(!panics, "as the test wants it");
                Ok(())
            })
        };
        write("CREATE TABLE probe (x)", false).unwrap();
        assert!(matches!(write("INSERT INTO probe VALUES (1)", true), Err(StoreError::Stopped)));
        assert_eq!(count(&store), 0);
        write("INSERT INTO probe VALUES (2)", false).unwrap();
        assert_eq!(count(&store), 1);
    }
}
