//! Where the entries are: a bounded table whose places point at them.
//!
//! Memory is what a lookup waits for, and it waits twice: for the place, and for all that the place points at. So a place
//! has a part of the hash beside its pointers, the rest is compared in the entry, which has to be fetched anyway, and what
//! the entry points at is pointed at from here too: the counter that it counts with, and what its key holds. Tables that
//! keep tags, hashes or their own bookkeeping elsewhere wait once more for each.

use std::{
    hash::BuildHasher,
    hint::black_box,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use foldhash::fast::RandomState;
use keyward_core::model::{key::KnownKey, root_key::Hash};

use super::{Entry, holdings::Holdings, part::Part};

/// The most parts a table has: a part is locked by itself.
const PARTS: usize = 128;
/// How many bytes of entries a part has at least, so that what it holds is chosen among many.
const PART: usize = 256 * 1024;

/// Entries by the hashes of their keys' texts.
pub(super) struct Table {
    /// Who migrates keys chooses their hashes, but not where they stand here.
    hasher: RandomState,
    parts: Box<[RwLock<Part>]>,
    /// How many of the parts were emptied since one of them was full for the first time.
    emptied: AtomicUsize,
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
        let (entry, (counter, holdings)) = self.part.get(self.tag, self.hash)?;
        black_box((counter.map(Arc::strong_count), holdings.map(Holdings::fetch)));
        entry.fetch();
        entry.mark_used();
        Some(entry)
    }
}

impl Table {
    /// An empty one for at most so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let parts = (bytes / PART).clamp(1, PARTS);
        let part = || RwLock::new(Part::new(bytes / parts));
        let parts = std::iter::repeat_with(part).take(parts).collect();
        Self { hasher: RandomState::default(), parts, emptied: AtomicUsize::new(0) }
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
        part.fetch(tag);
        Lookup { part, hash, tag }
    }

    /// Keeps an entry, in the place of another with its hash. If that would cost another one its place, it is kept
    /// only when it comes back: most keys of a large store are asked for once in a long time.
    pub(super) fn insert(&self, entry: &Entry) {
        let tag = self.tag(entry.hash());
        {
            let mut part = self.write(tag);
            if !self.is_being_emptied() && part.keep(tag, entry) {
                return;
            }
            part.keep_packed(tag, entry);
        }
        self.empty_another();
    }

    fn is_being_emptied(&self) -> bool {
        (1..self.parts.len()).contains(&self.emptied.load(Ordering::Relaxed))
    }

    /// Empties the next of the parts, in their order. All of them are, before one has entries again: what is left of many
    /// entries, one here and one there, would keep the memory of all from whatever else there is.
    fn empty_another(&self) {
        let at = self.emptied.load(Ordering::Relaxed);
        let Some(part) = self.parts.get(at) else { return };
        let mut part = part.write().unwrap_or_else(PoisonError::into_inner);
        if part.empty() {
            self.emptied.store(at + 1, Ordering::Relaxed);
        }
    }

    /// The key with this hash, if it is packed.
    pub(super) fn unpack(&self, hash: &Hash) -> Option<KnownKey> {
        let tag = self.tag(hash);
        self.write(tag).unpack(tag, hash)
    }

    /// Keeps an entry in the place of this one, if it is still there.
    pub(super) fn replace(&self, old: &Entry, new: Entry) {
        let tag = self.tag(old.hash());
        self.write(tag).replace(tag, old, new);
    }

    /// Forgets the entry with this hash.
    pub(super) fn remove(&self, hash: &Hash) {
        let tag = self.tag(hash);
        self.write(tag).forget(tag, hash);
    }

    /// How many entries there are, and how many packed keys.
    pub(super) fn count(&self) -> (usize, usize) {
        let parts = self.parts.iter().map(|part| part.read().unwrap_or_else(PoisonError::into_inner));
        parts.map(|part| part.count()).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::{super::part::weight, *};
    use crate::key_cache::tests::entry;

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
            table.insert(&entry(*hash));
        }
        for _ in 0..50 {
            for hash in &often {
                if table.begin(hash).entry().is_none() {
                    assert!(table.unpack(hash).is_some(), "what is used is packed at least");
                    table.insert(&entry(*hash));
                }
            }
            for _ in 0..200 {
                // Twice, so that it takes a place that another one has.
                let hash = hash();
                table.insert(&entry(hash));
                table.insert(&entry(hash));
                assert!(table.begin(&hash).entry().is_some(), "what comes back is kept");
            }
        }
        let once = hash();
        table.insert(&entry(once));
        assert!(table.begin(&once).entry().is_none(), "what is asked for once takes nobody's place");
        assert!(table.unpack(&once).is_some(), "it is packed");
        table.remove(&once);
        assert!(table.unpack(&once).is_none(), "it is forgotten");
        let parts = table.parts.iter().map(|part| part.read().expect("nobody panicked"));
        let weight: usize = parts.map(|part| part.bytes()).sum();
        assert!(weight <= bytes && weight > bytes / 4 * 3, "{weight} of {bytes} bytes");
    }
}
