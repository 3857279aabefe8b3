//! A transaction on either engine, with one way to ask.

use super::{Row, Sql, Value, postgres, sqlite};
use crate::Error;

/// A transaction. On SQLite every await completes inline; on PostgreSQL each one is a round trip.
pub enum Tx<'c> {
    /// On the thread that owns the connection.
    Sqlite(&'c mut rusqlite::Connection),
    /// On a connection of the pool.
    Postgres(&'c mut deadpool_postgres::Object),
}

impl std::fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Tx::Sqlite",
            Self::Postgres(_) => "Tx::Postgres",
        })
    }
}

impl Tx<'_> {
    /// The same transaction for a shorter time.
    pub(crate) fn reborrow(&mut self) -> Tx<'_> {
        match self {
            Self::Sqlite(connection) => Tx::Sqlite(connection),
            Self::Postgres(client) => Tx::Postgres(client),
        }
    }

    /// The rows that answer the statement; `$1…` are `params` in order.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the disk or the connection fails, [`Error::Engine`] when the statement is refused.
    pub async fn query(&mut self, sql: Sql, params: &[Value]) -> Result<Vec<Row>, Error> {
        match self {
            Self::Sqlite(connection) => sqlite::query(connection, sql.0, params),
            Self::Postgres(client) => postgres::query(client, sql.0, params).await,
        }
    }

    /// Carries the statement out once for each list of parameters. On PostgreSQL they travel together.
    ///
    /// # Errors
    /// As [`Tx::query`].
    pub async fn execute_each(&mut self, sql: Sql, lists: &[Vec<Value>]) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => {
                for params in lists {
                    sqlite::query(connection, sql.0, params)?;
                }
                Ok(())
            }
            Self::Postgres(client) => postgres::execute_each(client, sql.0, lists).await,
        }
    }

    /// Several statements without parameters or answers.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => sqlite::batch(connection, sql),
            Self::Postgres(client) => postgres::batch(client, sql).await,
        }
    }

    /// Creates tables: the one text of a migration, in this engine's words.
    pub(crate) async fn define(&mut self, sql: &str) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => {
                let text = sql.replace("BYTEA", "BLOB").replace("BIGINT", "INTEGER").replace("BOOLEAN", "INTEGER");
                let text = text.replace(" COLLATE \"C\"", "");
                let text = text.replace(");--table", ") STRICT;").replace(");--index", ") STRICT, WITHOUT ROWID;");
                sqlite::batch(connection, &text)
            }
            Self::Postgres(client) => postgres::batch(client, sql).await,
        }
    }

    /// Keeps every other node from changing the schema until this transaction ends.
    pub(crate) async fn lock_schema(&mut self) -> Result<(), Error> {
        match self {
            // The write lock of the file is enough.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(client) => postgres::batch(client, "SELECT pg_advisory_xact_lock(7311091)").await,
        }
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => sqlite::batch(connection, "BEGIN IMMEDIATE"),
            Self::Postgres(client) => postgres::batch(client, "BEGIN").await,
        }
    }

    /// Begins a transaction that reads one state from beginning to end.
    pub(crate) async fn begin_read(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => sqlite::run(connection, "BEGIN"),
            Self::Postgres(client) => postgres::batch(client, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await,
        }
    }

    /// Ends what [`Self::begin_read`] began.
    pub(crate) async fn end_read(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => sqlite::run(connection, "ROLLBACK"),
            Self::Postgres(client) => postgres::batch(client, "ROLLBACK").await,
        }
    }

    /// The number of the last change; until the end of this transaction nobody else takes the next one.
    ///
    /// A sequence would not do: it hands numbers out before the commit, and a follower that reads in between skips
    /// what commits late.
    pub(crate) async fn lock_revision(&mut self) -> Result<i64, Error> {
        let sql = match self {
            Self::Sqlite(_) => "SELECT value FROM revision",
            Self::Postgres(_) => "SELECT value FROM revision FOR UPDATE",
        };
        let rows = match self {
            Self::Sqlite(connection) => sqlite::query(connection, sql, &[])?,
            Self::Postgres(client) => postgres::query(client, sql, &[]).await?,
        };
        rows.into_iter().next().ok_or_else(|| Error::inconsistent("revision", "the row is missing"))?.int()
    }

    /// Tells the other nodes that there is something new, once this transaction commits.
    pub(crate) async fn announce(&mut self, revision: i64) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(client) => {
                // A number needs no quoting that could go wrong.
                postgres::batch(client, &format!("NOTIFY keyward, '{revision}'")).await
            }
        }
    }

    /// Whether the engine has already given the transaction up, savepoints and all.
    pub(crate) fn is_given_up(&self) -> bool {
        match self {
            // SQLite rolls the whole transaction back by itself on a full disk and on I/O errors.
            Self::Sqlite(connection) => connection.is_autocommit(),
            Self::Postgres(client) => client.is_closed(),
        }
    }
}
