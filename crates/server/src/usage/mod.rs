//! What verifications were made, and which permissions were used: recorded in memory, written in the background, many at
//! once. What does not fit is counted, not waited for; a crash loses what was not written yet, mostly a second of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use keyward_core::{
    model::{WorkspaceNumber, key::KeyNumber, permission::PermissionNumber, permission_usage::UsedBy},
    time::Timestamp,
};
use keyward_store::{
    Store, Tx,
    keys::{key, usage},
    ledger::permission_usage,
};
use prometheus_client::metrics::counter::Counter;
use tokio::sync::Notify;

mod permissions;
mod record;
mod tokens;

use self::{
    permissions::{Noted, Portion},
    record::encode,
};
pub use self::{
    record::{Record, decode},
    tokens::note_tokens,
};
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
    /// Uses of permissions.
    uses: Noted,
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

/// What whoever writes goes by.
#[derive(Debug, Default)]
struct Writing {
    /// When the last use of keys was noted.
    noted: HashMap<i64, i64>,
    uses: permissions::Writing,
    /// Memory for the uses that are noted next.
    spare: Noted,
}

/// Where verifications are recorded, and uses of permissions.
#[derive(Debug)]
pub struct Usage {
    waiting: Mutex<Waiting>,
    wake: Notify,
    writing: tokio::sync::Mutex<Writing>,
    /// How many records were lost.
    pub lost: Counter,
    /// How many uses of permissions were lost.
    pub uses_lost: Counter,
}

impl Default for Usage {
    fn default() -> Self {
        Self::new()
    }
}

impl Usage {
    /// Nothing was recorded yet.
    pub fn new() -> Self {
        let (lost, uses_lost) = (Counter::default(), Counter::default());
        let writing = tokio::sync::Mutex::default();
        Self { waiting: Mutex::default(), wake: Notify::new(), writing, lost, uses_lost }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a verification, and which permissions it used.
    pub fn record(&self, record: &Record<'_>, used: &[PermissionNumber]) {
        let mut waiting = self.waiting();
        for permission in used {
            if !waiting.uses.add((*permission, 1), record.at, UsedBy::Key(record.key)) {
                self.uses_lost.inc();
            }
        }
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

    /// Notes uses of permissions: which one and how often, when last, and by whom. So many others were lost.
    fn note(&self, uses: Vec<((PermissionNumber, i64), Timestamp, UsedBy)>, mut lost: i64) {
        let mut waiting = self.waiting();
        for (used, at, by) in uses {
            if !waiting.uses.add(used, at, by) {
                lost += used.1;
            }
        }
        self.uses_lost.inc_by(u64::try_from(lost).unwrap_or(0));
    }

    /// Writes what waits, also when nobody waits for that any more: what is half written would be written twice.
    ///
    /// # Errors
    /// Why the store could not be written. Records that were to be written are lost then, and counted; uses of
    /// permissions go on waiting.
    pub async fn flush(self: &Arc<Self>, store: &Store) -> Result<(), keyward_store::Error> {
        let (usage, store) = (Arc::clone(self), store.clone());
        let writing = tokio::spawn(async move { usage.write(&store, true).await });
        writing.await.map_err(|error| keyward_store::Error::Engine(error.into()))?
    }

    /// Writes the records that wait, and uses of permissions: all of them, or what one commit takes. There may be many,
    /// and those that wait only become fewer: they are counted together.
    async fn write(&self, store: &Store, all: bool) -> Result<(), keyward_store::Error> {
        let mut writing = self.writing.lock().await;
        // What is left of the last time comes first: while the store can't be written, no more may wait than that.
        while all && !writing.uses.is_empty() {
            self.write_some(store, Vec::new(), &mut writing).await?;
        }
        // What comes while this is written waits for the next time, or writing would never end.
        let mut pieces = self.take(&mut writing);
        while !pieces.is_empty() || !writing.uses.is_empty() {
            let rest = pieces.split_off(pieces.len().min(TOGETHER));
            self.write_some(store, std::mem::replace(&mut pieces, rest), &mut writing).await?;
            if pieces.is_empty() && !all {
                break;
            }
        }
        Ok(())
    }

    /// The records that wait. Uses of permissions go over to whoever writes, once those before are written.
    fn take(&self, writing: &mut Writing) -> Vec<Piece> {
        let mut waiting = self.waiting();
        if writing.uses.is_empty() {
            std::mem::swap(&mut waiting.uses, &mut writing.spare);
        }
        let pieces = waiting.take();
        drop(waiting);
        let Writing { uses, spare, .. } = writing;
        uses.take(spare);
        pieces
    }

    /// Writes some pieces and uses of some permissions with one commit.
    async fn write_some(
        &self,
        store: &Store,
        pieces: Vec<Piece>,
        writing: &mut Writing,
    ) -> Result<(), keyward_store::Error> {
        let notes = notes(&pieces, &mut writing.noted);
        let portion = Arc::new(writing.uses.portion());
        let records: i64 = pieces.iter().map(|piece| piece.records).sum();
        let segments: Arc<Vec<_>> = Arc::new(pieces.into_iter().map(Piece::into_segment).collect());
        let (theirs, uses) = (Arc::clone(&segments), Arc::clone(&portion));
        let written = store.ledger(move |tx| {
            Box::pin(async move {
                if let Some(last_at) = theirs.iter().map(|segment| segment.last_at.0).max() {
                    usage::forget(tx, WorkspaceNumber::FIRST, Timestamp(last_at - RETENTION)).await?;
                }
                for segment in theirs.iter() {
                    usage::append(tx, WorkspaceNumber::FIRST, segment).await?;
                }
                key::used(tx, &notes).await?;
                write_uses(tx, &uses).await
            })
        });
        let written = written.await;
        match written {
            Ok(()) => writing.uses.written(&portion),
            Err(_) => drop(self.lost.inc_by(u64::try_from(records).unwrap_or(0))),
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

async fn write_uses(tx: &mut Tx<'_>, portion: &Portion) -> Result<(), keyward_store::Error> {
    if let Some(before) = portion.forget {
        permission_usage::forget(tx, before).await?;
    }
    permission_usage::add(tx, &portion.uses).await
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
        if let Err(error) = usage.write(&app.store, false).await {
            tracing::warn!(error = %error, "usage could not be written");
        }
    }
}
