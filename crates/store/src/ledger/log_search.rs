//! Looking for entries of the audit log, newest first. What is looked for may occur anywhere in an entry, and for that
//! there is no index: each time, a part of the log is gone through that has an end.

use keyward_core::{
    model::{
        WorkspaceNumber,
        log::{LogEntry, LogFilter, LogSearch, Order},
    },
    time::Timestamp,
};

use super::{
    log::{NEWEST, decode_if, filtered, merged},
    log_block,
};
use crate::{
    Error,
    engine::{Sql, Tx},
};

const LAST: Sql = Sql("SELECT last FROM numbers WHERE kind = 'log'");
// Both are answered from an index alone, whatever else an entry has.
const BETWEEN: Sql = Sql("SELECT MIN(number), MAX(number) FROM logs WHERE workspace = $1 AND at >= $2 AND at <= $3");
const BLOCKS_BETWEEN: Sql =
    Sql("SELECT MIN(first), MAX(last) FROM log_blocks WHERE workspace = $1 AND latest >= $2 AND earliest <= $3");

/// How many rows are read at once while texts are looked for.
const TOGETHER: usize = 500;

/// What was found in a part of the log.
#[derive(Debug, Default)]
pub struct Looked {
    /// Newest first.
    pub entries: Vec<LogEntry>,
    /// The number before which to go on; none if there is nothing before.
    pub next: Option<i64>,
}

/// Looks for at most `most` entries among the `reach` entries before a number, or among the last ones.
///
/// # Errors
/// Why the store can't be read.
pub async fn search(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    search: &LogSearch,
    before: Option<i64>,
    (most, reach): (usize, i64),
) -> Result<Looked, Error> {
    let Some((oldest, newest)) = range(tx, workspace, &search.filter).await? else { return Ok(Looked::default()) };
    let to = before.map_or(newest, |number| newest.min(number.saturating_sub(1)));
    let from = oldest.max(to.saturating_sub(reach - 1));
    let rows = in_rows(tx, workspace, search, (from, to), most).await?;
    let end = rows.last().filter(|_| rows.len() == most).map(|entry| entry.number);
    let packed = log_block::search(tx, workspace, search, (end.unwrap_or(from), to), most).await?;
    let entries = merged(rows, packed, Order::Newest, (0, i64::try_from(most).unwrap_or(i64::MAX)));
    let reached = entries.last().filter(|_| entries.len() == most).map_or(from, |entry| entry.number);
    Ok(Looked { entries, next: (reached > oldest).then_some(reached) })
}

/// The numbers between which entries of the filter's time are; none if there is no such entry.
async fn range(tx: &mut Tx<'_>, workspace: WorkspaceNumber, filter: &LogFilter) -> Result<Option<(i64, i64)>, Error> {
    if (filter.since, filter.until) == (None, None) {
        let rows = tx.query(LAST, &[]).await?;
        let last = rows.into_iter().next().ok_or_else(|| Error::inconsistent("numbers", "log"))?.int()?;
        return Ok((last > 0).then_some((1, last)));
    }
    let (since, until) = (filter.since.unwrap_or(Timestamp(0)), filter.until.unwrap_or(Timestamp(i64::MAX)));
    let mut found: Option<(i64, i64)> = None;
    for sql in [BETWEEN, BLOCKS_BETWEEN] {
        let rows = tx.query(sql, &[workspace.0.into(), since.0.into(), until.0.into()]).await?;
        let mut row = rows.into_iter().next().ok_or_else(|| Error::inconsistent("logs", "no numbers"))?;
        if let (Some(first), Some(last)) = (row.int_or_null()?, row.int_or_null()?) {
            let (oldest, newest) = found.unwrap_or((first, last));
            found = Some((oldest.min(first), newest.max(last)));
        }
    }
    Ok(found)
}

/// The newest entries with these numbers that have rows of their own.
async fn in_rows(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    search: &LogSearch,
    (from, to): (i64, i64),
    most: usize,
) -> Result<Vec<LogEntry>, Error> {
    let anything = search.mentions.is_empty();
    let batch = if anything { most } else { TOGETHER };
    let (mut found, mut top) = (Vec::new(), to);
    while found.len() < most && top >= from {
        let mut values = filtered(workspace, &search.filter, (from, top));
        values.push(i64::try_from(batch).unwrap_or(i64::MAX).into());
        let rows = tx.query(NEWEST, &values).await?;
        let is_last = rows.len() < batch;
        for row in rows {
            let (number, entry) = decode_if(row, |text| anything || search.mentions.may_occur_in_json(text))?;
            top = number - 1;
            found.extend(entry.filter(|entry| found.len() < most && search.admits(entry)));
        }
        if is_last {
            break;
        }
    }
    Ok(found)
}
