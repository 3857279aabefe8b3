//! The one durable store of Keyward: one SQL text, on SQLite and on PostgreSQL.
//!
//! Three ways in: [`Store::change`] for numbered, audited changes of the catalogue, [`Store::ledger`] for what traffic
//! writes, [`Store::read`] for lists and lookups. One way to memory: [`Store::load`] and [`Store::since`].

use std::{any::Any, sync::Arc};

use keyward_core::{
    model::{Revision, log::LogDraft},
    snapshot::Changes,
    time::Timestamp,
};
use tokio::sync::{mpsc, oneshot, watch};

pub mod catalogue;
mod directory;
mod engine;
mod error;
mod follow;
pub mod keys;
pub mod ledger;
mod migrate;
mod reader;
mod readings;
mod sealing;
mod writer;

pub use directory::DirectoryLock;
pub use engine::{Row, Sql, Tx, Value};
pub use error::{Cause, Error};
pub use sealing::MasterKey;
pub use writer::{BoxFuture, Change};

use engine::{
    lease,
    postgres::Postgres,
    sqlite::{self, Sqlite},
};
use reader::{ReadJob, Reading};
use writer::{Answer, Command, Job, Queue};

/// The most commands that may wait for their commit before callers wait to queue theirs.
const QUEUE: usize = 1024;

/// Where the store is.
#[derive(Debug)]
pub enum Location {
    /// SQLite, in a directory that is ours.
    Directory(Arc<DirectoryLock>),
    /// PostgreSQL, at this URL.
    Database(String),
}

#[derive(Debug)]
enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

/// An open store. Dropping the last clone lets what is queued finish and closes it.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Arc<Engine>,
    queue: mpsc::Sender<Command>,
    committed: watch::Receiver<i64>,
    master: Arc<MasterKey>,
}

impl Store {
    /// Whether a store was ever made in this directory.
    pub fn exists(directory: &std::path::Path) -> bool {
        sqlite::exists(directory)
    }

    /// Opens the store, makes it if there is none, and brings its schema up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database can't be reached, [`Error::NewerSchema`] when a newer program was here.
    pub async fn open(location: Location, master: Arc<MasterKey>, now: Timestamp) -> Result<Self, Error> {
        let (queue, receiver) = mpsc::channel(QUEUE);
        let (raise, committed) = watch::channel(0);
        let engine = match location {
            Location::Directory(directory) => {
                let queue = Queue::new(receiver, raise);
                let prepare = move |tx: &mut Tx<'_>| sqlite::inline(migrate::migrate(tx, now));
                Engine::Sqlite(Sqlite::open(&directory, queue, prepare)?)
            }
            Location::Database(url) => {
                let postgres = Postgres::connect(&url).await?;
                let mut client = postgres.client().await?;
                migrate::migrate(&mut Tx::Postgres(&mut client), now).await?;
                Postgres::spawn_listener(&url, raise.clone())?;
                postgres.spawn_writer(Queue::new(receiver, raise));
                Engine::Postgres(postgres)
            }
        };
        Ok(Self { engine: Arc::new(engine), queue, committed, master })
    }

    /// The key that seals secrets in this store.
    pub fn master(&self) -> &Arc<MasterKey> {
        &self.master
    }

    /// Raised whenever a change was committed, by this node or by another. Wakes up now and then for nothing.
    pub fn committed(&self) -> watch::Receiver<i64> {
        self.committed.clone()
    }

    /// Carries out a change of the catalogue: serial among all nodes, and in the audit log or not made at all.
    /// Answers after the commit with the change's number; a change that touched nothing has that of the one before.
    /// Whoever found everything as it should be may say so with no entry.
    ///
    /// # Errors
    /// What `work` returns, after everything it did was rolled back; or why the commit failed.
    pub async fn change<T, D, F>(&self, work: F) -> Result<(T, Revision), Error>
    where
        T: Send + 'static,
        D: Into<Option<LogDraft>> + Send + 'static,
        F: for<'t, 'c> FnOnce(&'t mut Change<'c>) -> BoxFuture<'t, Result<(T, D), Error>> + Send + 'static,
    {
        self.run(move |change| {
            Box::pin(async move {
                let (value, draft) = work(change).await?;
                match draft.into() {
                    Some(draft) => ledger::log::insert(change.tx(), &draft).await?,
                    None if change.is_empty() => {}
                    None => return Err(Error::Engine("a change that is not audited is not made".into())),
                }
                Ok(value)
            })
        })
        .await
    }

    /// Carries out what traffic writes. It has no number and changes nothing that lives in memory.
    ///
    /// # Errors
    /// As [`Store::change`].
    pub async fn ledger<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t, 'c> FnOnce(&'t mut Tx<'c>) -> BoxFuture<'t, Result<T, Error>> + Send + 'static,
    {
        let run = self.run(move |change| Box::pin(async move { work(change.tx()).await }));
        run.await.map(|(value, _)| value)
    }

    async fn run<T, F>(&self, work: F) -> Result<(T, Revision), Error>
    where
        T: Send + 'static,
        F: for<'t, 'c> FnOnce(&'t mut Change<'c>) -> BoxFuture<'t, Result<T, Error>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job =
            Box::new(move |change| Box::pin(async move { work(change).await.map(|value| Box::new(value) as Answer) }));
        let closed = || Error::Unavailable("the store is closed", None);
        self.queue.send(Command { job, reply }).await.map_err(|_| closed())?;
        let (value, revision) = answer.await.map_err(|_| closed())??;
        Ok((typed(value), revision))
    }

    /// Reads in one consistent state.
    ///
    /// # Errors
    /// What `work` returns, or why there is nothing to read from.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t, 'c> FnOnce(&'t mut Tx<'c>) -> BoxFuture<'t, Result<T, Error>> + Send + 'static,
    {
        self.ask(false, work).await
    }

    /// As [`Store::read`], for what finds a few rows by their keys: several that wait are read together.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_briefly<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t, 'c> FnOnce(&'t mut Tx<'c>) -> BoxFuture<'t, Result<T, Error>> + Send + 'static,
    {
        self.ask(true, work).await
    }

    async fn ask<T, F>(&self, brief: bool, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'t, 'c> FnOnce(&'t mut Tx<'c>) -> BoxFuture<'t, Result<T, Error>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Reading =
            Box::new(move |tx| Box::pin(async move { work(tx).await.map(|value| Box::new(value) as Answer) }));
        let read = ReadJob { job, brief, reply };
        match self.engine.as_ref() {
            Engine::Sqlite(sqlite) => sqlite.read(read),
            Engine::Postgres(postgres) => postgres.read(read),
        }
        let value = answer.await.map_err(|_| Error::Unavailable("the store is closed", None))??;
        Ok(typed(value))
    }

    /// Whether other nodes may serve from the same store.
    pub fn is_shared(&self) -> bool {
        matches!(self.engine.as_ref(), Engine::Postgres(_))
    }

    /// Says that this node has followed up to a change and may believe its memory for so many milliseconds, counted
    /// from some moment after the call. Without other nodes there is nothing to say.
    ///
    /// # Errors
    /// Why the store was not reached.
    pub async fn renew_lease(&self, node: &str, revision: Revision, length: i64) -> Result<(), Error> {
        match self.engine.as_ref() {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(postgres) => lease::renew(postgres, node, revision, length).await,
        }
    }

    /// Takes this node off the list, so that nobody waits for it.
    ///
    /// # Errors
    /// Why the store was not reached; then the node's lease runs out by itself.
    pub async fn end_lease(&self, node: &str) -> Result<(), Error> {
        match self.engine.as_ref() {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(postgres) => lease::leave(postgres, node).await,
        }
    }

    /// Whether no other node can still believe a memory without this change.
    ///
    /// # Errors
    /// Why the store was not reached.
    pub async fn is_everywhere(&self, node: &str, revision: Revision) -> Result<bool, Error> {
        match self.engine.as_ref() {
            Engine::Sqlite(_) => Ok(true),
            Engine::Postgres(postgres) => Ok(lease::behind(postgres, node, revision).await? == 0),
        }
    }

    /// The number of the last committed change, asked of the store itself.
    ///
    /// # Errors
    /// Why the store does not answer.
    pub async fn revision(&self) -> Result<Revision, Error> {
        self.read(|tx| Box::pin(async move { follow::revision(tx).await.map(Revision) })).await
    }

    /// The whole catalogue, as it was committed.
    ///
    /// # Errors
    /// As [`Store::read`]; [`Error::Inconsistent`] when a row can't be, or when the master key is another one.
    pub async fn load(&self) -> Result<Changes, Error> {
        let master = Arc::clone(&self.master);
        self.read(move |tx| Box::pin(async move { follow::load(tx, &master).await })).await
    }

    /// The rows that changed after a revision, as they are now.
    ///
    /// # Errors
    /// As [`Store::load`].
    pub async fn since(&self, revision: Revision) -> Result<Changes, Error> {
        let master = Arc::clone(&self.master);
        self.read(move |tx| Box::pin(async move { follow::since(tx, revision, &master).await })).await
    }
}

/// The number of the last committed change, in the state that this transaction reads.
///
/// # Errors
/// As [`Tx::query`].
pub async fn revision(tx: &mut Tx<'_>) -> Result<Revision, Error> {
    follow::revision(tx).await.map(Revision)
}

fn typed<T: 'static>(answer: Box<dyn Any + Send>) -> T {
    *answer.downcast().unwrap_or_else(|_| unreachable!("a job answers with its own type"))
}
