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
};
use keyward_store::{
    Store,
    keys::{key, usage},
};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;

mod record;

use self::record::encode;
pub use self::record::{Record, decode};
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
const NOTES: usize = 100;
/// For how many keys it is remembered when their last use was noted.
const NOTED: usize = 65_536;
/// How long usage is kept, in milliseconds: 30 days.
const RETENTION: i64 = 30 * 24 * 60 * 60 * 1000;

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
