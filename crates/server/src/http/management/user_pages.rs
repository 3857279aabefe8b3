//! Pages of users and of what they hold, besides what all pages have.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keyward_core::{
    Problem,
    problem::{Invalid, Part},
};
use serde_json::{Map, Value};

use super::paging::{self, cursor};
pub use super::paging::{FROM, INCLUDE_TOTALS, PAGE, TAKE};
use crate::http::{operation::Parameter, query};

/// How long a page is.
pub const PER_PAGE: Parameter = paging::per_page("Entries on a page");
/// The parameters of a list that has pages.
pub const OFFSET: &[Parameter] = &[PAGE, PER_PAGE, INCLUDE_TOTALS];
/// The most entries that pages reach where not all of them are in memory (contract: pagination).
pub const REACH: i64 = 1000;

/// How many entries to pass over, and how many to show.
pub fn span(query: &Map<String, Value>) -> (i64, i64) {
    let (page, limit) = (query::integer(query, "page", 0), query::integer(query, "per_page", 50));
    (page.saturating_mul(limit), limit)
}

/// The same, where pages reach only so far.
///
/// # Errors
/// [`Problem::Invalid`] for a page beyond.
pub fn span_within_reach(query: &Map<String, Value>) -> Result<(i64, i64), Problem> {
    let (start, limit) = span(query);
    if start.saturating_add(limit) > REACH {
        return Err(Problem::Invalid(Invalid::whole(Part::Paging, "too far")));
    }
    Ok((start, limit))
}

/// What follows in a list whose entries stand in the order of their keys.
///
/// # Errors
/// [`Problem::Invalid`] for a place that no answer has named.
pub fn checkpoint(query: &Map<String, Value>, plural: &str, list: Vec<(String, Value)>) -> Result<Value, Problem> {
    let take = usize::try_from(query::integer(query, "take", 50)).unwrap_or(50);
    let from = query::text(query, "from").map(cursor).transpose()?;
    let mut rest = list.into_iter().filter(|(key, _)| from.as_ref().is_none_or(|from| key > from));
    let page: Vec<(String, Value)> = rest.by_ref().take(take).collect();
    let next = rest.next().and_then(|_| page.last()).map(|(key, _)| BASE64_URL_SAFE_NO_PAD.encode(key));
    Ok(from_here(plural, page.into_iter().map(|(_, value)| value).collect(), next))
}

/// An answer that can be gone on from.
pub fn from_here(plural: &str, shown: Vec<Value>, next: Option<String>) -> Value {
    let mut answer = Map::new();
    answer.insert(plural.to_owned(), Value::Array(shown));
    answer.extend(next.map(|next| ("next".to_owned(), next.into())));
    Value::Object(answer)
}

/// The text of a parameter that must be there.
///
/// # Errors
/// [`Problem::Invalid`] when it is not.
pub fn required<'q>(query: &'q Map<String, Value>, name: &str) -> Result<&'q str, Problem> {
    query::text(query, name)
        .ok_or_else(|| Problem::Invalid(Invalid::whole(Part::Query, format!("Missing required property: {name}"))))
}
