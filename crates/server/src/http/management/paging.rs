//! Lists in the two ways in which they are paged (contract: pagination).

use std::{fmt::Display, ops::Range, str::FromStr};

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

/// How long a page is, where one that holds nothing may be asked for: how many there are is known from it, too.
pub const fn per_page_or_none(description: &'static str) -> Parameter {
    Parameter { name: "per_page", kind: ParameterKind::Integer(0, 100), description }
}

/// The most entries that pages reach (contract: pagination).
const REACH: i64 = 1000;

/// How many entries to pass over, and how many to show.
fn span(query: &Map<String, Value>) -> (i64, i64) {
    let (page, limit) = (query::integer(query, "page", 0), query::integer(query, "per_page", 50));
    (page.saturating_mul(limit), limit)
}

/// The same, in a list that pages reach only so far into.
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

/// The page that the query asks for: the items alone, or in an object with where they stand among all. For what one
/// user or one role holds: there is no other way to see all of it, so that pages reach all of it.
pub fn page<T>(query: &Map<String, Value>, plural: &'static str, all: &[T], show: impl FnMut(&T) -> Value) -> Value {
    Page::without_end(query, plural, all.iter()).answer(show)
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

/// Whether the query asks for an answer that can be gone on from. If so, nothing else about pages counts.
pub fn is_checkpoint(query: &Map<String, Value>) -> bool {
    query.contains_key("take") || query.contains_key("from")
}

/// A part of a list.
#[derive(Debug)]
pub struct Page<T> {
    plural: &'static str,
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

/// The form of a page in a list of so many.
fn form(query: &Map<String, Value>, (start, limit): (i64, i64), total: usize) -> Form {
    if query::boolean(query, "include_totals", false) { Form::Totals(start, limit, total) } else { Form::Bare }
}

impl<T> Page<T> {
    /// The part of `all` that the query asks for, in either way; `all` is in the order of its keys, and a cursor goes on
    /// behind one.
    ///
    /// # Errors
    /// [`Problem::Invalid`] for a cursor that no answer of this list had, or for a page beyond what pages reach.
    pub fn of<K: Ord + Display + FromStr>(
        query: &Map<String, Value>,
        plural: &'static str,
        all: impl Iterator<Item = T>,
        key: impl Fn(&T) -> K,
    ) -> Result<Self, Problem> {
        if is_checkpoint(query) {
            return Self::checkpoint(query, plural, all, key);
        }
        if !query::boolean(query, "include_totals", false) {
            let (start, limit) = span_within_reach(query)?;
            let count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
            let items = all.skip(count(start)).take(count(limit)).collect();
            return Ok(Self { plural, items, form: Form::Bare });
        }
        let all: Vec<T> = all.collect();
        let total = all.len();
        let mut all = all.into_iter();
        Self::of_known(query, plural, total, |places| all.by_ref().skip(places.start).take(places.len()).collect())
    }

    /// A page of a list that pages reach all of.
    pub fn without_end(
        query: &Map<String, Value>,
        plural: &'static str,
        all: impl ExactSizeIterator<Item = T>,
    ) -> Self {
        let (start, limit) = span(query);
        let count = |number: i64| usize::try_from(number).unwrap_or(usize::MAX);
        let form = form(query, (start, limit), all.len());
        Self { plural, items: all.skip(count(start)).take(count(limit)).collect(), form }
    }

    /// A page of so many items, of which those in these places are found by themselves.
    ///
    /// # Errors
    /// [`Problem::Invalid`] for a page beyond what pages reach.
    pub fn of_known(
        query: &Map<String, Value>,
        plural: &'static str,
        total: usize,
        items: impl FnOnce(Range<usize>) -> Vec<T>,
    ) -> Result<Self, Problem> {
        let (start, limit) = span_within_reach(query)?;
        let place = |number: i64| usize::try_from(number).unwrap_or(usize::MAX).min(total);
        let items = items(place(start)..place(start.saturating_add(limit)));
        Ok(Self { plural, items, form: form(query, (start, limit), total) })
    }

    /// What follows behind a cursor, or from the beginning; `all` is in the order of its keys.
    ///
    /// # Errors
    /// [`Problem::Invalid`] for a cursor that no answer of this list had.
    pub fn checkpoint<K: Ord + Display + FromStr>(
        query: &Map<String, Value>,
        plural: &'static str,
        all: impl Iterator<Item = T>,
        key: impl Fn(&T) -> K,
    ) -> Result<Self, Problem> {
        Self::checkpoint_of(query, (plural, plural), all, key)
    }

    /// The same, of a list whose cursors have another name than what stands in it.
    ///
    /// # Errors
    /// The same.
    pub fn checkpoint_of<K: Ord + Display + FromStr>(
        query: &Map<String, Value>,
        (plural, name): (&'static str, &str),
        all: impl Iterator<Item = T>,
        key: impl Fn(&T) -> K,
    ) -> Result<Self, Problem> {
        let take = usize::try_from(query::integer(query, "take", 50)).unwrap_or(50);
        let from: Option<K> = query::text(query, "from").map(|text| place(name, text)).transpose()?;
        let mut rest = all.skip_while(|item| from.as_ref().is_some_and(|from| key(item) <= *from));
        let items: Vec<T> = rest.by_ref().take(take).collect();
        let next = rest.next().and_then(|_| items.last()).map(|last| cursor(name, &key(last)));
        Ok(Self { plural, items, form: Form::Checkpoint(next) })
    }

    /// A part with these items, and where to go on if there is more.
    pub fn up_to(plural: &'static str, items: Vec<T>, next: Option<String>) -> Self {
        Self { plural, items, form: Form::Checkpoint(next) }
    }

    /// The same part, of what its items have become.
    pub fn with<U>(self, items: Vec<U>) -> Page<U> {
        Page { plural: self.plural, items, form: self.form }
    }

    /// The answer.
    pub fn answer(self, show: impl FnMut(T) -> Value) -> Value {
        let shown: Vec<Value> = self.items.into_iter().map(show).collect();
        let name = self.plural;
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

/// A place in a list as callers get it. The list's name is in it, so that no other list takes it for one of its own.
pub fn cursor(plural: &str, key: &impl Display) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{plural} {key}"))
}

/// The place that a cursor of this list hides.
///
/// # Errors
/// [`Problem::Invalid`] for what [`cursor`] can't have made.
pub fn place<K: Display + FromStr>(plural: &str, text: &str) -> Result<K, Problem> {
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let key = decoded.as_deref().and_then(|text| text.strip_prefix(plural)?.strip_prefix(' '));
    let key = key.filter(|text| !text.contains('\0')).and_then(|text| Some((text, text.parse::<K>().ok()?)));
    // A number has one way to be written.
    let found = key.filter(|(text, key)| key.to_string() == *text).map(|(_, key)| key);
    found.ok_or_else(|| {
        Problem::Invalid(Invalid::property(Part::Query, "from", "Not a value that `next` of an earlier answer had"))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_and_nothing_else() {
        let made = cursor("clients", &7);
        assert_eq!(place::<i64>("clients", &made).expect("its own"), 7);
        assert_eq!(place::<String>("roles", &cursor("roles", &"a b")).expect("a name"), "a b");
        let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        for bad in ["", "!", "Nw==", &encoded("7"), &encoded("clients7"), &encoded("clients +7"), &encoded("clients x")]
        {
            assert!(place::<i64>("clients", bad).is_err(), "{bad}");
        }
        assert!(place::<i64>("client", &made).is_err() && place::<i64>("roles", &made).is_err());
        assert!(place::<String>("roles", &encoded("roles a\0")).is_err(), "no engine can look for that");
    }
}
