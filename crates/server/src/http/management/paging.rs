//! Pages by their number (contract: offset paging).

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
pub fn page<T>(query: &Map<String, Value>, plural: &str, all: &[T], show: impl FnMut(&T) -> Value) -> Value {
    let (page, limit) = (query::integer(query, "page", 0), query::integer(query, "per_page", 50));
    let start = page.saturating_mul(limit);
    let skip = usize::try_from(start).unwrap_or(usize::MAX);
    let shown: Vec<Value> = all.iter().skip(skip).take(usize::try_from(limit).unwrap_or(50)).map(show).collect();
    if !query::boolean(query, "include_totals", false) {
        return Value::Array(shown);
    }
    let mut whole = json!({ "start": start, "limit": limit, "total": all.len() });
    whole[plural] = shown.into();
    whole
}
