//! The audit log.

use std::borrow::Cow;

use keyward_core::{
    model::{
        WorkspaceNumber,
        log::{LogDetail, LogDraft, LogEntry, LogFilter, Order, Origin},
    },
    time::Timestamp,
};
use serde_json::json;

use super::log_block;
use crate::{
    Error,
    engine::{Row, Sql, Tx, Value},
    writer::take_numbers,
};

const INSERT: Sql =
    Sql("INSERT INTO logs (number, workspace, log_id, at, kind, description, client_id, subject, ip, detail) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)");
const FIND: Sql =
    Sql("SELECT number, log_id, at, kind, description, detail FROM logs WHERE workspace = $1 AND log_id = $2");
pub(super) const NEWEST: Sql =
    Sql("SELECT number, log_id, at, kind, description, detail FROM logs WHERE workspace = $1 \
     AND (CAST($2 AS TEXT) IS NULL OR kind = $2 OR kind = $10) AND (CAST($3 AS TEXT) IS NULL OR client_id = $3) \
     AND (CAST($4 AS TEXT) IS NULL OR subject = $4) AND (CAST($5 AS TEXT) IS NULL OR ip = $5) \
     AND (CAST($6 AS TEXT) IS NULL OR description = $6) AND (CAST($7 AS TEXT) IS NULL OR log_id = $7) \
     AND (CAST($8 AS BIGINT) IS NULL OR at >= $8) AND (CAST($9 AS BIGINT) IS NULL OR at <= $9) \
     AND (CAST($11 AS TEXT) IS NULL OR client_id = $11 OR subject = $11) AND number >= $12 AND number <= $13 \
     ORDER BY number DESC LIMIT $14");
const OLDEST: Sql = Sql("SELECT number, log_id, at, kind, description, detail FROM logs WHERE workspace = $1 \
     AND (CAST($2 AS TEXT) IS NULL OR kind = $2 OR kind = $10) AND (CAST($3 AS TEXT) IS NULL OR client_id = $3) \
     AND (CAST($4 AS TEXT) IS NULL OR subject = $4) AND (CAST($5 AS TEXT) IS NULL OR ip = $5) \
     AND (CAST($6 AS TEXT) IS NULL OR description = $6) AND (CAST($7 AS TEXT) IS NULL OR log_id = $7) \
     AND (CAST($8 AS BIGINT) IS NULL OR at >= $8) AND (CAST($9 AS BIGINT) IS NULL OR at <= $9) \
     AND (CAST($11 AS TEXT) IS NULL OR client_id = $11 OR subject = $11) AND number >= $12 AND number <= $13 \
     ORDER BY number LIMIT $14");
const COUNT: Sql = Sql("SELECT COUNT(*) FROM logs WHERE workspace = $1 \
     AND (CAST($2 AS TEXT) IS NULL OR kind = $2 OR kind = $10) AND (CAST($3 AS TEXT) IS NULL OR client_id = $3) \
     AND (CAST($4 AS TEXT) IS NULL OR subject = $4) AND (CAST($5 AS TEXT) IS NULL OR ip = $5) \
     AND (CAST($6 AS TEXT) IS NULL OR description = $6) AND (CAST($7 AS TEXT) IS NULL OR log_id = $7) \
     AND (CAST($8 AS BIGINT) IS NULL OR at >= $8) AND (CAST($9 AS BIGINT) IS NULL OR at <= $9) \
     AND (CAST($11 AS TEXT) IS NULL OR client_id = $11 OR subject = $11) AND number >= $12 AND number <= $13");
const AFTER: Sql =
    Sql("SELECT number, log_id, at, kind, description, detail FROM logs WHERE workspace = $1 AND number > $2 \
     ORDER BY number LIMIT $3");

/// The numbers of all entries.
const ALL: (i64, i64) = (0, i64::MAX);

/// What stands before the number in an id: a constant, and the time.
const DIGITS_BEFORE_NUMBER: usize = 20;

/// How deep a request's body may be nested to be repeated in an entry. An entry has it a few levels deeper than the
/// request had, and what is nested deeper than JSON may be is never read again, nor is the page that it stands on.
const DEPTH: usize = 64;

fn is_deeper(value: &serde_json::Value, levels: usize) -> bool {
    let Some(rest) = levels.checked_sub(1) else { return value.is_array() || value.is_object() };
    match value {
        serde_json::Value::Array(items) => items.iter().any(|item| is_deeper(item, rest)),
        serde_json::Value::Object(fields) => fields.values().any(|field| is_deeper(field, rest)),
        _ => false,
    }
}

/// A request's body as an entry repeats it.
fn bounded(body: &serde_json::Value) -> Cow<'_, serde_json::Value> {
    if is_deeper(body, DEPTH) {
        return Cow::Owned(json!({ "omitted": format!("nested deeper than {DEPTH} levels") }));
    }
    Cow::Borrowed(body)
}

fn encode(detail: &LogDetail) -> Result<String, Error> {
    let text = match bounded(&detail.origin.body) {
        Cow::Borrowed(_) => serde_json::to_string(detail),
        Cow::Owned(body) => {
            let origin = Origin { body, ..detail.origin.clone() };
            serde_json::to_string(&LogDetail { origin, ..detail.clone() })
        }
    };
    text.map_err(|error| Error::Engine(Box::new(error)))
}

/// Appends an entry.
///
/// The row with the last number stays locked until the commit, so that entries become visible in the order of their
/// numbers: a reader that goes on from where it was misses none.
pub async fn insert(tx: &mut Tx<'_>, draft: &LogDraft) -> Result<(), Error> {
    let number = take_numbers(tx, "log", 1).await?;
    tx.query(INSERT, &values(number, draft)?).await.map(drop)
}

fn values(number: i64, draft: &LogDraft) -> Result<Vec<Value>, Error> {
    let detail = encode(&draft.detail)?;
    Ok(vec![
        number.into(),
        draft.workspace.0.into(),
        log_id(draft.at, number).into(),
        draft.at.0.into(),
        draft.kind.code().into(),
        (&draft.description).into(),
        draft.detail.actor.client_id.clone().into(),
        draft.detail.actor.subject.clone().into(),
        (&draft.detail.origin.ip).into(),
        detail.into(),
    ])
}

/// 56 digits: a constant, the time to the millisecond, the number (contract: identifier formats).
pub(super) fn log_id(at: Timestamp, number: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    let digits = time.strftime("%Y%m%d%H%M%S%3f");
    format!("900{digits}{number:036}")
}

/// The number in an id, if it looks like one.
pub(super) fn number_in(log_id: &str) -> Option<i64> {
    log_id.get(DIGITS_BEFORE_NUMBER..)?.parse().ok()
}

/// The entry with this id.
pub async fn find(tx: &mut Tx<'_>, workspace: WorkspaceNumber, log_id: &str) -> Result<Option<LogEntry>, Error> {
    let rows = tx.query(FIND, &[workspace.0.into(), log_id.into()]).await?;
    if let Some(row) = rows.into_iter().next() {
        return decode(row).map(Some);
    }
    let filter = LogFilter { log_id: Some(log_id.to_owned()), ..LogFilter::default() };
    Ok(log_block::list(tx, workspace, &filter, Order::Newest, (1, None)).await?.pop())
}

/// One page of the entries that fit the filter. It costs as much as all entries before it and its own.
pub async fn list(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    filter: &LogFilter,
    order: Order,
    (offset, limit): (i64, i64),
) -> Result<Vec<LogEntry>, Error> {
    let most = offset.saturating_add(limit);
    let mut values = filtered(workspace, filter, ALL);
    values.push(most.into());
    let sql = match order {
        Order::Newest => NEWEST,
        Order::Oldest => OLDEST,
    };
    let rows = tx.query(sql, &values).await?.into_iter().map(decode).collect::<Result<Vec<_>, _>>()?;
    let most = usize::try_from(most).unwrap_or_default();
    let end = rows.last().filter(|_| rows.len() == most).map(|entry| entry.number);
    let packed = log_block::list(tx, workspace, filter, order, (most, end)).await?;
    Ok(merged(rows, packed, order, (offset, limit)))
}

/// Two lists in this order as one, and of that one page.
pub(super) fn merged(
    mut one: Vec<LogEntry>,
    mut other: Vec<LogEntry>,
    order: Order,
    (offset, limit): (i64, i64),
) -> Vec<LogEntry> {
    one.append(&mut other);
    one.sort_by_key(|entry| match order {
        Order::Newest => -entry.number,
        Order::Oldest => entry.number,
    });
    let whole = |count: i64| usize::try_from(count).unwrap_or_default();
    one.into_iter().skip(whole(offset)).take(whole(limit)).collect()
}

/// How many entries fit the filter.
pub async fn count(tx: &mut Tx<'_>, workspace: WorkspaceNumber, filter: &LogFilter) -> Result<i64, Error> {
    let rows = tx.query(COUNT, &filtered(workspace, filter, ALL)).await?;
    let in_rows = rows.into_iter().next().ok_or_else(|| Error::inconsistent("logs", "no count"))?.int()?;
    Ok(in_rows + log_block::count(tx, workspace, filter).await?)
}

/// The entries after one of them, oldest first.
pub async fn after(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    number: i64,
    limit: i64,
) -> Result<Vec<LogEntry>, Error> {
    let rows = tx.query(AFTER, &[workspace.0.into(), number.into(), limit.into()]).await?;
    let rows = rows.into_iter().map(decode).collect::<Result<Vec<_>, _>>()?;
    let packed = log_block::after(tx, workspace, number, usize::try_from(limit).unwrap_or_default()).await?;
    Ok(merged(rows, packed, Order::Oldest, (0, limit)))
}

/// What the conditions of a list ask for, among the entries with these numbers.
pub(super) fn filtered(workspace: WorkspaceNumber, filter: &LogFilter, (from, to): (i64, i64)) -> Vec<Value> {
    vec![
        workspace.0.into(),
        filter.kind.clone().into(),
        filter.client_id.clone().into(),
        filter.subject.clone().into(),
        filter.ip.clone().into(),
        filter.description.clone().into(),
        filter.log_id.clone().into(),
        filter.since.map(|time| time.0).into(),
        filter.until.map(|time| time.0).into(),
        filter.or_kind.clone().into(),
        filter.actor.clone().into(),
        from.into(),
        to.into(),
    ]
}

fn decode(row: Row) -> Result<LogEntry, Error> {
    let (number, entry) = decode_if(row, |_| true)?;
    entry.ok_or_else(|| Error::inconsistent("logs", format!("entry {number}")))
}

/// The number of an entry, and the entry if its detail is one to be read.
pub(super) fn decode_if(row: Row, is_wanted: impl Fn(&str) -> bool) -> Result<(i64, Option<LogEntry>), Error> {
    let mut row = row.of("logs");
    let (number, log_id, at) = (row.int()?, row.text()?, Timestamp(row.int()?));
    let (kind, description, text) = (row.text()?, row.text()?, row.text()?);
    if !is_wanted(&text) {
        return Ok((number, None));
    }
    let detail =
        serde_json::from_str(&text).map_err(|error| Error::inconsistent("logs", format!("entry {log_id}: {error}")))?;
    Ok((number, Some(LogEntry { number, log_id, at, kind, description, detail })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_56_digits_and_sort_by_time_and_number() {
        let early = log_id(Timestamp(1_700_000_000_123), 9);
        let late = log_id(Timestamp(1_700_000_000_123), 10);
        assert_eq!(early.len(), 56);
        assert!(early.starts_with("90020231114221320123"), "{early}");
        assert!(early < late);
    }
}
