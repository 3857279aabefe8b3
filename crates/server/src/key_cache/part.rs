//! A part of the table: entries, and keys that are packed.

use std::{hint::black_box, sync::Arc};

use keyward_core::model::{key::KnownKey, root_key::Hash};

use super::{
    Entry,
    holdings::Holdings,
    packed::Packed,
    places::{self, Places},
};
use crate::windows::Counter;

/// The part of a full table that packed keys leave to entries at least: a sixth. (An entry takes ten times what a packed
/// key does, and to make it of that costs a tenth to a sixth of reading the key from the store: then about this is where
/// all of them together cost least.)
const ENTRIES: usize = 6;
/// When nothing was packed while entries were kept so many times as there are packed keys, entries get what is left.
const QUIET: usize = 4;
/// For how many bytes of entries there is one place to remember what was not kept.
const SEEN_EVERY: usize = 512;
/// What an entry costs besides what it holds, in bytes: its place, and what an allocator rounds up.
const OVERHEAD: usize = 2 * size_of::<Place>() + 64;

/// A place, which may be free.
#[derive(Default)]
struct Place {
    tag: u64,
    entry: Option<Entry>,
    /// What the entry's first limit counts with.
    counter: Option<Arc<Counter>>,
    /// What the entry's key holds.
    holdings: Option<Holdings>,
}

/// What a place points at, beside its entry.
pub(super) type Beside<'p> = (Option<&'p Arc<Counter>>, Option<&'p Holdings>);

impl places::Place for Place {
    // So that a free one is near.
    const FREE: usize = 4;

    fn is_free(&self) -> bool {
        self.entry.is_none()
    }

    fn tag(&self) -> u64 {
        self.tag
    }
}

pub(super) fn weight(entry: &Entry) -> usize {
    entry.weight() + OVERHEAD
}

/// Entries, and keys that are packed.
pub(super) struct Part {
    places: Places<Place>,
    packed: Packed,
    /// How many bytes the entries take, how many they may, and how many all may.
    weight: usize,
    most_entries: usize,
    most: usize,
    /// Whether packed keys have a part of the room: since the table was full for the first time.
    is_shared: bool,
    /// How many entries were to be kept since a key was packed that was not before.
    quiet: usize,
    /// The place that was last looked at to make room.
    hand: usize,
    /// Tags of entries that were not kept lately, each at a place of its own or another's.
    seen: Box<[u32]>,
}

impl Part {
    /// An empty one for at most so many bytes.
    pub(super) fn new(most: usize) -> Self {
        let seen = (most / SEEN_EVERY).next_power_of_two();
        let packed = Packed::new(most);
        let (places, seen) = (Places::new(), vec![0; seen].into());
        Self { places, packed, weight: 0, most_entries: most, most, is_shared: false, quiet: 0, hand: 0, seen }
    }

    /// How many entries there are, and how many packed keys.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.places.count(), self.packed.count())
    }

    /// How many bytes all of them take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.weight + self.packed.bytes()
    }

    /// Has the place fetched where an entry with this tag should stand.
    pub(super) fn fetch(&self, tag: u64) {
        black_box(self.places.at(self.places.home(tag)).tag);
    }

    /// The entry with this hash, what its first limit counts with, and what its key holds.
    pub(super) fn get(&self, tag: u64, hash: &Hash) -> Option<(&Entry, Beside<'_>)> {
        let place = self.places.at(self.find(tag, hash)?);
        Some((place.entry.as_ref()?, (place.counter.as_ref(), place.holdings.as_ref())))
    }

    /// The key with this hash, if it is packed.
    pub(super) fn unpack(&mut self, tag: u64, hash: &Hash) -> Option<KnownKey> {
        self.packed.get(tag, hash)
    }

    /// Packs every key, once: from then on entries have their part of the room, and packed keys the other. Whether it is
    /// the first time.
    pub(super) fn empty(&mut self) -> bool {
        if std::mem::replace(&mut self.is_shared, true) {
            return false;
        }
        self.most_entries = self.most / ENTRIES;
        (self.weight, self.hand) = (0, 0);
        for place in std::mem::replace(&mut self.places, Places::new()) {
            if let Some(entry) = place.entry {
                self.pack(place.tag, &entry);
            }
        }
        true
    }

    /// As the table's `insert` says. Not if there is no room for it, and the part is to be emptied first.
    pub(super) fn keep(&mut self, tag: u64, entry: &Entry) -> bool {
        if let Some(at) = self.find(tag, entry.hash()) {
            self.remove(at);
        }
        if !self.is_shared && !self.has_room(weight(entry)) {
            return false;
        }
        self.note_use();
        if self.has_room(weight(entry)) || self.comes_back(tag) {
            self.insert(tag, entry.clone());
        } else {
            self.pack(tag, entry);
            self.make_room(0);
        }
        true
    }

    /// Keeps an entry's key.
    pub(super) fn keep_packed(&mut self, tag: u64, entry: &Entry) {
        if let Some(at) = self.find(tag, entry.hash()) {
            self.remove(at);
        }
        self.pack(tag, entry);
    }

    /// Keeps an entry in the place of this one, if it is still there.
    pub(super) fn replace(&mut self, tag: u64, old: &Entry, new: Entry) {
        let Some(at) = self.find(tag, old.hash()) else { return };
        if self.places.at(at).entry.as_ref().is_some_and(|entry| entry.is(old)) {
            new.mark_used();
            self.remove(at);
            self.insert(tag, new);
        }
    }

    /// Forgets what has this hash.
    pub(super) fn forget(&mut self, tag: u64, hash: &Hash) {
        if let Some(at) = self.find(tag, hash) {
            self.remove(at);
        }
        self.packed.remove(tag, hash);
    }

    /// Whether there is room for so many bytes of entries.
    fn has_room(&self, bytes: usize) -> bool {
        self.weight + bytes <= self.most_entries
    }

    /// Notes that an entry is to be kept, whether or not it is.
    fn note_use(&mut self) {
        self.quiet += 1;
        if self.is_shared && self.quiet > QUIET * self.packed.count() {
            self.quiet = 0;
            self.most_entries = self.left();
        }
    }

    /// How many bytes packed keys leave.
    fn left(&self) -> usize {
        self.most.saturating_sub(self.packed.bytes()).max(self.most / ENTRIES)
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
        if weight(&entry) > self.most_entries {
            self.pack(tag, &entry);
            return;
        }
        // First, so that it is not the one that has to go.
        self.make_room(weight(&entry));
        self.weight += weight(&entry);
        let (counter, holdings) = (entry.counter().cloned(), entry.holdings().cloned());
        self.places.insert(Place { tag, entry: Some(entry), counter, holdings });
    }

    fn remove(&mut self, at: usize) -> Option<Entry> {
        let entry = self.places.remove(at).entry?;
        self.weight -= weight(&entry);
        Some(entry)
    }

    /// Keeps an entry's key. Entries may have to give way to it.
    fn pack(&mut self, tag: u64, entry: &Entry) {
        if !self.packed.insert((tag, entry.hash()), entry.key(), self.most - self.most / ENTRIES) {
            return;
        }
        self.quiet = 0;
        self.most_entries = self.most_entries.min(self.left());
    }

    /// Goes round the places and removes entries that were not used since it last came by, until there is room for so many
    /// bytes. The order of the places is a random one, which is as good as any. Of what is removed the key is packed.
    fn make_room(&mut self, bytes: usize) {
        while !self.has_room(bytes) && self.places.count() > 0 {
            let place = self.places.at(self.hand);
            if place.entry.as_ref().is_none_or(Entry::grow_older) {
                self.hand = self.places.next(self.hand);
                continue;
            }
            let tag = place.tag;
            if let Some(entry) = self.remove(self.hand) {
                self.pack(tag, &entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::{Rng, SeedableRng, rngs::StdRng};

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

    /// A few more keys than there is room for in the form of entries: in the end most are entries again.
    #[test]
    fn entries_of_a_full_table_get_what_packed_keys_leave() {
        let most = 1024 * weight(&entry([0; 32]));
        let mut part = Part::new(most);
        let hash = |number: u16| {
            let mut hash = [0; 32];
            hash[..2].copy_from_slice(&number.to_le_bytes());
            hash
        };
        let tag = |number: u16| u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let ask = |part: &mut Part, number: u16| {
            let (entry, tag) = (entry(hash(number)), tag(number));
            if part.find(tag, entry.hash()).is_some() {
                return;
            }
            if !part.keep(tag, &entry) {
                assert!(part.empty() && part.keep(tag, &entry));
            }
            // The places that packed keys begin with are not taken from what entries have.
            assert!(part.weight <= part.most_entries && part.bytes() <= most + 128, "{number}");
        };
        (0..1024).for_each(|number| ask(&mut part, number));
        assert_eq!((part.places.count(), part.packed.count(), part.is_shared), (1024, 0, false));
        ask(&mut part, 1024);
        assert_eq!((part.places.count(), part.packed.count(), part.is_shared), (1, 1024, true));
        (0..1100).for_each(|number| ask(&mut part, number));
        assert!(part.weight <= most / ENTRIES, "{} of {most}", part.weight);
        for _ in 0..20 {
            (0..1100).for_each(|number| ask(&mut part, number));
        }
        assert!(part.weight > most / 2, "{} of {most}", part.weight);
        (2000..20_000).for_each(|number| ask(&mut part, number));
        assert!(part.weight <= part.left(), "{} of {most}", part.weight);
    }
}
