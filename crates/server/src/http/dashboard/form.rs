//! What was typed into a form: texts by their names.

use jiff::{civil::Date, tz::TimeZone};
use keyward_core::{model::key::EXPIRES_MAX, time::Timestamp};
use serde_json::{Map, Value};

use crate::http::operation::Request;

/// The field that every form of a session carries.
pub(super) const TOKEN: &str = "form_token";

/// The fields of a form. One that was sent several times is a list.
pub(super) fn parse(body: &[u8]) -> Option<Map<String, Value>> {
    std::str::from_utf8(body).ok()?;
    let mut fields: Map<String, Value> = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        // A text area sends line ends as the web does, and text has ours.
        let value = Value::from(value.replace("\r\n", "\n"));
        match fields.get_mut(name.as_ref()) {
            None => drop(fields.insert(name.into_owned(), value)),
            Some(Value::Array(list)) => list.push(value),
            Some(known) => *known = Value::Array(vec![known.take(), value]),
        }
    }
    // PostgreSQL has no text with it, and nobody types it.
    let has_null = |value: &Value| value.as_str().is_some_and(|text| text.contains('\0'));
    let whole = |value: &Value| has_null(value) || value.as_array().is_some_and(|list| list.iter().any(has_null));
    if fields.values().any(whole) { None } else { Some(fields) }
}

/// The text in a field, without white space around it; empty when there is none.
pub(super) fn text<'b>(body: &'b Value, name: &str) -> &'b str {
    body.get(name).and_then(Value::as_str).unwrap_or_default().trim()
}

/// The texts in a field that may be sent several times; empty ones are none.
pub(super) fn texts(body: &Value, name: &str) -> Vec<String> {
    let sent = match body.get(name) {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let texts = sent.iter().filter_map(Value::as_str).map(str::trim);
    texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

/// The moment at which the day in a field is over, in UTC; none when the field is empty.
///
/// # Errors
/// What is wrong with it, for whoever typed it.
pub(super) fn last_day(body: &Value, name: &str, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let typed = text(body, name);
    if typed.is_empty() {
        return Ok(None);
    }
    let end = typed.parse::<Date>().and_then(Date::tomorrow).and_then(|day| day.to_zoned(TimeZone::UTC));
    let end = end.map(|end| Timestamp(end.timestamp().as_millisecond()));
    match end {
        Ok(end) if end <= now => Err("This day is over already.".to_owned()),
        Ok(end) if end.0 > EXPIRES_MAX => Err("Choose a day before the year 2100.".to_owned()),
        Ok(end) => Ok(Some(end)),
        Err(_) => Err("Type a day as 2027-12-31.".to_owned()),
    }
}

/// A text of the query string; empty when there is none.
pub(super) fn query<'r>(request: &'r Request, name: &str) -> &'r str {
    request.query.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_texts_and_those_that_repeat_are_lists() {
        let read = |body: &str| parse(body.as_bytes()).map(Value::Object);
        assert_eq!(read("a=1+2&b=x%0D%0Ay&c="), Some(json!({ "a": "1 2", "b": "x\ny", "c": "" })));
        assert_eq!(read("a=1&a=2&a=3"), Some(json!({ "a": ["1", "2", "3"] })));
        assert_eq!(read("a=%00"), None);
        assert_eq!(read("a=1&a=%00"), None);
        assert_eq!(parse(&[0xff]), None);
        let body = json!({ "one": " x ", "many": ["a", "b"] });
        assert_eq!((text(&body, "one"), text(&body, "many"), text(&body, "none")), ("x", "", ""));
        assert_eq!((texts(&body, "one"), texts(&body, "none")), (vec!["x".to_owned()], vec![]));
        assert_eq!(texts(&body, "many"), ["a", "b"]);
    }

    #[test]
    fn a_day_ends_at_midnight_in_utc() {
        let now = Timestamp(1_767_225_600_000);
        let of = |day: &str| last_day(&json!({ "day": day }), "day", now);
        assert_eq!(of("2026-01-01"), Ok(Some(Timestamp(now.0 + 24 * 60 * 60 * 1000))));
        assert_eq!(of(" "), Ok(None));
        for bad in ["2025-12-31", "2026-02-30", "tomorrow", "2100-01-01", "9999-12-31", "1"] {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert!(of("2099-12-31").is_ok());
    }
}
