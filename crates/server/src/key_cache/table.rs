//! Where the entries are: a bounded table whose places point at them. A place is near the processor and an entry is far,
//! so a lookup goes far once; a cache that keeps hashes and its own bookkeeping beside each entry goes there twice.

use std::{
    hash::BuildHasher,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use hashbrown::HashTable;
use keyward_core::{model::root_key::Hash, snapshot::FirstBytes};

use super::Entry;

/// The most parts a table has: a part is locked by itself.
const PARTS: usize = 128;
/// How many bytes of entries a part has at least, so that what it holds is chosen among many.
const PART: usize = 256 * 1024;
/// What an entry costs besides what it holds, in bytes: its place, and what an allocator rounds up.
const OVERHEAD: usize = 20 + 64;

/// Entries by the hashes of their keys' texts.
pub(super) struct Table {
    parts: Box<[RwLock<Part>]>,
}

impl Table {
    /// An empty one for at most so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let parts = (bytes / PART).clamp(1, PARTS);
        let part = || RwLock::new(Part { entries: HashTable::new(), weight: 0, most: bytes / parts, hand: 0 });
        Self { parts: std::iter::repeat_with(part).take(parts).collect() }
    }

    fn part(&self, hash: &Hash) -> &RwLock<Part> {
        // Other bytes than those that choose the place within the part.
        let [.., last, before] = hash;
        &self.parts[usize::from(u16::from_le_bytes([*last, *before])) % self.parts.len()]
    }

    fn read(&self, hash: &Hash) -> RwLockReadGuard<'_, Part> {
        self.part(hash).read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, hash: &Hash) -> RwLockWriteGuard<'_, Part> {
        self.part(hash).write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry with this hash, and what `meanwhile` returns: it is carried out while the entry is on its way to the
    /// processor.
    pub(super) fn get<M>(&self, hash: &Hash, meanwhile: impl FnOnce() -> M) -> Option<(Entry, M)> {
        let part = self.read(hash);
        let entry = part.entries.find(place(hash), |entry| entry.hash() == hash)?;
        entry.fetch();
        let result = meanwhile();
        entry.mark_used();
        // Last: a processor counts a reference when all that was asked for before is there.
        Some((entry.clone(), result))
    }

    /// Keeps an entry, in the place of another with its hash.
    pub(super) fn insert(&self, entry: Entry) {
        let hash = *entry.hash();
        let mut part = self.write(&hash);
        part.remove(&hash);
        part.weight += weight(&entry);
        part.entries.insert_unique(place(&hash), entry, |entry| place(entry.hash()));
        part.make_room();
    }

    /// Keeps an entry in the place of this one, if it is still there.
    pub(super) fn replace(&self, old: &Entry, new: Entry) {
        let hash = old.hash();
        let mut part = self.write(hash);
        let part = &mut *part;
        let Some(entry) = part.entries.find_mut(place(hash), |entry| entry.is(old)) else { return };
        part.weight = part.weight - weight(entry) + weight(&new);
        new.mark_used();
        *entry = new;
        part.make_room();
    }

    /// Forgets the entry with this hash.
    pub(super) fn remove(&self, hash: &Hash) {
        self.write(hash).remove(hash);
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.read().unwrap_or_else(PoisonError::into_inner).entries.len()).sum()
    }
}

fn place(hash: &Hash) -> u64 {
    FirstBytes.hash_one(hash)
}

fn weight(entry: &Entry) -> usize {
    entry.weight() + OVERHEAD
}

struct Part {
    entries: HashTable<Entry>,
    /// How many bytes the entries take, and how many they may.
    weight: usize,
    most: usize,
    /// The place that was last looked at to make room.
    hand: usize,
}

impl Part {
    fn remove(&mut self, hash: &Hash) {
        let found = self.entries.find_entry(place(hash), |entry| entry.hash() == hash);
        if let Ok(found) = found {
            let (entry, _) = found.remove();
            self.weight -= weight(&entry);
        }
    }

    /// Goes round the places and removes entries that were not used since it last came by, until the rest may stay. The
    /// places are in the order of random hashes, which is as good as any.
    fn make_room(&mut self) {
        while self.weight > self.most && !self.entries.is_empty() {
            self.hand = (self.hand + 1) % self.entries.num_buckets();
            if self.entries.get_bucket(self.hand).is_none_or(Entry::grow_older) {
                continue;
            }
            if let Ok(found) = self.entries.get_bucket_entry(self.hand) {
                let (entry, _) = found.remove();
                self.weight -= weight(&entry);
            }
        }
    }
}
