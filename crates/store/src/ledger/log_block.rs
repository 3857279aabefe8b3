//! Entries of the audit log, packed: a row for each would cost more than the token that it tells of. The entries of a
//! block have nearly all their texts in common, so each text stands there once.

use std::collections::HashMap;

use keyward_core::{
    model::{
        WorkspaceNumber,
        log::{Actor, LogDetail, LogDraft, LogEntry, LogFilter, Order, Origin},
    },
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::log::{bounded, log_id, number_in};
use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::take_numbers,
};

/// How many blocks are read at once.
const TOGETHER: i64 = 8;

const INSERT: Sql = Sql("INSERT INTO log_blocks (first, last, workspace, earliest, latest, entries) \
     VALUES ($1, $2, $3, $4, $5, $6)");
const NEWEST: Sql = Sql("SELECT first, last, earliest, entries FROM log_blocks WHERE workspace = $1 \
     AND first <= $2 AND last >= $3 \
     AND (CAST($4 AS BIGINT) IS NULL OR latest >= $4) AND (CAST($5 AS BIGINT) IS NULL OR earliest <= $5) \
     ORDER BY first DESC LIMIT $6");
const OLDEST: Sql = Sql("SELECT first, last, earliest, entries FROM log_blocks WHERE workspace = $1 \
     AND first <= $2 AND last >= $3 \
     AND (CAST($4 AS BIGINT) IS NULL OR latest >= $4) AND (CAST($5 AS BIGINT) IS NULL OR earliest <= $5) \
     ORDER BY first LIMIT $6");

/// The texts of a block, and its entries: numbers, and places in the list of texts.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Packed<T> {
    texts: Vec<T>,
    entries: Vec<[i64; WIDTH]>,
}

/// How many numbers an entry has.
const WIDTH: usize = 21;
/// The place of what is not there.
const NOTHING: i64 = -1;

/// Appends entries as one block. They get their numbers as others do.
///
/// # Errors
/// Why the store can't be written.
pub async fn insert(tx: &mut Tx<'_>, workspace: WorkspaceNumber, drafts: &[LogDraft]) -> Result<(), Error> {
    let times = || drafts.iter().map(|draft| draft.at);
    let (Some(earliest), Some(latest)) = (times().min(), times().max()) else { return Ok(()) };
    let entries = pack(drafts, earliest)?;
    let first = take_numbers(tx, "log", drafts.len()).await?;
    let last = first + i64::try_from(drafts.len()).unwrap_or(i64::MAX) - 1;
    let values = [first.into(), last.into(), workspace.0.into(), earliest.0.into(), latest.0.into(), entries.into()];
    tx.query(INSERT, &values).await.map(drop)
}

/// The first entries in this order that fit the filter, at most so many, and none beyond the number `end`.
pub(super) async fn list(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    filter: &LogFilter,
    order: Order,
    (most, end): (usize, Option<i64>),
) -> Result<Vec<LogEntry>, Error> {
    let mut found = Vec::new();
    let mut walk = Walk::new(workspace, filter, order);
    match (order, end) {
        (Order::Newest, Some(end)) => walk.from = walk.from.max(end),
        (Order::Oldest, Some(end)) => walk.to = walk.to.min(end),
        (_, None) => {}
    }
    while found.len() < most {
        let Some(entries) = walk.next(tx).await? else { break };
        found.extend(entries.into_iter().filter(|entry| filter.admits(entry)).take(most - found.len()));
    }
    Ok(found)
}

/// How many entries fit the filter. Without one, no block is unpacked.
pub(super) async fn count(tx: &mut Tx<'_>, workspace: WorkspaceNumber, filter: &LogFilter) -> Result<i64, Error> {
    const ALL: Sql =
        Sql("SELECT CAST(COALESCE(SUM(last - first + 1), 0) AS BIGINT) FROM log_blocks WHERE workspace = $1");
    if *filter == LogFilter::default() {
        let rows = tx.query(ALL, &[workspace.0.into()]).await?;
        return rows.into_iter().next().ok_or_else(|| Error::inconsistent("log_blocks", "no count"))?.int();
    }
    let mut count = 0;
    let mut walk = Walk::new(workspace, filter, Order::Oldest);
    while let Some(entries) = walk.next(tx).await? {
        let fitting = entries.iter().filter(|entry| filter.admits(entry)).count();
        count += i64::try_from(fitting).unwrap_or(i64::MAX);
    }
    Ok(count)
}

/// The entries of a block that come after this number.
pub(super) async fn after(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    number: i64,
    most: usize,
) -> Result<Vec<LogEntry>, Error> {
    let everything = LogFilter::default();
    let mut walk = Walk::new(workspace, &everything, Order::Oldest);
    walk.from = number.saturating_add(1);
    let mut found = Vec::new();
    while found.len() < most {
        let Some(entries) = walk.next(tx).await? else { break };
        found.extend(entries.into_iter().filter(|entry| entry.number > number).take(most - found.len()));
    }
    Ok(found)
}

/// A walk through blocks that may hold what a filter asks for.
struct Walk<'f> {
    workspace: WorkspaceNumber,
    filter: &'f LogFilter,
    order: Order,
    /// Numbers that are still to be looked at.
    from: i64,
    to: i64,
}

impl<'f> Walk<'f> {
    fn new(workspace: WorkspaceNumber, filter: &'f LogFilter, order: Order) -> Self {
        let one = filter.log_id.as_deref().map(|id| number_in(id).unwrap_or(NOTHING));
        Self { workspace, filter, order, from: one.unwrap_or(0), to: one.unwrap_or(i64::MAX) }
    }

    /// The entries of the next blocks, in order; nothing when there are no more.
    async fn next(&mut self, tx: &mut Tx<'_>) -> Result<Option<Vec<LogEntry>>, Error> {
        let values = [
            self.workspace.0.into(),
            self.to.into(),
            self.from.into(),
            self.filter.since.map(|time| time.0).into(),
            self.filter.until.map(|time| time.0).into(),
            TOGETHER.into(),
        ];
        let sql = match self.order {
            Order::Newest => NEWEST,
            Order::Oldest => OLDEST,
        };
        let rows = tx.query(sql, &values).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut entries = Vec::new();
        for row in rows {
            let (first, last, mut block) = unpack(row)?;
            match self.order {
                Order::Newest => {
                    block.reverse();
                    self.to = first - 1;
                }
                Order::Oldest => self.from = last + 1,
            }
            entries.append(&mut block);
        }
        Ok(Some(entries))
    }
}

/// Places of texts, each text once.
#[derive(Default)]
struct Places<'t> {
    texts: Vec<std::borrow::Cow<'t, str>>,
    known: HashMap<std::borrow::Cow<'t, str>, i64>,
}

impl<'t> Places<'t> {
    fn of(&mut self, text: impl Into<std::borrow::Cow<'t, str>>) -> i64 {
        let text = text.into();
        if let Some(place) = self.known.get(&text) {
            return *place;
        }
        let place = i64::try_from(self.texts.len()).unwrap_or(i64::MAX);
        self.texts.push(text.clone());
        self.known.insert(text, place);
        place
    }

    fn of_any(&mut self, text: Option<&'t str>) -> i64 {
        text.map_or(NOTHING, |text| self.of(text))
    }

    fn of_json(&mut self, value: &Json) -> i64 {
        if value.is_null() { NOTHING } else { self.of(value.to_string()) }
    }
}

fn pack(drafts: &[LogDraft], earliest: Timestamp) -> Result<String, Error> {
    let mut places = Places::default();
    let entries = drafts.iter().map(|draft| {
        let LogDetail { actor, origin, status, answer, before, after } = &draft.detail;
        [
            draft.at.0 - earliest.0,
            places.of(draft.kind.code()),
            places.of(draft.description.as_str()),
            places.of_any(actor.client_id.as_deref()),
            places.of_any(actor.subject.as_deref()),
            places.of_any(actor.token_id.as_deref()),
            places.of(actor.scope.as_str()),
            places.of(actor.audience.as_str()),
            places.of(origin.request_id.as_str()),
            places.of(origin.ip.as_str()),
            places.of(origin.user_agent.as_str()),
            places.of(origin.hostname.as_str()),
            places.of(origin.method.as_str()),
            places.of(origin.path.as_str()),
            places.of_json(&origin.query),
            places.of_json(&bounded(&origin.body)),
            places.of_any(origin.correlation_id.as_deref()),
            i64::from(*status),
            places.of_json(answer),
            places.of_json(before),
            places.of_json(after),
        ]
    });
    let entries = entries.collect();
    serde_json::to_string(&Packed { texts: places.texts, entries }).map_err(|error| Error::Engine(Box::new(error)))
}

/// The numbers of the first and the last entry, and all of them.
fn unpack(row: Row) -> Result<(i64, i64, Vec<LogEntry>), Error> {
    let mut row = row.of("log_blocks");
    let (first, last, earliest) = (row.int()?, row.int()?, row.int()?);
    let broken = |error: &dyn std::fmt::Display| Error::inconsistent("log_blocks", format!("block {first}: {error}"));
    let packed: Packed<String> = serde_json::from_str(&row.text()?).map_err(|error| broken(&error))?;
    let read = |(number, entry): (i64, &[i64; WIDTH])| Reading { texts: &packed.texts, entry }.entry(number, earliest);
    let entries: Option<Vec<LogEntry>> = (first..=last).zip(&packed.entries).map(read).collect();
    let entries = entries.ok_or_else(|| broken(&"an entry that can't be read"))?;
    Ok((first, last, entries))
}

/// An entry of a block, being read.
struct Reading<'b> {
    texts: &'b [String],
    entry: &'b [i64; WIDTH],
}

impl Reading<'_> {
    fn any(&self, column: usize) -> Option<String> {
        self.texts.get(usize::try_from(self.entry[column]).ok()?).cloned()
    }

    /// A text that every entry has.
    fn text(&self, column: usize) -> Option<String> {
        self.any(column)
    }

    fn json(&self, column: usize) -> Option<Json> {
        self.any(column).map_or(Some(Json::Null), |text| serde_json::from_str(&text).ok())
    }

    fn entry(&self, number: i64, earliest: i64) -> Option<LogEntry> {
        let at = Timestamp(earliest + self.entry[0]);
        let actor = Actor {
            client_id: self.any(3),
            subject: self.any(4),
            token_id: self.any(5),
            scope: self.text(6)?,
            audience: self.text(7)?,
        };
        let origin = Origin {
            request_id: self.text(8)?,
            ip: self.text(9)?,
            user_agent: self.text(10)?,
            hostname: self.text(11)?,
            method: self.text(12)?,
            path: self.text(13)?,
            query: self.json(14)?,
            body: self.json(15)?,
            correlation_id: self.any(16),
        };
        let status = u16::try_from(self.entry[17]).ok()?;
        let (answer, before, after) = (self.json(18)?, self.json(19)?, self.json(20)?);
        let detail = LogDetail { actor, origin, status, answer, before, after };
        let (kind, description) = (self.text(1)?, self.text(2)?);
        Some(LogEntry { number, log_id: log_id(at, number), at, kind, description, detail })
    }
}
