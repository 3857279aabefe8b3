//! The cache while everything changes.

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

/// A key with this hash, and nothing else of interest.
pub(super) fn entry(hash: Hash) -> Entry {
    let (key, _) = read(&State { revision: 0, keys: [0; KEYS], identities: [0; KEYS / 4] }, 0);
    Unshown { hash, key, identity: None, touched: 0 }.into()
}

/// A key that holds the permission with this number, and nothing else of interest.
pub(super) fn key(permission: i64) -> KnownKey {
    read(&State { revision: 0, keys: [permission; KEYS], identities: [0; KEYS / 4] }, 0).0
}

struct World {
    cache: KeyCache,
    windows: Windows,
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
        let key = entry.key().permissions().next().expect("each key has one");
        let identity = entry.identity().expect("each key has one");
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
            if random.is_multiple_of(5) && revision != CHANGES {
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
                    // Later than it was found, as when a thread is slow: what was forgotten since must stay so.
                    if random.is_multiple_of(3) {
                        thread::yield_now();
                    }
                    let entry = self.cache.shown(entry, &Snapshot::default(), &self.windows, Timestamp(0));
                    self.check(at, answered, &view, &entry);
                    continue;
                }
                Found::Unknown(_) => {}
            }
            if let Some((view, entry)) = self.cache.unpack(&hash(at), view, |_, read| read.into()) {
                hits += 1;
                self.check(at, answered, &view, &entry);
                continue;
            }
            misses += 1;
            let state = self.store();
            let (key, identity) = read(&state, at);
            if random.is_multiple_of(7) {
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
        // As a reader does it, an identity that is kept is not read.
        let identity =
            Some(identity).filter(|identity| at.is_multiple_of(2) || !self.cache.has_identity(identity.number));
        match self.cache.keep(&hash(at), key, identity, || self.view.load_full(), |_, read| read.into()) {
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
            windows: Windows::new(),
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
    assert!(cache.keep(&hash(0), key, Some(identity), || (), |(), read| read.into()).is_none());
}

/// Whoever writes down how an entry is shown may be slow: another one that was kept meanwhile stays.
#[test]
fn what_was_kept_meanwhile_is_not_replaced_by_what_was_there_before() {
    let cache = KeyCache::new(1024 * 1024);
    let keep = |revision| {
        let (key, identity) = read(&State { revision, keys: [revision; KEYS], identities: [0; KEYS / 4] }, 0);
        cache.keep(&hash(0), key, Some(identity), || (), |(), read| read.into()).expect("it is kept").1
    };
    let found = || match cache.find(&hash(0), || ()) {
        Found::Here((), entry) => entry.key().permissions().next().map(|permission| permission.0),
        Found::Unknown(()) => None,
    };
    let show = |entry| cache.shown(entry, &Snapshot::default(), &Windows::new(), Timestamp(0));
    let old = keep(1);
    cache.publish(Revision(2), &[Row::Key(KeyNumber(0), hash(0))], || {});
    show(old.clone());
    assert_eq!(found(), None, "what was forgotten stays so");
    let new = keep(2);
    show(old);
    assert_eq!(found(), Some(2));
    show(new);
    assert_eq!(found(), Some(2));
}
