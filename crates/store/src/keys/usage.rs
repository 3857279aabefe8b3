//! Usage: verifications as they were recorded, many to a row.

use std::sync::Arc;

use keyward_core::{model::WorkspaceNumber, time::Timestamp};

use crate::{
    Error,
    engine::{Sql, Tx},
    writer::take_numbers,
};

const INSERT: Sql =
    Sql("INSERT INTO usage (number, workspace, first_at, last_at, records, data) VALUES ($1, $2, $3, $4, $5, $6)");
const BETWEEN: Sql = Sql("SELECT number, data FROM usage WHERE workspace = $1 AND last_at >= $2 AND first_at <= $3 \
     AND number > $4 ORDER BY number LIMIT $5");
const FORGET: Sql = Sql("DELETE FROM usage WHERE workspace = $1 AND last_at < $2");

/// Verifications that were written together.
#[derive(Debug, Clone)]
pub struct Segment {
    /// When the first one was.
    pub first_at: Timestamp,
    /// When the last one was.
    pub last_at: Timestamp,
    /// How many there are.
    pub records: i64,
    /// The records themselves; who wrote them knows their form.
    pub data: Arc<Vec<u8>>,
}

/// Appends a segment.
pub async fn append(tx: &mut Tx<'_>, workspace: WorkspaceNumber, segment: &Segment) -> Result<(), Error> {
    let number = take_numbers(tx, "usage", 1).await?;
    let values = [
        number.into(),
        workspace.0.into(),
        segment.first_at.0.into(),
        segment.last_at.0.into(),
        segment.records.into(),
        (&segment.data).into(),
    ];
    tx.query(INSERT, &values).await.map(drop)
}

/// The segments that may hold records between two moments, after a number, with their numbers.
pub async fn between(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    (since, until): (Timestamp, Timestamp),
    (after, limit): (i64, i64),
) -> Result<Vec<(i64, Vec<u8>)>, Error> {
    let values = [workspace.0.into(), since.0.into(), until.0.into(), after.into(), limit.into()];
    let read = |row: crate::engine::Row| {
        let mut row = row.of("usage");
        Ok((row.int()?, row.blob()?))
    };
    tx.query(BETWEEN, &values).await?.into_iter().map(read).collect()
}

/// Forgets what is older.
pub async fn forget(tx: &mut Tx<'_>, workspace: WorkspaceNumber, before: Timestamp) -> Result<(), Error> {
    tx.query(FORGET, &[workspace.0.into(), before.0.into()]).await.map(drop)
}
