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
    snapshot::{FirstBytes, Row},
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
}

impl Entry {
    /// A key as it was read. Its identity may be looked for again before it is believed.
    pub fn new(key: KnownKey, identity: Option<Arc<Identity>>) -> Self {
        Self { key, identity, identities: AtomicU64::new(0) }
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
mod tests {
    use std::{collections::VecDeque, sync::atomic::AtomicBool, thread};

    use arc_swap::ArcSwap;
    use keyward_core::{
        model::{
            WorkspaceNumber,
            api::ApiNumber,
            identity::IdentityNumber,
            key::{Key, KeyNumber},
            permission::PermissionNumber,
        },
        time::Timestamp,
    };

    use super::*;

    /// How many keys there are; each identity owns four of them.
    const KEYS: usize = 64;
    /// How many changes are made.
    const CHANGES: i64 = 20_000;
    /// How many readings each reader puts aside, to keep them much later.
    const ASIDE: usize = 40;

    /// When each key and each identity was last changed, as of a revision.
    #[derive(Debug, Clone)]
    struct State {
        revision: i64,
        keys: [i64; KEYS],
        identities: [i64; KEYS / 4],
    }

    fn hash(at: usize) -> Hash {
        let mut hash = [0; 32];
        hash[0] = u8::try_from(at).expect("a small number");
        hash
    }

    fn number(at: usize) -> i64 {
        i64::try_from(at).expect("a small number")
    }

    /// A key and its identity as the store has them: the key's permission and the identity's time tell their revisions.
    fn read(state: &State, at: usize) -> (KnownKey, Identity) {
        let owner = IdentityNumber(number(at / 4));
        let key = Key {
            number: KeyNumber(number(at)),
            workspace: WorkspaceNumber::FIRST,
            api: ApiNumber(1),
            id: "key".to_owned(),
            hash: hash(at),
            start: String::new(),
            name: None,
            meta: None,
            identity: Some(owner),
            enabled: true,
            expires_at: None,
            permissions: vec![PermissionNumber(state.keys[at])],
            roles: Vec::new(),
            limits: Vec::new(),
            counted: false,
            prefix: None,
            bytes: 16,
            recoverable: false,
            migration: None,
            last_used_at: None,
            created_at: Timestamp(0),
            updated_at: None,
            deleted_at: None,
        };
        let identity = Identity {
            number: owner,
            workspace: WorkspaceNumber::FIRST,
            id: "id".to_owned(),
            external_id: "owner".to_owned(),
            meta: None,
            limits: Vec::new(),
            created_at: Timestamp(state.identities[at / 4]),
        };
        (KnownKey::of(key, Revision(state.revision)), identity)
    }

    struct World {
        cache: KeyCache,
        store: Mutex<State>,
        view: ArcSwap<State>,
        /// The last change that was answered.
        answered: AtomicU64,
        /// How often somebody looked, so that changes do not outrun the readers.
        looks: AtomicU64,
        over: AtomicBool,
    }

    impl World {
        fn store(&self) -> State {
            self.store.lock().expect("nobody panics with it").clone()
        }

        /// What was found is one state, and not one of before the last answer.
        fn check(&self, at: usize, answered: u64, view: &State, entry: &Entry) {
            let key = entry.key.permissions().next().expect("each key has one");
            let identity = entry.identity.as_ref().expect("each key has one");
            assert!(u64::try_from(view.revision).is_ok_and(|revision| revision >= answered), "an old state");
            assert_eq!(key.0, view.keys[at], "key {at} and revision {} do not belong together", view.revision);
            assert_eq!(identity.created_at.0, view.identities[at / 4], "an identity of another revision");
        }

        fn change(&self, mut random: u64) {
            let mut published = 0;
            for revision in 1..=CHANGES {
                while self.looks.load(Ordering::Relaxed) < revision.unsigned_abs() * 8 {
                    if self.over.load(Ordering::SeqCst) {
                        return;
                    }
                    thread::yield_now();
                }
                random = next(random);
                let (at, is_key) = (usize::try_from(random % 64).unwrap_or(0), random.is_multiple_of(3));
                let mut state = self.store();
                state.revision = revision;
                if is_key {
                    state.keys[at] = revision;
                } else {
                    state.identities[at / 4] = revision;
                }
                let before = std::mem::replace(&mut *self.store.lock().expect("nobody panics with it"), state.clone());
                // Some commits are followed together.
                if random % 5 == 0 && revision != CHANGES {
                    continue;
                }
                let old = self.view.load_full();
                let keys = (0..KEYS).filter(|at| state.keys[*at] > published);
                let identities = (0..KEYS / 4).filter(|at| state.identities[*at] > published);
                let rows: Vec<Row> = keys
                    .map(|at| Row::Key(KeyNumber(number(at)), hash(at)))
                    .chain(identities.map(|at| Row::Identity(IdentityNumber(number(at)))))
                    .collect();
                assert!(before.revision < revision && old.revision == published);
                self.cache.publish(Revision(revision), &rows, || self.view.store(Arc::new(state)));
                published = revision;
                self.answered.store(revision.unsigned_abs(), Ordering::SeqCst);
            }
            self.over.store(true, Ordering::SeqCst);
        }

        /// Finds keys, reads those that are not there, and tries to keep readings of long ago. Returns how often what
        /// was found was there, how often it had to be read, and how often a reading was refused.
        fn look(&self, mut random: u64) -> (u64, u64, u64) {
            let _over = OverOnPanic(&self.over);
            let (mut hits, mut misses, mut refused) = (0, 0, 0);
            let mut aside: VecDeque<(usize, KnownKey, Identity)> = VecDeque::new();
            let view = || self.view.load_full();
            while !self.over.load(Ordering::SeqCst) {
                random = next(random);
                self.looks.fetch_add(1, Ordering::Relaxed);
                let at = usize::try_from(random % 64).unwrap_or(0);
                let answered = self.answered.load(Ordering::SeqCst);
                match self.cache.find(&hash(at), view) {
                    Found::Here(view, entry) => {
                        hits += 1;
                        self.check(at, answered, &view, &entry);
                        continue;
                    }
                    Found::Unknown(_) => misses += 1,
                }
                let state = self.store();
                let (key, identity) = read(&state, at);
                if random % 7 == 0 {
                    aside.push_back((at, key, identity));
                    if aside.len() < ASIDE {
                        continue;
                    }
                    let Some((at, key, identity)) = aside.pop_front() else { continue };
                    self.keep(at, answered, (key, identity), &mut refused);
                } else {
                    while self.view.load().revision < state.revision && !self.over.load(Ordering::SeqCst) {
                        self.looks.fetch_add(1, Ordering::Relaxed);
                        thread::yield_now();
                    }
                    self.keep(at, answered, (key, identity), &mut refused);
                }
            }
            (hits, misses, refused)
        }

        fn keep(&self, at: usize, answered: u64, (key, identity): (KnownKey, Identity), refused: &mut u64) {
            if self.view.load().revision < key.revision.0 {
                return;
            }
            match self.cache.keep(&hash(at), key, Some(identity), || self.view.load_full()) {
                Some((view, entry)) => self.check(at, answered, &view, &entry),
                None => *refused += 1,
            }
        }
    }

    /// Nobody waits for a reader that has failed.
    struct OverOnPanic<'w>(&'w AtomicBool);

    impl Drop for OverOnPanic<'_> {
        fn drop(&mut self) {
            if thread::panicking() {
                self.0.store(true, Ordering::SeqCst);
            }
        }
    }

    fn next(random: u64) -> u64 {
        let mut next = random;
        next ^= next << 13;
        next ^= next >> 7;
        next ^ (next << 17)
    }

    #[test]
    fn what_is_found_is_one_state_and_never_an_old_one() {
        // Room for none of the keys, for some, and for all of them.
        for bytes in [0, 12 * 1024, 1024 * 1024] {
            let state = State { revision: 0, keys: [0; KEYS], identities: [0; KEYS / 4] };
            let world = World {
                cache: KeyCache::new(bytes),
                store: Mutex::new(state.clone()),
                view: ArcSwap::from_pointee(state),
                answered: AtomicU64::new(0),
                looks: AtomicU64::new(0),
                over: AtomicBool::new(false),
            };
            let (hits, misses, refused) = thread::scope(|scope| {
                let readers: Vec<_> = (1..4)
                    .map(|seed| {
                        scope.spawn({
                            let world = &world;
                            move || world.look(seed * 977)
                        })
                    })
                    .collect();
                world.change(bytes + 4711);
                let counts = readers.into_iter().map(|reader| reader.join().expect("no reader panics"));
                counts.fold((0, 0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1, sum.2 + one.2))
            });
            assert!(misses > 300 && refused > 20, "{bytes}: {hits} hits, {misses} misses, {refused} refused");
            assert_eq!(hits > 1000, bytes > 0, "{bytes}: {hits} hits");
        }
    }

    #[test]
    fn a_reading_from_before_what_is_remembered_is_refused() {
        let cache = KeyCache::new(1024 * 1024);
        let state = State { revision: 1, keys: [1; KEYS], identities: [1; KEYS / 4] };
        let (key, identity) = read(&state, 0);
        cache.publish(Revision(2), &[Row::Key(KeyNumber(0), hash(0))], || {});
        for revision in 0..i64::try_from(TOUCHED).expect("a small number") {
            cache.publish(Revision(3 + revision), &[Row::Key(KeyNumber(1), hash(1))], || {});
        }
        assert!(cache.keep(&hash(0), key, Some(identity), || ()).is_none());
    }
}
