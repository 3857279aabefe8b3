//! SQLite: one thread that writes, one thread per core that reads, each with a connection of its own.

use std::{
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig, types::ValueRef};
use tokio::runtime::Handle;

use super::{Row, Tx, Value};
use crate::{
    Error,
    directory::DirectoryLock,
    reader::{Answered, ReadJob, run_reads},
    readings::Readings,
    writer::{Queue, run_batch},
};

/// The store's file in the data directory.
const FILE: &str = "keyward.db";
/// How many KiB of pages those who read remember, all together, and one at most (and never less than SQLite's own 2 MiB).
/// The upper levels of what finds one of a million keys are 273 pages, 1 MiB, and of ten million ten times that; with
/// less, each reading of a key goes through the system for all of them. (What is read last pushes them out, too: of ten
/// million keys one costs three readings of the file with 16 MiB, and 2.4 with 32.)
const REMEMBERED: usize = 64 * 1024;
const REMEMBERED_BY_ONE: usize = 32 * 1024;

pub(crate) fn query(connection: &mut Connection, sql: &str, params: &[Value]) -> Result<Vec<Row>, Error> {
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    for (index, param) in params.iter().enumerate() {
        // By name: SQLite numbers `$2` by where it first appears, not by its digit.
        if let Some(at) = statement.parameter_index(&format!("${}", index + 1)).map_err(failed)? {
            statement.raw_bind_parameter(at, param).map_err(failed)?;
        }
    }
    let width = statement.column_count();
    let mut rows = statement.raw_query();
    let mut answer = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let mut columns = Vec::with_capacity(width);
        for index in 0..width {
            columns.push(match row.get_ref(index).map_err(failed)? {
                ValueRef::Null | ValueRef::Real(_) => Value::Null,
                ValueRef::Integer(number) => Value::Int(number),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
            });
        }
        answer.push(Row::new(columns));
    }
    Ok(answer)
}

/// Runs a statement that has no parameters and no rows, and that is run often: it is parsed once.
pub(crate) fn run(connection: &mut Connection, sql: &'static str) -> Result<(), Error> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute([])).map(drop).map_err(failed)
}

pub(crate) fn batch(connection: &mut Connection, sql: &str) -> Result<(), Error> {
    connection.execute_batch(sql).map_err(failed)
}

fn failed(error: rusqlite::Error) -> Error {
    let text = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk that holds the data is full; free some space and try again",
        Some(ErrorCode::ReadOnly) => "the data directory can't be written to; check its mount and permissions",
        Some(ErrorCode::CannotOpen) => "a file in the data directory can't be opened; check its permissions",
        Some(ErrorCode::SystemIoFailure) => "the disk that holds the data reports an error",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program has locked the store's file",
        _ => return Error::Engine(Box::new(error)),
    };
    Error::Unavailable(text, Some(Box::new(error)))
}

/// Whether a store was made in this directory.
pub(crate) fn exists(directory: &Path) -> bool {
    directory.join(FILE).is_file()
}

/// The threads of one open store.
#[derive(Debug)]
pub(crate) struct Sqlite {
    readings: Readings,
}

impl Sqlite {
    /// Opens the store, making it if need be, and runs `prepare` on the connection that writes, before any other use.
    pub(crate) fn open(
        directory: &Arc<DirectoryLock>,
        queue: Queue,
        prepare: impl FnOnce(&mut Tx<'_>) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let path = directory.path().join(FILE);
        // The files that SQLite puts beside it get the same permissions.
        let created = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        created.map_err(|error| Error::Held(format!("`{}` can't be opened: {error}", path.display())))?;
        let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
        prepare(&mut Tx::Sqlite(&mut writer))?;
        let lock = Arc::clone(directory);
        spawn("keyward-writer", move || {
            write(&mut writer, queue);
            // The directory is free when the last thread that uses it is done.
            drop((writer, lock));
        })?;
        Ok(Self { readings: spawn_readers(&path, directory)? })
    }

    pub(crate) fn read(&self, job: ReadJob) {
        self.readings.ask(job);
    }
}

fn connect(path: &PathBuf, flags: OpenFlags) -> Result<Connection, Error> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(256);
    // A statement keeps its plan, whatever it is given. Without this SQLite parses some anew for each value, among them
    // the one that finds a key: a condition of an index is compared with what the statement is given.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA busy_timeout = 5000; PRAGMA temp_store = MEMORY;",
        )
        .map_err(failed)?;
    Ok(connection)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map(drop)
        .map_err(|error| Error::Unavailable("the system refuses another thread", Some(Box::new(error))))
}

fn write(connection: &mut Connection, mut queue: Queue) {
    while let Some(batch) = queue.next_blocking() {
        inline(run_batch(&mut Tx::Sqlite(connection), batch, queue.committed()));
    }
}

fn spawn_readers(path: &PathBuf, lock: &Arc<DirectoryLock>) -> Result<Readings, Error> {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (readings, runtime) = (Readings::new(cores), Handle::current());
    for _ in 0..cores {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let pages = (REMEMBERED / cores).clamp(2 * 1024, REMEMBERED_BY_ONE);
        connection.execute_batch(&format!("PRAGMA cache_size = -{pages}")).map_err(failed)?;
        let (waiting, runtime, lock) = (readings.waiting(), runtime.clone(), Arc::clone(lock));
        spawn("keyward-reader", move || {
            let _lock = lock;
            while let Some(jobs) = waiting.take() {
                tell(&runtime, inline(run_reads(&mut Tx::Sqlite(&mut connection), jobs)));
            }
        })?;
    }
    Ok(readings)
}

/// Tells several with one message to the threads where they wait.
fn tell(runtime: &Handle, answered: Vec<Answered>) {
    if answered.len() > 1 {
        runtime.spawn(async move { answered.into_iter().for_each(Answered::tell) });
    } else {
        answered.into_iter().for_each(Answered::tell);
    }
}

/// Polls a future that never waits: on SQLite every await of a [`Tx`] completes inline.
pub(crate) fn inline<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a transaction awaited something other than its Tx"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot, watch};

    use super::*;
    use crate::{
        engine::Sql,
        writer::{Answer, Command, Job},
    };

    const INSERT: Sql = Sql("INSERT INTO numbers (kind, last) VALUES ($1, 0)");

    /// Runs one batch of commands, each of which adds a row of this name, and returns what each was answered.
    fn run(connection: &mut Connection, names: &[&'static str]) -> Vec<Result<(), String>> {
        let (sender, receiver) = mpsc::channel(16);
        let mut queue = Queue::new(receiver, watch::channel(0).0);
        let mut answers = Vec::new();
        for name in names {
            let (reply, answer) = oneshot::channel();
            let name = *name;
            let job: Job = Box::new(move |change| {
                Box::pin(async move {
                    assert!(name != "panic", "asked for");
                    change.tx().query(INSERT, &[name.into()]).await?;
                    Ok(Box::new(()) as Answer)
                })
            });
            assert!(sender.try_send(Command { job, reply }).is_ok());
            answers.push(answer);
        }
        let batch = queue.next_blocking().expect("commands wait");
        inline(run_batch(&mut Tx::Sqlite(connection), batch, queue.committed()));
        let read = |mut answer: oneshot::Receiver<Result<_, Error>>| {
            answer.try_recv().expect("every command is answered").map(drop).map_err(|error| error.to_string())
        };
        answers.into_iter().map(read).collect()
    }

    fn open(directory: &Path) -> Connection {
        let mut connection =
            connect(&directory.join(FILE), OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)
                .expect("opens");
        let migrated =
            inline(crate::migrate::migrate(&mut Tx::Sqlite(&mut connection), keyward_core::time::Timestamp(0)));
        migrated.expect("migrates");
        connection
    }

    fn there(connection: &Connection) -> Vec<String> {
        let sql = "SELECT kind FROM numbers WHERE length(kind) = 1 ORDER BY kind";
        let mut statement = connection.prepare(sql).expect("prepares");
        let names = statement.query_map([], |row| row.get(0)).expect("reads");
        names.collect::<Result<_, _>>().expect("reads")
    }

    #[test]
    fn a_command_that_fails_or_panics_takes_nobody_with_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut connection = open(directory.path());
        let answers = run(&mut connection, &["a", "b", "a", "panic", "c"]);
        let good: Vec<bool> = answers.iter().map(Result::is_ok).collect();
        assert_eq!(good, [true, true, false, false, true]);
        assert_eq!(there(&connection), ["a", "b", "c"]);
    }

    #[test]
    fn a_read_only_disk_is_said_and_recovers() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut connection = open(directory.path());
        connection.execute_batch("PRAGMA query_only = ON").expect("sets");
        let text = "the data directory can't be written to; check its mount and permissions";
        for names in [&["a"][..], &["a", "b"]] {
            for answer in run(&mut connection, names) {
                assert_eq!(answer, Err(text.to_owned()));
            }
        }
        connection.execute_batch("PRAGMA query_only = OFF").expect("sets");
        assert!(run(&mut connection, &["a"])[0].is_ok());
        assert_eq!(there(&connection), ["a"]);
    }

    #[test]
    fn a_full_disk_fails_the_commands_it_met_and_recovers() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut connection = open(directory.path());
        connection.execute_batch("CREATE TABLE filler (x BLOB); PRAGMA max_page_count = 1").expect("sets");
        // SQLite gives up a whole transaction on this error, so every command of the batch is told.
        connection.execute_batch("DROP TABLE numbers; CREATE TABLE numbers (kind TEXT PRIMARY KEY, last INTEGER, x BLOB DEFAULT (zeroblob(100000)))").expect("sets");
        for answer in run(&mut connection, &["a", "b", "c"]) {
            let text = answer.expect_err("there is no room");
            assert!(text.contains("full") || text.contains("same commit"), "{text}");
        }
        connection.execute_batch("PRAGMA max_page_count = 100000").expect("sets");
        assert!(run(&mut connection, &["a", "b"]).iter().all(Result::is_ok));
        assert_eq!(there(&connection), ["a", "b"]);
    }
}
