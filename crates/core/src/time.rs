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
