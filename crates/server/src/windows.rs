//! The windows of all rate limits, in memory: what was used lately. They begin empty with the program, and each node
//! counts what it sees itself.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use keyward_core::{
    time::Timestamp,
    window::{Entry, Limit, Reading, Window, take_all},
};
use smallvec::{SmallVec, smallvec};

/// How many parts the windows are kept in, each with a lock of its own.
const PARTS: usize = 64;
/// A part is looked through for windows nobody needs any more when it has doubled since the last time, and not before
/// it has this many.
const SWEEP_FROM: usize = 1024;

/// Which counter it is: 128 bits of a keyed hash over all that tells one from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Counter(u64, u64);

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

/// A use that is to be counted.
#[derive(Debug, Clone, Copy)]
pub struct Use {
    /// Against which counter.
    pub counter: Counter,
    /// Within which limit.
    pub limit: Limit,
    /// How much.
    pub cost: i64,
}

#[derive(Debug, Default)]
struct Part {
    windows: HashMap<Counter, (Window, i64), AsItIs>,
    sweep_at: usize,
}

/// The counter is a hash already.
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
    pub fn counter(&self, owner: Owner<'_>, name: &str, duration: i64) -> Counter {
        let all = (owner, name, duration);
        Counter(self.hashes.0.hash_one(all), self.hashes.1.hash_one(all))
    }

    fn part(&self, counter: Counter) -> usize {
        usize::try_from(counter.0 % 64).unwrap_or(0)
    }

    fn lock(&self, part: usize) -> MutexGuard<'_, Part> {
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts all of these uses, or none of them; whether they passed, and what each found, in their order.
    pub fn take(&self, uses: &[Use], now: Timestamp) -> (bool, Readings) {
        let now = now.0;
        if let [one] = uses {
            let mut part = self.lock(self.part(one.counter));
            let reading = part.window(one, now).take(one.limit, one.cost, now);
            return (reading.allowed, smallvec![reading]);
        }
        // Each counter once; parts are locked in one order, so that no two calls wait for each other.
        let mut counters: Vec<Counter> = uses.iter().map(|one| one.counter).collect();
        counters.sort_unstable();
        counters.dedup();
        let mut numbers: Vec<usize> = counters.iter().map(|counter| self.part(*counter)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut parts: Vec<MutexGuard<'_, Part>> = numbers.iter().map(|part| self.lock(*part)).collect();
        let place = |counter: Counter| numbers.binary_search(&self.part(counter)).unwrap_or(0);
        let first = |counter: Counter| uses.iter().find(|one| one.counter == counter);
        let mut windows: Vec<Window> = Vec::with_capacity(counters.len());
        for counter in &counters {
            let known = first(*counter).map(|one| *parts[place(*counter)].window(one, now));
            windows.push(known.unwrap_or_default());
        }
        let index = |counter: Counter| counters.binary_search(&counter).unwrap_or(0);
        let mut entries: Vec<Entry> =
            uses.iter().map(|one| Entry::new(index(one.counter), one.limit, one.cost)).collect();
        let passed = take_all(&mut windows, &mut entries, now);
        if passed {
            for (counter, window) in counters.iter().zip(windows) {
                if let Some((stored, _)) = parts[place(*counter)].windows.get_mut(counter) {
                    *stored = window;
                }
            }
        }
        (passed, entries.iter().map(|entry| entry.reading).collect())
    }
}

impl Part {
    fn window(&mut self, one: &Use, now: i64) -> &mut Window {
        if self.windows.len() >= self.sweep_at.max(SWEEP_FROM) {
            self.windows.retain(|_, (window, duration)| !window.is_idle(*duration, now));
            self.sweep_at = self.windows.len() * 2;
        }
        &mut self.windows.entry(one.counter).or_insert((Window::default(), one.limit.duration)).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_pass_together_or_not_at_all() {
        let windows = Windows::new();
        let limit = |limit| Limit { limit, duration: 60_000 };
        let one = |name: &str, most, cost| Use {
            counter: windows.counter(Owner::Key(1), name, 60_000),
            limit: limit(most),
            cost,
        };
        let now = Timestamp(1_700_000_000_000);
        let (passed, readings) = windows.take(&[one("a", 5, 1), one("b", 1, 2)], now);
        assert!(!passed);
        assert_eq!((readings[0].remaining, readings[1].remaining), (5, 0));
        assert_eq!(windows.take(&[one("a", 5, 5)], now).1[0].remaining, 0, "nothing was used");
        assert!(!windows.take(&[one("a", 5, 1)], now).0);
        let (passed, readings) = windows.take(&[one("c", 5, 2), one("c", 5, 2)], now);
        assert!(passed);
        assert_eq!((readings[0].remaining, readings[1].remaining), (3, 1), "they see each other's cost");
    }

    #[test]
    fn windows_that_nobody_needs_are_forgotten() {
        let windows = Windows::new();
        for n in 0..400_000 {
            let counter = windows.counter(Owner::Namespace(1, &format!("user_{n}")), "", 1000);
            let limit = Limit { limit: 5, duration: 1000 };
            assert!(windows.take(&[Use { counter, limit, cost: 1 }], Timestamp(n * 10)).0);
        }
        let kept: usize = windows.parts.iter().map(|part| part.lock().map_or(0, |part| part.windows.len())).sum();
        assert!(kept <= PARTS * SWEEP_FROM, "{kept}");
    }
}
