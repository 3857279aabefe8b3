//! The windows of all rate limits, in memory: what was used lately. They begin empty with the program, and each node
//! counts what it sees itself.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use keyward_core::{
    model::key::KnownKey,
    time::Timestamp,
    verify::LimitCheck,
    window::{Entry, Limit, Reading, Window, take_all},
};
use smallvec::{SmallVec, smallvec};

/// How many parts the counters are kept in, each with a lock of its own.
const PARTS: usize = 64;
/// A part is looked through for counters nobody keeps any more when it has doubled since the last time, and not before
/// it has this many.
const SWEEP_FROM: usize = 256;
/// Those that rest are looked through when there are a quarter more, and not before there are this many.
const SWEEP_RESTING_FROM: usize = 1024;

/// Which counter it is: 128 bits of a keyed hash over all that tells one from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Name(u64, u64);

/// Whose counter it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner<'o> {
    /// A key's, by its number.
    Key(i64),
    /// An identity's, by its number.
    Identity(i64),
    /// An identifier's in a namespace, by its number.
    Namespace(i64, &'o str),
}

/// What was used of a limit lately. Whoever uses it often may keep it: there is no other one of its name meanwhile.
#[derive(Debug)]
pub struct Counter {
    window: Mutex<Window>,
    duration: i64,
}

impl Counter {
    fn lock(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A use that is to be counted.
#[derive(Debug, Clone, Copy)]
pub struct Use<'c> {
    /// By which counter.
    pub counter: &'c Counter,
    /// Within which limit.
    pub limit: Limit,
    /// How much.
    pub cost: i64,
}

/// What a counter that nobody keeps has counted. Of keys that are asked for now and then there are many of these for each
/// that somebody keeps, for as long as their windows last.
#[derive(Debug, Clone, Copy)]
struct Resting {
    window: [u32; 3],
    duration: u32,
}

impl Resting {
    fn of(counter: &Counter) -> Option<Self> {
        let window = counter.lock().pack()?;
        Some(Self { window, duration: u32::try_from(counter.duration).ok()? })
    }

    fn is_idle(&self, now: Timestamp) -> bool {
        Window::unpack(self.window).is_idle(self.duration.into(), now.0)
    }
}

#[derive(Debug, Default)]
struct Part {
    counters: HashMap<Name, Arc<Counter>, AsItIs>,
    sweep_at: usize,
    resting: HashMap<Name, Resting, AsItIs>,
    sweep_resting_at: usize,
}

/// The name is a hash already.
#[derive(Debug, Clone, Default)]
struct AsItIs;

impl BuildHasher for AsItIs {
    type Hasher = Last;

    fn build_hasher(&self) -> Last {
        Last(0)
    }
}

struct Last(u64);

impl std::hash::Hasher for Last {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

/// What uses found, in their order.
pub type Readings = SmallVec<[Reading; 2]>;

/// The windows.
#[derive(Debug)]
pub struct Windows {
    parts: Vec<Mutex<Part>>,
    hashes: (RandomState, RandomState),
}

impl Default for Windows {
    fn default() -> Self {
        Self::new()
    }
}

impl Windows {
    /// Nothing was used yet.
    pub fn new() -> Self {
        let parts = (0..PARTS).map(|_| Mutex::default()).collect();
        Self { parts, hashes: (RandomState::new(), RandomState::new()) }
    }

    /// The counter of a limit with this name and duration. Another limit of the same name goes on with it; another
    /// duration is another counter (contract: rate-limit algorithm).
    pub fn counter(&self, owner: Owner<'_>, name: &str, duration: i64, now: Timestamp) -> Arc<Counter> {
        let all = (owner, name, duration);
        let name = Name(self.hashes.0.hash_one(all), self.hashes.1.hash_one(all));
        let part = usize::try_from(name.0 % 64).unwrap_or(0);
        let mut part = self.parts[part].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = part.counters.get(&name) {
            return Arc::clone(counter);
        }
        part.sweep(now);
        let window = part.resting.remove(&name).map(|resting| Window::unpack(resting.window)).unwrap_or_default();
        let counter = Arc::new(Counter { window: Mutex::new(window), duration });
        part.counters.insert(name, Arc::clone(&counter));
        counter
    }

    /// The counter of a limit as it is checked for this key.
    pub fn counter_of(&self, check: &LimitCheck<'_>, key: &KnownKey, now: Timestamp) -> Arc<Counter> {
        let owner = match key.identity.filter(|_| check.shared) {
            Some(identity) => Owner::Identity(identity.0),
            None => Owner::Key(key.number.0),
        };
        self.counter(owner, check.name, check.duration, now)
    }
}

impl Part {
    /// Lays those to rest that nobody keeps, and forgets what would be the same if it began anew.
    fn sweep(&mut self, now: Timestamp) {
        if self.counters.len() < self.sweep_at.max(SWEEP_FROM) {
            return;
        }
        let resting = &mut self.resting;
        // Nobody gets one meanwhile: that takes this part's lock.
        self.counters.retain(|name, counter| {
            if Arc::strong_count(counter) > 1 {
                return true;
            }
            if counter.lock().is_idle(counter.duration, now.0) {
                return false;
            }
            // One that does not fit stays as it is.
            Resting::of(counter).map(|rests| resting.insert(*name, rests)).is_none()
        });
        self.sweep_at = self.counters.len() * 2;
        self.counters.shrink_to(self.sweep_at.max(SWEEP_FROM));
        if resting.len() >= self.sweep_resting_at.max(SWEEP_RESTING_FROM) {
            resting.retain(|_, resting| !resting.is_idle(now));
            self.sweep_resting_at = resting.len() / 4 * 5;
            resting.shrink_to(self.sweep_resting_at);
        }
    }
}

/// Counts all of these uses, or none of them; whether they passed, and what each found, in their order.
pub fn take(uses: &[Use<'_>], now: Timestamp) -> (bool, Readings) {
    let now = now.0;
    match uses {
        [] => return (true, Readings::new()),
        [one] => {
            let reading = one.counter.lock().take(one.limit, one.cost, now);
            return (reading.allowed, smallvec![reading]);
        }
        _ => {}
    }
    // Each counter once, and locked in one order, so that no two calls wait for each other.
    let mut counters: Vec<&Counter> = uses.iter().map(|one| one.counter).collect();
    counters.sort_unstable_by_key(|counter| std::ptr::from_ref(*counter));
    counters.dedup_by_key(|counter| std::ptr::from_ref(*counter));
    let mut locked: Vec<MutexGuard<'_, Window>> = counters.iter().map(|counter| counter.lock()).collect();
    let mut windows: Vec<Window> = locked.iter().map(|window| **window).collect();
    let place = |one: &Use<'_>| {
        let wanted = std::ptr::from_ref(one.counter);
        counters.binary_search_by_key(&wanted, |counter| std::ptr::from_ref(*counter)).unwrap_or(0)
    };
    let mut entries: Vec<Entry> = uses.iter().map(|one| Entry::new(place(one), one.limit, one.cost)).collect();
    let passed = take_all(&mut windows, &mut entries, now);
    if passed {
        for (stored, window) in locked.iter_mut().zip(windows) {
            **stored = window;
        }
    }
    (passed, entries.iter().map(|entry| entry.reading).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    #[test]
    fn several_pass_together_or_not_at_all() {
        let windows = Windows::new();
        let [a, b, c] = ["a", "b", "c"].map(|name| windows.counter(Owner::Key(1), name, 60_000, NOW));
        let one = |counter, limit, cost| Use { counter, limit: Limit { limit, duration: 60_000 }, cost };
        let (passed, readings) = take(&[one(&a, 5, 1), one(&b, 1, 2)], NOW);
        assert!(!passed);
        assert_eq!((readings[0].remaining, readings[1].remaining), (5, 0));
        assert_eq!(take(&[one(&a, 5, 5)], NOW).1[0].remaining, 0, "nothing was used");
        assert!(!take(&[one(&a, 5, 1)], NOW).0);
        let (passed, readings) = take(&[one(&c, 5, 2), one(&c, 5, 2)], NOW);
        assert!(passed);
        assert_eq!((readings[0].remaining, readings[1].remaining), (3, 1), "they see each other's cost");
        let again = windows.counter(Owner::Key(1), "c", 60_000, NOW);
        assert_eq!(take(&[one(&again, 5, 1)], NOW).1[0].remaining, 0, "it is the same counter");
    }

    #[test]
    fn a_counter_that_rested_goes_on_where_it_was() {
        let windows = Windows::new();
        let counter = |n: i64| windows.counter(Owner::Key(n), "requests", 60_000, NOW);
        let limit = Limit { limit: 100, duration: 60_000 };
        let use_of = |n: i64, cost| take(&[Use { counter: &counter(n), limit, cost }], NOW).1[0];
        for n in 0..200_000 {
            assert_eq!(use_of(n, n % 90).remaining, 100 - n % 90);
        }
        let [kept, resting] = windows.parts.iter().fold([0, 0], |[kept, resting], part| {
            let part = part.lock().expect("nobody panicked");
            [kept + part.counters.len(), resting + part.resting.len()]
        });
        assert!(kept <= PARTS * SWEEP_FROM * 2 && resting > 150_000, "{kept} and {resting}");
        for n in 0..200_000 {
            assert_eq!(use_of(n, 5).remaining, 95 - n % 90, "{n}");
        }
    }

    #[test]
    fn counters_that_nobody_needs_are_forgotten() {
        let windows = Windows::new();
        let limit = Limit { limit: 500_000, duration: 1000 };
        let kept = windows.counter(Owner::Namespace(1, "kept"), "", 1000, Timestamp(0));
        for n in 0..400_000 {
            let counter = windows.counter(Owner::Namespace(1, &format!("user_{n}")), "", 1000, Timestamp(n * 10));
            assert!(take(&[Use { counter: &counter, limit, cost: 1 }], Timestamp(n * 10)).0);
        }
        let of = |part: &Part| part.counters.len() + part.resting.len();
        let count: usize = windows.parts.iter().map(|part| part.lock().map_or(0, |part| of(&part))).sum();
        assert!(count <= PARTS * (SWEEP_FROM + SWEEP_RESTING_FROM), "{count}");
        let again = windows.counter(Owner::Namespace(1, "kept"), "", 1000, Timestamp(4_000_000));
        assert!(Arc::ptr_eq(&kept, &again), "whoever keeps one has the same as all others");
    }
}
