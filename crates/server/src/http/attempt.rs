//! Attempts to carry an operation out at once, without all that a request goes through on its usual way.

use std::{panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;

use super::{answer::Answer, incoming::Arrival};
use crate::app::App;

/// A function that carries an operation out at once, or leaves it to the handler without having done anything.
pub type AtOnce = fn(&Arc<App>, &Arrival, &HeaderMap, &Bytes) -> Attempt;

/// What reads something, and then attempts the same.
pub type Reading = Pin<Box<dyn Future<Output = Option<(Answer, Duration)>> + Send>>;

/// What became of an attempt.
pub enum Attempt {
    /// The answer, and the time that it took.
    Answered(Answer, Duration),
    /// Something has to be read from the store, and nothing else: the same, after that.
    Later(Reading),
    /// It is left to the handler.
    Declined,
}

/// Carries an operation out at once, or as soon as what it needs was read. `None` leaves it to the handler: also what
/// panicked, took too long, or must not be answered from memory now.
pub async fn carry_out_at_once(
    app: &Arc<App>,
    at_once: AtOnce,
    arrival: &Arrival,
    headers: &HeaderMap,
    body: &Bytes,
) -> Option<(Answer, Duration)> {
    // The lease before the catalogue: a state taken while it had run out may lack what was answered elsewhere.
    app.lease.check().ok()?;
    match std::panic::catch_unwind(AssertUnwindSafe(|| at_once(app, arrival, headers, body))).ok()? {
        Attempt::Answered(answer, took) => Some((answer, took)),
        Attempt::Later(reading) => {
            let limit = Duration::from_secs(app.limits.request_seconds);
            tokio::time::timeout(limit, AssertUnwindSafe(reading).catch_unwind()).await.ok()?.ok()?
        }
        Attempt::Declined => None,
    }
}
