//! What pages from elsewhere may read (Fetch standard; contract: rules for all endpoints). Credentials that a browser
//! adds by itself are never let through: nothing here looks at them.

use http::{HeaderMap, Method, StatusCode, header};
use keyward_core::model::WorkspaceNumber;

use super::{
    answer::Answer,
    operation::{Access, Operation},
};
use crate::app::App;

/// What a page may send.
const SENT: &str = "content-type, authorization, auth0-client, dpop";
/// What it may read of an answer's headers besides those that every page may.
const READ: &str = "dpop-nonce, retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset";

/// From where pages may read an operation's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readers {
    /// From nowhere else.
    Nobody,
    /// From anywhere: it is public.
    Everybody,
    /// From where some application says that its pages come from.
    Applications,
}

fn readers(row: &Operation) -> Readers {
    match row.access {
        Access::Client(_) => Readers::Applications,
        Access::Public(_) if row.path.starts_with("/.well-known/") => Readers::Everybody,
        _ => Readers::Nobody,
    }
}

/// Whether pages from elsewhere may read the operation's answers at all.
pub fn is_readable(row: &Operation) -> bool {
    readers(row) != Readers::Nobody
}

/// The origin that the answer names as one that may read it.
fn reader<'h>(app: &App, row: &Operation, headers: &'h HeaderMap) -> Option<&'h str> {
    match readers(row) {
        Readers::Nobody => None,
        Readers::Everybody => Some("*"),
        Readers::Applications => {
            let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
            // `null` is the origin of every page without one of its own, and `*` would be all of them.
            let known = origin.contains("://") && app.view().snapshot.names_origin(WorkspaceNumber::FIRST, origin);
            known.then_some(origin)
        }
    }
}

/// The same answer, which says who may read it. That it depends on the origin, every answer says.
pub fn with_reader(app: &App, row: &Operation, headers: &HeaderMap, answer: Answer) -> Answer {
    let Some(origin) = reader(app, row, headers) else { return answer };
    let answer = answer.with(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if origin == "*" { answer } else { answer.with(header::ACCESS_CONTROL_EXPOSE_HEADERS, READ) }
}

/// The answer to a browser that asks what it may send. An origin that may not is told nothing.
pub fn preflight(app: &App, row: &Operation, headers: &HeaderMap) -> Answer {
    let answer = Answer::empty(StatusCode::NO_CONTENT).with(header::ALLOW, &format!("{}, OPTIONS", allowed(row)));
    let Some(origin) = reader(app, row, headers) else { return answer };
    answer
        .with(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin)
        .with(header::ACCESS_CONTROL_ALLOW_METHODS, row.method.as_str())
        .with(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT)
}

/// The methods of the row's path, which has this one row.
pub fn allowed(row: &Operation) -> &'static str {
    if row.method == Method::GET { "GET, HEAD" } else { "POST" }
}
