//! Keys and identities that were read, in a bounded cache that never answers what was changed.
//!
//! Three rules make it so. What a change touched is forgotten before the change is published, in one step with it. A
//! reading is kept only if nothing that was published since touched it. And whoever looks something up takes the
//! catalogue's state that goes with it: if something was published in between, the lookup is made again.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, Hasher},
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
    snapshot::Row,
};
use quick_cache::{
    DefaultHashBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

/// How many touched keys and identities are remembered, so that a reading from before can be told from one after.
const TOUCHED: usize = 4096;
/// What an entry costs besides what it holds, in bytes: the cache's own table and the hash.
const OVERHEAD: usize = 96;
/// About how many bytes an entry is, to size the cache's tables.
const TYPICAL: u64 = 384;

/// SHA-256 values are random already: their first bytes will do.
#[derive(Debug, Clone, Default)]
struct FirstBytes;

impl BuildHasher for FirstBytes {
    type Hasher = FirstBytesHasher;

    fn build_hasher(&self) -> FirstBytesHasher {
        FirstBytesHasher(0)
    }
}

struct FirstBytesHasher(u64);

impl Hasher for FirstBytesHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    // The length of the array, which is always the same.
    fn write_usize(&mut self, _: usize) {}
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Hash, Arc<KnownKey>> for Weight {
    fn weight(&self, _: &Hash, key: &Arc<KnownKey>) -> u64 {
        u64::try_from(key.weight() + OVERHEAD).unwrap_or(u64::MAX)
    }
}

impl Weighter<IdentityNumber, Arc<Identity>> for Weight {
    fn weight(&self, _: &IdentityNumber, identity: &Arc<Identity>) -> u64 {
        let limits = identity.limits.len() * 160;
        let size = size_of::<Identity>() + identity.meta.as_ref().map_or(0, String::len) + limits + OVERHEAD + 64;
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
    keys: Cache<Hash, Arc<KnownKey>, Weight, FirstBytes>,
    identities: Cache<IdentityNumber, Arc<Identity>, Weight>,
    /// Odd while something is being published.
    epoch: AtomicU64,
    /// Held by whoever publishes; shared by those who keep a reading.
    publishing: RwLock<()>,
    lately: Mutex<Lately>,
}

impl std::fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyCache({} keys, {} identities)", self.keys.len(), self.identities.len())
    }
}

/// What was found, with the state of the catalogue that goes with it.
#[derive(Debug)]
pub enum Found<V> {
    /// The key, and its identity if it has one.
    Here(V, Arc<KnownKey>, Option<Arc<Identity>>),
    /// The store has to be asked.
    Unknown(V),
}

impl KeyCache {
    /// An empty one of at most so many bytes.
    pub fn new(bytes: u64) -> Self {
        let (keys, identities) = (bytes / 8 * 7, bytes / 8);
        let items = |bytes: u64| usize::try_from(bytes / TYPICAL).unwrap_or(usize::MAX).max(16);
        Self {
            keys: Cache::with(items(keys), keys, Weight, FirstBytes, DefaultLifecycle::default()),
            identities: Cache::with(
                items(identities),
                identities,
                Weight,
                DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            epoch: AtomicU64::new(0),
            publishing: RwLock::new(()),
            lately: Mutex::default(),
        }
    }

    /// The key with this hash, its identity, and the state of the catalogue that goes with both.
    pub fn find<V>(&self, hash: &Hash, view: impl Fn() -> V) -> Found<V> {
        loop {
            let before = self.epoch.load(Ordering::Acquire);
            if before % 2 == 1 {
                // Whoever publishes is done in a moment.
                drop(self.publishing.read().unwrap_or_else(PoisonError::into_inner));
                continue;
            }
            let view = view();
            let key = self.keys.get(hash);
            let identity = key.as_ref().and_then(|key| key.identity).map(|number| self.identities.get(&number));
            std::sync::atomic::fence(Ordering::Acquire);
            if self.epoch.load(Ordering::Relaxed) != before {
                continue;
            }
            return match (key, identity) {
                (Some(key), None) => Found::Here(view, key, None),
                (Some(key), Some(Some(identity))) => Found::Here(view, key, Some(identity)),
                _ => Found::Unknown(view),
            };
        }
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

    /// Keeps a key and its identity as they were read at a revision, and returns the state of the catalogue that goes
    /// with them; nothing if either was touched since, and then they have to be read again.
    pub fn keep<V>(
        &self,
        hash: &Hash,
        key: &Arc<KnownKey>,
        identity: Option<&Arc<Identity>>,
        view: impl Fn() -> V,
    ) -> Option<V> {
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
        if let Some(identity) = identity {
            self.identities.insert(identity.number, Arc::clone(identity));
        }
        self.keys.insert(*hash, Arc::clone(key));
        Some(view())
    }
}

#[cfg(test)]
mod tests;
