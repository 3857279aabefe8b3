//! The real clock and the real source of random bytes: the only place that asks for either.

use std::time::{SystemTime, UNIX_EPOCH};

use keyward_core::time::{Clock, Entropy, Timestamp};

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes from")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The cryptographic provider's generator.
#[derive(Debug, Clone, Copy)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is where random bytes come from")]
    fn fill(&self, out: &mut [u8]) {
        // Without random bytes no id and no secret can be made, so going on would be worse than stopping.
        aws_lc_rs::rand::fill(out).unwrap_or_else(|_| std::process::abort());
    }
}
