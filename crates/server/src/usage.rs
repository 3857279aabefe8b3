//! What verifications were made: recorded in memory, written in the background, many at once. What does not fit is
//! counted, not waited for; a crash loses what was not written yet, a second of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use keyward_core::{
    model::{WorkspaceNumber, key::KeyNumber},
    time::Timestamp,
    verify::Code,
};
use keyward_store::{
    Store,
    keys::{key, usage},
};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;

use crate::app::App;

/// How long records wait to be written together.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// The most bytes of one row.
const SEGMENT: usize = 256 * 1024;
/// The most rows that wait: 32 MiB. What comes on top is lost, and counted.
const WAITING: usize = 128;
/// How many rows' memory is kept for the next ones.
const SPARE: usize = 16;
/// The longest record, in bytes: twenty tags of 512 characters, and what else there is.
const LONGEST: usize = 64 * 1024;
/// A key's last use is noted once in so many milliseconds: an hour.
const NOTE_EVERY: i64 = 60 * 60 * 1000;
/// The most notes of one write, so that a million keys used for the first time don't hold everything up.
const NOTES: usize = 500;
/// For how many keys it is remembered when their last use was noted.
const NOTED: usize = 65_536;
/// How long usage is kept, in milliseconds: 30 days.
const RETENTION: i64 = 30 * 24 * 60 * 60 * 1000;

/// A verification that is to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct Record<'r> {
    /// When.
    pub at: Timestamp,
    /// How long it took, in microseconds.
    pub microseconds: u32,
    /// What became of it.
    pub code: Code,
    /// How many credits it took.
    pub spent: i64,
    /// The key's number.
    pub key: KeyNumber,
    /// The request's id.
    pub request_id: &'r str,
    /// The key's id.
    pub key_id: &'r str,
    /// The id of the key's API, without a prefix.
    pub api_id: &'r str,
    /// The identity's id and external id; empty without one.
    pub identity: (&'r str, &'r str),
    /// What the caller attached.
    pub tags: &'r [&'r str],
}

/// Records that will be one row.
#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    records: i64,
    first_at: i64,
    last_at: i64,
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
            self.wake.notify_one();
        }
        let piece = &mut waiting.filling;
        if piece.records == 0 {
            (piece.first_at, piece.last_at) = (at, at);
        }
        piece.records += 1;
        piece.first_at = piece.first_at.min(at);
        piece.last_at = piece.last_at.max(at);
        encode(record, &mut piece.bytes);
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// Why the store could not be written; what was to be written is lost then, and counted.
    pub async fn flush(&self, store: &Store) -> Result<(), keyward_store::Error> {
        let mut noted = self.writing.lock().await;
        loop {
            let pieces = self.waiting().take();
            if pieces.is_empty() {
                return Ok(());
            }
            for piece in pieces {
                self.write(store, piece, &mut noted).await?;
            }
        }
    }

    async fn write(
        &self,
        store: &Store,
        piece: Piece,
        noted: &mut HashMap<i64, i64>,
    ) -> Result<(), keyward_store::Error> {
        let notes = notes(&piece.bytes, noted);
        let data = Arc::new(piece.bytes);
        let segment = usage::Segment {
            first_at: Timestamp(piece.first_at),
            last_at: Timestamp(piece.last_at),
            records: piece.records,
            data: Arc::clone(&data),
        };
        let written = store.ledger(move |tx| {
            Box::pin(async move {
                let before = Timestamp(segment.last_at.0 - RETENTION);
                usage::forget(tx, WorkspaceNumber::FIRST, before).await?;
                usage::append(tx, WorkspaceNumber::FIRST, &segment).await?;
                key::used(tx, &notes).await
            })
        });
        let written = written.await;
        if written.is_err() {
            self.lost.inc_by(u64::try_from(piece.records).unwrap_or(0));
        }
        if let Ok(mut bytes) = Arc::try_unwrap(data) {
            bytes.clear();
            let mut waiting = self.waiting();
            if waiting.spare.len() < SPARE {
                waiting.spare.push(bytes);
            }
        }
        written
    }
}

/// The keys whose last use is to be noted.
fn notes(bytes: &[u8], noted: &mut HashMap<i64, i64>) -> Vec<(KeyNumber, Timestamp)> {
    let mut notes: Vec<(KeyNumber, Timestamp)> = Vec::new();
    if noted.len() > NOTED {
        noted.clear();
    }
    for record in decode(bytes) {
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

/// The form of a record: five numbers and the code, then texts with their lengths before them.
fn encode(record: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&record.at.0.to_le_bytes());
    out.extend_from_slice(&record.microseconds.to_le_bytes());
    out.extend_from_slice(&record.spent.to_le_bytes());
    out.extend_from_slice(&record.key.0.to_le_bytes());
    out.push(Code::ALL.iter().position(|code| *code == record.code).and_then(|at| u8::try_from(at).ok()).unwrap_or(0));
    for text in [record.request_id, record.key_id, record.api_id, record.identity.0, record.identity.1] {
        put_text(text, out);
    }
    out.push(u8::try_from(record.tags.len()).unwrap_or(u8::MAX));
    for tag in record.tags.iter().take(usize::from(u8::MAX)) {
        put_text(tag, out);
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    let length = u16::try_from(text.len()).unwrap_or(0);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
}

/// A record as it was read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded<'r> {
    /// When.
    pub at: Timestamp,
    /// How long it took, in microseconds.
    pub microseconds: u32,
    /// What became of it.
    pub code: Code,
    /// How many credits it took.
    pub spent: i64,
    /// The key's number.
    pub key: KeyNumber,
    /// The request's id, the key's, the API's without a prefix, the identity's and its external one.
    pub texts: [&'r str; 5],
    /// What the caller attached.
    pub tags: Vec<&'r str>,
}

/// The records of a segment. What can't be read ends it.
pub fn decode(bytes: &[u8]) -> impl Iterator<Item = Recorded<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || take_record(&mut rest))
}

fn take_record<'r>(rest: &mut &'r [u8]) -> Option<Recorded<'r>> {
    let at = Timestamp(i64::from_le_bytes(take(rest)?));
    let microseconds = u32::from_le_bytes(take(rest)?);
    let spent = i64::from_le_bytes(take(rest)?);
    let key = KeyNumber(i64::from_le_bytes(take(rest)?));
    let code = *Code::ALL.get(usize::from(u8::from_le_bytes(take(rest)?)))?;
    let mut texts = [""; 5];
    for text in &mut texts {
        *text = take_text(rest)?;
    }
    let count = u8::from_le_bytes(take(rest)?);
    let tags = (0..count).map(|_| take_text(rest)).collect::<Option<Vec<_>>>()?;
    Some(Recorded { at, microseconds, code, spent, key, texts, tags })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk::<N>()?;
    *rest = others;
    Some(*first)
}

fn take_text<'r>(rest: &mut &'r [u8]) -> Option<&'r str> {
    let length = usize::from(u16::from_le_bytes(take(rest)?));
    let (text, others) = rest.split_at_checked(length)?;
    *rest = others;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_back_as_they_were() {
        let record = Record {
            at: Timestamp(1_700_000_000_123),
            microseconds: 77,
            code: Code::RateLimited,
            spent: 5,
            key: KeyNumber(9),
            request_id: "req_1",
            key_id: "key_1",
            api_id: "abc",
            identity: ("id_1", "user_1"),
            tags: &["a=b", "ключ"],
        };
        let mut bytes = Vec::new();
        encode(&record, &mut bytes);
        encode(&Record { tags: &[], code: Code::Valid, ..record }, &mut bytes);
        let read: Vec<_> = decode(&bytes).collect();
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].at, read[0].code, read[0].spent), (record.at, Code::RateLimited, 5));
        assert_eq!(read[0].texts, ["req_1", "key_1", "abc", "id_1", "user_1"]);
        assert_eq!(read[0].tags, ["a=b", "ключ"]);
        assert_eq!(read[1].code, Code::Valid);
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).count() <= 1, "a segment that was cut off still ends");
        }
    }
}
