//! Keys and identities that were read, in a bounded cache that never answers what was changed.
//!
//! Three rules make it so. What a change touched is forgotten before the change is published, in one step with it. A
//! reading is kept only if nothing that was published since touched it. And whoever looks something up takes the
//! catalogue's state that goes with it: if something was published in between, the lookup is made again.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use keyward_core::{
    model::{
        Revision,
        identity::{Identity, IdentityNumber},
        key::KnownKey,
        root_key::Hash,
    },
    snapshot::{Row, Snapshot},
    time::Timestamp,
};
use prometheus_client::metrics::counter::Counter;
use quick_cache::{Weighter, sync::Cache};

pub use self::entry::{Entry, Unshown, limit_text};
use self::{
    holdings::HoldingsTable,
    table::{Lookup, Table},
};
use crate::windows::Windows;

/// How many touched keys and identities are remembered, so that a reading from before can be told from one after.
const TOUCHED: usize = 4096;
/// What an identity costs besides what it holds, in bytes: the cache's own table, and what an allocator rounds up.
const OVERHEAD: usize = 96 + 128;
/// About how many bytes an identity is, to size the cache's tables.
const TYPICAL: u64 = 1280;

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<IdentityNumber, Arc<Identity>> for Weight {
    fn weight(&self, _: &IdentityNumber, identity: &Arc<Identity>) -> u64 {
        let limits = identity.limits.len() * 160;
        let size = size_of::<Identity>() + identity.meta.as_ref().map_or(0, String::len) + limits + OVERHEAD;
        u64::try_from(size).unwrap_or(u64::MAX)
    }
}

/// Something that a change touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Touched {
    Key(Hash),
    Identity(IdentityNumber),
}

/// What was touched lately, and since when nothing is missing.
#[derive(Debug, Default)]
struct Lately {
    touched: VecDeque<(i64, Touched)>,
    complete_since: i64,
}

/// The cache.
pub struct KeyCache {
    keys: Table,
    holdings: HoldingsTable,
    identities: Cache<IdentityNumber, Arc<Identity>, Weight>,
    /// How many identities were touched so far, and one.
    touched: AtomicU64,
    /// Odd while something is being published.
    epoch: AtomicU64,
    /// Held by whoever publishes; shared by those who keep a reading.
    publishing: RwLock<()>,
    lately: Mutex<Lately>,
    /// How often a key was found packed. More memory would spare it, as it would the next one.
    pub unpacked: Counter,
    /// How often the store was asked for a key, whether or not it had one.
    pub read: Counter,
}

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (entries, packed) = self.keys.count();
        write!(f, "KeyCache({entries} keys, {packed} packed, {} identities)", self.identities.len())
    }
}

/// What was found, with the state of the catalogue that goes with it.
#[derive(Debug)]
pub enum Found<V> {
    /// The key, with its identity.
    Here(V, Entry),
    /// The store has to be asked.
    Unknown(V),
}

/// A lookup that has begun, for one state of the catalogue. Nothing in the cache may be changed by whoever holds it.
pub struct Looking<'c> {
    cache: &'c KeyCache,
    lookup: Lookup<'c>,
    epoch: u64,
}

/// What a lookup sees.
#[derive(Debug)]
pub enum Seen<'l> {
    /// The key, with its identity.
    Here(&'l Entry),
    /// The store has to be asked.
    Unknown,
    /// Something was published since it began: it has to begin again.
    Changed,
}

impl Looking<'_> {
    /// What there is.
    pub fn see(&self) -> Seen<'_> {
        let entry = self.lookup.entry().filter(|entry| self.cache.is_current(entry));
        std::sync::atomic::fence(Ordering::Acquire);
        if self.cache.epoch.load(Ordering::Relaxed) != self.epoch {
            return Seen::Changed;
        }
        entry.map_or(Seen::Unknown, Seen::Here)
    }
}

impl KeyCache {
    /// An empty one of at most so many bytes.
    pub fn new(bytes: u64) -> Self {
        let (keys, holdings, identities) = (bytes / 32 * 27, bytes / 32, bytes / 8);
        let items = usize::try_from(identities / TYPICAL).unwrap_or(usize::MAX).max(16);
        Self {
            keys: Table::new(usize::try_from(keys).unwrap_or(usize::MAX)),
            holdings: HoldingsTable::new(holdings),
            identities: Cache::with_weighter(items, identities, Weight),
            touched: AtomicU64::new(1),
            epoch: AtomicU64::new(0),
            publishing: RwLock::new(()),
            lately: Mutex::default(),
            unpacked: Counter::default(),
            read: Counter::default(),
        }
    }

    /// Begins to look for the key with this hash, and takes the state of the catalogue that goes with it. Until the
    /// lookup sees, memory is fetched: something else is best done meanwhile.
    pub fn look<'c, V>(&'c self, hash: &'c Hash, view: impl Fn() -> V) -> (V, Looking<'c>) {
        loop {
            let epoch = self.epoch.load(Ordering::Acquire);
            if epoch % 2 == 1 {
                // Whoever publishes is done in a moment.
                drop(self.publishing.read().unwrap_or_else(PoisonError::into_inner));
                continue;
            }
            return (view(), Looking { cache: self, lookup: self.keys.begin(hash), epoch });
        }
    }

    /// The key with this hash, its identity, and the state of the catalogue that goes with both.
    pub fn find<V>(&self, hash: &Hash, view: impl Fn() -> V) -> Found<V> {
        loop {
            let (state, looking) = self.look(hash, &view);
            match looking.see() {
                Seen::Here(entry) => return Found::Here(state, entry.clone()),
                Seen::Unknown => return Found::Unknown(state),
                Seen::Changed => {}
            }
        }
    }

    /// Whether the entry's identity is as it was. That is only looked for after some identity was touched.
    fn is_current(&self, entry: &Entry) -> bool {
        let touched = self.touched.load(Ordering::Acquire);
        let Some(identity) = entry.doubtful_identity(touched) else { return true };
        let same = self.identities.get(&identity.number).is_some_and(|known| Arc::ptr_eq(&known, identity));
        if same {
            entry.confirm_identity(touched);
        }
        same
    }

    /// The key as it is shown in this state of the catalogue.
    pub fn written(&self, read: Unshown, snapshot: &Snapshot, windows: &Windows, now: Timestamp) -> Entry {
        read.shown_in(snapshot, &self.holdings, windows, now)
    }

    /// As [`Self::written`], and kept so: it is written once for each state in which a permission, a role or an API is
    /// another one.
    pub fn shown(&self, entry: Entry, snapshot: &Snapshot, windows: &Windows, now: Timestamp) -> Entry {
        if entry.is_shown_in(snapshot) {
            return entry;
        }
        let shown = self.written(entry.unshown(), snapshot, windows, now);
        // What was forgotten meanwhile stays so, and what another one kept meanwhile is as good.
        self.keys.replace(&entry, shown.clone());
        shown
    }

    /// Publishes a state of the catalogue, and forgets what it touched in the same step.
    pub fn publish(&self, revision: Revision, rows: &[Row], store: impl FnOnce()) {
        let _alone = self.publishing.write().unwrap_or_else(PoisonError::into_inner);
        self.epoch.fetch_add(1, Ordering::AcqRel);
        {
            let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
            for row in rows {
                let touched = match row {
                    Row::Key(_, hash) => {
                        self.keys.remove(hash);
                        Touched::Key(*hash)
                    }
                    Row::Identity(number) => {
                        self.identities.remove(number);
                        self.touched.fetch_add(1, Ordering::AcqRel);
                        Touched::Identity(*number)
                    }
                    _ => continue,
                };
                lately.touched.push_back((revision.0, touched));
            }
            while lately.touched.len() > TOUCHED {
                if let Some((old, _)) = lately.touched.pop_front() {
                    lately.complete_since = old;
                }
            }
        }
        store();
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Says that nothing is known of what was touched up to this revision.
    pub fn begin(&self, revision: Revision) {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner).complete_since = revision.0;
    }

    /// Whether this identity need not be read.
    pub fn has_identity(&self, number: IdentityNumber) -> bool {
        self.identities.get(&number).is_some()
    }

    /// The copy that all keys of an identity share: the one that is kept, which is as good as one just read (had it
    /// been touched, it would have been forgotten), or else that one.
    fn identity(&self, number: IdentityNumber, read: Option<Identity>) -> Option<Arc<Identity>> {
        self.identities.get(&number).or_else(|| {
            let read = Arc::new(read?);
            self.identities.insert(number, Arc::clone(&read));
            Some(read)
        })
    }

    /// The key with this hash if it is packed, as `show` shows it, with the state of the catalogue that goes with it.
    pub fn unpack<V>(
        &self,
        hash: &Hash,
        view: impl FnOnce() -> V,
        show: impl FnOnce(&V, Unshown) -> Entry,
    ) -> Option<(V, Entry)> {
        // Nothing is published until it is kept: what is packed now is as the state says.
        let _quiet = self.publishing.read().unwrap_or_else(PoisonError::into_inner);
        let key = self.keys.unpack(hash)?;
        let identity = match key.identity {
            // One that was touched is not there, and has to be read with the key.
            Some(number) => Some(self.identity(number, None)?),
            None => None,
        };
        self.unpacked.inc();
        Some(self.show_and_keep(hash, key, identity, view, show))
    }

    /// Makes an entry, while nothing is published.
    fn show_and_keep<V>(
        &self,
        hash: &Hash,
        key: KnownKey,
        identity: Option<Arc<Identity>>,
        view: impl FnOnce() -> V,
        show: impl FnOnce(&V, Unshown) -> Entry,
    ) -> (V, Entry) {
        let read = Unshown { hash: *hash, key, identity, touched: self.touched.load(Ordering::Acquire) };
        let state = view();
        let entry = show(&state, read);
        self.keys.insert(&entry);
        (state, entry)
    }

    /// Keeps a key and its identity as they were read, and as `show` shows them, and returns the state of the catalogue
    /// that goes with them; nothing if either was touched since, or the identity was not read and is not kept any more:
    /// then they have to be read again.
    pub fn keep<V>(
        &self,
        hash: &Hash,
        key: KnownKey,
        identity: Option<Identity>,
        view: impl FnOnce() -> V,
        show: impl FnOnce(&V, Unshown) -> Entry,
    ) -> Option<(V, Entry)> {
        let _quiet = self.publishing.read().unwrap_or_else(PoisonError::into_inner);
        let read_at = key.revision.0;
        {
            let lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
            if lately.complete_since > read_at {
                return None;
            }
            let mut since = lately.touched.iter().rev().take_while(|(revision, _)| *revision > read_at);
            let theirs = |touched: &Touched| match touched {
                Touched::Key(touched) => touched == hash,
                Touched::Identity(number) => key.identity == Some(*number),
            };
            if since.any(|(_, touched)| theirs(touched)) {
                return None;
            }
        }
        let identity = match key.identity {
            Some(number) => Some(self.identity(number, identity)?),
            None => None,
        };
        // Nor is anything left of another reading: one of before the identity was deleted can't be unpacked any more.
        self.keys.remove(hash);
        Some(self.show_and_keep(hash, key, identity, view, show))
    }
}

mod entry;
mod holdings;
mod packed;
mod part;
mod places;
mod table;
#[cfg(test)]
mod tests;
mod written;
