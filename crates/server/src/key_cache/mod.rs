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

use arc_swap::ArcSwapOption;
use keyward_core::{
    model::{
        Revision,
        identity::{Identity, IdentityNumber},
        key::KnownKey,
        root_key::Hash,
    },
    snapshot::{FirstBytes, Row, Snapshot},
    verify::Held,
};
use memchr::memmem;
use quick_cache::{
    DefaultHashBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};
use smallvec::SmallVec;

/// How many touched keys and identities are remembered, so that a reading from before can be told from one after.
const TOUCHED: usize = 4096;
/// What an entry costs besides what it holds, in bytes: the cache's own table and the hash, and the text of a dozen
/// permissions and roles.
const OVERHEAD: usize = 96 + 448;
/// About how many bytes an entry is, to size the cache's tables.
const TYPICAL: u64 = 832;

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Hash, Arc<Entry>> for Weight {
    fn weight(&self, _: &Hash, entry: &Arc<Entry>) -> u64 {
        u64::try_from(entry.key.weight() + OVERHEAD).unwrap_or(u64::MAX)
    }
}

impl Weighter<IdentityNumber, Arc<Identity>> for Weight {
    fn weight(&self, _: &IdentityNumber, identity: &Arc<Identity>) -> u64 {
        let limits = identity.limits.len() * 160;
        let size = size_of::<Identity>() + identity.meta.as_ref().map_or(0, String::len) + limits + OVERHEAD + 64;
        u64::try_from(size).unwrap_or(u64::MAX)
    }
}

/// A key that was read, with its identity.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: KnownKey,
    /// Its owner.
    pub identity: Option<Arc<Identity>>,
    /// How many identities had been touched when this one was last known to be as it is.
    identities: AtomicU64,
    /// What the key held when that was last asked for.
    held: ArcSwapOption<HeldText>,
}

/// What a key holds in one state of the catalogue, ready to be shown: the inside of two JSON lists.
#[derive(Debug)]
pub struct HeldText {
    holdings: Revision,
    /// Values of permissions.
    pub permissions: Box<str>,
    /// Names of roles.
    pub roles: Box<str>,
}

impl HeldText {
    fn of(snapshot: &Snapshot, key: &KnownKey) -> Self {
        let held = Held::of(snapshot, key);
        let list = |texts: &mut dyn Iterator<Item = &str>| {
            let quoted: Vec<String> = texts.map(|text| serde_json::Value::from(text).to_string()).collect();
            quoted.join(",").into_boxed_str()
        };
        Self {
            holdings: snapshot.holdings(),
            permissions: list(&mut held.permissions.iter().map(|permission| permission.value.as_str())),
            roles: list(&mut held.roles.iter().map(|role| role.name.as_str())),
        }
    }

    /// Whether a permission with this value is among them. A term of a query has nothing that JSON escapes, so it stands
    /// between quotes as it is. A quote inside of another value looks the same but for the backslash before it, which
    /// the first quote of a value never has: a comma or nothing stands there.
    pub fn has(&self, value: &str) -> bool {
        let mut quoted = SmallVec::<[u8; 64]>::new();
        quoted.push(b'"');
        quoted.extend_from_slice(value.as_bytes());
        quoted.push(b'"');
        let list = self.permissions.as_bytes();
        memmem::find_iter(list, &quoted).any(|at| at == 0 || list[at - 1] != b'\\')
    }
}

impl Entry {
    /// A key as it was read. Its identity may be looked for again before it is believed.
    pub fn new(key: KnownKey, identity: Option<Arc<Identity>>) -> Self {
        Self { key, identity, identities: AtomicU64::new(0), held: ArcSwapOption::empty() }
    }
}

impl Entry {
    /// What the key holds in this state of the catalogue. It is made once for each state in which a permission, a role
    /// or an API is another one.
    pub fn held(&self, snapshot: &Snapshot) -> Arc<HeldText> {
        if let Some(held) = self.held.load_full().filter(|held| held.holdings == snapshot.holdings()) {
            return held;
        }
        let held = Arc::new(HeldText::of(snapshot, &self.key));
        self.held.store(Some(Arc::clone(&held)));
        held
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
    keys: Cache<Hash, Arc<Entry>, Weight, FirstBytes>,
    identities: Cache<IdentityNumber, Arc<Identity>, Weight>,
    /// How many identities were touched so far, and one.
    touched: AtomicU64,
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
    /// The key, with its identity.
    Here(V, Arc<Entry>),
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
            touched: AtomicU64::new(1),
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
            let state = view();
            let entry = self.keys.get(hash).filter(|entry| self.is_current(entry));
            std::sync::atomic::fence(Ordering::Acquire);
            if self.epoch.load(Ordering::Relaxed) != before {
                continue;
            }
            return entry.map_or_else(|| Found::Unknown(view()), |entry| Found::Here(state, entry));
        }
    }

    /// Whether the entry's identity is as it was. That is only looked for after some identity was touched.
    fn is_current(&self, entry: &Entry) -> bool {
        let Some(identity) = &entry.identity else { return true };
        let touched = self.touched.load(Ordering::Acquire);
        if entry.identities.load(Ordering::Acquire) == touched {
            return true;
        }
        let same = self.identities.get(&identity.number).is_some_and(|known| Arc::ptr_eq(&known, identity));
        if same {
            entry.identities.store(touched, Ordering::Release);
        }
        same
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

    /// Keeps a key and its identity as they were read, and returns the state of the catalogue that goes with them;
    /// nothing if either was touched since, and then they have to be read again.
    pub fn keep<V>(
        &self,
        hash: &Hash,
        key: KnownKey,
        identity: Option<Identity>,
        view: impl Fn() -> V,
    ) -> Option<(V, Arc<Entry>)> {
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
        // All keys of an identity share one copy. One that is kept is as good as the one just read: had it been
        // touched, it would have been forgotten.
        let identity = identity.map(|read| {
            self.identities.get(&read.number).unwrap_or_else(|| {
                let read = Arc::new(read);
                self.identities.insert(read.number, Arc::clone(&read));
                read
            })
        });
        let entry = Arc::new(Entry::new(key, identity));
        entry.identities.store(self.touched.load(Ordering::Acquire), Ordering::Release);
        self.keys.insert(*hash, Arc::clone(&entry));
        Some((view(), entry))
    }
}

#[cfg(test)]
mod tests;
