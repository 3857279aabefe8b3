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
use keyward_core::model::{key::KnownKey, root_key::Hash};

use super::{
    Entry,
    packed::Packed,
    places::{self, Places},
};
use crate::windows::Counter;

/// The most parts a table has: a part is locked by itself.
const PARTS: usize = 128;
/// How many bytes of entries a part has at least, so that what it holds is chosen among many.
const PART: usize = 256 * 1024;
/// The part of a full table that packed keys leave to entries: a sixth. (An entry takes ten times what a packed key does,
/// and to make it of that costs a tenth to a sixth of reading the key from the store: then about this is where all of them
/// together cost least.)
const ENTRIES: usize = 6;
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
        let place = self.part.places.at(self.part.find(self.tag, self.hash)?);
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
        black_box(part.places.at(part.places.home(tag)).tag);
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
        } else {
            part.pack(tag, &entry);
        }
    }

    /// The key with this hash, if it is packed.
    pub(super) fn unpack(&self, hash: &Hash) -> Option<KnownKey> {
        let tag = self.tag(hash);
        self.write(tag).packed.get(tag, hash)
    }

    /// Keeps an entry in the place of this one, if it is still there.
    pub(super) fn replace(&self, old: &Entry, new: Entry) {
        let tag = self.tag(old.hash());
        let mut part = self.write(tag);
        let Some(at) = part.find(tag, old.hash()) else { return };
        if part.places.at(at).entry.as_ref().is_some_and(|entry| entry.is(old)) {
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
        part.packed.remove(tag, hash);
    }

    /// How many entries there are, and how many packed keys.
    pub(super) fn count(&self) -> (usize, usize) {
        let parts = self.parts.iter().map(|part| part.read().unwrap_or_else(PoisonError::into_inner));
        parts
            .map(|part| (part.places.count(), part.packed.count()))
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
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

impl places::Place for Place {
    fn is_free(&self) -> bool {
        self.entry.is_none()
    }

    fn tag(&self) -> u64 {
        self.tag
    }
}

fn weight(entry: &Entry) -> usize {
    entry.weight() + OVERHEAD
}

/// Entries, and keys that are packed.
struct Part {
    places: Places<Place>,
    packed: Packed,
    /// How many bytes the entries take, and how many all may.
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
        let packed = Packed::new(most);
        Self { places: Places::new(), packed, weight: 0, most, hand: 0, seen: vec![0; seen].into() }
    }

    fn has_room(&self, entry: &Entry) -> bool {
        self.weight + self.packed.bytes() + weight(entry) <= self.most
    }

    /// Whether an entry with this tag was to be kept a short while ago.
    fn comes_back(&mut self, tag: u64) -> bool {
        let shown = (tag >> 32) as u32 | 1;
        let at = usize::try_from(tag & 0xFFFF_FFFF).unwrap_or(0) & (self.seen.len() - 1);
        std::mem::replace(&mut self.seen[at], shown) == shown
    }

    /// Where the entry with this hash stands.
    fn find(&self, tag: u64, hash: &Hash) -> Option<usize> {
        self.places.find(tag, |place| place.entry.as_ref().is_some_and(|entry| entry.hash() == hash))
    }

    /// Adds an entry whose hash is not there, unless it is larger than all that there is room for.
    fn insert(&mut self, tag: u64, entry: Entry) {
        if weight(&entry) > self.most {
            return;
        }
        // First, so that it is not the one that has to go.
        self.make_room(weight(&entry));
        if !self.has_room(&entry) {
            // What is packed has the rest.
            self.pack(tag, &entry);
            return;
        }
        self.weight += weight(&entry);
        self.places.insert(Place { tag, counter: entry.counter().cloned(), entry: Some(entry) });
    }

    fn remove(&mut self, at: usize) -> Option<Entry> {
        let entry = self.places.remove(at).entry?;
        self.weight -= weight(&entry);
        Some(entry)
    }

    /// Keeps an entry's key.
    fn pack(&mut self, tag: u64, entry: &Entry) {
        let most = self.most - self.most / ENTRIES;
        self.packed.insert((tag, entry.hash()), entry.key(), most);
        self.make_room(0);
    }

    /// Goes round the places and removes entries that were not used since it last came by, until there is room for so many
    /// bytes. The order of the places is a random one, which is as good as any. Of what is removed the key is packed.
    fn make_room(&mut self, bytes: usize) {
        let most = self.most - self.most / ENTRIES;
        while self.weight + self.packed.bytes() + bytes > self.most && self.places.count() > 0 {
            let place = self.places.at(self.hand);
            if place.entry.as_ref().is_none_or(Entry::grow_older) {
                self.hand = self.places.next(self.hand);
                continue;
            }
            let tag = place.tag;
            if let Some(entry) = self.remove(self.hand) {
                self.packed.insert((tag, entry.hash()), entry.key(), most);
            }
        }
    }
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
            assert_eq!(part.places.count(), there.len());
        }
        assert!(there.len() > 20, "{} are left", there.len());
        for (hash, tag) in there {
            let at = part.find(tag, &hash).expect("it is there");
            part.remove(at);
        }
        assert_eq!((part.places.count(), part.weight), (0, 0));
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
                if table.begin(hash).entry().is_none() {
                    assert!(table.unpack(hash).is_some(), "what is used is packed at least");
                    table.insert(entry(*hash));
                }
            }
            for _ in 0..200 {
                // Twice, so that it takes a place that another one has.
                let hash = hash();
                table.insert(entry(hash));
                table.insert(entry(hash));
                assert!(table.begin(&hash).entry().is_some(), "what comes back is kept");
            }
        }
        let once = hash();
        table.insert(entry(once));
        assert!(table.begin(&once).entry().is_none(), "what is asked for once takes nobody's place");
        assert!(table.unpack(&once).is_some(), "it is packed");
        table.remove(&once);
        assert!(table.unpack(&once).is_none(), "it is forgotten");
        let parts = table.parts.iter().map(|part| part.read().expect("nobody panicked"));
        let weight: usize = parts.map(|part| part.weight + part.packed.bytes()).sum();
        assert!(weight <= bytes && weight > bytes / 10 * 9, "{weight} of {bytes} bytes");
    }
}
