//! One line a request in the program's log.

use keyward_core::{Problem, secret::without_credentials};

use super::{incoming::Incoming, operation::Operation};

/// Writes one line. Bad requests are the caller's affair, so only our own faults are more than `info`.
pub fn write(row: &Operation, incoming: &Incoming, status: u16, seconds: f64, problem: Option<&Problem>) {
    let (id, request, ip) = (row.id, &incoming.request_id, incoming.arrival.ip);
    let milliseconds = seconds * 1000.0;
    match problem {
        Some(problem) if problem.is_ours() => {
            let cause = std::error::Error::source(problem).map(chain);
            tracing::error!(request_id = request, operation = id, status, milliseconds, %ip, error = %problem, cause, "failed");
        }
        Some(problem) => {
            // It may repeat what was sent.
            let problem = problem.to_string();
            let error = without_credentials(&problem, &|_| false);
            tracing::info!(request_id = request, operation = id, status, milliseconds, %ip, error = %error, "refused");
        }
        None if row.audit.is_some() => {
            tracing::info!(request_id = request, operation = id, status, milliseconds, %ip, "changed");
        }
        None => tracing::debug!(request_id = request, operation = id, status, milliseconds, %ip, "answered"),
    }
}

/// An error and what caused it, outermost first.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
