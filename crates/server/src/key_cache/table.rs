//! Where the entries are: a bounded table whose places point at them.
//!
//! Memory is what a lookup waits for, and it waits twice: for the place, and for all that the place points at. So a place
//! has a part of the hash beside its pointers, the rest is compared in the entry, which has to be fetched anyway, and the
//! counter that the entry counts with is pointed at from here too. Tables that keep tags, hashes or their own bookkeeping
//! elsewhere wait once more for each.

use std::{
    hash::BuildHasher,
    hint::black_box,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use foldhash::fast::RandomState;
use keyward_core::model::root_key::Hash;

use super::Entry;
use crate::windows::Counter;

/// The most parts a table has: a part is locked by itself.
const PARTS: usize = 128;
/// How many bytes of entries a part has at least, so that what it holds is chosen among many.
const PART: usize = 256 * 1024;
/// How many places a part begins with.
const PLACES: usize = 16;
/// For how many bytes of entries there is one place to remember what was not kept.
const SEEN_EVERY: usize = 512;
/// What an entry costs besides what it holds, in bytes: its place, and what an allocator rounds up.
const OVERHEAD: usize = 2 * size_of::<Place>() + 64;

/// Entries by the hashes of their keys' texts.
pub(super) struct Table {
    /// Who migrates keys chooses their hashes, but not where they stand here.
    hasher: RandomState,
    parts: Box<[RwLock<Part>]>,
}

/// A lookup that has begun: what it needs first is on its way to the processor.
pub(super) struct Lookup<'t> {
    part: RwLockReadGuard<'t, Part>,
    hash: &'t Hash,
    tag: u64,
}

impl Lookup<'_> {
    /// The entry. It is asked for with all of its memory, so that whoever reads it waits once.
    pub(super) fn entry(&self) -> Option<&Entry> {
        let place = &self.part.places[self.part.find(self.tag, self.hash)?];
        let entry = place.entry.as_ref()?;
        entry.fetch();
        black_box(place.counter.as_ref().map(Arc::strong_count));
        entry.mark_used();
        Some(entry)
    }
}

impl Table {
    /// An empty one for at most so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let parts = (bytes / PART).clamp(1, PARTS);
        let part = || RwLock::new(Part::new(bytes / parts));
        Self { hasher: RandomState::default(), parts: std::iter::repeat_with(part).take(parts).collect() }
    }

    fn tag(&self, hash: &Hash) -> u64 {
        self.hasher.hash_one(hash)
    }

    /// The part with this tag: chosen by other bits than the place in it.
    fn part(&self, tag: u64) -> &RwLock<Part> {
        &self.parts[usize::try_from(tag >> 48).unwrap_or(0) % self.parts.len()]
    }

    fn write(&self, tag: u64) -> RwLockWriteGuard<'_, Part> {
        self.part(tag).write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to look for the entry with this hash. Nothing may be changed in the table by whoever holds a lookup.
    pub(super) fn begin<'t>(&'t self, hash: &'t Hash) -> Lookup<'t> {
        let tag = self.tag(hash);
        let part = self.part(tag).read().unwrap_or_else(PoisonError::into_inner);
        black_box(part.places[part.home(tag)].tag);
        Lookup { part, hash, tag }
    }

    /// Keeps an entry, in the place of another with its hash. If that would cost another one its place, it is kept
    /// only when it comes back: most keys of a large store are asked for once in a long time.
    pub(super) fn insert(&self, entry: Entry) {
        let tag = self.tag(entry.hash());
        let mut part = self.write(tag);
        if let Some(at) = part.find(tag, entry.hash()) {
            part.remove(at);
        }
        if part.has_room(&entry) || part.comes_back(tag) {
            part.insert(tag, entry);
        }
    }

    /// Keeps an entry in the place of this one, if it is still there.
    pub(super) fn replace(&self, old: &Entry, new: Entry) {
        let tag = self.tag(old.hash());
        let mut part = self.write(tag);
        let Some(at) = part.find(tag, old.hash()) else { return };
        if part.places[at].entry.as_ref().is_some_and(|entry| entry.is(old)) {
            new.mark_used();
            part.remove(at);
            part.insert(tag, new);
        }
    }

    /// Forgets the entry with this hash.
    pub(super) fn remove(&self, hash: &Hash) {
        let tag = self.tag(hash);
        let mut part = self.write(tag);
        if let Some(at) = part.find(tag, hash) {
            part.remove(at);
        }
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.read().unwrap_or_else(PoisonError::into_inner).count).sum()
    }
}

/// A place, which may be free.
#[derive(Default)]
struct Place {
    tag: u64,
    entry: Option<Entry>,
    /// What the entry's first limit counts with.
    counter: Option<Arc<Counter>>,
}

fn weight(entry: &Entry) -> usize {
    entry.weight() + OVERHEAD
}

/// Places in a row, a power of two of them. An entry stands at its home, or behind it with no free place between.
struct Part {
    places: Box<[Place]>,
    count: usize,
    /// How many bytes the entries take, and how many they may.
    weight: usize,
    most: usize,
    /// The place that was last looked at to make room.
    hand: usize,
    /// Tags of entries that were not kept lately, each at a place of its own or another's.
    seen: Box<[u32]>,
}

impl Part {
    fn new(most: usize) -> Self {
        let seen = (most / SEEN_EVERY).next_power_of_two();
        Self { places: free(PLACES), count: 0, weight: 0, most, hand: 0, seen: vec![0; seen].into() }
    }

    fn home(&self, tag: u64) -> usize {
        low(tag) & (self.places.len() - 1)
    }

    fn has_room(&self, entry: &Entry) -> bool {
        self.weight + weight(entry) <= self.most
    }

    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.places.len() - 1)
    }

    /// Whether an entry with this tag was to be kept a short while ago. (By simulation, with ten million keys of a Zipf
    /// distribution and room for 2 % of them: 26 % of lookups miss instead of 29 %, and 3 % put something in instead of
    /// all that miss. An ideal choice would miss 24 %.)
    fn comes_back(&mut self, tag: u64) -> bool {
        let shown = (tag >> 32) as u32 | 1;
        let at = low(tag) & (self.seen.len() - 1);
        std::mem::replace(&mut self.seen[at], shown) == shown
    }

    /// How far a place is behind another.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.places.len() - 1)
    }

    /// Where the entry with this hash stands.
    fn find(&self, tag: u64, hash: &Hash) -> Option<usize> {
        let mut at = self.home(tag);
        loop {
            let place = &self.places[at];
            let entry = place.entry.as_ref()?;
            if place.tag == tag && entry.hash() == hash {
                return Some(at);
            }
            at = self.next(at);
        }
    }

    /// Adds an entry whose hash is not there, unless it is larger than all that there is room for.
    fn insert(&mut self, tag: u64, entry: Entry) {
        if weight(&entry) > self.most {
            return;
        }
        // First, so that it is not the one that has to go.
        self.make_room(&entry);
        // A quarter stays free, so that free places are near.
        if (self.count + 1) * 4 > self.places.len() * 3 {
            let twice = free(self.places.len() * 2);
            for place in std::mem::replace(&mut self.places, twice) {
                if place.entry.is_some() {
                    self.put(place);
                }
            }
        }
        self.weight += weight(&entry);
        self.count += 1;
        self.put(Place { tag, counter: entry.counter().cloned(), entry: Some(entry) });
    }

    fn put(&mut self, place: Place) {
        let mut at = self.home(place.tag);
        while self.places[at].entry.is_some() {
            at = self.next(at);
        }
        self.places[at] = place;
    }

    /// Frees a place. What stands behind it moves up, unless that would take it before its home.
    fn remove(&mut self, at: usize) {
        let Some(entry) = std::mem::take(&mut self.places[at]).entry else { return };
        self.weight -= weight(&entry);
        self.count -= 1;
        let (mut gap, mut at) = (at, self.next(at));
        while self.places[at].entry.is_some() {
            let home = self.home(self.places[at].tag);
            if self.distance(home, at) >= self.distance(gap, at) {
                self.places.swap(gap, at);
                gap = at;
            }
            at = self.next(at);
        }
    }

    /// Goes round the places and removes entries that were not used since it last came by, until there is room for this
    /// one. The order of the places is a random one, which is as good as any.
    fn make_room(&mut self, new: &Entry) {
        while !self.has_room(new) {
            if self.places[self.hand].entry.as_ref().is_none_or(Entry::grow_older) {
                self.hand = self.next(self.hand);
            } else {
                self.remove(self.hand);
            }
        }
    }
}

/// The bits of a tag that choose places; those that choose a part are others.
fn low(tag: u64) -> usize {
    usize::try_from(tag & 0xFFFF_FFFF).unwrap_or(0)
}

fn free(places: usize) -> Box<[Place]> {
    std::iter::repeat_with(Place::default).take(places).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::key_cache::tests::entry;

    /// Whoever looks finds just what is there, wherever it stands.
    #[test]
    fn every_entry_that_was_kept_and_not_removed_is_found() {
        let mut random = StdRng::seed_from_u64(5);
        // Three homes for a hundred entries, so that nearly each stands behind others; and the row's end in their midst.
        let mut part = Part::new(1 << 20);
        let mut there: HashMap<Hash, u64> = HashMap::new();
        for step in 0..20_000 {
            let hash = [u8::try_from(random.next_u64() % 120).unwrap_or(0); 32];
            let tag = u64::MAX - u64::from(hash[0] % 3) * 2 - (u64::from(hash[0] % 5) << 40);
            match part.find(tag, &hash) {
                Some(at) if step % 2 == 0 => {
                    part.remove(at);
                    assert_eq!(there.remove(&hash), Some(tag), "step {step}: it was not there");
                }
                Some(_) => assert_eq!(there.get(&hash), Some(&tag), "step {step}: it was not there"),
                None => {
                    assert_eq!(there.insert(hash, tag), None, "step {step}: it was there");
                    part.insert(tag, entry(hash));
                }
            }
            for (hash, tag) in &there {
                assert!(part.find(*tag, hash).is_some(), "step {step}: {} is lost", hash[0]);
            }
            assert_eq!(part.count, there.len());
        }
        assert!(there.len() > 20, "{} are left", there.len());
        for (hash, tag) in there {
            let at = part.find(tag, &hash).expect("it is there");
            part.remove(at);
        }
        assert_eq!((part.count, part.weight), (0, 0));
    }

    /// What is used stays, and what is not makes room for others.
    #[test]
    fn a_full_table_keeps_what_is_used() {
        let mut random = StdRng::seed_from_u64(6);
        let mut hash = || {
            let mut hash = [0; 32];
            random.fill(&mut hash);
            hash
        };
        let often: Vec<Hash> = (0..100).map(|_| hash()).collect();
        let bytes = 1024 * weight(&entry([0; 32]));
        let table = Table::new(bytes);
        for hash in &often {
            table.insert(entry(*hash));
        }
        for _ in 0..50 {
            for hash in &often {
                table.begin(hash).entry();
            }
            for _ in 0..200 {
                // Twice, so that it takes a place that another one has.
                let hash = hash();
                table.insert(entry(hash));
                table.insert(entry(hash));
                assert!(table.begin(&hash).entry().is_some(), "what comes back is kept");
            }
        }
        let kept = often.iter().filter(|hash| table.begin(hash).entry().is_some()).count();
        assert_eq!(kept, often.len());
        let once = hash();
        table.insert(entry(once));
        assert!(table.begin(&once).entry().is_none(), "what is asked for once takes nobody's place");
        let weight: usize = table.parts.iter().map(|part| part.read().expect("nobody panicked").weight).sum();
        assert!(weight <= bytes && weight > bytes / 10 * 9, "{weight} of {bytes} bytes");
    }
}
