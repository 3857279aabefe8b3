//! Attempts to carry an operation out at once, without all that a request goes through on its usual way.

use std::{any::Any, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use keyward_core::Problem;

use super::{
    answer::Answer,
    incoming::{Arrival, Incoming},
    oauth, unkey,
};
use crate::app::App;

/// What carries an operation out at once, or leaves it to the handler without having done anything.
#[derive(Debug, Clone, Copy)]
pub enum AtOnce {
    /// An operation of the keys' API.
    Key(fn(&Arc<App>, &Arrival, &HeaderMap, &Bytes) -> Attempt),
    /// One of the authorization server.
    Token(for<'r> fn(&'r App, &'r Incoming, &'r [u8]) -> AttemptAtToken<'r>),
}

impl AtOnce {
    /// The length of the body, in bytes, of a request that looks as if it could be carried out so.
    pub(super) fn usual_length(self, headers: &HeaderMap) -> Option<usize> {
        match self {
            Self::Key(_) => unkey::receive::usual_length(headers),
            Self::Token(_) => oauth::receive::usual_length(headers),
        }
    }
}

/// What became of an attempt at a token.
pub enum AttemptAtToken<'r> {
    /// The answer.
    Answered(Result<Answer, Problem>),
    /// It is still to be signed.
    Later(Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send + 'r>>),
    /// It is left to the handler.
    Declined,
}

/// What reads something, and then attempts the same; nothing, if it is left to the handler.
pub type Reading = Pin<Box<dyn Future<Output = Result<Option<(Answer, Duration)>, Problem>> + Send>>;

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
/// panicked at once, or must not be answered from memory now. What was not read, and what took too long, is not tried
/// again: the caller would wait twice.
pub async fn carry_out_at_once(
    app: &Arc<App>,
    at_once: fn(&Arc<App>, &Arrival, &HeaderMap, &Bytes) -> Attempt,
    arrival: &Arrival,
    headers: &HeaderMap,
    body: &Bytes,
) -> Option<Result<(Answer, Duration), Problem>> {
    // The lease before the catalogue: a state taken while it had run out may lack what was answered elsewhere.
    app.lease.check().ok()?;
    match std::panic::catch_unwind(AssertUnwindSafe(|| at_once(app, arrival, headers, body))).ok()? {
        Attempt::Answered(answer, took) => Some(Ok((answer, took))),
        Attempt::Later(reading) => {
            let limit = Duration::from_secs(app.limits.request_seconds);
            let read = tokio::time::timeout(limit, AssertUnwindSafe(reading).catch_unwind()).await;
            let read =
                read.map_err(|_| too_slow()).and_then(|read| read.unwrap_or_else(|cause| Err(panicked(&*cause))));
            read.transpose()
        }
        Attempt::Declined => None,
    }
}

/// The same for the authorization server. What takes too long has issued no token, or one that nobody gets.
pub(super) async fn issue_at_once(
    app: &App,
    at_once: for<'r> fn(&'r App, &'r Incoming, &'r [u8]) -> AttemptAtToken<'r>,
    incoming: &Incoming,
    body: &[u8],
) -> Option<Result<Answer, Problem>> {
    let issued = match std::panic::catch_unwind(AssertUnwindSafe(|| at_once(app, incoming, body))) {
        Ok(AttemptAtToken::Answered(result)) => result,
        Ok(AttemptAtToken::Later(signing)) => {
            let limit = Duration::from_secs(app.limits.request_seconds);
            match tokio::time::timeout(limit, AssertUnwindSafe(signing).catch_unwind()).await {
                Ok(Ok(issued)) => issued,
                Ok(Err(cause)) => Err(panicked(&*cause)),
                Err(_) => Err(too_slow()),
            }
        }
        Ok(AttemptAtToken::Declined) => return None,
        Err(cause) => Err(panicked(&*cause)),
    };
    // Whoever has waited meanwhile goes first, and the tokens of one round go out together: each that goes out alone
    // wakes its receiver anew, which costs a fifth of the token.
    tokio::task::yield_now().await;
    Some(issued)
}

/// A panic of a handler as the defect that it is.
pub(super) fn panicked(cause: &(dyn Any + Send)) -> Problem {
    let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    Problem::internal(format!("a handler panicked: {}", text.unwrap_or("no text")))
}

/// What changes nothing took too long.
pub(super) fn too_slow() -> Problem {
    Problem::Unavailable("the request took too long", None)
}
