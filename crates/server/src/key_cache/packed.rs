//! Keys that are asked for now and then: packed, and without all that an answer says of them. One takes a tenth of what an
//! entry does, and to unpack it costs a tenth of reading it from the store.
//!
//! They stand one after the other in segments. When the oldest segment has to go, those of its keys that were asked for
//! since stay.

use std::collections::VecDeque;

use keyward_core::model::{key::KnownKey, root_key::Hash};

use super::places::{self, Places};

/// The most bytes of a segment.
const SEGMENT: usize = 16 * 1024;
/// How many segments a part of the cache may have at least.
const SEGMENTS: usize = 32;
/// What stands before a packed key: its length with that (2 bytes), how often it was used lately (1), its tag (4), and of
/// the hash of its text as much as nobody can find another text for. (Who migrates keys chooses hashes, but does not know
/// which of them get the same tag.)
const HEAD: usize = HASH + HASHED;
const HASHED: usize = 16;
const USED: usize = 2;
const TAG: usize = 3;
const HASH: usize = 7;
/// From how many uses on a key is not worth more.
const OFTEN: u8 = 3;

/// Where a packed key is: in which segment, and where there.
#[derive(Clone, Copy)]
struct Place {
    tag: u32,
    segment: u16,
    at: u16,
}

/// The segment that no key is in.
const NONE: u16 = u16::MAX;

impl Default for Place {
    fn default() -> Self {
        Self { tag: 0, segment: NONE, at: 0 }
    }
}

impl places::Place for Place {
    // Many of them take much room, and their tags are beside each other.
    const FREE: usize = 8;

    fn is_free(&self) -> bool {
        self.segment == NONE
    }

    fn tag(&self) -> u64 {
        self.tag.into()
    }
}

/// Packed keys by the hashes of their texts.
pub(super) struct Packed {
    places: Places<Place>,
    segments: Vec<Vec<u8>>,
    /// The segments from the oldest on.
    order: VecDeque<u16>,
    /// How large one is.
    segment: usize,
}

impl Packed {
    /// None, for a part of the cache that may take so many bytes.
    pub(super) fn new(most: usize) -> Self {
        let segment = (most / SEGMENTS).min(SEGMENT);
        Self { places: Places::new(), segments: Vec::new(), order: VecDeque::new(), segment }
    }

    /// How many bytes of memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.segments.len() * self.segment + self.places.bytes()
    }

    /// How many keys there are.
    pub(super) fn count(&self) -> usize {
        self.places.count()
    }

    fn record(&self, place: Place) -> &[u8] {
        let record = &self.segments[usize::from(place.segment)][usize::from(place.at)..];
        &record[..length(record)]
    }

    fn find(&self, tag: u64, hash: &Hash) -> Option<usize> {
        self.places.find(low(tag).into(), |place| self.record(*place)[HASH..HEAD] == hash[..HASHED])
    }

    /// The key with this hash.
    pub(super) fn get(&mut self, tag: u64, hash: &Hash) -> Option<KnownKey> {
        let place = *self.places.at(self.find(tag, hash)?);
        let used = &mut self.segments[usize::from(place.segment)][usize::from(place.at) + USED];
        *used = (*used + 1).min(OFTEN);
        KnownKey::unpack(&self.record(place)[HEAD..])
    }

    /// Forgets the key with this hash. Its bytes stay until their segment goes.
    pub(super) fn remove(&mut self, tag: u64, hash: &Hash) {
        if let Some(at) = self.find(tag, hash) {
            self.places.remove(at);
        }
    }

    /// Packs a key that may be packed already; with no more than `most` bytes for all. One that is too long for that is
    /// left out. Whether it is there, and was not before.
    pub(super) fn insert(&mut self, (tag, hash): (u64, &Hash), key: &KnownKey, most: usize) -> bool {
        if self.find(tag, hash).is_some() {
            return false;
        }
        let mut record = vec![0; HEAD];
        record[TAG..HASH].copy_from_slice(&low(tag).to_le_bytes());
        record[HASH..].copy_from_slice(&hash[..HASHED]);
        key.pack(&mut record);
        let Ok(length) = u16::try_from(record.len()) else { return false };
        record[..USED].copy_from_slice(&length.to_le_bytes());
        if record.len() > self.segment / 4 || !self.make_room(record.len(), most) {
            return false;
        }
        self.append(low(tag), &record);
        true
    }

    fn append(&mut self, tag: u32, record: &[u8]) {
        let Some(segment) = self.order.back().copied() else { return };
        let bytes = &mut self.segments[usize::from(segment)];
        let Ok(at) = u16::try_from(bytes.len()) else { return };
        bytes.extend_from_slice(record);
        self.places.insert(Place { tag, segment, at });
    }

    /// Whether there is room for so many bytes in the newest segment, another one if need be.
    fn make_room(&mut self, bytes: usize, most: usize) -> bool {
        // Each time a quarter of a segment goes at least.
        let mut left = self.order.len();
        while self.places.is_full() && self.bytes() + self.places.bytes() > most && left > 0 {
            self.renew_oldest();
            left -= 1;
        }
        if self.order.back().is_some_and(|newest| self.segments[usize::from(*newest)].len() + bytes <= self.segment) {
            return true;
        }
        let another = u16::try_from(self.segments.len()).ok().filter(|number| *number != NONE);
        match another.filter(|_| self.bytes() + self.segment <= most) {
            Some(number) => {
                self.segments.push(Vec::with_capacity(self.segment));
                self.order.push_back(number);
            }
            None => self.renew_oldest(),
        }
        !self.order.is_empty()
    }

    /// Makes the oldest segment the newest, with no more than three quarters of it in use: by keys that were asked for.
    fn renew_oldest(&mut self) {
        let Some(segment) = self.order.pop_front() else { return };
        let old = std::mem::replace(&mut self.segments[usize::from(segment)], Vec::with_capacity(self.segment));
        self.order.push_back(segment);
        let mut at = 0;
        while at < old.len() {
            let record = &old[at..at + length(&old[at..])];
            let (here, used) = (at, record[USED]);
            at += record.len();
            let tag = u32::from_le_bytes([record[TAG], record[TAG + 1], record[TAG + 2], record[TAG + 3]]);
            let is_it = |place: &Place| place.segment == segment && usize::from(place.at) == here;
            // What was forgotten has no place any more.
            let Some(place) = self.places.find(tag.into(), is_it) else { continue };
            self.places.remove(place);
            if used > 0 && self.segments[usize::from(segment)].len() + record.len() <= self.segment / 4 * 3 {
                let mut record = record.to_vec();
                record[USED] = used - 1;
                self.append(tag, &record);
            }
        }
    }
}

/// How long the record is that begins here.
fn length(record: &[u8]) -> usize {
    usize::from(u16::from_le_bytes([record[0], record[1]]))
}

/// The bits of a tag that choose places.
fn low(tag: u64) -> u32 {
    (tag & 0xFFFF_FFFF) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::key_cache::tests::key;

    const MOST: usize = 64 * 1024;

    fn hash(number: u64) -> Hash {
        let mut hash = [7; 32];
        hash[..8].copy_from_slice(&number.to_le_bytes());
        hash
    }

    /// Some keys share their tag.
    fn tag(number: u64) -> u64 {
        number / 3 * 0x9E37_79B9 % (1 << 32)
    }

    fn number(key: &KnownKey) -> Option<u64> {
        key.permissions().next().map(|permission| permission.0.unsigned_abs())
    }

    fn insert(packed: &mut Packed, number: u64) {
        packed.insert((tag(number), &hash(number)), &key(number.cast_signed()), MOST);
    }

    #[test]
    fn what_is_found_is_what_was_packed_and_not_removed() {
        let mut random = StdRng::seed_from_u64(8);
        let mut packed = Packed::new(MOST);
        let mut may_be_there: HashSet<u64> = HashSet::new();
        let mut found = 0;
        for step in 0..200_000 {
            let at = random.next_u64() % 3000;
            match random.random_range(0..4) {
                0 => {
                    packed.remove(tag(at), &hash(at));
                    may_be_there.remove(&at);
                }
                1 => {
                    insert(&mut packed, at);
                    may_be_there.insert(at);
                }
                _ => {
                    if let Some(key) = packed.get(tag(at), &hash(at)) {
                        found += 1;
                        assert_eq!(number(&key), Some(at), "step {step}: another key");
                        assert!(may_be_there.contains(&at), "step {step}: {at} was removed");
                    }
                }
            }
            let bytes = packed.bytes();
            assert!(bytes <= MOST, "step {step}: {bytes} bytes");
            assert!(packed.count() <= may_be_there.len());
        }
        assert!(found > 20_000, "{found} were found");
    }

    #[test]
    fn what_is_asked_for_stays() {
        let mut packed = Packed::new(MOST);
        for number in 0..10_000 {
            insert(&mut packed, number);
            for often in 0..20.min(number) {
                assert!(packed.get(tag(often), &hash(often)).is_some(), "{often} is gone after {number}");
            }
        }
        assert!((300..9000).contains(&packed.count()), "{} of 10,000", packed.count());
        assert!(packed.get(tag(100), &hash(100)).is_none(), "nobody asked for it");
    }

    #[test]
    fn one_that_is_too_long_is_left_out() {
        let mut packed = Packed::new(32 * HEAD);
        insert(&mut packed, 1);
        assert_eq!((packed.count(), packed.get(tag(1), &hash(1))), (0, None));
    }
}
