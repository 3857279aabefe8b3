//! Group commit: what waits is carried out in one transaction, each command in a savepoint, and answered after the
//! commit.

use std::{any::Any, collections::BTreeMap, future::Future, panic::AssertUnwindSafe, pin::Pin};

use futures_util::FutureExt;
use keyward_core::model::Revision;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    Error,
    engine::{Sql, Tx},
    keys::holder::{self, Holding},
};

/// The most commands of one commit. More would make the first of them wait for long.
const BATCH: usize = 128;

/// A future that lives as long as the transaction it works on.
pub type BoxFuture<'t, T> = Pin<Box<dyn Future<Output = T> + Send + 't>>;
/// What a command answers; its caller knows the type.
pub(crate) type Answer = Box<dyn Any + Send>;
/// A command's work.
pub(crate) type Job = Box<dyn for<'t, 'c> FnOnce(&'t mut Change<'c>) -> BoxFuture<'t, Result<Answer, Error>> + Send>;
type Reply = oneshot::Sender<Result<(Answer, Revision), Error>>;

const RECORD_CHANGE: Sql = Sql("INSERT INTO changes (revision, kind, number) VALUES ($1, $2, $3)");
const SET_REVISION: Sql = Sql("UPDATE revision SET value = $1");
const TAKE_NUMBERS: Sql = Sql("UPDATE numbers SET last = last + $2 WHERE kind = $1 RETURNING last");

/// The kinds of rows that live in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Api,
    Permission,
    SigningKey,
    Role,
    RootKey,
    Namespace,
    KeyMigration,
    Client,
    ClientGrant,
    Workspace,
    Key,
    Identity,
    User,
}

impl Kind {
    /// All of them; APIs before the permissions that belong to them.
    pub(crate) const ALL: [Self; 13] = [
        Self::Api,
        Self::Permission,
        Self::SigningKey,
        Self::Role,
        Self::RootKey,
        Self::Namespace,
        Self::KeyMigration,
        Self::Client,
        Self::ClientGrant,
        Self::Workspace,
        Self::Key,
        Self::Identity,
        Self::User,
    ];

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Permission => "permission",
            Self::SigningKey => "signing_key",
            Self::Role => "role",
            Self::RootKey => "root_key",
            Self::Namespace => "namespace",
            Self::KeyMigration => "key_migration",
            Self::Client => "client",
            Self::ClientGrant => "client_grant",
            Self::Workspace => "workspace",
            Self::Key => "key",
            Self::Identity => "identity",
            Self::User => "user",
        }
    }
}

/// A command under way: its transaction, and the number it will have if it changes anything.
#[derive(Debug)]
pub struct Change<'c> {
    tx: Tx<'c>,
    revision: i64,
    touched: Vec<(Kind, i64)>,
    /// How many more keys hold what, by this command.
    holders: Vec<(Holding, i64)>,
    /// The same, by the commands before it in the same commit.
    settled: BTreeMap<Holding, i64>,
}

impl<'c> Change<'c> {
    /// The transaction, for reading and for rows that only the store knows.
    pub fn tx(&mut self) -> &mut Tx<'c> {
        &mut self.tx
    }

    /// The number of this change.
    pub fn revision(&self) -> Revision {
        Revision(self.revision)
    }

    /// Whether nothing that is followed was written yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.holders.is_empty()
    }

    /// Says that a row of the catalogue is being written, so that every follower reads it.
    pub(crate) fn touch(&mut self, kind: Kind, number: i64) {
        self.touched.push((kind, number));
    }

    /// Says that so many more keys hold something. Counted at the end of the commit, so that nobody waits for the row
    /// of a permission that many keys are given at once.
    pub(crate) fn count_holder(&mut self, holding: Holding, more: i64) {
        self.holders.push((holding, more));
    }

    /// By how much the stored count is behind.
    pub(crate) fn uncommitted_holders(&self, holding: Holding) -> i64 {
        let own = self.holders.iter().filter(|(held, _)| *held == holding).map(|(_, more)| more).sum::<i64>();
        self.settled.get(&holding).copied().unwrap_or(0) + own
    }

    async fn record(&mut self) -> Result<(), Error> {
        self.touched.sort_by_key(|(kind, number)| (kind.as_str(), *number));
        self.touched.dedup();
        let rows: Vec<_> = self
            .touched
            .iter()
            .map(|(kind, number)| vec![self.revision.into(), kind.as_str().into(), (*number).into()])
            .collect();
        self.tx.execute_each(RECORD_CHANGE, &rows).await
    }
}

/// The first of `count` numbers that were never given before.
pub(crate) async fn take_numbers(tx: &mut Tx<'_>, kind: &'static str, count: usize) -> Result<i64, Error> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let rows = tx.query(TAKE_NUMBERS, &[kind.into(), count.into()]).await?;
    let last = rows.into_iter().next().ok_or_else(|| Error::inconsistent("numbers", kind))?.int()?;
    Ok(last - count + 1)
}

/// A command that waits for its commit.
pub(crate) struct Command {
    pub(crate) job: Job,
    pub(crate) reply: Reply,
}

/// Commands that share a commit.
pub(crate) struct Batch(Vec<Command>);

impl Batch {
    /// Tells every caller that nothing was done.
    pub(crate) fn fail(self, error: &Error) {
        for command in self.0 {
            let _ = command.reply.send(Err(shared(error)));
        }
    }
}

/// The commands' end of the queue.
pub(crate) struct Queue {
    receiver: mpsc::Receiver<Command>,
    committed: watch::Sender<i64>,
}

impl Queue {
    pub(crate) fn new(receiver: mpsc::Receiver<Command>, committed: watch::Sender<i64>) -> Self {
        Self { receiver, committed }
    }

    pub(crate) fn committed(&self) -> &watch::Sender<i64> {
        &self.committed
    }

    pub(crate) async fn next(&mut self) -> Option<Batch> {
        let first = self.receiver.recv().await?;
        Some(self.drain(first))
    }

    pub(crate) fn next_blocking(&mut self) -> Option<Batch> {
        let first = self.receiver.blocking_recv()?;
        Some(self.drain(first))
    }

    fn drain(&mut self, first: Command) -> Batch {
        let mut commands = vec![first];
        while commands.len() < BATCH {
            let Ok(next) = self.receiver.try_recv() else { break };
            commands.push(next);
        }
        Batch(commands)
    }
}

/// Carries a batch out and answers every command of it, after the commit.
pub(crate) async fn run_batch(tx: &mut Tx<'_>, batch: Batch, committed: &watch::Sender<i64>) {
    let mut done = Vec::with_capacity(batch.0.len());
    match carry_out(tx, batch.0, &mut done).await {
        Ok(revision) => {
            raise(committed, revision);
            for (reply, result) in done {
                let _ = reply.send(result);
            }
        }
        Err((error, waiting)) => {
            let _ = tx.batch("ROLLBACK").await;
            if matches!(error, Error::Engine(_)) {
                tracing::error!(error = %error, cause = ?std::error::Error::source(&error), "a commit failed");
            }
            for (reply, result) in done {
                // A command that had failed by itself keeps its own reason.
                let _ = reply.send(result.and_then(|_| Err(shared(&error))));
            }
            for command in waiting {
                let _ = command.reply.send(Err(shared(&error)));
            }
        }
    }
}

/// Wakes whoever follows, if this node committed something to follow.
fn raise(committed: &watch::Sender<i64>, revision: i64) {
    committed.send_if_modified(|known| {
        let newer = revision > *known;
        *known = revision.max(*known);
        newer
    });
}

type Done = Vec<(Reply, Result<(Answer, Revision), Error>)>;

/// The number of the last change after the commit; or why there was none, with the commands that did not get a turn.
async fn carry_out(tx: &mut Tx<'_>, commands: Vec<Command>, done: &mut Done) -> Result<i64, (Error, Vec<Command>)> {
    let alone = commands.len() == 1;
    let mut waiting = commands.into_iter();
    macro_rules! or_give_up {
        ($result:expr) => {
            match $result {
                Ok(value) => value,
                Err(error) => return Err((error, waiting.collect())),
            }
        };
    }
    or_give_up!(tx.begin().await);
    // Also when nothing gets a number. Commands come in any order and write what they like, so that two nodes could
    // each wait for rows of the other: the database would give one command up after the other, a second for each.
    let first = or_give_up!(tx.lock_revision().await);
    let mut last = first;
    let mut holders = BTreeMap::new();
    while let Some(command) = waiting.next() {
        if command.reply.is_closed() {
            // Its caller was told that it took too long, so it must not be made any more.
            continue;
        }
        if !alone && let Err(error) = tx.batch("SAVEPOINT command").await {
            let rest = std::iter::once(command).chain(waiting).collect();
            return Err((error, rest));
        }
        let mut change = Change {
            tx: tx.reborrow(),
            revision: last + 1,
            touched: Vec::new(),
            holders: Vec::new(),
            settled: std::mem::take(&mut holders),
        };
        let mut result = caught((command.job)(&mut change)).await;
        if result.is_ok()
            && let Err(error) = change.record().await
        {
            result = Err(error);
        }
        let revision = if change.touched.is_empty() { last } else { last + 1 };
        let failed = result.is_err();
        holders = change.settled;
        if !failed {
            for (holding, more) in change.holders {
                *holders.entry(holding).or_default() += more;
            }
        }
        done.push((command.reply, result.map(|answer| (answer, Revision(revision)))));
        if failed && tx.is_given_up() {
            let error = Error::Unavailable("another change in the same commit failed; try again", None);
            return Err((error, waiting.collect()));
        }
        match (failed, alone) {
            (false, _) => last = revision,
            (true, true) => {}
            (true, false) => or_give_up!(tx.batch("ROLLBACK TO command").await),
        }
        if !alone {
            or_give_up!(tx.batch("RELEASE command").await);
        }
    }
    if done.is_empty() || (alone && done.iter().all(|(_, result)| result.is_err())) {
        let _ = tx.batch("ROLLBACK").await;
        return Ok(first);
    }
    or_give_up!(holder::settle(tx, &holders).await);
    if last != first {
        or_give_up!(tx.query(SET_REVISION, &[last.into()]).await);
        or_give_up!(tx.announce(last).await);
    }
    or_give_up!(commit(tx).await);
    Ok(last)
}

async fn commit(tx: &mut Tx<'_>) -> Result<(), Error> {
    tx.batch("COMMIT").await.map_err(|error| match (&*tx, error) {
        (Tx::Postgres(_), Error::Unavailable(_, cause)) => Error::Uncertain(
            "the connection to the database was lost during the commit: the change may or may not have been made, \
             so look before you try again",
            cause,
        ),
        (_, other) => other,
    })
}

/// The same reason once more, for another caller. Only the first one carries the cause into the log.
fn shared(error: &Error) -> Error {
    match error {
        Error::Unavailable(text, cause) => {
            Error::Unavailable(text, cause.as_ref().map(|cause| cause.to_string().into()))
        }
        Error::Uncertain(text, cause) => Error::Uncertain(text, cause.as_ref().map(|cause| cause.to_string().into())),
        other => Error::Engine(other.to_string().into()),
    }
}

/// What a job returns; a panic is an error like any other, because the thread or task that writes must outlive it.
pub(crate) async fn caught(job: BoxFuture<'_, Result<Answer, Error>>) -> Result<Answer, Error> {
    AssertUnwindSafe(job)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Error::Engine("a job of the store panicked".into())))
}
