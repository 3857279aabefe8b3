//! Pages of lists that are in memory as a whole, in both forms.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use keyward_core::{
    Problem,
    problem::{Invalid, Part},
};
use serde_json::{Map, Value, json};

use crate::http::{
    operation::{Parameter, ParameterKind},
    query,
};

/// Which page, from 0.
pub const PAGE: Parameter =
    Parameter { name: "page", kind: ParameterKind::Integer(0, i64::MAX), description: "Page, from 0" };
/// How long a page is.
pub const PER_PAGE: Parameter =
    Parameter { name: "per_page", kind: ParameterKind::Integer(1, 100), description: "Entries on a page" };
/// Whether all entries are counted.
pub const INCLUDE_TOTALS: Parameter = Parameter {
    name: "include_totals",
    kind: ParameterKind::Boolean,
    description: "Whether the answer is an object with the total number",
};
/// Where to go on.
pub const FROM: Parameter = Parameter {
    name: "from",
    kind: ParameterKind::Text(1024),
    description: "Where the last answer's `next` says to go on",
};
/// How long an answer is that can be gone on from.
pub const TAKE: Parameter = Parameter {
    name: "take",
    kind: ParameterKind::Integer(1, 100),
    description: "Entries in an answer that can be gone on from",
};
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

/// One page of a list.
pub fn page(query: &Map<String, Value>, plural: &str, list: Vec<Value>) -> Value {
    let (start, limit) = span(query);
    let [skip, take] = [start, limit].map(|number| usize::try_from(number).unwrap_or(usize::MAX));
    let total = list.len();
    let shown: Vec<Value> = list.into_iter().skip(skip).take(take).collect();
    if !query::boolean(query, "include_totals", false) {
        return Value::Array(shown);
    }
    json!({ "start": start, "limit": limit, "total": total, plural: shown })
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

/// The text that a cursor hides.
///
/// # Errors
/// [`Problem::Invalid`] for a place that no answer has named.
pub fn cursor(text: &str) -> Result<String, Problem> {
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.filter(|text| !text.contains('\0')).ok_or_else(no_cursor)
}

/// The refusal of a place that no answer has named.
pub fn no_cursor() -> Problem {
    Problem::Invalid(Invalid::property(Part::Query, "from", "Not a value that `next` of an earlier answer had"))
}

/// The text of a parameter that must be there.
///
/// # Errors
/// [`Problem::Invalid`] when it is not.
pub fn required<'q>(query: &'q Map<String, Value>, name: &str) -> Result<&'q str, Problem> {
    query::text(query, name)
        .ok_or_else(|| Problem::Invalid(Invalid::whole(Part::Query, format!("Missing required property: {name}"))))
}
