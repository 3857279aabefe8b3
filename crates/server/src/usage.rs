//! What verifications were made: recorded in memory, written in the background, many at once. What does not fit is
//! counted, not waited for; a crash loses what was not written yet, a second of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use keyward_core::{
    model::{WorkspaceNumber, identity::IdentityNumber, key::KeyNumber},
    time::Timestamp,
    verify::Code,
};
use keyward_store::{
    Store,
    keys::{key, usage},
};
use prometheus_client::metrics::counter::Counter;
use smallvec::SmallVec;
use tokio::sync::Notify;

use crate::app::App;

/// How long records wait to be written together.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// The most bytes of one row.
const SEGMENT: usize = 128 * 1024;
/// How many rows are written with one commit. They wait for each other: the processor is taken from those who verify
/// keys once for all of them.
const TOGETHER: usize = 8;
/// The most rows that wait: 16 MiB. What comes on top is lost, and counted.
const WAITING: usize = 128;
/// How many rows' memory is kept for the next ones.
const SPARE: usize = 16;
/// The longest record, in bytes: twenty tags of 512 characters, and what else there is.
const LONGEST: usize = 64 * 1024;
/// A key's last use is noted once in so many milliseconds: an hour.
const NOTE_EVERY: i64 = 60 * 60 * 1000;
/// How many records of a row are looked at for notes: whoever verifies keys waits meanwhile.
const LOOKED_AT: usize = 512;
/// The most notes of one write, so that a million keys used for the first time don't hold everything up.
const NOTES: usize = 200;
/// For how many keys it is remembered when their last use was noted.
const NOTED: usize = 65_536;
/// How long usage is kept, in milliseconds: 30 days.
const RETENTION: i64 = 30 * 24 * 60 * 60 * 1000;

/// A verification, as it is recorded: numbers, whose texts are looked up when somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<'r> {
    /// When.
    pub at: Timestamp,
    /// How long it took, in microseconds.
    pub microseconds: u32,
    /// What became of it.
    pub code: Code,
    /// How many credits it took.
    pub spent: i64,
    /// The key.
    pub key: KeyNumber,
    /// Its owner at that time.
    pub identity: Option<IdentityNumber>,
    /// The number that the request's id was made of.
    pub request: u64,
    /// What the caller attached.
    pub tags: SmallVec<[&'r str; 2]>,
}

/// Records that will be one row.
#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    records: i64,
    first_at: i64,
    last_at: i64,
    /// The last record's time and request, from which the next one's are told.
    last: (i64, u64),
}

#[derive(Debug, Default)]
struct Waiting {
    filling: Piece,
    full: Vec<Piece>,
    /// Memory of pieces that were written, for the next ones.
    spare: Vec<Vec<u8>>,
}

impl Waiting {
    /// What waits.
    fn take(&mut self) -> Vec<Piece> {
        let mut pieces = std::mem::take(&mut self.full);
        if self.filling.records > 0 {
            let bytes = self.spare.pop().unwrap_or_default();
            pieces.push(std::mem::replace(&mut self.filling, Piece { bytes, ..Piece::default() }));
        }
        pieces
    }
}

/// Where verifications are recorded.
#[derive(Debug)]
pub struct Usage {
    waiting: Mutex<Waiting>,
    wake: Notify,
    writing: tokio::sync::Mutex<HashMap<i64, i64>>,
    /// How many records were lost.
    pub lost: Counter,
}

impl Default for Usage {
    fn default() -> Self {
        Self::new()
    }
}

impl Usage {
    /// Nothing was recorded yet.
    pub fn new() -> Self {
        let waiting = Mutex::default();
        Self { waiting, wake: Notify::new(), writing: tokio::sync::Mutex::default(), lost: Counter::default() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a verification.
    pub fn record(&self, record: &Record<'_>) {
        let mut waiting = self.waiting();
        let at = record.at.0;
        if waiting.filling.bytes.len() + LONGEST > SEGMENT {
            if waiting.full.len() >= WAITING {
                self.lost.inc();
                return;
            }
            let bytes = waiting.spare.pop().unwrap_or_default();
            let full = std::mem::replace(&mut waiting.filling, Piece { bytes, ..Piece::default() });
            waiting.full.push(full);
            if waiting.full.len() >= TOGETHER {
                self.wake.notify_one();
            }
        }
        let piece = &mut waiting.filling;
        if piece.records == 0 {
            (piece.first_at, piece.last_at) = (at, at);
        }
        piece.records += 1;
        piece.first_at = piece.first_at.min(at);
        piece.last_at = piece.last_at.max(at);
        encode(record, piece.last, &mut piece.bytes);
        piece.last = (at, record.request);
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// Why the store could not be written; what was to be written is lost then, and counted.
    pub async fn flush(&self, store: &Store) -> Result<(), keyward_store::Error> {
        let mut noted = self.writing.lock().await;
        // What comes while this is written waits for the next time, or writing would never end.
        let mut pieces = self.waiting().take();
        while !pieces.is_empty() {
            let rest = pieces.split_off(pieces.len().min(TOGETHER));
            self.write(store, std::mem::replace(&mut pieces, rest), &mut noted).await?;
        }
        Ok(())
    }

    /// Writes some pieces with one commit.
    async fn write(
        &self,
        store: &Store,
        pieces: Vec<Piece>,
        noted: &mut HashMap<i64, i64>,
    ) -> Result<(), keyward_store::Error> {
        let notes = notes(&pieces, noted);
        let records: i64 = pieces.iter().map(|piece| piece.records).sum();
        let segments: Arc<Vec<_>> = Arc::new(pieces.into_iter().map(Piece::into_segment).collect());
        let theirs = Arc::clone(&segments);
        let written = store.ledger(move |tx| {
            Box::pin(async move {
                let last_at = theirs.iter().map(|segment| segment.last_at.0).max().unwrap_or(0);
                usage::forget(tx, WorkspaceNumber::FIRST, Timestamp(last_at - RETENTION)).await?;
                for segment in theirs.iter() {
                    usage::append(tx, WorkspaceNumber::FIRST, segment).await?;
                }
                key::used(tx, &notes).await
            })
        });
        let written = written.await;
        if written.is_err() {
            self.lost.inc_by(u64::try_from(records).unwrap_or(0));
        }
        let memory = Arc::into_inner(segments).unwrap_or_default().into_iter();
        let mut waiting = self.waiting();
        for mut bytes in memory.filter_map(|segment| Arc::into_inner(segment.data)) {
            bytes.clear();
            if waiting.spare.len() < SPARE {
                waiting.spare.push(bytes);
            }
        }
        written
    }
}

impl Piece {
    fn into_segment(self) -> usage::Segment {
        usage::Segment {
            first_at: Timestamp(self.first_at),
            last_at: Timestamp(self.last_at),
            records: self.records,
            data: Arc::new(self.bytes),
        }
    }
}

/// The keys whose last use is to be noted.
fn notes(pieces: &[Piece], noted: &mut HashMap<i64, i64>) -> Vec<(KeyNumber, Timestamp)> {
    let mut notes: Vec<(KeyNumber, Timestamp)> = Vec::new();
    if noted.len() > NOTED {
        noted.clear();
    }
    for record in pieces.iter().flat_map(|piece| decode(&piece.bytes).take(LOOKED_AT)) {
        if notes.len() >= NOTES {
            break;
        }
        let last = noted.entry(record.key.0).or_insert(i64::MIN);
        if record.at.0.saturating_sub(*last) >= NOTE_EVERY {
            *last = record.at.0;
            notes.push((record.key, record.at));
        }
    }
    // In the order of their numbers, so that no two nodes wait for each other.
    notes.sort_unstable_by_key(|(key, _)| *key);
    notes
}

/// Writes what is recorded, until the program is gone.
pub async fn keep_writing(app: Weak<App>) {
    let Some(usage) = app.upgrade().map(|app| Arc::clone(&app.usage)) else { return };
    loop {
        let _ = tokio::time::timeout(WRITE_EVERY, usage.wake.notified()).await;
        let Some(app) = app.upgrade() else { return };
        if let Err(error) = usage.flush(&app.store).await {
            tracing::warn!(error = %error, "usage could not be written");
        }
    }
}

/// What the first byte of a record says is there, besides its code: whatever is not there is as it usually is.
mod there {
    /// Another time than that of the record before.
    pub(super) const TIME: u8 = 1 << 3;
    /// A request that is not the one after that of the record before.
    pub(super) const REQUEST: u8 = 1 << 4;
    /// Credits that were taken.
    pub(super) const SPENT: u8 = 1 << 5;
    /// An owner.
    pub(super) const IDENTITY: u8 = 1 << 6;
    /// Tags.
    pub(super) const TAGS: u8 = 1 << 7;
}

/// The bits of the first byte that have the code.
const CODE: u8 = 0b111;
const _: () = assert!(Code::ALL.len() <= CODE as usize + 1);

/// The form of a record: a byte that says what follows, and numbers of seven bits a byte, the lowest first. Time and
/// request are what they differ from the record before, so most records are half a dozen bytes.
fn encode(record: &Record<'_>, (at, request): (i64, u64), out: &mut Vec<u8>) {
    let code = Code::ALL.iter().position(|code| *code == record.code).and_then(|at| u8::try_from(at).ok());
    let flag = |is_there: bool, flag: u8| if is_there { flag } else { 0 };
    let first = code.unwrap_or(0)
        | flag(record.at.0 != at, there::TIME)
        | flag(record.request != request.wrapping_add(1), there::REQUEST)
        | flag(record.spent != 0, there::SPENT)
        | flag(record.identity.is_some(), there::IDENTITY)
        | flag(!record.tags.is_empty(), there::TAGS);
    out.push(first);
    put(u64::from(record.microseconds), out);
    put(zigzag(record.key.0), out);
    if let Some(identity) = record.identity {
        put(zigzag(identity.0), out);
    }
    if first & there::TIME != 0 {
        put(zigzag(record.at.0.wrapping_sub(at)), out);
    }
    if first & there::REQUEST != 0 {
        put(zigzag(record.request.wrapping_sub(request).cast_signed()), out);
    }
    if first & there::SPENT != 0 {
        put(zigzag(record.spent), out);
    }
    if first & there::TAGS != 0 {
        out.push(u8::try_from(record.tags.len()).unwrap_or(u8::MAX));
        for tag in record.tags.iter().take(usize::from(u8::MAX)) {
            put(tag.len() as u64, out);
            out.extend_from_slice(tag.as_bytes());
        }
    }
}

fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Small numbers of either sign as small ones without.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

/// The records of a segment. What can't be read ends it.
pub fn decode(bytes: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let (mut rest, mut last) = (bytes, (0, 0));
    std::iter::from_fn(move || {
        let record = take_record(&mut rest, last)?;
        last = (record.at.0, record.request);
        Some(record)
    })
}

fn take_record<'r>(rest: &mut &'r [u8], (at, request): (i64, u64)) -> Option<Record<'r>> {
    let first = take_byte(rest)?;
    let is_there = |flag: u8| first & flag != 0;
    let code = *Code::ALL.get(usize::from(first & CODE))?;
    let microseconds = u32::try_from(take(rest)?).ok()?;
    let key = KeyNumber(unzigzag(take(rest)?));
    let mut number = |flag| if is_there(flag) { take(rest).map(|number| Some(unzigzag(number))) } else { Some(None) };
    let identity = number(there::IDENTITY)?.map(IdentityNumber);
    let at = Timestamp(at.wrapping_add(number(there::TIME)?.unwrap_or(0)));
    let request = request.wrapping_add(number(there::REQUEST)?.unwrap_or(1).cast_unsigned());
    let spent = number(there::SPENT)?.unwrap_or(0);
    let count = if is_there(there::TAGS) { take_byte(rest)? } else { 0 };
    let tags = (0..count).map(|_| take_text(rest)).collect::<Option<_>>()?;
    Some(Record { at, microseconds, code, spent, key, identity, request, tags })
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, others) = rest.split_first()?;
    *rest = others;
    Some(*byte)
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (byte, others) = rest.split_first()?;
        *rest = others;
        number |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_text<'r>(rest: &mut &'r [u8]) -> Option<&'r str> {
    let length = usize::try_from(take(rest)?).ok()?;
    let (text, others) = rest.split_at_checked(length)?;
    *rest = others;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    #[test]
    fn records_are_read_back_as_they_were() {
        let first = Record {
            at: Timestamp(1_700_000_000_123),
            microseconds: 77,
            code: Code::RateLimited,
            spent: 5,
            key: KeyNumber(9_000_000_000),
            identity: Some(IdentityNumber(3)),
            request: u64::MAX - 1,
            tags: smallvec!["a=b", "ключ", ""],
        };
        let mut records = vec![first.clone()];
        for request in [u64::MAX, 0, 1, 500] {
            let at = Timestamp(first.at.0 - 3 + request.cast_signed().clamp(0, 500));
            records.push(Record { at, request, identity: None, tags: smallvec![], code: Code::Valid, ..first.clone() });
        }
        let (mut bytes, mut last) = (Vec::new(), (0, 0));
        for record in &records {
            encode(record, last, &mut bytes);
            last = (record.at.0, record.request);
        }
        let read: Vec<_> = decode(&bytes).map(|record| format!("{record:?}")).collect();
        assert_eq!(read, records.iter().map(|record| format!("{record:?}")).collect::<Vec<_>>());
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).count() < records.len(), "a segment that was cut off still ends");
        }
    }
}
