//! Places in a row, found by tags.

/// A place, which may be free.
pub(super) trait Place: Default {
    /// One of so many places stays free.
    const FREE: usize;

    /// Whether nothing is there.
    fn is_free(&self) -> bool;
    /// Of what is there. Its lowest 32 bits choose the place.
    fn tag(&self) -> u64;
}

/// How many places a row begins with.
const PLACES: usize = 16;

/// A power of two of places. What is kept stands at its home, or behind it with no free place between.
pub(super) struct Places<P> {
    row: Box<[P]>,
    count: usize,
}

impl<P: Place> Places<P> {
    pub(super) fn new() -> Self {
        Self { row: free(PLACES), count: 0 }
    }

    /// How many places are taken.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many bytes the places take.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.row)
    }

    pub(super) fn at(&self, at: usize) -> &P {
        &self.row[at]
    }

    pub(super) fn home(&self, tag: u64) -> usize {
        usize::try_from(tag & 0xFFFF_FFFF).unwrap_or(0) & (self.row.len() - 1)
    }

    pub(super) fn next(&self, at: usize) -> usize {
        (at + 1) & (self.row.len() - 1)
    }

    /// How far a place is behind another.
    fn distance(&self, from: usize, to: usize) -> usize {
        to.wrapping_sub(from) & (self.row.len() - 1)
    }

    /// Where that stands which has this tag and is what is looked for.
    pub(super) fn find(&self, tag: u64, is: impl Fn(&P) -> bool) -> Option<usize> {
        let mut at = self.home(tag);
        loop {
            let place = &self.row[at];
            if place.is_free() {
                return None;
            }
            if place.tag() == tag && is(place) {
                return Some(at);
            }
            at = self.next(at);
        }
    }

    /// Whether one more takes twice as many places.
    pub(super) fn is_full(&self) -> bool {
        (self.count + 1) * P::FREE > self.row.len() * (P::FREE - 1)
    }

    /// Adds what is not there.
    pub(super) fn insert(&mut self, place: P) {
        if self.is_full() {
            let twice = free(self.row.len() * 2);
            for place in std::mem::replace(&mut self.row, twice) {
                if !place.is_free() {
                    self.put(place);
                }
            }
        }
        self.count += 1;
        self.put(place);
    }

    fn put(&mut self, place: P) {
        let mut at = self.home(place.tag());
        while !self.row[at].is_free() {
            at = self.next(at);
        }
        self.row[at] = place;
    }

    /// Frees a place that is taken. What stands behind it moves up, unless that would take it before its home.
    pub(super) fn remove(&mut self, at: usize) -> P {
        let removed = std::mem::take(&mut self.row[at]);
        self.count -= 1;
        let (mut gap, mut at) = (at, self.next(at));
        while !self.row[at].is_free() {
            let home = self.home(self.row[at].tag());
            if self.distance(home, at) >= self.distance(gap, at) {
                self.row.swap(gap, at);
                gap = at;
            }
            at = self.next(at);
        }
        removed
    }
}

impl<P: Place> IntoIterator for Places<P> {
    type Item = P;
    type IntoIter = std::vec::IntoIter<P>;

    /// All places, also those that are free.
    fn into_iter(self) -> Self::IntoIter {
        self.row.into_vec().into_iter()
    }
}

fn free<P: Default>(places: usize) -> Box<[P]> {
    std::iter::repeat_with(P::default).take(places).collect()
}
