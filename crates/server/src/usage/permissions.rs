//! Uses of permissions that wait to be written: they are counted where they are noted, so that what waits does not grow
//! with the traffic.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use keyward_core::{
    model::{
        permission::PermissionNumber,
        permission_usage::{DAYS, DayUses, UsedBy},
    },
    time::{Day, Timestamp},
};

/// Of how many permissions uses may wait, each day counting anew: about 4 MiB, and as much again while they are written.
/// Uses of others are lost, and counted.
const MOST: usize = 50_000;
/// How many rows one commit writes: all that changes the store waits for it. A second's uses of more permissions than
/// that are written during the next seconds.
const TOGETHER: usize = 500;

type Counted = HashMap<(PermissionNumber, Day), Count, RandomState>;

#[derive(Debug)]
struct Count {
    count: i64,
    last_at: Timestamp,
    last_by: UsedBy,
}

/// Uses that were noted since the last time.
#[derive(Debug, Default)]
pub(super) struct Noted(Counted);

impl Noted {
    /// Notes so many uses, the last of them at this time; whether there was room.
    pub(super) fn add(&mut self, (permission, count): (PermissionNumber, i64), at: Timestamp, by: UsedBy) -> bool {
        let of = (permission, at.day());
        if let Some(known) = self.0.get_mut(&of) {
            known.count += count;
            if at >= known.last_at {
                (known.last_at, known.last_by) = (at, by);
            }
            return true;
        }
        if self.0.len() >= MOST {
            return false;
        }
        self.0.insert(of, Count { count, last_at: at, last_by: by });
        true
    }
}

/// Uses that are being written.
#[derive(Debug, Default)]
pub(super) struct Writing {
    waiting: VecDeque<DayUses>,
    /// Before which day there is nothing left to forget.
    forgotten: Option<Day>,
}

/// What one commit does.
#[derive(Debug, Default)]
pub(super) struct Portion {
    /// The uses to add, in the order of their permissions.
    pub(super) uses: Vec<DayUses>,
    /// Before which day others are forgotten, if a day has begun.
    pub(super) forget: Option<Day>,
}

impl Writing {
    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes over what was noted, and leaves the memory.
    pub(super) fn take(&mut self, noted: &mut Noted) {
        self.waiting.extend(noted.0.drain().map(|((permission, day), count)| {
            let Count { count, last_at, last_by } = count;
            DayUses { permission, day, count, last_at, last_by }
        }));
        // Rows that lie together are written together.
        self.waiting.make_contiguous().sort_unstable_by_key(|uses| (uses.permission, uses.day));
    }

    /// What is to be written next. It waits until [`Self::written`] is said of it.
    pub(super) fn portion(&self) -> Portion {
        let uses: Vec<DayUses> = self.waiting.iter().take(TOGETHER).cloned().collect();
        let today = uses.iter().map(|uses| uses.day).max();
        // One day more than is shown: the clocks of two nodes may be apart.
        let oldest = today.map(|today| Day(today.0 - DAYS));
        Portion { uses, forget: oldest.filter(|oldest| self.forgotten < Some(*oldest)) }
    }

    /// Notes that this was written.
    pub(super) fn written(&mut self, portion: &Portion) {
        self.waiting.drain(..portion.uses.len());
        self.forgotten = portion.forget.or(self.forgotten);
    }
}

#[cfg(test)]
mod tests {
    use keyward_core::model::key::KeyNumber;

    use super::*;

    const KEY: UsedBy = UsedBy::Key(KeyNumber(1));

    #[test]
    fn what_waits_is_bounded_and_what_is_known_goes_on_being_counted() {
        let mut noted = Noted::default();
        let most = i64::try_from(MOST).expect("a small number");
        for number in 0..most {
            assert!(noted.add((PermissionNumber(number), 1), Timestamp(0), KEY));
        }
        assert!(!noted.add((PermissionNumber(most), 1), Timestamp(0), KEY), "there is no room for one more");
        assert!(!noted.add((PermissionNumber(0), 1), Day(1).begin(), KEY), "nor for another day");
        assert!(noted.add((PermissionNumber(0), 2), Timestamp(5), KEY));
        let mut writing = Writing::default();
        writing.take(&mut noted);
        assert!(noted.0.is_empty());
        let portion = writing.portion();
        assert_eq!(portion.uses.len(), TOGETHER);
        assert_eq!((portion.uses[0].count, portion.uses[0].last_at), (3, Timestamp(5)));
        assert_eq!(portion.uses[1].permission, PermissionNumber(1));
        writing.written(&portion);
        assert_eq!(writing.portion().uses[0].permission.0, i64::try_from(TOGETHER).expect("a small number"));
    }

    #[test]
    fn the_latest_use_is_the_last_one_and_a_day_forgets_once() {
        let mut noted = Noted::default();
        let at = |day: i64, time: i64| Timestamp(Day(day).begin().0 + time);
        let client = || UsedBy::Client("c".into());
        noted.add((PermissionNumber(1), 1), at(100, 7), KEY);
        noted.add((PermissionNumber(1), 4), at(100, 6), client());
        noted.add((PermissionNumber(1), 1), at(101, 0), client());
        let mut writing = Writing::default();
        writing.take(&mut noted);
        let portion = writing.portion();
        let shown = |uses: &DayUses| (uses.day.0, uses.count, uses.last_at, uses.last_by.clone());
        assert_eq!(
            portion.uses.iter().map(shown).collect::<Vec<_>>(),
            [(100, 5, at(100, 7), KEY), (101, 1, at(101, 0), client())]
        );
        assert_eq!(portion.forget, Some(Day(101 - DAYS)));
        writing.written(&portion);
        assert!(writing.is_empty());
        noted.add((PermissionNumber(1), 1), at(101, 9), KEY);
        writing.take(&mut noted);
        assert_eq!(writing.portion().forget, None, "until the next day");
    }
}
