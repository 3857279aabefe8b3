//! Things by their number, which count up from 1 and are never used twice.
//!
//! A persistent vector: a copy shares all that did not change, and a lookup costs a few steps, whatever there is.

use std::sync::Arc;

use imbl::Vector;

/// Things by their number.
#[derive(Debug)]
pub struct Slots<T> {
    slots: Vector<Option<Arc<T>>>,
    count: usize,
}

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), count: self.count }
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vector::new(), count: 0 }
    }
}

impl<T> Slots<T> {
    /// The thing with this number, if it is there.
    pub fn get(&self, number: i64) -> Option<&Arc<T>> {
        self.slots.get(usize::try_from(number).ok()?)?.as_ref()
    }

    /// Puts a thing in its place, or takes it away; returns what was there.
    ///
    /// # Panics
    /// Never for a number that the store gave: those are not negative.
    pub fn set(&mut self, number: i64, thing: Option<Arc<T>>) -> Option<Arc<T>> {
        let place = usize::try_from(number).unwrap_or_else(|_| unreachable!("numbers count up from 1"));
        let Some(is_there) = self.slots.get(place).map(Option::is_some) else {
            if thing.is_some() {
                self.slots.extend(std::iter::repeat_with(|| None).take(place - self.slots.len()));
                self.slots.push_back(thing);
                self.count += 1;
            }
            return None;
        };
        if !is_there && thing.is_none() {
            return None;
        }
        self.count = self.count + usize::from(thing.is_some()) - usize::from(is_there);
        self.slots.set(place, thing)
    }

    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.slots.iter().flatten()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_and_go_and_copies_stay() {
        let mut slots = Slots::default();
        assert_eq!(slots.set(3, Some(Arc::new("three"))), None);
        assert_eq!(slots.set(1, Some(Arc::new("one"))), None);
        let before = slots.clone();
        assert_eq!(slots.set(3, None).as_deref(), Some(&"three"));
        assert_eq!(slots.set(9, None), None);
        assert_eq!((slots.count(), before.count()), (1, 2));
        assert_eq!(slots.get(3), None);
        assert_eq!(before.get(3).map(|thing| **thing), Some("three"));
        assert_eq!(slots.get(-1), None);
        assert_eq!(before.iter().map(|thing| **thing).collect::<Vec<_>>(), ["one", "three"]);
    }
}
