//! The sliding window that rate limits count in.
//!
//! Two fixed buckets stand for it: what was used in the present one, and the part of the one before that the window
//! still covers. All arithmetic is in whole milliseconds and whole units.

/// How much may be used in how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The most that may be used. Nothing passes a limit of 0, not even a cost of 0.
    pub limit: i64,
    /// The length of the window in milliseconds.
    pub duration: i64,
}

/// What a counter says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Whether it may pass.
    pub allowed: bool,
    /// How much is left; 0 if it may not pass.
    pub remaining: i64,
    /// When the present bucket ends, in milliseconds since 1970.
    pub reset: i64,
}

/// A counter. It belongs to one duration, whatever the limit: with another duration, another counter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The bucket's number since 1970.
    seq: i64,
    count: i64,
    previous: i64,
}

impl Default for Window {
    /// Before any time, so that no time is before it.
    fn default() -> Self {
        Self { seq: i64::MIN, count: 0, previous: 0 }
    }
}

/// A counter at some time.
struct Position {
    window: Window,
    /// What counts at that time, before any cost.
    used: i128,
    reset: i64,
}

impl Window {
    /// What [`take`](Self::take) would say. Nothing is used.
    pub fn peek(&self, limit: Limit, cost: i64, now: i64) -> Reading {
        self.at(limit.duration, now).reading(limit, cost)
    }

    /// Uses `cost` if the limit has room for it. A call that may not pass changes nothing, nor does a cost of 0.
    pub fn take(&mut self, limit: Limit, cost: i64, now: i64) -> Reading {
        let position = self.at(limit.duration, now);
        let reading = position.reading(limit, cost);
        if reading.allowed && cost > 0 {
            *self = position.window.used(cost);
        }
        reading
    }

    /// Whether a new counter would give the same answers from `now` on, so that this one can be forgotten.
    pub fn is_idle(&self, duration: i64, now: i64) -> bool {
        let Self { seq, count, previous } = self.at(duration, now).window;
        count == 0 && previous == 0 && seq == now.div_euclid(duration.max(1))
    }

    /// The counter in twelve bytes: most fit, and [`Self::unpack`] makes the same one of them.
    pub fn pack(&self) -> Option<[u32; 3]> {
        let [seq, count, previous] = [self.seq, self.count, self.previous].map(|number| u32::try_from(number).ok());
        Some([seq?, count?, previous?])
    }

    /// The counter that was packed.
    pub fn unpack(packed: [u32; 3]) -> Self {
        let [seq, count, previous] = packed.map(i64::from);
        Self { seq, count, previous }
    }

    /// The counter as it is at `now`. A time before the present bucket counts as the bucket's beginning, where most of
    /// the past counts: a clock that is set back gives nobody more.
    fn at(&self, duration: i64, now: i64) -> Position {
        let duration = duration.max(1);
        let seq = now.div_euclid(duration);
        let window = if seq <= self.seq {
            *self
        } else if self.seq.checked_add(1) == Some(seq) {
            Self { seq, count: 0, previous: self.count }
        } else {
            Self { seq, count: 0, previous: 0 }
        };
        let elapsed = if seq < self.seq { 0 } else { now.rem_euclid(duration) };
        let covered = i128::from(window.previous) * i128::from(duration - elapsed) / i128::from(duration);
        let reset = (i128::from(window.seq) + 1) * i128::from(duration);
        Position { window, used: i128::from(window.count) + covered, reset: narrow(reset) }
    }

    fn used(self, cost: i64) -> Self {
        Self { count: self.count.saturating_add(cost), ..self }
    }
}

impl Position {
    fn reading(&self, limit: Limit, cost: i64) -> Reading {
        let left = i128::from(limit.limit) - self.used - i128::from(cost.max(0));
        let allowed = limit.limit > 0 && left >= 0;
        Reading { allowed, remaining: if allowed { narrow(left) } else { 0 }, reset: self.reset }
    }
}

/// The nearest number that fits.
fn narrow(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(if number < 0 { i64::MIN } else { i64::MAX })
}

/// One of several uses that pass together or not at all.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The counter's index among those given to [`take_all`].
    pub window: usize,
    /// The limit it has to stay within.
    pub limit: Limit,
    /// How much it uses.
    pub cost: i64,
    /// The answer, once [`take_all`] has been called.
    pub reading: Reading,
    /// The counter before this entry.
    before: Window,
}

impl Entry {
    /// An entry that has no answer yet.
    pub fn new(window: usize, limit: Limit, cost: i64) -> Self {
        Self { window, limit, cost, reading: Reading::default(), before: Window::default() }
    }
}

/// Uses the cost of every entry if all of them may pass, and says so; otherwise no counter changes.
///
/// The caller gives each counter once and lets entries refer to it, so that those with the same counter see each
/// other's cost, in order. If it has only copies of its counters it writes them back if this returns `true`. In the
/// denied case an entry that would have passed says what would be left without its own cost, the others 0.
///
/// # Panics
/// If an entry refers to a counter that is not there.
pub fn take_all(windows: &mut [Window], entries: &mut [Entry], now: i64) -> bool {
    let mut passed = true;
    for entry in &mut *entries {
        let window = &mut windows[entry.window];
        entry.before = *window;
        let position = window.at(entry.limit.duration, now);
        entry.reading = position.reading(entry.limit, entry.cost);
        // Also if it may not pass: then everything is taken back anyway.
        if entry.cost > 0 {
            *window = position.window.used(entry.cost);
        }
        passed &= entry.reading.allowed;
    }
    if !passed {
        for entry in entries.iter_mut().rev() {
            windows[entry.window] = entry.before;
            if entry.reading.allowed {
                entry.reading.remaining = entry.reading.remaining.saturating_add(entry.cost.max(0));
            }
        }
    }
    passed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn limit(limit: i64) -> Limit {
        Limit { limit, duration: MINUTE }
    }

    fn reading(allowed: bool, remaining: i64, reset: i64) -> Reading {
        Reading { allowed, remaining, reset }
    }

    #[test]
    fn the_part_of_the_previous_bucket_that_is_covered_counts() {
        let mut window = Window::default();
        assert_eq!(window.take(limit(10), 7, 30_000), reading(true, 3, MINUTE));
        assert_eq!(window.take(limit(10), 4, 59_999), reading(false, 0, MINUTE));
        // At the boundary all 7 count, a quarter later trunc(5.25), at its end none.
        assert_eq!(window.peek(limit(10), 3, MINUTE), reading(true, 0, 2 * MINUTE));
        assert_eq!(window.peek(limit(10), 4, MINUTE), reading(false, 0, 2 * MINUTE));
        assert_eq!(window.peek(limit(10), 5, MINUTE + 15_000), reading(true, 0, 2 * MINUTE));
        assert_eq!(window.peek(limit(10), 6, MINUTE + 15_000), reading(false, 0, 2 * MINUTE));
        assert_eq!(window.peek(limit(10), 10, 2 * MINUTE - 1), reading(true, 0, 2 * MINUTE));
        assert_eq!(window.take(limit(10), 1, MINUTE + 15_000), reading(true, 4, 2 * MINUTE));
        assert_eq!(window.peek(limit(10), 0, 2 * MINUTE), reading(true, 9, 3 * MINUTE));
        assert_eq!(window.peek(limit(10), 0, 3 * MINUTE), reading(true, 10, 4 * MINUTE));
    }

    #[test]
    fn a_cost_of_0_tests_and_a_limit_of_0_denies() {
        let mut window = Window::default();
        assert!(window.take(limit(2), 2, 0).allowed);
        assert_eq!(window.take(limit(2), 0, 0), reading(true, 0, MINUTE));
        assert_eq!(window.peek(limit(1), 0, 0), reading(false, 0, MINUTE), "a lower limit keeps the counter");
        assert_eq!(Window::default().peek(limit(0), 0, 0), reading(false, 0, MINUTE));
        assert_eq!(Window::default().peek(limit(-1), 0, 0), reading(false, 0, MINUTE));
    }

    #[test]
    fn nothing_overflows() {
        let wide = Limit { limit: i64::MAX, duration: i64::MAX };
        let mut window = Window::default();
        assert_eq!(window.take(wide, i64::MAX, i64::MAX), reading(true, 0, i64::MAX));
        assert_eq!(window.take(wide, 1, i64::MAX), reading(false, 0, i64::MAX));
        let mut entries = [Entry::new(0, wide, i64::MAX), Entry::new(0, wide, i64::MAX)];
        assert!(!take_all(&mut [window], &mut entries, i64::MIN));
        assert!(!Window::default().peek(Limit { limit: 0, duration: 0 }, i64::MIN, i64::MIN).allowed);
    }

    #[test]
    fn several_pass_together_or_not_at_all() {
        let mut windows = [Window::default(), Window::default()];
        let mut entries = [Entry::new(0, limit(5), 2), Entry::new(1, limit(9), 4), Entry::new(0, limit(5), 3)];
        assert!(take_all(&mut windows, &mut entries, 0));
        assert_eq!(entries.map(|entry| entry.reading.remaining), [3, 5, 0]);
        let before = windows;
        let mut entries = [Entry::new(1, limit(9), 2), Entry::new(1, limit(9), 1), Entry::new(0, limit(5), 1)];
        assert!(!take_all(&mut windows, &mut entries, 1));
        assert_eq!(entries.map(|entry| entry.reading.allowed), [true, true, false]);
        assert_eq!(entries.map(|entry| entry.reading.remaining), [5, 3, 0]);
        assert_eq!(windows, before);
    }

    #[test]
    fn a_counter_is_idle_when_its_past_is_out_of_the_window() {
        let mut window = Window::default();
        assert!(window.is_idle(MINUTE, 0));
        window.take(limit(5), 1, 0);
        assert!(!window.is_idle(MINUTE, 2 * MINUTE - 1));
        assert!(window.is_idle(MINUTE, 2 * MINUTE));
    }

    /// Every use there was: the definition, without buckets to move on.
    #[derive(Default)]
    struct Oracle(Vec<(i64, i64)>);

    impl Oracle {
        fn take(&mut self, limit: Limit, cost: i64, now: i64) -> Reading {
            let seq = now / limit.duration;
            let count = |seq| self.0.iter().filter(|used| used.0 == seq).map(|used| i128::from(used.1)).sum::<i128>();
            let left = i128::from(limit.duration - (now - seq * limit.duration));
            let effective = count(seq) + count(seq - 1) * left / i128::from(limit.duration) + i128::from(cost);
            let allowed = limit.limit > 0 && effective <= i128::from(limit.limit);
            if allowed {
                self.0.push((seq, cost));
            }
            let remaining = if allowed { limit.limit - i64::try_from(effective).unwrap() } else { 0 };
            Reading { allowed, remaining, reset: (seq + 1) * limit.duration }
        }
    }

    proptest! {
        #[test]
        fn it_answers_as_the_definition_does(
            duration in 1000_i64..5000,
            calls in prop::collection::vec((0_i64..4000, 0_i64..6, 0_i64..20), 1..60),
        ) {
            let (mut window, mut oracle, mut now) = (Window::default(), Oracle::default(), 0);
            for (pause, cost, most) in calls {
                now += pause;
                let limit = Limit { limit: most, duration };
                if let Some(packed) = window.pack() {
                    prop_assert_eq!(Window::unpack(packed), window);
                }
                if window.is_idle(duration, now) {
                    window = Window::default();
                }
                prop_assert_eq!(window.peek(limit, cost, now), window.clone().take(limit, cost, now));
                prop_assert_eq!(window.take(limit, cost, now), oracle.take(limit, cost, now));
            }
        }

        #[test]
        fn an_earlier_time_never_gives_more(
            calls in prop::collection::vec((0_i64..9000, 0_i64..6), 0..20),
            mut times in [-9000_i64..18_000, -9000_i64..18_000],
        ) {
            let limit = Limit { limit: 10, duration: 3000 };
            let mut window = Window::default();
            for (now, cost) in calls {
                window.take(limit, cost, now);
            }
            times.sort_unstable();
            let [earlier, later] = times.map(|now| window.peek(limit, 0, now));
            prop_assert!(earlier.remaining <= later.remaining && earlier.allowed <= later.allowed);
        }

        #[test]
        fn together_or_not_is_one_after_the_other_if_all_pass(
            uses in prop::collection::vec((0_usize..3, 1_i64..12, 0_i64..5), 0..8),
        ) {
            let mut together = [Window::default(); 3];
            let mut entries: Vec<_> =
                uses.iter().map(|(at, most, cost)| Entry::new(*at, limit(*most), *cost)).collect();
            let passed = take_all(&mut together, &mut entries, 5);
            let mut single = [Window::default(); 3];
            let readings: Vec<_> =
                uses.iter().map(|(at, most, cost)| single[*at].take(limit(*most), *cost, 5)).collect();
            prop_assert_eq!(passed, readings.iter().all(|reading| reading.allowed));
            if passed {
                prop_assert_eq!(together, single);
                prop_assert_eq!(entries.iter().map(|entry| entry.reading).collect::<Vec<_>>(), readings);
            } else {
                prop_assert_eq!(together, [Window::default(); 3]);
            }
        }
    }
}
