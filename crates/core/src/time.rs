//! Points in time, as every layer passes them on.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds since 1970, as tokens and headers carry them.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The day it is on, in UTC.
    pub fn day(self) -> Day {
        Day(self.0.div_euclid(Day::MILLISECONDS))
    }
}

/// A day in UTC: how many whole days it is since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    const MILLISECONDS: i64 = 24 * 60 * 60 * 1000;

    /// Its first moment.
    pub fn begin(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(Self::MILLISECONDS))
    }
}

/// Where the time comes from. Tests give one that stands still until it is moved.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Where random bytes come from. Tests give one with a seed.
pub trait Entropy: Send + Sync {
    /// Fills `out` with bytes that nobody can foresee.
    fn fill(&self, out: &mut [u8]);
}
