//! How often somebody failed to prove who it is. Kept in memory, bounded, each node for itself.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use keyward_core::{problem::TooMany, time::Timestamp};
use quick_cache::sync::Cache;

/// How many failures of one client from one address are let pass, and of one address whoever it says it is.
const OF_CLIENT: u32 = 10;
const OF_ADDRESS: u32 = 100;
/// In how many milliseconds.
const SPAN: i64 = 60_000;
/// How many clients and addresses are remembered.
const REMEMBERED: usize = 16_384;

/// Failures since a moment.
#[derive(Debug, Clone, Copy)]
struct Span {
    since: i64,
    count: u32,
}

/// Who failed, and how often lately.
pub struct Failures {
    counts: Cache<String, Arc<Mutex<Span>>>,
    /// When somebody failed last. Mostly nobody has lately, and then nobody has to be looked up.
    last: AtomicI64,
}

impl std::fmt::Debug for Failures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Failures({} counted)", self.counts.len())
    }
}

impl Default for Failures {
    fn default() -> Self {
        Self { counts: Cache::new(REMEMBERED), last: AtomicI64::new(i64::MIN) }
    }
}

fn places((client, address): (&str, &str)) -> [(String, u32); 2] {
    // No address has a space.
    [(format!("{address} {client}"), OF_CLIENT), (address.to_owned(), OF_ADDRESS)]
}

impl Failures {
    /// Whether this client may try from this address.
    ///
    /// # Errors
    /// When it may again.
    pub fn check(&self, who: (&str, &str), now: Timestamp) -> Result<(), TooMany> {
        if self.last.load(Ordering::Acquire).saturating_add(SPAN) <= now.0 {
            return Ok(());
        }
        for (place, most) in places(who) {
            let Some(known) = self.counts.get(&place) else { continue };
            let span = *known.lock().unwrap_or_else(PoisonError::into_inner);
            let left = span.since + SPAN - now.0;
            if span.count >= most && left > 0 {
                let seconds = u64::try_from(left).unwrap_or(0).div_ceil(1000);
                // In the second in which it is over, and not in the one before.
                return Err(TooMany { limit: most, seconds, reset: (span.since + SPAN + 999) / 1000 });
            }
        }
        Ok(())
    }

    /// Counts a failure.
    pub fn count(&self, who: (&str, &str), now: Timestamp) {
        self.last.fetch_max(now.0, Ordering::AcqRel);
        for (place, _) in places(who) {
            let new = || Ok::<_, std::convert::Infallible>(Arc::new(Mutex::new(Span { since: now.0, count: 0 })));
            let Ok(known) = self.counts.get_or_insert_with(&place, new);
            let mut span = known.lock().unwrap_or_else(PoisonError::into_inner);
            if span.since + SPAN <= now.0 {
                *span = Span { since: now.0, count: 0 };
            }
            span.count = span.count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_fails_too_often_waits_and_others_do_not() {
        let failures = Failures::default();
        let (who, now) = (("client", "192.0.2.1"), Timestamp(1_000_000));
        for _ in 0..OF_CLIENT {
            assert_eq!(failures.check(who, now), Ok(()));
            failures.count(who, now);
        }
        assert_eq!(
            failures.check(who, Timestamp(now.0 + 1000)),
            Err(TooMany { limit: OF_CLIENT, seconds: 59, reset: 1060 })
        );
        assert_eq!(failures.check(("client", "192.0.2.2"), now), Ok(()), "from elsewhere");
        assert_eq!(failures.check(("other", "192.0.2.1"), now), Ok(()), "another one");
        assert_eq!(failures.check(who, Timestamp(now.0 + SPAN)), Ok(()), "later");
        failures.count(who, Timestamp(now.0 + SPAN));
        assert_eq!(failures.check(who, Timestamp(now.0 + SPAN)), Ok(()), "it begins anew");
    }

    #[test]
    fn an_address_that_tries_many_clients_waits_with_all() {
        let failures = Failures::default();
        let now = Timestamp(1_000_000);
        for client in 0..OF_ADDRESS {
            failures.count((&client.to_string(), "192.0.2.1"), now);
        }
        assert!(failures.check(("somebody", "192.0.2.1"), now).is_err_and(|wait| wait.limit == OF_ADDRESS));
    }
}
