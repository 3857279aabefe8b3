//! Lists in the two ways in which they are paged (contract: pagination).

use std::ops::Range;

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

/// Which page it is.
pub const PAGE: Parameter =
    Parameter { name: "page", kind: ParameterKind::Integer(0, i64::MAX), description: "Page, from 0" };

/// Whether the answer says how many there are.
pub const INCLUDE_TOTALS: Parameter = Parameter {
    name: "include_totals",
    kind: ParameterKind::Boolean,
    description: "Whether the answer is an object with the total number",
};

/// How long a page is.
pub const fn per_page(description: &'static str) -> Parameter {
    Parameter { name: "per_page", kind: ParameterKind::Integer(1, 100), description }
}

/// The page that the query asks for: the items alone, or in an object with where they stand among all.
pub fn page<T: Clone>(query: &Map<String, Value>, plural: &str, all: &[T], show: impl FnMut(&T) -> Value) -> Value {
    let part = |places: Range<usize>| all.get(places.start.min(all.len())..places.end.min(all.len()));
    page_of(query, plural, all.len(), |places| part(places).unwrap_or_default().to_vec(), show)
}

/// The same, of so many items, of which those in these places are found by themselves.
pub fn page_of<T>(
    query: &Map<String, Value>,
    plural: &str,
    count: usize,
    items: impl FnOnce(Range<usize>) -> Vec<T>,
    show: impl FnMut(&T) -> Value,
) -> Value {
    let (page, limit) = (query::integer(query, "page", 0), query::integer(query, "per_page", 50));
    let start = page.saturating_mul(limit);
    let skip = usize::try_from(start).unwrap_or(usize::MAX).min(count);
    let end = skip.saturating_add(usize::try_from(limit).unwrap_or(50)).min(count);
    let shown: Vec<Value> = items(skip..end).iter().map(show).collect();
    if !query::boolean(query, "include_totals", false) {
        return Value::Array(shown);
    }
    let mut whole = json!({ "start": start, "limit": limit, "total": count });
    whole[plural] = shown.into();
    whole
}

/// Where to go on.
pub const FROM: Parameter = Parameter {
    name: "from",
    kind: ParameterKind::Text(1024),
    description: "Where the last answer's `next` says to go on",
};
/// How many, in an answer that can be gone on from.
pub const TAKE: Parameter = Parameter {
    name: "take",
    kind: ParameterKind::Integer(1, 100),
    description: "How many stand in an answer that can be gone on from",
};

/// A part of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// What stands in it.
    pub items: Vec<T>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Nothing but the items.
    Bare,
    /// With numbers: where it starts, how much it holds at most, how many there are.
    Totals(i64, i64, usize),
    /// With a cursor, if there is more.
    Checkpoint(Option<String>),
}

impl<T> Page<T> {
    /// The part of `all` that the query asks for; `all` is in the order of its keys, and a cursor goes on behind one.
    ///
    /// # Errors
    /// [`Problem::Invalid`] for a cursor that no answer had.
    pub fn of(
        query: &Map<String, Value>,
        all: impl Iterator<Item = T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Self, Problem> {
        let count = |name: &str| usize::try_from(query::integer(query, name, 50)).unwrap_or(50);
        if query.contains_key("take") || query.contains_key("from") {
            let from = query::text(query, "from").map(cursor).transpose()?.unwrap_or_default();
            let mut rest = all.skip_while(|item| key(item) <= from);
            let items: Vec<T> = rest.by_ref().take(count("take")).collect();
            let next = rest.next().and_then(|_| items.last().map(&key));
            return Ok(Self { items, form: Form::Checkpoint(next.map(|key| BASE64_URL_SAFE_NO_PAD.encode(key))) });
        }
        let (page, limit) = (query::integer(query, "page", 0), query::integer(query, "per_page", 50));
        let start = page.saturating_mul(limit);
        let skip = usize::try_from(start).unwrap_or(usize::MAX);
        if !query::boolean(query, "include_totals", false) {
            return Ok(Self { items: all.skip(skip).take(count("per_page")).collect(), form: Form::Bare });
        }
        let all: Vec<T> = all.collect();
        let total = all.len();
        let items = all.into_iter().skip(skip).take(count("per_page")).collect();
        Ok(Self { items, form: Form::Totals(start, limit, total) })
    }

    /// The answer, under this name where it is an object.
    pub fn answer(self, name: &str, shown: Vec<Value>) -> Value {
        match self.form {
            Form::Bare => shown.into(),
            Form::Totals(start, limit, total) => {
                json!({ "start": start, "limit": limit, "total": total, name: shown })
            }
            Form::Checkpoint(Some(next)) => json!({ name: shown, "next": next }),
            Form::Checkpoint(None) => json!({ name: shown }),
        }
    }
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

/// The schema of a list of these in each of its forms.
pub fn schema(name: &str, item: &Value) -> Value {
    let list = json!({ "type": "array", "items": item });
    let paged = json!({
        "type": "object", "required": [name], "additionalProperties": false,
        "properties": {
            "start": {"type": "integer"}, "limit": {"type": "integer"}, "total": {"type": "integer"},
            "next": {"type": "string"}, name: list,
        },
    });
    json!({ "anyOf": [list, paged] })
}
