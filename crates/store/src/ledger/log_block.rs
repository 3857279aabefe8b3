//! Entries of the audit log, packed: a row for each would cost more than the token that it tells of. The entries of a
//! block have nearly all their texts in common, so each text stands there once.

use std::borrow::Cow;

use foldhash::fast::RandomState;
use indexmap::{IndexMap, IndexSet};
use keyward_core::{
    model::{
        WorkspaceNumber,
        log::{Actor, LogDetail, LogEntry, LogFilter, LogSearch, LogType, Mentions, Order, Origin, Seen},
    },
    time::Timestamp,
};
use serde_json::Value as Json;

use super::{
    log::{log_id, number_in},
    log_columns::{Columns, Differing, Read, WIDTH, Written, whole},
};
use crate::{
    Error,
    engine::{Row, Sql, Tx},
    writer::take_numbers,
};

/// How many blocks are read at once.
const TOGETHER: i64 = 8;

const INSERT: Sql = Sql("INSERT INTO log_blocks (first, last, workspace, earliest, latest, entries) \
     VALUES ($1, $2, $3, $4, $5, $6)");
const NEWEST: Sql = Sql("SELECT first, last, entries FROM log_blocks WHERE workspace = $1 \
     AND first <= $2 AND last >= $3 \
     AND (CAST($4 AS BIGINT) IS NULL OR latest >= $4) AND (CAST($5 AS BIGINT) IS NULL OR earliest <= $5) \
     ORDER BY first DESC LIMIT $6");
const OLDEST: Sql = Sql("SELECT first, last, entries FROM log_blocks WHERE workspace = $1 \
     AND first <= $2 AND last >= $3 \
     AND (CAST($4 AS BIGINT) IS NULL OR latest >= $4) AND (CAST($5 AS BIGINT) IS NULL OR earliest <= $5) \
     ORDER BY first LIMIT $6");

/// About how many bytes an entry takes.
const USUAL: usize = 64;
/// The column of the request's id, which nearly always is one that was never seen before.
const REQUEST: usize = 8;
/// The place of what is not there.
const NOTHING: i64 = -1;

/// An entry to be packed, with its texts where they are.
#[derive(Debug, Clone, Copy)]
pub struct Packing<'e> {
    /// When.
    pub at: Timestamp,
    /// The kind.
    pub kind: LogType,
    /// What happened, for people.
    pub description: &'e str,
    /// The application.
    pub client_id: Option<&'e str>,
    /// Whom it asked for.
    pub subject: Option<&'e str>,
    /// The id of the token.
    pub token_id: Option<&'e str>,
    /// What the token allows, or would have, separated by spaces.
    pub scope: &'e str,
    /// What it is for.
    pub audience: &'e str,
    /// The request.
    pub seen: Seen<'e>,
    /// The status that was answered.
    pub status: u16,
    /// What was answered, without secrets, as JSON.
    pub answer: &'e str,
}

/// Tokens that were issued.
#[derive(Debug, Clone, Copy)]
pub struct Issued<'b> {
    /// To which application.
    pub client_id: &'b str,
    /// What they allow, separated by spaces.
    pub scope: &'b str,
    /// What they are for.
    pub audience: &'b str,
    /// How many.
    pub count: i64,
    /// When the last one was issued.
    pub last_at: Timestamp,
}

/// Entries, packed, on their way to the store.
#[derive(Debug, Clone)]
pub struct Block {
    workspace: WorkspaceNumber,
    texts: IndexSet<Box<str>, RandomState>,
    entries: Vec<Columns>,
    /// The time of the first entry; the others count from it.
    begin: Timestamp,
    earliest: Timestamp,
    latest: Timestamp,
}

impl Block {
    /// One with this entry.
    pub fn new(workspace: WorkspaceNumber, first: &Packing<'_>) -> Self {
        let (texts, at) = (IndexSet::default(), first.at);
        let mut block = Self { workspace, texts, entries: Vec::new(), begin: at, earliest: at, latest: at };
        block.push(first);
        block
    }

    /// How many entries there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: &Packing<'_>) {
        (self.earliest, self.latest) = (self.earliest.min(entry.at), self.latest.max(entry.at));
        let seen = &entry.seen;
        // The columns from the second on.
        let texts = [
            Some(entry.kind.code()),
            Some(entry.description),
            entry.client_id,
            entry.subject,
            entry.token_id,
            Some(entry.scope),
            Some(entry.audience),
            Some(seen.request_id),
            Some(seen.ip),
            Some(seen.user_agent),
            Some(seen.hostname),
            Some(seen.method),
            Some(seen.path),
            Some(seen.query),
            Some(seen.body),
            seen.correlation_id,
        ];
        let mut packed = [NOTHING; WIDTH];
        packed[0] = entry.at.0 - self.begin.0;
        for (column, text) in (1..).zip(texts) {
            packed[column] = text.map_or(NOTHING, |text| self.place(column, text));
        }
        packed[17] = i64::from(entry.status);
        packed[18] = self.place(18, entry.answer);
        self.entries.push(packed);
    }

    /// The tokens that were issued, those together that one application got on one day for the same.
    pub fn issued(&self) -> Vec<Issued<'_>> {
        let text = |place: i64| {
            let text = usize::try_from(place).ok().and_then(|place| self.texts.get_index(place));
            text.map(|text| &**text).unwrap_or_default()
        };
        let kind = self.texts.get_index_of(LogType::TokenIssued.code()).and_then(|place| i64::try_from(place).ok());
        let mut issued: IndexMap<_, Issued<'_>, RandomState> = IndexMap::default();
        for entry in self.entries.iter().filter(|entry| Some(entry[1]) == kind) {
            let at = Timestamp(self.begin.0 + entry[0]);
            let known = issued.entry((at.day(), entry[3], entry[6], entry[7])).or_insert_with(|| Issued {
                client_id: text(entry[3]),
                scope: text(entry[6]),
                audience: text(entry[7]),
                count: 0,
                last_at: at,
            });
            known.count += 1;
            known.last_at = known.last_at.max(at);
        }
        issued.into_values().collect()
    }

    /// The place of a text that belongs into this column.
    fn place(&mut self, column: usize, text: &str) -> i64 {
        // Nearly always it is what the entry before has there, and then nothing is hashed.
        let before = self.entries.last().map(|entry| entry[column]);
        let known = |place: i64| self.texts.get_index(usize::try_from(place).ok()?);
        if let Some(place) = before.filter(|place| known(*place).is_some_and(|known| **known == *text)) {
            return place;
        }
        let known = if column == REQUEST { None } else { self.texts.get_index_of(text) };
        let place = known.unwrap_or_else(|| self.texts.insert_full(text.into()).0);
        i64::try_from(place).unwrap_or(NOTHING)
    }
}

/// Appends the entries of a block. They get their numbers as others do.
///
/// # Errors
/// Why the store can't be written.
pub async fn insert(tx: &mut Tx<'_>, block: &Block) -> Result<(), Error> {
    let texts = block.texts.iter().map(|text| &**text).collect();
    let packed = Written { begin: block.begin.0, texts, entries: Differing(&block.entries) };
    let mut text = Vec::with_capacity(block.len() * USUAL);
    serde_json::to_writer(&mut text, &packed).map_err(|error| Error::Engine(Box::new(error)))?;
    let packed = String::from_utf8(text).map_err(|error| Error::Engine(Box::new(error)))?;
    let first = take_numbers(tx, "log", block.len()).await?;
    let last = first + i64::try_from(block.len()).unwrap_or(i64::MAX) - 1;
    let (earliest, latest) = (block.earliest.0, block.latest.0);
    let values = [first.into(), last.into(), block.workspace.0.into(), earliest.into(), latest.into(), packed.into()];
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

/// The newest entries with these numbers that are looked for, at most so many.
pub(super) async fn search(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    search: &LogSearch,
    (from, to): (i64, i64),
    most: usize,
) -> Result<Vec<LogEntry>, Error> {
    let mut walk = Walk::new(workspace, &search.filter, Order::Newest);
    (walk.from, walk.to) = (walk.from.max(from), walk.to.min(to));
    walk.mentions = Some(&search.mentions).filter(|mentions| !mentions.is_empty());
    let mut found = Vec::new();
    while found.len() < most {
        let Some(entries) = walk.next(tx).await? else { break };
        let fits = |entry: &LogEntry| (from..=to).contains(&entry.number) && search.admits(entry);
        found.extend(entries.into_iter().filter(fits).take(most - found.len()));
    }
    Ok(found)
}

/// A walk through blocks that may hold what a filter asks for.
struct Walk<'f> {
    workspace: WorkspaceNumber,
    filter: &'f LogFilter,
    /// What must occur in a block that is unpacked.
    mentions: Option<&'f Mentions>,
    order: Order,
    /// Numbers that are still to be looked at.
    from: i64,
    to: i64,
}

impl<'f> Walk<'f> {
    fn new(workspace: WorkspaceNumber, filter: &'f LogFilter, order: Order) -> Self {
        let one = filter.log_id.as_deref().map(|id| number_in(id).unwrap_or(NOTHING));
        let (from, to) = (one.unwrap_or(0), one.unwrap_or(i64::MAX));
        Self { workspace, filter, mentions: None, order, from, to }
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
            let (first, last, mut block) = unpack(row, self.mentions)?;
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

/// The numbers of the first and the last entry, and all of them; none if nothing of what is looked for occurs there.
fn unpack(row: Row, mentions: Option<&Mentions>) -> Result<(i64, i64, Vec<LogEntry>), Error> {
    let mut row = row.of("log_blocks");
    let (first, last, text) = (row.int()?, row.int()?, row.text()?);
    if mentions.is_some_and(|mentions| !mentions.may_occur_in_json(&text)) {
        return Ok((first, last, Vec::new()));
    }
    let broken = |error: &dyn std::fmt::Display| Error::inconsistent("log_blocks", format!("block {first}: {error}"));
    let packed: Read<'_> = serde_json::from_str(&text).map_err(|error| broken(&error))?;
    let mut entry = None;
    let read = |(number, stored): (i64, &Vec<i64>)| {
        entry = whole(stored, entry.as_ref());
        Reading { texts: &packed.texts, begin: packed.begin, entry: entry.as_ref()? }.entry(number)
    };
    let entries: Option<Vec<LogEntry>> = (first..=last).zip(&packed.entries).map(read).collect();
    let entries = entries.ok_or_else(|| broken(&"an entry that can't be read"))?;
    Ok((first, last, entries))
}

/// An entry of a block, being read. The columns are those that [`Block::push`] writes.
struct Reading<'b> {
    texts: &'b [Cow<'b, str>],
    begin: i64,
    entry: &'b Columns,
}

impl Reading<'_> {
    fn text(&self, column: usize) -> Option<String> {
        let place = usize::try_from(self.entry[column]).ok()?;
        self.texts.get(place).map(|text| text.clone().into_owned())
    }

    fn json(&self, column: usize) -> Option<Json> {
        serde_json::from_str(&self.text(column)?).ok()
    }

    fn entry(&self, number: i64) -> Option<LogEntry> {
        let at = Timestamp(self.begin + self.entry[0]);
        let actor = Actor {
            client_id: self.text(3),
            subject: self.text(4),
            token_id: self.text(5),
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
            correlation_id: self.text(16),
        };
        let (status, answer) = (u16::try_from(self.entry[17]).ok()?, self.json(18)?);
        let detail = LogDetail { actor, origin, status, answer, ..LogDetail::default() };
        let (kind, description) = (self.text(1)?, self.text(2)?);
        Some(LogEntry { number, log_id: log_id(at, number), at, kind, description, detail })
    }
}
